//! The launcher's one loop: ranks that end, what they write, signals, and time.

use super::children;
use super::ears::Ears;
use super::ending::Ending;
use super::fate::Fate;
use super::guard::Guard;
use super::keyboard::Keyboard;
use super::life::Life;
use super::plan::Plan;
use super::requests::Requests;
use super::sinks::Sinks;
use super::starter::{self, Starter};
use super::system;
use crate::common::failure::{End, Failure};
use crate::common::output::time;
use mailbox::Region;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, getpid, kill_process, waitpid};
use signal_hook::consts::{SIGCONT, SIGPIPE, SIGTSTP};
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long one waits for the rest of a group that was killed, and how often one looks.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(1);
/// What is read from a rank at once.
const BUFFER: usize = 64 << 10;
/// The exit status when the time is over, as `timeout` has it.
const TIMED_OUT: u8 = 124;

/// Ranks, and what becomes of them.
pub struct Launcher<'a> {
    plan: &'a Plan,
    starter: Starter<'a>,
    lives: BTreeMap<u32, Life>,
    guard: Option<Guard>,
    ears: Ears,
    sinks: Sinks,
    restarts: BTreeMap<u32, u32>,
    ending: Ending,
    timeout: Option<Instant>,
    requests: Requests,
    /// How this process is to end, because of what failed first.
    end: Option<End>,
    buffer: Vec<u8>,
}

/// What was polled.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    Output,
    Complaints,
    Keyboard,
    OutputOf(u32),
    ComplaintsOf(u32),
}

impl<'a> Launcher<'a> {
    /// Ready to start the ranks of `plan` in `region`.
    pub fn new(plan: &'a Plan, region: &'a Region, guard: Guard) -> Result<Self, Failure> {
        system::adopt_orphans().map_err(|error| Failure::new(format_args!("orphans: {error}")))?;
        Ok(Self {
            plan,
            starter: Starter::new(plan, region)?,
            lives: BTreeMap::new(),
            guard: Some(guard),
            ears: Ears::open().map_err(Failure::of_signals)?,
            sinks: Sinks::open(plan.labels)?,
            restarts: BTreeMap::new(),
            ending: Ending::new(plan.grace),
            timeout: plan.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            requests: Requests::default(),
            end: None,
            buffer: vec![0; BUFFER],
        })
    }

    /// Starts the ranks, and stays until all have ended and all that they wrote is written.
    pub fn run(mut self) -> Result<(), Failure> {
        for rank in 0..self.plan.ranks() {
            if !self.start(rank) {
                break;
            }
        }
        loop {
            self.bury();
            self.settle();
            self.keep_time();
            self.write(false, false);
            if self.lives.is_empty() && self.sinks.are_empty() {
                break;
            }
            self.wait().map_err(|error| Failure::new(format_args!("poll: {error}")))?;
        }
        match self.end {
            None => Ok(()),
            Some(End::Status(status)) => Err(Failure::told(status)),
            Some(End::Signal(signal)) => Err(Failure::by(signal)),
        }
    }

    /// Starts a rank; whether that was possible.
    fn start(&mut self, rank: u32) -> bool {
        // Its end ended all.
        let Some(guard) = &self.guard else { return false };
        match self.starter.start(rank, guard, self.sinks.labels(rank)) {
            Ok(life) => {
                self.lives.insert(rank, life);
                true
            }
            Err(error) => {
                let hint = starter::hint(&self.plan.program(rank).name, &error);
                self.sinks.tell(&format!("{} cannot be started: {error}{hint}", self.plan.show(rank)));
                self.fail(starter::end(&error));
                self.ending.ask(Instant::now());
                false
            }
        }
    }

