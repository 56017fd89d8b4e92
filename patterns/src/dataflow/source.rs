//! Where records come from.

use super::operator::{Handled, KEPT, Operator};
use super::output::Output;
use super::record::{Reader, Record};
use std::collections::VecDeque;
use std::rc::Rc;

/// A source says how far its time is so often: each time that it has given so many records.
const WATERMARK_EVERY: u64 = 32;

/// The records from this number on, with their times.
pub type Read<T> = Rc<dyn Fn(u64) -> Box<dyn Iterator<Item = (u64, T)>>>;

/// How the sources of a graph are read in turns.
#[derive(Clone, Copy)]
pub struct Turns {
    /// How many sources there are.
    pub sources: u64,
    /// Which of them this is.
    pub source: u64,
    /// There is a checkpoint each time that every source has given so many records.
    pub every: Option<u64>,
}

impl Turns {
    /// The stamp of this source's record of that round.
    fn stamp(self, round: u64) -> u64 {
        self.marker(round) + 1 + self.source
    }

    /// The stamp of a marker: it comes before all records of that round.
    fn marker(self, round: u64) -> u64 {
        round * (self.sources + 1)
    }
}

/// A source, or a part of it.
pub struct Source<T> {
    read: Read<T>,
    records: Option<Box<dyn Iterator<Item = (u64, T)>>>,
    output: Output<T>,
    turns: Turns,
    /// How much earlier than the latest time a record may be.
    lateness: u64,
    /// The number of the next record.
    round: u64,
    latest: u64,
    watermark: u64,
    marker: u64,
    has_ended: bool,
    snapshots: VecDeque<(u64, Vec<u8>)>,
}

impl<T: Record> Source<T> {
    pub fn new(read: Read<T>, lateness: u64, output: Output<T>, turns: Turns) -> Self {
        Self {
            read,
            records: None,
            output,
            turns,
            lateness,
            round: 0,
            latest: 0,
            watermark: 0,
            marker: 0,
            has_ended: false,
            snapshots: VecDeque::new(),
        }
    }

    /// What is to be told before the next record.
    fn punctuate(&mut self) {
        if let Some(every) = self.turns.every
            && self.round > 0
            && self.round.is_multiple_of(every)
            && self.marker < self.round / every
        {
            self.marker = self.round / every;
            let mut state = vec![];
            self.save(&mut state);
            self.snapshots.push_back((self.marker, state));
            self.output.marker(self.turns.marker(self.round), self.marker);
        }
        let watermark = self.latest.saturating_sub(self.lateness);
        if self.round.is_multiple_of(WATERMARK_EVERY) && watermark > self.watermark {
            self.watermark = watermark;
            self.output.watermark(self.turns.stamp(self.round), watermark);
        }
    }
}

impl<T: Record> Operator for Source<T> {
    fn start(&mut self, _number: u64) -> Result<(), String> {
        if !self.has_ended {
            self.records = Some((self.read)(self.round));
        }
        Ok(())
    }

    fn fire(&mut self, most: usize) -> Result<bool, String> {
        self.output.look();
        let mut left = most;
        while left > 0 && !self.has_ended && self.output.has_room() && self.snapshots.len() < KEPT {
            left -= 1;
            self.punctuate();
            let stamp = self.turns.stamp(self.round);
            if let Some((time, value)) = self.records.as_mut().and_then(Iterator::next) {
                self.latest = self.latest.max(time);
                self.output.record(stamp, time, value);
                self.round += 1;
            } else {
                self.has_ended = true;
                self.records = None;
                self.output.end(stamp);
            }
        }
        if !self.has_ended {
            // The marker of this round may be the next.
            self.output.progress(self.turns.marker(self.round));
        }
        Ok(left < most)
    }

    fn snapshots(&mut self) -> &mut VecDeque<(u64, Vec<u8>)> {
        &mut self.snapshots
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn save(&self, bytes: &mut Vec<u8>) {
        (self.round, self.latest, self.watermark, self.marker).write(bytes);
        self.has_ended.write(bytes);
    }

    fn load(&mut self, bytes: &mut Reader<'_>) -> Option<()> {
        (self.round, self.latest, self.watermark, self.marker) = Record::read(bytes)?;
        self.has_ended = bool::read(bytes)?;
        Some(())
    }

    fn complete(&mut self, _number: u64) -> Result<(), String> {
        Ok(())
    }

    fn handled(&self) -> Handled {
        Handled { records: self.round, late: 0 }
    }
}
