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

use super::labels::{At, Labels};
use crate::abi::Filter;

/// How many masks are kept. With more than these, the one that was not asked for longest is made again when it is.
const VIEWS: usize = 8;
/// How many numbers that are over a table may keep besides as many as are not.
const SLACK: usize = 64;

/// The numbers of unread mails, by mask and label. Makes a table when it is first asked for one, and takes no memory before.
#[derive(Default)]
pub struct Unread {
    /// Those that were asked for lately come last.
    views: Vec<View>,
}

struct View {
    /// Which bits of a label its filters look at.
    mask: u64,
    labels: Labels,
}

/// The oldest mail of some label.
pub struct Oldest<'a> {
    labels: &'a mut Labels,
    at: At,
    seq: u64,
}

impl Oldest<'_> {
    #[inline(always)]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// It is taken.
    #[inline(always)]
    pub fn pass(self) {
        self.labels.pass(self.at);
    }
}

impl Unread {
    /// Mail `seq`, with this label, is left unread. `live` mails are, with it.
    #[inline(always)]
    pub fn add(&mut self, seq: u64, label: u64, live: usize, is_live: impl Fn(u64) -> bool) {
        for view in &mut self.views {
            if view.labels.add(label & view.mask, seq) && view.check(live, &|seq| is_live(seq)) {
                // A peer lied.
                return self.forget();
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn forget(&mut self) {
        self.views.clear();
    }

    /// The number of the oldest mail that `filter` takes, in the common case only: its mask was asked for last. It may be over.
    #[inline(always)]
    pub fn oldest(&mut self, filter: Filter) -> Option<Oldest<'_>> {
        let view = self.views.last_mut().filter(|view| view.mask == filter.label_mask())?;
        let labels = &mut view.labels;
        let at = labels.find(filter.key());
        Some(Oldest { seq: labels.first(at)?, labels, at })
    }

    /// Whether there is a table for this filter's mask.
    pub fn knows(&self, filter: Filter) -> bool {
        self.views.iter().any(|view| view.mask == filter.label_mask())
    }

    /// The oldest live mail that `filter` takes. `all` gives the live mails, oldest first, with their envelopes.
    pub fn first<I: Iterator<Item = (u64, u64)>>(
        &mut self,
        filter: Filter,
        is_live: impl Fn(u64) -> bool,
        all: impl FnOnce() -> I,
    ) -> Option<u64> {
        let at = self.views.iter().position(|view| view.mask == filter.label_mask());
        match at {
            Some(at) => self.views[at..].rotate_left(1),
            None => {
                if self.views.len() == VIEWS {
                    self.views.remove(0);
                }
                let mut view = View { mask: filter.label_mask(), labels: Labels::default() };
                for (seq, envelope) in all() {
                    view.labels.add(filter.key_of(envelope), seq);
                    if view.labels.is_full() {
                        view.labels.renew(|_| true);
                    }
                }
                self.views.push(view);
            }
        }
        self.views.last_mut()?.first(filter.key(), is_live)
    }
}

impl View {
    fn first(&mut self, key: u64, is_live: impl Fn(u64) -> bool) -> Option<u64> {
        let at = self.labels.find(key);
        while let Some(seq) = self.labels.first(at) {
            if is_live(seq) {
                return Some(seq);
            }
            self.labels.pass(at);
        }
        None
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
            self.unread.views.iter().map(|view| view.labels.count()).sum()
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
                        let oldest = mails.unread.oldest(filter).expect("it was asked for last");
                        assert_eq!(oldest.seq(), seq);
                        oldest.pass();
                    }
                    if roll(10) == 0 {
                        // Put back, as after a panic.
                        mails.add(seq, (word >> 32) as u32);
                    }
                }
            }
        }
        assert!(mails.unread.views.len() == VIEWS);
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
            assert!(mails.unread.oldest(mask(tag)).is_none_or(|oldest| oldest.seq() == 0));
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
