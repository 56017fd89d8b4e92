//! What clap has to say, on one line if it is a complaint.

use super::standard::{self, complain};
use clap::Error;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// The status of a command line that makes no sense, as clap would have it.
const USAGE: u8 = 2;

/// Answers a command line that asks for help, or for nothing that there is.
pub fn tell(error: &Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match standard::print(&error.to_string()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.tell(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            complain("no command is given; see: mbox --help");
            USAGE.into()
        }
        _ => {
            complain(&format!("{}; see: mbox --help", first_paragraph(&error.to_string())));
            USAGE.into()
        }
    }
}

/// What is wrong; tips and usage come in later paragraphs.
fn first_paragraph(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}
