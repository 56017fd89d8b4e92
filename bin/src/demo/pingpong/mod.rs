//! Two players in two terminals, to watch one end and come back.

pub mod ping;
pub mod pong;
pub mod seat;
