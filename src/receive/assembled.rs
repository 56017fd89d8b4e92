//! Messages in private memory. Nothing here is shared.

use super::spread::Spread;
use crate::ring::Descriptor;
use core::cell::{Ref, RefCell};
use core::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// How many numbers that are over the order may keep, in addition to as many as are not over.
const SLACK: usize = 64;

/// Those of one sender whose mails are not dropped yet: announced ones that have arrived, and others that were moved out of
/// the way.
#[derive(Default)]
pub struct Assembled(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    all: HashMap<u64, Entry, Spread<0>>,
    /// How many of them are unread.
    unread: usize,
    /// The numbers of those that are unread, and of others: they are left out when they would come first.
    order: BinaryHeap<Reverse<u64>>,
}

/// One message.
pub struct Entry {
    descriptor: Descriptor,
    pub bytes: Vec<u8>,
    /// What was taken for it of the budget for announced messages, or of that for mail that is moved out of the way.
    pub cost: Cost,
    /// How many times it may have been handed out before.
    handed: u32,
    is_unread: bool,
}

/// What a message takes of which budget.
#[derive(Clone, Copy)]
pub struct Cost {
    pub announced: u64,
    pub moved: u64,
}

impl Assembled {
    /// Keeps the bytes of a message that was taken, and takes so many of the budget for announced messages.
    pub fn add(&self, descriptor: Descriptor, bytes: Vec<u8>, announced: u64, handed: u32) {
        let cost = Cost { announced, moved: 0 };
        let entry = Entry { descriptor, bytes, cost, handed, is_unread: false };
        self.0.borrow_mut().add(entry);
    }

    /// Keeps the bytes of an unread message that was moved here, for which so much of the budget was taken, and that may have
    /// been handed out so many times.
    pub fn move_in(&self, descriptor: Descriptor, bytes: Vec<u8>, moved: u64, handed: u32) {
        let mut kept = self.0.borrow_mut();
        let cost = Cost { announced: 0, moved };
        kept.add(Entry { descriptor, bytes, cost, handed, is_unread: false });
        kept.leave(descriptor.seq);
    }

    /// How many are unread.
    #[inline(always)]
    pub fn unread(&self) -> usize {
        self.0.borrow().unread
    }

    /// The oldest one that is unread.
    pub fn oldest_unread(&self) -> Option<u64> {
        let kept = &mut *self.0.borrow_mut();
        while let Some(Reverse(seq)) = kept.order.peek() {
            if kept.all.get(seq).is_some_and(|entry| entry.is_unread) {
                return Some(*seq);
            }
            kept.order.pop();
        }
        None
    }

    /// The descriptor of this one, if it is unread.
    pub fn unread_one(&self, seq: u64) -> Option<Descriptor> {
        let kept = self.0.borrow();
        kept.all.get(&seq).filter(|entry| entry.is_unread).map(|entry| entry.descriptor)
    }

    /// The descriptors of all that are unread, oldest first.
    pub fn all_unread(&self) -> Vec<Descriptor> {
        let kept = self.0.borrow();
        let unread = kept.all.values().filter(|entry| entry.is_unread);
        let mut all: Vec<Descriptor> = unread.map(|entry| entry.descriptor).collect();
        all.sort_unstable_by_key(|descriptor| descriptor.seq);
        all
    }

    /// This one, if it is unread; it is not any more.
    pub fn take_unread(&self, seq: u64) -> Option<Descriptor> {
        self.take_unread_if(seq, |_| true)
    }

    /// The same, if it is one of these.
    pub fn take_unread_if(&self, seq: u64, is_one: impl Fn(&Descriptor) -> bool) -> Option<Descriptor> {
        let kept = &mut *self.0.borrow_mut();
        let entry = kept.all.get_mut(&seq).filter(|entry| entry.is_unread && is_one(&entry.descriptor))?;
        entry.is_unread = false;
        kept.unread -= 1;
        Some(entry.descriptor.marked(entry.handed > 0))
    }

    /// Leaves this one unread. Returns whether it is there.
    pub fn put_back(&self, seq: u64) -> bool {
        self.0.borrow_mut().leave(seq)
    }

