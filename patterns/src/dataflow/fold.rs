//! Folding the records of each key, in windows.

use super::operator::Logic;
use super::output::Emit;
use super::record::{Reader, Record};
use core::hash::Hash;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Which records of a key are folded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// So many records, and then the next as many. When the input ends, those that are left make a window, too.
    Count(u64),
    /// Those with times from a multiple of this on, and before the next multiple. It closes when the watermark of all inputs has come to
    /// its end, or the input ends.
    Time(u64),
}

/// What is made of a value of a fold, of its key, and of the number of its window.
pub type Make<K, A, O> = fn(K, u64, A) -> O;

/// Folds a value into what was folded before.
pub type Add<A, V> = Rc<dyn Fn(&mut A, V)>;

/// How records are folded.
pub struct How<K, V, A, O> {
    /// All records of a key together, if there is none.
    pub window: Option<Window>,
    pub first: A,
    pub fold: Add<A, V>,
    pub make: Make<K, A, O>,
}

impl<K, V, A: Clone, O> Clone for How<K, V, A, O> {
    fn clone(&self) -> Self {
        Self { window: self.window, first: self.first.clone(), fold: self.fold.clone(), make: self.make }
    }
}

/// What is folded of a key in a window that is open.
struct Open<A> {
    value: A,
    /// How many records.
    count: u64,
    /// Of a window by count: how many windows the key had before. Otherwise where it begins.
    number: u64,
    /// The latest of them.
    time: u64,
}

/// The last time of a window that begins there. No window ends later than time does.
fn last(start: u64, width: u64) -> u64 {
    start.saturating_add(width - 1)
}

/// A fold by key.
pub struct Fold<K, V, A, O> {
    how: How<K, V, A, O>,
    /// By the beginning of the window. Those that are not by time are all here as 0.
    open: BTreeMap<u64, HashMap<K, Open<A>>>,
    watermark: u64,
    late: u64,
}

impl<K: Record + Ord + Hash, V, A: Record, O: Record> Fold<K, V, A, O> {
    pub fn new(how: How<K, V, A, O>) -> Self {
        Self { how, open: BTreeMap::new(), watermark: 0, late: 0 }
    }

    /// Hands on what was folded: in the order of the keys, which does not depend on how the map lies in memory.
    fn close(&self, start: u64, keys: HashMap<K, Open<A>>, out: &mut Emit<'_, O>) {
        let mut keys: Vec<_> = keys.into_iter().filter(|(_, open)| open.count > 0).collect();
        keys.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (key, open) in keys {
            let time = match self.how.window {
                Some(Window::Time(width)) => last(start, width),
                _ => open.time.max(self.watermark),
            };
            out.emit(time, (self.how.make)(key, open.number, open.value));
        }
    }
}

impl<K: Record + Ord + Hash, V: Record, A: Record, O: Record> Logic<(K, V), O> for Fold<K, V, A, O> {
    fn record(&mut self, time: u64, (key, value): (K, V), out: &mut Emit<'_, O>) -> Result<(), String> {
        let start = match self.how.window {
            Some(Window::Time(width)) => time - time % width,
            _ => 0,
        };
        if let Some(Window::Time(width)) = self.how.window
            && last(start, width) < self.watermark
        {
            self.late += 1;
            return Ok(());
        }
        let keys = self.open.entry(start).or_default();
        let full = match self.how.window {
            Some(Window::Count(full)) => full,
            _ => u64::MAX,
        };
        // Copied only where it closes a window.
        let closed =
            (full == 1 || keys.get(&key).is_some_and(|open| open.count + 1 == full)).then(|| key.clone());
        let first = &self.how.first;
        let open =
            keys.entry(key).or_insert_with(|| Open { value: first.clone(), count: 0, number: start, time });
        (self.how.fold)(&mut open.value, value);
        open.time = if open.count == 0 { time } else { open.time.max(time) };
        open.count += 1;
        if let Some(key) = closed {
            let value = core::mem::replace(&mut open.value, first.clone());
            let number = open.number;
            (open.count, open.number) = (0, number + 1);
            out.emit(open.time.max(self.watermark), (self.how.make)(key, number, value));
        }
        Ok(())
    }

    fn watermark(&mut self, time: u64, out: &mut Emit<'_, O>) {
        self.watermark = time;
        let Some(Window::Time(width)) = self.how.window else { return };
        while let Some(first) = self.open.first_entry()
            && last(*first.key(), width) < time
        {
            let (start, keys) = first.remove_entry();
            self.close(start, keys, out);
        }
    }

    fn end(&mut self, out: &mut Emit<'_, O>) -> Result<(), String> {
        while let Some((start, keys)) = self.open.pop_first() {
            self.close(start, keys, out);
        }
        Ok(())
    }

    fn save(&self, bytes: &mut Vec<u8>) {
        (self.watermark, self.late, self.open.len() as u64).write(bytes);
        for (start, keys) in &self.open {
            (*start, keys.len() as u64).write(bytes);
            for (key, open) in keys {
                key.write(bytes);
                open.value.write(bytes);
                (open.count, open.number, open.time).write(bytes);
            }
        }
    }

    fn load(&mut self, bytes: &mut Reader<'_>) -> Option<()> {
        let windows;
        (self.watermark, self.late, windows) = <(u64, u64, u64)>::read(bytes)?;
        for _ in 0..windows {
            let (start, count) = <(u64, u64)>::read(bytes)?;
            let keys = self.open.entry(start).or_default();
            for _ in 0..count {
                let (key, value) = (K::read(bytes)?, A::read(bytes)?);
                let (count, number, time) = Record::read(bytes)?;
                keys.insert(key, Open { value, count, number, time });
            }
        }
        Some(())
    }

    fn late(&self) -> u64 {
        self.late
    }
}
