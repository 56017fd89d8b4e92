//! Raw limits of the machine, and what mailbox makes of them, measured between processes that are pinned to
//! processors: two of them, or as many senders as are asked for. Payload is written by one process and read
//! by another, behind `black_box`.

mod board;
mod conversation;
mod crew;
mod fan_in;
mod futex;
mod lines;
mod pipeline;
mod process;
mod raw;
mod selected;
mod shared;
mod stream;
mod times;

pub use board::{Board, idle};
pub use conversation::{
    calls, calls_at_once, calls_in, fan_in, fan_in_for, large, large_in, round_trip, round_trip_in, stream,
    stream_batched, stream_drained, stream_in, stream_of_each,
};
pub use crew::{Crew, served, shared_round_trip};
pub use fan_in::FanIn;
pub use futex::futexes;
pub use kit::die_with_parent;
pub use lines::{Lines, LinesEnd, lines};
pub use pipeline::{Slots, pipeline};
pub use process::{Partner, clock, cpu_time, pin, processors, unpin};
pub use raw::{one_line, two_lines};
pub use selected::{Taking, answered, taken};
pub use shared::Shared;
pub use stream::Stream;
pub use times::Times;
