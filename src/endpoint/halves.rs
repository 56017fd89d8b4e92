//! The halves of an endpoint, as far as others may wait for what they hold back or have announced.

use crate::error::Lost;
use crate::half::Member;
use crate::receive::Inbox;
use crate::send::Outbox;
use crate::wait::{Deadline, Operation, Step, Together, drive};
use core::cell::Cell as Private;
use core::ptr;

/// What one thread has of an endpoint: either half, or both.
#[derive(Clone, Copy)]
pub struct Halves<'a> {
    pub sending: Option<(&'a Member, &'a Outbox)>,
    pub receiving: Option<(&'a Member, &'a Inbox)>,
}

impl<'a> Halves<'a> {
    /// Which half waits for what comes for both: the receiving one, if it is there.
    #[inline(always)]
    pub fn waiter<'b>(self, sending: &'b Member) -> &'b Member
    where
        'a: 'b,
    {
        self.receiving.map_or(sending, |(member, _)| member)
    }

    /// The halves that there are.
    pub fn members(self) -> impl Iterator<Item = &'a Member> {
        let (receiving, sending) = (self.receiving.map(|half| half.0), self.sending.map(|half| half.0));
        receiving.into_iter().chain(sending)
    }

    /// Whether this process still holds the rank. With `query`, also whether the region still has its name.
    pub fn check_place(self, query: bool) -> Result<(), Lost> {
        self.members().try_for_each(|member| member.check_place(query))
    }

    /// Publishes what batches and drains hold back, before a wait: the peer that is waited for may wait for it. Whether
    /// there may have been some.
    #[inline(always)]
    pub fn publish(self) -> bool {
        let mut is_in_batch = false;
        if let Some((member, inbox)) = self.receiving
            && member.holds_back()
        {
            inbox.settle(member);
            is_in_batch = true;
        }
        if let Some((member, outbox)) = self.sending
            && member.is_in_batch()
        {
            outbox.flush(member);
            is_in_batch = true;
        }
        is_in_batch
    }

    /// Announced messages, and what was started, go on.
    #[inline(always)]
    pub fn tend(self) {
        if let Some((member, outbox)) = self.sending {
            outbox.tend(member);
            outbox.go_on(member);
        }
        if let Some((member, inbox)) = self.receiving {
            inbox.tend(member);
            inbox.groups.tend(member);
        }
    }

    /// Does `operation`, of `member`, as [`drive`] does. What batches hold back is published before a wait, and announced
    /// messages go on with each look: the peer that is waited for may wait for either.
    #[inline(always)]
    pub fn drive<O: Operation>(
        self,
        member: &Member,
        deadline: Deadline,
        operation: &mut O,
    ) -> Result<bool, O::Error> {
        if self.has_started() {
            return self.drive_busy(member, deadline, operation);
        }
        drive(member, deadline, || self.publish(), &mut Tending { halves: self, operation })
    }

    /// Whether there are sends or receives that were started.
    #[inline(always)]
    pub fn has_started(self) -> bool {
        self.sending.is_some_and(|(_, outbox)| outbox.has_started())
            || self.receiving.is_some_and(|(_, inbox)| inbox.has_posted() || !inbox.groups.is_idle())
    }

    /// As `drive`, with what was started going on as soon as it can: the thread sleeps for mail and for room.
    #[inline(never)]
    fn drive_busy<O: Operation>(
        self,
        member: &Member,
        deadline: Deadline,
        operation: &mut O,
    ) -> Result<bool, O::Error> {
        let members: Vec<&Member> = self.members().collect();
        let mut busy = Busy { tending: Tending { halves: self, operation }, member, waits: false.into() };
        let result = drive(&Together(&members), deadline, || self.publish(), &mut busy);
        if busy.waits.get() {
            self.end_telling();
        }
        result
    }

    /// Asks the kernel whether what was started waits for somebody who has ended.
    pub fn ask_for_started(self) {
        if let Some((member, outbox)) = self.sending {
            outbox.check_started(member, true);
        }
        if let Some((member, inbox)) = self.receiving {
            inbox.ask_for_posted(member);
        }
        self.check_groups(true);
    }

    /// Finds out whether collectives that were started can go on. With `query`, asks the kernel.
    pub fn check_groups(self, query: bool) {
        if let Some((member, inbox)) = self.receiving
            && !inbox.groups.is_idle()
        {
            inbox.groups.check_started(member, query);
        }
    }

    /// Tells receivers that started sends wait for them; whether this thread `receives` meanwhile.
    pub fn tell_starved(self, receives: bool) {
        if let Some((member, outbox)) = self.sending {
            outbox.tell_starved(member, receives);
        }
    }

    /// The thread waits no longer: takes that back.
    pub fn end_telling(self) {
        if let Some((member, outbox)) = self.sending {
            outbox.end_telling(member);
        }
    }
}

