//! Render: draws the latest world, and counts and measures what it draws.

use super::beat::{Beat, now};
use super::canvas::Canvas;
use super::measured::Measured;
use super::moment::Moment;
use super::picture;
use super::role::{HOST, Role};
use super::seat::{Seat, hear, of_topic, succeed};
use super::tally::Tally;
use crate::common::failure::Failure;
use clap::Args;
use mailbox::Latest;
use measure::clock;
use std::time::Duration;

/// Frames a second.
const RATE: u32 = 60;

#[derive(Args)]
pub struct Render {
    #[command(flatten)]
    seat: Seat,
    /// Draws on standard output, which is a terminal.
    #[arg(long)]
    draws: bool,
    /// A person plays.
    #[arg(long)]
    by_hand: bool,
}

impl Render {
    /// Draws until the host has enough, and tells it what was measured.
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.seat.join(Role::Render)?;
        let mut canvas = if self.draws { Some(Canvas::open()?) } else { None };
        let mut worlds = hear(Role::Physics, &me)?;
        let (mut publisher, last) = succeed::<Tally>(Role::Render, &me)?;
        let mut tally = last.unwrap_or_default();
        if !tally.adds_up() {
            return Err(self.seat.failure("what the last process counted does not add up"));
        }
        let mut measured = Measured::default();
        let mut beat = Beat::new(RATE);
        let (mut before, mut changed) = (None, clock());
        loop {
            // What there is at the end is drawn, too.
            let is_over = self.seat.is_over(&me)?;
            let begin = clock();
            if let Some(before) = before.replace(begin) {
                measured.frames.add(begin - before);
            }
            let moment = self.look(&mut worlds)?;
            measured.looks.add(clock() - begin);
            let is_changed = moment.is_some_and(|moment| moment.world.steps != tally.last_world);
            changed = if is_changed { begin } else { changed };
            let picture = picture::draw(moment.as_ref(), begin - changed, self.by_hand);
            if let Some(canvas) = &mut canvas {
                canvas.draw(&picture)?;
            }
            let is_press = tally.count(moment.as_ref());
            if let Some(Moment { keys, .. }) = moment.filter(|_| is_press) {
                measured.reactions.add(Duration::from_nanos(now().saturating_sub(keys.time)));
            }
            publisher.publish_value(&tally).map_err(|error| of_topic(Role::Render, error))?;
            if is_over {
                let told = me.to(HOST).send(&measured.to_bytes());
                return told.map_err(|error| self.seat.failure(error));
            }
            beat.wait();
        }
    }

    /// The latest world. Each step was done once, by one process or another: there are as many worlds as it had steps, and it is where so
    /// many steps lead.
    fn look(&self, worlds: &mut Latest) -> Result<Option<Moment>, Failure> {
        let latest = worlds.value::<Moment>().map_err(|error| of_topic(Role::Physics, error))?;
        let Some(moment) = latest else { return Ok(None) };
        let (number, steps) = (worlds.number(), moment.world.steps);
        if number != steps {
            return Err(self.seat.failure(format_args!("world {number} has had {steps} steps")));
        }
        if !moment.world.is_so() {
            return Err(self.seat.failure(format_args!("world {number} is not what its steps make of it")));
        }
        Ok(latest)
    }
}
