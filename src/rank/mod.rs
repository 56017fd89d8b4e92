//! A rank, as all see it: who holds it, and what its holder sleeps on.

mod bell;
mod registry;
mod source;

pub use bell::*;
pub use registry::*;
pub use source::Source;
