//! Mail of one sender that receives passed over, found by its label.
//!
//! A receive that takes only some tags leaves other mail where it is. The next one must not look at each of those again. So
//! this keeps, for each mask of tags that was asked for, the numbers of unread mails by what the mask leaves of their label.
//! To find the oldest mail with a label takes one look into a table, however much lies unread.
//!
//! A mail is not taken out of the tables when it is received in another way. Instead a number is checked when it is found,
//! and a table is cleaned when half of it is over, or half of its places are used.
//!
//! A live mail is in a table once, unless its peer changes its label while it is handed out and put back. A table that is too large after
//! it was cleaned has such mails. Then all tables are dropped. They are made again when they are asked for.

use super::labels::Labels;
use crate::abi::Filter;

/// How many masks are kept. With more than these, the one that was not asked for longest is made again when it is.
const VIEWS: usize = 8;
/// How many numbers that are over a table may keep, in addition to as many as are not over.
const SLACK: usize = 64;

/// The numbers of unread mails, by mask and label. Makes a table when it is first asked for one, and takes no memory before.
#[derive(Default)]
pub struct Unread {
    /// The one that was asked for last.
    last: Option<View>,
    /// The others, none without it. Those that were asked for lately come last.
    others: Vec<View>,
}

struct View {
    /// Which bits of a label its filters look at.
    mask: u64,
    labels: Labels,
}

impl Unread {
    /// Mail `seq`, with this label, is left unread. `live` mails are, with it.
    #[inline(always)]
    pub fn add(&mut self, seq: u64, label: u64, live: usize, is_live: impl Fn(u64) -> bool) {
        let Some(last) = &mut self.last else { return };
        let is_large = last.add(seq, label, live, &is_live);
        if is_large || !self.others.is_empty() && self.add_to_others(seq, label, live, &is_live) {
            // A peer lied.
            self.forget();
        }
    }

    #[inline(never)]
    fn add_to_others(&mut self, seq: u64, label: u64, live: usize, is_live: &dyn Fn(u64) -> bool) -> bool {
        self.others.iter_mut().any(|view| view.add(seq, label, live, is_live))
    }

    #[cold]
    #[inline(never)]
    fn forget(&mut self) {
        (self.last, self.others) = Default::default();
    }

    /// Has the oldest mail taken that `filter` takes, if its mask was asked for last. It may be over.
    pub fn take_oldest<T>(&mut self, filter: Filter, take: impl FnOnce(u64) -> Option<T>) -> Option<T> {
        let last = self.last.as_mut().filter(|view| view.is_of(filter))?;
        last.labels.take_first(filter.key(), take)
    }

    /// The same, if it is found at once and is the only one with its label.
    #[inline(always)]
    pub fn take_only<T>(&mut self, filter: Filter, take: impl FnOnce(u64) -> Option<T>) -> Option<T> {
        let last = self.last.as_mut().filter(|view| view.is_of(filter))?;
        last.labels.take_only(filter.key(), take)
    }

    /// Whether there is a table for this filter's mask.
    pub fn knows(&self, filter: Filter) -> bool {
        self.last.iter().chain(&self.others).any(|view| view.is_of(filter))
    }

    /// The oldest live mail that `filter` takes. `all` gives the live mails, oldest first, with their envelopes.
    pub fn first<I: Iterator<Item = (u64, u64)>>(
        &mut self,
        filter: Filter,
        is_live: impl Fn(u64) -> bool,
        all: impl FnOnce() -> I,
    ) -> Option<u64> {
        if !self.last.as_ref().is_some_and(|view| view.is_of(filter)) {
            self.others.extend(self.last.take());
            let known = self.others.iter().position(|view| view.is_of(filter));
            self.last = Some(match known {
                Some(at) => self.others.remove(at),
                None => {
                    if self.others.len() == VIEWS {
                        self.others.remove(0);
                    }
                    View::new(filter, all())
                }
            });
        }
        self.last.as_mut()?.first(filter.key(), is_live)
    }
}

impl View {
    fn new(filter: Filter, all: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut labels = Labels::default();
        for (seq, envelope) in all {
            labels.add(filter.key_of(envelope), seq);
            if labels.is_full() {
                labels.renew(|_| true);
            }
        }
        Self { mask: filter.label_mask(), labels }
    }

    #[inline(always)]
    fn is_of(&self, filter: Filter) -> bool {
        filter.has_label_mask(self.mask)
    }

    fn first(&mut self, key: u64, is_live: impl Fn(u64) -> bool) -> Option<u64> {
        loop {
            let mut first = None;
            let over = self.labels.take_first(key, |seq| {
                first = Some(seq);
                (!is_live(seq)).then_some(())
            });
            if over.is_none() {
                return first;
            }
        }
    }

