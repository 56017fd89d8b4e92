//! The fuser: hears three sensors, and publishes an estimate for each frame.

use super::ear::{Ear, Heard};
use super::estimate::{Aligned, Estimate};
use super::history::History;
use super::kind::{CONTROLLER, ESTIMATE, FUSER, Kind};
use super::outage::Watch;
use super::reading::Reading;
use crate::common::chart;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use clap::Args;
use mailbox::{Select, TopicError};
use measure::Times;
use std::time::{Duration, Instant};

/// How long after its time it waits for the camera's successor.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks whether there still is a camera.
const LOOK: Duration = Duration::from_millis(150);
/// Rows of a drawing.
const ROWS: i32 = 10;

#[derive(Args)]
pub struct Fuser {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    seconds: f64,
}

/// What the lidar and the inertial sensor measured, and how often.
#[derive(Default)]
struct Lately {
    scans: History,
    samples: History,
    counts: [u64; 2],
}

impl Fuser {
    /// Hears all sensors, and publishes an estimate for each frame, until the time is over and the camera was lost and found.
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(FUSER)?;
        let failure = |error: TopicError| self.place.failure(format_args!("topic {ESTIMATE:?}: {error}"));
        let topic = me.region().topic(ESTIMATE).map_err(|error| failure(error.into()))?;
        let mut publisher =
            topic.publish_latest(&me, size_of::<Estimate>()).map_err(|error| failure(error.into()))?;
        let mut ears =
            Kind::ALL.map(|kind| Ear::open(kind, &me)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut select = Select::new();
        ears.iter().for_each(|ear| _ = select.subscriber(ear.subscriber()));
        select.every(LOOK);
        let (mut scans_apart, mut samples_apart) = (Times::default(), Times::default());
        let (mut lately, mut watch) = (Lately::default(), Watch::new());
        let end = Instant::now() + Duration::from_secs_f64(self.seconds);
        let outage = loop {
            let ready = select.wait(PATIENCE).map_err(|error| self.place.failure(error))?;
            match Kind::ALL.get(ready) {
                None => {
                    if !ears[Kind::Camera as usize].is_fed() {
                        watch.lost()?;
                    }
                    if Instant::now() > end + PATIENCE {
                        return Err(self.place.failure("the camera was not lost and found"));
                    }
                }
                Some(kind) => {
                    let Some(reading) = ears[ready].next()? else { continue };
                    if *kind != Kind::Camera {
                        lately.add(*kind, reading);
                        continue;
                    }
                    if let Some(aligned) = Aligned::of(&reading, &lately.scans, &lately.samples) {
                        publisher.publish_value(&aligned.estimate).map_err(|error| failure(error.into()))?;
                        scans_apart.add(aligned.scan_apart);
                        samples_apart.add(aligned.sample_apart);
                    }
                    watch.found(&reading, lately.counts)?;
                    if let Some(outage) = watch.over().filter(|_| Instant::now() > end) {
                        break outage;
                    }
                }
            }
        };
        ears.iter().try_for_each(|ear| draw(ear.heard()))?;
        show("how far the nearest scan was from each frame, in time:")?;
        show(&format!("  {}", chart::quantiles(&scans_apart)))?;
        show("and the nearest inertial sample:")?;
        show(&format!("  {}", chart::quantiles(&samples_apart)))?;
        // A message that must come, once, to one rank, is plain mail.
        me.to(CONTROLLER).send_value(&outage).map_err(|error| self.place.failure(error))
    }
}

impl Lately {
    fn add(&mut self, kind: Kind, reading: Reading) {
        let (history, count) = match kind {
            Kind::Inertial => (&mut self.samples, &mut self.counts[1]),
            _ => (&mut self.scans, &mut self.counts[0]),
        };
        history.add(reading);
        *count += 1;
    }
}

fn draw(heard: &Heard) -> Result<(), Failure> {
    let (kind, count, missed) = (heard.kind, heard.count, heard.missed);
    show(&format!(
        "{}: {count} messages of {}, {missed} missed; how long on their way:",
        kind.name(),
        kind.size()
    ))?;
    chart::draw(&heard.times, &[], ROWS).iter().try_for_each(|line| show(line))?;
    show(&format!("  {}", chart::quantiles(&heard.times)))
}
