//! `mbox-demo pong`

use super::seat::{Ball, Place, Seat};
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use clap::Args;
use std::time::Duration;

/// Answer the messages of ping
#[derive(Args)]
pub struct Pong {
    #[command(flatten)]
    place: Place,
    /// End after N exchanges
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl Pong {
    /// Plays until it is asked to end.
    pub fn run(&self) -> Result<(), Failure> {
        let seat = Seat::take(&self.place, 1, "ping")?;
        let mut exchanges = 0;
        while self.count.is_none_or(|count| exchanges < count) {
            let Some((mail, ball)) = seat.hear(None)? else { break };
            if ball.took == 0 {
                seat.send(ball)?;
            } else {
                exchanges += 1;
                let Ball { epoch, number, took } = ball;
                show(&format!(
                    "pong {number}: {}, asked in epoch {epoch}",
                    time(Duration::from_nanos(took))
                ))?;
            }
            // Only now: if this process dies before, its successor answers.
            drop(mail);
        }
        Ok(())
    }
}
