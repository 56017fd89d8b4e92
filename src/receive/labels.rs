//! A table of numbers by label: of each label one, as a rule.
//!
//! A place has two words, so four neighbours (`spread`) fit into a cache line, and lie in two at most: the table begins anywhere. A program
//! that asks for labels in a row needs one hash for sixteen of them. No more than half of the places are used, so most labels have their own
//! place. A label whose numbers are over keeps it: programs use the same tags again. The next table leaves it out.

use super::spread::Spread;
use crate::abi::{Filter, TAG_SHIFT, is_below};
use crate::memory;
use core::hash::BuildHasher;
use core::mem::take;
use std::collections::VecDeque;

/// Places of the smallest table.
const LEAST: usize = 64;
/// How many numbers a queue may always keep memory for.
const FEW: usize = 8;
/// How many neighbours there are.
const NEAR: usize = Spread::<TAG_SHIFT>::NEAR as usize;
/// Places that fit into a cache line.
const LINE: usize = 64 / size_of::<Place>();

/// A place has a label. No label has these bits.
const USED: u64 = 1 << 1;
/// The label has a queue.
const MANY: u64 = 1 << 2;
/// The label has no numbers.
const OVER: u64 = 1 << 3;
const FLAGS: u64 = USED | MANY | OVER;
const NO_LABEL: u64 = u64::MAX;
const _: () = assert!(FLAGS & !Filter::SPARE == 0);

/// Numbers, by the keys of filters with one mask.
pub struct Labels {
    /// A power of two of them, of which at most half are used.
    places: Vec<Place>,
    used: usize,
    /// How many numbers there are.
    count: usize,
    /// In their order, those of labels that have, or had, more than one.
    queues: Vec<VecDeque<u64>>,
    spread: Spread<TAG_SHIFT>,
    /// The neighbours that were looked for last, and their hash.
    near: (u64, usize),
    /// Which places these are likely to have: their own, which the hash says, or others.
    base: usize,
    /// The neighbours, and their hash, that come next if labels are looked for in a row.
    next: (u64, usize),
}

#[derive(Clone, Copy, Default)]
struct Place {
    /// The label and flags; 0 if it is free.
    word: u64,
    /// The number, or which queue.
    number: u64,
}

impl Place {
    /// Whether this label is here.
    #[inline(always)]
    fn has(self, key: u64) -> bool {
        (self.word ^ key) & !FLAGS == 0 && self.word != 0
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            places: vec![Place::default(); LEAST],
            used: 0,
            count: 0,
            queues: Vec::new(),
            spread: Spread::default(),
            near: (NO_LABEL, 0),
            base: 0,
            next: (NO_LABEL, 0),
        }
    }
}

impl Labels {
    /// How many numbers there are.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where this label is likely to be, or would be.
    #[inline(always)]
    fn likely(&mut self, key: u64) -> usize {
        let near = Spread::<TAG_SHIFT>::near(key);
        if self.near.0 != key ^ near {
            self.turn_to(key ^ near);
        }
        (self.base ^ (near >> TAG_SHIFT) as usize) & (self.places.len() - 1)
    }

    /// The place of this label, or the free one that it would have.
    #[inline(always)]
    fn find(&mut self, key: u64) -> usize {
        let at = self.likely(key);
        let place = self.places[at];
        let is_here = place.has(key) || place.word == 0 && self.base == self.near.1;
        if is_here { at } else { self.find_further(key) }
    }

    /// Looks at the label's own place, and then, where that has another, farther each time. It looks at the same place of each group once,
    /// then at the next place of each: steps of 1, 2, 3… reach every group, because their number is a power of two. Neighbours that are
    /// kept from their places go to the same others.
    #[inline(never)]
    fn find_further(&mut self, key: u64) -> usize {
        let (last, groups) = (self.places.len() - 1, self.places.len() / NEAR);
        let near = (Spread::<TAG_SHIFT>::near(key) >> TAG_SHIFT) as usize;
        let (mut at, mut step) = ((self.near.1 ^ near) & last, 0);
        while !self.places[at].has(key) && self.places[at].word != 0 {
            step += 1;
            at = (at + step * NEAR + usize::from(step % groups == 0)) & last;
        }
        self.base = if step == 0 { self.near.1 } else { at ^ near };
        at
    }

