//! An operator of a graph, or one part of it: it fires when it has input, and room for what it makes.

use super::channel::{Event, Link, NO_STAMP};
use super::output::{Emit, Output};
use super::record::{Reader, Record, write_bytes};
use std::collections::VecDeque;

/// An operator that has so many snapshots which were not taken does not fire. One that it waits for is behind it in the order of stamps.
pub const KEPT: usize = 2;

/// What an operator has handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Handled {
    pub records: u64,
    pub late: u64,
}

/// A part of an operator, of whatever records. A text says why it cannot go on.
pub trait Operator {
    /// Begins, or goes on from the checkpoint with this number.
    fn start(&mut self, number: u64) -> Result<(), String>;

    /// Handles up to so many events. Whether it has done anything.
    fn fire(&mut self, most: usize) -> Result<bool, String>;

    /// The oldest checkpoint whose marker has come through, and that was not taken: its number, and the state then.
    fn snapshots(&mut self) -> &mut VecDeque<(u64, Vec<u8>)>;

    /// Nothing more will come.
    fn has_ended(&self) -> bool;

    /// Appends its state as it is now.
    fn save(&self, bytes: &mut Vec<u8>);

    /// Takes on a state that was saved; `None` if it makes no sense.
    fn load(&mut self, bytes: &mut Reader<'_>) -> Option<()>;

    /// All ranks have written the checkpoint with this number.
    fn complete(&mut self, number: u64) -> Result<(), String>;

    fn handled(&self) -> Handled;
}

/// What an operator does with what comes, and has nothing to do with channels.
pub trait Logic<I, O> {
    fn start(&mut self, _number: u64) -> Result<(), String> {
        Ok(())
    }

    fn record(&mut self, time: u64, value: I, out: &mut Emit<'_, O>) -> Result<(), String>;

    /// No record with an earlier time is expected.
    fn watermark(&mut self, _time: u64, _out: &mut Emit<'_, O>) {}

    fn marker(&mut self, _number: u64) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self, _out: &mut Emit<'_, O>) -> Result<(), String> {
        Ok(())
    }

    fn save(&self, _bytes: &mut Vec<u8>) {}

    fn load(&mut self, _bytes: &mut Reader<'_>) -> Option<()> {
        Some(())
    }

    fn complete(&mut self, _number: u64) -> Result<(), String> {
        Ok(())
    }

    /// How many records came too late.
    fn late(&self) -> u64 {
        0
    }
}

/// One of the channels that an operator takes from.
struct Input<T> {
    link: Link<T>,
    watermark: u64,
    has_ended: bool,
}

/// An operator that takes from channels.
pub struct Node<I, O, L> {
    inputs: Vec<Input<I>>,
    output: Output<O>,
    logic: L,
    watermark: u64,
    /// That of the last event that was handled.
    stamp: u64,
    /// The last marker that came.
    marker: u64,
    records: u64,
    snapshots: VecDeque<(u64, Vec<u8>)>,
}

impl<I: Record, O: Record, L: Logic<I, O>> Node<I, O, L> {
    pub fn new(links: Vec<Link<I>>, output: Output<O>, logic: L) -> Self {
        let inputs = links.into_iter().map(|link| Input { link, watermark: 0, has_ended: false }).collect();
        Self {
            inputs,
            output,
            logic,
            watermark: 0,
            stamp: NO_STAMP,
            marker: 0,
            records: 0,
            snapshots: VecDeque::new(),
        }
    }

    /// The channel with the first event, and the place that the next event of the others can have. `None` while an event that comes
    /// before all that are here can still come.
    fn next(&self) -> Option<(usize, (u64, usize))> {
        let (mut first, mut second) = ((NO_STAMP, usize::MAX), (NO_STAMP, usize::MAX));
        for (at, input) in self.inputs.iter().enumerate().filter(|(_, input)| !input.has_ended) {
            let place = (input.link.borrow().next(), at);
            if place < first {
                (first, second) = (place, first);
            } else if place < second {
                second = place;
            }
        }
        let input = self.inputs.get(first.1)?;
        (!input.link.borrow().events.is_empty()).then_some((first.1, second))
    }

    /// No event with a lower stamp will be handled.
    fn position(&self) -> u64 {
        let live = self.inputs.iter().filter(|input| !input.has_ended);
        live.map(|input| input.link.borrow().next()).min().unwrap_or(NO_STAMP)
    }

