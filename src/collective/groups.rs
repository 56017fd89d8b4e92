//! The groups of an endpoint, and the operations that were started in them.

use super::group::Group;
use super::plan::Plan;
use super::running::{Data, Running};
use super::stop::Stop;
use crate::abi::Cause;
use crate::half::Member;
use crate::rank::Source;
use core::any::Any;
use core::cell::{Cell as Private, RefCell};
use std::collections::VecDeque;

/// What an operation that was started owns.
pub trait Started: Any + Send {
    /// What it reads and writes.
    fn data(&mut self) -> Data<'_>;

    /// What comes after the part of it that is over; `None` if that was the last.
    fn next_plan(&mut self) -> Result<Option<Plan>, Stop> {
        Ok(None)
    }

    /// Its result.
    fn into_result(self: Box<Self>) -> Box<dyn Any>;
}

/// The groups that an endpoint is in.
#[derive(Default)]
pub struct Groups {
    all: RefCell<Vec<Entry>>,
    /// Groups that this rank is done with, while others still may read there.
    ending: RefCell<Vec<Group>>,
    /// What a function of the program did, one bit for each slot, while it was called to combine values and the groups were in use:
    /// it dropped the communicator, or wanted an operation, which leaves the group broken. Done at the end of the call.
    dropped: Private<u64>,
    refused: Private<u64>,
    /// How many operations are under way, and how much of that is to be done.
    count: Private<usize>,
    next: Private<u64>,
}

/// A group, and what was started in it.
struct Entry {
    group: Group,
    queue: Queue,
}

/// The operations that were started in a group.
#[derive(Default)]
struct Queue {
    /// Those that are under way. Only the first goes on.
    waiting: VecDeque<(u64, Running, Box<dyn Started>)>,
    over: Vec<(u64, Outcome)>,
}

/// What came of an operation that was started.
type Outcome = Result<Box<dyn Started>, Stop>;

impl Queue {
    /// Carries on what was started. Whether none is under way any more.
    fn go_on(&mut self, group: &mut Group, member: &Member) -> bool {
        while let Some((_, at, started)) = self.waiting.front_mut() {
            let result = match group.advance(member, at, &mut started.data()) {
                Ok(false) => return false,
                Ok(true) => started.next_plan().inspect_err(|stop| group.give_up_for(member, stop)),
                Err(stop) => Err(stop),
            };
            if let Ok(Some(plan)) = result {
                *at = Running::new(plan);
            } else if let Some((id, _, started)) = self.waiting.pop_front() {
                self.over.push((id, result.map(|_| started)));
            }
        }
        true
    }
}

fn in_slot(all: &mut [Entry], slot: u32) -> Option<&mut Entry> {
    all.iter_mut().find(|entry| entry.group.slot() == slot)
}

