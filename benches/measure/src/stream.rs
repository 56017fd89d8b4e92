//! What a one-way stream gives.

use std::time::Duration;

/// A stream, timed where it is received.
pub struct Stream {
    /// Messages received.
    pub messages: u64,
    /// Their length in bytes.
    pub bytes: usize,
    /// From the first to the last.
    pub time: Duration,
}

impl Stream {
    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.messages as f64 / self.time.as_secs_f64()
    }

    /// Payload bytes a second.
    pub fn bandwidth(&self) -> f64 {
        self.rate() * self.bytes as f64
    }
}
