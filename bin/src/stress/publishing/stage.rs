//! `mbox-demo torture --topics`: processes that publish and read while they are killed, or while their topics are overwritten.

use super::player::{LONGEST_VALUE, NAMES};
use super::report::Report;
use super::score::{Count, Mark, Score};
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
use std::sync::atomic::Ordering::Acquire;
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks.
const LOOK: Duration = Duration::from_millis(2);
/// How long a topic may carry nothing, and how long all may take to meet in the end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the next kill waits for messages, at most.
const WAIT: Duration = Duration::from_millis(250);
/// Bytes of the payloads of a stream: few, so that all is overwritten soon.
const STREAM: u64 = 64 << 10;

/// What is done to the processes.
#[derive(Debug, Clone, Copy)]
pub enum Harm {
    /// So many are killed.
    Kills(u64),
    /// So many words of their topics are overwritten.
    Writes(u64),
}

/// Does harm to so many processes that publish and read, and reports.
pub struct Publishing {
    pub harm: Harm,
    pub ranks: u32,
    pub seed: u64,
    /// How long a call may take.
    pub patience: Duration,
    pub json: bool,
}

impl Publishing {
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("torture")?;
        let journal = Journal::new(Score::words(self.ranks))?;
        let mut stage = Stage::new(self, &processes, &journal)?;
        let (ended, how) = match self.harm {
            Harm::Kills(kills) => (stage.kill_all(kills), format!("--topics --kills {kills}")),
            Harm::Writes(writes) => (stage.overwrite(writes), format!("--chaos --topics --writes {writes}")),
        };
        let ended = ended.and_then(|()| stage.finish());
        let mut report = stage.report();
        report.failed = ended.is_err().into();
        // What was stuck comes before that.
        report.first_fault = report.first_fault.or(ended.err().map(|failure| failure.to_string()));
        drop(stage);
        let left = processes.leave();
        report.left_behind = left.is_err().into();
        if self.json {
            show(&report.to_json())?;
        } else {
            show(&report.to_string())?;
        }
        left?;
        report.check(&how)
    }
}

/// A play that goes on.
struct Stage<'a> {
    publishing: &'a Publishing,
    processes: &'a Processes,
    journal: &'a Journal,
    score: Score<'a>,
    region: String,
    random: Xoshiro256PlusPlus,
    lives: Vec<Life<'a>>,
    /// What is seen of the topics.
    topics: Watch<'a>,
    kills: u64,
    stuck: u64,
    first_fault: Option<String>,
    longest: Duration,
    start: Instant,
}

impl<'a> Stage<'a> {
    /// Starts all.
    fn new(
        publishing: &'a Publishing,
        processes: &'a Processes,
        journal: &'a Journal,
    ) -> Result<Self, Failure> {
        let score = Score::new(journal, publishing.ranks);
        // All but the fresh one.
        let seen = (0..NAMES.len() - 1).map(|topic| score.mark(topic, Mark::Seen));
        let config = Config::ranks(publishing.ranks).cells(16).topics(NAMES.len() as u32);
        let mut stage = Self {
            publishing,
            processes,
            journal,
            topics: Watch::new(seen, PATIENCE.max(publishing.patience)),
            score,
            region: processes.region(config.stream(STREAM).value(LONGEST_VALUE as u64))?,
            random: Xoshiro256PlusPlus::seed_from_u64(mix(publishing.seed, 1)),
            lives: vec![],
            kills: 0,
            stuck: 0,
            first_fault: None,
            longest: Duration::ZERO,
            start: Instant::now(),
        };
        for rank in 0..publishing.ranks {
            let life = stage.begin(rank)?;
            stage.lives.push(life);
        }
        Ok(stage)
    }

    /// What parts are told.
    fn terms(&self) -> String {
        let Publishing { ranks, seed, .. } = self.publishing;
        format!("--ranks {ranks} --seed {seed} --journal {}", self.journal.path())
    }

