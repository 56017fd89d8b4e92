//! A rank as all processes see it: which process holds it, and what that process sleeps on.

mod bell;
mod registry;
mod source;

pub use bell::*;
pub use registry::*;
pub use source::Source;
