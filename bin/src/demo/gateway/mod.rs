//! An order gateway, whose traders call it.

pub mod audit;
pub mod book;
pub mod claim;
pub mod command;
pub mod desk;
pub mod market;
pub mod order;
pub mod references;
pub mod trader;