    fn begin(&self, rank: u32) -> Result<Life<'a>, Failure> {
        let lenient = if self.kills_none() { " --lenient" } else { "" };
        self.score.rest(rank);
        let watch = Watch::new([self.score.beat(rank)], self.publishing.patience);
        let part = format!("actor --rank {rank} {}{lenient}", self.terms());
        Ok(Life::Running { process: self.processes.enter(&self.region, &part)?, watch })
    }

    fn kills_none(&self) -> bool {
        matches!(self.publishing.harm, Harm::Writes(_))
    }

    /// Kills so many, one or several at once.
    fn kill_all(&mut self, kills: u64) -> Result<(), Failure> {
        let bar = progress::bar(kills, "kills");
        while self.kills < kills {
            // At once, after some messages, or after many.
            let most = [1, 300, 10_000][self.random.random_range(0..3)];
            let enough = self.score.total(Count::Published) + self.random.random_range(0..most);
            let (wait, begin) = (self.random.random_range(Duration::ZERO..WAIT), Instant::now());
            while self.score.total(Count::Published) < enough && begin.elapsed() < wait {
                self.look()?;
            }
            let most = if self.random.random_ratio(1, 8) { self.publishing.ranks } else { 1 };
            for _ in 0..self.random.random_range(1..=most).min((kills - self.kills) as u32) {
                self.kill_one()?;
            }
            bar.set_position(self.kills);
            self.look()?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn kill_one(&mut self) -> Result<(), Failure> {
        let rank = self.random.random_range(0..self.publishing.ranks);
        let Life::Running { process, .. } = self.lives[rank as usize] else { return Ok(()) };
        if !self.processes.kill(process)? {
            return Err(ended_by_itself(rank));
        }
        self.kills += 1;
        // At once, or late enough for the others to go on without it.
        let pause = if self.random.random() { 0 } else { self.random.random_range(0..400) };
        self.lives[rank as usize] = Life::Over { until: Instant::now() + Duration::from_millis(pause) };
        Ok(())
    }

    /// Has another process overwrite so many words.
    fn overwrite(&mut self, writes: u64) -> Result<(), Failure> {
        let bar = progress::bar(writes, "words");
        // All have found the topics by their names.
        while self.score.total(Count::Calls) < 100 * u64::from(self.publishing.ranks) {
            self.look()?;
        }
        let part = format!("scribbler --writes {writes} {}", self.terms());
        let process = self.processes.enter(&self.region, &part)?;
        while !self.processes.bury(process)? {
            bar.set_position(self.score.writes().load(Acquire));
            self.look()?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Brings back what has been dead for long enough, and looks at all others.
    fn look(&mut self) -> Result<(), Failure> {
        thread::sleep(LOOK);
        for rank in 0..self.publishing.ranks {
            match &mut self.lives[rank as usize] {
                Life::Over { until } if *until <= Instant::now() => {
                    self.lives[rank as usize] = self.begin(rank)?;
                }
                Life::Over { .. } | Life::Done => {}
                Life::Running { process, .. } if self.processes.bury(*process)? => {
                    if !self.score.is_over() {
                        return Err(ended_by_itself(rank));
                    }
                    self.lives[rank as usize] = Life::Done;
                }
                Life::Running { watch, .. } => {
                    if watch.look(&mut self.longest).is_some() {
                        self.stuck += 1;
                        let call = self.score.current(rank);
                        self.first_fault.get_or_insert_with(|| format!("rank {rank} is stuck in {call:?}"));
                    }
                }
            }
        }
        let mut silence = Duration::ZERO;
        let silent = self.topics.look(&mut silence);
        match silent.filter(|_| !self.kills_none() && !self.score.is_over()) {
            Some(topic) => Err(Failure::new(format_args!("nothing is read in {} any more", NAMES[topic]))),
            None => Ok(()),
        }
    }

    /// Lets all meet once more, and come to their end.
    fn finish(&mut self) -> Result<(), Failure> {
        self.score.end();
        let end = Instant::now();
        while self.lives.iter().any(|life| !matches!(life, Life::Done)) {
            self.look()?;
            if end.elapsed() > PATIENCE.max(self.publishing.patience) {
                return Err(Failure::new("not all read in the end, although nobody does any harm"));
            }
        }
        Ok(())
    }

    /// What came of it so far.
    fn report(&self) -> Report {
        Report {
            seconds: self.start.elapsed().as_secs_f64(),
            writes: self.score.writes().load(Acquire),
            kills: self.kills,
            longest_silence_ms: self.longest.as_millis() as u64,
            stuck: self.stuck,
            first_fault: self.first_fault.clone(),
            ..Report::new(self.publishing.ranks, self.publishing.seed, &self.score)
        }
    }
}

fn ended_by_itself(rank: u32) -> Failure {
    Failure::new(format_args!("the process of rank {rank} ended by itself"))
}
