//! Sets of sequence numbers; private to a process.

use core::cell::{Cell as Private, OnceCell};

/// Where in a ring of `len` slots, a power of two, `seq` lies.
#[inline(always)]
fn index(seq: u64, len: usize) -> usize {
    seq as usize & (len - 1)
}

/// A set of sequence numbers, all within one lap of the ring.
///
/// Takes memory, one bit for each slot, when the first number is added.
pub struct SeqSet {
    bits: OnceCell<Box<[Private<u64>]>>,
    lap: usize,
    count: Private<usize>,
}

impl SeqSet {
    /// No numbers, in a ring of `lap` slots, a power of two.
    pub fn new(lap: usize) -> Self {
        Self { bits: OnceCell::new(), lap, count: 0.into() }
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
    pub fn has(&self, seq: u64) -> bool {
        self.any() && {
            let (word, bit) = self.bit(seq);
            word.get() & bit != 0
        }
    }

    fn bit(&self, seq: u64) -> (&Private<u64>, u64) {
        let at = index(seq, self.lap);
        let bits = self.bits.get_or_init(|| (0..self.lap.div_ceil(64)).map(|_| 0.into()).collect());
        (&bits[at / 64], 1 << (at % 64))
    }

    /// Puts `seq` in.
    pub fn set(&self, seq: u64) {
        let (word, bit) = self.bit(seq);
        if word.get() & bit == 0 {
            word.set(word.get() | bit);
            self.count.set(self.count.get() + 1);
        }
    }

    /// Takes `seq` out. Returns whether it was in.
    pub fn clear(&self, seq: u64) -> bool {
        if !self.any() {
            return false;
        }
        let (word, bit) = self.bit(seq);
        let was = word.get() & bit != 0;
        if was {
            word.set(word.get() & !bit);
            self.count.set(self.count.get() - 1);
        }
        was
    }
}
