//! One small enum per verb, and one of what may befall any of them.

mod kind;
mod message;
mod region;

pub use message::*;
pub use region::*;
