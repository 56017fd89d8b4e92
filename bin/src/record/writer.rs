//! The end that records.

use super::entry::{HEADER, MAGIC, MAX_BODY, Record, VERSION, end};
use std::io::{self, ErrorKind, Write};
use std::time::{Duration, SystemTime};

/// Writes a recording. If it is dropped without [`Writer::finish`], the recording counts as cut.
pub struct Writer<W: Write> {
    output: W,
    records: u64,
    /// The bytes of a record, gathered for one write.
    frame: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a recording of a region with so many ranks.
    pub fn begin(mut output: W, ranks: u32, start: SystemTime) -> io::Result<Self> {
        let start = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend(ranks.to_le_bytes());
        header.extend(start.to_le_bytes());
        header.extend([0; 4]);
        header.extend(crc32fast::hash(&header).to_le_bytes());
        output.write_all(&header)?;
        Ok(Self { output, records: 0, frame: vec![] })
    }

    /// Adds a record. One that is too long is an error, and is not written.
    pub fn add(&mut self, record: &Record) -> io::Result<()> {
        let mut body = self.empty_frame();
        let is_named = record.append_to(&mut body).is_some();
        self.frame = body;
        if !is_named || self.frame.len() > 8 + MAX_BODY as usize {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a record has at most 1 GiB"));
        }
        self.write_frame()?;
        self.records += 1;
        Ok(())
    }

    /// Writes what a buffer of the output holds.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Writes the end. Returns the output.
    pub fn finish(mut self, at: Duration) -> io::Result<W> {
        self.frame = self.empty_frame();
        self.frame.extend(end(at, self.records));
        self.write_frame()?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// Room for the length and its check.
    fn empty_frame(&mut self) -> Vec<u8> {
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        frame.extend([0; 8]);
        frame
    }

    fn write_frame(&mut self) -> io::Result<()> {
        let (head, body) = self.frame.split_at_mut(8);
        let len = (body.len() as u32).to_le_bytes();
        head[..4].copy_from_slice(&len);
        head[4..].copy_from_slice(&crc32fast::hash(&len).to_le_bytes());
        let check = crc32fast::hash(body).to_le_bytes();
        self.frame.extend(check);
        self.output.write_all(&self.frame)
    }
}
