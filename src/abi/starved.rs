//! The word with which a sender says that it waits for its receiver. Pure functions.
//!
//! ```text
//! ┌───────────┬──────────┬─────────┬─────────────┬───────────────┐
//! │ number:39 │ epoch:22 │ any: 1  │ is alone: 1 │ is starved: 1 │
//! └───────────┴──────────┴─────────┴─────────────┴───────────────┘
//! ```

use super::{Envelope, Kind};

const STARVED: u64 = 1;
const ALONE: u64 = 1 << 1;
const ANY: u64 = 1 << 2;
const EPOCH_SHIFT: u32 = 3;
const EPOCH_MASK: u64 = (1 << 22) - 1;
const SEQ_SHIFT: u32 = 25;
const SEQ_MASK: u64 = (1 << 39) - 1;

/// A sender waits until one of its messages is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starved {
    /// The number of that message.
    pub seq: u64,
    /// Whether it waits for any of those, up to this one, that have a credit: it has none left, and that message is the last
    /// that took one.
    pub is_any: bool,
    /// The sender's epoch.
    pub epoch: u64,
    /// Whether no other thread has a half of the rank. Then the rank answers no calls while it waits.
    pub is_alone: bool,
}

impl Starved {
    /// The word that says so. Never 0, which means that the sender waits for nothing.
    pub const fn pack(self) -> u64 {
        let any = if self.is_any { ANY } else { 0 };
        let alone = if self.is_alone { ALONE } else { 0 };
        self.seq << SEQ_SHIFT | (self.epoch & EPOCH_MASK) << EPOCH_SHIFT | any | alone | STARVED
    }

    /// What a word says to a receiver whose oldest message is `head`. The message is the first one, from `head` on,
    /// whose number ends in these bits.
    pub const fn unpack(word: u64, head: u64) -> Option<Self> {
        if word & STARVED == 0 {
            return None;
        }
        let ahead = (word >> SEQ_SHIFT).wrapping_sub(head) & SEQ_MASK;
        Some(Self {
            seq: head.wrapping_add(ahead),
            is_any: word & ANY != 0,
            epoch: word >> EPOCH_SHIFT & EPOCH_MASK,
            is_alone: word & ALONE != 0,
        })
    }

    /// Whether a message with this envelope is of that life, and has a credit until it is answered.
    pub fn has_asked(self, envelope: &Envelope) -> bool {
        let is_asked = matches!(envelope.kind, Kind::Call | Kind::Sync | Kind::Announced);
        is_asked && u64::from(envelope.epoch) == self.epoch % 64
    }

    /// Whether the sender's life with this epoch wrote it, not an earlier one.
    pub const fn is_of(self, epoch: u64) -> bool {
        (self.epoch ^ epoch) & EPOCH_MASK == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_the_message_the_life_and_whether_it_is_alone() {
        for head in [0, 5, SEQ_MASK, u64::MAX - 1] {
            for (ahead, epoch, is_alone) in [(0, 1, true), (1, EPOCH_MASK + 3, false), (4095, 0, true)] {
                for is_any in [false, true] {
                    let said = Starved { seq: head.wrapping_add(ahead), is_any, epoch, is_alone };
                    assert_ne!(said.pack(), 0);
                    let read = Starved::unpack(said.pack(), head).expect("it is starved");
                    assert_eq!((read.seq, read.is_any, read.is_alone), (said.seq, is_any, is_alone));
                    assert!(read.is_of(epoch) && !read.is_of(epoch + 1));
                }
            }
        }
        assert_eq!(Starved::unpack(0, 7), None);
        assert_eq!(Starved::unpack(u64::MAX - 1, 7), None);
    }

    #[test]
    fn a_message_that_is_acknowledged_is_not_the_oldest_again() {
        let said = Starved { seq: 7, is_any: false, epoch: 1, is_alone: true }.pack();
        assert_eq!(Starved::unpack(said, 8).expect("it is starved").seq, 7 + (1 << 39));
    }
}
