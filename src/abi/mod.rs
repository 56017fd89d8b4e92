//! The ABI: what lies where in a region's segment, and what holds for it. Nothing here runs; everything is checked.
//!
//! ```text
//!  0        4096        4096 + 1024 x ranks, to a page
//! ┌────────┬────────────┬──────────────────────────────┬──────────────────────────────┬─────┬────────────┬────────────┬───┐
//! │ Header │ rank table │ mailboxes to 0, from 0,1,2 … │ mailboxes to 1, from 0,1,2 … │  …  │ loans of 0 │ loans of 1 │ … │
//! └────────┴────────────┴──────────────────────────────┴──────────────────────────────┴─────┴────────────┴────────────┴───┘
//!  reserved at creation   each touched only after its bit in the receiver's `opened` is set; an extent of an arena, and a
//!                         chunk of loans, only after the process that touches it has seen that it has memory
//!
//!  a rank's record, 1024 B
//! ┌───────────────────┬───────────────────────┬──────────┬────────────────────┬──────────┐
//! │ identity: life,   │ bells: a word, two    │ opened:  │ activity: awaited, │ reserved │
//! │ pid, label, lock  │ modes, two events     │ 16 words │ sleeps, processors │          │
//! │ 128 B             │ 128 B                 │ 128 B    │ 128 B              │ 512 B    │
//! └───────────────────┴───────────────────────┴──────────┴────────────────────┴──────────┘
//!  holder              holder and ringers      senders    holder
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
//! An area for loans is its rank's alone to write; the cells of all its mail lanes may refer to it.
//!
//! Below each part stands who writes it; of `identity`, the holder's lock, where it is a word, is also written
//! by a process that takes all locks, and `found_dead` by a peer that finds the holder dead.
//!
//! Words of different writers are at least 128 bytes apart: a processor that fetches lines in pairs would
//! otherwise make neighbours fight. All words are in the machine's byte order; the magic tells.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | segment | the memory that the processes share |
//! | region | a segment that is laid out as above |
//! | rank | the number of a participant; at most one process holds it at a time |
//! | epoch | how often a rank has been claimed |
//! | life | a rank's epoch, and whether its holder has left |
//! | mailbox | what one rank sends another, and what comes back to its calls: a mail lane, a call line, a return lane |
//! | lane | a ring of cells that one end writes and the other reads, and its arena |
//! | cell | 64 bytes of a lane: stamp, envelope, up to 48 bytes of payload |
//! | stamp | the word of a cell that says which message is in it; published last |
//! | envelope | the word of a cell that says all about a message but its payload |
//! | arena | where the payloads of a lane lie that do not fit a cell; they begin at multiples of 64 |
//! | extent | a part of an arena that is used, and has memory, as a whole: a page, a chunk, a run of chunks; see `abi::pool` |
//! | loan | a payload in its sender's own area, written in place once, to which the cells of any number of lanes refer |
//! | block | the chunks, in a row, that a loan takes |
//! | head, tail | sequence numbers: of the oldest message that is not acknowledged; of the next one |
//! | call line | the cell beside the lanes through which calls and their answers go first |
//! | bell | the word that a rank sleeps on, with a bit for each thing that it sleeps for: mail, room |
//! | announced | of a message: its cell says how long it is, and its bytes go through a ring once its receiver wants them |
//! | transfer slot | two lines of a mailbox, and a ring of 256 KiB: where announced messages go, one at a time; see `ring::transfer` |
//! | reset | a receiver asks for a mailbox that makes sense again, and its sender agrees |
//! | starved | of a sender: it waits until a message is acknowledged, and has told its receiver which |
//!
//! # Invariants
//!
//! The code cites them by their numbers.
//!
//! - **I1** `0 ≤ tail − head ≤ cells`, and live payloads lie in at most as many extents as a lane's share has. A peer's word
//!   outside its range is `Corrupt`, never an index.
//! - **I2** Every shared word has one writing role, which its comment names. The role changes hands on the call line, and
//!   that of a rank is its lock's: a sender that holds the lock of an absent receiver acts in its place.
//!   The exceptions are the bells and their events, the `opened` words, locks where they are words, and the hints
//!   `changes` and `found_dead`.
//! - **I3** Every shared word is read once into a local variable. The copy is checked, and the copy is used.
//! - **I4** No reference and no slice points at bytes that a peer may write, except `&AtomicU32` and `&AtomicU64`.
//!   To borrow a payload as `&[u8]` is `unsafe`: its contract is a trusted peer.
//! - **I5** A rank is held by the open file description that holds its lock. The kernel lets go of it when its holder
//!   dies, whatever the PID namespace.
//! - **I6** No operation waits for another process without a bound, after which it looks whether that process lives.
//! - **I7** Bytes of a peer make an `Err`: no panic, no abort, no endless loop, no undefined behaviour.
//! - **I8** A message that lies in a mailbox as a whole is delivered at least once until it is acknowledged, whichever
//!   side dies. What was acknowledged is never delivered again. An announced message is delivered at most once.
//! - **I9** An owner never hands out bytes that a live reference names: a cell that is not acknowledged, in an arena or on loan,
//!   whichever life wrote it.
//! - **I10** Nobody sleeps for want of room without having told the one who can give it.

mod counts;
mod envelope;
mod layout;
mod locks;
mod order;
mod padded;
mod pool;
mod redelivery;
mod sections;
mod starved;

pub use counts::*;
pub use envelope::*;
pub use layout::*;
pub use locks::*;
pub use order::*;
pub use padded::Padded;
pub use pool::*;
pub use redelivery::*;
pub use sections::*;
pub use starved::Starved;
