//! `mbox`

use std::process::ExitCode;

fn main() -> ExitCode {
    mailbox_tools::mbox()
}
