//! The tour: what there is to see, with a figure for each.

pub mod bounce;
pub mod command;
pub mod crowd;
pub mod file;
pub mod large;
pub mod pace;
pub mod ring;
pub mod sleep;
pub mod stream;
pub mod talk;
pub mod together;
