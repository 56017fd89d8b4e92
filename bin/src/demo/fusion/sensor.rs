//! A process that measures and publishes.

use super::kind::{FUSER, Kind};
use super::reading::{Reading, now};
use crate::common::failure::Failure;
use crate::common::place::Where;
use clap::Args;
use mailbox::{PublishError, Publisher, Status, TopicError};
use measure::clock;
use std::thread;
use std::time::Duration;

/// How long the fuser takes to come at most.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Sensor {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    kind: Kind,
}

impl Sensor {
    /// Measures as long as the fuser is there.
    pub fn run(&self) -> Result<(), Failure> {
        let kind = self.kind;
        let failure =
            |error: TopicError| self.place.failure(format_args!("topic {:?}: {error}", kind.name()));
        let me = self.place.join(kind.rank())?;
        let region = me.region();
        region.wait_for(FUSER, PATIENCE).map_err(|error| self.place.failure(error))?;
        let topic = region.topic(kind.name()).map_err(|error| failure(error.into()))?;
        let mut publisher = topic.publisher(&me).map_err(|error| failure(error.into()))?;
        let mut next = clock();
        while matches!(region.status(FUSER), Some((Status::Live, _))) {
            publish(kind, &mut publisher).map_err(|error| failure(error.into()))?;
            // One that is late does not hurry.
            next = (next + kind.period()).max(clock());
            thread::sleep(next.saturating_sub(clock()));
        }
        Ok(())
    }
}

/// Measures, and writes the message where its readers read it.
fn publish(kind: Kind, publisher: &mut Publisher) -> Result<(), PublishError> {
    let time = now();
    let sensor = std::process::id().into();
    let reading = Reading { time, number: publisher.published(), value: kind.value(time), sensor };
    let mut draft = publisher.draft(kind.len())?;
    draft.write_at(0, bytemuck::bytes_of(&reading));
    let piece = reading.piece();
    for (at, len) in reading.rest(kind.len()) {
        draft.write_at(at, &piece[..len]);
    }
    draft.publish(kind.len());
    Ok(())
}
