//! Sets of sequence numbers; private to a process.

use core::cell::{Cell as Private, OnceCell};

/// A set of sequence numbers, all within one lap of the ring.
///
/// As long as they follow each other without a gap, it is where they begin and how many there are: most sets grow and shrink at their
/// ends. Otherwise each has a bit, until none is left. The bits take memory, one for each slot, when they are first needed.
pub struct SeqSet {
    /// Whether they never had a gap since there were none. Then no bit is set.
    is_row: Private<bool>,
    /// The first of such a row, if it has any.
    first: Private<u64>,
    bits: OnceCell<Box<[Private<u64>]>>,
    /// The number of slots, less one.
    last: usize,
    count: Private<usize>,
}

impl SeqSet {
    /// No numbers, in a ring of `lap` slots, a power of two.
    pub fn new(lap: usize) -> Self {
        Self { is_row: true.into(), first: 0.into(), bits: OnceCell::new(), last: lap - 1, count: 0.into() }
    }

    /// Whether it has any numbers.
    #[inline(always)]
    pub fn any(&self) -> bool {
        self.count.get() > 0
    }

    /// How many there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.count.get()
    }

    /// Whether `seq` is in.
    #[inline(always)]
    pub fn has(&self, seq: u64) -> bool {
        self.any() && self.holds(seq)
    }

    #[inline(never)]
    fn holds(&self, seq: u64) -> bool {
        if self.is_row.get() {
            return seq.wrapping_sub(self.first.get()) < self.count.get() as u64;
        }
        let (word, bit) = self.bit(seq);
        word.get() & bit != 0
    }

    /// The first one from `first` on. All are within a lap from there.
    ///
    /// Cost: a look at each word of 64 slots up to there.
    pub fn first_from(&self, first: u64) -> Option<u64> {
        if self.is_row.get() {
            return self.any().then_some(self.first.get());
        }
        let (mut ahead, lap) = (0, self.last as u64 + 1);
        while self.any() && ahead < lap {
            let (word, bit) = self.bit(first.wrapping_add(ahead));
            let (rest, at) = (word.get() & !(bit - 1), u64::from(bit.trailing_zeros()));
            if rest != 0 {
                return Some(first.wrapping_add(ahead + u64::from(rest.trailing_zeros()) - at));
            }
            ahead += lap.min(64) - at;
        }
        None
    }

    fn bit(&self, seq: u64) -> (&Private<u64>, u64) {
        let at = seq as usize & self.last;
        let bits = self.bits.get_or_init(|| (0..=self.last / 64).map(|_| 0.into()).collect());
        (&bits[at / 64], 1 << (at % 64))
    }

    /// Puts `seq` in.
    #[inline(always)]
    pub fn set(&self, seq: u64) {
        let (first, count) = (self.first.get(), self.count.get());
        if self.is_row.get() && seq == first.wrapping_add(count as u64) {
            self.count.set(count + 1);
        } else if self.is_row.get() && seq.wrapping_add(1) == first {
            self.first.set(seq);
            self.count.set(count + 1);
        } else {
            self.set_bit(seq);
        }
    }

    #[inline(never)]
    fn set_bit(&self, seq: u64) {
        if !self.any() {
            self.first.set(seq);
            self.count.set(1);
        } else if !self.holds(seq) {
            self.break_row();
            let (word, bit) = self.bit(seq);
            word.set(word.get() | bit);
            self.count.set(self.count.get() + 1);
        }
    }

    /// Takes `seq` out. Returns whether it was in.
    #[inline(always)]
    pub fn clear(&self, seq: u64) -> bool {
        let (first, count) = (self.first.get(), self.count.get());
        if count == 0 {
            return false;
        }
        let less = count - 1;
        if self.is_row.get() && seq == first.wrapping_add(less as u64) {
            self.count.set(less);
        } else if self.is_row.get() && seq == first {
            self.first.set(seq.wrapping_add(1));
            self.count.set(less);
        } else {
            return self.clear_bit(seq);
        }
        true
    }

    #[inline(never)]
    fn clear_bit(&self, seq: u64) -> bool {
        let was = self.holds(seq);
        if was {
            self.break_row();
            let (word, bit) = self.bit(seq);
            word.set(word.get() & !bit);
            self.lessen(1);
        }
        was
    }

    /// Takes out `first` and those that follow it, up to one that is not in. How many they were.
    ///
    /// Cost: a look at each word of 64 slots.
    pub fn clear_run(&self, first: u64) -> u64 {
        if self.is_row.get() && self.first.get() == first {
            return self.count.take() as u64;
        }
        let mut cleared = 0;
        while self.has(first.wrapping_add(cleared)) {
            self.break_row();
            let (word, bit) = self.bit(first.wrapping_add(cleared));
            let at = bit.trailing_zeros();
            let count = (word.get() >> at).trailing_ones().min(self.width() - at);
            word.set(word.get() & !row_of_bits(at, count));
            self.lessen(count);
            cleared += u64::from(count);
        }
        cleared
    }

    /// So many bits were cleared.
    fn lessen(&self, count: u32) {
        self.count.set(self.count.get() - count as usize);
        self.is_row.set(!self.any());
    }

    /// From now on each has a bit.
    ///
    /// Cost: a look at each word of 64 slots.
    fn break_row(&self) {
        if !self.is_row.replace(false) {
            return;
        }
        let (first, all) = (self.first.get(), self.count.get() as u64);
        let mut done = 0;
        while done < all {
            let (word, bit) = self.bit(first.wrapping_add(done));
            let at = bit.trailing_zeros();
            let count = u64::from(self.width() - at).min(all - done);
            word.set(word.get() | row_of_bits(at, count as u32));
            done += count;
        }
    }

    /// How many bits of a word are used.
    fn width(&self) -> u32 {
        (self.last + 1).min(64) as u32
    }
}

