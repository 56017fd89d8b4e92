//! A message that travels in fragments: how it is cut, and how it is put together again. Nothing here is
//! shared.
//!
//! ```text
//!  first     more          more          …  last
//! ┌────────┐┌────────────┐┌────────────┐   ┌─────────────────┐
//! │ length ││ a fragment ││ a fragment │ … │ up to 48 bytes  │
//! └────────┘└────────────┘└────────────┘   └─────────────────┘
//!  8 B       up to a chunk of the arena each         written when all before it is acknowledged
//! ```
//! A message in fragments that is given up, or whose receiver ends, before *last* is written is never delivered. *Last* is one
//! cell, so that the wait for it costs no more than a round trip. Instead of it there may be a *cut*, or
//! another message: then its sender gave up, or died.

use crate::abi::INLINE;
use core::slice::Chunks;

/// The parts of `bytes`, which do not fit one cell: those that go in *more*s of up to `fragment` bytes, and
/// the one that goes in *last*.
pub fn cut(bytes: &[u8], fragment: usize) -> (Chunks<'_, u8>, &[u8]) {
    let (body, last) = bytes.split_at(bytes.len() - INLINE);
    (body.chunks(fragment), last)
}

/// Where in its message a piece lies; see [`Mail::piece`](crate::Mail::piece). Pieces come in order, without a
/// gap: each begins where the one before it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the message before it.
    pub offset: u64,
    /// Bytes of the message, as announced by its sender; at most [`Region::max_message`](crate::Region::max_message).
    pub total: u64,
    /// Whether the message ends with it. Until then the sender may give the message up.
    pub is_last: bool,
}

/// A message that has begun to arrive.
#[derive(Debug)]
pub struct Fragments {
    /// The number of its first cell.
    pub first: u64,
    /// The sender's life that it is of.
    pub epoch: u64,
    total: u64,
    received: u64,
    /// What arrived, where it is assembled, in a buffer for all of it.
    pub bytes: Option<Vec<u8>>,
}

impl Fragments {
    /// A message of `total` bytes from this life, that begins with cell `first`, to be put together in `bytes`, which is
    /// empty, or to be passed on in pieces.
    pub fn new(first: u64, epoch: u64, total: u64, bytes: Option<Vec<u8>>) -> Self {
        Self { first, epoch, total, received: 0, bytes }
    }

    /// How many bytes of memory are taken for it.
    pub fn memory(&self) -> u64 {
        if self.bytes.is_some() { self.total } else { 0 }
    }

    /// Whether any of it was passed on in pieces.
    pub fn is_known(&self) -> bool {
        self.bytes.is_none() && self.received > 0
    }

    /// The next `len` bytes have arrived; `None` if that contradicts the announcement.
    pub fn advance(&mut self, len: usize, is_last: bool) -> Option<Piece> {
        let offset = self.received;
        let received = offset.checked_add(len as u64)?;
        let is_empty = len == 0 && !is_last;
        if is_empty || received > self.total || is_last != (received == self.total) {
            return None;
        }
        self.received = received;
        Some(Piece { offset, total: self.total, is_last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_whole_again() {
        for len in INLINE + 1..400 {
            let bytes: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            for fragment in [64, 128, 4096] {
                let (body, last) = cut(&bytes, fragment);
                let mut fragments = Fragments::new(0, 1, len as u64, None);
                let mut whole = Vec::new();
                for part in body {
                    assert!((1..=fragment).contains(&part.len()));
                    let piece = fragments.advance(part.len(), false).expect("as announced");
                    assert_eq!((piece.offset, piece.is_last), (whole.len() as u64, false));
                    whole.extend_from_slice(part);
                }
                assert!(fragments.advance(last.len(), true).is_some_and(|piece| piece.is_last));
                whole.extend_from_slice(last);
                assert_eq!(whole, bytes);
            }
        }
    }

    #[test]
    fn more_or_less_than_announced_is_refused() {
        let fragments = || Fragments::new(0, 1, 100, None);
        assert_eq!(fragments().advance(101, false), None);
        assert_eq!(fragments().advance(101, true), None);
        assert_eq!(fragments().advance(99, true), None);
        assert_eq!(fragments().advance(100, false), None, "the end without saying so");
        assert_eq!(fragments().advance(usize::MAX, false), None);
        assert_eq!(fragments().advance(0, false), None, "or it could go on for ever");
        assert!(fragments().advance(100, true).is_some());
    }
}
