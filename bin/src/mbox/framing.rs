//! How a message looks on a standard stream.

use clap::Args;

/// What ends a message, if its end can be seen.
#[derive(Args, Clone, Copy)]
pub struct Framing {
    /// Each line is a message; the newline is not part of it
    #[arg(long)]
    lines: bool,
    /// Each message ends with a NUL, which is not part of it
    #[arg(short = '0', long, conflicts_with = "lines")]
    null: bool,
}

impl Framing {
    /// The byte after each message; `None`: messages follow each other without a mark.
    pub fn end(self) -> Option<u8> {
        match self {
            Self { null: true, .. } => Some(0),
            Self { lines: true, .. } => Some(b'\n'),
            _ => None,
        }
    }

    /// The option that was given.
    pub fn option(self) -> &'static str {
        if self.null { "--null" } else { "--lines" }
    }
}
