//! Mailboxes that should be open, but for which there is no memory.

use crate::wait::pace::RESPITE;
use core::cell::RefCell;
use std::time::Instant;

/// Which mailboxes these are, and when each is tried again.
#[derive(Default)]
pub struct Lacking(RefCell<Vec<Entry>>);

struct Entry {
    from: u32,
    retry: Instant,
    /// Whether a receive from anyone has returned the error.
    is_told: bool,
}

impl Lacking {
    /// Which of these mailboxes may be tried now. Bit `i` stands for the one from rank `first + i`.
    pub fn may_try(&self, first: u32, bits: u64) -> u64 {
        let lacking = self.0.borrow();
        if lacking.is_empty() {
            return bits;
        }
        let now = Instant::now();
        let early = lacking.iter().filter(|entry| now < entry.retry);
        let places = early.filter_map(|entry| entry.from.checked_sub(first).filter(|place| *place < 64));
        places.fold(bits, |bits, place| bits & !(1 << place))
    }

    /// There was no memory for this mailbox.
    pub fn note(&self, from: u32) {
        let mut lacking = self.0.borrow_mut();
        let retry = Instant::now() + RESPITE;
        match lacking.iter_mut().find(|entry| entry.from == from) {
            Some(entry) => entry.retry = retry,
            None => lacking.push(Entry { from, retry, is_told: false }),
        }
    }

    /// There was memory for it.
    pub fn forget(&self, from: u32) {
        self.0.borrow_mut().retain(|entry| entry.from != from);
    }

    /// Whether there was no memory for this mailbox when it was last tried.
    pub fn has(&self, from: u32) -> bool {
        self.0.borrow().iter().any(|entry| entry.from == from)
    }

    /// Whether a receive from anyone must return the error; once.
    pub fn is_news(&self, from: u32) -> bool {
        let mut lacking = self.0.borrow_mut();
        lacking.iter_mut().any(|entry| entry.from == from && !core::mem::replace(&mut entry.is_told, true))
    }
}
