//! Counters that an observer reads while their writer goes on. Pure functions.
//!
//! Each counter also says up to which message it counts. So an observer can count the rest by itself, and a successor
//! can continue if the writer dies between two words.

/// The count of bytes lies in a line of its own, so it is updated only once in this many messages, or once a lap in a
/// smaller ring.
pub const COUNTED: u64 = 64;

/// Messages between two updates in a ring with this many cells.
pub const fn step(cells: u64) -> u64 {
    if cells < COUNTED { cells } else { COUNTED }
}

/// The word that says how many bytes the messages below `counted` have. The writer stores it before it stores
/// `counted`.
pub const fn pack_bytes(bytes: u64, counted: u64, cells: u64) -> u64 {
    bytes << 1 | (counted / step(cells)) & 1
}

/// How many bytes there are, and the sequence number up to which they are counted. `counted` may be one update
/// behind.
pub const fn unpack_bytes(word: u64, counted: u64, cells: u64) -> (u64, u64) {
    let is_late = (counted / step(cells)) & 1 != word & 1;
    (word >> 1, if is_late { counted.wrapping_add(step(cells)) } else { counted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observer_between_two_words_sees_what_one_after_them_does() {
        for cells in [2, 8, 4096] {
            let (before, after) = (10 * step(cells), 11 * step(cells));
            let word = pack_bytes(500, after, cells);
            assert_eq!(unpack_bytes(word, before, cells), (500, after));
            assert_eq!(unpack_bytes(word, after, cells), (500, after));
        }
        assert_eq!(unpack_bytes(0, 0, 8), (0, 0), "a mailbox that nobody used");
    }
}
