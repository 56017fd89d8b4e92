//! `mbox-demo`

use std::process::ExitCode;

fn main() -> ExitCode {
    mailbox_tools::demo()
}
