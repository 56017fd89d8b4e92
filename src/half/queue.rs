//! Values with numbers that ascend.

/// Values by number. Most are added at the back and taken from the front, and that takes few instructions: the words of a value are
/// stored where they stay.
pub struct Queue<T> {
    /// A ring; so many, a power of two, or none.
    places: Vec<(u64, T)>,
    /// Where the first is.
    first: usize,
    len: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { places: Vec::new(), first: 0, len: 0 }
    }
}

impl<T: Copy> Queue<T> {
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where in the ring the value is that comes so many after the first.
    #[inline(always)]
    fn place(&self, at: usize) -> usize {
        (self.first + at) & self.places.len().wrapping_sub(1)
    }

    #[inline(always)]
    pub fn get(&self, at: usize) -> Option<&(u64, T)> {
        if at < self.len { self.places.get(self.place(at)) } else { None }
    }

    #[inline(always)]
    pub fn front(&self) -> Option<&(u64, T)> {
        self.get(0)
    }

    #[inline(always)]
    pub fn back(&self) -> Option<&(u64, T)> {
        self.get(self.len.checked_sub(1)?)
    }

    /// All, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &(u64, T)> {
        (0..self.len).filter_map(|at| self.get(at))
    }

    /// Gives each value to `change`.
    pub fn for_each(&mut self, mut change: impl FnMut(&mut T)) {
        for at in 0..self.len {
            let place = self.place(at);
            change(&mut self.places[place].1);
        }
    }

    /// Removes all values that are not to be kept.
    pub fn retain(&mut self, keep: impl Fn(u64, &T) -> bool) {
        let mut kept = 0;
        for at in 0..self.len {
            let (id, value) = self.places[self.place(at)];
            if keep(id, &value) {
                let place = self.place(kept);
                self.places[place] = (id, value);
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// The value with this number, to be changed.
    #[inline(always)]
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let place = self.place(self.find(id)?);
        Some(&mut self.places[place].1)
    }

    /// Adds a value with a number that none has.
    #[inline(always)]
    pub fn add(&mut self, id: u64, value: T) {
        if self.len == self.places.len() {
            self.grow((id, value));
        }
        let place = self.place(self.len);
        self.places[place] = (id, value);
        self.len += 1;
        if self.len > 1 && self.places[self.place(self.len - 2)].0 > id {
            self.sort_last();
        }
    }

    /// Makes room, filled with this.
    #[cold]
    fn grow(&mut self, filler: (u64, T)) {
        self.places.rotate_left(self.first);
        self.first = 0;
        self.places.resize((2 * self.len).max(16), filler);
    }

    /// Moves the last value to where its number is next.
    #[cold]
    fn sort_last(&mut self) {
        for at in (1..self.len).rev() {
            let (one, next) = (self.place(at - 1), self.place(at));
            if self.places[one].0 < self.places[next].0 {
                break;
            }
            self.places.swap(one, next);
        }
    }

    /// Removes the first value, if it has this number.
    #[inline(always)]
    pub fn take_front(&mut self, id: u64) -> Option<T> {
        let (_, value) = *self.front().filter(|(one, _)| *one == id)?;
        self.first = self.place(1);
        self.len -= 1;
        Some(value)
    }

    /// Removes the value with this number.
    #[inline(always)]
    pub fn take(&mut self, id: u64) -> Option<T> {
        self.take_front(id).or_else(|| self.take_later(id))
    }

    #[inline(never)]
    fn take_later(&mut self, id: u64) -> Option<T> {
        let at = self.find(id)?;
        let (_, value) = *self.get(at)?;
        for after in at + 1..self.len {
            let (one, next) = (self.place(after - 1), self.place(after));
            self.places[one] = self.places[next];
        }
        self.len -= 1;
        Some(value)
    }

    /// How many come before the value with this number, if there is one.
    #[inline(always)]
    pub fn find(&self, id: u64) -> Option<usize> {
        if self.front()?.0 > id {
            return None;
        }
        let at = self.count_below(id);
        (self.get(at)?.0 == id).then_some(at)
    }

    /// How many have a lower number.
    pub fn count_below(&self, id: u64) -> usize {
        let (mut low, mut high) = (0, self.len);
        // Most often it is the first.
        let mut middle = 0;
        while low < high {
            if self.places[self.place(middle)].0 < id {
                low = middle + 1;
            } else {
                high = middle;
            }
            middle = low + (high - low) / 2;
        }
        low
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_is_a_map_whatever_is_added_and_taken() {
        let (mut queue, mut map) = (Queue::default(), BTreeMap::new());
        let mut dice = 1u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (dice >> 33) % sides
        };
        for step in 0..20_000 {
            // Some numbers are left out, and come late.
            let (id, is_growing) = (roll(20) + step / 50, step % 2_000 < 1_200);
            if roll(10) < if is_growing { 7 } else { 3 } {
                if map.insert(id, step).is_none() {
                    queue.add(id, step);
                } else {
                    map.insert(id, queue.take(id).expect("it is there"));
                    queue.add(id, map[&id]);
                }
            } else {
                let id = if roll(2) == 0 { map.keys().next().copied().unwrap_or(id) } else { id };
                assert_eq!(queue.find(id), map.contains_key(&id).then(|| map.range(..id).count()));
                let is_first = map.keys().next() == Some(&id);
                let taken = map.remove(&id);
                assert_eq!(if is_first { queue.take_front(id) } else { queue.take(id) }, taken);
            }
            if roll(500) == 0 {
                let is_kept = |id: u64| !id.is_multiple_of(3);
                queue.retain(|id, _| is_kept(id));
                map.retain(|id, _| is_kept(*id));
            }
            if let Some(value) = queue.get_mut(id) {
                *value += 1;
                map.entry(id).and_modify(|value| *value += 1);
            }
            assert_eq!(queue.count_below(id), map.range(..id).count());
            assert!(queue.iter().copied().eq(map.iter().map(|(id, step)| (*id, *step))));
            assert_eq!(queue.back().map(|(id, _)| id), map.keys().last());
            assert_eq!((queue.len(), queue.is_empty()), (map.len(), map.is_empty()));
        }
    }
}
