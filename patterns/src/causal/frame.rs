//! A message in a stream, as bytes.

use super::{Clock, Lie};
use bytemuck::{Pod, Zeroable, bytes_of, cast_slice, cast_slice_mut};
use core::ops::Range;
use mailbox::Sample;

/// What a message in a stream says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its sender has joined.
    Hello,
    /// Its sender has something to say.
    Message,
    /// Its sender leaves.
    Bye,
}

const KINDS: [(Kind, u16); 3] = [(Kind::Hello, 0xCA01), (Kind::Message, 0xCA02), (Kind::Bye, 0xCA03)];

/// Before the clock, which is before the payload.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    kind: u16,
    entries: u16,
    rank: u32,
    epoch: u64,
}

/// A message in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub rank: u32,
    pub epoch: u64,
    pub clock: Clock,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Its bytes, in place of what is in the buffer.
    pub fn write(kind: Kind, (rank, epoch): (u32, u64), clock: &Clock, payload: &[u8], buffer: &mut Vec<u8>) {
        let number = KINDS.iter().find(|(known, _)| *known == kind).map_or(0, |(_, number)| *number);
        let header = Header { kind: number, entries: clock.counts().len() as u16, rank, epoch };
        buffer.clear();
        buffer.extend_from_slice(bytes_of(&header));
        buffer.extend_from_slice(cast_slice(clock.counts()));
        buffer.extend_from_slice(payload);
    }

    /// How many bytes it has beside the payload, in a group of so many ranks.
    pub fn overhead(ranks: usize) -> usize {
        size_of::<Header>() + ranks * size_of::<u64>()
    }

    /// What a message of a stream says, in a group of these ranks. Nothing of its contents is believed.
    pub fn read(sample: &Sample<'_, '_>, ranks: &Range<u32>) -> Result<Self, Lie> {
        let mut header = Header::zeroed();
        let len = sample.read_at(0, bytemuck::bytes_of_mut(&mut header));
        let kind = KINDS.iter().find(|(_, number)| *number == header.kind).map(|(kind, _)| *kind);
        let Some(kind) = kind.filter(|_| len == size_of::<Header>()) else { return Err(Lie::Garbage) };
        let (entries, expected) = (header.entries.into(), ranks.len());
        if entries != expected {
            return Err(Lie::Length { entries, expected });
        }
        let overhead = Self::overhead(expected);
        let Some(rest) = sample.len().checked_sub(overhead) else { return Err(Lie::Garbage) };
        let (mut counts, mut payload) = (vec![0; expected], vec![0; rest]);
        sample.read_at(size_of::<Header>(), cast_slice_mut(&mut counts));
        sample.read_at(overhead, &mut payload);
        let clock = Clock::from_counts(ranks.start, counts);
        Ok(Self { kind, rank: header.rank, epoch: header.epoch, clock, payload })
    }
}
