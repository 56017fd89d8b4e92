//! The lines of a group: what its members tell each other in collective operations. Pure functions on checked values.
//!
//! A region has room for some *groups*. For each group every rank has a *slot*: some lines, and a window for longer data. Only
//! that rank writes its slot, and every member of the group may read it. `slot` says how.

use super::layout::SKEW;
use super::{Geometry, PAGE, Padded};
use crate::sync::AtomicU64;

/// Consecutive rounds that a member may be ahead of the slowest reader of its lines. A model check goes round all of them.
pub const DEPTH: u64 = if cfg!(loom) { 4 } else { 32 };
/// The same of rounds that carry more than a line.
pub const PARTS: u64 = 4;
/// Words of payload in a line.
pub const LINE_WORDS: usize = 13;
/// Bytes of payload in a line.
pub const LINE: usize = 8 * LINE_WORDS;
/// Bytes of a part of a window: what one round can carry beyond a line.
pub const PART: u64 = 256 << 10;
/// Bytes of a window.
pub const WINDOW: u64 = PARTS * PART;
/// The most groups that a region can have: so many contexts can be told from each other.
pub const MAX_GROUPS: u32 = 62;
/// Words of a list of members, one bit for each.
pub const LIST_WORDS: usize = 16;

/// A rank's lines in a group.
#[repr(C)]
pub struct SlotLines {
    /// What its rank says of itself.
    pub state: Padded<SlotState>,
    /// The members of the group that follows this one.
    pub decision: Padded<Decision>,
    /// The line of round `r` is number `r mod DEPTH`.
    pub lines: [Padded<RoundLine>; DEPTH as usize],
}

/// What a rank says of itself in a group. All but the first two words are zero before it says that it uses the slot.
#[repr(C)]
pub struct SlotState {
    /// The number of the group for which the rank uses the slot; 0 if for none.
    pub group: AtomicU64,
    /// The number of the last group that it used the slot for, and uses no more.
    pub dropped: AtomicU64,
    /// How many rounds it has finished.
    pub finished: AtomicU64,
    /// Not 0: why it takes part no more, a packed [`Cause`].
    pub broken: AtomicU64,
    /// 1 + the rank that it sleeps for; 0 for any. A hint.
    pub awaits: AtomicU64,
    /// How many times it has asked for a group of those that are left.
    pub shrinks: AtomicU64,
    /// The slots that it could use for that group, one bit for each.
    pub free: AtomicU64,
}

/// Which members make the next group, as one of them has decided. Two lines.
#[repr(C)]
pub struct Decision {
    /// How many requests of this rank are answered, this one included. Written last.
    pub answers: AtomicU64,
    /// The slot of the next group; a number that is none if no slot is free.
    pub slot: AtomicU64,
    /// Its number.
    pub id: AtomicU64,
    /// Bit `m % 64` of word `m / 64`: the member `m` of this group is one of the next.
    pub members: [AtomicU64; LIST_WORDS],
}

/// What a member has for others in a round.
#[repr(C)]
pub struct RoundLine {
    /// 1 + the round. Published last.
    pub stamp: AtomicU64,
    /// Which operation it belongs to: every member says the same.
    pub operation: AtomicU64,
    /// Bytes that the operation is about.
    pub len: AtomicU64,
    /// The payload, if it fits. Otherwise it lies in the window, in part `r mod PARTS`.
    pub payload: [AtomicU64; LINE_WORDS],
}

const _: () = assert!(size_of::<RoundLine>() == 128 && size_of::<SlotState>() <= 128);

impl Geometry {
    /// Offset of the lines of `rank` in a group. Those of all ranks lie together.
    pub fn slot(&self, group: u32, rank: u32) -> u64 {
        let before = group as u64 * self.ranks as u64 + rank as u64;
        self.end_of_loans() + before * size_of::<SlotLines>() as u64
    }

    /// Offset of the window of `rank` in a group, in pages of its own.
    pub fn window(&self, group: u32, rank: u32) -> u64 {
        let before = group as u64 * self.ranks as u64 + rank as u64;
        let windows = self.slot(self.groups, 0).next_multiple_of(PAGE);
        windows + before * (PAGE + WINDOW) + SKEW
    }

    /// Bytes of the region without the windows of groups and what follows them.
    pub fn without_windows(&self) -> u64 {
        self.window(0, 0) - SKEW
    }

    /// Offset of what follows the groups.
    pub(super) fn end_of_groups(&self) -> u64 {
        self.window(self.groups, 0) - SKEW
    }
}

/// Why a member takes part in a group no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A member died, or was replaced.
    Died = 1,
    /// A member has left the region, or has dropped the communicator.
    Left = 2,
    /// A member was in another operation than others.
    Mismatch = 3,
    /// A member gave up an operation that had begun.
    GivenUp = 4,
}

impl Cause {
    /// Why, and because of which member, as a word that is not 0.
    pub const fn pack(self, member: u32) -> u64 {
        (self as u64) << 32 | member as u64
    }

    /// What such a word says; `None` if it makes no sense in a group of so many members.
    pub fn of(word: u64, size: u32) -> Option<(Self, u32)> {
        let cause = match word >> 32 {
            1 => Cause::Died,
            2 => Cause::Left,
            3 => Cause::Mismatch,
            4 => Cause::GivenUp,
            _ => return None,
        };
        ((word as u32) < size).then_some((cause, word as u32))
    }
}

const _: () = assert!(super::MAX_RANKS as usize <= 64 * LIST_WORDS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_says_what_was_packed() {
        for cause in [Cause::Died, Cause::Left, Cause::Mismatch, Cause::GivenUp] {
            assert_eq!(Cause::of(cause.pack(1023), 1024), Some((cause, 1023)));
            assert_eq!(Cause::of(cause.pack(2), 2), None, "no such member");
        }
        for word in [0, 5 << 32, u64::MAX] {
            assert_eq!(Cause::of(word, 1024), None);
        }
    }
}
