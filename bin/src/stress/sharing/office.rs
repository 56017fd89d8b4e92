//! `mbox-demo torture --shared`: processes whose threads share an endpoint, and that are killed, stopped and continued.

use super::pigeonholes::{CELLS, Pigeonholes};
use super::roll::{Count, Roll, THREADS};
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use crate::stress::company::{Company, Harm, Play, Terms};
use crate::stress::journal::Journal;
use mailbox::Config;
use std::time::Instant;

/// Does harm to so many processes that share their endpoints among threads, and reports.
pub fn run(terms: Terms) -> Result<(), Failure> {
    let processes = Processes::new("torture")?;
    let journal = Journal::new(Roll::words(terms.ranks) + Pigeonholes::words(terms.ranks))?;
    let roll = Roll::new(&journal, terms.ranks);
    let config = Config::ranks(terms.ranks).cells(CELLS).arena(8 << 10);
    let office = Office { roll, terms, moved: (Instant::now(), 0) };
    let mut company = Company::begin((terms, config), &processes, &journal, office, ("sharer", ""))?;
    let ended = company.suffer("");
    let counts = Count::TOLD.map(|(name, what)| (name, roll.total(what))).into();
    let Harm::Kills(kills) = terms.harm else { unreachable!("no words are overwritten") };
    let how = format!("--shared --kills {kills}");
    company.report("share endpoints", counts).conclude(ended, processes, terms.json, &how)
}

/// A play that goes on.
struct Office<'a> {
    roll: Roll<'a>,
    terms: Terms,
    /// When a mail was received last, and how many were then.
    moved: (Instant, u64),
}

impl Play for Office<'_> {
    const SEATS: u32 = THREADS;
    const STOPS: bool = true;

    fn done(&self) -> u64 {
        self.roll.total(Count::Received)
    }

    fn current(&self, seat: u32) -> String {
        format!("{:?}", self.roll.current(seat))
    }

    fn kill<T>(&self, rank: u32, kill: impl FnOnce() -> T) -> T {
        self.roll.kill(rank, kill)
    }

    fn look(&mut self) -> Result<(), Failure> {
        let done = self.done();
        if self.moved.1 != done || self.roll.is_over() {
            self.moved = (Instant::now(), done);
        }
        let goes_on = self.moved.0.elapsed() <= self.terms.patience_of_all();
        if goes_on { Ok(()) } else { Err(Failure::new("nothing is received any more")) }
    }
}
