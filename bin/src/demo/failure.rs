//! What went wrong, in one line.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::process::ExitCode;

/// The end of a command that did not do what it was asked to.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure told by this line.
    pub fn new(line: impl Display) -> Self {
        Self(line.to_string())
    }

    /// Something that happened to a region.
    pub fn of_region(name: &str, what: impl Display) -> Self {
        // A name is quoted as in a program: whatever is in it stays on its line.
        Self::new(format_args!("region {name:?}: {what}"))
    }

    /// That signals cannot be heard.
    pub fn of_signals(error: io::Error) -> Self {
        Self::new(format_args!("signals: {error}"))
    }

    /// That there were `all` violations, unless there were none: the first of them, and the command that shows them
    /// again.
    pub fn check(all: u64, first: Option<&str>, again: impl Display) -> Result<(), Self> {
        if all == 0 {
            return Ok(());
        }
        let first = first.unwrap_or("something was left behind");
        Err(Self::new(format_args!("{all} violations, the first: {first}; again: {again}")))
    }

    /// Says it on standard error.
    pub fn tell(&self) -> ExitCode {
        complain(&self.0);
        ExitCode::FAILURE
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line on standard error; if nobody listens there, the exit status has to do.
pub fn complain(line: &str) {
    let _ = io::stderr().write_all(format!("mbox-demo: {line}\n").as_bytes());
}
