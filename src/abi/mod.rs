//! The ABI: what lies where in a region's segment, and what holds for it. Nothing here runs; everything is checked.
//!
//! ```text
//!  0        4096        4096 + 1024 x ranks, to a page
//! ┌────────┬────────────┬──────────────────────────────┬──────────────────────────────┬───┬────────────┬───┬───────────────┬─────────┐
//! │ Header │ rank table │ mailboxes to 0, from 0,1,2 … │ mailboxes to 1, from 0,1,2 … │ … │ loans of 0 │ … │ slots of      │ windows │
//! │        │            │                              │                              │   │            │   │ group 0, 1, … │         │
//! └────────┴────────────┴──────────────────────────────┴──────────────────────────────┴───┴────────────┴───┴───────────────┴─────────┘
//!  reserved at creation   each touched only after its bit in the receiver's `opened` is set; an extent of an arena, a chunk of
//!                         loans, the slots of a group, and a part of a window, only after the process that touches it has seen
//!                         that it has memory
//!
//!  a rank's record, 1024 B
//! ┌───────────────────┬───────────────────────┬──────────┬────────────────────┬──────────┐
//! │ identity: life,   │ bells: a word, two    │ opened:  │ activity: awaited, │ declined │
//! │ pid, label, lock  │ modes, two events     │ 16 words │ sleeps, processors │ 64 words │
//! │ 128 B             │ 128 B                 │ 128 B    │ 128 B              │ 512 B    │
//! └───────────────────┴───────────────────────┴──────────┴────────────────────┴──────────┘
//!  holder              holder and ringers      senders    holder               holder
//!
//!  mailbox (from, to), page-aligned
//!  mail lane                             call line   return lane                 cells of the   arenas of the
//! ┌──────────────────┬──────────────────┬───────────┬─────────────┬─────────────┬──────┬───────┬──────┬───────┐
//! │ consumer line:   │ producer line:   │           │ consumer    │ producer    │ mail │ return│ mail │ return│
//! │ head, told, reset│ counters, reset, │           │ line        │ line        │ lane:│ lane: │ lane │ lane  │
//! │ counters; 128 B  │ starved; 128 B   │ 128 B     │ 128 B       │ 128 B       │ x64 B│128x64B│      │       │
//! └──────────────────┴──────────────────┴───────────┴─────────────┴─────────────┴──────┴───────┴──────┴───────┘
//!  receiver           sender             both,       sender        receiver      sender receiver sender receiver
//!                                        in turns
//! ```
//! The area for loans of a rank is written by that rank only. The cells of all its mail lanes may refer to it. For each group
//! every rank has a slot and a window, which it alone writes and all members of the group read: see `abi::group` and `slot`.
//!
//! Below each part stands its writer. Two words have a second one: the lock in `identity` (on platforms where it is a
//! word) is also written by a process that takes all locks, and `found_dead` is written by a peer that finds the
//! holder dead.
//!
//! Words of different writers are at least 128 bytes apart, because some processors fetch cache lines in pairs. All
//! words are in the machine's byte order; the magic number tells which.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | segment | the memory that the processes share |
//! | region | a segment that is laid out as above |
//! | rank | the number of a participant; at most one process holds it at a time |
//! | epoch | how many times a rank has been claimed |
//! | life | a rank's epoch, and whether its holder has left |
//! | mailbox | all that one rank sends to another, and the answers to its calls: a mail lane, a call line, a return lane |
//! | lane | a ring of cells with one writer and one reader, and an arena |
//! | cell | 64 bytes of a lane: stamp, envelope, up to 48 bytes of payload |
//! | stamp | the word of a cell that says which message is in it; written last |
//! | envelope | the word of a cell that describes the message: label, kind, length, place of the payload, sender's epoch |
//! | tag, context | of a message: a number that the application chose; which conversation it belongs to. Together: its label |
//! | arena | where a lane keeps the payloads that are too large for a cell; each begins at a multiple of 64 |
//! | extent | a part of an arena that is taken and freed as a whole: a page, a chunk, or a run of chunks; see `abi::pool` |
//! | loan | a payload that is written once, in place, in its sender's own area; cells of several lanes may refer to it |
//! | block | the consecutive chunks that hold a loan |
//! | row | up to 16 consecutive messages, which a consumer takes after one look ahead |
//! | head, tail | sequence numbers: of the oldest message that is not acknowledged; of the next message |
//! | call line | a cell beside the lanes; a call and its answer travel through it when it is free |
//! | bell | the word that a rank sleeps on, with one bit for each thing that it waits for: mail, room |
//! | announced | of a message: its cell holds only its length; its bytes follow when the receiver wants them |
//! | transfer slot | two lines of a mailbox and a ring of 256 KiB; announced messages go through it one at a time; see `ring::transfer` |
//! | group, member | ranks, each in one life, that act together; one of them |
//! | slot, window | a rank's lines in a group, which it writes and all members read; its memory for what is too long for a line |
//! | topic, value | a name under which one rank publishes something; the newest of it, which any rank reads as a whole |
//! | stream | what is published in a topic, as messages; each reader reads all of them, or misses some and knows how many |
//! | awaited | of a reader of a stream: the writer waits for it |
//! | round | the step in which a member publishes something for others, or takes what they have published |
//! | reset | the receiver asks to start again with a mailbox whose words make no sense, and its sender agrees |
//! | starved | of a sender: it waits until a certain message is acknowledged, and has told its receiver which one |
//!
//! # Invariants
//!
//! The code refers to them by number.
//!
//! - **I1** `0 ≤ tail − head ≤ cells`, and the live payloads of a lane occupy no more extents than its share. A
//!   peer's word outside its range leads to `Corrupt`; it is never used as an index.
//! - **I2** Every shared word has one writing role, which its comment names. Caller and server take turns on the call
//!   line. The role of a rank belongs to the process that holds its lock; a sender that holds the lock of an absent
//!   receiver acts in its place. The exceptions are the bells and their events, the `opened` words, locks where they
//!   are words, and the hints `changes` and `found_dead`.
//! - **I3** Every shared word is read once into a local variable. The copy is checked, and the copy is used.
//! - **I4** No reference and no slice points at bytes that a peer may write, except `&AtomicU32` and `&AtomicU64`.
//!   Borrowing a payload as `&[u8]` is `unsafe`; its contract is a trusted peer.
//! - **I5** A rank is held by the open file description that holds its lock. The kernel releases the lock when the
//!   holder dies, in any PID namespace.
//! - **I6** Every wait for another process has a bound. When it is reached, the waiting process checks whether the
//!   other one lives.
//! - **I7** A peer's bytes can cause an `Err` and nothing worse: no panic, no abort, no endless loop, no undefined
//!   behaviour.
//! - **I8** A message that lies in a mailbox as a whole is delivered at least once until it is acknowledged, even if
//!   either side dies. Once it and all older ones of the mailbox are acknowledged, it is never delivered again; while an
//!   older one is not, the rank's next holder gets both. An announced message is delivered at most once.
//! - **I9** The owner of an arena or an area for loans never hands out bytes that an unacknowledged cell refers to,
//!   no matter which life wrote the cell.
//!   A member of a group does not overwrite what another may still read: it has seen that the other has finished that round, or
//!   has ended.
//! - **I10** A process that sleeps until it has room has first told the process that can make room.

mod counts;
mod envelope;
mod filter;
mod group;
mod header;
mod label;
mod layout;
mod locks;
mod order;
mod padded;
mod pool;
mod record;
mod redelivery;
mod sections;
mod starved;
mod topic;

pub use counts::*;
pub use envelope::*;
pub use filter::Filter;
pub use group::*;
pub use header::*;
pub use label::Label;
pub use layout::*;
pub use locks::*;
pub use order::*;
pub use padded::Padded;
pub use pool::*;
pub use record::*;
pub use redelivery::*;
pub use sections::*;
pub use starved::Starved;
pub use topic::*;
