//! A process that keeps a copy of a register.

use super::asking::Asking;
use super::operation::{Goal, Operation, Step};
use super::replicated::Context;
use super::serving::{Served, receive};
use super::stamp::{Kept, Stamp};
use super::wire::{self, Head};
use super::{Register, RegisterError, members};
use bytemuck::{Pod, bytes_of};
use core::fmt;
use mailbox::{Deadline, Endpoint, Mail, Select, SelectError};
use std::time::Instant;

/// A process that keeps a copy of a replicated register. See [`Replicated`](super::Replicated) for an example.
///
/// It takes the endpoint: all mail of that rank is for the register. When it is dropped, the rank is left, and the copy is gone.
///
/// **Lives.** The first life of each member's rank begins with the initial value. A later one may have forgotten what an earlier one has
/// promised to keep. So it says that it is empty until it has asked the others, and a majority of all members has answered:
/// [`Served::Recovered`]. Until then it counts as one that has failed.
pub struct Replica<T> {
    me: Endpoint,
    register: Register<T>,
    key: u64,
    members: Vec<u32>,
    context: u64,
    kept: Option<Kept<T>>,
}

impl<T: Pod> Replica<T> {
    /// From now on `me` is one of the members, which all are given the same members in the same order, and the same initial
    /// value. Waits for nobody.
    pub fn join(
        me: Endpoint,
        register: &Register<T>,
        members: impl IntoIterator<Item = u32>,
        initial: T,
    ) -> Result<Self, RegisterError> {
        let (members, context) = members::join(&me, register, members)?;
        let kept = (me.epoch() == 1).then(|| Kept::first(initial));
        Ok(Self { me, register: register.clone(), key: register.key(), members, context, kept })
    }

    /// The copy, which may be older or newer than what a majority keeps. `None` in a later life that has not recovered yet.
    pub fn get(&self) -> Option<T> {
        self.kept.map(|kept| kept.value)
    }

    /// Waits for the next request, carries it out, and answers it. [`RegisterError::Timeout`] if none comes until `deadline`;
    /// [`Deadline::Now`] does not wait. Never waits for the one that asks.
    ///
    /// A later life that is empty asks the others meanwhile, refuses all requests, and returns when it has recovered. It gives up
    /// at `deadline`, and begins again in the next call: give it time. [`RegisterError::Conflict`] if two of the others have different
    /// values of one write.
    pub fn serve(&mut self, deadline: impl Into<Deadline>) -> Result<Served, RegisterError> {
        let deadline = deadline.into();
        if self.kept.is_none() {
            self.kept = Some(self.recover(deadline)?);
            return Ok(Served::Recovered);
        }
        match receive(&self.me, deadline)? {
            Ok(mail) => {
                let (served, kept) = self.carry_out(mail);
                self.kept = kept;
                Ok(served)
            }
            Err(served) => Ok(served),
        }
    }

    /// What a majority knows.
    fn recover(&self, deadline: Deadline) -> Result<Kept<T>, RegisterError> {
        let mut operation = Operation::new(Goal::Regular, self.members.len());
        let mut asking = Asking::new(&self.me, &self.members);
        let context = Context { me: &self.me, members: &self.members, key: self.key, context: self.context };
        asking.ask(context.request(operation.ask()), Some(self.me.rank()));
        loop {
            while let Some((member, reply)) = asking.look()? {
                match context.take(&mut operation, member, &reply) {
                    Ok(Step::Done(kept)) => return Ok(kept),
                    Ok(Step::Wait | Step::Next) => {}
                    Err(refusal) => refusal.tell(&self.register, &self.members, member, &mut asking)?,
                }
            }
            match receive(&self.me, Deadline::Now) {
                Ok(Ok(mail)) => _ = self.carry_out(mail),
                Ok(Err(_)) | Err(RegisterError::Timeout) => {}
                Err(error) => return Err(error),
            }
            if deadline.has_passed(Instant::now) {
                return Err(RegisterError::Timeout);
            }
            let mut select = Select::new();
            select.recv(self.me.from_any());
            asking.arm(&mut select);
            match select.wait(deadline) {
                Ok(_) | Err(SelectError::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What was done, and the copy after it.
    fn carry_out(&self, mail: Mail<'_>) -> (Served, Option<Kept<T>>) {
        let (from, life) = (mail.from(), self.me.epoch());
        let most = size_of::<Head>() + size_of::<Stamp>() + size_of::<T>();
        let bytes = wire::bytes_of_mail(&mail, most).unwrap_or_default();
        let Some((head, rest)) = wire::split::<Head>(&bytes).filter(|_| mail.is_call()) else {
            wire::answer(mail, life, wire::NONSENSE, &[]);
            return (Served::Nonsense { from }, self.kept);
        };
        let refusal = match () {
            () if head.key != self.key => Some(wire::UNKNOWN),
            () if head.context != self.context => Some(wire::OTHER_MEMBERS),
            () if self.kept.is_none() => Some(wire::EMPTY),
            () => None,
        };
        let (Some(mut kept), None) = (self.kept, refusal) else {
            wire::answer(mail, life, refusal.unwrap_or(wire::EMPTY), &[]);
            return (Served::Refused { from }, self.kept);
        };
        let update = wire::split::<Stamp>(rest).filter(|(stamp, _)| stamp.makes_sense());
        let update = update.and_then(|(stamp, value)| Some(Kept { stamp, value: wire::only(value)? }));
        let served = match (head.what, update) {
            (wire::QUERY, _) if rest.is_empty() => {
                wire::answer(mail, life, wire::DONE, &[bytes_of(&kept.stamp), bytes_of(&kept.value)]);
                Served::Read { from }
            }
            (wire::UPDATE, Some(update)) => {
                kept.take(update);
                wire::answer(mail, life, wire::DONE, &[bytes_of(&kept.stamp)]);
                Served::Written { from }
            }
            _ => {
                wire::answer(mail, life, wire::NONSENSE, &[]);
                Served::Nonsense { from }
            }
        };
        (served, Some(kept))
    }
}

impl<T> fmt::Debug for Replica<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("register", &self.register)
            .field("rank", &self.me.rank())
            .field("has_recovered", &self.kept.is_some())
            .finish_non_exhaustive()
    }
}
