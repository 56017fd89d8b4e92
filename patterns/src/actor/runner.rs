//! The running of an actor.

use super::address::{ActorId, ReplyId};
use super::queue::{Letter, of_type};
use super::reason::short;
use super::{Actor, Context, Next, Protocol, Reason, System};
use core::any::Any;
use core::mem;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What an actor does, with messages of one type.
pub struct Runner<M: Protocol> {
    actor: Box<dyn Actor<M>>,
    is_started: bool,
    /// What it has taken out of its mailbox.
    batch: VecDeque<Letter<M>>,
    /// Who waits for an answer to the message in hand.
    in_hand: Option<ReplyId>,
}

/// What an actor does, whatever its messages are.
pub trait Run {
    /// Handles so many messages at most. Why it ends, if it does.
    fn run(&mut self, system: &mut System, me: ActorId, most: usize) -> Option<Reason>;

    /// Who waits for answers to what it had taken out of its mailbox.
    fn take_askers(&mut self) -> Vec<ReplyId>;
}

impl<M: Protocol> Runner<M> {
    pub fn new(actor: Box<dyn Actor<M>>) -> Self {
        Self { actor, is_started: false, batch: VecDeque::new(), in_hand: None }
    }

    fn handle(&mut self, system: &mut System, me: ActorId) -> Option<Reason> {
        if !mem::replace(&mut self.is_started, true) {
            let mut cx = Context::new(system, me);
            self.actor.started(&mut cx);
            if cx.end.is_some() {
                return cx.end;
            }
        }
        while system.slots.is_live(me.place) {
            let Some(letter) = self.batch.pop_front() else { break };
            self.in_hand = letter.asker;
            let mut cx = Context::new(system, me);
            match self.actor.receive(letter.message, &mut cx) {
                Next::Same if cx.end.is_none() => {}
                Next::Same => return cx.end,
                Next::Become(actor) => self.actor = actor,
                Next::Stop => return Some(Reason::Stopped),
                Next::Fail(why) => return Some(Reason::Failed(short(&why).into())),
            }
        }
        None
    }
}

impl<M: Protocol> Run for Runner<M> {
    fn run(&mut self, system: &mut System, me: ActorId, most: usize) -> Option<Reason> {
        if let Some(mailbox) = system.slots.mailbox(me.place).and_then(of_type::<M>) {
            if mailbox.letters.len() <= most {
                mem::swap(&mut self.batch, &mut mailbox.letters);
            } else {
                self.batch.extend(mailbox.letters.drain(..most));
            }
        }
        // What the panic has left half done is this actor, which ends.
        match catch_unwind(AssertUnwindSafe(|| self.handle(system, me))) {
            Ok(Some(reason)) => Some(reason),
            Ok(None) => {
                if system.slots.is_live(me.place) {
                    self.in_hand = None;
                }
                None
            }
            Err(panic) => Some(Reason::Panicked(words(panic))),
        }
    }

    fn take_askers(&mut self) -> Vec<ReplyId> {
        let batch = mem::take(&mut self.batch).into_iter().filter_map(|letter| letter.asker);
        self.in_hand.take().into_iter().chain(batch).collect()
    }
}

/// What a panic says.
pub fn words(panic: Box<dyn Any + Send>) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => short(text).into(),
        (_, Some(text)) => short(text).into(),
        _ => "something else than words".into(),
    };
    // It may panic when it is dropped.
    _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    text
}

/// Drops what is the program's own, and may panic.
pub fn drop_quietly<T>(value: T) {
    _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}
