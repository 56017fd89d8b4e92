//! Processes that talk while their region is overwritten.

pub mod bystander;
pub mod damage;
mod lent;
mod mate;
pub mod run;
pub mod sheet;
pub mod spared;
mod started;
pub mod vandal;
pub mod whim;
