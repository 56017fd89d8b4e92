//! The actuator: pushes the plant as the controller commands, and notes when commands come.

use super::faults::Faults;
use super::message::Command;
use super::news::News;
use super::pendulum::{Pendulum, State};
use super::report::LoopReport;
use super::role::PLANT;
use super::setting::Setting;
use super::tally::Tally;
use super::timetable::{Timetable, sleep_until};
use super::way::Way;
use super::wire::Wire;
use crate::common::failure::Failure;
use mailbox::{Endpoint, LatestPublisher, Topic, TopicError};
use measure::clock;
use std::time::Duration;

/// How long after the end it waits for late commands.
const GRACE: Duration = Duration::from_millis(20);

/// The plant, and what is counted.
pub struct Actuator<'a> {
    plant: Pendulum,
    /// Where the sensor looks at the plant.
    state: LatestPublisher<'a>,
    tallies: [Tally; 2],
}

impl<'a> Actuator<'a> {
    pub fn prepare(me: &'a Endpoint, topic: &Topic) -> Result<Self, Failure> {
        let state = topic.publish_latest(me, size_of::<State>()).map_err(of_plant)?;
        Ok(Self { plant: Pendulum::default(), state, tallies: Way::ALL.map(Tally::new) })
    }

    pub fn run(self, wire: &Wire, table: &Timetable, setting: &Setting) -> Result<(), Failure> {
        let Self { mut plant, mut state, mut tallies } = self;
        let faults = Faults::begin();
        let mut tick = 0;
        while tick < table.ticks() {
            let way = table.way(tick);
            let tally = &mut tallies[way as usize];
            sleep_until(if setting.is_alone { table.before(tick) } else { table.time(tick) });
            let command: Option<Command> = wire.receive(way, table.deadline(tick))?;
            let now = clock();
            if let Some(command) = &command {
                tally.note(command, now, table);
                plant.push(command.push);
            }
            let next = table.next(tick, command.map(|command| command.number), now);
            // What passes without a command passes with the last one.
            while tick < next {
                if table.begins_turn(tick) {
                    plant.kick();
                }
                let fell = plant.pass(table.period().as_secs_f64());
                if table.counts(tick) {
                    tally.look(&plant.state(), fell);
                }
                tick += 1;
            }
            state.publish_value(&plant.state()).map_err(of_plant)?;
            sweep(wire, way.other(), &mut tallies, table)?;
        }
        sleep_until(table.time(table.ticks()) + GRACE);
        for way in Way::ALL {
            sweep(wire, way, &mut tallies, table)?;
        }
        faults.tell()?;
        tallies.iter().try_for_each(|tally| News::Loop(LoopReport::new(tally, table)).tell())
    }
}

fn of_plant(error: impl Into<TopicError>) -> Failure {
    Failure::new(format_args!("topic {PLANT:?}: {}", error.into()))
}

/// Notes the commands that came late, after the last tick of a turn.
fn sweep(wire: &Wire, way: Way, tallies: &mut [Tally; 2], table: &Timetable) -> Result<(), Failure> {
    wire.sweep(way, |command| {
        tallies[way as usize].note(&command, clock(), table);
        Ok(())
    })
}
