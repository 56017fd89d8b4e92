//! Standard input and output as plain files: no line buffering, no panic when nobody reads.

use super::failure::Failure;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

/// Standard input.
pub fn input() -> Result<File, Failure> {
    plain(io::stdin().as_fd().try_clone_to_owned()).map_err(input_failure)
}

/// Standard output.
pub fn output() -> Result<File, Failure> {
    plain(io::stdout().as_fd().try_clone_to_owned()).map_err(output_failure)
}

fn plain(descriptor: io::Result<OwnedFd>) -> io::Result<File> {
    descriptor.map(File::from)
}

/// Writes `text` to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    output()?.write_all(text.as_bytes()).map_err(output_failure)
}

/// Why standard input could not be read.
pub fn input_failure(error: io::Error) -> Failure {
    Failure::new(format_args!("standard input: {error}"))
}

/// Why standard output could not be written.
pub fn output_failure(error: io::Error) -> Failure {
    Failure::new(format_args!("standard output: {error}"))
}
