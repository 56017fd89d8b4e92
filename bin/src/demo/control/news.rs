//! What the processes tell the command that started them: a line of JSON each on their standard output, before the loop and after it.

use super::report::{LoopReport, SideReport, WaitReport};
use crate::common::failure::Failure;
use crate::common::output::show;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub enum News {
    /// A side is about to begin.
    Side(SideReport),
    /// So many pages a side had to wait for in the loop.
    PageFaults(u64),
    Loop(LoopReport),
    Wait(WaitReport),
    /// There is no real-time priority, for this reason.
    Refused(String),
}

impl News {
    pub fn tell(&self) -> Result<(), Failure> {
        // Less than the 4096 bytes that a pipe takes at once, so lines of several processes do not mix.
        show(&serde_json::to_string(self).expect("numbers and text"))
    }

    pub fn hear(line: &str) -> Result<Self, Failure> {
        serde_json::from_str(line)
            .map_err(|error| Failure::new(format_args!("a process says {line:?}: {error}")))
    }
}
