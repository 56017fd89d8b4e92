//! A table that is read for each mail and seldom changed.

use core::hash::BuildHasher;
use std::hash::RandomState;

/// A key lies in one of so many slots in a row.
const REACH: usize = 4;
/// How many slots there are at least for each key, so that most lie in the first of theirs.
const SLOTS: usize = 4;
/// How many times to spread the keys in another way before there are more slots.
const TRIES: usize = 4;
/// Spreads marks of mail (`takers`) so that tags that follow each other, or senders, lie one behind the other, each in the first
/// of its slots: a tag stands in the upper 32 bits, a sender from bit 1 on.
const IN_ORDER: u64 = 1 << 32 | 1 << 63;
/// What stands where no key is.
const FREE: u64 = u64::MAX;

/// Values by key. Takes memory with the first.
#[derive(Clone, Default)]
pub struct Table<T> {
    /// Where keys fall together in order, they are spread by a random number, so that nobody can choose some that do.
    factor: u64,
    /// One less than the number of slots that may be the first of a key; that is a power of two.
    mask: u64,
    slots: Vec<(u64, T)>,
    len: usize,
}

impl<T: Default> Table<T> {
    /// The value of `key`, which is less than `u64::MAX`. As fast however many there are.
    pub fn get(&self, key: u64) -> Option<&T> {
        self.find(key, key).map(|at| &self.slots[at].1)
    }

    /// The same if it lies in the first of its slots, as most do. Faster.
    #[inline(always)]
    pub fn get_first(&self, key: u64) -> Option<&T> {
        self.slots.get(self.first(key)).filter(|slot| slot.0 == key).map(|(_, value)| value)
    }

    /// The same to be changed. It is made if there is none.
    pub fn get_or_default(&mut self, key: u64) -> &mut T {
        let at = self.find(key, key).unwrap_or_else(|| self.add(key));
        &mut self.slots[at].1
    }

    /// The slot of `key` in which this key stands.
    fn find(&self, key: u64, stands: u64) -> Option<usize> {
        let first = self.first(key);
        (first..first + REACH).find(|at| self.slots.get(*at).is_some_and(|slot| slot.0 == stands))
    }

    /// Gives `key` a slot.
    fn add(&mut self, key: u64) -> usize {
        self.len += 1;
        if self.slots.len() < SLOTS * self.len || !self.put(key) {
            self.spread(key);
        }
        self.find(key, key).expect("it was put there")
    }

    /// Whether there is a free slot for `key`, which it then has.
    fn put(&mut self, key: u64) -> bool {
        let free = self.find(key, FREE);
        free.into_iter().for_each(|at| self.slots[at].0 = key);
        free.is_some()
    }

    /// Spreads all keys in another way, with this one.
    fn spread(&mut self, key: u64) {
        let mut old = core::mem::take(&mut self.slots);
        old.retain(|slot| slot.0 != FREE);
        let random = RandomState::new();
        for attempt in 0.. {
            let count = (SLOTS * self.len).next_power_of_two() << (attempt / TRIES);
            self.factor = if attempt == 0 { IN_ORDER } else { random.hash_one(attempt) | 1 };
            self.mask = count as u64 - 1;
            self.slots = (0..count + REACH).map(|_| (FREE, T::default())).collect();
            if old.iter().map(|slot| slot.0).chain([key]).all(|key| self.put(key)) {
                break;
            }
        }
        for (key, value) in old {
            *self.get_or_default(key) = value;
        }
    }

    #[inline(always)]
    fn first(&self, key: u64) -> usize {
        let product = u128::from(key) * u128::from(self.factor);
        ((product as u64 ^ (product >> 64) as u64) & self.mask) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_put_in_is_found_and_nothing_else() {
        for shift in [0, 1, 16, 24, 32, 40, 52] {
            let mut table = Table::default();
            assert_eq!(table.get(0), None);
            for key in 0..1000u64 {
                *table.get_or_default(key << shift) = key;
                assert_eq!(*table.get_or_default((key / 2) << shift), key / 2);
            }
            for key in 0..2000u64 {
                let found = table.get(key << shift).copied();
                assert_eq!(found, (key < 1000).then_some(key), "{key} << {shift}");
            }
            assert!(table.slots.len() < 1000 * 4 * SLOTS, "{}", table.slots.len());
        }
    }

    #[test]
    fn tags_or_senders_that_follow_each_other_lie_in_the_first_of_their_slots() {
        for shift in [1, 32] {
            let mut table = Table::default();
            for key in (0..64u64).map(|key| (key * 37 % 64 + 7) << shift) {
                *table.get_or_default(key) = key;
            }
            for key in (0..80u64).map(|key| key << shift) {
                assert_eq!(table.get_first(key), table.get(key));
                assert_eq!(table.get(key).is_some(), (7..71).contains(&(key >> shift)));
            }
        }
    }
}
