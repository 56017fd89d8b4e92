//! What a graph of a test writes, and where.

use mailbox_patterns::dataflow::Options;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub fn out_of(folder: &Path) -> PathBuf {
    folder.join("out")
}

pub fn options(folder: &Path) -> Options {
    Options::new(folder.join("checkpoints")).patience(Duration::from_secs(20))
}

pub fn written(folder: &Path) -> String {
    fs::read_to_string(out_of(folder)).expect("a sink has made it")
}
