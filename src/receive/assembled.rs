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
}

/// What a message takes of which budget.
#[derive(Clone, Copy)]
pub struct Cost {
    pub announced: u64,
    pub moved: u64,
}

impl Assembled {
    /// Keeps the bytes of a message that was taken, and takes so many of the budget for announced messages.
    pub fn add(&self, descriptor: Descriptor, bytes: Vec<u8>, announced: u64) {
        let cost = Cost { announced, moved: 0 };
        self.0.borrow_mut().all.insert(descriptor.seq, Entry { descriptor, bytes, cost });
    }

    /// Keeps the bytes of an unread message that was moved here, for which so much of the budget was taken.
    pub fn move_in(&self, descriptor: Descriptor, bytes: Vec<u8>, moved: u64) {
        let mut kept = self.0.borrow_mut();
        let cost = Cost { announced: 0, moved };
        kept.all.insert(descriptor.seq, Entry { descriptor, bytes, cost });
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

    /// Marks this one as unread, or not. Returns whether it is there.
    pub fn set_unread(&self, seq: u64, now: bool) -> bool {
        let mut kept = self.0.borrow_mut();
        let is_there = kept.all.contains_key(&seq);
        if is_there && now {
            kept.unread.insert(seq);
        } else {
            kept.unread.remove(&seq);
        }
        is_there
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
