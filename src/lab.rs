//! The parts below the endpoint: for model checks, property tests and benchmarks, and for programs that read or
//! damage the bytes of a region on purpose.
//!
//! No promise covers this module: any version may change all of it. Programs that only send and receive do not need
//! it.

/// What lies where in a region's segment.
pub mod abi {
    pub use crate::abi::*;
}

/// Words of the segment, and payload copied to and from them.
pub mod memory {
    pub use crate::memory::*;
}

/// One half of an endpoint, in a model check.
#[cfg(loom)]
pub mod half {
    pub use crate::half::Member;
}

/// System calls.
pub mod os {
    pub use crate::os::*;
}

/// The allocator of a rank's payload memory.
pub mod pool {
    pub use crate::pool::*;
}

/// Which process holds a rank, and what it sleeps on.
pub mod rank {
    pub use crate::rank::*;
}

/// The receiving side of an endpoint, in a model check.
#[cfg(loom)]
pub mod receive {
    pub use crate::receive::{Ended, Inbox, Incoming, News, Next, Receive, Told, Wanted};
}

/// A region on the heap, for a model check.
#[cfg(loom)]
pub mod region {
    pub use crate::region::Region;
    pub use crate::segment::CleanShutdown;
}

/// The two ends of a mailbox's lanes.
pub mod ring {
    pub use crate::ring::*;
}

/// Whose turn it is of several that a thread waits for.
pub mod select {
    pub use crate::select::Turns;
}

/// What the members of a group tell each other.
pub mod slot {
    pub use crate::slot::*;
}

/// The stream of a topic.
pub mod stream {
    pub use crate::stream::*;
}

/// Atomics, and the named edges that the protocols rest on.
pub mod sync {
    pub use crate::sync::*;
}

/// The value of a topic.
pub mod value {
    pub use crate::value::*;
}

/// How a process waits for another.
pub mod wait {
    pub use crate::wait::{
        Common, Crew, Deadline, Found, Interrupted, Look, Operation, Step, Together, Waiter, drive,
        look_soon, pace, wait,
    };
}