    /// How many times this one may have been handed out before.
    pub fn redeliveries(&self, seq: u64) -> u32 {
        self.0.borrow().all.get(&seq).map_or(0, |entry| entry.handed)
    }

    /// Notes that this one was handed out `count` times.
    pub fn note_handed(&self, seq: u64, count: u32) {
        if let Some(entry) = self.0.borrow_mut().all.get_mut(&seq) {
            entry.handed = count;
        }
    }

    /// What they take.
    pub fn cost(&self) -> Cost {
        let kept = self.0.borrow();
        let sum = |of: fn(&Entry) -> u64| kept.all.values().map(of).sum();
        Cost { announced: sum(|entry| entry.cost.announced), moved: sum(|entry| entry.cost.moved) }
    }

    /// The bytes of one message.
    pub fn message(&self, seq: u64) -> Ref<'_, [u8]> {
        Ref::map(self.0.borrow(), |kept| kept.all.get(&seq).map_or(&[][..], |entry| &entry.bytes))
    }

    /// Returns one message and keeps it no longer.
    pub fn take(&self, seq: u64) -> Option<Entry> {
        let mut kept = self.0.borrow_mut();
        let entry = kept.all.remove(&seq)?;
        kept.unread -= usize::from(entry.is_unread);
        Some(entry)
    }
}

impl Entries {
    fn add(&mut self, entry: Entry) {
        let former = self.all.insert(entry.descriptor.seq, entry);
        self.unread -= usize::from(former.is_some_and(|entry| entry.is_unread));
    }

    /// Leaves this one unread. Returns whether it is there and was not.
    fn leave(&mut self, seq: u64) -> bool {
        let Some(entry) = self.all.get_mut(&seq).filter(|entry| !entry.is_unread) else { return false };
        entry.is_unread = true;
        self.unread += 1;
        self.order.push(Reverse(seq));
        if self.order.len() > 2 * self.unread + SLACK {
            let unread = self.all.iter().filter(|(_, entry)| entry.is_unread);
            self.order = unread.map(|(seq, _)| Reverse(*seq)).collect();
        }
        true
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::abi::{Envelope, Kind, Location};

    fn message(seq: u64) -> Descriptor {
        let envelope =
            Envelope { tag: 0, context: 0, epoch: 0, kind: Kind::Whole, place: Location::Inline(0) };
        Descriptor::of_words([seq, 0, envelope.pack(), 0]).moved_out()
    }

    #[test]
    fn those_that_are_unread_are_found_in_their_order_whatever_is_taken() {
        let (kept, mut unread, mut taken) = (Assembled::default(), Vec::<u64>::new(), Vec::<u64>::new());
        let mut dice = 1u64;
        let mut roll = |sides: usize| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (dice >> 33) as usize % sides
        };
        for seq in 0..20_000 {
            match roll(4) {
                0 | 1 => {
                    kept.move_in(message(seq), vec![], 1, 0);
                    unread.push(seq);
                }
                2 if !unread.is_empty() => {
                    let at = if roll(2) == 0 { 0 } else { roll(unread.len()) };
                    let one = unread.remove(at);
                    assert_eq!(kept.take_unread(one).map(|one| one.seq), Some(one));
                    assert!(kept.take_unread(one).is_none());
                    taken.push(one);
                }
                _ if !taken.is_empty() => {
                    let one = taken.swap_remove(roll(taken.len()));
                    if roll(3) == 0 {
                        assert!(kept.put_back(one) && !kept.put_back(one));
                        unread.insert(unread.partition_point(|other| *other < one), one);
                    } else {
                        assert!(kept.take(one).is_some() && !kept.put_back(one));
                    }
                }
                _ => {}
            }
            assert_eq!((kept.unread(), kept.oldest_unread()), (unread.len(), unread.first().copied()));
            assert!(kept.0.borrow().order.len() <= 2 * unread.len() + SLACK + 2);
            if seq % 1000 == 0 {
                assert!(kept.all_unread().iter().map(|one| one.seq).eq(unread.iter().copied()));
                assert_eq!(kept.cost().moved, (unread.len() + taken.len()) as u64);
            }
        }
    }
}
