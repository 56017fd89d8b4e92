//! `mbox-demo torture --topics`: processes that publish and read while they are killed, or while their topics are overwritten.

use super::player::{LONGEST_VALUE, NAMES};
use super::score::{Count, Mark, Score};
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use crate::stress::company::{Company, Harm, Play, Terms};
use crate::stress::journal::Journal;
use crate::stress::watch::Watch;
use mailbox::Config;
use std::time::Duration;

/// Bytes of the payloads of a stream: few, so that all is overwritten soon.
const STREAM: u64 = 64 << 10;

/// Does harm to so many processes that publish and read, and reports.
pub fn run(terms: Terms) -> Result<(), Failure> {
    let processes = Processes::new("torture")?;
    let journal = Journal::new(Score::words(terms.ranks))?;
    let score = Score::new(&journal, terms.ranks);
    let config = Config::ranks(terms.ranks).cells(16).topics(NAMES.len() as u32);
    let config = config.stream(STREAM).value(LONGEST_VALUE as u64);
    // All but the fresh one.
    let seen = (0..NAMES.len() - 1).map(|topic| score.mark(topic, Mark::Seen));
    let topics = Watch::new(seen, terms.patience_of_all());
    let stage = Stage { score, topics, overwrites: terms.overwrites() };
    let part = ("actor", if terms.overwrites() { "--lenient" } else { "" });
    let mut company = Company::begin((terms, config), &processes, &journal, stage, part)?;
    let ended = company.suffer("scribbler");
    let counts = Count::TOLD.map(|(name, what)| (name, score.total(what))).into();
    let how = match terms.harm {
        Harm::Kills(kills) => format!("--topics --kills {kills}"),
        Harm::Writes(writes) => format!("--chaos --topics --writes {writes}"),
    };
    company.report("publish and read", counts).conclude(ended, processes, terms.json, &how)
}

/// A play that goes on.
struct Stage<'a> {
    score: Score<'a>,
    /// What is seen of the topics.
    topics: Watch<'a>,
    overwrites: bool,
}

impl Play for Stage<'_> {
    fn done(&self) -> u64 {
        self.score.total(Count::Published)
    }

    fn current(&self, rank: u32) -> String {
        format!("{:?}", self.score.current(rank))
    }

    fn look(&mut self) -> Result<(), Failure> {
        let silent = self.topics.look(&mut Duration::default());
        match silent.filter(|_| !self.overwrites && !self.score.is_over()) {
            Some(topic) => Err(Failure::new(format_args!("nothing is read in {} any more", NAMES[topic]))),
            None => Ok(()),
        }
    }
}
