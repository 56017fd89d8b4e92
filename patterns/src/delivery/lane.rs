//! What an outbox has for one receiver, and how its file says so.

use super::id::Fields;
use std::collections::{BTreeMap, VecDeque};

/// The kinds of the records of an outbox.
pub const LIFE: u8 = 0;
pub const LANE: u8 = 1;
pub const POST: u8 = 2;
pub const DONE: u8 = 3;

/// A message that was not handled yet, as far as is known.
#[derive(Debug)]
pub struct Posted {
    pub number: u64,
    pub tag: u32,
    pub key: Vec<u8>,
    pub body: Vec<u8>,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waits,
    UnderWay,
    /// It was handled, and one before it was not.
    Done,
}

/// What goes to one receiver.
#[derive(Debug, Default)]
pub struct Lane {
    /// The number of the last that was posted.
    pub last: u64,
    pub waiting: VecDeque<Posted>,
    /// Of all that wait.
    pub bytes: usize,
    pub under_way: usize,
    /// How many of those that wait were handled.
    pub done: usize,
}

/// What the file says.
#[derive(Default)]
pub struct Told {
    pub life: Option<(u64, u32)>,
    pub lanes: BTreeMap<u32, Lane>,
    pub is_garbled: bool,
}

impl Posted {
    fn len(&self) -> usize {
        self.key.len() + self.body.len()
    }

    pub fn record(&self, to: u32) -> Vec<u8> {
        let mut record = vec![POST];
        record.extend(to.to_le_bytes());
        record.extend(self.number.to_le_bytes());
        record.extend(self.tag.to_le_bytes());
        record.extend((self.key.len() as u32).to_le_bytes());
        record.extend(&self.key);
        record.extend(&self.body);
        record
    }
}

impl Lane {
    pub fn push(&mut self, posted: Posted) {
        self.last = self.last.max(posted.number);
        self.bytes += posted.len();
        self.waiting.push_back(posted);
    }

    /// It was handled.
    pub fn settle(&mut self, number: u64) {
        self.set(number, State::Done);
        while self.waiting.front().is_some_and(|posted| posted.state == State::Done) {
            self.bytes -= self.waiting.pop_front().map_or(0, |posted| posted.len());
            self.done -= 1;
        }
    }

    /// It is not under way any more.
    pub fn take_back(&mut self, number: u64) {
        self.set(number, State::Waits);
    }

    fn set(&mut self, number: u64, state: State) {
        if let Ok(at) = self.waiting.binary_search_by_key(&number, |posted| posted.number) {
            let before = core::mem::replace(&mut self.waiting[at].state, state);
            self.under_way -= usize::from(before == State::UnderWay);
            self.done -= usize::from(before == State::Done);
            self.done += usize::from(state == State::Done);
        }
    }
}

impl Told {
    /// Notes what a record says; `None` if it is none of an outbox.
    pub fn read(&mut self, record: &[u8]) -> Option<()> {
        let mut fields = Fields(record);
        let kind = fields.u8()?;
        if kind == LIFE {
            self.life = Some((fields.u64()?, fields.u32()?));
            return Some(());
        }
        let lane = self.lanes.entry(fields.u32()?).or_default();
        let number = fields.u64()?;
        match kind {
            LANE => lane.last = number,
            POST => {
                let (tag, key) = (fields.u32()?, fields.bytes()?);
                lane.push(Posted { number, tag, key, body: fields.0.into(), state: State::Waits });
            }
            DONE => lane.settle(number),
            _ => return None,
        }
        Some(())
    }
}
