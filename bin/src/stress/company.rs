//! The processes of all ranks of a play, which are killed and come back, or whose region is overwritten.

use super::journal::Journal;
use super::life::Life;
use super::report::Report;
use super::tally::Tally;
use super::watch::Watch;
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use crate::common::progress;
use crate::common::random::mix;
use mailbox::Config;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::Ordering::Acquire;
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks.
const LOOK: Duration = Duration::from_millis(2);
/// How long a play may not go on, although no single call is stuck, and how long all may take to come to their end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the next kill waits for what is done, at most: kills come also while nothing can go on.
const WAIT: Duration = Duration::from_millis(250);

/// How long a process is stopped, at most.
const STOP: Duration = Duration::from_millis(200);

/// What is done to the processes.
#[derive(Debug, Clone, Copy)]
pub enum Harm {
    /// So many are killed.
    Kills(u64),
    /// So many words of their region are overwritten.
    Writes(u64),
}

/// What a play is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub harm: Harm,
    pub ranks: u32,
    pub seed: u64,
    /// How long a call may take.
    pub patience: Duration,
    pub json: bool,
}

impl Terms {
    /// Whether a peer's word may be wrong.
    pub fn overwrites(&self) -> bool {
        matches!(self.harm, Harm::Writes(_))
    }

    /// How long the play may not go on.
    pub fn patience_of_all(&self) -> Duration {
        PATIENCE.max(self.patience)
    }
}

/// What the processes play.
pub trait Play {
    /// How many threads of each process are watched. Rank `r` has the seats from `r * SEATS` on.
    const SEATS: u32 = 1;
    /// Whether processes are stopped and continued, too.
    const STOPS: bool = false;

    /// How much all have done.
    fn done(&self) -> u64;

    /// The call that a seat makes, or made last.
    fn current(&self, seat: u32) -> String;

    /// Has a process of this rank killed.
    fn kill<T>(&self, _rank: u32, kill: impl FnOnce() -> T) -> T {
        kill()
    }

    /// An error if nothing goes on.
    fn look(&mut self) -> Result<(), Failure>;

    /// Whether all may be told now that it is over, since nobody is killed any more.
    fn may_end(&mut self) -> bool {
        true
    }
}

/// The processes, and what is seen of them.
pub struct Company<'a, P> {
    terms: Terms,
    processes: &'a Processes,
    journal: &'a Journal,
    tally: Tally<'a>,
    play: P,
    /// The part of each rank, and its arguments.
    part: (&'static str, &'static str),
    region: String,
    random: Xoshiro256PlusPlus,
    lives: Vec<Life<'a>>,
    /// The process that is stopped, and until when.
    stopped: Option<(u32, Instant)>,
    kills: u64,
    stops: u64,
    stuck: u64,
    first_fault: Option<String>,
    longest: Duration,
    start: Instant,
}

impl<'a, P: Play> Company<'a, P> {
    /// Starts all, in a region of its own.
    pub fn begin(
        (terms, config): (Terms, Config),
        processes: &'a Processes,
        journal: &'a Journal,
        play: P,
        part: (&'static str, &'static str),
    ) -> Result<Self, Failure> {
        let mut company = Self {
            terms,
            processes,
            journal,
            tally: Tally::new(journal, terms.ranks * P::SEATS),
            play,
            part,
            region: processes.region(config)?,
            random: Xoshiro256PlusPlus::seed_from_u64(mix(terms.seed, 1)),
            lives: vec![],
            stopped: None,
            kills: 0,
            stops: 0,
            stuck: 0,
            first_fault: None,
            longest: Duration::ZERO,
            start: Instant::now(),
        };
        for rank in 0..terms.ranks {
            let life = company.enter(rank)?;
            company.lives.push(life);
        }
        Ok(company)
    }

    /// What parts are told.
    fn arguments(&self) -> String {
        let Terms { ranks, seed, .. } = self.terms;
        format!("--ranks {ranks} --seed {seed} --journal {}", self.journal.path())
    }