    /// Other neighbours are looked for. Prefetches the places of those that come next in a row: no processor knows where they are. Where
    /// these do not begin with a cache line, they lie in one more, and the last may be missed.
    #[inline(never)]
    fn turn_to(&mut self, near: u64) {
        let is_next = self.next.0 == near;
        let hash = if is_next { self.next.1 } else { self.spread.hash_one(near) as usize };
        let next = near.wrapping_add(near.wrapping_sub(self.near.0));
        self.near = (near, hash);
        self.base = hash;
        self.next = (next, self.spread.hash_one(next) as usize);
        let first = self.next.1 & (self.places.len() - 1) & !(NEAR - 1);
        self.places[first..][..NEAR].chunks(LINE).for_each(|line| memory::prefetch(&line[0]));
    }

    /// Has the only number of this label taken, and takes it out if it was. `None` also if the label has another place than it is likely
    /// to have, or had more numbers.
    #[inline(always)]
    pub fn take_only<T>(&mut self, key: u64, take: impl FnOnce(u64) -> Option<T>) -> Option<T> {
        let at = self.likely(key);
        let place = &mut self.places[at];
        if place.word != key | USED {
            return None;
        }
        let taken = take(place.number)?;
        place.word |= OVER;
        self.count -= 1;
        Some(taken)
    }

    /// Has the first number of this label taken, if it has any, and takes it out if it was.
    pub fn take_first<T>(&mut self, key: u64, take: impl FnOnce(u64) -> Option<T>) -> Option<T> {
        let at = self.find(key);
        let place = &mut self.places[at];
        let queue = match place.word & FLAGS {
            USED => None,
            flags if flags == USED | MANY => Some(&mut self.queues[place.number as usize]),
            _ => return None,
        };
        let first = queue.as_ref().map_or(Some(place.number), |queue| queue.front().copied())?;
        let taken = take(first)?;
        self.count -= 1;
        let is_over = queue.is_none_or(|queue| {
            queue.pop_front();
            if queue.capacity() > FEW.max(4 * queue.len()) {
                queue.shrink_to(2 * queue.len());
            }
            queue.is_empty()
        });
        if is_over {
            place.word |= OVER;
        }
        Some(taken)
    }

    /// Puts a number in, if it is not there. Returns whether to look if the table is to be made again: more than half of its places are
    /// used, which must not last, or the label had a number.
    #[inline(always)]
    pub fn add(&mut self, key: u64, number: u64) -> bool {
        let at = self.likely(key);
        let (is_own, place) = (self.base == self.near.1, &mut self.places[at]);
        let is_known = place.word == key | USED | OVER;
        if !(is_known || place.word == 0 && is_own) {
            return self.add_other(key, number);
        }
        *place = Place { word: key | USED, number };
        self.count += 1;
        self.used += usize::from(!is_known);
        !is_known && self.is_full()
    }

    /// The same for a label that has a number, or another place than it is likely to have.
    #[inline(never)]
    fn add_other(&mut self, key: u64, number: u64) -> bool {
        let at = self.find(key);
        let place = &mut self.places[at];
        let flags = place.word & FLAGS;
        if flags != 0 && flags != USED | OVER {
            self.add_another(at, number);
            return true;
        }
        *place = Place { word: key | USED, number };
        self.count += 1;
        self.used += usize::from(flags == 0);
        self.is_full()
    }

    fn add_another(&mut self, at: usize, number: u64) {
        let place = &mut self.places[at];
        if place.word & MANY == 0 {
            if place.number == number {
                return;
            }
            self.queues.push(VecDeque::from([place.number]));
            place.number = self.queues.len() as u64 - 1;
        }
        place.word = place.word & !OVER | MANY;
        let queue = &mut self.queues[place.number as usize];
        // Mail that was received and put back comes back between others.
        let at = match queue.back() {
            Some(last) if !is_below(*last, number) => queue.partition_point(|one| is_below(*one, number)),
            _ => queue.len(),
        };
        if queue.get(at) != Some(&number) {
            queue.insert(at, number);
            self.count += 1;
        }
    }

