//! Physics: moves the world by fixed steps, with the latest keys.

use super::beat::Beat;
use super::keys::Keys;
use super::moment::Moment;
use super::role::Role;
use super::seat::{Seat, hear, of_topic, succeed};
use crate::common::failure::Failure;
use clap::Args;

#[derive(Args)]
pub struct Physics {
    #[command(flatten)]
    seat: Seat,
    /// Steps a second.
    #[arg(long)]
    steps: u32,
}

impl Physics {
    /// Goes on from the last world that was published, until the host has enough.
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.seat.join(Role::Physics)?;
        let mut keys = hear(Role::Input, &me)?;
        let (mut publisher, last) = succeed::<Moment>(Role::Physics, &me)?;
        let mut moment = last.unwrap_or(Moment::first());
        if !moment.world.is_so() {
            return Err(self.seat.failure("the world is not what its steps make of it"));
        }
        let mut beat = Beat::new(self.steps);
        loop {
            // With the last keys, too.
            let is_over = self.seat.is_over(&me)?;
            let latest = keys.value::<Keys>().map_err(|error| of_topic(Role::Input, error))?;
            moment = moment.next(latest.unwrap_or(moment.keys));
            publisher.publish_value(&moment).map_err(|error| of_topic(Role::Physics, error))?;
            if is_over {
                return Ok(());
            }
            beat.wait();
        }
    }
}
