//! What is in a mail.

use super::Incoming;
use crate::half::Piece;
use crate::memory;
use crate::ring::Letter;
use crate::sync::AtomicU64;
use core::cell::Ref;

impl Incoming {
    /// The bytes of an assembled letter.
    pub fn message(&self, seq: u64) -> Ref<'_, [u8]> {
        self.kept.message(seq)
    }

    /// Where in its message the piece with this number lies.
    pub fn piece(&self, seq: u64) -> Option<Piece> {
        self.kept.piece(seq)
    }

    /// The payload words of a letter that is not assembled.
    pub fn words(&self, letter: &Letter) -> &[AtomicU64] {
        if letter.is_on_line() { self.answerer.words() } else { self.consumer.words(letter) }
    }

    /// Copies what begins at `offset` of a letter's payload to `buffer`, which is not longer than that.
    #[inline(always)]
    pub fn copy(&self, letter: &Letter, offset: usize, buffer: &mut [u8]) {
        if let (Some(index), 0) = (letter.cell(), offset) {
            self.consumer.copy_small(index, buffer);
        } else if letter.is_on_line() && offset == 0 {
            memory::load_small(self.answerer.words(), buffer);
        } else {
            self.copy_beyond(*letter, offset, buffer);
        }
    }

    // Takes the letter, not a reference to it, as `mail::finish` does.
    #[inline(never)]
    pub(super) fn copy_beyond(&self, letter: Letter, offset: usize, buffer: &mut [u8]) {
        if letter.is_on_line() {
            memory::load_at(self.answerer.words(), offset, buffer);
        } else if letter.is_assembled() {
            buffer.copy_from_slice(&self.message(letter.seq)[offset..offset + buffer.len()]);
        } else if offset == 0 {
            memory::load(self.consumer.words(&letter), buffer);
        } else {
            memory::load_at(self.consumer.words(&letter), offset, buffer);
        }
    }
}
