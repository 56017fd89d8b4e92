//! The seam between the machine's atomics and loom's model of them.
//!
//! All code that shares words imports its atomics from here. So the code that ships is the code that is
//! model-checked. Orderings stronger than `Relaxed` are requested by the name of the [`Edge`] that they establish.
//! The name says which release pairs with which acquire, and a model check can weaken one edge at a time to see that
//! its absence is noticed.
//!
//! | built with | atomics | fences | locks | [`mutated`] |
//! |---|---|---|---|---|
//! | nothing | the machine's | the machine's | `std`'s | never; the compiler removes it |
//! | `--cfg stops` | the machine's, counted | the machine's | `std`'s | never |
//! | `--cfg loom` | loom's, counted | loom's | loom's | if the model check has chosen this mistake |
//!
//! The locks are for threads of one process (`wait::crew`); none of these lies in a segment. Counted atomics can stop what makes the
//! access: with `stops` the whole process, with loom a thread of a model. So tests end a process at each step that a peer could see.
//!
//! | file | what is in it |
//! |---|---|
//! | this one | what the rest imports; [`Edge`], [`release`], [`acquire`], [`full_fence`] |
//! | `mutant` | the deliberate mistakes, one of which a model check puts in force at a time |
//! | `counted`, `stops`, `threads` | atomics that count; how that stops a process, and a thread of a model |
//!
//! ```text
//!   a process                                  a peer
//!   word.store(…, Relaxed)                     stamp.load(acquire(Edge::Stamp))
//!   stamp.store(…, release(Edge::Stamp))  ───▶ word.load(Relaxed): sees the word
//! ```
//! Two processes that each store one word and then look at the other's need more: each puts a fence between the two
//! ([`full_fence`]), and then at least one sees the other's word.
//!
//! **What is not here.** Words that only one process has, such as flags between its threads, are `core`'s atomics: no peer sees them.
//! (A lock between threads is from here if a model check runs the code that takes it.) Some orders have no name, such as those of the
//! entry of a topic (`topic::find`), which is written under a lock and read without, and of a count of processors (`wait::crowd`),
//! which is a hint.
//! Loom's model of a system is a platform of [`crate::os`].
//!
//! **Who writes what, garbage, a stop at any instruction.** An edge promises an order, no contents. That a peer writes sense, and
//! that what was written before a stop makes sense to a successor, is for the folder that uses the edge.
//!
//! **What it costs.** The names cost nothing: the functions are inlined, and what they return is then a constant. A full fence costs
//! what the machine's does.
//!
//! **Before you change it:**
//! - A new edge has a comment with both ends and what it carries. It is used at both, and is among the mutants of a model check
//!   in `tests/loom`: one that no check notices is not needed, or is not checked. (`tests/loom.rs` names those of which nothing
//!   could be seen.)
//! - A new mistake in [`Mutant`] stands at the one place where the shipped code would be wrong, as `mutated(…)`. It fails at least
//!   one model.
//! - Loom's atomics lack methods that the machine's have, such as a pointer to the word. What needs them is not compiled with loom.

#[cfg(any(loom, stops))]
mod counted;
mod mutant;
#[cfg(stops)]
mod stops;
#[cfg(loom)]
mod threads;

#[cfg(not(any(loom, stops)))]
pub use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(not(loom))]
pub use core::sync::atomic::{Ordering, compiler_fence, fence};
#[cfg(any(loom, stops))]
pub use counted::{AtomicU32, AtomicU64};
#[cfg(loom)]
pub use loom::sync::atomic::{Ordering, fence};
#[cfg(loom)]
pub use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub use mutant::set_mutant;
pub use mutant::{Mutant, mutated};
#[cfg(not(loom))]
pub use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(stops)]
pub use stops::arm;
#[cfg(loom)]
pub use threads::stop_before;

