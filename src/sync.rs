//! The seam between the machine's atomics and loom's model of them.
//!
//! All code that shares words imports its atomics from here, so what ships is what is model-checked.
//! Orderings stronger than `Relaxed` are asked for by the [`Edge`] that they keep: the name says what a
//! release pairs with, and a model check can weaken one edge at a time to see its absence noticed.
//!
//! With `--cfg stops` the atomics count accesses, and a test can end a process at each of them.

#[cfg(stops)]
mod stops;

#[cfg(not(any(loom, stops)))]
pub use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(not(loom))]
pub use core::sync::atomic::{Ordering, compiler_fence, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(stops)]
pub use stops::*;

/// A happens-before edge that a protocol rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// Producer's store of a cell's stamp → consumer's load of it: carries the message.
    Stamp,
    /// Asker's store of the call line's stamp → answerer's load of it: carries the request.
    Ask,
    /// Answerer's store of the call line's stamp → asker's load of it: carries the answer.
    Answer,
    /// Consumer's store of `head` → producer's load of it: the bytes below it may be written again.
    Head,
    /// Sender's bit in `opened` → receiver's load of it: the mailbox's pages are reserved, but for the arena's.
    Opened,
    /// Owner's store of a rank's `life` → a peer's load of it: carries the label, and all its mail.
    Life,
    /// Ringer's swap of a bell → sleeper's load of it.
    Bell,
    /// Holder's store of its rank's `mode` → ringer's load of it: the events are prepared.
    Mode,
    /// Sleeper's barrier between falling asleep and looking once more.
    SleeperFence,
    /// Ringer's barrier between publishing and looking whether its peer sleeps.
    RingerFence,
}

/// The ordering of the store that begins `edge`.
#[cfg(not(loom))]
#[inline(always)]
pub const fn release(_edge: Edge) -> Ordering {
    Ordering::Release
}

/// The ordering of the load that ends `edge`.
#[cfg(not(loom))]
#[inline(always)]
pub const fn acquire(_edge: Edge) -> Ordering {
    Ordering::Acquire
}

/// A sequentially consistent fence that stands for `edge`.
#[cfg(not(loom))]
#[inline(always)]
pub fn full_fence(_edge: Edge) {
    fence(Ordering::SeqCst);
}

#[cfg(loom)]
pub use mutation::*;

#[cfg(loom)]
mod mutation {
    use super::{Edge, Ordering, fence};
    use std::cell::Cell;

    /// Loom's word, but with a place for each store behind all earlier ones.
    ///
    /// Loom leaves a store and a swap that have not seen each other unordered and lets later loads take either
    /// for the newer one. No machine does: the swap returns what comes just before it. A bell has both.
    pub struct AtomicU32(loom::sync::atomic::AtomicU32);

    impl AtomicU32 {
        /// A word.
        #[track_caller]
        pub fn new(value: u32) -> Self {
            Self(loom::sync::atomic::AtomicU32::new(value))
        }

        /// As of the standard library.
        #[track_caller]
        pub fn load(&self, order: Ordering) -> u32 {
            self.0.load(order)
        }

        /// As of the standard library.
        #[track_caller]
        pub fn store(&self, value: u32, order: Ordering) {
            self.0.swap(value, order);
        }

        /// As of the standard library.
        #[track_caller]
        pub fn swap(&self, value: u32, order: Ordering) -> u32 {
            self.0.swap(value, order)
        }
    }

    /// One deliberate mistake, which a model must notice.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Mutant {
        /// The store that begins the edge is `Relaxed`.
        Release(Edge),
        /// The load that ends the edge is `Relaxed`.
        Acquire(Edge),
        /// The fence is not there.
        Fence(Edge),
        /// A rank is claimed without its lock.
        Lock,
        /// A ringer wakes without clearing the bell.
        Clear,
        /// A call line is written although it was not answered.
        Busy,
        /// A barrier is a fence of the sleeper alone.
        Barrier,
        /// The mode of a bell is changed after the last barrier.
        Late,
    }

    thread_local! {
        // Loom runs all threads of a model on the thread that runs the test.
        static MUTANT: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Makes `mutant` part of the code for what this thread runs from now on.
    pub fn set_mutant(mutant: Option<Mutant>) {
        MUTANT.set(mutant);
    }

    /// Whether `mutant` is in force.
    pub fn mutated(mutant: Mutant) -> bool {
        MUTANT.get() == Some(mutant)
    }

    /// The ordering of the store that begins `edge`.
    pub fn release(edge: Edge) -> Ordering {
        if mutated(Mutant::Release(edge)) { Ordering::Relaxed } else { Ordering::Release }
    }

    /// The ordering of the load that ends `edge`.
    pub fn acquire(edge: Edge) -> Ordering {
        if mutated(Mutant::Acquire(edge)) { Ordering::Relaxed } else { Ordering::Acquire }
    }

    /// A sequentially consistent fence that stands for `edge`.
    pub fn full_fence(edge: Edge) {
        if !mutated(Mutant::Fence(edge)) {
            fence(Ordering::SeqCst);
        }
    }
}
