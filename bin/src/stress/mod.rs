//! What looks for faults: `mbox-demo torture` and `mbox-demo soak`.

pub mod chaos;
pub mod half;
pub mod journal;
pub mod request;
pub mod soak;
pub mod torture;
pub mod violations;
pub mod watch;
