//! `mbox-demo torture --chaos`: processes that talk while their region is overwritten.

use super::damage::Damage;
use super::sheet::{PAIR, SEATS, SPANS, Sheet, Tally};
use super::vandal::Class;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use crate::common::progress;
use crate::stress::half::Half;
use crate::stress::journal::Journal;
use crate::stress::watch::Watch;
use mailbox::Config;
use std::sync::atomic::Ordering::Acquire;
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long all may take to begin, and to be heard in the end, if no call is to take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Overwrites so many words of a region in which so many ranks talk, and reports.
pub struct Chaos {
    pub writes: u64,
    pub ranks: u32,
    pub seed: u64,
    /// How long a call may take.
    pub patience: Duration,
    pub json: bool,
}

impl Chaos {
    pub fn run(&self) -> Result<(), Failure> {
        if cfg!(portable) {
            return Err(Failure::new(
                "--chaos: locks are words of the region here, which nobody may overwrite",
            ));
        }
        let processes = Processes::new("torture")?;
        let journal = Journal::new(Sheet::words(self.ranks))?;
        let sheet = Sheet::new(&journal, self.ranks);
        let mut scene =
            Scene { chaos: self, processes: &processes, sheet: &sheet, stuck: 0, first_fault: None };
        let begin = Instant::now();
        let ended = scene.play(&journal);
        let mut damage = scene.damage(begin.elapsed());
        damage.ended = ended.is_err().into();
        damage.first_fault = ended.err().map(|failure| failure.to_string()).or(damage.first_fault);
        let left = processes.leave();
        damage.left_behind = left.is_err().into();
        if self.json {
            show(&damage.to_json())?;
        } else {
            show(&damage.to_string())?;
        }
        left?;
        damage.check()
    }
}

/// A chaos that goes on.
struct Scene<'a> {
    chaos: &'a Chaos,
    processes: &'a Processes,
    sheet: &'a Sheet<'a>,
    stuck: u64,
    first_fault: Option<String>,
}

impl<'a> Scene<'a> {
    /// An error if a process did not end well.
    fn play(&mut self, journal: &Journal) -> Result<(), Failure> {
        let Chaos { writes, ranks, seed, .. } = *self.chaos;
        // One that nobody holds; small, so that each place is used again and again. Only a loan is longer than a message.
        let region = self.processes.ruin(
            Config::ranks(ranks + 1 + PAIR).cells(16).arena(2048).max_message(1 << 16).loans(1 << 20),
        )?;
        let terms = format!("--ranks {ranks} --seed {seed} --journal {}", journal.path());
        for rank in 0..ranks {
            self.processes.enter(&region, &format!("bystander --rank {rank} {terms}"))?;
        }
        for seat in 0..PAIR {
            self.processes.enter(&region, &format!("spared --seat {seat} {terms}"))?;
        }
        let sheet = self.sheet;
        let mut watch = Watch::new(sheet.pulses().map(|pulse| pulse.beat()), self.chaos.patience);
        let has_begun = |rank| sheet.pulse(rank, Half::Receiving).get(Tally::Calls) > 0;
        let begin = Instant::now();
        while !(0..ranks + PAIR).all(has_begun) {
            if begin.elapsed() > PATIENCE.max(self.chaos.patience) {
                return Err(Failure::new("somebody never began"));
            }
            self.look(&mut watch)?;
        }
        self.processes.enter(&region, &format!("vandal --writes {writes} {terms}"))?;
        let bar = progress::bar(writes, "words");
        while self.writes() < writes {
            bar.set_position(self.writes());
            self.look(&mut watch)?;
        }
        bar.finish_and_clear();
        sheet.end();
        let end = Instant::now();
        while !self.look(&mut watch)? && end.elapsed() < PATIENCE.max(self.chaos.patience) {}
        Ok(())
    }

    /// Whether all have ended.
    fn look(&mut self, watch: &mut Watch<'_>) -> Result<bool, Failure> {
        thread::sleep(LOOK);
        // The calls themselves are timed.
        let mut silence = Duration::ZERO;
        if let Some(thread) = watch.look(&mut silence) {
            self.stuck += 1;
            let call = || self.sheet.pulses().nth(thread).expect("it is watched").current();
            self.first_fault.get_or_insert_with(|| format!("rank {} is stuck in {}", thread / SEATS, call()));
        }
        self.processes.have_ended()
    }

    fn writes(&self) -> u64 {
        (0..Class::ALL.len()).map(|class| self.sheet.written(class).load(Acquire)).sum()
    }

    fn damage(&self, time: Duration) -> Damage {
        let Self { chaos: Chaos { ranks, seed, writes, .. }, sheet, .. } = self;
        let total = |what| sheet.total(what);
        let count = |class: Class| (class.name(), sheet.written(class as usize).load(Acquire));
        let mut spans = [0; SPANS];
        for pulse in sheet.pulses() {
            spans.iter_mut().zip(pulse.spans()).for_each(|(sum, count)| *sum += count);
        }
        let (longest, longest_call) = sheet.pulses().map(|pulse| pulse.longest()).max().unwrap_or_default();
        let silent = if sheet.is_over() { u64::from(ranks * ranks) - total(Tally::Heard) } else { 0 };
        let mistaken = total(Tally::Mistaken);
        let first_fault = || match (silent, mistaken) {
            (0, 0) => None,
            (0, _) => Some(format!("{mistaken} requests or answers of the spared were something else")),
            _ => Some(format!("{silent} mailboxes carry no mail in the end")),
        };
        Damage {
            ranks: *ranks,
            seed: *seed,
            asked: *writes,
            seconds: time.as_secs_f64(),
            writes: self.writes(),
            by_class: Class::ALL.map(count).into(),
            calls: total(Tally::Calls),
            good: total(Tally::Good),
            corrupt: total(Tally::Corrupt),
            resets: total(Tally::Resets),
            revived: total(Tally::Revived),
            answers: total(Tally::Answers),
            right_answers: total(Tally::Right),
            events: total(Tally::Events),
            shared_lives: total(Tally::Shared),
            loans_lent: total(Tally::Lent),
            loans_read: total(Tally::Read),
            spans,
            longest_ms: longest.as_secs_f64() * 1e3,
            longest_call,
            ended: 0,
            stuck: self.stuck,
            silent,
            mistaken,
            left_behind: 0,
            first_fault: self.first_fault.clone().or_else(first_fault),
        }
    }
}
