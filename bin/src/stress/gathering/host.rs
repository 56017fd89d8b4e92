//! `mbox-demo torture --collectives`: processes that act together while they are killed.

use super::register::{Count, Register};
use super::report::Report;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use crate::common::progress;
use crate::common::random::mix;
use crate::stress::journal::Journal;
use crate::stress::life::Life;
use crate::stress::watch::Watch;
use mailbox::Config;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks.
const LOOK: Duration = Duration::from_millis(2);
/// How long it may take until some operation ends, although no single call is stuck.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the next kill waits for operations, at most: kills come also while nothing can go on.
const WAIT: Duration = Duration::from_millis(250);

/// Kills so many of so many processes that act together, and reports.
pub struct Gathering {
    pub kills: u64,
    pub ranks: u32,
    pub seed: u64,
    /// How long a call may take.
    pub patience: Duration,
    pub json: bool,
}

impl Gathering {
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("torture")?;
        let journal = Journal::new(Register::words(self.ranks))?;
        let mut host = Host::new(self, &processes, &journal)?;
        let ended = host.kill_all().and_then(|()| host.finish());
        let mut report = host.report();
        report.failed = ended.is_err().into();
        report.first_fault = ended.err().map(|failure| failure.to_string()).or(report.first_fault);
        drop(host);
        let left = processes.leave();
        report.left_behind = left.is_err().into();
        if self.json {
            show(&report.to_json())?;
        } else {
            show(&report.to_string())?;
        }
        left?;
        report.check()
    }
}

/// A gathering that goes on.
struct Host<'a> {
    gathering: &'a Gathering,
    processes: &'a Processes,
    journal: &'a Journal,
    register: Register<'a>,
    region: String,
    random: Xoshiro256PlusPlus,
    lives: Vec<Life<'a>>,
    kills: u64,
    stuck: u64,
    first_fault: Option<String>,
    longest: Duration,
    /// When an operation ended last, and how many had ended then.
    moved: (Instant, u64),
    start: Instant,
}

impl<'a> Host<'a> {
    /// Starts all.
    fn new(
        gathering: &'a Gathering,
        processes: &'a Processes,
        journal: &'a Journal,
    ) -> Result<Self, Failure> {
        let now = Instant::now();
        let mut host = Self {
            gathering,
            processes,
            journal,
            register: Register::new(journal, gathering.ranks),
            region: processes.region(Config::ranks(gathering.ranks).cells(64))?,
            random: Xoshiro256PlusPlus::seed_from_u64(mix(gathering.seed, 1)),
            lives: vec![],
            kills: 0,
            stuck: 0,
            first_fault: None,
            longest: Duration::ZERO,
            moved: (now, 0),
            start: now,
        };
        for rank in 0..gathering.ranks {
            let life = host.begin(rank)?;
            host.lives.push(life);
        }
        Ok(host)
    }

    fn begin(&self, rank: u32) -> Result<Life<'a>, Failure> {
        let Gathering { ranks, seed, patience, .. } = *self.gathering;
        let journal = self.journal.path();
        let part = format!("guest --rank {rank} --ranks {ranks} --seed {seed} --journal {journal}");
        self.register.rest(rank);
        let watch = Watch::new([self.register.beat(rank)], patience);
        Ok(Life::Running { process: self.processes.enter(&self.region, &part)?, watch })
    }

    /// Kills so many, one or several at once.
    fn kill_all(&mut self) -> Result<(), Failure> {
        let kills = self.gathering.kills;
        let bar = progress::bar(kills, "kills");
        while self.kills < kills {
            // At once, after some operations, or after many.
            let most = [1, 100, 3000][self.random.random_range(0..3)] * self.gathering.ranks;
            let enough = self.register.total(Count::Tasks) + u64::from(self.random.random_range(0..most));
            let wait = self.random.random_range(Duration::ZERO..WAIT);
            let begin = Instant::now();
            while self.register.total(Count::Tasks) < enough && begin.elapsed() < wait {
                self.look()?;
            }
            let victims = if self.random.random_ratio(1, 8) {
                self.random.random_range(1..=self.gathering.ranks)
            } else {
                1
            };
            for _ in 0..victims {
                self.kill_one()?;
            }
            bar.set_position(self.kills);
            self.look()?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn kill_one(&mut self) -> Result<(), Failure> {
        let rank = self.random.random_range(0..self.gathering.ranks);
        let Life::Running { process, .. } = self.lives[rank as usize] else { return Ok(()) };
        if self.kills == self.gathering.kills {
            return Ok(());
        }
        if !self.register.note_end(rank, || self.processes.kill(process))? {
            return Err(Failure::new(format_args!("the process of rank {rank} ended by itself")));
        }
        self.kills += 1;
        // At once, or late enough for the others to go on without it.
        let pause = if self.random.random() { 0 } else { self.random.random_range(0..400) };
        self.lives[rank as usize] = Life::Over { until: Instant::now() + Duration::from_millis(pause) };
        Ok(())
    }

    /// Brings back what has been dead for long enough, and looks at all others.
    fn look(&mut self) -> Result<(), Failure> {
        thread::sleep(LOOK);
        for rank in 0..self.gathering.ranks {
            match &mut self.lives[rank as usize] {
                Life::Over { until } if *until <= Instant::now() => {
                    self.lives[rank as usize] = self.begin(rank)?;
                }
                Life::Over { .. } | Life::Done => {}
                Life::Running { process, .. } if self.processes.bury(*process)? => {
                    if !self.register.is_over() {
                        return Err(Failure::new(format_args!("the process of rank {rank} ended by itself")));
                    }
                    self.lives[rank as usize] = Life::Done;
                }
                Life::Running { watch, .. } => {
                    if watch.look(&mut self.longest).is_some() {
                        self.is_stuck(format!("rank {rank} is stuck in {}", self.register.current(rank)));
                    }
                }
            }
        }
        let done = self.register.total(Count::Tasks) + self.register.total(Count::Worlds);
        if self.moved.1 != done {
            self.moved = (Instant::now(), done);
        }
        if self.moved.0.elapsed() > PATIENCE.max(self.gathering.patience) {
            let calls = (0..self.gathering.ranks).map(|rank| self.register.current(rank));
            return Err(Failure::new(format_args!(
                "nothing goes on: {}",
                calls.collect::<Vec<_>>().join(", ")
            )));
        }
        Ok(())
    }

    fn is_stuck(&mut self, what: String) {
        self.stuck += 1;
        self.first_fault.get_or_insert(what);
    }

    /// Lets all meet once more, and come to their end.
    fn finish(&mut self) -> Result<(), Failure> {
        // One that was killed may have given its word for an agreement that all is over. Its successor would then be alone.
        let worlds = |register: &Register<'_>| {
            (0..self.gathering.ranks).map(|rank| register.get(rank, Count::Worlds)).collect::<Vec<_>>()
        };
        let before = worlds(&self.register);
        while worlds(&self.register).iter().zip(&before).any(|(now, before)| now == before) {
            self.look()?;
        }
        self.register.end();
        while self.lives.iter().any(|life| !matches!(life, Life::Done)) {
            self.look()?;
        }
        Ok(())
    }

    /// What came of it so far.
    fn report(&self) -> Report {
        Report {
            seconds: self.start.elapsed().as_secs_f64(),
            kills: self.kills,
            longest_silence_ms: self.longest.as_millis() as u64,
            stuck: self.stuck,
            first_fault: self.first_fault.clone(),
            ..Report::new(self.gathering.ranks, self.gathering.seed, &self.register)
        }
    }
}
