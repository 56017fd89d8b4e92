//! Announced messages that have arrived completely. Nothing here is shared.

use crate::ring::Descriptor;
use core::cell::{Ref, RefCell};

/// Those of one sender whose mails are not dropped yet, in private memory.
#[derive(Default)]
pub struct Assembled(RefCell<Vec<Entry>>);

struct Entry {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    /// Whether it was left unread.
    is_returned: bool,
}

impl Assembled {
    /// Keeps the bytes of the message of this descriptor.
    pub fn add(&self, descriptor: Descriptor, bytes: Vec<u8>) {
        self.0.borrow_mut().push(Entry { descriptor, bytes, is_returned: false });
    }

    /// The oldest one that was left unread.
    pub fn returned(&self) -> Option<Descriptor> {
        let kept = self.0.borrow();
        let returned = kept.iter().filter(|entry| entry.is_returned).map(|entry| entry.descriptor);
        returned.min_by_key(|descriptor| descriptor.seq)
    }

    /// Marks this one as left unread, or not. Returns whether it is there.
    pub fn set_returned(&self, seq: u64, now: bool) -> bool {
        let mut kept = self.0.borrow_mut();
        let entry = kept.iter_mut().find(|entry| entry.descriptor.seq == seq);
        entry.map(|entry| entry.is_returned = now).is_some()
    }

    /// How many bytes they have.
    pub fn memory(&self) -> u64 {
        self.0.borrow().iter().map(|entry| entry.bytes.len() as u64).sum()
    }

    /// The bytes of one message.
    pub fn message(&self, seq: u64) -> Ref<'_, [u8]> {
        Ref::map(self.0.borrow(), |kept| {
            let entry = kept.iter().find(|entry| entry.descriptor.seq == seq);
            entry.map_or(&[][..], |entry| &entry.bytes)
        })
    }

    /// Returns the bytes of one message and keeps it no longer.
    pub fn take(&self, seq: u64) -> Option<Vec<u8>> {
        let mut kept = self.0.borrow_mut();
        let at = kept.iter().position(|entry| entry.descriptor.seq == seq)?;
        Some(kept.swap_remove(at).bytes)
    }
}