    /// Puts a number in. Returns whether it is too large.
    #[inline(always)]
    fn add(&mut self, seq: u64, label: u64, live: usize, is_live: &dyn Fn(u64) -> bool) -> bool {
        self.labels.add(label & self.mask, seq) && self.check(live, is_live)
    }

    /// Removes the numbers of mails that are not live, and labels that are over, if they are many. So many are live. Returns whether it
    /// is too large all the same.
    #[inline(never)]
    fn check(&mut self, live: usize, is_live: &dyn Fn(u64) -> bool) -> bool {
        let count = self.labels.count();
        if self.labels.is_full() || self.is_large(live) {
            // No more numbers than live mails: all are live, unless a peer spoiled an envelope while the table was made. That only delays
            // a cleaning, because `first` checks again.
            self.labels.renew(|seq| count <= live || is_live(seq));
        }
        self.is_large(live)
    }

    /// Whether it has too many numbers where so many mails are live.
    fn is_large(&self, live: usize) -> bool {
        self.labels.count() > 2 * live + SLACK
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::abi::{Envelope, Kind, Location};
    use core::cell::RefCell;
    use std::collections::BTreeMap;

    fn envelope(tag: u32) -> u64 {
        Envelope { tag, context: 0, epoch: 0, kind: Kind::Whole, place: Location::Inline(0) }.pack()
    }

    /// Unread mails, and what finds them.
    #[derive(Default)]
    struct Mails {
        live: RefCell<BTreeMap<u64, u64>>,
        unread: Unread,
    }

    impl Mails {
        fn add(&mut self, seq: u64, tag: u32) {
            self.live.get_mut().insert(seq, envelope(tag));
            let live = self.live.get_mut();
            self.unread.add(seq, Filter::label_of(envelope(tag)), live.len(), |seq| live.contains_key(&seq));
        }

        fn first(&mut self, filter: Filter) -> Option<u64> {
            let live = self.live.borrow();
            self.unread.first(
                filter,
                |seq| live.contains_key(&seq),
                || live.iter().map(|(seq, word)| (*seq, *word)),
            )
        }

        fn entries(&self) -> usize {
            let Unread { last, others } = &self.unread;
            last.iter().chain(others).map(|view| view.labels.count()).sum()
        }
    }

    #[test]
    fn the_oldest_that_matches_is_found_whatever_else_was_taken() {
        let mut mails = Mails::default();
        let mut dice = 1u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (dice >> 33) % sides
        };
        for seq in 0..5000 {
            mails.add(seq, roll(20) as u32);
            if roll(3) > 0 {
                let mask = [0, 3, u32::MAX, 1, 2, 4, 5, 6, 7, 8, 9][roll(11) as usize];
                let filter = Filter::new(0, roll(20) as u32, mask);
                let naive =
                    mails.live.get_mut().iter().find(|(_, word)| filter.takes(**word)).map(|(seq, _)| *seq);
                assert_eq!(mails.first(filter), naive);
                if let Some(seq) = naive {
                    let word = mails.live.get_mut().remove(&seq).expect("it is there");
                    if roll(2) == 0 {
                        assert_eq!(mails.unread.take_oldest(filter, Some), Some(seq));
                    }
                    if roll(10) == 0 {
                        // Put back, as after a panic.
                        mails.add(seq, (word >> 32) as u32);
                    }
                }
            }
        }
        assert_eq!(mails.unread.others.len(), VIEWS - 1);
    }

    #[test]
    fn a_mail_that_is_put_back_with_ever_other_tags_takes_no_memory_for_long_and_is_found() {
        let mut mails = Mails::default();
        let mask = |tag| Filter::new(0, tag, u32::MAX);
        (1..100).for_each(|seq| mails.add(seq, 7));
        for tag in 8..10_000 {
            assert_eq!(mails.first(mask(tag)), None);
            // Its peer changed the tag while it was handed out.
            mails.add(0, tag);
            assert!(mails.entries() <= 3 * (2 * 100 + SLACK), "{} of 100", mails.entries());
            let oldest = mails.unread.take_oldest(mask(tag), |seq| (seq > 0).then_some(seq));
            assert_eq!(oldest, None);
            assert_eq!((mails.first(mask(tag)), mails.first(mask(7))), (Some(0), Some(1)));
        }
    }

    #[test]
    fn mail_that_is_over_takes_no_memory_for_long() {
        let mut mails = Mails::default();
        let (one, all) = (Filter::new(0, 1, u32::MAX), Filter::ANY);
        mails.add(0, 0);
        assert_eq!((mails.first(one), mails.first(all)), (None, Some(0)));
        for seq in 1..10_000 {
            mails.add(seq, 1);
            assert_eq!(mails.first(one), Some(seq));
            mails.live.get_mut().remove(&seq);
            assert!(mails.entries() <= 2 * (2 * 2 + SLACK + 1), "{} of 2", mails.entries());
        }
    }
}
