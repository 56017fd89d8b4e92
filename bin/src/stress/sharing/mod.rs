//! Processes whose threads share an endpoint, and are killed, stopped and continued.

pub mod chronicle;
pub mod clerk;
pub mod desk;
pub mod office;
pub mod pigeonholes;
pub mod roll;
pub mod sending;
pub mod sharer;
