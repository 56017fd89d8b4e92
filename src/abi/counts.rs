//! Counters that an observer reads while their writer goes on; pure.
//!
//! A counter says which message it was last written for, so that an observer knows what else to count, and a successor
//! does if the writer dies between two words.

/// Messages between two updates of the count of bytes, which lies in a line of its own; in a smaller ring it is a lap.
pub const COUNTED: u64 = 64;

/// Messages between two updates in a ring of so many cells.
pub const fn step(cells: u64) -> u64 {
    if cells < COUNTED { cells } else { COUNTED }
}

/// The word that says how many bytes the messages below `counted` have. It is written before `counted` is.
pub const fn pack_bytes(bytes: u64, counted: u64, cells: u64) -> u64 {
    bytes << 1 | (counted / step(cells)) & 1
}

/// How many bytes, and of the messages below which; `counted` as it was read, which may be of one update before.
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
