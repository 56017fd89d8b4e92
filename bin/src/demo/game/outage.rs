//! A time without one of the processes.

use super::play::Play;
use super::role::Role;
use crate::common::failure::Failure;
use crate::common::output::time;
use rustix::io::Errno;
use rustix::process::{Signal, kill_process};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How often each must publish something to be seen to go on.
const PROOF: u64 = 3;

/// What is done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Harm {
    /// Killed, and started again.
    Killed,
    /// Stopped, and let go on.
    Stopped,
}

/// What happened while it lasted.
#[derive(Serialize)]
pub struct Outage {
    part: Role,
    harm: Harm,
    /// How long it lasted, from when it was harmed to when another began.
    seconds: f64,
    /// How often each published something meanwhile: looks at the keys, worlds, frames.
    looks: u64,
    worlds: u64,
    frames: u64,
    /// That of the last world before a process for this part went on.
    step: u64,
}

impl Outage {
    /// Harms a process, lets time pass and the others go on, and then has it go on, too.
    pub fn over(play: &mut Play, part: Role, harm: Harm, time: Duration) -> Result<Self, Failure> {
        let begin = Instant::now();
        match harm {
            Harm::Killed => play.kill(part)?,
            Harm::Stopped => stop(play, part)?,
        }
        let before = play.progress()?;
        play.pass(time)?;
        let after = play.until("the others do not go on", |play| {
            let now = play.progress()?;
            let mut others = Role::ALL.into_iter().filter(|role| *role != part);
            Ok(others.all(|role| goes_on(role, before, now)).then_some(now))
        })?;
        match harm {
            Harm::Killed => play.start(part)?,
            Harm::Stopped => kill_process(play.process(part)?, Signal::CONT).map_err(cannot)?,
        }
        let seconds = begin.elapsed().as_secs_f64();
        play.until(&format!("{} does not go on", part.name()), |play| {
            let now = play.progress()?;
            Ok(goes_on(part, after, now).then_some(()))
        })?;
        let [looks, worlds, frames] =
            Role::ALL.map(|role| after[role as usize].saturating_sub(before[role as usize]));
        Ok(Self { part, harm, seconds, looks, worlds, frames, step: after[Role::Physics as usize] })
    }

    /// For people.
    pub fn describe(&self) -> Vec<String> {
        let Self { part, harm, seconds, looks, worlds, frames, step } = self;
        let (harm, back) = match harm {
            Harm::Killed => ("killed", "started again"),
            Harm::Stopped => ("stopped", "let go on"),
        };
        let seconds = time(Duration::from_secs_f64(*seconds));
        vec![
            format!("{} was {harm}, and {back} {seconds} later, at step {step}", part.name()),
            format!("meanwhile there were {looks} looks at the keys, {worlds} steps, {frames} frames"),
        ]
    }
}

/// Whether this role published some between these two looks.
fn goes_on(role: Role, before: [u64; 3], now: [u64; 3]) -> bool {
    now[role as usize].saturating_sub(before[role as usize]) >= PROOF
}

/// Stops a process, and waits until it has stopped.
fn stop(play: &mut Play, part: Role) -> Result<(), Failure> {
    let process = play.process(part)?;
    kill_process(process, Signal::STOP).map_err(cannot)?;
    play.until(&format!("{} does not stop", part.name()), |play| Ok(play.is_stopped(part).then_some(())))
}

fn cannot(error: Errno) -> Failure {
    Failure::new(format_args!("cannot stop a process: {error}"))
}
