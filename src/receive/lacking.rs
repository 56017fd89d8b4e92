//! Mailboxes that are said to be open, and whose pages there is no memory for.

use crate::wait::pace::RESPITE;
use core::cell::RefCell;
use std::time::Instant;

/// Which they are, and when each is tried again.
#[derive(Default)]
pub struct Lacking(RefCell<Vec<Entry>>);

struct Entry {
    from: u32,
    retry: Instant,
    /// Whether a receive from anyone has said so.
    is_told: bool,
}

impl Lacking {
    /// Those of these mailboxes that may be tried now; bit `i` is that from rank `first + i`.
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

    /// There was no memory for this one.
    pub fn note(&self, from: u32) {
        let mut lacking = self.0.borrow_mut();
        let retry = Instant::now() + RESPITE;
        match lacking.iter_mut().find(|entry| entry.from == from) {
            Some(entry) => entry.retry = retry,
            None => lacking.push(Entry { from, retry, is_told: false }),
        }
    }

    /// There was.
    pub fn forget(&self, from: u32) {
        self.0.borrow_mut().retain(|entry| entry.from != from);
    }

    /// Whether there is no memory for this one, as far as is known.
    pub fn has(&self, from: u32) -> bool {
        self.0.borrow().iter().any(|entry| entry.from == from)
    }

    /// Whether that is to be told to a receive from anyone; once.
    pub fn is_news(&self, from: u32) -> bool {
        let mut lacking = self.0.borrow_mut();
        lacking.iter_mut().any(|entry| entry.from == from && !core::mem::replace(&mut entry.is_told, true))
    }
}
