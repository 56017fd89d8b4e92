//! The tuples that a shard has.

use super::Limits;
use super::code;
use super::message::Wanted;
use std::collections::{HashMap, VecDeque};

/// What a tuple takes in addition to its bytes, about.
const EACH: usize = 128;

/// A tuple of a shard.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its number: the oldest has the smallest. It keeps it when it comes back.
    pub number: u64,
    /// How often it has come back.
    pub returns: u32,
    /// The function that is to complete it. Until then no template takes it.
    pub function: Option<Box<str>>,
    /// Encoded, and checked.
    pub bytes: Box<[u8]>,
}

impl Stored {
    /// Where it is kept: by its key, or by its function's name.
    fn bucket(&self) -> &[u8] {
        match &self.function {
            Some(function) => function.as_bytes(),
            None => code::key(&self.bytes).unwrap_or_default(),
        }
    }

    pub fn is_wanted(&self, wanted: &Sought) -> bool {
        match (wanted, &self.function) {
            (Sought::Matching(template), None) => code::matches(template, &self.bytes),
            (Sought::Calling(names), Some(function)) => names.contains(function),
            _ => false,
        }
    }
}

/// Which tuples are looked for, as a shard keeps it while a process waits.
#[derive(Debug)]
pub enum Sought {
    Matching(Box<[u8]>),
    Calling(Vec<Box<str>>),
}

impl From<Wanted<'_>> for Sought {
    fn from(wanted: Wanted<'_>) -> Self {
        match wanted {
            Wanted::Matching(template) => Sought::Matching(template.into()),
            Wanted::Calling(names) => {
                let names = super::message::functions(code::Reader(names)).unwrap_or_default();
                Sought::Calling(names.into_iter().map(Into::into).collect())
            }
        }
    }
}

/// Tuples, oldest first. Most keys may have one alone: it takes no more room than that.
type Bucket = VecDeque<Stored>;
type Buckets = HashMap<Box<[u8]>, Bucket>;

/// The place of a tuple with this number.
fn place(bucket: &Bucket, number: u64) -> usize {
    bucket.partition_point(|stored| stored.number < number)
}

/// The tuples that are there, and how much all take, also those that are out.
#[derive(Debug, Default)]
pub struct Store {
    /// By their keys.
    complete: Buckets,
    /// By the names of their functions.
    waiting: Buckets,
    tuples: usize,
    bytes: usize,
    /// The number of the next.
    next: u64,
}

impl Store {
    /// A new tuple, which counts from now on, and is not there yet. `None`: there is no room.
    pub fn admit(&mut self, function: Option<&str>, bytes: &[u8], limits: &Limits) -> Option<Stored> {
        let size = bytes.len() + EACH;
        if self.tuples >= limits.tuples || self.bytes + size > limits.bytes {
            return None;
        }
        self.tuples += 1;
        self.bytes += size;
        self.next += 1;
        let function = function.map(Into::into);
        Some(Stored { number: self.next, returns: 0, function, bytes: bytes.into() })
    }

    /// One that was out is gone for good.
    pub fn dismiss(&mut self, stored: Stored) {
        self.tuples -= 1;
        self.bytes -= stored.bytes.len() + EACH;
    }

    /// It is there.
    pub fn insert(&mut self, stored: Stored) {
        let buckets = if stored.function.is_some() { &mut self.waiting } else { &mut self.complete };
        match buckets.get_mut(stored.bucket()) {
            Some(bucket) => bucket.insert(place(bucket, stored.number), stored),
            None => {
                let key = stored.bucket().into();
                let mut bucket = Bucket::with_capacity(1);
                bucket.push_back(stored);
                buckets.insert(key, bucket);
            }
        }
    }

    /// The oldest that is wanted.
    pub fn find<'s>(&'s self, wanted: &Sought) -> Option<&'s Stored> {
        let first = |bucket: &'s Bucket| bucket.iter().find(|stored| stored.is_wanted(wanted));
        match wanted {
            Sought::Matching(template) => match code::key(template) {
                Some(key) => self.complete.get(key).and_then(first),
                None => self.complete.values().filter_map(first).min_by_key(|stored| stored.number),
            },
            Sought::Calling(names) => {
                let buckets = names.iter().filter_map(|name| self.waiting.get(name.as_bytes()));
                buckets.filter_map(first).min_by_key(|stored| stored.number)
            }
        }
    }

    /// Takes out the oldest that is wanted: it is lent, or under way to the process that takes it.
    pub fn take(&mut self, wanted: &Sought) -> Option<Stored> {
        let found = self.find(wanted)?;
        let (number, bucket) = (found.number, found.bucket().to_vec());
        let buckets = if found.function.is_some() { &mut self.waiting } else { &mut self.complete };
        let tuples = buckets.get_mut(&*bucket)?;
        let stored = tuples.remove(place(tuples, number));
        if tuples.is_empty() {
            buckets.remove(&*bucket);
        } else if tuples.len() < tuples.capacity() / 4 {
            tuples.shrink_to(tuples.len() * 2);
        }
        stored
    }

    /// One that was out is gone, and a new one is admitted in its place. The old one again: there is no room.
    pub fn exchange(&mut self, old: Stored, bytes: &[u8], limits: &Limits) -> Result<Stored, Stored> {
        if self.bytes - old.bytes.len() + bytes.len() > limits.bytes {
            return Err(old);
        }
        self.bytes = self.bytes - old.bytes.len() + bytes.len();
        self.next += 1;
        Ok(Stored { number: self.next, returns: 0, function: None, bytes: bytes.into() })
    }
}
