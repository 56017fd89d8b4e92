//! Input: says which keys are pressed.

use super::beat::{Beat, now};
use super::keys::Keys;
use super::role::{HOST, Role};
use super::script;
use super::seat::{Seat, of_topic, succeed};
use super::terminal::Terminal;
use super::typing::Typed;
use crate::common::failure::Failure;
use crate::common::signals;
use bytemuck::Zeroable;
use clap::Args;
use mailbox::{Deadline, Endpoint};
use std::thread;

/// How often it speaks in a second, at least.
const RATE: u32 = 60;

#[derive(Args)]
pub struct Input {
    #[command(flatten)]
    seat: Seat,
    /// Reads what is typed.
    #[arg(long)]
    by_hand: bool,
}

impl Input {
    /// Plays until the host has enough.
    pub fn run(&self) -> Result<(), Failure> {
        // A Ctrl-C on the terminal is the host's to deal with.
        let _signals = signals::hear().map_err(Failure::of_signals)?;
        let me = self.seat.join(Role::Input)?;
        let mut terminal = if self.by_hand { Some(Terminal::open()?) } else { None };
        let (mut publisher, last) = succeed::<Keys>(Role::Input, &me)?;
        let mut keys = last.unwrap_or(Keys::zeroed());
        let mut beat = Beat::new(RATE);
        while !self.seat.is_over(&me)? {
            match &mut terminal {
                // A key is said at once.
                Some(terminal) => {
                    for typed in terminal.typed(beat.left())? {
                        match typed {
                            Typed::Key(key) => keys.press(key, now()),
                            Typed::Quit => quit(&me),
                        }
                    }
                }
                None => {
                    thread::sleep(beat.left());
                    if let Some(key) = script::due(&keys, now()) {
                        keys.press(key, now());
                    }
                }
            }
            publisher.publish_value(&keys).map_err(|error| of_topic(Role::Input, error))?;
            if beat.left().is_zero() {
                beat.pass();
            }
        }
        Ok(())
    }
}

/// Asks the host for the end.
fn quit(me: &Endpoint) {
    // It ends this process if it does not listen.
    let _ = me.to(HOST).within(Deadline::Now).send(&[]);
}
