//! A rank's own slot.

use super::{Decided, line, words};
use crate::abi::{Cause, DEPTH, LINE, PARTS};
use crate::memory::{GroupSlot, store};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{Edge, Mutant, fence, full_fence, mutated, release};

/// The writing end of a slot, from the beginning of its use for a group on.
pub struct Writer {
    slot: GroupSlot,
    /// By line: 1 + the last round that was published in it; 0 if none was.
    lines: [u64; DEPTH as usize],
    /// By part of the window: the same.
    parts: [u64; PARTS as usize],
}

impl Writer {
    /// Empties the slot and says that it is used for the group of this number. Nobody reads there any more, except for readers
    /// of a former life. The lines have memory.
    pub fn begin(slot: GroupSlot, group: u64) -> Self {
        // Pairs with `Reader::end_copy`. The life was stored when the rank was claimed.
        if !mutated(Mutant::Release(Edge::Successor)) {
            fence(Release);
        }
        let state = &slot.lines.state;
        for word in
            [&state.finished, &state.broken, &state.awaits, &state.shrinks, &slot.lines.decision.answers]
        {
            word.store(0, Relaxed);
        }
        slot.lines.lines.iter().for_each(|line| line.stamp.store(0, Relaxed));
        // Pairs with `Reader::has_begun`.
        state.group.store(group, release(Edge::Group));
        Self { slot, lines: [0; DEPTH as usize], parts: [0; PARTS as usize] }
    }

    /// The round that all readers must have finished before `len` bytes can be published in `round`; `None` if nothing was
    /// published that they could still read there.
    #[inline(always)]
    pub fn needs_finished(&self, round: u64, len: usize) -> Option<u64> {
        let line = self.lines[(round % DEPTH) as usize];
        let part = if len > LINE { self.parts[(round % PARTS) as usize] } else { 0 };
        line.max(part).checked_sub(1)
    }

    /// Writes to the window, beginning at this byte of the round's part, a multiple of 8. There is room, and memory.
    #[inline(always)]
    pub fn write(&mut self, round: u64, offset: usize, bytes: &[u8]) {
        self.parts[(round % PARTS) as usize] = round + 1;
        store(words(&self.slot, round, offset), bytes);
    }

    /// Publishes a line. `bytes` go into the line if they fit; otherwise they were written to the window. There is room.
    #[inline(always)]
    pub fn publish(&mut self, round: u64, operation: u64, len: u64, bytes: &[u8]) {
        let line = line(&self.slot, round);
        line.operation.store(operation, Relaxed);
        line.len.store(len, Relaxed);
        if bytes.len() <= LINE {
            store(&line.payload, bytes);
        }
        self.lines[(round % DEPTH) as usize] = round + 1;
        // Pairs with `Reader::published`.
        line.stamp.store(round + 1, release(Edge::Arrived));
    }

    /// Says that this rank has finished so many rounds: it reads there no more.
    #[inline(always)]
    pub fn finish(&self, rounds: u64) {
        // Pairs with `Reader::has_finished`.
        self.slot.lines.state.finished.store(rounds, release(Edge::Finished));
    }

    /// Says that this rank takes part no more, and why.
    pub fn break_off(&self, cause: Cause, member: u32) {
        self.slot.lines.state.broken.store(cause.pack(member), Relaxed);
    }

    /// Says for which rank it sleeps; `None` for any. If it is asleep already, it must look once more after this: that rank may
    /// have published meanwhile, and have seen it sleep for another.
    pub fn awaits(&self, rank: Option<u32>, is_asleep: bool) {
        self.slot.lines.state.awaits.store(rank.map_or(0, |rank| 1 + u64::from(rank)), Relaxed);
        if is_asleep {
            full_fence(Edge::Awaited);
        }
    }

    /// Asks for a group of those that are left, for the `count`th time. These slots could be used for it.
    pub fn ask_for_shrink(&self, count: u64, free: u64) {
        let state = &self.slot.lines.state;
        state.free.store(free, Relaxed);
        state.shrinks.store(count, release(Edge::Decided));
    }

    /// Decides: this answers the `count`th request.
    pub fn decide(&self, count: u64, decided: &Decided) {
        let decision = &self.slot.lines.decision;
        decision.slot.store(decided.slot, Relaxed);
        decision.id.store(decided.id, Relaxed);
        for (word, bits) in decision.members.iter().zip(decided.members) {
            word.store(bits, Relaxed);
        }
        decision.answers.store(count, release(Edge::Decided));
    }

    /// Says that this rank uses the slot no more: it reads nothing of the group.
    pub fn drop_group(&self, group: u64) {
        let state = &self.slot.lines.state;
        state.dropped.store(group, release(Edge::Group));
        state.group.store(0, release(Edge::Group));
    }
}
