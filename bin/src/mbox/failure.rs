//! What went wrong, and what to do about it, in one line.

use super::account;
use super::standard::complain;
use crate::signals;
use mailbox::{CreateError, JoinError, OpenError, RemoveError};
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

/// The end of a command that did not do what it was asked to: lines for standard error, and how the process ends.
#[derive(Debug)]
pub struct Failure {
    lines: Vec<String>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Status(u8),
    Signal(i32),
}

/// The exit status of most failures.
const FAILED: u8 = 1;
/// That of a command line that makes no sense, as the parser would have it.
pub const USAGE: u8 = 2;
/// That of a receiver to which fewer messages came than it was to take.
const TOO_FEW: u8 = 3;

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

    /// The end by a signal, which whoever sees it knows without a line.
    pub fn by(signal: i32) -> Self {
        Self { lines: vec![], end: End::Signal(signal) }
    }

    /// Something that happened to a region, and what to do about it, if one can say.
    pub fn of_region(name: &str, what: impl Display, hint: &str) -> Self {
        let separator = if hint.is_empty() { "" } else { "; " };
        // A name is quoted as in a program: whatever is in it stays on its line.
        Self::new(format_args!("region {name:?}: {what}{separator}{hint}"))
    }

    /// One failure out of several, which are told in turn.
    pub fn all(failures: impl IntoIterator<Item = Failure>) -> Result<(), Self> {
        let lines: Vec<String> = failures.into_iter().flat_map(|failure| failure.lines).collect();
        if lines.is_empty() { Ok(()) } else { Err(Self { lines, end: End::Status(FAILED) }) }
    }

    /// Says it on standard error, and ends the process if a signal is to end it.
    pub fn tell(&self) -> ExitCode {
        for line in &self.lines {
            complain(line);
        }
        match self.end {
            End::Status(status) => status.into(),
            End::Signal(signal) => signals::end_by(signal),
        }
    }
}

/// Why the region was not created.
pub fn creating(name: &str, error: CreateError) -> Failure {
    let hint = match error {
        CreateError::BadPath => BAD_PATH.into(),
        CreateError::Exists => format!("remove it with: mbox rm {}", quoted(name)),
        CreateError::NoSpace if folder(name).is_some() => {
            "make the region smaller, or room on that disk".into()
        }
        CreateError::NoSpace => "make the region smaller, or remove others: mbox ls, mbox rm".into(),
        CreateError::Denied => "this user must be able to write there".into(),
        CreateError::NoFolder => {
            let folder = folder(name).map_or_else(mailbox::os::shm_folder, PathBuf::from);
            format!("create it with: mkdir -p {}", quoted(&folder.to_string_lossy()))
        }
        _ => String::new(),
    };
    Failure::of_region(name, error, &hint)
}

/// Why the region was not opened.
pub fn opening(name: &str, error: OpenError) -> Failure {
    let hint = match error {
        OpenError::BadPath => BAD_PATH.into(),
        OpenError::NotFound => format!("create it with: mbox create {} --ranks N", quoted(name)),
        OpenError::Foreign => "choose another name".into(),
        OpenError::Length { .. } => {
            let path = if folder(name).is_some() { name.into() } else { mailbox::os::shm_path(name) };
            format!("its mail is lost; remove it with: rm {}", quoted(&path.to_string_lossy()))
        }
        OpenError::Version { .. } => {
            format!("if it is of no use any more, remove it with: mbox rm {}", quoted(name))
        }
        OpenError::Protocol { protocol } => format!("if mbox may speak it, add: --protocol {protocol}"),
        OpenError::Owner { uid } => format!("if you trust that user, add: --owner {uid}"),
        OpenError::Incompatible => format!("if nobody uses it, remove it with: mbox rm {}", quoted(name)),
        OpenError::Denied => "its owner can let others in with: mbox create --mode".into(),
        _ => String::new(),
    };
    match error {
        OpenError::Owner { uid } => {
            let what = format!("the region belongs to user {}, who is not trusted", account::show(uid));
            Failure::of_region(name, what, &hint)
        }
        _ => Failure::of_region(name, error, &hint),
    }
}

/// Why the region was not removed.
pub fn removing(name: &str, error: RemoveError) -> Failure {
    match error {
        RemoveError::Open(OpenError::NotFound) => {
            let list = folder(name).map_or("mbox ls".into(), |folder| format!("ls {}", quoted(folder)));
            Failure::of_region(name, OpenError::NotFound, &format!("see which there are with: {list}"))
        }
        RemoveError::Open(error) => opening(name, error),
        RemoveError::Denied => Failure::of_region(name, error, ""),
        _ => Failure::of_region(name, error, &format!("see by whom with: mbox stat {}", quoted(name))),
    }
}

/// Why the rank was not joined.
pub fn joining(name: &str, error: JoinError) -> Failure {
    let hint = match error {
        JoinError::Taken { .. } => {
            format!("end it or join --as another; see by whom with: mbox stat {}", quoted(name))
        }
        JoinError::Removed => format!("create it again with: mbox create {} --ranks N", quoted(name)),
        _ => String::new(),
    };
    Failure::of_region(name, error, &hint)
}

const BAD_PATH: &str = "write it as FOLDER/FILE";

/// The folder of a region in a file.
fn folder(name: &str) -> Option<&str> {
    let (folder, _) = name.rsplit_once('/')?;
    Some(if folder.is_empty() { "/" } else { folder })
}

/// A name as one can give it to a shell: that of a file may have anything in it.
pub fn quoted(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-/+,:@%".contains(letter);
    if name.chars().any(char::is_control) {
        // What a terminal shows is not to be copied then.
        format!("{name:?}")
    } else if name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_quoted_name() {
        assert_eq!(quoted("/var/lib/prices-1.mbox"), "/var/lib/prices-1.mbox");
        assert_eq!(quoted("./my prices"), "'./my prices'");
        assert_eq!(quoted("./it's"), r"'./it'\''s'");
        assert_eq!(quoted("./new\nline"), r#""./new\nline""#);
    }

    #[test]
    fn files_have_folders() {
        assert_eq!(folder("prices"), None);
        assert_eq!(folder("./prices"), Some("."));
        assert_eq!(folder("/prices"), Some("/"));
        assert_eq!(folder("/var/lib/prices"), Some("/var/lib"));
    }
}
