//! All that is under torture.

use super::book::{Book, Count};
use super::toll::Toll;
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use crate::common::progress;
use crate::common::random::mix;
use crate::stress::half::Half;
use crate::stress::journal::Journal;
use crate::stress::life::Life;
use crate::stress::watch::Watch;
use mailbox::{Config, Region};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks at the survivors.
const LOOK: Duration = Duration::from_millis(5);
/// How long the same rank is spared. It must make progress, no matter what happens to the others.
const SPARED: Duration = Duration::from_secs(3);
/// How long all are spared, now and then: nobody's end helps a call that hangs.
const PEACE: Duration = Duration::from_millis(1500);
/// How long the last messages may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// The order in which they are watched.
const HALVES: [Half; 2] = [Half::Sending, Half::Receiving];

/// What a torture is to be like.
#[derive(Clone, Copy)]
pub struct Terms {
    pub ranks: u32,
    /// Kills a second.
    pub rate: u32,
    pub seed: u64,
    /// How long a call may take.
    pub patience: Duration,
}

/// The ranks of a torture, and what became of them so far.
pub struct Rack<'a> {
    terms: Terms,
    processes: &'a Processes,
    journal: &'a Journal,
    book: Book<'a>,
    random: Xoshiro256PlusPlus,
    region: String,
    cells: u32,
    arena: u64,
    lives: Vec<Life<'a>>,
    /// The process that is told of ends; the last rank.
    mourner: Option<Life<'a>>,
    spared: Option<u32>,
    kills: u64,
    /// Lives that chose to end.
    own_ends: u64,
    stuck: u64,
    first_stuck: Option<String>,
    longest: Duration,
    start: Instant,
}

impl<'a> Rack<'a> {
    /// Starts all.
    pub fn new(terms: Terms, processes: &'a Processes, journal: &'a Journal) -> Result<Self, Failure> {
        let Terms { ranks, seed, .. } = terms;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(mix(seed, 0));
        // Small, so that it is often full, and each place is used again and again.
        let cells = 16 << (2 * random.random_range(0..3));
        let arena = 2048 << (2 * random.random_range(0..3));
        let region = processes.region(Config::ranks(ranks + 1).cells(cells).arena(arena))?;
        let start = Instant::now();
        let mut rack = Self {
            terms,
            processes,
            journal,
            book: Book::new(journal, ranks + 1),
            mourner: None,
            random,
            region,
            cells,
            arena,
            lives: vec![],
            spared: None,
            kills: 0,
            own_ends: 0,
            stuck: 0,
            first_stuck: None,
            longest: Duration::ZERO,
            start,
        };
        for rank in 0..ranks {
            let life = rack.begin(rank)?;
            rack.lives.push(life);
        }
        rack.mourner = Some(rack.mourn()?);
        Ok(rack)
    }

