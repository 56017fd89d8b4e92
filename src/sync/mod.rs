//! The seam between the machine's atomics and loom's model of them.
//!
//! All code that shares words imports its atomics from here. So the code that ships is the code that is
//! model-checked. Orderings stronger than `Relaxed` are requested by the name of the [`Edge`] that they establish.
//! The name says which release pairs with which acquire, and a model check can weaken one edge at a time to see that
//! its absence is noticed.
//!
//! With `--cfg stops` the atomics count accesses, so that a test can end a process at each of them.

mod mutant;
#[cfg(stops)]
mod stops;

#[cfg(not(any(loom, stops)))]
pub use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(not(loom))]
pub use core::sync::atomic::{Ordering, compiler_fence, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(loom)]
pub use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub use mutant::set_mutant;
pub use mutant::{Mutant, mutated};
#[cfg(not(loom))]
pub use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(stops)]
pub use stops::*;

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
