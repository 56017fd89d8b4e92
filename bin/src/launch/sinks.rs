//! Standard output and standard error of a launch.

use super::sink::Sink;
use crate::common::failure::{End, Failure};
use crate::common::output::MBOX;
use crate::common::streams;
use signal_hook::consts::SIGPIPE;
use std::env;
use std::io::ErrorKind;

/// The colours of labels.
const COLOURS: [u8; 6] = [32, 33, 34, 35, 36, 31];

/// Where the lines of ranks go, and those of the launcher.
pub struct Sinks {
    pub output: Sink,
    pub complaints: Sink,
    labels: bool,
}

impl Sinks {
    /// Those of this process, and whether lines say which rank wrote them. An error if what ranks write to standard output would be
    /// lost; where standard error is closed, nobody could be told.
    pub fn open(labels: bool) -> Result<Self, Failure> {
        let lost = |error| Failure::new(format_args!("standard output: {error}"));
        let output = Sink::over(Some(streams::output().map_err(lost)?));
        Ok(Self { output, complaints: Sink::over(streams::error().ok()), labels })
    }

    /// Gives up what waits here.
    pub fn give_up(&mut self) {
        [self.output, self.complaints] = [Sink::over(None), Sink::over(None)];
    }

    /// Whether nothing waits here.
    pub fn are_empty(&self) -> bool {
        self.output.awaited().is_none() && self.complaints.awaited().is_none()
    }

    /// What the lines of a rank on standard output and on standard error begin with.
    pub fn labels(&self, rank: u32) -> [String; 2] {
        let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = COLOURS[rank as usize % COLOURS.len()];
        [&self.output, &self.complaints].map(|sink| match sink.is_terminal() && !is_plain {
            _ if !self.labels => String::new(),
            true => format!("\x1b[{colour}m[{rank}]\x1b[0m "),
            false => format!("[{rank}] "),
        })
    }

    /// A line of this program.
    pub fn tell(&mut self, line: &str) {
        self.complaints.line(&[MBOX.as_bytes(), b": ", line.as_bytes()]);
    }

    /// Writes what can be written. How the launch is to end if nobody takes its output any more.
    pub fn write(&mut self, output_is_ready: bool, complaints_are_ready: bool) -> Option<End> {
        let end = self.output.write(output_is_ready).err().map(|error| {
            if error.kind() == ErrorKind::BrokenPipe {
                return End::Signal(SIGPIPE);
            }
            self.tell(&format!("standard output: {error}"));
            End::Status(1)
        });
        // Nobody could be told of an error.
        let _ = self.complaints.write(complaints_are_ready);
        end
    }
}
