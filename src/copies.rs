//! Copies of a region's words, read through its file: what was never touched needs no memory for it and gets none,
//! nothing need be mapped, and reading is all that one must be allowed.

use crate::cell::{BLOCK, position};
use crate::layout::{Activity, ConsumerLine, Geometry, Identity, LABEL, Lines, ProducerLine, Rank};
use crate::os::{self, File};
use crate::ring;
use core::mem::{offset_of, size_of};
use std::io;

/// Bytes of the lines that both ends of a mailbox write.
const LINES: usize = offset_of!(Lines, call);

/// Looks into the region of this geometry that lies in `file`.
pub struct Copies<'a> {
    file: &'a File,
    geometry: &'a Geometry,
}

impl<'a> Copies<'a> {
    /// Will look there. The file may have become shorter since: what is beyond its end is an error.
    pub fn new(file: &'a File, geometry: &'a Geometry) -> Self {
        Self { file, geometry }
    }

    /// What is known of a rank.
    pub fn record(&self, rank: u32) -> io::Result<Record> {
        let mut bytes = [0; size_of::<Rank>()];
        os::read_at(self.file, &mut bytes, self.geometry.rank(rank))?;
        Ok(Record(bytes))
    }

    /// The life word of a rank.
    pub fn life(&self, rank: u32) -> io::Result<u64> {
        let mut bytes = [0; 8];
        os::read_at(self.file, &mut bytes, self.geometry.rank(rank) + LIFE as u64)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// A mailbox; `None` if it was never used.
    pub fn mailbox(&self, from: u32, to: u32) -> io::Result<Option<MailboxCopy<'_>>> {
        let mut lines = [0; LINES];
        let start = self.geometry.mailbox(from, to);
        os::read_at(self.file, &mut lines, start)?;
        let mut copy = MailboxCopy { copies: self, start, lines, unread: 0 };
        let head = copy.head();
        copy.unread = ring::depth(head, copy.cells(head).map(|[stamp, ..]| stamp));
        let is_used = copy.unread > 0 || lines.iter().any(|byte| *byte != 0);
        Ok(is_used.then_some(copy))
    }

    /// Messages of all mailboxes that are not acknowledged.
    pub fn unread(&self) -> io::Result<u64> {
        let ranks = self.geometry.ranks;
        let mut unread = 0u64;
        for to in 0..ranks {
            let record = self.record(to)?;
            for from in (0..ranks).filter(|from| record.is_opened(*from)) {
                unread += self.mailbox(from, to)?.map_or(0, |mailbox| mailbox.unread);
            }
        }
        Ok(unread)
    }
}

const LIFE: usize = offset_of!(Rank, identity) + offset_of!(Identity, life);

/// A copy of a rank's record.
pub struct Record([u8; size_of::<Rank>()]);

impl Record {
    /// A record of which nothing could be read.
    pub const fn empty() -> Self {
        Self([0; size_of::<Rank>()])
    }

    /// The life word.
    pub fn life(&self) -> u64 {
        word(&self.0, LIFE)
    }

    /// The holder's process id.
    pub fn pid(&self) -> u64 {
        word(&self.0, offset_of!(Rank, identity) + offset_of!(Identity, pid))
    }

    /// The label, without its padding.
    pub fn label(&self) -> &[u8] {
        let label = &self.0[offset_of!(Rank, identity) + offset_of!(Identity, label)..][..LABEL];
        &label[..label.iter().position(|byte| *byte == 0).unwrap_or(LABEL)]
    }

    /// Whether it is said that the mailbox from `from` is reserved.
    pub fn is_opened(&self, from: u32) -> bool {
        word(&self.0, offset_of!(Rank, opened) + 8 * (from as usize / 64)) >> (from % 64) & 1 == 1
    }

    /// What the receiver and the sender wait for.
    pub fn awaited(&self) -> [u64; 2] {
        [0, 1]
            .map(|half| word(&self.0, offset_of!(Rank, activity) + offset_of!(Activity, awaited) + 8 * half))
    }

    /// Times that a receiver fell asleep.
    pub fn sleeps(&self) -> u64 {
        word(&self.0, offset_of!(Rank, activity) + offset_of!(Activity, sleeps))
    }
}

/// Copies of a mailbox's lines, and of its cells as they are asked for.
pub struct MailboxCopy<'a> {
    copies: &'a Copies<'a>,
    start: u64,
    lines: [u8; LINES],
    /// Messages that are not acknowledged.
    pub unread: u64,
}

impl MailboxCopy<'_> {
    /// The receiver's word of that offset in its line.
    pub fn receiver(&self, offset: usize) -> u64 {
        word(&self.lines, offset_of!(Lines, consumer) + offset)
    }

    /// The sender's word of that offset in its line.
    pub fn sender(&self, offset: usize) -> u64 {
        word(&self.lines, offset_of!(Lines, producer) + offset)
    }

    /// The oldest message that is not acknowledged.
    pub fn head(&self) -> u64 {
        self.receiver(offset_of!(ConsumerLine, head))
    }

    /// Messages, or fragments, that ever were sent.
    pub fn sent(&self) -> u64 {
        self.head().wrapping_add(self.unread)
    }

    /// Payload bytes that ever were sent.
    pub fn bytes(&self) -> u64 {
        let counted = self.sender(offset_of!(ProducerLine, counted));
        let bytes = self.sender(offset_of!(ProducerLine, bytes));
        let since = self.cells(counted).map(|[_, envelope, _, len, ..]| [envelope, len]);
        ring::bytes(bytes, counted..self.sent(), self.copies.geometry.cells, since)
    }

    /// The cells from that of message `first` on, a lap of them, as far as they can be read.
    fn cells(&self, first: u64) -> impl Iterator<Item = [u64; 8]> + '_ {
        let count = u64::from(self.copies.geometry.cells);
        let mut bytes = vec![0; 64 * BLOCK.min(count) as usize];
        let mut read = None;
        (0..count).map_while(move |ahead| {
            let at = position(first.wrapping_add(ahead), count);
            let block = at / BLOCK;
            if read.replace(block) != Some(block) {
                let offset = self.start + Geometry::CELLS + 64 * BLOCK * block;
                os::read_at(self.copies.file, &mut bytes, offset).ok()?;
            }
            let cell = 64 * (at % BLOCK) as usize;
            Some(core::array::from_fn(|index| word(&bytes, cell + 8 * index)))
        })
    }
}

fn word(bytes: &[u8], offset: usize) -> u64 {
    bytes[offset..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word))
}
