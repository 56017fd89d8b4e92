//! Copies of what a region says of its topics.

use super::Copies;
use crate::abi::{
    CELL, Padded, ReaderLine, Registration, STREAM_CELLS, TOPIC_NAME, TopicEntry, TopicKind, TopicLines,
    ValueLine, next_of_stamps,
};
use core::mem::{offset_of, size_of};
use std::io;

/// A copy of a topic's lines.
pub struct TopicCopy([u8; size_of::<TopicLines>()]);

impl TopicCopy {
    fn word(&self, line: usize, word: usize) -> u64 {
        super::copies::word(&self.0, line + word)
    }

    fn entry(&self, word: usize) -> u64 {
        self.word(offset_of!(TopicLines, entry), word)
    }

    /// Whether there is such a topic.
    pub fn is_used(&self) -> bool {
        self.entry(offset_of!(TopicEntry, capacity)) != 0
    }

    /// Its name, without its padding.
    pub fn name(&self) -> &[u8] {
        let start = offset_of!(TopicLines, entry) + offset_of!(TopicEntry, name);
        let name = &self.0[start..][..TOPIC_NAME];
        &name[..name.iter().position(|byte| *byte == 0).unwrap_or(TOPIC_NAME)]
    }

    /// What is published in it, if somebody has said.
    pub fn kind(&self) -> Option<TopicKind> {
        TopicKind::of(self.entry(offset_of!(TopicEntry, kind)))
    }

    /// The rank that is registered as its publisher, and the epoch of that.
    pub fn publisher(&self) -> Option<(u64, u64)> {
        let rank = self.entry(offset_of!(TopicEntry, writer)).checked_sub(1)?;
        Some((rank, self.entry(offset_of!(TopicEntry, epoch))))
    }

    /// The number of its newest value.
    pub fn newest(&self) -> u64 {
        self.word(offset_of!(TopicLines, value), offset_of!(ValueLine, newest))
    }

    /// Whether this rank reads its stream.
    pub fn is_read_by(&self, rank: u32) -> bool {
        self.word(offset_of!(TopicLines, readers), 8 * (rank as usize / 64)) >> (rank % 64) & 1 == 1
    }
}

impl Copies<'_> {
    /// A topic, which is in range.
    pub fn topic(&self, topic: u32) -> io::Result<TopicCopy> {
        let mut bytes = [0; size_of::<TopicLines>()];
        self.read(&mut bytes, self.geometry.topic(topic))?;
        Ok(TopicCopy(bytes))
    }

    /// How many messages were published in a topic's stream.
    pub fn published(&self, topic: u32) -> io::Result<u64> {
        let mut cells = vec![0; CELL * STREAM_CELLS as usize];
        self.read(&mut cells, self.geometry.stream_cells(topic))?;
        Ok(next_of_stamps(cells.chunks_exact(CELL).map(|cell| super::copies::word(cell, 0))))
    }

    /// How a rank reads a topic's stream, if it does, and the number of the message that it reads next.
    pub fn reader(&self, topic: u32, rank: u32) -> io::Result<Option<(Registration, u64)>> {
        let mut line = [0; size_of::<Padded<ReaderLine>>()];
        let start = self.geometry.readers(topic) + rank as u64 * line.len() as u64;
        self.read(&mut line, start)?;
        let word = |offset| super::copies::word(&line, offset);
        let registration = Registration::of(word(offset_of!(ReaderLine, registration)));
        Ok(registration.map(|registration| (registration, word(offset_of!(ReaderLine, cursor)))))
    }
}
