//! `mbox-demo ping`

use super::seat::{Ball, Place, Seat};
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use clap::Args;
use std::time::{Duration, Instant};

/// Send pong a message every second, and show how long the answer takes
#[derive(Args)]
pub struct Ping {
    #[command(flatten)]
    place: Place,
    /// Milliseconds between two messages
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    interval: u64,
    /// End after N exchanges
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl Ping {
    /// Plays until it is asked to end.
    pub fn run(&self) -> Result<(), Failure> {
        let seat = Seat::take(&self.place, 0, "pong")?;
        let mut number = 0;
        while !seat.is_over() && self.count.is_none_or(|count| number < count) {
            if number > 0 {
                self.pause(&seat)?;
            }
            number += 1;
            exchange(&seat, number)?;
        }
        Ok(())
    }

    /// Lets time pass, and listens: only so is an end of the other seen at once.
    fn pause(&self, seat: &Seat) -> Result<(), Failure> {
        let end = Instant::now().checked_add(Duration::from_millis(self.interval));
        // What comes now answers nothing: a successor of pong's answers again what was not acknowledged.
        while seat.hear(end)?.is_some() {}
        Ok(())
    }
}

fn exchange(seat: &Seat, number: u64) -> Result<(), Failure> {
    let ball = Ball { epoch: seat.epoch(), number, took: 0 };
    let start = Instant::now();
    while !seat.send(ball)? {
        // Full of what nobody reads: it takes a successor to go on.
        if seat.is_over() || seat.hear(None)?.is_none() {
            return Ok(());
        }
    }
    while let Some((mail, answer)) = seat.hear(None)? {
        let took = start.elapsed();
        drop(mail);
        if answer == ball {
            show(&format!("ping {number}: {}, answered in epoch {}", time(took), seat.other_epoch()))?;
            seat.send(Ball { took: took.as_nanos().max(1) as u64, ..ball })?;
            break;
        }
    }
    Ok(())
}
