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

    /// Its result.
    fn into_result(self: Box<Self>) -> Box<dyn Any>;
}

/// The groups that an endpoint is in.
#[derive(Default)]
pub struct Groups {
    all: RefCell<Vec<Entry>>,
    /// Groups that this rank is done with, while others still may read there.
    ending: RefCell<Vec<Group>>,
    /// How many operations are under way.
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
            let result = group.advance(member, at, &mut started.data());
            if result == Ok(false) {
                return false;
            }
            if let Some((id, _, started)) = self.waiting.pop_front() {
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
    /// Whether no operation is under way.
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
        let mut all = self.all.borrow_mut();
        let Some(at) = all.iter().position(|entry| entry.group.slot() == slot) else { return };
        let Entry { mut group, .. } = all.swap_remove(at);
        self.recount(&all);
        if member.check().is_ok() {
            group.end(member);
            self.ending.borrow_mut().push(group);
        }
    }

    /// The groups that this rank was done with, and where now nobody reads any more. Each once.
    pub fn take_over(&self, member: &Member) -> Vec<Group> {
        self.ending.borrow_mut().extract_if(.., |group| group.is_over(member)).collect()
    }

    /// The slots of the first `count` that this rank does not use, has not promised, and where somebody may still read, one bit
    /// for each.
    pub fn free(&self, count: u32) -> u64 {
        let (all, ending) = (self.all.borrow(), self.ending.borrow());
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

    /// Carries on an operation of this thread, once all that was started before in its group is over. Whether it is over.
    #[inline(always)]
    pub fn advance(
        &self,
        member: &Member,
        slot: u32,
        at: &mut Running,
        data: &mut Data<'_>,
    ) -> Result<bool, Stop> {
        match in_slot(&mut self.all.borrow_mut(), slot) {
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
        if let Some(Entry { group, queue }) = in_slot(&mut self.all.borrow_mut(), slot)
            && queue.waiting.is_empty()
        {
            group.check(member, query, |group| {
                result = group.advance(member, at, data);
                result != Ok(false)
            });
        }
        if result == Ok(false) { self.advance(member, slot, at, data) } else { result }
    }

    /// Starts an operation in the group in this slot. Returns its number.
    pub fn start(&self, member: &Member, slot: u32, plan: Plan, started: Box<dyn Started>) -> u64 {
        let id = self.next.replace(self.next.get() + 1);
        let mut all = self.all.borrow_mut();
        if let Some(Entry { group, queue }) = in_slot(&mut all, slot) {
            group.look_for_deaths(member);
            queue.waiting.push_back((id, Running::new(plan), started));
            // Before the program's function may panic: what is under way and not counted would never go on, nor what comes after it.
            self.count.update(|count| count + 1);
            queue.go_on(group, member);
        }
        self.recount(&all);
        id
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
    }

    fn recount(&self, all: &[Entry]) {
        self.count.set(all.iter().map(|entry| entry.queue.waiting.len()).sum());
    }

    /// Whether the operation of this number is over.
    pub fn is_over(&self, slot: u32, id: u64) -> bool {
        let mut all = self.all.borrow_mut();
        in_slot(&mut all, slot).is_none_or(|entry| entry.queue.waiting.iter().all(|(one, ..)| *one != id))
    }

    /// The result of the operation of this number, once it is over.
    pub fn take(&self, slot: u32, id: u64) -> Option<Outcome> {
        let mut all = self.all.borrow_mut();
        let over = &mut in_slot(&mut all, slot)?.queue.over;
        let at = over.iter().position(|(one, _)| *one == id)?;
        Some(over.swap_remove(at).1)
    }

    /// The ranks that the first of the operations waits for that were started in the group in this slot.
    pub fn missing(&self, slot: u32) -> Vec<u32> {
        let mut all = self.all.borrow_mut();
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
    }
}
