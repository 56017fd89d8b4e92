//! One small enum per verb, and one of what may befall any of them.

mod comm;
mod kind;
mod message;
mod region;

pub use comm::*;
pub use message::*;
pub use region::*;
