//! What lies under the endpoint, for model checks, property tests, benchmarks, and programs that look at the bytes of a
//! region or damage them on purpose.
//!
//! No promise covers it: any version may change any of it. A program that only sends and receives needs nothing of it.

/// What lies where in a region's segment.
pub mod abi {
    pub use crate::abi::*;
}

/// Words of the segment, and payload copied to and from them.
pub mod memory {
    pub use crate::memory::*;
}

/// System calls.
pub mod os {
    pub use crate::os::*;
}

/// The allocator of a rank's payload memory.
pub mod pool {
    pub use crate::pool::*;
}

/// Who holds a rank, and what its holder sleeps on.
pub mod rank {
    pub use crate::rank::*;
}

/// The writer and the reader of a mailbox.
pub mod ring {
    pub use crate::ring::*;
}

/// Atomics, and the edges that the protocols rest on.
pub mod sync {
    pub use crate::sync::*;
}

/// How a process waits for another.
pub mod wait {
    pub use crate::wait::{Deadline, Interrupted, Operation, Step, Waiter, drive, look_soon, pace, wait};
}