    /// Whether the next event of this channel can be handled. Events with the stamp of the last one can without room: an operator further
    /// on may take what another branch makes of them first, and the other branch waits for this operator.
    fn has_room(&self, at: usize) -> bool {
        self.snapshots.len() < KEPT
            && (self.output.has_room() || self.inputs[at].link.borrow().next() == self.stamp)
    }

    fn handle(&mut self, at: usize, stamp: u64, event: Event<I>) -> Result<(), String> {
        match event {
            Event::Record { time, value } => {
                self.records += 1;
                self.logic.record(time, value, &mut Emit { output: &mut self.output, stamp })?;
            }
            Event::Watermark(time) => {
                let watermark = &mut self.inputs[at].watermark;
                *watermark = time.max(*watermark);
                self.raise_watermark(stamp);
            }
            // It comes once from each channel. All that comes before it, from any channel, was handled.
            Event::Marker(number) if number > self.marker => {
                self.marker = number;
                self.logic.marker(number)?;
                let mut state = vec![];
                self.save(&mut state);
                self.snapshots.push_back((number, state));
                self.output.marker(stamp, number);
            }
            Event::Marker(_) => {}
            Event::End => {
                self.inputs[at].has_ended = true;
                if self.has_ended() {
                    self.logic.end(&mut Emit { output: &mut self.output, stamp })?;
                    self.output.end(stamp);
                } else {
                    self.raise_watermark(stamp);
                }
            }
        }
        Ok(())
    }

    fn raise_watermark(&mut self, stamp: u64) {
        let live = self.inputs.iter().filter(|input| !input.has_ended);
        let watermark = live.map(|input| input.watermark).min().unwrap_or(self.watermark);
        if watermark > self.watermark {
            self.watermark = watermark;
            self.logic.watermark(watermark, &mut Emit { output: &mut self.output, stamp });
            self.output.watermark(stamp, watermark);
        }
    }
}

impl<I: Record, O: Record, L: Logic<I, O>> Operator for Node<I, O, L> {
    fn start(&mut self, number: u64) -> Result<(), String> {
        self.logic.start(number)
    }

    fn fire(&mut self, most: usize) -> Result<bool, String> {
        self.output.look();
        let mut left = most;
        while left > 0
            && let Some((at, others)) = self.next()
            && self.has_room(at)
        {
            while left > 0 && self.has_room(at) && !self.inputs[at].has_ended {
                let event = {
                    let mut channel = self.inputs[at].link.borrow_mut();
                    if (channel.next(), at) >= others {
                        break;
                    }
                    channel.events.pop_front()
                };
                let Some((stamp, event)) = event else { break };
                self.stamp = stamp;
                self.handle(at, stamp, event)?;
                left -= 1;
            }
        }
        Ok(self.output.progress(self.position()) || left < most)
    }

    fn snapshots(&mut self) -> &mut VecDeque<(u64, Vec<u8>)> {
        &mut self.snapshots
    }

    fn has_ended(&self) -> bool {
        self.inputs.iter().all(|input| input.has_ended)
    }

    fn save(&self, bytes: &mut Vec<u8>) {
        (self.watermark, self.marker, self.records).write(bytes);
        let inputs: Vec<_> = self.inputs.iter().map(|input| (input.watermark, input.has_ended)).collect();
        inputs.write(bytes);
        let mut logic = vec![];
        self.logic.save(&mut logic);
        write_bytes(&logic, bytes);
    }

    fn load(&mut self, bytes: &mut Reader<'_>) -> Option<()> {
        (self.watermark, self.marker, self.records) = Record::read(bytes)?;
        let inputs = Vec::<(u64, bool)>::read(bytes)?;
        (inputs.len() == self.inputs.len()).then_some(())?;
        for (input, saved) in self.inputs.iter_mut().zip(inputs) {
            (input.watermark, input.has_ended) = saved;
        }
        let mut logic = Reader::new(bytes.bytes()?);
        self.logic.load(&mut logic)?;
        logic.rest().is_empty().then_some(())
    }

    fn complete(&mut self, number: u64) -> Result<(), String> {
        self.logic.complete(number)
    }

    fn handled(&self) -> Handled {
        Handled { records: self.records, late: self.logic.late() }
    }
}
