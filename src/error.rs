//! One small enum per verb.

mod message;
mod region;

pub use message::*;
pub use region::*;
