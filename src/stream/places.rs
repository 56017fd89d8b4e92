//! Where the payloads of a stream lie: the writer's private account.
//!
//! Payloads are placed one after the other, and again from the beginning when the rest is too short. So those that a new one would
//! overwrite are the oldest. Places that a reader holds are left out: the new one comes behind them.

use crate::abi::ARENA_ALIGN;
use std::collections::VecDeque;
use std::ops::Range;

/// The places of payloads in a ring of bytes.
pub struct Places {
    bytes: u64,
    /// The end of the newest.
    at: u64,
    /// The messages with places, from the oldest on.
    live: VecDeque<(u64, Range<u64>)>,
    /// Places of older messages that are held, and by which rank.
    held: Vec<(Range<u64>, u32)>,
}

impl Places {
    /// So many bytes, in which nothing lies.
    pub fn new(bytes: u64) -> Self {
        Self { bytes, at: 0, live: VecDeque::new(), held: vec![] }
    }

    /// Where the next `len` bytes would lie, and the number of the newest message that must go for that, if any must. If what is held
    /// leaves no room: a rank that holds something.
    pub fn find(&self, len: u64) -> Result<(Range<u64>, Option<u64>), u32> {
        let mut place = self.at..self.at + len;
        let mut has_wrapped = false;
        let mut in_the_way = None;
        loop {
            if place.end > self.bytes {
                if has_wrapped {
                    return Err(in_the_way.unwrap_or_default());
                }
                (place, has_wrapped) = (0..len, true);
            }
            let Some((held, rank)) = self.held.iter().find(|(held, _)| overlaps(held, &place)) else { break };
            in_the_way = Some(*rank);
            let start = held.end.next_multiple_of(ARENA_ALIGN);
            place = start..start + len;
        }
        // How far it is from the newest to the end of the place, around the ring.
        let turn = if has_wrapped { self.bytes } else { 0 };
        let distance = turn + place.end - self.at;
        let is_in_the_way = |(_, live): &&(u64, Range<u64>)| {
            let turn = if live.start < self.at { self.bytes } else { 0 };
            turn + live.start - self.at < distance
        };
        let gone = self.live.iter().take_while(is_in_the_way).last().map(|(number, _)| *number);
        Ok((place, gone))
    }

    /// The payload of the next message lies here, as was found.
    pub fn take(&mut self, number: u64, place: Range<u64>) {
        self.at = place.end.next_multiple_of(ARENA_ALIGN).min(self.bytes);
        if !place.is_empty() {
            self.live.push_back((number, place));
        }
    }

    /// The messages up to this one are gone.
    pub fn forget(&mut self, number: u64) {
        while self.live.front().is_some_and(|(one, _)| !crate::abi::is_below(number, *one)) {
            self.live.pop_front();
        }
    }

    /// These places are held, each by a rank.
    pub fn set_held(&mut self, held: Vec<(Range<u64>, u32)>) {
        self.held = held;
    }

    /// The rank that holds a part of this place.
    pub fn holder(&self, place: &Range<u64>) -> Option<u32> {
        self.held.iter().find(|(held, _)| overlaps(held, place)).map(|(_, rank)| *rank)
    }
}

fn overlaps(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}
