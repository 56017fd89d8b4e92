//! Raw limits of the machine, and what mailbox makes of them, measured between two processes that are pinned
//! to two processors. Payload is written by one and read by the other, behind `black_box`.

mod conversation;
mod process;
mod raw;
mod times;

pub use conversation::{Stream, round_trip, round_trip_in, stream, stream_in};
pub use process::{Partner, clock, cpu_time, die_with_parent, pin, processors};
pub use raw::{one_line, two_lines};
pub use times::Times;
