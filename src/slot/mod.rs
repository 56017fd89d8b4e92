//! A group's slots: what its members tell each other in rounds.
//!
//! All members go through the same *rounds*, numbered from 0 on, each at its own pace. In a round a member may *publish*
//! something for others, and *take* what others have published. It knows from the operation which of them do.
//!
//! ```text
//!  member 0's slot                       member 1's slot
//! ┌───────────────────────────────┐     ┌───────────────────────────────┐     a slot has one writer, and all members read it
//! │ state: group, finished, …     │     │ state                         │
//! │ line 0 │ line 1 │ line 2 │ …  │     │ line 0 │ line 1 │ line 2 │ …  │     round r: line r mod 32, stamp r + 1
//! │ part 0 │ part 1 │ part 2 │ …  │     │ part 0 │ part 1 │ part 2 │ …  │     and part r mod 4 of the window, for long data
//! └───────────────────────────────┘     └───────────────────────────────┘
//! ```
//! - **Publishing** is one store of the stamp, with Release, after the words of the line and of the window. A member that stops
//!   half-way has published nothing.
//! - **Room.** A line is written again 32 rounds later, a part of the window four rounds later. Its writer first makes sure that
//!   every reader has *finished* the round that it was for. A reader says so in its own slot (Release); what it has published in a later round says it, too. So
//!   where everybody waits for everybody, nobody looks at that word.
//! - **Beginning.** A rank empties its slot, and only then stores the number of the group there (Release). A member looks at
//!   nothing else in a slot before it has seen that number. So what a former group left is never taken for something new.
//! - **Ending.** A rank that no longer needs the group says so, and stores 0 there. It uses the slot for another group only when
//!   all members have said so, or ended: none of them still reads there. A member that has not begun yet may begin late.
//! - **A late reader.** A life of a rank that died may be followed by another, which does not know who still reads. It makes a
//!   fence before it writes to a slot ([`Edge::Successor`](crate::sync::Edge)), after it has stored its new life. A reader
//!   copies, makes a fence, and looks at the life: if it is still the same, the copy is whole.
//!
//! Garbage in a slot leads to wrong values for the members of that group, or to an error: lengths are checked against what the
//! reader expects, and nothing is used as an index.

mod declined;
mod reader;
mod writer;

pub use declined::{decline, has_declined};
pub use reader::Reader;
pub use writer::Writer;

use crate::abi::{DEPTH, LIST_WORDS, PART, PARTS, RoundLine};
use crate::memory::GroupSlot;
use crate::sync::AtomicU64;
use core::ops::Range;

/// Which members make the next group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Its slot; a number that is none if no slot is free.
    pub slot: u64,
    /// Its number.
    pub id: u64,
    /// One bit for each member of this group.
    pub members: [u64; LIST_WORDS],
}

fn line(slot: &GroupSlot, round: u64) -> &RoundLine {
    &slot.lines.lines[(round % DEPTH) as usize]
}

/// Bytes of the window that this round may use.
pub fn part(round: u64) -> Range<u64> {
    let start = round % PARTS * PART;
    start..start + PART
}

/// The words of the window from this byte of the round's part on.
fn words(slot: &GroupSlot, round: u64, offset: usize) -> &[AtomicU64] {
    // In a model check windows are small.
    let part = slot.window.len() / PARTS as usize;
    let start = (round % PARTS) as usize * part;
    &slot.window[start + offset / 8..start + part]
}
