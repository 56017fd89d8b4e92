//! Deliberate mistakes that the model checks must notice.

use super::Edge;
#[cfg(loom)]
use std::cell::Cell;

/// One deliberate mistake that a model must notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// The store that begins the edge is `Relaxed`.
    Release(Edge),
    /// The load that ends the edge is `Relaxed`.
    Acquire(Edge),
    /// The fence is missing.
    Fence(Edge),
    /// A rank is claimed without its lock.
    Lock,
    /// A ringer wakes without clearing the bell.
    Clear,
    /// A process that wakes clears the bits of others, too.
    Exit,
    /// A process that claims a rank clears its bell without waking anybody.
    Claim,
    /// A rank's sleepers for mail and for room share a bit.
    Shared,
    /// A process sleeps without looking once more.
    Blind,
    /// A caller writes a call line that is not answered yet.
    Busy,
    /// A barrier is only a fence of the sleeper.
    Barrier,
    /// The mode of a bell is changed after the last barrier.
    Late,
    /// A starved producer names the `head` that is there now, not the one that left it no room.
    FreshHead,
    /// A thread that leads a crew leaves without calling another.
    Desert,
    /// A thread of a crew follows without a look after it took its seat.
    Stale,
    /// A thread that follows sets bits again that were rung.
    Again,
    /// A thread that follows sets a bit of which the leader on its way to sleep does not hear.
    Overtake,
    /// A thread that leads looks for what it waits for itself only.
    Selfish,
    /// A process that sleeps on several bells sleeps on the word and the bits of the first only.
    Partial,
    /// A process asks a publisher to ring only after it has announced its sleep.
    Tardy,
    /// A thread that waits for several things looks at the first of them only.
    Narrow,
    /// An end is told without one more look for mail, made after it.
    Hasty,
    /// A mail is told before the joining of its sender.
    Abrupt,
    /// It is not noted that an end was told.
    Forgetful,
    /// That nobody is left is told to one thread only.
    Discreet,
    /// A thread that follows is called for no event.
    Deaf,
}

#[cfg(loom)]
thread_local! {
    // Loom runs all threads of a model on the thread that runs the test.
    static MUTANT: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// Makes `mutant` part of the code that this thread runs from now on.
#[cfg(loom)]
pub fn set_mutant(mutant: Option<Mutant>) {
    MUTANT.set(mutant);
}

/// Whether `mutant` is in force.
#[cfg(loom)]
pub fn mutated(mutant: Mutant) -> bool {
    MUTANT.get() == Some(mutant)
}

/// Whether `mutant` is in force: never outside of a model check.
#[cfg(not(loom))]
#[inline(always)]
pub const fn mutated(_mutant: Mutant) -> bool {
    false
}
