//! The first page of a region. Pure functions on checked values.

use super::{DIRECTORY_WORDS, Geometry, Padded};
use crate::sync::AtomicU64;

/// The version of this layout.
pub const ABI: u64 = 21;
/// The first word of a region.
pub const MAGIC: u64 = u64::from_ne_bytes(*b"mailbox\x01");
/// The first word of a region that is being removed.
pub const WIPED: u64 = u64::from_ne_bytes(*b"mailbox\x00");
/// Words of the header. The creator writes all of them once. Two are written later as well: the magic, which a
/// remover wipes, and the pair that says what the disk has.
pub const HEADER_WORDS: usize = 32;
/// Bytes of the header that say something.
pub const HEADER_BYTES: usize = 3 * 128 + 8 * DIRECTORY_WORDS;
/// The word of the header that says in which boot of the machine the region is in use; 0 means that it was closed.
/// Written by joiners and by the last process to leave, see `segment::durable`.
pub const BOOT: usize = 8;
/// The bit of that word which says that the disk has the word, too. The other bits are the boot's number.
pub const SETTLED: u64 = 1;
/// The word of the header that says in which boot of the machine the disk failed to store a part of the region; 0
/// means in none. Written by the process that saw the failure, see `segment::durable`.
pub const FAILED: usize = 9;

/// The first of the header's three words of features, one bit for each feature. A program that does not know a bit
/// may ignore it in the first word; in the second, it may still look at the region; in the third, it must refuse the
/// region. The creator writes them.
pub const FEATURES: usize = 10;
/// The word of the header with the bytes of each rank's area for loans.
const LOANS_WORD: usize = FEATURES + 3;
/// The word of the header that says how many groups there can be.
const GROUPS_WORD: usize = LOANS_WORD + 1;
/// The word of the header that says how many topics there can be.
const TOPICS_WORD: usize = GROUPS_WORD + 1;
/// The word of the header with the bytes of the longest value of a topic.
const VALUE_WORD: usize = TOPICS_WORD + 1;
/// The last word of the header that the creator writes: the bytes of payloads that a topic's stream keeps. The words after it may be
/// locks.
pub const LAST_WORD: usize = VALUE_WORD + 1;

/// The first page of a region: see [`Geometry::to_words`] for the order of its words.
#[repr(C)]
pub struct Header {
    /// The header, word by word; the magic first.
    pub words: [AtomicU64; HEADER_WORDS],
    /// What concerns all ranks.
    pub control: Padded<Control>,
    /// What lies where: see [`from_directory`](super::from_directory). The creator writes it.
    pub directory: [AtomicU64; DIRECTORY_WORDS],
}

/// What concerns all ranks. Any rank may write it.
#[repr(C)]
pub struct Control {
    /// How many times a rank was claimed, left, or found dead. A hint: a process that finds it changed looks at the
    /// lives of all ranks.
    pub changes: AtomicU64,
    /// Nothing writes or reads it.
    pub reserved: AtomicU64,
}

/// Where the header says how many ranks there are.
pub const RANKS_WORD: u64 = 4 * 8;

#[cfg(not(loom))]
const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(Header, control) == 256 && offset_of!(Header, directory) == 384);
    assert!(size_of::<Header>() == HEADER_BYTES && HEADER_BYTES as u64 <= super::PAGE);
};

impl Geometry {
    /// The header of a region of this geometry that is in use in no boot, in the order of its words.
    pub fn to_words(self, nonce: u64) -> [u64; HEADER_WORDS] {
        let mut words = [0; HEADER_WORDS];
        words[..8].copy_from_slice(&[
            MAGIC,
            ABI,
            self.protocol,
            nonce,
            self.ranks as u64,
            self.cells as u64,
            self.arena,
            self.max_message,
        ]);
        words[LOANS_WORD] = self.loans;
        words[GROUPS_WORD] = self.groups as u64;
        words[TOPICS_WORD] = self.topics as u64;
        words[VALUE_WORD] = self.value;
        words[LAST_WORD] = self.stream;
        words
    }

    /// The geometry that the first bytes of a region name; `None` if they do not describe one.
    pub fn of_header(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let mut words = [0; HEADER_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        Some(Self::from_words(&words)?.0)
    }

    /// The geometry and the nonce that a header names; `None` if it does not describe a region. The caller checks
    /// magic and ABI first.
    pub fn from_words(words: &[u64; HEADER_WORDS]) -> Option<(Self, u64)> {
        let [_, _, protocol, nonce, ranks, cells, arena, max_message, ..] = *words;
        let geometry = Self {
            protocol,
            ranks: ranks.try_into().ok()?,
            cells: cells.try_into().ok()?,
            arena,
            max_message,
            loans: words[LOANS_WORD],
            groups: words[GROUPS_WORD].try_into().ok()?,
            topics: words[TOPICS_WORD].try_into().ok()?,
            value: words[VALUE_WORD],
            stream: words[LAST_WORD],
        };
        geometry.check().ok()?;
        Some((geometry, nonce))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::CHUNK;
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_header_says_what_was_written() {
        let geometry = Config::ranks(9).cells(64).arena(4096).protocol(77).loans(3 * CHUNK).geometry;
        let mut words = geometry.to_words(5);
        assert_eq!(Geometry::from_words(&words), Some((geometry, 5)));
        words[4] = u64::MAX;
        assert_eq!(Geometry::from_words(&words), None);
    }
}
