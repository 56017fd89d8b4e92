//! A group, as one member sees it. `waking` says why no wake-up of a member is lost.

mod ends;
mod shrink;
mod waking;

pub use shrink::Next;

use ends::decline;

use super::plan::{Published, Take};
use super::running::{Data, Running};
use super::stop::Stop;
use crate::abi::{Cause, LINE, WINDOW};
use crate::error::Broken;
use crate::half::{Member, no_pages};
use crate::rank::{Life, Source};
use crate::slot::{Reader, Writer, part};
use core::cell::Cell as Private;

/// Bytes of a window that get memory together.
const EXTENT: u64 = 64 << 10;
const _: () = assert!(WINDOW / EXTENT <= 32);

/// A member's rank, in one life.
pub type Seat = (u32, u64);

/// A group, and this rank's part in it.
pub struct Group {
    slot: u32,
    /// Its number, which nothing else in these slots has.
    id: u64,
    me: u32,
    members: Vec<Seat>,
    /// The slot and the number of the group that it was made of, if it was made of one.
    before: Option<(u32, u64)>,
    writer: Writer,
    /// By member.
    readers: Vec<Reader>,
    /// By member: which extents of its window are known to have memory.
    memory: Vec<Private<u32>>,
    /// The round that comes next.
    round: u64,
    /// The member that an operation waits for.
    awaited: Private<Option<u32>>,
    /// Why nothing more can come of it.
    broken: Option<(Cause, u32)>,
    /// Whether an operation is in a step, or was in one that the program's function has ended by a panic.
    is_in_step: bool,
    /// The region's count of changes when all lives were last looked at.
    looked_for: u64,
    /// How many times a group of those that are left was made of it, and for how many this rank has asked.
    shrinks: u64,
    asked: u64,
    /// By member: whether it has ended without an answer to what was asked last.
    passed: Vec<bool>,
    /// The slots that it could use for that group, as it has said.
    promised: u64,
}

impl Group {
    /// Begins to use `slot` for the group of this number, which is made of another, if of one. An error if there is no
    /// memory, which the other members are told.
    pub fn begin(
        member: &Member,
        (slot, id): (u32, u64),
        members: Vec<Seat>,
        before: Option<(u32, u64)>,
    ) -> Result<Self, Broken> {
        member.check()?;
        let (region, rank) = (&member.region, member.rank());
        if let Err(error) = region.segment.complete_slots(slot) {
            decline(member, (slot, id), &members);
            return Err(no_pages(rank, &error));
        }
        let me = members.iter().position(|(one, _)| *one == rank).unwrap_or_default() as u32;
        let readers = members.iter().map(|(rank, _)| Reader::new(region.segment.slot(slot, *rank), id));
        let group = Self {
            slot,
            id,
            me,
            readers: readers.collect(),
            memory: members.iter().map(|_| 0.into()).collect(),
            members,
            before,
            writer: Writer::begin(region.segment.slot(slot, rank), id),
            round: 0,
            awaited: None.into(),
            broken: None,
            is_in_step: false,
            // A member may have died already.
            looked_for: region.registry.changes().wrapping_sub(1),
            shrinks: 0,
            asked: 0,
            passed: vec![],
            promised: 0,
        };
        Ok(group)
    }