/// An operation, of `member`, while there are others that were started.
struct Busy<'a, 'b, O> {
    tending: Tending<'a, 'b, O>,
    member: &'b Member,
    /// Whether its thread waits.
    waits: Private<bool>,
}

impl<O> Busy<'_, '_, O> {
    fn tell_starved(&self) {
        let halves = self.tending.halves;
        if self.waits.get() {
            halves.tell_starved(halves.receiving.is_some_and(|(member, _)| ptr::eq(member, self.member)));
        }
    }
}

impl<O: Operation> Operation for Busy<'_, '_, O> {
    type Error = O::Error;

    fn look(&mut self, thorough: bool) -> Result<bool, O::Error> {
        self.tending.look(thorough)
    }

    fn check(&mut self, query: bool) -> Result<bool, O::Error> {
        self.tell_starved();
        self.tending.halves.check_groups(query);
        self.tending.check(query)
    }

    fn step(&mut self) -> Result<Step, O::Error> {
        // The rank may have been taken during the wait.
        self.member.check()?;
        self.tending.step()
    }

    fn is_in_vain(&self) -> bool {
        self.tending.is_in_vain()
    }

    fn pauses(&self) -> u32 {
        self.tending.pauses()
    }

    fn turns(&self) -> u32 {
        self.tending.turns()
    }

    fn waits_for_neighbour(&self) -> bool {
        self.tending.waits_for_neighbour()
    }

    fn begin_wait(&self) {
        self.waits.set(true);
        self.tending.begin_wait();
    }

    fn fall_asleep(&self) {
        self.tell_starved();
        self.tending.fall_asleep();
    }
}

/// An operation during which announced messages go on.
struct Tending<'a, 'b, O> {
    halves: Halves<'a>,
    operation: &'b mut O,
}

impl<O: Operation> Operation for Tending<'_, '_, O> {
    type Error = O::Error;

    #[inline(always)]
    fn look(&mut self, thorough: bool) -> Result<bool, O::Error> {
        self.halves.tend();
        self.operation.look(thorough)
    }

    #[inline(always)]
    fn check(&mut self, query: bool) -> Result<bool, O::Error> {
        self.operation.check(query)
    }

    #[inline(always)]
    fn step(&mut self) -> Result<Step, O::Error> {
        self.operation.step()
    }

    #[inline(always)]
    fn is_in_vain(&self) -> bool {
        self.operation.is_in_vain()
    }

    #[inline(always)]
    fn pauses(&self) -> u32 {
        self.operation.pauses()
    }

    #[inline(always)]
    fn turns(&self) -> u32 {
        self.operation.turns()
    }

    #[inline(always)]
    fn waits_for_neighbour(&self) -> bool {
        self.operation.waits_for_neighbour()
    }

    #[inline(always)]
    fn begin_wait(&self) {
        self.operation.begin_wait();
    }

    #[inline(always)]
    fn fall_asleep(&self) {
        self.operation.fall_asleep();
    }
}
