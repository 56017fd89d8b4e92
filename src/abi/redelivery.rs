//! The word with which a receiver says how many times it handed out a message. Pure functions.

const SEQ_BITS: u32 = 40;
const SEQ_MASK: u64 = (1 << SEQ_BITS) - 1;
const MOST: u32 = (1 << (64 - SEQ_BITS)) - 1;

/// The word that says that message `seq` may have been handed out `count` times before it is handed out now. Never 0,
/// because `count` is at least 1. The count stops at its largest value.
pub const fn pack_redelivery(seq: u64, count: u32) -> u64 {
    let count = if count < MOST { count } else { MOST };
    (count as u64) << SEQ_BITS | seq & SEQ_MASK
}

/// Which of the `count` messages from `head` on the word is about, and how many times it may have been handed out
/// before.
pub const fn unpack_redelivery(word: u64, head: u64, count: u64) -> Option<(u64, u32)> {
    let ahead = word.wrapping_sub(head) & SEQ_MASK;
    let redeliveries = (word >> SEQ_BITS) as u32;
    if redeliveries > 0 && ahead < count { Some((head.wrapping_add(ahead), redeliveries)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_about_one_message() {
        for head in [0, SEQ_MASK - 1, u64::MAX - 1] {
            let seq = head.wrapping_add(3);
            let word = pack_redelivery(seq, 7);
            assert_eq!(unpack_redelivery(word, head, 4), Some((seq, 7)));
            assert_eq!(unpack_redelivery(word, head, 3), None, "nobody had it");
            assert_eq!(unpack_redelivery(word, seq.wrapping_add(1), 4), None, "it is acknowledged");
        }
        assert_eq!(unpack_redelivery(0, 0, 1), None, "a mailbox that nobody used");
    }

    #[test]
    fn the_count_stops_at_its_most() {
        let most = pack_redelivery(5, u32::MAX);
        assert_eq!(unpack_redelivery(most, 5, 1), Some((5, MOST)));
    }
}