    /// Waits for the children that have ended.
    fn bury(&mut self) {
        while let Some(child) = children::ended() {
            if self.guard.take_if(|guard| guard.is(child)).is_some() {
                self.sinks.tell("the guard process was ended; so are all ranks");
                self.fail(End::Status(1));
                self.ending.ask(Instant::now());
                continue;
            }
            let life = self.lives.values_mut().find(|life| life.group.0 == child && life.fate.is_none());
            let group = life.as_ref().map(|life| life.group);
            if let Some(group) = group {
                // As long as the leader was not waited for, the number is the group's.
                group.kill();
                self.guard.iter().for_each(|guard| guard.release(group));
            }
            let fate = children::bury(child);
            if let Some(life) = life {
                life.fate = fate.map(|fate| (fate, Instant::now()));
            }
        }
    }

    /// Judges the ranks of which nothing is left.
    fn settle(&mut self) {
        let mut over: Vec<(u32, Fate)> = vec![];
        for (rank, life) in &mut self.lives {
            let Some((fate, since)) = life.fate else { continue };
            if life.group.is_gone() || since.elapsed() >= PATIENCE {
                life.output.finish(&mut self.buffer, &mut self.sinks.output);
                life.complaints.finish(&mut self.buffer, &mut self.sinks.complaints);
                over.push((*rank, fate));
            }
        }
        // The others may have failed because one was killed.
        over.sort_by_key(|(_, fate)| matches!(fate, Fate::Exited(_)));
        for (rank, fate) in over {
            self.lives.remove(&rank);
            if !fate.is_success() {
                self.judge(rank, fate);
            }
        }
    }

    /// Decides what follows from a rank's failure.
    fn judge(&mut self, rank: u32, fate: Fate) {
        let who = self.plan.show(rank);
        if let Some(signal) = self.requests.explain(fate) {
            // It did what it was told.
            self.fail(End::Signal(signal));
            return self.ending.begin(Instant::now());
        }
        if self.ending.has_begun() {
            return;
        }
        let count = self.restarts.entry(rank).or_default();
        if !self.requests.are_for_the_end() && *count < self.plan.restarts {
            *count += 1;
            let line = format!("{who} {fate}; it is started again, {count} of {}", self.plan.restarts);
            self.sinks.tell(&line);
            self.start(rank);
            return;
        }
        // Nobody reads what it writes, which is told by this process' own end.
        if self.end != Some(End::Signal(SIGPIPE)) || !fate.is_by(SIGPIPE) {
            self.sinks.tell(&format!("{who} {fate}"));
        }
        self.fail(fate.end());
        if !self.plan.keeps_going {
            self.ending.begin(Instant::now());
        }
    }

    /// Does what is to be done at this time.
    fn keep_time(&mut self) {
        let now = Instant::now();
        if let Some(timeout) = self.plan.timeout.filter(|_| self.timeout.take_if(|at| *at <= now).is_some())
            && !self.lives.is_empty()
        {
            self.sinks.tell(&format!("{} are over; all ranks are ended", time(timeout)));
            self.fail(End::Status(TIMED_OUT));
            self.ending.ask(now);
        }
        if let Some(signal) = self.ending.signal(now) {
            self.signal(signal);
            // What is stopped hears nothing.
            self.signal(Signal::CONT);
        }
    }

    /// Sends a signal to all ranks and what they have started.
    fn signal(&self, signal: Signal) {
        // The number of a group whose leader was waited for may mean another.
        let groups = self.lives.values().filter(|life| life.fate.is_none()).map(|life| life.group);
        groups.for_each(|group| group.signal(signal));
    }

