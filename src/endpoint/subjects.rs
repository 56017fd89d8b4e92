//! What an endpoint tells as events beside its mail, and beside who comes and goes: that a topic has something new.
//!
//! A *subject* is what the reader of a topic leaves here when its program wants that. It looks at the topic, and knows how far the
//! reader is. So it is told as long as there is something that was not read, and nothing about that is kept here. The subject goes
//! when the reader is dropped. An endpoint without subjects asks for one private word, and does nothing else of this.
//!
//! *Turns.* After a mail, or who comes or goes, the next call looks at the subjects first; after a subject it looks at them last. A part of
//! an announced message counts as a mail. Among themselves, subjects take turns. Where a subject always has something, no
//! call ever waits. A wait also publishes what batches hold back, looks thoroughly, and asks the kernel who has died. A call that finds
//! no mail, but a subject, does all of this when nobody has for as long as a nap takes, and tells what it found before the subject.
//!
//! *No wake-up is lost.* What `select` says about its arms holds here, too, and these are its steps: the bits of topics with
//! latest values are set, then the bit for mail, then the barrier is made, and then all subjects and all mail are looked at. A
//! publisher publishes, and then looks at the topic's bit, if it publishes latest values, and at the bell.

use super::Halves;
use crate::error::RecvError;
use crate::half::Member;
use crate::receive::Next;
use crate::wait::{Operation, Step};
use core::cell::{Cell as Private, RefCell};

/// Something that may have news for its reader. It is part of an endpoint, so it may go to another thread with that.
pub trait Subject: Send {
    /// Whether there is something that was not read. Also true where there is no memory to look at it: reading returns that error. What
    /// is published in the other way, as a stream or as latest values, is not there.
    fn is_there(&self) -> bool;

    /// Asks the publisher to ring the rank of `member`, or no longer to do so. Nothing where publishers ring without being asked.
    fn ask_for_rings(&self, member: &Member, asks: bool);
}

/// The subjects of an endpoint.
#[derive(Default)]
pub struct Subjects {
    /// In the order of their numbers.
    all: RefCell<Vec<One>>,
    is_any: Private<bool>,
    /// The number of the newest.
    newest: Private<u64>,
    /// The number of the one that was told last.
    last: Private<u64>,
    /// Whether the next look begins with them.
    is_turn: Private<bool>,
}

struct One {
    number: u64,
    topic: u32,
    subject: Box<dyn Subject>,
}

impl Subjects {
    /// Whether there is one.
    #[inline(always)]
    pub fn is_any(&self) -> bool {
        self.is_any.get()
    }

    /// One more, of this topic, until what this returns is dropped.
    pub fn add(&self, topic: u32, subject: Box<dyn Subject>) -> Telling<'_> {
        let number = self.newest.get() + 1;
        self.newest.set(number);
        self.all.borrow_mut().push(One { number, topic, subject });
        self.is_any.set(true);
        Telling { subjects: self, number }
    }

    fn remove(&self, number: u64) {
        let mut all = self.all.borrow_mut();
        all.retain(|one| one.number != number);
        self.is_any.set(!all.is_empty());
    }

    /// The topic of one that has something: the first one after the one that was told last.
    fn find(&self) -> Option<(u64, u32)> {
        let all = self.all.borrow();
        let (before, after) = all.split_at(all.partition_point(|one| one.number <= self.last.get()));
        let found = after.iter().chain(before).find(|one| one.subject.is_there())?;
        Some((found.number, found.topic))
    }

    /// The topic of one that has something, if it is their turn. It is told.
    pub fn tell_in_turn(&self) -> Option<u32> {
        let (number, topic) = if self.is_turn.get() { self.find()? } else { return None };
        self.note(Some(number));
        Some(topic)
    }

    /// This one was told, or something else.
    pub fn note(&self, number: Option<u64>) {
        self.is_turn.set(number.is_none());
        self.last.set(number.unwrap_or(self.last.get()));
    }

    fn ask_for_rings(&self, member: &Member, asks: bool) {
        self.all.borrow().iter().for_each(|one| one.subject.ask_for_rings(member, asks));
    }
}

/// As long as this is there, a subject is told.
pub struct Telling<'a> {
    subjects: &'a Subjects,
    number: u64,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.subjects.remove(self.number);
    }
}

/// Takes the next mail, or finds what else is to be told, or a subject that has something.
pub struct NextOfAll<'a> {
    pub next: Next<'a>,
    halves: Halves<'a>,
    member: &'a Member,
    subjects: &'a Subjects,
    /// The number of a subject that has something, and its topic.
    found: Option<(u64, u32)>,
    /// Whether publishers were asked to ring.
    asks: Private<bool>,
}

impl<'a> NextOfAll<'a> {
    pub fn new(next: Next<'a>, halves: Halves<'a>, member: &'a Member, subjects: &'a Subjects) -> Self {
        Self { next, halves, member, subjects, found: None, asks: false.into() }
    }

    /// The topic that is told, if one is. It has had its turn; otherwise all else has had its turn, also if that was an error.
    pub fn end_turn(&self) -> Option<u32> {
        self.subjects.note(self.found.map(|(number, _)| number));
        self.found.map(|(_, topic)| topic)
    }

    fn finds_subject(&mut self) -> bool {
        self.found = self.subjects.find();
        self.found.is_some()
    }

    /// What a wait does for others, and for what looks may miss. What it finds comes before the subject that was found.
    fn do_as_a_wait(&mut self) -> Result<(), RecvError> {
        self.member.note_question_for_all();
        self.member.watch();
        self.halves.publish();
        self.halves.ask_for_started();
        // If this ends in an error, that was the turn of all else.
        let found = self.found.take();
        // Some of what was published may have been for this rank itself.
        let is_found = self.next.look(true)? || self.next.check(true)?;
        self.found = found.filter(|_| !is_found);
        Ok(())
    }
}

impl Operation for NextOfAll<'_> {
    type Error = RecvError;

    fn look(&mut self, thorough: bool) -> Result<bool, RecvError> {
        self.found = None;
        let is_turn = self.subjects.is_turn.get();
        if is_turn && self.finds_subject() || self.next.look(thorough)? {
            return Ok(true);
        }
        if is_turn || !self.finds_subject() {
            return Ok(false);
        }
        // A receive has a clock of its own, and would take this question away.
        if self.member.is_question_for_all_due() {
            self.do_as_a_wait()?;
        }
        Ok(true)
    }

    fn check(&mut self, query: bool) -> Result<bool, RecvError> {
        self.found = None;
        Ok(self.next.check(query)? || self.finds_subject())
    }

    fn step(&mut self) -> Result<Step, RecvError> {
        if self.found.is_some() {
            return Ok(Step::Done);
        }
        let step = self.next.step()?;
        if step == Step::Went {
            self.subjects.note(None);
        }
        Ok(step)
    }

    fn is_in_vain(&self) -> bool {
        self.next.is_in_vain()
    }

    fn fall_asleep(&self) {
        // Before the bell is set, and the barrier that comes with it.
        self.asks.set(true);
        self.subjects.ask_for_rings(self.member, true);
        self.next.fall_asleep();
    }
}

impl Drop for NextOfAll<'_> {
    fn drop(&mut self) {
        if self.asks.get() {
            self.subjects.ask_for_rings(self.member, false);
        }
    }
}
