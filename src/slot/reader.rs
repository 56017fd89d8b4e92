//! The slot of another member.

use super::{Decided, line, words};
use crate::abi::{Cause, LINE};
use crate::memory::{GroupSlot, load};
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::{AtomicU64, Edge, Mutant, acquire, fence, mutated};
use core::cell::Cell as Private;

/// The reading end of another member's slot. Everything that it returns is a copy.
pub struct Reader {
    slot: GroupSlot,
    group: u64,
    /// Whether that member was seen to have begun.
    has_begun: Private<bool>,
    /// It has finished so many rounds, as far as was seen.
    finished: Private<u64>,
    /// What the slot was used for when this rank began, and before that.
    before: [u64; 2],
}

/// What a member has published in a round.
#[derive(Clone, Copy)]
pub struct Published<'a> {
    slot: &'a GroupSlot,
    round: u64,
    /// Which operation it is for.
    pub operation: u64,
    /// What it says of its length.
    pub len: u64,
}

impl Reader {
    /// The slot of a member of the group of this number. This rank has not begun to use its own slot for that group.
    pub fn new(slot: GroupSlot, group: u64) -> Self {
        let mut reader = Self { slot, group, has_begun: false.into(), finished: 0.into(), before: [0; 2] };
        reader.before = reader.uses();
        reader
    }

    /// The group that the member uses the slot for, and the last one that it has dropped.
    fn uses(&self) -> [u64; 2] {
        let state = &self.slot.lines.state;
        [state.group.load(acquire(Edge::Group)), state.dropped.load(acquire(Edge::Group))]
    }

    /// Whether the member has begun to use the slot for the group, as far as is known or can be seen.
    #[inline(always)]
    pub fn has_begun(&self) -> bool {
        self.has_begun.get() || self.look_for_begin()
    }

    fn look_for_begin(&self) -> bool {
        // Pairs with `Writer::begin`: nothing of a former group is left. A member that has dropped the group has left its lines
        // there.
        let has_begun =
            self.slot.lines.state.group.load(acquire(Edge::Group)) == self.group || self.has_dropped();
        self.has_begun.set(has_begun);
        has_begun
    }

    /// What the member has published in this round, if it has.
    #[inline(always)]
    pub fn published(&self, round: u64) -> Option<Published<'_>> {
        if !self.has_begun() {
            return None;
        }
        let line = line(&self.slot, round);
        // Pairs with `Writer::publish`.
        if line.stamp.load(acquire(Edge::Arrived)) != round + 1 {
            return None;
        }
        // It is in this round, so it has finished those before.
        self.finished.set(self.finished.get().max(round));
        Some(Published {
            slot: &self.slot,
            round,
            operation: line.operation.load(Relaxed),
            len: line.len.load(Relaxed),
        })
    }

    /// Whether the member has finished this round, so that its lines may be overwritten. `round` is a past one of the caller.
    #[inline(always)]
    pub fn has_finished(&self, round: u64) -> bool {
        self.finished.get() > round || self.look_for_finish(round)
    }

    fn look_for_finish(&self, round: u64) -> bool {
        if !self.has_begun() {
            return false;
        }
        // Pairs with `Writer::finish`.
        let finished = self.slot.lines.state.finished.load(acquire(Edge::Finished));
        // More than was published is a lie, which only spoils what the liar reads.
        self.finished.set(self.finished.get().max(finished));
        self.finished.get() > round
    }

    /// Why the member takes part no more, and because of which of `size` members; `None` if it does not say so.
    pub fn broken(&self, size: u32) -> Option<(Cause, u32)> {
        if !self.has_begun() {
            return None;
        }
        Cause::of(self.slot.lines.state.broken.load(Relaxed), size)
    }

    /// Whether the member, which sleeps, does so for this rank.
    #[inline(always)]
    pub fn awaits(&self, rank: u32) -> bool {
        let word = self.slot.lines.state.awaits.load(Relaxed);
        word == 0 || word == 1 + u64::from(rank)
    }

    /// Whether the member has used the slot for the group, and uses it no more.
    pub fn has_dropped(&self) -> bool {
        self.slot.lines.state.dropped.load(acquire(Edge::Group)) == self.group
    }

    /// Whether the member reads nothing of the group any more: it has dropped it. One that has not begun reads later, unless it
    /// has used the slot for another group since: it does that only once the group is over for it, or never came to be.
    pub fn is_away(&self) -> bool {
        let uses = self.uses();
        uses[1] == self.group || uses[0] != self.group && uses != self.before
    }

    /// Which slots the member could use for a smaller group, one bit for each; `None` if it has not asked so often for one.
    pub fn free(&self, count: u64) -> Option<u64> {
        let state = &self.slot.lines.state;
        // Pairs with `Writer::ask_for_shrink`.
        let has_asked = self.has_begun() && state.shrinks.load(acquire(Edge::Decided)) >= count;
        has_asked.then(|| state.free.load(Relaxed))
    }

    /// What the member has decided in answer to the `count`th request, if it has.
    pub fn decision(&self, count: u64) -> Option<Decided> {
        let decision = &self.slot.lines.decision;
        // Pairs with `Writer::decide`.
        let is_there = self.has_begun() && decision.answers.load(acquire(Edge::Decided)) == count;
        is_there.then(|| Decided {
            slot: decision.slot.load(Relaxed),
            id: decision.id.load(Relaxed),
            members: core::array::from_fn(|word| decision.members[word].load(Relaxed)),
        })
    }

    /// Ends a copy, of a member whose life is in this word. Returns the word. If that is still the same life, the copy is whole.
    /// The same is true of any other word that a new life changes before it begins to use a slot.
    #[inline(always)]
    pub fn end_copy(life: &AtomicU64) -> u64 {
        // Pairs with `Writer::begin`.
        if !mutated(Mutant::Acquire(Edge::Successor)) {
            fence(Acquire);
        }
        life.load(Relaxed)
    }
}

impl Published<'_> {
    /// Copies bytes from this place of what was published, which is `len` bytes long. What lies in a window must have memory.
    #[inline(always)]
    pub fn copy(&self, len: usize, offset: usize, to: &mut [u8]) {
        debug_assert!(offset.is_multiple_of(8));
        let words = if len <= LINE {
            &line(self.slot, self.round).payload[offset / 8..]
        } else {
            words(self.slot, self.round, offset)
        };
        load(words, to);
    }
}