    /// Waits until something happens, and takes what the ranks write.
    fn wait(&mut self) -> io::Result<()> {
        let sources = self.awaited();
        let mut polled: Vec<PollFd> = sources
            .iter()
            .map(|(_, descriptor, flags)| PollFd::from_borrowed_fd(*descriptor, *flags))
            .collect();
        let timeout = self
            .until()
            .map(|time| Timespec::try_from(time).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }));
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = polled.iter().map(|polled| !polled.revents().is_empty());
        let ready: Vec<Source> =
            sources.iter().zip(ready).filter_map(|((source, ..), ready)| ready.then_some(*source)).collect();
        let mut buffer = mem::take(&mut self.buffer);
        for source in ready {
            match source {
                Source::Signals => self.pass_on(),
                Source::Output => self.write(true, false),
                Source::Complaints => self.write(false, true),
                Source::Keyboard => self.starter.keyboard.iter_mut().for_each(Keyboard::carry),
                Source::OutputOf(rank) => {
                    if let Some(life) = self.lives.get_mut(&rank) {
                        life.output.read(&mut buffer, &mut self.sinks.output);
                    }
                }
                Source::ComplaintsOf(rank) => {
                    if let Some(life) = self.lives.get_mut(&rank) {
                        life.complaints.read(&mut buffer, &mut self.sinks.complaints);
                    }
                }
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// What this process waits for.
    fn awaited(&self) -> Vec<(Source, BorrowedFd<'_>, PollFlags)> {
        let mut awaited = vec![(Source::Signals, self.ears.as_fd(), PollFlags::IN)];
        let output = self.sinks.output.awaited().map(|output| (Source::Output, output, PollFlags::OUT));
        let complaints =
            self.sinks.complaints.awaited().map(|output| (Source::Complaints, output, PollFlags::OUT));
        let keyboard = self.starter.keyboard.as_ref().and_then(Keyboard::awaited);
        awaited.extend(output);
        awaited.extend(complaints);
        awaited.extend(keyboard.map(|(descriptor, flags)| (Source::Keyboard, descriptor, flags)));
        for (rank, life) in &self.lives {
            let output = life.output.awaited().filter(|_| self.sinks.output.has_room());
            let complaints = life.complaints.awaited().filter(|_| self.sinks.complaints.has_room());
            awaited.extend(output.map(|pipe| (Source::OutputOf(*rank), pipe, PollFlags::IN)));
            awaited.extend(complaints.map(|pipe| (Source::ComplaintsOf(*rank), pipe, PollFlags::IN)));
        }
        awaited
    }

    /// How long there is nothing to do unless something happens.
    fn until(&self) -> Option<Duration> {
        let now = Instant::now();
        let is_dying = self.lives.values().any(|life| life.fate.is_some());
        let look = is_dying.then(|| now + LOOK);
        let at = [look, self.timeout, self.ending.at()].into_iter().flatten().min()?;
        Some(at.saturating_duration_since(now))
    }

    /// Passes on the signals that came.
    fn pass_on(&mut self) {
        for number in self.ears.heard() {
            let now = Instant::now();
            if Requests::ends(number) && self.lives.is_empty() {
                // Only what they wrote is left, and nobody reads it.
                self.sinks.give_up();
                self.fail(End::Signal(number));
            } else if Requests::ends(number) && self.requests.note(number, now) {
                self.fail(End::Signal(number));
                self.ending.kill(now);
            }
            if let Some(signal) = Signal::from_named_raw(number) {
                self.signal(signal);
            }
            if number == SIGTSTP {
                let _ = kill_process(getpid(), Signal::STOP);
            }
            if number == SIGCONT {
                self.starter.keyboard.iter_mut().for_each(Keyboard::look);
            }
        }
    }

    /// Writes what can be written.
    fn write(&mut self, output_is_ready: bool, complaints_are_ready: bool) {
        if let Some(end) = self.sinks.write(output_is_ready, complaints_are_ready) {
            // Those that write are told so.
            self.lives.values_mut().for_each(|life| life.output.close());
            self.fail(end);
            if end != End::Signal(SIGPIPE) {
                self.ending.ask(Instant::now());
            }
        }
    }

    fn fail(&mut self, end: End) {
        self.end.get_or_insert(end);
    }
}

impl Drop for Launcher<'_> {
    fn drop(&mut self) {
        // Only after an error that nobody expected is somebody left.
        for life in self.lives.values().filter(|life| life.fate.is_none()) {
            life.group.kill();
            let _ = waitpid(Some(life.group.0), WaitOptions::empty());
        }
    }
}
