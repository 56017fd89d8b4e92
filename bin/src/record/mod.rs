//! A file of what passed in a region: mail, what was published in topics, and how much was missed.
//!
//! A *header* comes first, then one *record* after the other. All numbers are little-endian.
//!
//! ```text
//!  header, 32 bytes                                              record
//! ┌────────────┬───────────┬─────────┬────────┬────────┬───────┐┌─────────┬─────────┬───────────────┬─────────┐
//! │ "mbox-rec" │ version 2 │ ranks   │ start  │ 0      │ check ││ len     │ check   │ body          │ check   │
//! │ 8 bytes    │ u32       │ u32     │ u64    │ u32    │ u32   ││ u32     │ u32     │ `len` bytes   │ u32     │
//! └────────────┴───────────┴─────────┴────────┴────────┴───────┘└─────────┴─────────┴───────────────┴─────────┘
//! ```
//! - A *check* is the CRC-32 (of zip and gzip) of what is before it: of the whole header, of `len`, of the body.
//! - `start` is when the recording began, in nanoseconds since 1970 (UTC).
//! - `len` is at most 2^30 + 4096. It has a check of its own, so that no wrong length is believed.
//!
//! A body has its kind, 1 byte, the nanoseconds since the start, a u64, and then:
//!
//! | kind | what it is | fields |
//! |---|---|---|
//! | 0 | the end, once, last | records before it: u64 |
//! | 1 | mail | from: u32, to: u32, tag: u32, context: u16, payload: the rest |
//! | 2 | a message of a topic | number: u64, bytes of the name: u8, name: UTF-8, payload: the rest |
//! | 3 | mail that was missed | from: u32, to: u32, messages: u64 |
//! | 4 | messages of a topic that were missed | messages: u64, bytes of the name: u8, name: UTF-8 |
//! | 5 | a value of a topic that is published as its latest value | as of 2 |
//!
//! The context is 0 for mail of no communicator. A reader takes memory for bytes only as they come. It ends at the first record
//! that is cut or garbled, and says where that one begins. A file without an end was cut, too: its recorder was killed.
//! A change of the format changes the version. Version 1 had no kind 5, and is read, too.

mod entry;
mod reader;
mod writer;

pub use entry::{Entry, Record};
pub use reader::{ReadError, Reader};
pub use writer::Writer;

#[cfg(test)]
mod tests;