/// A happens-before edge that a protocol rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// Producer's store of a cell's stamp → consumer's load of it: carries the message.
    Stamp,
    /// The same within a row: the consumer may have seen the stamp of a later message.
    Row,
    /// Caller's store of the call line's stamp → server's load of it: carries the request.
    Ask,
    /// Server's store of the call line's stamp → caller's load of it: carries the answer.
    Answer,
    /// Consumer's store of `head` → producer's load of it: the cells and payloads below it may be overwritten.
    Head,
    /// Consumer's store of its request for a reset, or that it has taken one → producer's load of it: carries `head`.
    ResetRequest,
    /// Producer's store of its answer to that request → consumer's load of it: carries the new start, and that
    /// earlier stamps are wiped.
    ResetAnswer,
    /// Receiver's store of the announced message that it wants → sender's load of it: carries `consumed = 0`.
    Wanted,
    /// Sender's store of the message that it serves → receiver's load of it: carries `produced = 0`.
    Serving,
    /// Sender's count of what it put in the transfer ring → receiver's load of it: carries the bytes.
    Produced,
    /// Receiver's count of what it copied from the ring → sender's load of it: those bytes may be overwritten.
    Consumed,
    /// Producer's store of the word that says it is starved → consumer's load of it: carries all that it had sent.
    Starved,
    /// Sender's bit in `opened` → receiver's load of it: the mailbox's pages are reserved, except for the arena's.
    Opened,
    /// Owner's store of a rank's `life` → a peer's load of it: carries the label, and all its mail.
    Life,
    /// A process's count of a claim, an end, or a death that it found → a peer's load of that count: carries that
    /// change.
    Changes,
    /// Ringer's clearing of a bell's bit → sleeper's load of the bell: carries what the ringer published.
    Bell,
    /// Holder's store of its rank's `mode` → ringer's load of it: the events are prepared.
    Mode,
    /// A rank's store of the group that it uses a slot for → a member's load of it: carries that the slot is empty, or that the
    /// rank reads there no more.
    Group,
    /// Writer's store of a line's stamp → a member's load of it: carries what the line and the window hold.
    Arrived,
    /// A reader's count of finished rounds → the writer's load of it: the lines of these rounds may be overwritten.
    Finished,
    /// A member's store of how many requests for a smaller group it has made or answered → another's load of it.
    Decided,
    /// Fence of a rank's new life before it writes to a slot → fence of a late reader after it has copied from there: a copy that
    /// is not whole is seen together with the new life.
    Successor,
    /// Fence of a member that is asleep, between saying for whom it sleeps now and looking once more. Its partner is the ringer's.
    Awaited,
    /// Writer's store of the number of a topic's newest value → a reader's load of it: carries the value.
    Newest,
    /// Fence of a topic's writer between the number of the value that it begins and the bytes → fence of a reader between the
    /// bytes that it has copied and that number: a copy that is not whole is seen together with the number.
    Begun,
    /// Writer's store of a stamp in a stream → a reader's load of it: carries the message.
    Published,
    /// A reader's store of its words in a stream → the writer's load of them: what is below the cursor, or is let go, may be
    /// overwritten.
    Cursor,
    /// Fence of a stream's writer between saying what it overwrites and looking at the readers, or overwriting it → fence of a
    /// reader between what it has copied and the look at that word.
    Overwritten,
    /// Fence of a stream's reader between saying what it needs and looking whether that is overwritten. Its partner is the
    /// writer's.
    Held,
    /// Fence of a stream's writer between saying which messages must go and looking at the readers once more. Its partner is the
    /// ringer's.
    Hungry,
    /// Sleeper's barrier between announcing its sleep and looking once more.
    SleeperFence,
    /// Ringer's barrier between publishing and checking whether its peer sleeps.
    RingerFence,
}

/// The ordering of the store that begins `edge`.
#[inline(always)]
pub fn release(edge: Edge) -> Ordering {
    if mutated(Mutant::Release(edge)) { Ordering::Relaxed } else { Ordering::Release }
}

/// The ordering of the load that ends `edge`.
#[inline(always)]
pub fn acquire(edge: Edge) -> Ordering {
    if mutated(Mutant::Acquire(edge)) { Ordering::Relaxed } else { Ordering::Acquire }
}

/// The sequentially consistent fence of `edge`.
#[inline(always)]
pub fn full_fence(edge: Edge) {
    if !mutated(Mutant::Fence(edge)) {
        fence(Ordering::SeqCst);
    }
}
