//! What is asked of one rank.

use super::Answer;
use crate::abi::{CREDITS, CallId};
use crate::half::Queue;
use core::cell::{Cell as Private, RefCell};

/// The calls through the mailbox that have a credit, and the messages whose acknowledgement is awaited, by the number of the request.
#[derive(Default)]
pub(super) struct Asked {
    requests: RefCell<Queue<Request>>,
    /// The answers that came before somebody looked for them. Also the one to a call on the line, which has no credit.
    answers: RefCell<Vec<(CallId, Answer)>>,
    /// The number of the last request.
    last: Private<u64>,
}

#[derive(Clone, Copy)]
struct Request {
    /// The epoch of the server's life that shall answer.
    epoch: u64,
    state: State,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its answer is awaited.
    Wanted,
    /// Nobody wants the answer, which has not come.
    GivenUp,
    /// Its answer is kept.
    Answered,
}

/// The number of the request with this name, if there is one.
fn find(requests: &Queue<Request>, id: CallId) -> Option<u64> {
    let seq = id.message_from(requests.front()?.0)?;
    requests.find(seq).map(|_| seq)
}

impl Asked {
    /// Whether there is a credit left, as far as is known.
    #[inline(always)]
    pub fn has_credit(&self) -> bool {
        self.requests.borrow().len() < CREDITS
    }

    /// Whether there is a credit left for the life with this epoch, when those that were given up end. `is_done` says whether the life
    /// is done with the request of a number.
    pub fn reclaim(&self, epoch: u64, is_done: impl Fn(u64) -> bool) -> bool {
        let mut requests = self.requests.borrow_mut();
        requests.retain(|seq, of| of.state != State::GivenUp || of.epoch >= epoch && !is_done(seq));
        let has_none = |of: &Request| of.state != State::Answered && of.epoch >= epoch;
        requests.iter().filter(|(_, of)| has_none(of)).count() < CREDITS
    }

    /// The last request that has no answer.
    pub fn last(&self) -> Option<u64> {
        let requests = self.requests.borrow();
        requests.iter().filter(|(_, of)| of.state != State::Answered).last().map(|(seq, _)| *seq)
    }

    /// Message `seq` is a request to the life with this epoch.
    #[inline(always)]
    pub fn add(&self, seq: u64, epoch: u64) {
        self.last.set(seq);
        self.requests.borrow_mut().add(seq, Request { epoch, state: State::Wanted });
    }

    /// Whether the last request is under way.
    #[inline(always)]
    pub fn is_last_under_way(&self) -> bool {
        let is_it = |(seq, of): &(u64, Request)| *seq == self.last.get() && of.state != State::GivenUp;
        self.requests.borrow().back().is_some_and(is_it)
    }

    /// Whether message `seq` is a request whose answer is awaited.
    #[inline(always)]
    pub fn wants(&self, seq: u64) -> bool {
        let requests = self.requests.borrow();
        let is_it = |(of, request): &(u64, Request)| *of == seq && request.state == State::Wanted;
        // Most often it is the first.
        requests.front().is_some_and(is_it)
            || requests.find(seq).and_then(|at| requests.get(at)).is_some_and(is_it)
    }

    /// The request of this number is over.
    #[inline(always)]
    pub fn end(&self, seq: u64) {
        self.requests.borrow_mut().take(seq);
    }

    /// What became of the request with this name.
    pub fn state(&self, id: CallId) -> Option<State> {
        let requests = self.requests.borrow();
        let at = requests.find(find(&requests, id)?)?;
        requests.get(at).map(|(_, of)| of.state)
    }

    /// Whether an answer of this name is kept.
    #[inline(always)]
    pub fn has_answer(&self, id: CallId) -> bool {
        self.answers.borrow().iter().any(|(of, _)| *of == id)
    }

    /// Keeps an answer.
    pub fn keep(&self, id: CallId, answer: Answer) {
        let mut requests = self.requests.borrow_mut();
        if let Some(request) = find(&requests, id).and_then(|seq| requests.get_mut(seq)) {
            request.state = State::Answered;
        }
        self.answers.borrow_mut().push((id, answer));
    }

    /// Takes the answer of this name, if it is kept. The request is over.
    pub fn take_answer(&self, id: CallId) -> Option<Answer> {
        let mut answers = self.answers.borrow_mut();
        let at = answers.iter().position(|(of, _)| *of == id)?;
        let (_, answer) = answers.swap_remove(at);
        self.remove(id);
        Some(answer)
    }

    /// The answer of this name is not wanted any more.
    pub fn give_up(&self, id: CallId) {
        if self.take_answer(id).is_none() {
            let mut requests = self.requests.borrow_mut();
            if let Some(request) = find(&requests, id).and_then(|seq| requests.get_mut(seq)) {
                request.state = State::GivenUp;
            }
        }
    }

    /// The request with this name is over.
    pub fn remove(&self, id: CallId) {
        let mut requests = self.requests.borrow_mut();
        if let Some(seq) = find(&requests, id) {
            requests.take(seq);
        }
    }

    /// Whether there is nothing.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.requests.borrow().is_empty() && self.answers.borrow().is_empty()
    }

    /// All are over.
    pub fn clear(&self) {
        *self.requests.borrow_mut() = Queue::default();
        self.answers.borrow_mut().clear();
    }
}
