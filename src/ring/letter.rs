//! What a receiving end hands out.

use crate::abi::{Envelope, Kind, Place};
use std::thread::panicking;

/// A message that the consumer has found: private copies of all that says where it is (I3).
#[derive(Debug, Clone, Copy)]
pub struct Letter {
    /// Its sequence number.
    pub seq: u64,
    /// The payload's length in bytes.
    pub len: usize,
    /// A word that [`Envelope::unpack`] takes.
    pub(super) envelope: u64,
    /// First word of the payload in the arena, or [`IN_CELL`].
    pub(super) first: usize,
    /// Whether it may have been handed out before: to an earlier holder of the rank that died, or here, where it was put
    /// back.
    pub redelivered: bool,
    /// Whether its thread was unwinding when it took this. Known of redelivered ones and of calls on the line.
    pub in_unwinding: bool,
}

/// The payload is in the cell: no arena has so many words.
pub(super) const IN_CELL: usize = usize::MAX;
/// The message came in fragments, and its payload is in private memory.
const ASSEMBLED: usize = usize::MAX - 1;
/// It is a call, on the call line.
const ON_LINE: usize = usize::MAX - 2;

impl Letter {
    /// Whether it is a message, not a fragment of one.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        Envelope::is_whole(self.envelope)
    }

    /// The call with this stamp on the call line.
    pub fn on_line(stamp: u64, envelope: Envelope, len: usize) -> Self {
        let envelope = envelope.pack();
        Self { seq: stamp, len, envelope, first: ON_LINE, redelivered: false, in_unwinding: false }
    }

    /// Whether it is on the call line; its number is the stamp there.
    #[inline(always)]
    pub fn is_on_line(&self) -> bool {
        self.first == ON_LINE
    }

    /// Whether it is a call.
    #[inline(always)]
    pub fn is_call(&self) -> bool {
        Envelope::is_call(self.envelope)
    }

    /// Whether its payload is in its cell.
    #[inline(always)]
    pub fn is_in_cell(&self) -> bool {
        self.first == IN_CELL
    }

    /// Whether its payload is in private memory.
    #[inline(always)]
    pub fn is_assembled(&self) -> bool {
        self.first == ASSEMBLED
    }

    /// The whole message of `len` bytes of which this is the last fragment.
    pub fn assembled(self, len: usize) -> Self {
        Self { len, first: ASSEMBLED, ..self }
    }

    /// The same, taken just now, of which is known whether it may have been handed out before.
    #[inline(always)]
    pub fn marked(self, redelivered: bool) -> Self {
        Self { redelivered, in_unwinding: redelivered && panicking(), ..self }
    }

    /// Its envelope.
    #[inline(always)]
    pub fn envelope(&self) -> Envelope {
        Envelope::unpack(self.envelope).unwrap_or(Envelope {
            tag: 0,
            context: 0,
            epoch: 0,
            kind: Kind::Whole,
            place: Place::Inline(0),
        })
    }
}