    fn mourn(&self) -> Result<Life<'a>, Failure> {
        let part = format!("mourner --seed {} --journal {}", self.terms.seed, self.journal.path());
        let watch = Watch::new([self.book.beat(self.terms.ranks, Half::Receiving)], self.terms.patience);
        Ok(Life::Running { process: self.processes.enter(&self.region, &part)?, watch })
    }

    fn begin(&self, rank: u32) -> Result<Life<'a>, Failure> {
        let part =
            format!("victim --rank {rank} --seed {} --journal {}", self.terms.seed, self.journal.path());
        let watch = Watch::new(HALVES.map(|half| self.book.beat(rank, half)), self.terms.patience);
        Ok(Life::Running { process: self.processes.enter(&self.region, &part)?, watch })
    }

    /// Kills so many, one after the other or several at once.
    pub fn kill_all(&mut self, kills: u64) -> Result<(), Failure> {
        let bar = progress::bar(kills, "kills");
        let mut next_kill = Instant::now() + self.pause();
        let mut next_spared = Instant::now();
        while self.kills < kills {
            let now = Instant::now();
            if now >= next_spared {
                next_spared = now + SPARED;
                let spared = self.random.random_range(0..self.lives.len() as u32);
                self.spared = self.random.random_ratio(2, 3).then_some(spared);
                if self.kills > 0 && self.random.random() {
                    next_kill += PEACE;
                }
                if self.random.random_ratio(1, 4)
                    && let Some(Life::Running { process, .. }) = self.mourner
                    && self.processes.kill(process)?
                {
                    self.mourner = Some(self.mourn()?);
                }
            }
            if now >= next_kill {
                next_kill += self.pause();
                // Several at once, before any is back.
                let victims = if self.random.random_ratio(1, 10) { self.lives.len() } else { 1 };
                for _ in 0..victims {
                    self.kill_one(kills)?;
                }
                bar.set_position(self.kills);
            }
            self.look()?;
            thread::sleep(LOOK.min(next_kill.saturating_duration_since(Instant::now())));
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn pause(&mut self) -> Duration {
        Duration::from_secs_f64(self.random.random_range(0.0..2.0 / f64::from(self.terms.rate)))
    }

    fn kill_one(&mut self, kills: u64) -> Result<(), Failure> {
        let rank = self.random.random_range(0..self.lives.len());
        if self.spared == Some(rank as u32) || self.kills == kills {
            return Ok(());
        }
        let Life::Running { process, .. } = self.lives[rank] else { return Ok(()) };
        if !self.processes.kill(process)? {
            return self.see_off(rank as u32);
        }
        self.kills += 1;
        self.end(rank as u32, false);
        Ok(())
    }

    /// The process of a rank ended by itself: that was its intent, or there is nothing left to do.
    fn see_off(&mut self, rank: u32) -> Result<(), Failure> {
        if self.book.own_end(rank).load(Acquire) != 0 {
            self.own_ends += 1;
            self.end(rank, true);
        } else if self.book.is_over() {
            self.lives[rank as usize] = Life::Done;
        } else {
            return Err(Failure::new(format_args!("the process of rank {rank} ended by itself")));
        }
        Ok(())
    }

    /// A life of a rank is over, by itself or not, and another follows.
    fn end(&mut self, rank: u32, is_own: bool) {
        self.book.own_end(rank).store(0, Release);
        self.book.doomed(rank).store(0, Release);
        // Mostly too soon for others to see more than a successor; now and then so late that they must have seen the end.
        let pause = match self.random.random_range(0..256) {
            0 => 1500,
            // Others begin meanwhile.
            64..192 if is_own => self.random.random_range(0..100),
            1..64 => self.random.random_range(0..100),
            _ => 0,
        };
        self.lives[rank as usize] = Life::Over { until: Instant::now() + Duration::from_millis(pause) };
    }

    /// Brings back who has been dead for long enough, and looks at all others.
    fn look(&mut self) -> Result<(), Failure> {
        for rank in 0..self.terms.ranks {
            match &mut self.lives[rank as usize] {
                Life::Over { until } if *until <= Instant::now() => {
                    self.lives[rank as usize] = self.begin(rank)?;
                }
                Life::Over { .. } | Life::Done => {}
                Life::Running { process, .. } if self.processes.bury(*process)? => self.see_off(rank)?,
                Life::Running { process, .. } if self.book.doomed(rank).load(Acquire) != 0 => {
                    self.processes.kill(*process)?;
                    self.own_ends += 1;
                    self.end(rank, true);
                }
                Life::Running { watch, .. } => {
                    if let Some(half) = watch.look(&mut self.longest) {
                        self.stuck += 1;
                        let call = self.book.describe(rank, HALVES[half]);
                        self.first_stuck.get_or_insert(call);
                    }
                }
            }
        }
        if let Some(Life::Running { process, watch }) = &mut self.mourner {
            if self.processes.bury(*process)? {
                self.mourner = None;
            } else if watch.look(&mut Duration::default()).is_some() {
                self.stuck += 1;
                let call = self.book.describe(self.terms.ranks, Half::Receiving);
                self.first_stuck.get_or_insert(call);
            }
        }
        Ok(())
    }

    /// Lets all come to their end.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let go_on = |rack: &Self| rack.lives.iter().any(|life| matches!(life, Life::Over { .. }));
        while go_on(self) {
            self.look()?;
            thread::sleep(LOOK);
        }
        self.book.end();
        let deadline = Instant::now() + PATIENCE;
        while self.mourner.is_some() || self.lives.iter().any(|life| !matches!(life, Life::Done)) {
            if Instant::now() > deadline {
                self.stuck += 1;
                let rank = self.lives.iter().position(|life| !matches!(life, Life::Done));
                let rank = rank.unwrap_or(self.lives.len());
                self.first_stuck.get_or_insert(format!("rank {rank} does not come to its end"));
                return Ok(());
            }
            self.look()?;
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// What came of it so far.
    pub fn toll(&self) -> Toll {
        let total = |what| self.book.total(what);
        let region = Region::open(self.region.as_str());
        let epoch = |rank| region.as_ref().ok()?.status(rank).map(|(_, epoch)| epoch);
        let Terms { ranks, rate, seed, .. } = self.terms;
        Toll {
            ranks,
            seed,
            rate,
            cells: self.cells,
            arena: self.arena,
            seconds: self.start.elapsed().as_secs_f64(),
            kills: self.kills,
            own_ends: self.own_ends,
            lives: (0..ranks).filter_map(epoch).sum(),
            messages: total(Count::Messages),
            redeliveries: total(Count::Redeliveries),
            long_missing: total(Count::Missing),
            calls: total(Count::Calls),
            calls_answered: total(Count::Answered),
            calls_ended: total(Count::Ended),
            calls_unasked: total(Count::Unasked),
            calls_given_up: total(Count::GivenUp),
            started: total(Count::Started),
            peeked: total(Count::Peeked),
            panics: total(Count::Panics),
            given_again: total(Count::Again),
            ends_told: total(Count::Ends),
            silent_ends_told: total(Count::SilentEnds),
            longest_silence_ms: self.longest.as_millis() as u64,
            lost: total(Count::Lost),
            torn: total(Count::Torn),
            disordered: total(Count::Disordered),
            repeated: total(Count::Repeated),
            mistaken: total(Count::Mistaken),
            twice: total(Count::Twice),
            belied: total(Count::Belied),
            unmarked: total(Count::Unmarked),
            mismarked: total(Count::Mismarked),
            untold: total(Count::Untold),
            mistold: total(Count::Mistold),
            stuck: self.stuck,
            left_behind: 0,
            first_fault: self.book.fault().or_else(|| self.first_stuck.clone()),
        }
    }
}
