//! Processes that act together while they are killed, or while their slots are overwritten.

pub mod defender;
pub mod guest;
pub mod host;
pub mod intruder;
pub mod register;
pub mod task;
mod varied;
