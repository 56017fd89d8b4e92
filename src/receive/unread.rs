//! Mail of one sender that receives passed over, found by its label.
//!
//! A receive that takes only some tags leaves other mail where it is. The next one must not look at each of those again. So
//! this keeps, for each mask of tags that was asked for, the numbers of unread mails by what the mask leaves of their label.
//! To find the oldest mail with a label takes one look into a table, however much lies unread.
//!
//! A mail is not taken out of the tables when it is received in another way. Instead a number is checked when it is found,
//! and a table is cleaned when half of it is over.

use super::spread::Spread;
use crate::abi::{Filter, TAG_SHIFT, is_below};
use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

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
    /// One of the filters with this mask.
    filter: Filter,
    queues: HashMap<u64, Queue, Spread<TAG_SHIFT>>,
    /// How many numbers are in the queues.
    count: usize,
}

/// Numbers in their order, at least one.
struct Queue {
    first: u64,
    #[expect(
        clippy::box_collection,
        reason = "a table of single numbers is small, and stays in the processor's cache"
    )]
    rest: Option<Box<VecDeque<u64>>>,
}

/// The oldest mail of some label.
pub struct Oldest<'a> {
    queue: &'a mut Queue,
    count: &'a mut usize,
}

impl Oldest<'_> {
    #[inline(always)]
    pub fn seq(&self) -> u64 {
        self.queue.first
    }

    /// It is taken. A single number stays until it is found to be over: its table needs its place again soon.
    #[inline(always)]
    pub fn pass(self) {
        if let Some(rest) = &mut self.queue.rest
            && let Some(next) = rest.pop_front()
        {
            self.queue.first = next;
            *self.count -= 1;
        }
    }
}

impl Unread {
    /// Mail `seq`, with this envelope, is left unread. `live` mails are, with it.
    #[inline(always)]
    pub fn add(&mut self, seq: u64, envelope: u64, live: usize, is_live: impl Fn(u64) -> bool) {
        for view in &mut self.views {
            if view.count > 2 * live + SLACK {
                view.clean(live > 1, &|seq| is_live(seq));
            }
            view.add(seq, envelope);
        }
    }

    /// The number of the oldest mail that `filter` takes, in the common case only: its mask was asked for last. It may be over.
    #[inline(always)]
    pub fn oldest(&mut self, filter: Filter) -> Option<Oldest<'_>> {
        let view = self.views.last_mut().filter(|view| view.filter.mask() == filter.mask())?;
        let queue = view.queues.get_mut(&filter.key())?;
        Some(Oldest { queue, count: &mut view.count })
    }

    /// Whether there is a table for this filter's mask.
    pub fn knows(&self, filter: Filter) -> bool {
        self.views.iter().any(|view| view.filter.mask() == filter.mask())
    }

    /// The oldest live mail that `filter` takes. `all` gives the live mails, oldest first, with their envelopes.
    pub fn first<I: Iterator<Item = (u64, u64)>>(
        &mut self,
        filter: Filter,
        is_live: impl Fn(u64) -> bool,
        all: impl FnOnce() -> I,
    ) -> Option<u64> {
        let at = self.views.iter().position(|view| view.filter.mask() == filter.mask());
        match at {
            Some(at) => self.views[at..].rotate_left(1),
            None => {
                if self.views.len() == VIEWS {
                    self.views.remove(0);
                }
                let mut view = View { filter, queues: HashMap::default(), count: 0 };
                all().for_each(|(seq, envelope)| view.add(seq, envelope));
                self.views.push(view);
            }
        }
        self.views.last_mut()?.first(filter.key(), is_live)
    }
}

impl View {
    fn add(&mut self, seq: u64, envelope: u64) {
        let is_added = match self.queues.entry(self.filter.key_of(envelope)) {
            Entry::Occupied(mut queue) => queue.get_mut().add(seq),
            Entry::Vacant(place) => {
                place.insert(Queue { first: seq, rest: None });
                true
            }
        };
        self.count += usize::from(is_added);
    }

    fn first(&mut self, key: u64, is_live: impl Fn(u64) -> bool) -> Option<u64> {
        let queue = self.queues.get_mut(&key)?;
        while !is_live(queue.first) {
            self.count -= 1;
            let Some(next) = queue.rest.as_mut().and_then(|rest| rest.pop_front()) else {
                self.queues.remove(&key);
                return None;
            };
            queue.first = next;
        }
        Some(queue.first)
    }

    /// Removes the numbers of mails that are not live. Without `any`, none is.
    #[cold]
    fn clean(&mut self, any: bool, is_live: &dyn Fn(u64) -> bool) {
        if any {
            self.queues.retain(|_, queue| queue.clean(is_live));
        } else {
            self.queues.clear();
        }
        self.count =
            self.queues.values().map(|queue| 1 + queue.rest.as_ref().map_or(0, |rest| rest.len())).sum();
    }
}

impl Queue {
    /// Whether the number was not there.
    fn add(&mut self, mut seq: u64) -> bool {
        if is_below(seq, self.first) {
            core::mem::swap(&mut seq, &mut self.first);
        }
        if seq == self.first {
            return false;
        }
        let rest = self.rest.get_or_insert_default();
        // Mail that was received and put back comes back between others.
        let at = match rest.back() {
            Some(last) if !is_below(*last, seq) => rest.partition_point(|one| is_below(*one, seq)),
            _ => rest.len(),
        };
        let is_new = rest.get(at) != Some(&seq);
        if is_new {
            rest.insert(at, seq);
        }
        is_new
    }

    /// Keeps the live numbers. Whether there are any.
    fn clean(&mut self, is_live: impl Fn(u64) -> bool) -> bool {
        if let Some(rest) = &mut self.rest {
            rest.retain(|seq| is_live(*seq));
        }
        if is_live(self.first) {
            return true;
        }
        let next = self.rest.as_mut().and_then(|rest| rest.pop_front());
        self.first = next.unwrap_or(self.first);
        next.is_some()
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
            self.unread.add(seq, envelope(tag), live.len(), |seq| live.contains_key(&seq));
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
            self.unread.views.iter().map(|view| view.count).sum()
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
