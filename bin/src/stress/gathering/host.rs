//! `mbox-demo torture --collectives`: processes that act together while they are killed, or while their slots are overwritten.

use super::register::{Count, Register};
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use crate::stress::company::{Company, Harm, Play, Terms};
use crate::stress::journal::Journal;
use crate::stress::tally::Tally;
use mailbox::Config;
use std::time::Instant;

/// Does harm to so many processes that act together, and reports.
pub fn run(terms: Terms) -> Result<(), Failure> {
    let processes = Processes::new("torture")?;
    let journal = Journal::new(Tally::words(terms.ranks))?;
    let register = Register::new(&journal, terms.ranks);
    let config = Config::ranks(terms.ranks);
    let (config, part, how) = match terms.harm {
        Harm::Kills(kills) => (config.cells(64), "guest", format!("--collectives --kills {kills}")),
        // Few groups, so that what is overwritten is mostly in use.
        Harm::Writes(writes) => {
            (config.cells(16).groups(6), "defender", format!("--chaos --collectives --writes {writes}"))
        }
    };
    let host = Host { register, terms, moved: (Instant::now(), 0), before: None };
    let mut company = Company::begin((terms, config), &processes, &journal, host, (part, ""))?;
    let ended = company.suffer("intruder");
    let told = if terms.overwrites() { &Count::OF_DEFENDERS[..] } else { &Count::OF_GUESTS };
    let counts = told.iter().map(|(name, what)| (*name, register.total(*what))).collect();
    company.report("act together", counts).conclude(ended, processes, terms.json, &how)
}

/// A gathering that goes on.
struct Host<'a> {
    register: Register<'a>,
    terms: Terms,
    /// When an operation ended last, and how many had ended then.
    moved: (Instant, u64),
    /// By rank: in how many worlds it had met all others when nobody was killed any more.
    before: Option<Vec<u64>>,
}

impl Host<'_> {
    fn ranks(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.terms.ranks
    }
}

impl Play for Host<'_> {
    fn done(&self) -> u64 {
        self.register.total(Count::Tasks)
    }

    fn current(&self, rank: u32) -> String {
        self.register.current(rank)
    }

    fn kill<T>(&self, rank: u32, kill: impl FnOnce() -> T) -> T {
        self.register.note_end(rank, kill)
    }

    fn look(&mut self) -> Result<(), Failure> {
        let what = [Count::Tasks, Count::Worlds, Count::GivenUp];
        let done = what.map(|what| self.register.total(what)).iter().sum();
        if self.moved.1 != done {
            self.moved = (Instant::now(), done);
        }
        if self.moved.0.elapsed() <= self.terms.patience_of_all() {
            return Ok(());
        }
        let calls: Vec<_> = self.ranks().map(|rank| self.register.current(rank)).collect();
        Err(Failure::new(format_args!("nothing goes on: {}", calls.join(", "))))
    }

    /// One that was killed may have given its word for an agreement that all is over. Its successor would then be alone.
    fn may_end(&mut self) -> bool {
        let worlds: Vec<_> = self.ranks().map(|rank| self.register.get(rank, Count::Worlds)).collect();
        let before = self.before.get_or_insert_with(|| worlds.clone());
        self.terms.overwrites() || worlds.iter().zip(before).all(|(now, before)| now != before)
    }
}