/// `count` bits from bit `at` on; at least one.
fn row_of_bits(at: u32, count: u32) -> u64 {
    u64::MAX >> (64 - count) << at
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn it_has_what_was_put_in_and_not_taken_out_in_any_order() {
        let mut dice = 1u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (dice >> 33) % sides
        };
        for lap in [1, 2, 32, 64, 256] {
            for head in [0, 63, 100, u64::MAX - 5] {
                let (set, mut all) = (SeqSet::new(lap), BTreeSet::new());
                // By how far they are behind `head`. Mostly, numbers come and go at the ends.
                for _ in 0..4000 {
                    let ends = all.first().zip(all.last()).map_or([0; 4], |(first, last): (&u64, &u64)| {
                        [first.saturating_sub(1), *first, *last, (last + 1).min(lap as u64 - 1)]
                    });
                    let ahead = if roll(30) == 0 { roll(lap as u64) } else { ends[roll(4) as usize] };
                    let seq = head.wrapping_add(ahead);
                    match roll(9) {
                        0..4 => {
                            set.set(seq);
                            all.insert(ahead);
                        }
                        4..8 => assert_eq!(set.clear(seq), all.remove(&ahead), "{lap} {head} {ahead}"),
                        _ => {
                            // From the first, or where none is.
                            let from = ends[roll(2) as usize];
                            let run = (from..lap as u64).take_while(|ahead| all.remove(ahead)).count();
                            assert_eq!(set.clear_run(head.wrapping_add(from)), run as u64, "{lap} {head}");
                        }
                    }
                    assert_eq!((set.len(), set.any()), (all.len(), !all.is_empty()));
                    assert_eq!(set.first_from(head), all.first().map(|ahead| head.wrapping_add(*ahead)));
                    assert!(
                        (0..lap as u64).all(|at| set.has(head.wrapping_add(at)) == all.contains(&at)),
                        "{lap} {head} {ahead}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_one_is_found_wherever_the_lap_begins() {
        for lap in [1, 2, 32, 64, 128, 256] {
            for first in [0, 1, 63, 64, 100, u64::MAX - 5] {
                for ahead in 0..lap as u64 {
                    let set = SeqSet::new(lap);
                    assert_eq!(set.first_from(first), None);
                    (ahead..lap as u64).step_by(3).for_each(|ahead| set.set(first.wrapping_add(ahead)));
                    assert_eq!(set.first_from(first), Some(first.wrapping_add(ahead)), "{lap} {first}");
                }
            }
        }
    }

    #[test]
    fn a_run_is_taken_out_wherever_it_lies_and_no_more() {
        for lap in [1, 2, 32, 64, 128, 256] {
            for first in [0, 1, 63, 64, 100, u64::MAX - 5] {
                for run in 0..=lap as u64 {
                    let set = SeqSet::new(lap);
                    let others = (run + 1..lap as u64).step_by(3);
                    (0..run).chain(others.clone()).for_each(|ahead| set.set(first.wrapping_add(ahead)));
                    assert_eq!(set.clear_run(first), run, "{lap} {first}");
                    let left: Vec<_> =
                        (0..lap as u64).filter(|ahead| set.has(first.wrapping_add(*ahead))).collect();
                    assert_eq!(
                        (left, set.len()),
                        (others.clone().collect(), others.count()),
                        "{lap} {first}"
                    );
                }
            }
        }
    }
}
