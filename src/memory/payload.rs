//! What a message consists of before it is sent.

use super::store;
use crate::abi::INLINE;
use crate::sync::{AtomicU64, Ordering::Relaxed};
use core::mem::take;
use core::ops::Deref;
use std::io::IoSlice;

/// The bytes of a message that is to be sent.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    /// These bytes.
    Whole(&'a [u8]),
    /// These pieces one after the other, with so many bytes in all.
    Pieces(&'a [IoSlice<'a>], usize),
}

/// A place in a payload.
#[derive(Clone, Copy, Default)]
pub struct Mark {
    /// The index of a piece.
    piece: usize,
    /// A byte of it.
    byte: usize,
}

impl<'a> Payload<'a> {
    /// The concatenation of these pieces. `None` if its length is no `usize`.
    pub fn of(pieces: &'a [IoSlice<'a>]) -> Option<Self> {
        if let [piece] = pieces {
            return Some(Self::Whole(piece));
        }
        sum(pieces.iter().map(|piece| piece.len())).map(|len| Self::Pieces(pieces, len))
    }

    /// How many bytes there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces(_, len) => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stores all bytes at the beginning of `words`, like [`store`].
    #[inline(always)]
    pub fn store(&self, words: &[AtomicU64]) {
        match self {
            Self::Whole(bytes) => store(words, bytes),
            Self::Pieces(_, len) => {
                self.store_part(words, Mark::default(), *len);
            }
        }
    }

    /// All bytes, put together in `room` if they are in pieces. `None` if they do not fit a cell.
    pub fn gather<'b>(self, room: &'b mut [u8; INLINE]) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        let (pieces, all) = match self {
            Self::Whole(bytes) => return (bytes.len() <= INLINE).then_some(bytes),
            Self::Pieces(pieces, len) => (pieces, room.get_mut(..len)?),
        };
        let mut rest = &mut *all;
        for piece in pieces {
            let (next, after) = rest.split_at_mut(piece.len());
            next.copy_from_slice(piece);
            rest = after;
        }
        Some(all)
    }

    /// Stores `len` bytes that begin at this mark, or as many as there are, at the beginning of `words`. Returns where the
    /// next ones begin. Bytes that share the last word with them become zero.
    ///
    /// Cost: that of [`store`], and some instructions for each piece.
    pub fn store_part(&self, words: &[AtomicU64], mut mark: Mark, mut len: usize) -> Mark {
        let mut gathering = Gathering { words, part: [0; 8], filled: 0 };
        while len > 0
            && let Some(piece) = self.piece(mark.piece)
        {
            let rest = &piece[mark.byte..];
            let bytes = &rest[..rest.len().min(len)];
            gathering.add(bytes);
            len -= bytes.len();
            mark.byte += bytes.len();
            if mark.byte == piece.len() {
                mark = Mark { piece: mark.piece + 1, byte: 0 };
            }
        }
        gathering.finish();
        mark
    }

    fn piece(&self, index: usize) -> Option<&'a [u8]> {
        match self {
            Self::Whole(bytes) => (index == 0).then_some(bytes),
            Self::Pieces(pieces, _) => pieces.get(index).map(Deref::deref),
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8]) -> Self {
        Self::Whole(bytes)
    }
}

fn sum(mut lengths: impl Iterator<Item = usize>) -> Option<usize> {
    lengths.try_fold(0, usize::checked_add)
}

/// Stores to consecutive words what comes in pieces.
struct Gathering<'a> {
    /// Those that nothing was stored to.
    words: &'a [AtomicU64],
    /// The bytes that are for the first of them. The others are zero.
    part: [u8; 8],
    /// How many they are; fewer than 8.
    filled: usize,
}

impl Gathering<'_> {
    fn add(&mut self, bytes: &[u8]) {
        let begun = if self.filled == 0 { 0 } else { bytes.len().min(8 - self.filled) };
        let (first, rest) = bytes.split_at(begun);
        self.keep(first);
        if self.filled == 0 {
            let (whole, rest) = rest.split_at(rest.len() / 8 * 8);
            let (words, left) = self.words.split_at(whole.len() / 8);
            store(words, whole);
            self.words = left;
            self.keep(rest);
        }
    }

    /// Keeps bytes, which fit the word that was begun, until it is full.
    fn keep(&mut self, bytes: &[u8]) {
        self.part[self.filled..][..bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        if self.filled == 8 {
            self.finish();
        }
    }

    /// Stores the word that was begun, if there is one.
    fn finish(&mut self) {
        if self.filled > 0
            && let Some((word, rest)) = self.words.split_first()
        {
            word.store(u64::from_ne_bytes(take(&mut self.part)), Relaxed);
            self.words = rest;
            self.filled = 0;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::memory::load;

    /// All ways to cut `len` bytes in three, one of which may be empty.
    fn splits(len: usize) -> impl Iterator<Item = [usize; 2]> {
        (0..=len).flat_map(move |first| (first..=len).map(move |second| [first, second]))
    }

    #[test]
    fn any_split_is_stored_as_the_whole() {
        for len in (0..20).chain([4200]) {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + at / 256 + 1) as u8).collect();
            for [first, second] in splits(len).step_by(len.pow(2) / 400 + 1) {
                let parts = [&bytes[..first], &bytes[first..second], &[], &bytes[second..]].map(IoSlice::new);
                let payload = Payload::of(&parts).expect("a length");
                assert_eq!(payload.len(), len);
                let words: Vec<_> = (0..len / 8 + 2).map(|_| AtomicU64::new(u64::MAX)).collect();
                payload.store(&words);
                let mut all = vec![0; 8 * words.len()];
                load(&words, &mut all);
                let end = len.next_multiple_of(8);
                assert!(all[..len] == bytes, "{len}, cut at {first} and {second}");
                assert!(all[len..end].iter().all(|byte| *byte == 0), "{len}: the rest of the last word");
                assert!(all[end..].iter().all(|byte| *byte == 255), "{len}: the next word");
            }
        }
    }

    #[test]
    fn parts_are_stored_one_after_the_other() {
        let bytes: Vec<u8> = (0..100).collect();
        let pieces: Vec<_> = bytes.chunks(7).chain([&[][..]]).map(IoSlice::new).collect();
        for payload in [Payload::Whole(&bytes), Payload::of(&pieces).expect("a length")] {
            for step in [8, 16, 24, 64, 104] {
                let words: Vec<_> = (0..13).map(|_| AtomicU64::new(u64::MAX)).collect();
                let mut mark = Mark::default();
                for begin in (0..100).step_by(step) {
                    mark = payload.store_part(&words[begin / 8..], mark, step.min(100 - begin));
                }
                let mut all = vec![0; 100];
                load(&words, &mut all);
                assert_eq!(all, bytes, "{step}");
                // There is no more.
                payload.store_part(&words, mark, 8);
                assert_eq!(words[0].load(Relaxed), u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7]));
            }
        }
    }

    #[test]
    fn a_length_beyond_all_numbers_is_none() {
        assert_eq!(sum([usize::MAX - 1, 1].into_iter()), Some(usize::MAX));
        assert_eq!(sum([usize::MAX - 1, 1, 1].into_iter()), None);
    }
}
