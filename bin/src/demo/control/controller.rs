//! The controller: makes a command of each sample.

use super::faults::Faults;
use super::message::{Command, Sample};
use super::pendulum::State;
use super::setting::Setting;
use super::timetable::{Timetable, sleep_until};
use super::way::Way;
use super::wire::Wire;
use crate::common::failure::Failure;
use measure::clock;

pub fn run(wire: &Wire, table: &Timetable, setting: &Setting) -> Result<(), Failure> {
    let faults = Faults::begin();
    let mut tick = 0;
    while tick < table.ticks() {
        let way = table.way(tick);
        sleep_until(if setting.is_alone { table.before(tick) } else { table.time(tick) });
        let sample: Option<Sample> = wire.receive(way, table.deadline(tick))?;
        if let Some(sample) = &sample {
            answer(wire, way, sample)?;
        }
        tick = table.next(tick, sample.map(|sample| sample.number), clock());
        // Late, after the last tick of a turn.
        wire.sweep(way.other(), |sample| answer(wire, way.other(), &sample))?;
    }
    faults.tell()
}

fn answer(wire: &Wire, way: Way, sample: &Sample) -> Result<(), Failure> {
    let &Sample { number, time, angle, speed } = sample;
    wire.send(way, &Command { number, time, push: State { angle, speed }.push() })
}
