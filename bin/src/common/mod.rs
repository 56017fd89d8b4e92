//! What more than one of the other folders use.

pub mod chart;
pub mod distribution;
pub mod failure;
pub mod outlet;
pub mod output;
pub mod place;
pub mod player;
pub mod processes;
pub mod progress;
pub mod random;
pub mod restorer;
pub mod screen;
pub mod segments;
pub mod signals;
pub mod streams;
pub mod survivor;
pub mod usage;
