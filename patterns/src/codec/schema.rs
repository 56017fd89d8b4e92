//! What type of values a message carries, and in which format.

use super::Message;
use core::fmt;
use std::borrow::Cow;

/// The first byte of each typed message: the version of this header.
const HEADER: u8 = 0xd1;
/// The most bytes of a name.
const NAME: usize = 64;
/// Bytes before the name, and behind it.
const BEFORE: usize = 3;
const BEHIND: usize = size_of::<u64>();

/// In which format values travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// As they lie in memory.
    Plain,
    /// <https://postcard.jamesmunns.com>.
    Postcard,
    /// JSON.
    Json,
    /// Protocol Buffers.
    Protobuf,
    /// Avro's binary encoding.
    Avro,
    /// A codec of somebody else, with a number from 128 on.
    Other(u8),
}

impl Format {
    fn number(self) -> u8 {
        match self {
            Format::Plain => 1,
            Format::Postcard => 2,
            Format::Json => 3,
            Format::Protobuf => 4,
            Format::Avro => 5,
            Format::Other(number) => number,
        }
    }

    fn of(number: u8) -> Self {
        match number {
            1 => Format::Plain,
            2 => Format::Postcard,
            3 => Format::Json,
            4 => Format::Protobuf,
            5 => Format::Avro,
            number => Format::Other(number),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Plain => f.write_str("plain data"),
            Format::Postcard => f.write_str("postcard"),
            Format::Json => f.write_str("JSON"),
            Format::Protobuf => f.write_str("Protocol Buffers"),
            Format::Avro => f.write_str("Avro"),
            Format::Other(number) => write!(f, "format {number}"),
        }
    }
}

/// The type of a value that travels: its name, its format, and the fingerprint of its schema. It is at the front of each message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Schema {
    /// Its name: [`Message::NAME`]. One that a peer has sent is as that peer says.
    pub name: Cow<'static, str>,
    /// Its format.
    pub format: Format,
    /// The fingerprint.
    pub fingerprint: u64,
}

impl Schema {
    pub(super) fn new<T: Message>(format: Format, fingerprint: u64) -> Self {
        const { assert!(!T::NAME.is_empty() && T::NAME.len() <= NAME, "a name has 1 to 64 bytes") };
        let fingerprint = match T::VERSION {
            0 => fingerprint,
            version => hash(fingerprint, &version.to_le_bytes()),
        };
        Self { name: Cow::Borrowed(T::NAME), format, fingerprint }
    }

    /// What is at the front of a message with such a value.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut header = vec![HEADER, self.format.number(), self.name.len() as u8];
        header.extend_from_slice(self.name.as_bytes());
        header.extend_from_slice(&self.fingerprint.to_le_bytes());
        header
    }

    /// What is at the front of this message; `None` if it begins with something else. The rest is the value.
    pub(super) fn parse(message: &[u8]) -> Option<(Self, &[u8])> {
        let (&[HEADER, number, len], rest) = message.split_first_chunk::<BEFORE>()? else { return None };
        let (name, rest) = rest.split_at_checked(len.into())?;
        let (fingerprint, rest) = rest.split_first_chunk::<BEHIND>()?;
        let name = core::str::from_utf8(name).ok().filter(|name| (1..=NAME).contains(&name.len()))?;
        let (name, fingerprint) = (Cow::Owned(name.into()), u64::from_le_bytes(*fingerprint));
        Some((Self { name, format: Format::of(number), fingerprint }, rest))
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} as {} (schema {:#018x})", self.name, self.format, self.fingerprint)
    }
}

/// Where a fingerprint begins.
pub(super) const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a with 64 bits (Glenn Fowler, Landon Curt Noll, Kiem-Phong Vo, 1991), continued.
pub(super) fn hash(basis: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(basis, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
