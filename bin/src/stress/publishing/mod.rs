//! Processes that publish and read topics while they are killed, or while the lines of the topics are overwritten.

pub mod actor;
pub mod player;
pub mod score;
pub mod scribbler;
pub mod stage;