impl Groups {
    /// Whether no operation is under way, and nothing else is to be done.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        self.count.get() == 0
    }

    /// This rank is in one more group.
    pub fn add(&self, group: Group) {
        self.all.borrow_mut().push(Entry { group, queue: Queue::default() });
    }

    /// This rank is done with the group in this slot. What was started there is given up.
    pub fn remove(&self, member: &Member, slot: u32) {
        let Ok(mut all) = self.all.try_borrow_mut() else { return self.note(&self.dropped, slot) };
        let Some(at) = all.iter().position(|entry| entry.group.slot() == slot) else { return };
        let Entry { mut group, queue } = all.swap_remove(at);
        self.recount(&all);
        drop(all);
        if member.check().is_ok() {
            group.end(member);
            self.ending.borrow_mut().push(group);
        }
        // What the program gave may drop a communicator, too.
        drop(queue);
    }

    /// This member takes no part in an operation of the group in this slot: the others cannot do without it.
    pub fn break_off(&self, member: &Member, slot: u32) {
        self.break_off_for(member, slot, &Stop::Refused);
    }

    /// The same, for this reason.
    pub fn break_off_for(&self, member: &Member, slot: u32, stop: &Stop) {
        let Ok(mut all) = self.all.try_borrow_mut() else { return self.note(&self.refused, slot) };
        if let Some(Entry { group, .. }) = in_slot(&mut all, slot) {
            group.give_up_for(member, stop);
        }
    }

    #[cold]
    fn note(&self, noted: &Private<u64>, slot: u32) {
        noted.set(noted.get() | 1 << slot);
        self.count.update(|count| count + 1);
    }

    /// Does what was noted while the groups were in use. Cost if there is nothing: two loads.
    #[inline(always)]
    pub fn catch_up(&self, member: &Member) {
        if self.dropped.get() | self.refused.get() != 0 {
            self.do_noted(member);
        }
    }

    #[cold]
    fn do_noted(&self, member: &Member) {
        if self.all.try_borrow_mut().is_err() {
            return;
        }
        let (refused, dropped) = (self.refused.take(), self.dropped.take());
        let slots = |bits: u64| (0..u64::BITS).filter(move |slot| bits >> slot & 1 == 1);
        slots(refused).for_each(|slot| self.break_off(member, slot));
        slots(dropped).for_each(|slot| self.remove(member, slot));
        if let Ok(all) = self.all.try_borrow() {
            self.recount(&all);
        }
    }

    /// The groups that this rank was done with, and where now nobody reads any more. Each once.
    pub fn take_over(&self, member: &Member) -> Vec<Group> {
        self.catch_up(member);
        self.ending.borrow_mut().extract_if(.., |group| group.is_over(member)).collect()
    }

    /// The slots of the first `count` that this rank does not use, has not promised, and where somebody may still read, one bit
    /// for each. None while values are combined.
    pub fn free(&self, count: u32) -> u64 {
        let Ok(all) = self.all.try_borrow() else { return 0 };
        let ending = self.ending.borrow();
        let used = all.iter().map(|entry| &entry.group).chain(ending.iter());
        let used = used.fold(0, |bits, group| bits | 1 << group.slot());
        // A group that was dropped promises nothing: its members know that this rank does not come.
        let used = all.iter().fold(used, |bits, entry| bits | entry.group.promised());
        ((1u64 << count) - 1) & !used
    }

    /// Does something with the group in this slot.
    pub fn with<R>(&self, slot: u32, change: impl FnOnce(&mut Group) -> R) -> Option<R> {
        let mut all = self.all.try_borrow_mut().ok()?;
        in_slot(&mut all, slot).map(|entry| change(&mut entry.group))
    }

    /// Whom this rank waits for in the group in this slot.
    pub fn awaited(&self, slot: u32) -> Source {
        self.with(slot, |group| group.awaited()).unwrap_or(Source::Anyone)
    }

    /// Carries on an operation of this thread, once all that was started before in its group is over. Whether it is over. An error
    /// if a function that combines values wants it.
    #[inline(always)]
    pub fn advance(
        &self,
        member: &Member,
        slot: u32,
        at: &mut Running,
        data: &mut Data<'_>,
    ) -> Result<bool, Stop> {
        let Ok(mut all) = self.all.try_borrow_mut() else { return Err(self.refuse(slot)) };
        match in_slot(&mut all, slot) {
            Some(Entry { group, queue }) if queue.waiting.is_empty() => group.advance(member, at, data),
            _ => Ok(false),
        }
    }

    /// The same, and finds out whether it can go on. With `query`, asks the kernel.
    pub fn check(
        &self,
        member: &Member,
        slot: u32,
        at: &mut Running,
        data: &mut Data<'_>,
        query: bool,
    ) -> Result<bool, Stop> {
        let mut result = Ok(false);
        let Ok(mut all) = self.all.try_borrow_mut() else { return Err(self.refuse(slot)) };
        if let Some(Entry { group, queue }) = in_slot(&mut all, slot)
            && queue.waiting.is_empty()
        {
            group.check(member, query, |group| {
                result = group.advance(member, at, data);
                result != Ok(false)
            });
        }
        drop(all);
        if result == Ok(false) { self.advance(member, slot, at, data) } else { result }
    }

    #[cold]
    fn refuse(&self, slot: u32) -> Stop {
        self.note(&self.refused, slot);
        Stop::Refused
    }

    /// Starts an operation in the group in this slot. Returns its number. An error if a function that combines values wants it.
    pub fn start(
        &self,
        member: &Member,
        slot: u32,
        plan: Plan,
        started: Box<dyn Started>,
    ) -> Result<u64, Stop> {
        let Ok(mut all) = self.all.try_borrow_mut() else { return Err(self.refuse(slot)) };
        let id = self.next.replace(self.next.get() + 1);
        if let Some(Entry { group, queue }) = in_slot(&mut all, slot) {
            group.look_for_deaths(member);
            queue.waiting.push_back((id, Running::new(plan), started));
            // Before the program's function may panic: what is under way and not counted would never go on, nor what comes after it.
            self.count.update(|count| count + 1);
            queue.go_on(group, member);
        }
        self.recount(&all);
        drop(all);
        self.catch_up(member);
        Ok(id)
    }

    /// Carries on all that was started. Cost if there is nothing: one load.
    #[inline(always)]
    pub fn tend(&self, member: &Member) {
        if !self.is_idle() {
            self.tend_all(member);
        }
    }

    #[inline(never)]
    fn tend_all(&self, member: &Member) {
        if member.check().is_err() {
            return;
        }
        // Not while one of these combines values by a function that uses the endpoint.
        let Ok(mut all) = self.all.try_borrow_mut() else { return };
        for Entry { group, queue } in all.iter_mut() {
            queue.go_on(group, member);
        }
        self.recount(&all);
        drop(all);
        self.catch_up(member);
    }

    /// Finds out whether what was started can go on. With `query`, asks the kernel. Does nothing if the rank is lost: its slots are
    /// another's then.
    pub fn check_started(&self, member: &Member, query: bool) {
        if member.check().is_err() {
            return;
        }
        let Ok(mut all) = self.all.try_borrow_mut() else { return };
        for Entry { group, queue } in all.iter_mut().filter(|entry| !entry.queue.waiting.is_empty()) {
            group.check(member, query, |group| queue.go_on(group, member));
            queue.go_on(group, member);
        }
        self.recount(&all);
        drop(all);
        self.catch_up(member);
    }

    fn recount(&self, all: &[Entry]) {
        let under_way: usize = all.iter().map(|entry| entry.queue.waiting.len()).sum();
        let noted = self.dropped.get().count_ones() + self.refused.get().count_ones();
        self.count.set(under_way + noted as usize);
    }

    /// Whether the operation of this number is over. It counts as over for a function that combines values, which gets no result.
    pub fn is_over(&self, slot: u32, id: u64) -> bool {
        let Ok(mut all) = self.all.try_borrow_mut() else { return true };
        in_slot(&mut all, slot).is_none_or(|entry| entry.queue.waiting.iter().all(|(one, ..)| *one != id))
    }

    /// The result of the operation of this number, once it is over.
    pub fn take(&self, slot: u32, id: u64) -> Option<Outcome> {
        let mut all = self.all.try_borrow_mut().ok()?;
        let over = &mut in_slot(&mut all, slot)?.queue.over;
        let at = over.iter().position(|(one, _)| *one == id)?;
        Some(over.swap_remove(at).1)
    }

    /// The ranks that the first of the operations waits for that were started in the group in this slot.
    pub fn missing(&self, slot: u32) -> Vec<u32> {
        let Ok(mut all) = self.all.try_borrow_mut() else { return vec![] };
        let entry = in_slot(&mut all, slot);
        let first = entry.and_then(|entry| Some((&entry.group, &entry.queue.waiting.front()?.1)));
        first.map(|(group, at)| group.missing(at).collect()).unwrap_or_default()
    }

    /// Gives up the operation of this number. One that is not over leaves the group broken.
    pub fn give_up(&self, member: &Member, slot: u32, id: u64) {
        let Ok(mut all) = self.all.try_borrow_mut() else { return };
        if let Some(Entry { group, queue }) = in_slot(&mut all, slot) {
            if queue.waiting.iter().any(|(one, ..)| *one == id) {
                group.break_off(member, Cause::GivenUp, group.me());
                queue.go_on(group, member);
            }
            queue.over.retain(|(one, _)| *one != id);
        }
        self.recount(&all);
        drop(all);
        self.catch_up(member);
    }
}
