//! The running of an actor.

use super::address::{ActorId, ReplyId};
use super::panics::contain;
use super::queue::{Letter, of_type, take_askers};
use super::reason::short;
use super::{Actor, Context, Next, Protocol, Reason, System};
use core::mem;
use std::collections::VecDeque;

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
        match contain(|| self.handle(system, me)) {
            Ok(Some(reason)) => Some(reason),
            Ok(None) => {
                if system.slots.is_live(me.place) {
                    self.in_hand = None;
                }
                None
            }
            Err(words) => Some(Reason::Panicked(words)),
        }
    }

    fn take_askers(&mut self) -> Vec<ReplyId> {
        self.in_hand.take().into_iter().chain(take_askers(&mut self.batch)).collect()
    }
}
