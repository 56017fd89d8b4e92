//! Messages for as long as one likes, in processes that must not grow.

pub mod command;
pub mod gauge;
pub mod soaker;
