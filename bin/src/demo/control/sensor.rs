//! The sensor: looks at the plant at each tick, and tells the controller.

use super::faults::Faults;
use super::message::Sample;
use super::pendulum::State;
use super::role::PLANT;
use super::setting::Setting;
use super::timetable::{Timetable, sleep_until, spin_until};
use super::wire::Wire;
use crate::common::failure::Failure;
use bytemuck::Zeroable;
use mailbox::{Endpoint, Latest, Topic, TopicError};
use measure::clock;

/// Its view of the plant.
pub struct Sensor<'a> {
    plant: Latest<'a>,
}

impl<'a> Sensor<'a> {
    pub fn prepare(me: &'a Endpoint, topic: &Topic) -> Result<Self, Failure> {
        Ok(Self { plant: topic.latest(me).map_err(of_plant)? })
    }

    pub fn run(mut self, wire: &Wire, table: &Timetable, setting: &Setting) -> Result<(), Failure> {
        let faults = Faults::begin();
        let mut tick = 0;
        while tick < table.ticks() {
            if setting.is_alone {
                sleep_until(table.before(tick));
                spin_until(table.time(tick));
            } else {
                sleep_until(table.time(tick));
            }
            let time = clock();
            let State { angle, speed } = self.plant.value().map_err(of_plant)?.unwrap_or(State::zeroed());
            wire.send(table.way(tick), &Sample { number: tick, time: time.as_nanos() as u64, angle, speed })?;
            // What is over is not made up for: the samples would be as late.
            tick = (tick + 1).max(table.last(clock()));
        }
        faults.tell()
    }
}

fn of_plant(error: impl Into<TopicError>) -> Failure {
    Failure::new(format_args!("topic {PLANT:?}: {}", error.into()))
}