    pub fn slot(&self) -> u32 {
        self.slot
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Which member this rank is.
    pub fn me(&self) -> u32 {
        self.me
    }

    pub fn members(&self) -> &[Seat] {
        &self.members
    }

    pub fn size(&self) -> u32 {
        self.members.len() as u32
    }

    fn reader(&self, member: u32) -> &Reader {
        &self.readers[member as usize]
    }

    /// The ranks that this operation waits for at its present place.
    pub fn missing(&self, at: &Running) -> impl Iterator<Item = u32> {
        self.missing_of(at, |_| true)
    }

    /// The same, of these.
    fn missing_of(&self, at: &Running, these: impl Fn(u32) -> bool) -> impl Iterator<Item = u32> {
        let needs_room = !at.has_published;
        let len = at.plan.publishes(at.round).map_or(0, |published| published.len);
        let is_missing = move |(member, _): &(u32, u32)| match self.writer.needs_finished(self.round, len) {
            _ if !needs_room => {
                at.plan.takes(at.round, *member).is_some()
                    && self.reader(*member).published(self.round).is_none()
            }
            Some(round) => !self.reader(*member).has_finished(round),
            None => false,
        };
        self.others().filter(move |(_, rank)| these(*rank)).filter(is_missing).map(|(_, rank)| rank)
    }

    /// Whether a member that this operation waits for may need this processor.
    pub fn waits_for_neighbour(&self, member: &Member, at: &Running) -> bool {
        self.missing_of(at, |rank| member.is_neighbour(rank)).next().is_some()
    }

    /// Carries an operation on, as far as it goes. Whether it is over.
    #[inline(always)]
    pub fn advance(&mut self, member: &Member, at: &mut Running, data: &mut Data<'_>) -> Result<bool, Stop> {
        if let Some((cause, other)) = self.broken {
            return Err(Stop::Member(cause, other));
        }
        let was_in_step = core::mem::replace(&mut self.is_in_step, true);
        // Some of the values are combined already, and nobody knows which.
        let panicked = Err(Stop::Member(Cause::GivenUp, self.me));
        let result = if was_in_step { panicked } else { self.go_on(member, at, data) };
        self.is_in_step = false;
        result.inspect_err(|stop| self.give_up_for(member, stop))
    }

    /// Breaks the group off, unless its members all know that nothing was to be done.
    pub fn give_up_for(&mut self, member: &Member, stop: &Stop) {
        match *stop {
            Stop::Member(cause, other) => self.break_off(member, cause, other),
            // The others cannot do without this member.
            Stop::Broken(_) | Stop::Refused => self.break_off(member, Cause::GivenUp, self.me),
            Stop::Unfit { .. } => {}
        }
    }

    #[inline(always)]
    fn go_on(&mut self, member: &Member, at: &mut Running, data: &mut Data<'_>) -> Result<bool, Stop> {
        while at.round < at.plan.rounds() {
            if !at.has_published {
                if let Some(published) = at.plan.publishes(at.round) {
                    if !self.has_room(member, published.len) {
                        return Ok(false);
                    }
                    self.publish(member, at, &published, data)?;
                }
                (at.has_published, at.next) = (true, 0);
            }
            while at.next < self.size() {
                if let Some(take) = at.plan.takes(at.round, at.next)
                    && !self.take(member, at, &take, data)?
                {
                    return Ok(false);
                }
                at.next += 1;
            }
            at.end_round(data);
            self.round += 1;
            self.writer.finish(self.round);
            self.ring(member);
        }
        Ok(true)
    }

    /// Whether all readers have finished the round in which the place of the next `len` bytes was last used.
    #[inline(always)]
    fn has_room(&self, member: &Member, len: usize) -> bool {
        let Some(round) = self.writer.needs_finished(self.round, len) else { return true };
        loop {
            let slow = (0..self.size()).find(|one| *one != self.me && !self.reader(*one).has_finished(round));
            if !self.await_member(member, slow) {
                return slow.is_none();
            }
        }
    }

    #[inline(always)]
    fn publish(
        &mut self,
        member: &Member,
        at: &Running,
        published: &Published<'_>,
        data: &Data<'_>,
    ) -> Result<(), Stop> {
        let mut room = [0; LINE];
        let mut line: &[u8] = &[];
        if published.is_short() {
            for (offset, range) in published.parts() {
                let bytes = data.own(range);
                if published.len == bytes.len() {
                    line = bytes;
                } else {
                    room[offset..offset + bytes.len()].copy_from_slice(bytes);
                    line = &room[..published.len];
                }
            }
        } else {
            self.complete(member, self.me, published.len)?;
            for (part, (offset, range)) in (0..).zip(published.parts()) {
                // Nobody takes this member's own part of several.
                if part != self.me || published.len == range.len() {
                    self.writer.write(self.round, offset, data.own(range));
                }
            }
        }
        let in_line = if published.is_short() { line } else { &[] };
        let operation = at.plan.word();
        self.writer.publish(self.round, operation, at.plan.len(), in_line);
        self.ring(member);
        Ok(())
    }

    /// Makes sure that so many bytes of this round's part of a member's window have memory.
    #[inline(always)]
    fn complete(&self, member: &Member, of: u32, len: usize) -> Result<(), Stop> {
        let start = part(self.round).start;
        let extents = start / EXTENT..(start + len as u64).div_ceil(EXTENT);
        let bits = (1u64 << extents.end) - (1u64 << extents.start);
        let memory = &self.memory[of as usize];
        if u64::from(memory.get()) & bits == bits {
            return Ok(());
        }
        let rank = self.members[of as usize].0;
        let bytes = extents.start * EXTENT..extents.end * EXTENT;
        let result = member.region.segment.complete_window(self.slot, rank, bytes);
        result.map_err(|error| no_pages(member.rank(), &error))?;
        memory.set(memory.get() | bits as u32);
        Ok(())
    }

    /// Takes what the next member has for this one, if it is there. Whether it was.
    #[inline(always)]
    fn take(
        &mut self,
        member: &Member,
        at: &mut Running,
        take: &Take,
        data: &mut Data<'_>,
    ) -> Result<bool, Stop> {
        let from = at.next;
        if from == self.me {
            at.take_own(take, data);
            return Ok(true);
        }
        let published = loop {
            match self.readers[from as usize].published(self.round) {
                Some(published) => break published,
                None if self.await_member(member, Some(from)) => {}
                None => return Ok(false),
            }
        };
        if published.operation != at.plan.word() || published.len != at.plan.len() {
            self.end_copy(member, from)?;
            return Err(Stop::Member(Cause::Mismatch, from));
        }
        if take.published > LINE {
            self.complete(member, from, take.published)?;
        }
        let mut copy = |offset, to: &mut [u8]| published.copy(take.published, take.offset + offset, to);
        let to = &mut data.output[take.to.clone()];
        match &mut data.fold {
            Some(fold) if at.plan.folds(at.round) => {
                if from < self.me {
                    fold.take_before(!at.has_before, to.len(), &mut copy);
                    at.has_before = true;
                } else {
                    fold.take_after(to, &mut copy);
                }
            }
            _ => copy(0, to),
        }
        self.end_copy(member, from).map(|()| true)
    }

    /// An error if a later life of this member may have written to what was read of its slot.
    #[inline(always)]
    fn end_copy(&self, member: &Member, of: u32) -> Result<(), Stop> {
        let registry = &member.region.registry;
        // Nobody has come since the lives of all were looked at.
        if Reader::end_copy(registry.changes_word()) == self.looked_for {
            return Ok(());
        }
        let (rank, epoch) = self.members[of as usize];
        let life = &registry.rank(rank).identity.life;
        match Life::from_word(Reader::end_copy(life)).epoch() == epoch {
            true => Ok(()),
            false => Err(Stop::Member(Cause::Died, of)),
        }
    }

    /// The other members, with their ranks.
    #[inline(always)]
    fn others(&self) -> impl Iterator<Item = (u32, u32)> {
        let me = self.me;
        (0..).zip(&self.members).filter(move |(one, _)| *one != me).map(|(one, (rank, _))| (one, *rank))
    }

    /// Whom this rank waits for.
    pub fn awaited(&self) -> Source {
        let rank = |one: u32| Source::Rank(self.members[one as usize].0);
        self.awaited.get().map_or(Source::Anyone, rank)
    }
}
