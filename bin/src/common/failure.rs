//! What went wrong, in one line, and how the process ends.

use std::fmt::{self, Display, Formatter};
use std::io;

/// The end of a command that did not do what it was asked to: lines for standard error, and how the process ends.
#[derive(Debug)]
pub struct Failure {
    lines: Vec<String>,
    end: End,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Status(u8),
    Signal(i32),
}

/// The exit status of most failures.
const FAILED: u8 = 1;
/// That of a command line that makes no sense, as the parser would have it.
pub const USAGE: u8 = 2;
/// That of a receiver to which fewer messages came than it was to take.
const TOO_FEW: u8 = 3;

/// What is said of a region by a line that names it already. Some errors name it, too.
pub fn beyond_name(name: &str, what: impl Display) -> String {
    let what = what.to_string();
    let rest = what.strip_prefix(&format!("region {name:?}: "));
    rest.map(str::to_owned).unwrap_or(what)
}

impl Failure {
    /// A failure told by this line.
    pub fn new(line: impl Display) -> Self {
        Self { lines: vec![line.to_string()], end: End::Status(FAILED) }
    }

    /// A command line that makes no sense.
    pub fn usage(line: impl Display) -> Self {
        Self { end: End::Status(USAGE), ..Self::new(line) }
    }

    /// The same, but too few messages is all that is wrong.
    pub fn too_few(self) -> Self {
        Self { end: End::Status(TOO_FEW), ..self }
    }

    /// The end by a signal, which needs no line.
    pub fn by(signal: i32) -> Self {
        Self { lines: vec![], end: End::Signal(signal) }
    }

    /// The end with this status, which needs no line: all was told before.
    pub fn told(status: u8) -> Self {
        Self { lines: vec![], end: End::Status(status) }
    }

    /// Something that happened to a region.
    pub fn of_region(name: &str, what: impl Display) -> Self {
        // A name is quoted as in source code, so that any character in it stays on its line.
        Self::new(format_args!("region {name:?}: {}", beyond_name(name, what)))
    }

    /// The same, and what to do about it; nothing, if `hint` is empty.
    pub fn hint(mut self, hint: &str) -> Self {
        if let Some(line) = self.lines.last_mut().filter(|_| !hint.is_empty()) {
            line.push_str("; ");
            line.push_str(hint);
        }
        self
    }

    /// That signals cannot be heard.
    pub fn of_signals(error: io::Error) -> Self {
        Self::new(format_args!("signals: {error}"))
    }

    /// One failure out of several, which are told in turn.
    pub fn all(failures: impl IntoIterator<Item = Failure>) -> Result<(), Self> {
        let lines: Vec<String> = failures.into_iter().flat_map(|failure| failure.lines).collect();
        if lines.is_empty() { Ok(()) } else { Err(Self { lines, end: End::Status(FAILED) }) }
    }

    /// What is to be told.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// How the process ends.
    pub fn end(&self) -> End {
        self.end
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailbox::{OpenError, RemoveError};
    use std::path::Path;

    #[test]
    fn a_line_names_its_region_once() {
        let missing = "there is no such region";
        for name in ["prices", "./it's \"that\"", "./new\nline", "./\u{301}"] {
            let place = || if name.contains('/') { Path::new(name).into() } else { name.into() };
            let error = RemoveError::Open(OpenError::NotFound(place()));
            assert_eq!(error.to_string(), format!("region {name:?}: {missing}"));
            assert_eq!(beyond_name(name, error), missing);
            let failure = Failure::of_region(name, OpenError::NotFound(place()));
            assert_eq!(failure.lines, [format!("region {name:?}: {missing}")]);
        }
        assert_eq!(beyond_name("prices", "timed out"), "timed out");
    }
}
