//! What clap has to say, on one line if it is a complaint.

use super::failure::complain;
use super::output::show;
use clap::Error;
use std::process::ExitCode;

/// The status of a command line that makes no sense, as clap would have it.
const USAGE: u8 = 2;

/// Answers a command line that asks for help, or for nothing that there is.
pub fn tell(error: &Error) -> ExitCode {
    let text = error.to_string();
    if error.use_stderr() {
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        // Tips and usage come in later paragraphs.
        let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        complain(&format!("{}; see: mbox-demo --help", lines.join(" ")));
        return USAGE.into();
    }
    match show(text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
