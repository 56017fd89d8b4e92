//! One small enum per verb, and one of what may befall any of them.

mod comm;
mod kind;
mod message;
mod place;
mod region;
mod select;
mod topic;

pub use comm::*;
pub use message::*;
pub use place::*;
pub use region::*;
pub use select::*;
pub use topic::*;
