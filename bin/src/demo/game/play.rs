//! A game that goes on, as its host has it.

use super::keys::Keys;
use super::measured::Measured;
use super::moment::Moment;
use super::role::Role;
use super::seat::{hear, of_topic};
use super::tally::Tally;
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use bytemuck::Pod;
use mailbox::{Endpoint, Latest, RecvError, SendError};
use rustix::process::{Pid, getpgrp};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks around.
const LOOK: Duration = Duration::from_millis(5);
/// How long a process may take for what it does at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How it is played.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Whether a person plays.
    pub by_hand: bool,
    /// Whether it is drawn on standard output.
    pub draws: bool,
    /// Steps of the world a second.
    pub steps: u32,
}

/// The three processes, and what they say.
pub struct Play<'a> {
    rules: Rules,
    processes: &'a Processes,
    me: &'a Endpoint,
    /// By role: the number of its process.
    numbers: [u32; 3],
    /// By role.
    topics: [Latest<'a>; 3],
    /// Whether the person who plays has enough.
    is_enough: bool,
}

impl<'a> Play<'a> {
    /// Starts all, and waits until a frame has shown a world, and a key, if it is known that one is pressed.
    pub fn begin(rules: Rules, processes: &'a Processes, me: &'a Endpoint) -> Result<Self, Failure> {
        let [keys, world, frames] = Role::ALL.map(|role| hear(role, me));
        let topics = [keys?, world?, frames?];
        let mut play = Self { rules, processes, me, numbers: [0; 3], topics, is_enough: false };
        for role in Role::ALL {
            play.start(role)?;
        }
        play.until("no world is drawn", |play| {
            let seen: Option<Tally> = play.last(Role::Render)?;
            Ok(seen.filter(|tally| tally.frames_new > 0 && (rules.by_hand || tally.presses_shown > 0)))
        })?;
        Ok(play)
    }

    /// Starts a process for this role.
    pub fn start(&mut self, role: Role) -> Result<(), Failure> {
        let Rules { by_hand, draws, steps } = self.rules;
        let hand = if by_hand { " --by-hand" } else { "" };
        let part = match role {
            Role::Input => format!("input{hand}"),
            Role::Physics => format!("physics --steps {steps}"),
            Role::Render => format!("render{}{hand}", if draws { " --draws" } else { "" }),
        };
        let region = self.me.region();
        self.numbers[role as usize] = self.processes.enter_prepared(&part, |command| {
            if role == Role::Input && by_hand {
                // In the group of this process, which may read from the terminal.
                command.stdin(Stdio::inherit()).process_group(getpgrp().as_raw_nonzero().get());
            }
            if role == Role::Render && draws {
                command.stdout(Stdio::inherit());
            }
            region.hand_to(command).map_err(|error| Failure::new(format_args!("the game's region: {error}")))
        })?;
        Ok(())
    }

    /// Kills the process of this role.
    pub fn kill(&self, role: Role) -> Result<(), Failure> {
        match self.processes.kill(self.numbers[role as usize])? {
            true => Ok(()),
            false => Err(Failure::new(format_args!("the process for \"{}\" ended by itself", role.name()))),
        }
    }

    /// Whether the process of this role is stopped.
    pub fn is_stopped(&self, role: Role) -> bool {
        self.processes.is_stopped(self.numbers[role as usize])
    }

    /// The number of this role's process.
    pub fn process(&self, role: Role) -> Result<Pid, Failure> {
        let number = i32::try_from(self.numbers[role as usize]).ok().and_then(Pid::from_raw);
        number.ok_or_else(|| Failure::new("a process without a number"))
    }

    /// How often each has published something.
    pub fn progress(&mut self) -> Result<[u64; 3], Failure> {
        for role in Role::ALL {
            let read = self.topics[role as usize].read_into(&mut []);
            read.map_err(|error| of_topic(role, error))?;
        }
        Ok(Role::ALL.map(|role| self.topics[role as usize].number()))
    }

    /// What this role published last.
    fn last<T: Pod>(&mut self, role: Role) -> Result<Option<T>, Failure> {
        self.topics[role as usize].value().map_err(|error| of_topic(role, error))
    }

    /// Lets so much time pass, or less if the person who plays has enough.
    pub fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        let begin = Instant::now();
        while !self.is_enough {
            let left = time.saturating_sub(begin.elapsed());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(LOOK));
            self.processes.have_ended()?;
            match self.me.from(Role::Input.rank()).try_recv() {
                Ok(mail) => self.is_enough = mail.is_some(),
                // Its process says why.
                Err(RecvError::Gone { .. }) => {}
                Err(error) => return Err(Failure::new(format_args!("the game's region: {error}"))),
            }
        }
        Ok(())
    }

    /// Waits until there is something to be seen. An error, which begins with `or`, if that takes long.
    pub fn until<T>(
        &mut self,
        or: &str,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            // First: what a process that has failed did not do is no failure of its own.
            self.processes.have_ended()?;
            if let Some(seen) = look(self)? {
                return Ok(seen);
            }
            if Instant::now() > end {
                return Err(Failure::new(format_args!(
                    "{or} for {} s: is a process stopped?",
                    PATIENCE.as_secs()
                )));
            }
            thread::sleep(LOOK);
        }
    }

    /// Ends all, one after the other, so that the last keys come into a world, and the last world into a frame.
    pub fn end(mut self) -> Result<Score, Failure> {
        let me = self.me;
        let lives = Role::ALL.map(|role| me.region().status(role.rank()).map_or(0, |(_, epoch)| epoch));
        let mut measured = None;
        for role in Role::ALL {
            // A message that must come, once, to one rank, is plain mail.
            match me.to(role.rank()).within(PATIENCE).send(&[]) {
                // Its process says why.
                Ok(()) | Err(SendError::Gone { .. }) => {}
                Err(error) => return Err(Failure::new(format_args!("the game's region: {error}"))),
            }
            let process = self.numbers[role as usize];
            self.until(&format!("{} does not end", role.name()), |play| {
                if let (Role::Render, Ok(Some(mail))) = (role, me.from(role.rank()).try_recv()) {
                    measured = Measured::of_bytes(&mail.to_vec());
                }
                Ok(play.processes.bury(process)?.then_some(()))
            })?;
        }
        // It may have ended after the last look.
        if let Ok(Some(mail)) = me.from(Role::Render.rank()).try_recv() {
            measured = Measured::of_bytes(&mail.to_vec());
        }
        let [looks, worlds, _] = self.progress()?;
        let missing = |what| Failure::new(format_args!("{what} published nothing"));
        Ok(Score {
            keys: self.last(Role::Input)?.ok_or_else(|| missing("input"))?,
            moment: self.last(Role::Physics)?.ok_or_else(|| missing("physics"))?,
            tally: self.last(Role::Render)?.ok_or_else(|| missing("render"))?,
            measured: measured.ok_or_else(|| Failure::new("render did not say what it measured"))?,
            looks,
            worlds,
            lives,
        })
    }
}

/// What all have said in the end.
pub struct Score {
    pub keys: Keys,
    pub moment: Moment,
    pub tally: Tally,
    pub measured: Measured,
    /// How often input has looked at the keys.
    pub looks: u64,
    pub worlds: u64,
    /// By role: how many processes had it.
    pub lives: [u64; 3],
}
