//! Answers that come in mailboxes, until whoever called takes them. Nothing here is shared.

use crate::abi::{CallId, Kind};
use core::cell::RefCell;

/// The calls whose answers may come in a mailbox, and those that have.
#[derive(Default)]
pub struct Answers(RefCell<Vec<Expected>>);

struct Expected {
    from: u32,
    call_id: CallId,
    answer: Option<(Kind, Vec<u8>)>,
}

impl Answers {
    /// From now on the answer from this rank to this call is kept when it comes.
    pub fn expect(&self, from: u32, call_id: CallId) {
        self.0.borrow_mut().push(Expected { from, call_id, answer: None });
    }

    /// Nobody wants that answer any more.
    pub fn forget(&self, from: u32, call_id: CallId) {
        self.0.borrow_mut().retain(|expected| !expected.is(from, call_id));
    }

    /// Keeps an answer, whose bytes `append` appends to what it is given, if it is expected.
    pub fn fill(&self, from: u32, call_id: CallId, kind: Kind, append: impl FnOnce(&mut Vec<u8>)) {
        let mut all = self.0.borrow_mut();
        if let Some(expected) = all.iter_mut().find(|expected| expected.is(from, call_id)) {
            let mut bytes = Vec::new();
            append(&mut bytes);
            expected.answer = Some((kind, bytes));
        }
    }

    /// That answer, if it has come; then it is expected no more.
    pub fn take(&self, from: u32, call_id: CallId) -> Option<(Kind, Vec<u8>)> {
        let mut all = self.0.borrow_mut();
        let at = all.iter().position(|expected| expected.is(from, call_id) && expected.answer.is_some())?;
        all.swap_remove(at).answer
    }
}

impl Expected {
    fn is(&self, from: u32, call_id: CallId) -> bool {
        self.from == from && self.call_id == call_id
    }
}
