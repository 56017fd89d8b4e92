//! Sets of sequence numbers; private to a process.

use core::cell::{Cell as Private, OnceCell};

/// A set of sequence numbers, all within one lap of the ring.
///
/// Takes memory, one bit for each slot, when the first number is added.
pub struct SeqSet {
    bits: OnceCell<Box<[Private<u64>]>>,
    /// The number of slots, less one.
    last: usize,
    count: Private<usize>,
}

impl SeqSet {
    /// No numbers, in a ring of `lap` slots, a power of two.
    pub fn new(lap: usize) -> Self {
        Self { bits: OnceCell::new(), last: lap - 1, count: 0.into() }
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
        self.any() && self.find(seq).is_some_and(|(word, bit)| word.get() & bit != 0)
    }

    /// The first one from `first` on, within a lap.
    ///
    /// Cost: a look at each word of 64 slots up to there.
    pub fn first_from(&self, first: u64) -> Option<u64> {
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

    /// Its bit, if there is memory.
    #[inline(always)]
    fn find(&self, seq: u64) -> Option<(&Private<u64>, u64)> {
        let at = seq as usize & self.last;
        Some((self.bits.get()?.get(at / 64)?, 1 << (at % 64)))
    }

    /// Puts `seq` in.
    #[inline(always)]
    pub fn set(&self, seq: u64) {
        let Some((word, bit)) = self.find(seq) else { return self.set_first(seq) };
        if word.get() & bit == 0 {
            word.set(word.get() | bit);
            self.count.set(self.count.get() + 1);
        }
    }

    #[cold]
    #[inline(never)]
    fn set_first(&self, seq: u64) {
        let (word, bit) = self.bit(seq);
        word.set(bit);
        self.count.set(1);
    }

    /// Takes `seq` out. Returns whether it was in.
    #[inline(always)]
    pub fn clear(&self, seq: u64) -> bool {
        let Some((word, bit)) = self.find(seq) else { return false };
        let was = word.get() & bit != 0;
        if was {
            word.set(word.get() & !bit);
            self.count.set(self.count.get() - 1);
        }
        was
    }

    /// Takes out `first` and those that follow it, up to one that is not in. How many they were.
    ///
    /// Cost: a look at each word of 64 slots.
    pub fn clear_run(&self, first: u64) -> u64 {
        let (mut cleared, width) = (0, (self.last + 1).min(64) as u32);
        while self.any() {
            let (word, bit) = self.bit(first.wrapping_add(cleared));
            let at = bit.trailing_zeros();
            let count = (word.get() >> at).trailing_ones().min(width - at);
            if count == 0 {
                break;
            }
            word.set(word.get() & !(u64::MAX >> (64 - count) << at));
            self.count.set(self.count.get() - count as usize);
            cleared += u64::from(count);
        }
        cleared
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

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
