//! A stream: messages that one process writes once, and that any number of processes read, each at its own pace.
//!
//! ```text
//!  oldest    cells, one a message: stamp, envelope, up to 48 bytes          payloads, a ring of bytes
//! ┌──────┐  ┌────────────┬────────────┬─────┬────────────┐  ┌──────────────┬──────────┬───────────┬───────┐
//! │  5   │  │ message 8  │ message 5  │  …  │ message 7  │  │ of message 7 │ of 8     │ held: 3   │ of 5  │
//! └──────┘  └────────────┴────────────┴─────┴────────────┘  └──────────────┴──────────┴───────────┴───────┘
//!  a reader's line: registration, cursor, held — one for each rank
//! ```
//! Messages have numbers from 0 on. The stamp of a cell is 1 + the number of the message in it, and is written last (Release). A
//! *reader* goes from cell to cell; its *cursor* is the number of the message that it reads next. The *writer* overwrites the
//! oldest messages, whether or not they were read, except for those that it must keep:
//!
//! - *A reader that is awaited* gets each message. The writer overwrites none that this reader's cursor has not passed.
//! - *Any other reader* may be passed. It sees that by `oldest`, goes on with the oldest message, and knows how many it has missed. What
//!   it reads in place, it *holds*: the writer leaves the bytes alone and writes around them.
//! - A message stays as long as there is room, also if all have read it. So a reader that comes late gets the last ones.
//!
//! # Why no reader sees what is overwritten
//!
//! Before the writer overwrites anything of messages below a number, it stores this number as `oldest`, makes a full fence, and then
//! looks at all readers. It does so for a quarter of the cells at a time, or for the bytes that it needs.
//! - *A copy* (all that fits a cell is copied): the reader copies, makes a fence, and loads `oldest`. If it has copied a word that was
//!   overwritten, it sees the number that was stored before. Then the copy counts for nothing.
//! - *A held message*: the reader stores what it holds, makes a full fence, and loads `oldest`. If `oldest` is above, it lets go and has
//!   missed the message. Otherwise its fence came before the writer's, and the writer's look sees what is held.
//! - *An awaited reader that begins*: the same with its registration and its cursor. If its fence came first, the writer sees it only
//!   after it has stored `oldest`, and waits. So an awaited reader does not look at `oldest` any more, but at `gone`, which the
//!   writer stores when it has seen that no awaited reader needs these messages.
//! - *A cursor that moves, a message that is let go*: the store is a Release, the writer's look an Acquire. So the writer's stores come
//!   after all that the reader has loaded.
//!
//! # What if a process stops here for ever
//!
//! A writer that dies while it writes leaves no stamp, so there is no message. Its successor reads from the cells which message is the
//! newest and where the payloads of the others lie. A reader that dies keeps its message, and those above its cursor, until the writer
//! knows of its death. The writer asks when it needs the room.
//!
//! # What if a word is garbage
//!
//! An envelope is checked before it is used. Garbage in a cell or in `oldest` gives a wrong message, or none. Garbage in a reader's line
//! keeps as much room as this reader could keep otherwise.
//!
//! # Waiting
//!
//! A reader sleeps on its rank's bell, and the writer looks at the bells of all ranks that read (`topic`). A writer that waits for room says
//! in `starved` below which number nobody must need a message. It makes a full fence, and looks once more. A reader that has passed that
//! number, or has let a message go, looks at the writer's bell; if it is set, it makes a full fence, and looks at `starved`. So
//! either the writer sees the cursor, or the reader sees `starved`, and rings.

mod places;
mod reader;
mod writer;

pub use places::Places;
pub use reader::{Found, Outrun, StreamReader, has_message};
pub use writer::{Behind, Place, StreamWriter, ranks};

use crate::abi::{ARENA_ALIGN, INLINE};
use core::ops::Range;

/// Where the payload of a message lies, and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// In its cell.
    Short(usize),
    /// In these bytes of the payloads.
    Placed(Range<u64>),
}

impl Payload {
    /// As a word that is not 0: the length, and above it 1 + the number of the place's first 64 bytes, or 0 if there is no place.
    pub fn pack(&self) -> u64 {
        match self {
            Payload::Short(len) => SHORT | *len as u64,
            Payload::Placed(bytes) => (bytes.start / ARENA_ALIGN + 1) << 32 | (bytes.end - bytes.start),
        }
    }

    /// What a word says, if that can be among so many bytes of payloads.
    pub fn of(word: u64, bytes: u64) -> Option<Self> {
        let len = word & u64::from(u32::MAX);
        match (word >> 32).checked_sub(1) {
            None => {
                let len = (len & !SHORT) as usize;
                (word & SHORT != 0 && len <= INLINE).then_some(Payload::Short(len))
            }
            Some(units) => {
                let start = units * ARENA_ALIGN;
                (start + len <= bytes).then_some(Payload::Placed(start..start + len))
            }
        }
    }
}

/// Marks the length of a payload in its cell.
const SHORT: u64 = 1 << 31;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_where_a_payload_lies() {
        for payload in
            [Payload::Short(0), Payload::Short(48), Payload::Placed(0..0), Payload::Placed(64..4096)]
        {
            assert_eq!(Payload::of(payload.pack(), 4096), Some(payload));
        }
        let garbage = [
            0,
            48,
            SHORT | 49,
            u64::MAX,
            Payload::Placed(64..4097).pack(),
            Payload::Placed(4096..4097).pack(),
        ];
        for word in garbage {
            assert_eq!(Payload::of(word, 4096), None, "{word:#x}");
        }
    }
}
