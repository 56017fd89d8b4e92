//! Mail, and pieces of large messages, on their way to standard output: acknowledged only once they are written.

use super::failure::Failure;
use super::standard::Output;
use mailbox::Mail;
use std::collections::VecDeque;

/// Bytes that are gathered at most; larger mail goes through in parts of this size.
const CAPACITY: usize = 128 << 10;
/// Bytes that are worth a write: more would keep room from the sender.
const ENOUGH: usize = 32 << 10;
/// Mails that are gathered at most, for the same reason.
const MAILS: usize = 128;

/// Mails whose bytes are gathered for one write. Those that are not written when this is dropped stay unread.
pub struct Batch<'a> {
    output: Output,
    lines: bool,
    bytes: Box<[u8]>,
    filled: usize,
    /// Each with the end of its bytes.
    mails: VecDeque<(usize, Mail<'a>)>,
}

impl<'a> Batch<'a> {
    /// Writes to `output`, with a newline after each message if `lines`.
    pub fn new(output: Output, lines: bool) -> Self {
        Self { output, lines, bytes: vec![0; CAPACITY].into(), filled: 0, mails: VecDeque::new() }
    }

    /// Writes `mail` now or with one of the next.
    pub fn add(&mut self, mail: Mail<'a>) -> Result<(), Failure> {
        let ends_line = self.lines && mail.piece().is_none_or(|piece| piece.is_last);
        let len = mail.len() + usize::from(ends_line);
        if len > self.bytes.len() - self.filled {
            self.flush()?;
        }
        if len > self.bytes.len() {
            return self.pass(mail, ends_line);
        }
        let place = &mut self.bytes[self.filled..][..len];
        if ends_line {
            place[len - 1] = b'\n';
        }
        mail.copy_to(&mut place[..mail.len()]);
        self.filled += len;
        self.mails.push_back((self.filled, mail));
        if self.filled >= ENOUGH || self.mails.len() >= MAILS { self.flush() } else { Ok(()) }
    }

    /// Writes everything, and acknowledges what is written in full, also if it fails half-way.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let mut written = 0;
        let result = self.output.write(&self.bytes[..self.filled], &mut written);
        while self.mails.front().is_some_and(|(end, _)| *end <= written) {
            self.mails.pop_front();
        }
        self.filled = 0;
        result
    }

    /// Ends the line of a message of which no more comes.
    pub fn cut(&mut self) -> Result<(), Failure> {
        self.flush()?;
        if self.lines { self.output.write_all(b"\n") } else { Ok(()) }
    }

    /// Writes a mail that is larger than the buffer, which is empty.
    fn pass(&mut self, mail: Mail<'a>, ends_line: bool) -> Result<(), Failure> {
        let written = self.write_in_parts(&mail, ends_line);
        if written.is_err() {
            mail.leave();
        }
        written
    }

    fn write_in_parts(&mut self, mail: &Mail, ends_line: bool) -> Result<(), Failure> {
        let mut at = 0;
        while at < mail.len() {
            let count = mail.copy_from(at, &mut self.bytes);
            self.output.write_all(&self.bytes[..count])?;
            at += count;
        }
        if ends_line { self.output.write_all(b"\n") } else { Ok(()) }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for (_, mail) in self.mails.drain(..) {
            mail.leave();
        }
    }
}
