//! What a message between two ranks is, known from its number alone.

use crate::common::random::mix;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

/// Numbers from one message to the next that is too short to bear its number.
const SHORT: u64 = 256;
/// The number in a message, and a checksum.
const HEAD: usize = 16;
/// In the number's place: nothing follows.
const END: u64 = 1 << 63;

/// The messages from one rank to another.
pub struct Parcels {
    key: u64,
    /// The longest that travels whole.
    whole: usize,
}

/// What a parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// So short that it says little of its number.
    Short(usize),
    /// It fits a cell.
    Cell(usize),
    /// It lies in the arena.
    Arena(usize),
    /// It is announced.
    Long(usize),
}

/// A parcel that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub number: u64,
    /// Whether it is the last.
    pub is_end: bool,
}

impl Parcels {
    /// Those `from` one rank `to` another, in a run of this seed, in a region with this limit of a whole message.
    pub fn new(seed: u64, from: u32, to: u32, whole: usize) -> Self {
        Self { key: mix(seed, u64::from(from) << 16 | u64::from(to) | 1 << 40), whole }
    }

    fn random(&self, number: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.key.wrapping_add(number))
    }

    /// The shape of parcel `number`.
    pub fn shape(&self, number: u64) -> Shape {
        self.shape_by(&mut self.random(number), number)
    }

    fn shape_by(&self, random: &mut impl Rng, number: u64) -> Shape {
        if number % SHORT == 17 {
            return Shape::Short(random.random_range(0..HEAD));
        }
        match random.random_range(0..100) {
            0..60 => Shape::Cell(random.random_range(HEAD..=48)),
            60..95 => Shape::Arena(random.random_range(49..=self.whole)),
            _ => Shape::Long(random.random_range(self.whole + 1..=8 * self.whole)),
        }
    }

    /// Whether parcel `number` is announced.
    pub fn is_long(&self, number: u64) -> bool {
        matches!(self.shape(number), Shape::Long(_))
    }

    /// The bytes of parcel `number`, in `bytes`.
    pub fn pack(&self, number: u64, is_end: bool, bytes: &mut Vec<u8>) -> Shape {
        let mut random = self.random(number);
        let shape = self.shape_by(&mut random, number);
        let (Shape::Short(len) | Shape::Cell(len) | Shape::Arena(len) | Shape::Long(len)) = shape;
        bytes.resize(len.max(HEAD), 0);
        random.fill_bytes(&mut bytes[8..]);
        let head = if is_end { number | END } else { number };
        bytes[..8].copy_from_slice(&head.to_le_bytes());
        bytes.truncate(len);
        shape
    }

    /// What parcel these bytes are, if they are one, all of it. What is too short to say so is the first of its kind
    /// after number `last`. `space` is for what they should be.
    pub fn open(&self, bytes: &[u8], last: u64, space: &mut Vec<u8>) -> Option<Opened> {
        let head = bytes.first_chunk().map(|head| u64::from_le_bytes(*head));
        let opened = match head {
            Some(head) if bytes.len() >= HEAD => Opened { number: head & !END, is_end: head & END != 0 },
            _ => {
                let number = last + 1;
                Opened { number: number + (17 + SHORT - number % SHORT) % SHORT, is_end: false }
            }
        };
        self.pack(opened.number, opened.is_end, space);
        (space == bytes).then_some(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_opened_and_a_changed_byte_is_seen() {
        let parcels = Parcels::new(1, 0, 1, 512);
        let (mut bytes, mut space) = (vec![], vec![]);
        for number in 1..2000 {
            let shape = parcels.pack(number, false, &mut bytes);
            assert_eq!(matches!(shape, Shape::Long(_)), bytes.len() > 512);
            let opened = parcels.open(&bytes, number - 1, &mut space);
            assert_eq!(opened, Some(Opened { number, is_end: false }));
            if let Some(at) = (number as usize).checked_rem(bytes.len()) {
                bytes[at] ^= 1;
                assert_ne!(parcels.open(&bytes, number - 1, &mut space), opened, "torn");
                bytes[at] ^= 1;
                bytes.pop();
                assert_ne!(parcels.open(&bytes, number - 1, &mut space), opened, "cut");
            }
        }
    }

    #[test]
    fn the_last_one_says_so() {
        let parcels = Parcels::new(1, 0, 1, 512);
        let number = (1..).find(|number| matches!(parcels.shape(*number), Shape::Cell(_))).expect("one");
        let (mut bytes, mut space) = (vec![], vec![]);
        parcels.pack(number, true, &mut bytes);
        assert_eq!(parcels.open(&bytes, 0, &mut space), Some(Opened { number, is_end: true }));
    }

    #[test]
    fn other_pairs_have_other_parcels() {
        let (mut bytes, mut space) = (vec![], vec![]);
        Parcels::new(1, 0, 1, 512).pack(5, false, &mut bytes);
        assert_eq!(Parcels::new(1, 1, 0, 512).open(&bytes, 4, &mut space), None);
        assert_eq!(Parcels::new(2, 0, 1, 512).open(&bytes, 4, &mut space), None);
    }
}
