//! `mbox-demo part side`: a side of the loop.

use super::actuator::Actuator;
use super::controller;
use super::news::News;
use super::report::SideReport;
use super::role::{PLANT, Role};
use super::sensor::Sensor;
use super::setting::Setting;
use super::timetable::Timetable;
use super::wire::Wire;
use crate::common::failure::Failure;
use crate::common::place::Where;
use clap::Args;
use mailbox::Endpoint;
use measure::clock;
use std::error::Error;
use std::time::Duration;

/// From the word to the first sample: all are awake by then.
const BEGIN: Duration = Duration::from_millis(50);

#[derive(Args)]
pub struct Side {
    #[arg(long)]
    role: Role,
    #[arg(long)]
    rate: u64,
    #[arg(long)]
    seconds: u64,
    #[command(flatten)]
    place: Where,
}

impl Side {
    /// Prepares everything, says how it runs, is told when to begin, and does so.
    pub fn run(&self) -> Result<(), Failure> {
        let setting = Setting::pin(self.role);
        let me = self.place.join(self.role.rank())?;
        let topic = me.region().topic(PLANT).map_err(|error| self.place.failure(error))?;
        let period = Timetable::new(self.rate, self.seconds, Duration::ZERO).period();
        let wire = Wire::open(&me, &self.place, self.role, setting.is_alone, period)?;
        match self.role {
            Role::Sensor => {
                let sensor = Sensor::prepare(&me, &topic)?;
                let (table, setting) = self.begin(&me, &wire, setting)?;
                sensor.run(&wire, &table, &setting)
            }
            Role::Controller => {
                let (table, setting) = self.begin(&me, &wire, setting)?;
                controller::run(&wire, &table, &setting)
            }
            Role::Actuator => {
                let actuator = Actuator::prepare(&me, &topic)?;
                let (table, setting) = self.begin(&me, &wire, setting)?;
                actuator.run(&wire, &table, &setting)
            }
        }
    }

    /// All is there that the loop needs, and is locked.
    fn begin(&self, me: &Endpoint, wire: &Wire, setting: Setting) -> Result<(Timetable, Setting), Failure> {
        let setting = setting.settle(self.role);
        News::Side(SideReport::new(self.role, &setting)).tell()?;
        let start = self.meet(me).map_err(|error| self.place.failure(error))?;
        wire.connect()?;
        Ok((Timetable::new(self.rate, self.seconds, start), setting))
    }

    /// The sensor hears that the others are ready, and tells them when all begin.
    fn meet(&self, me: &Endpoint) -> Result<Duration, Box<dyn Error>> {
        let others = || Role::ALL.into_iter().filter(|role| *role != Role::Sensor);
        if self.role == Role::Sensor {
            for other in others() {
                drop(me.from(other.rank()).recv()?);
            }
            let start = clock() + BEGIN;
            others().try_for_each(|other| me.to(other.rank()).send_value(&(start.as_nanos() as u64)))?;
            return Ok(start);
        }
        me.send(Role::Sensor.rank(), &[])?;
        let start = me.from(Role::Sensor.rank()).recv_value()?;
        Ok(Duration::from_nanos(start))
    }
}
