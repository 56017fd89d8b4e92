//! A game loop of three processes: input says which keys are pressed, physics moves the world by fixed steps, and render draws it.
//! Each has its own pace and waits for nobody. What one says to another is the latest value of a topic.

pub mod beat;
pub mod canvas;
pub mod command;
pub mod input;
pub mod keys;
pub mod measured;
pub mod moment;
pub mod outage;
pub mod physics;
pub mod picture;
pub mod play;
pub mod render;
pub mod report;
pub mod role;
pub mod script;
pub mod seat;
pub mod tally;
pub mod terminal;
pub mod typing;
pub mod world;