    /// Whether more than half of the places are used.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.used > self.places.len() / 2
    }

    /// Makes it again, with the numbers that are live. It has room for a third more labels at least, so that this is rare.
    pub fn renew(&mut self, is_live: impl Fn(u64) -> bool) {
        let mut queues = take(&mut self.queues);
        let mut places = take(&mut self.places);
        self.count = 0;
        places.retain_mut(|place| {
            let count = match place.word & FLAGS {
                USED => usize::from(is_live(place.number)),
                flags if flags == USED | MANY => {
                    let mut queue = take(&mut queues[place.number as usize]);
                    queue.retain(|number| is_live(*number));
                    queue.shrink_to(2 * queue.len());
                    let count = queue.len();
                    if count > 0 {
                        place.number = self.queues.len() as u64;
                        self.queues.push(queue);
                    }
                    count
                }
                _ => 0,
            };
            self.count += count;
            count > 0
        });
        self.used = places.len();
        self.base = self.near.1;
        self.places = vec![Place::default(); (self.used * 8 / 3 + 1).next_power_of_two().max(LEAST)];
        for place in places {
            let at = self.find(place.word & !FLAGS);
            self.places[at] = place;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    impl Labels {
        /// How many numbers the queues have memory for.
        fn room(&self) -> usize {
            self.queues.iter().map(VecDeque::capacity).sum()
        }
    }

    fn dice() -> impl FnMut(u64) -> u64 {
        let mut dice = 1u64;
        move |sides| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (dice >> 33) % sides
        }
    }

    #[test]
    fn each_label_has_its_numbers_in_their_order_whatever_is_put_in_and_taken_out() {
        let mut roll = dice();
        // Tags in a row, tags in steps, and contexts.
        for (shift, range) in [(32, 3), (32, 1000), (36, 1000), (40, 1000), (16, 1000), (63, 2)] {
            let (mut labels, mut all) = (Labels::default(), BTreeMap::<u64, BTreeSet<u64>>::new());
            for number in 0..20_000 {
                let key = roll(range) << shift;
                let numbers = all.entry(key).or_default();
                if roll(5) < 2 {
                    let number = match roll(9) {
                        0 => roll(number + 1),
                        1 => numbers.iter().nth(roll(9) as usize).copied().unwrap_or(number),
                        _ => number,
                    };
                    labels.add(key, number);
                    numbers.insert(number);
                } else {
                    if roll(2) == 0 {
                        assert_eq!(labels.take_only(key, |_| None::<()>), None);
                        assert_eq!(labels.take_first(key, |_| None::<()>), None);
                    }
                    let only = labels.take_only(key, Some);
                    assert_eq!(only.or_else(|| labels.take_first(key, Some)), numbers.pop_first());
                }
                if labels.is_full() {
                    labels.renew(|_| true);
                } else if roll(2000) == 0 {
                    let seventh = roll(7);
                    all.values_mut().for_each(|numbers| numbers.retain(|number| number % 7 != seventh));
                    labels.renew(|number| number % 7 != seventh);
                }
                assert!(labels.used <= labels.places.len() / 2);
                assert_eq!(labels.count(), all.values().map(BTreeSet::len).sum());
            }
        }
    }

    #[test]
    fn labels_that_never_come_again_take_no_memory_for_long() {
        let mut labels = Labels::default();
        for number in 0..10_000 {
            labels.add(number << TAG_SHIFT, number);
            if labels.is_full() {
                labels.renew(|live| live + 3 > number);
            }
            let mut first = None;
            let take = |number| {
                first = Some(number);
                (number % 2 == 0).then_some(())
            };
            labels.take_first(number << TAG_SHIFT, take);
            assert_eq!(first, Some(number));
            assert_eq!(labels.places.len(), LEAST);
        }
        (0..10_000).for_each(|number| _ = labels.add(0, number));
        assert!(labels.queues.len() == 1 && labels.queues[0].capacity() >= 10_000);
        while labels.take_first(0, Some).is_some() {
            assert!(labels.room() <= FEW.max(4 * labels.count()));
        }
        (0..10_000).for_each(|number| _ = labels.add(0, number));
        labels.renew(|number| number < 10);
        assert!(labels.count() == 10 && labels.room() <= 20);
    }

    #[test]
    fn labels_that_had_many_numbers_take_no_memory_for_them() {
        const MOST: usize = 500;
        let mut labels = Labels::default();
        for label in 0..MOST {
            let (key, many) = ((label as u64) << TAG_SHIFT, MOST - label);
            (0..many as u64).for_each(|number| _ = labels.add(key, number));
            if labels.is_full() {
                labels.renew(|_| true);
            }
            // All but one.
            for _ in 1..many {
                labels.take_first(key, Some).expect("it has more");
            }
            assert_eq!(labels.count(), label + 1);
            assert!(labels.room() <= FEW * labels.count(), "{} for {}", labels.room(), labels.count());
        }
    }
}
