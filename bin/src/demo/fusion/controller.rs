//! The controller: looks at the latest estimate a hundred times a second.

use super::estimate::Estimate;
use super::kind::{CONTROLLER, ESTIMATE, FUSER};
use super::outage::Outage;
use super::reading::{age, now, position};
use crate::common::chart;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use clap::Args;
use mailbox::{Latest, ReadError, RecvError, TopicError};
use measure::Times;
use std::thread;
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(10);
/// An estimate that is older is too old.
const DEADLINE: Duration = Duration::from_millis(50);
/// Rows of its drawing.
const ROWS: i32 = 12;

#[derive(Args)]
pub struct Controller {
    #[command(flatten)]
    place: Where,
}

/// What it saw.
#[derive(Default)]
struct Looks {
    ages: Times,
    /// When the estimate was too old.
    misses: Vec<u64>,
    /// How far the worst estimate was off, in metres.
    worst: f64,
}

impl Controller {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(CONTROLLER)?;
        let failure = |error: TopicError| self.place.failure(format_args!("topic {ESTIMATE:?}: {error}"));
        let topic = me.region().topic(ESTIMATE).map_err(|error| failure(error.into()))?;
        let mut latest = topic.latest(&me).map_err(|error| failure(error.into()))?;
        let mut looks = Looks::default();
        loop {
            match me.from(FUSER).try_recv() {
                Ok(None) => looks.look(&mut latest).map_err(|error| failure(error.into()))?,
                // The fuser has done.
                Ok(Some(mail)) => {
                    let outage = mail.value().map_err(|error| self.place.failure(error))?;
                    return looks.draw(&outage, latest.number());
                }
                // It says itself why.
                Err(RecvError::Gone { .. }) => return Ok(()),
                Err(error) => return Err(self.place.failure(error)),
            }
            thread::sleep(PERIOD);
        }
    }
}

impl Looks {
    fn look(&mut self, latest: &mut Latest) -> Result<(), ReadError> {
        let Some(Estimate { time, position: estimated }) = latest.value()? else { return Ok(()) };
        let age = age(time);
        self.ages.add(age);
        if age > DEADLINE {
            self.misses.push(now());
        }
        self.worst = self.worst.max((estimated - position(time)).abs());
        Ok(())
    }

    fn draw(&self, outage: &Outage, estimates: u64) -> Result<(), Failure> {
        let count = self.ages.count();
        show(&format!("controller: {count} looks at {estimates} estimates; how old, from the sensor on:"))?;
        let lines = chart::draw(&self.ages, &[("deadline", DEADLINE)], ROWS);
        lines.iter().try_for_each(|line| show(line))?;
        show(&format!("  {}", chart::quantiles(&self.ages)))?;
        let explained = self.misses.iter().filter(|time| outage.explains(**time)).count();
        let others = self.misses.len() - explained;
        show(&format!(
            "{} deadlines missed: {explained} for want of frames, {others} else",
            self.misses.len()
        ))?;
        show(&format!("no estimate was off by more than {:.1} mm", 1e3 * self.worst))
    }
}
