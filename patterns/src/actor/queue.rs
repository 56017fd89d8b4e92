//! What an actor has not handled yet.

use super::address::ReplyId;
use super::panics::drop_quietly;
use super::wire::Refusal;
use super::{Down, Protocol};
use crate::codec::Frame;
use core::any::Any;
use core::mem;
use std::collections::VecDeque;
use std::rc::Rc;

/// What makes bytes of messages of one type, and the other way round.
pub type Frames<M> = Frame<M, <M as Protocol>::Codec>;

/// A message, and who waits for an answer to it.
pub struct Letter<M> {
    pub message: M,
    pub asker: Option<ReplyId>,
}

/// The mailbox of an actor with messages of one type.
pub struct Mailbox<M: Protocol> {
    pub frame: Rc<Frames<M>>,
    pub letters: VecDeque<Letter<M>>,
    /// What tells this actor that a linked one has ended, if it wants to be told.
    pub trap: Option<Box<dyn Fn(Down) -> M>>,
}

/// A mailbox, whatever its messages are.
pub trait AnyMailbox: Any {
    fn len(&self) -> usize;

    /// Reads a message of another rank.
    fn push_bytes(&mut self, bytes: &[u8], asker: Option<ReplyId>) -> Result<(), Refusal>;

    /// Tells its actor that a linked one has ended, if it wants to be told. Whether it does. Runs what the program has given.
    fn push_exit(&mut self, down: Down) -> bool;

    /// Drops all messages. Returns which questions among them wait for answers.
    fn take_askers(&mut self) -> Vec<ReplyId>;
}

impl<M: Protocol> AnyMailbox for Mailbox<M> {
    fn len(&self) -> usize {
        self.letters.len()
    }

    fn push_bytes(&mut self, bytes: &[u8], asker: Option<ReplyId>) -> Result<(), Refusal> {
        let message = self.frame.read(bytes).map_err(|_| Refusal::OtherType)?;
        self.letters.push_back(Letter { message, asker });
        Ok(())
    }

    fn push_exit(&mut self, down: Down) -> bool {
        let Some(trap) = &self.trap else { return false };
        let message = trap(down);
        self.letters.push_back(Letter { message, asker: None });
        true
    }

    fn take_askers(&mut self) -> Vec<ReplyId> {
        take_askers(&mut self.letters)
    }
}

/// Drops all messages. Returns which questions among them wait for answers.
pub fn take_askers<M>(letters: &mut VecDeque<Letter<M>>) -> Vec<ReplyId> {
    let letters = mem::take(letters).into_iter();
    // One by one: a second panic while others are dropped would end the process.
    letters
        .filter_map(|Letter { message, asker }| {
            drop_quietly(message);
            asker
        })
        .collect()
}

/// The same, if its messages are of this type.
pub fn of_type<M: Protocol>(mailbox: &mut dyn AnyMailbox) -> Option<&mut Mailbox<M>> {
    (mailbox as &mut dyn Any).downcast_mut()
}
