//! What looks for faults: `mbox-demo torture` and `mbox-demo soak`.

pub mod chaos;
pub mod company;
pub mod gathering;
pub mod half;
pub mod journal;
pub mod life;
pub mod message;
pub mod publishing;
pub mod report;
pub mod request;
pub mod scrawl;
pub mod seat;
pub mod sharing;
pub mod soak;
pub mod tally;
pub mod torture;
pub mod violations;
pub mod watch;
