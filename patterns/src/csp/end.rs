//! What an end of a channel says of itself, in the latest value of its topic.

use bytemuck::{Pod, Zeroable};
use core::any::type_name;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use mailbox::{Endpoint, Region, Status};

/// Bytes of a type's name that are told.
const TYPE: usize = 64;

/// One of the two ends of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Output,
    Input,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Side::Output => Side::Input,
            Side::Input => Side::Output,
        }
    }

    /// The name of the topic of this end.
    pub fn topic(self, channel: &str) -> String {
        let mark = if self == Side::Output { '!' } else { '?' };
        format!("{channel}{mark}")
    }
}

/// How many ends were opened by this process of the operating system.
static OPENINGS: AtomicU32 = AtomicU32::new(0);

/// An opening of an end: which process has opened it, as the how many-th. All zero is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Opening {
    pub epoch: u64,
    pub rank: u32,
    /// From 1 on.
    count: u32,
}

impl Opening {
    pub fn is_some(&self) -> bool {
        self.count != 0
    }

    /// Whether the process that opened it lives.
    pub fn lives(&self, region: &Region) -> bool {
        region.status(self.rank) == Some((Status::Live, self.epoch))
    }

    /// The next one of this endpoint.
    pub fn next(me: &Endpoint) -> Self {
        Self { epoch: me.epoch(), rank: me.rank(), count: OPENINGS.fetch_add(1, Relaxed) + 1 }
    }
}

/// An end.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct End {
    pub opening: Opening,
    /// The opening of the other end that it has met.
    pub met: Opening,
    /// The last opening of this end before this one that has met another, which may not have looked yet.
    pub former: Opening,
    /// And which one that was.
    pub former_met: Opening,
    /// 0 once it is dropped.
    pub is_open: u32,
    pub capacity: u32,
    /// Of the name of the values' type.
    pub type_hash: u64,
    /// Of the type, in bytes.
    pub size: u64,
    /// As much of its name as there is room for.
    pub type_name: [u8; TYPE],
}

/// What one end finds at the other.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    pub opening: Opening,
    pub is_open: bool,
    pub has_met_us: bool,
}

impl End {
    pub fn new<T>(opening: Opening, capacity: u32, before: Option<End>) -> Self {
        let name = type_name::<T>();
        let mut told = [0; TYPE];
        let len = name.len().min(TYPE);
        told[..len].copy_from_slice(&name.as_bytes()[..len]);
        let none = Opening::default();
        let (former, former_met) = match before {
            Some(before) if before.met != none => (before.opening, before.met),
            Some(before) => (before.former, before.former_met),
            None => (none, none),
        };
        Self {
            opening,
            met: none,
            former,
            former_met,
            is_open: 1,
            capacity,
            type_hash: hash(name.as_bytes()),
            size: size_of::<T>() as u64,
            type_name: told,
        }
    }

    /// Whether both have values of one type, as far as can be told.
    pub fn has_type_of(&self, other: &Self) -> bool {
        (self.type_hash, self.size) == (other.type_hash, other.size)
    }

    /// The name and the size of the type.
    pub fn type_told(&self) -> String {
        let name = self.type_name.split(|byte| *byte == 0).next().unwrap_or_default();
        format!("{} of {} bytes", String::from_utf8_lossy(name), self.size)
    }

    /// What this end finds, if the other one is for it.
    pub fn find(&self, other: &Self) -> Option<Found> {
        if other.former_met == self.opening {
            // It has met this one, and was then dropped and opened again.
            return Some(Found { opening: other.former, is_open: false, has_met_us: true });
        }
        let has_met_us = other.met == self.opening;
        // One that this end's former opening has met, and that has not looked yet, finds that one.
        let is_free = other.met == Opening::default() && self.former_met != other.opening;
        let found = Found { opening: other.opening, is_open: other.is_open != 0, has_met_us };
        (has_met_us || is_free).then_some(found)
    }
}

/// The lowest bits of a tag: 1 for the word that nothing more comes.
pub const POISON: u32 = 1;
/// The bit of messages to the output end.
const TO_OUTPUT: u32 = 1 << 21;
const CHANNEL: u32 = 0x3ff << 22;

/// What all tags between these two openings have in common: the number of the channel, and bits of a hash.
pub fn tag(channel: u32, output: &Opening, input: &Opening) -> u32 {
    let both = hash(bytemuck::bytes_of(&[*output, *input]));
    channel << 22 | (both as u32 & 0xf_ffff) << 1
}

/// The tag of messages to the end at this side.
pub fn tag_to(side: Side, tag: u32) -> u32 {
    if side == Side::Output { tag | TO_OUTPUT } else { tag }
}

/// The tag and the mask of all messages that were ever sent to that end of a channel.
pub fn all_to(side: Side, channel: u32) -> (u32, u32) {
    (tag_to(side, channel << 22), CHANNEL | TO_OUTPUT)
}

/// The same in every program: FNV-1a, with 64 bits, its upper half folded to the lower.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    hash ^ hash >> 32
}
