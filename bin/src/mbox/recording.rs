//! The file that a recording is written to.

use crate::common::failure::Failure;
use crate::record::{Entry, Record, Writer};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// How long what was recorded may wait for more before it is written.
const PATIENCE: Duration = Duration::from_millis(100);

/// A recording that is being made.
pub struct Recording<'a> {
    path: &'a Path,
    writer: Writer<BufWriter<File>>,
    start: Instant,
    flushed: Instant,
    messages: u64,
}

impl<'a> Recording<'a> {
    /// Begins one in a file that is not there yet, of a region with so many ranks.
    pub fn begin(path: &'a Path, ranks: u32) -> Result<Self, Failure> {
        let file = File::create_new(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => of_file(path, "it is there already").hint("choose another name"),
            _ => of_file(path, error),
        })?;
        let writer = Writer::begin(BufWriter::new(file), ranks, SystemTime::now());
        let writer = writer.map_err(|error| of_file(path, error))?;
        let now = Instant::now();
        Ok(Self { path, writer, start: now, flushed: now, messages: 0 })
    }

    /// Adds what happened just now.
    pub fn add(&mut self, entry: Entry) -> Result<(), Failure> {
        self.messages +=
            u64::from(matches!(entry, Entry::Mail { .. } | Entry::Value { .. } | Entry::Latest { .. }));
        let record = Record { at: self.start.elapsed(), entry };
        self.writer
            .add(&record)
            .and_then(|()| self.flush_now_and_then())
            .map_err(|error| of_file(self.path, error))
    }

    /// Nothing happened for a moment.
    pub fn rest(&mut self) -> Result<(), Failure> {
        self.flush_now_and_then().map_err(|error| of_file(self.path, error))
    }

    fn flush_now_and_then(&mut self) -> io::Result<()> {
        if self.flushed.elapsed() < PATIENCE {
            return Ok(());
        }
        self.flushed = Instant::now();
        self.writer.flush()
    }

    /// Writes the end. How many messages were recorded.
    pub fn finish(self) -> Result<u64, Failure> {
        let finished = self.writer.finish(self.start.elapsed());
        finished.map(|_| self.messages).map_err(|error| of_file(self.path, error))
    }
}

/// Something that happened to a file.
pub fn of_file(path: &Path, what: impl Display) -> Failure {
    Failure::new(format_args!("file {path:?}: {what}"))
}
