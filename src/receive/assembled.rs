//! Messages in private memory. Nothing here is shared.

use crate::ring::Descriptor;
use core::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// Those of one sender whose mails are not dropped yet: announced ones that have arrived, and others that were moved out of
/// the way.
#[derive(Default)]
pub struct Assembled(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    all: BTreeMap<u64, Entry>,
    /// Those that are unread.
    unread: BTreeSet<u64>,
}

/// One message.
pub struct Entry {
    descriptor: Descriptor,
    pub bytes: Vec<u8>,
    /// What was taken for it of the budget for announced messages, or of that for mail that is moved out of the way.
    pub cost: Cost,
    /// How many times it may have been handed out before.
    handed: u32,
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
        self.0.borrow_mut().all.insert(descriptor.seq, Entry { descriptor, bytes, cost, handed });
    }

    /// Keeps the bytes of an unread message that was moved here, for which so much of the budget was taken, and that may have
    /// been handed out so many times.
    pub fn move_in(&self, descriptor: Descriptor, bytes: Vec<u8>, moved: u64, handed: u32) {
        let mut kept = self.0.borrow_mut();
        let cost = Cost { announced: 0, moved };
        kept.all.insert(descriptor.seq, Entry { descriptor, bytes, cost, handed });
        kept.unread.insert(descriptor.seq);
    }

    /// How many are unread.
    pub fn unread(&self) -> usize {
        self.0.borrow().unread.len()
    }

    /// The oldest one that is unread.
    pub fn oldest_unread(&self) -> Option<u64> {
        self.0.borrow().unread.first().copied()
    }

    /// The descriptor of this one, if it is unread.
    pub fn unread_one(&self, seq: u64) -> Option<Descriptor> {
        let kept = self.0.borrow();
        if kept.unread.contains(&seq) { kept.all.get(&seq).map(|entry| entry.descriptor) } else { None }
    }

    /// The descriptors of all that are unread, oldest first.
    pub fn all_unread(&self) -> Vec<Descriptor> {
        let kept = self.0.borrow();
        kept.unread.iter().filter_map(|seq| kept.all.get(seq)).map(|entry| entry.descriptor).collect()
    }

    /// This one, if it is unread; it is not any more.
    pub fn take_unread(&self, seq: u64) -> Option<Descriptor> {
        let mut kept = self.0.borrow_mut();
        let is_unread = kept.unread.remove(&seq);
        kept.all.get(&seq).filter(|_| is_unread).map(|entry| entry.descriptor.marked(entry.handed > 0))
    }

    /// Leaves this one unread. Returns whether it is there.
    pub fn put_back(&self, seq: u64) -> bool {
        let mut kept = self.0.borrow_mut();
        kept.all.contains_key(&seq) && kept.unread.insert(seq)
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
        self.0.borrow_mut().all.remove(&seq)
    }
}