    fn enter(&self, rank: u32) -> Result<Life<'a>, Failure> {
        let (name, more) = self.part;
        let seats = rank * P::SEATS..(rank + 1) * P::SEATS;
        let beats = seats.map(|seat| {
            self.tally.rest(seat);
            self.tally.beat(seat)
        });
        let watch = Watch::new(beats, self.terms.patience);
        let part = format!("{name} --rank {rank} {} {more}", self.arguments());
        Ok(Life::Running { process: self.processes.enter(&self.region, part.trim_end())?, watch })
    }

    /// Does them the harm that is to be done, by this part if words are to be overwritten. Then all come to their end.
    pub fn suffer(&mut self, vandal: &str) -> Result<(), Failure> {
        match self.terms.harm {
            Harm::Kills(kills) => self.kill_all(kills)?,
            Harm::Writes(writes) => self.overwrite(vandal, writes)?,
        }
        self.finish()
    }

    /// Kills so many, one or several at once.
    fn kill_all(&mut self, kills: u64) -> Result<(), Failure> {
        let bar = progress::bar(kills, "kills");
        while self.kills < kills {
            // At once, after some of what they do, or after much.
            let most = [1, 100, 3000][self.random.random_range(0..3)] * u64::from(self.terms.ranks);
            let enough = self.play.done() + self.random.random_range(0..most);
            let (wait, begin) = (self.random.random_range(Duration::ZERO..WAIT), Instant::now());
            while self.play.done() < enough && begin.elapsed() < wait {
                self.look()?;
            }
            let most = if self.random.random_ratio(1, 8) { self.terms.ranks } else { 1 };
            for _ in 0..self.random.random_range(1..=most).min((kills - self.kills) as u32) {
                self.kill_one()?;
            }
            if P::STOPS && self.random.random_ratio(1, 4) {
                self.stop_one();
            }
            bar.set_position(self.kills);
            self.look()?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn kill_one(&mut self) -> Result<(), Failure> {
        let rank = self.random.random_range(0..self.terms.ranks);
        let Life::Running { process, .. } = self.lives[rank as usize] else { return Ok(()) };
        if !self.play.kill(rank, || self.processes.kill(process))? {
            return Err(ended_by_itself(rank));
        }
        self.kills += 1;
        // At once, or late enough for the others to go on without it.
        let pause = if self.random.random() { 0 } else { self.random.random_range(0..400) };
        self.lives[rank as usize] = Life::Over { until: Instant::now() + Duration::from_millis(pause) };
        Ok(())
    }

    /// Stops a process for a while, unless one is stopped.
    fn stop_one(&mut self) {
        let rank = self.random.random_range(0..self.terms.ranks);
        let (None, Life::Running { process, .. }) = (self.stopped, &self.lives[rank as usize]) else {
            return;
        };
        self.processes.stop(*process, true);
        self.stops += 1;
        self.stopped = Some((*process, Instant::now() + self.random.random_range(Duration::ZERO..STOP)));
    }

    /// Has another process overwrite so many words.
    fn overwrite(&mut self, vandal: &str, writes: u64) -> Result<(), Failure> {
        let bar = progress::bar(writes, "words");
        // All have begun.
        while self.tally.calls() < 100 * u64::from(self.terms.ranks) {
            self.look()?;
        }
        let part = format!("{vandal} --writes {writes} {}", self.arguments());
        let process = self.processes.enter(&self.region, &part)?;
        while !self.processes.bury(process)? {
            bar.set_position(self.tally.writes().load(Acquire));
            self.look()?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Brings back what has been dead for long enough, and looks at all others.
    fn look(&mut self) -> Result<(), Failure> {
        thread::sleep(LOOK);
        if let Some((process, _)) = self.stopped.take_if(|(_, until)| *until <= Instant::now()) {
            self.processes.stop(process, false);
        }
        for rank in 0..self.terms.ranks {
            match &mut self.lives[rank as usize] {
                Life::Over { until } if *until <= Instant::now() => {
                    self.lives[rank as usize] = self.enter(rank)?;
                }
                Life::Over { .. } | Life::Done => {}
                Life::Running { process, .. } if self.processes.bury(*process)? => {
                    if !self.tally.is_over() {
                        return Err(ended_by_itself(rank));
                    }
                    self.lives[rank as usize] = Life::Done;
                }
                Life::Running { watch, .. } => {
                    if let Some(at) = watch.look(&mut self.longest) {
                        self.stuck += 1;
                        let call = self.play.current(rank * P::SEATS + at as u32);
                        self.first_fault.get_or_insert_with(|| format!("rank {rank} is stuck in {call}"));
                    }
                }
            }
        }
        self.play.look()
    }

    /// Lets all meet once more, and come to their end.
    fn finish(&mut self) -> Result<(), Failure> {
        while !self.play.may_end() {
            self.look()?;
        }
        self.tally.end();
        let end = Instant::now();
        while self.lives.iter().any(|life| !matches!(life, Life::Done)) {
            self.look()?;
            if end.elapsed() > self.terms.patience_of_all() {
                return Err(Failure::new("not all come to their end, although nobody does any harm"));
            }
        }
        Ok(())
    }

    /// What came of it so far.
    pub fn report(self, play: &'static str, mut counts: Vec<(&'static str, u64)>) -> Report {
        if P::STOPS {
            counts.insert(0, ("stops", self.stops));
        }
        Report {
            play,
            ranks: self.terms.ranks,
            seed: self.terms.seed,
            seconds: self.start.elapsed().as_secs_f64(),
            writes: self.tally.writes().load(Acquire),
            kills: self.kills,
            counts,
            longest_silence_ms: self.longest.as_millis() as u64,
            failed: 0,
            stuck: self.stuck,
            left_behind: 0,
            first_fault: self.first_fault,
        }
    }
}

fn ended_by_itself(rank: u32) -> Failure {
    Failure::new(format_args!("the process of rank {rank} ended by itself"))
}
