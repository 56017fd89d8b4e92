//! Raw limits of the machine, and what mailbox makes of them, measured between two processes that are pinned
//! to two processors. Payload is written by one and read by the other, behind `black_box`.

mod conversation;
mod process;
mod raw;
mod times;

pub use conversation::{Stream, round_trip, stream};
pub use process::{Partner, cpu_time, pin};
pub use raw::{one_line, two_lines};
pub use times::Times;
