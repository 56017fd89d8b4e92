//! Copies of a region's words, read through its file. Pages that were never touched take no memory by this, nothing
//! needs to be mapped, and permission to read is enough.

mod follower;

pub use follower::{Followed, Follower, MessageCopy};

use crate::abi::{
    Activity, CELL, ConsumerLine, Envelope, Geometry, Identity, Kind, LABEL, LaneLines, PERMUTED,
    ProducerLine, Rank, position, step, unpack_bytes,
};
use crate::os::{self, File};
use crate::ring;
use core::mem::{offset_of, size_of};
use std::collections::BTreeMap;
use std::io;

/// Bytes of the lines of a mailbox's mail lane.
const LINES: usize = size_of::<LaneLines>();

/// How many times a mailbox is read again if its sender goes on too fast.
const TRIES: u32 = 32;

/// Reads the region of this geometry in `file`.
pub struct Copies<'a> {
    file: &'a File,
    pub(super) geometry: &'a Geometry,
}

impl<'a> Copies<'a> {
    /// Reads from `file`. If the file has become shorter since, reading beyond its end returns an error.
    pub fn new(file: &'a File, geometry: &'a Geometry) -> Self {
        Self { file, geometry }
    }

    /// Copies bytes from this offset on.
    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        os::read_at(self.file, bytes, offset)
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
    pub fn mailbox(&self, from: u32, to: u32) -> io::Result<Option<MailboxCopy>> {
        let start = self.geometry.mailbox(from, to);
        let cells = u64::from(self.geometry.cells);
        for tries in 1.. {
            let head = self.lines(start)?.receiver(offset_of!(ConsumerLine, head));
            let (sent, is_sure) = ring::sent(head, self.cells(start, head).map(|[stamp, ..]| stamp));
            let (lines, bytes) = self.bytes(start, sent)?;
            if is_sure || tries == TRIES {
                let unread = sent.wrapping_sub(head).min(cells);
                let is_used = unread > 0 || lines.0.iter().any(|byte| *byte != 0);
                let tags = self.tags(start, head, unread);
                return Ok(is_used.then_some(MailboxCopy { lines, messages: sent, bytes, unread, tags }));
            }
        }
        Ok(None)
    }

    /// How many of the `unread` messages from `head` on have each tag. Calls have none.
    fn tags(&self, start: u64, head: u64, unread: u64) -> BTreeMap<u32, u64> {
        let mut tags = BTreeMap::new();
        let stamps = (1..).map(|ahead: u64| head.wrapping_add(ahead));
        for (stamp, [found, envelope, ..]) in stamps.zip(self.cells(start, head)).take(unread as usize) {
            let envelope = Envelope::unpack(envelope).filter(|_| stamp == found);
            if let Some(Envelope { kind: Kind::Whole | Kind::Sync | Kind::Announced, tag, .. }) = envelope {
                *tags.entry(tag).or_default() += 1;
            }
        }
        tags
    }

    /// The lines of a mailbox, and how many payload bytes were ever sent through it, including at least the messages
    /// below `sent`.
    fn bytes(&self, start: u64, sent: u64) -> io::Result<(LinesCopy, u64)> {
        let ring = self.geometry.cells;
        for tries in 1.. {
            let lines = self.lines(start)?;
            let counted = lines.sender(offset_of!(ProducerLine, counted));
            let bytes = lines.sender(offset_of!(ProducerLine, bytes));
            let (bytes, counted) = unpack_bytes(bytes, counted, ring.into());
            let uncounted = sent.wrapping_sub(counted);
            if uncounted as i64 <= 0 || uncounted > step(ring.into()) {
                return Ok((lines, bytes));
            }
            let since: Vec<[u64; 8]> = self.cells(start, counted).take(uncounted as usize).collect();
            let stamps = (1..).map(|ahead: u64| counted.wrapping_add(ahead));
            let is_there = since.len() as u64 == uncounted
                && stamps.zip(&since).all(|(stamp, [found, ..])| stamp == *found);
            // If not, its sender has gone on by a lap and has counted those messages itself.
            if is_there || tries == TRIES {
                let since = since.into_iter().map(|[_, envelope, _, len, ..]| [envelope, len]);
                return Ok((lines, ring::bytes(bytes, counted..sent, ring, since)));
            }
        }
        Ok((self.lines(start)?, 0))
    }

    /// The lines of the mailbox that begins at `start`.
    fn lines(&self, start: u64) -> io::Result<LinesCopy> {
        let mut lines = [0; LINES];
        os::read_at(self.file, &mut lines, start)?;
        Ok(LinesCopy(lines))
    }

    /// One lap of the cells of a mailbox, from that of message `first` on, as far as they can be read.
    fn cells(&self, start: u64, first: u64) -> impl Iterator<Item = [u64; 8]> + '_ {
        let count = u64::from(self.geometry.cells);
        let mut bytes = vec![0; CELL * PERMUTED.min(count) as usize];
        let mut read = None;
        (0..count).map_while(move |ahead| {
            let at = position(first.wrapping_add(ahead), count);
            let span = at / PERMUTED;
            if read.replace(span) != Some(span) {
                os::read_at(self.file, &mut bytes, start + Geometry::CELLS + CELL as u64 * PERMUTED * span)
                    .ok()?;
            }
            let cell = CELL * (at % PERMUTED) as usize;
            Some(core::array::from_fn(|index| word(&bytes, cell + 8 * index)))
        })
    }

    /// Whether a mailbox has a message that is not acknowledged, as far as it can be read.
    pub fn has_unread(&self, from: u32, to: u32) -> bool {
        self.mailbox(from, to).is_ok_and(|mailbox| mailbox.is_some_and(|mailbox| mailbox.unread > 0))
    }

    /// How many messages of all mailboxes are not acknowledged.
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

    /// Whether the `opened` word says that the mailbox from `from` is reserved.
    pub fn is_opened(&self, from: u32) -> bool {
        word(&self.0, offset_of!(Rank, opened) + 8 * (from as usize / 64)) >> (from % 64) & 1 == 1
    }

    /// What the receiver and the sender wait for.
    pub fn awaited(&self) -> [u64; 2] {
        [0, 1]
            .map(|half| word(&self.0, offset_of!(Rank, activity) + offset_of!(Activity, awaited) + 8 * half))
    }

    /// How many times a receiver fell asleep.
    pub fn sleeps(&self) -> u64 {
        word(&self.0, offset_of!(Rank, activity) + offset_of!(Activity, sleeps))
    }
}

/// A copy of the lines of a mail lane.
pub struct LinesCopy([u8; LINES]);

impl LinesCopy {
    /// The word at this offset of the receiver's line.
    pub fn receiver(&self, offset: usize) -> u64 {
        word(&self.0, offset_of!(LaneLines, consumer) + offset)
    }

    /// The word at this offset of the sender's line.
    pub fn sender(&self, offset: usize) -> u64 {
        word(&self.0, offset_of!(LaneLines, producer) + offset)
    }
}

/// What the words of a mailbox say. Both sides go on while they are read. Each number is right for some moment of the
/// look, so a counter that only grows is never smaller than in an earlier look.
pub struct MailboxCopy {
    /// Its lines.
    pub lines: LinesCopy,
    /// Messages that were ever sent.
    pub messages: u64,
    /// Payload bytes that were ever written.
    pub bytes: u64,
    /// Messages that are not acknowledged.
    pub unread: u64,
    /// How many of them have each tag.
    pub tags: BTreeMap<u32, u64>,
}

pub(super) fn word(bytes: &[u8], offset: usize) -> u64 {
    bytes[offset..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word))
}
