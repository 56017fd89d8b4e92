//! The mail of a region, as it passes.

use super::access::Trust;
use super::number;
use super::remedy::opening;
use super::span;
use super::stop::Stop;
use crate::common::failure::Failure;
use crate::common::place::place;
use clap::Args;
use mailbox::{OpenError, Region, Tap, Tapped, View};
use signal_hook::consts::SIGPIPE;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The time between two looks where nothing passes. A mailbox keeps a message long enough if it does not fill meanwhile.
const PAUSE: Duration = Duration::from_micros(500);

/// Which mail is watched, and for how long.
#[derive(Args)]
pub struct Watch {
    /// The region's name; or, with a slash, the path of its file
    pub name: String,
    /// Only mail that this rank sends
    #[arg(long, value_name = "R", value_parser = number::rank)]
    from: Option<u32>,
    /// Only mail that is sent to this rank
    #[arg(long, value_name = "R", value_parser = number::rank)]
    to: Option<u32>,
    /// End when nothing has come for this time: 5, 0.5, 500ms, 2m
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    trust: Trust,
}

/// Why no more is watched.
#[derive(PartialEq, Eq)]
pub enum End {
    /// There was enough.
    Enough,
    /// Nothing came in time.
    Time,
    /// A signal asked for it.
    Signal,
}

impl Watch {
    /// Looks at the region, which needs only permission to read it.
    pub fn look(&self) -> Result<View, Failure> {
        let failed = |error| opening(&self.name, error);
        let view = self.trust.options().look(place(&self.name)).map_err(failed)?;
        view.check_boot().map_err(failed)?;
        let ranks = view.ranks();
        match [self.from, self.to].into_iter().flatten().find(|rank| *rank >= ranks) {
            Some(rank) => Err(self.failure(no_such_rank(rank, ranks))),
            None => Ok(view),
        }
    }

    /// Opens the region, for joining.
    pub fn open(&self) -> Result<Region, Failure> {
        let opened = self.trust.options().open(place(&self.name));
        opened.map_err(|error| opening(&self.name, error))
    }

    /// The mail that is watched, with so many bytes of each payload.
    pub fn tap(&self, view: &View, limit: usize) -> Tap {
        let tap = view.tap().limit(limit);
        let tap = self.from.into_iter().fold(tap, Tap::from);
        self.to.into_iter().fold(tap, Tap::to)
    }

    /// Has `see` look at all that passes, until it says that it has seen enough; at nothing, before a pause and at the end.
    pub fn run(
        &self,
        mut tap: Tap,
        stop: &Stop,
        mut see: impl FnMut(Option<Tapped>) -> Result<bool, Failure>,
    ) -> Result<End, Failure> {
        let mut since = Instant::now();
        loop {
            match stop.signal() {
                None => {}
                // Nobody reads any more what is written.
                Some(SIGPIPE) => return Err(Failure::by(SIGPIPE)),
                Some(_) => return see(None).map(|_| End::Signal),
            }
            let seen = match tap.try_next() {
                Ok(seen) => seen,
                Err(error) => return see(None).and(Err(self.lost(error))),
            };
            let is_any = seen.is_some();
            if !see(seen)? {
                return Ok(End::Enough);
            }
            if is_any {
                since = Instant::now();
            } else if self.timeout.is_some_and(|time| since.elapsed() >= time) {
                return Ok(End::Time);
            } else {
                stop.pause(PAUSE);
            }
        }
    }

    fn lost(&self, error: OpenError) -> Failure {
        match error {
            OpenError::NotFound(_) => self.failure("the region was removed"),
            error => opening(&self.name, error),
        }
    }

    /// Something that happened to the region.
    pub fn failure(&self, what: impl std::fmt::Display) -> Failure {
        Failure::of_region(&self.name, what)
    }
}

/// That a region has other ranks.
pub fn no_such_rank(rank: u32, ranks: u32) -> String {
    format!("there is no rank {rank}: the region has ranks 0 to {}", ranks - 1)
}

/// How many messages of each pair of ranks were not seen.
#[derive(Default)]
pub struct Missed(BTreeMap<(u32, u32), u64>);

impl Missed {
    /// Adds some.
    pub fn add(&mut self, from: u32, to: u32, count: u64) {
        let missed = self.0.entry((from, to)).or_default();
        *missed = missed.saturating_add(count);
    }

    /// All of them, in words.
    pub fn show(&self) -> String {
        let total = self.0.values().fold(0u64, |sum, count| sum.saturating_add(*count));
        let pair = |((from, to), count): (&(u32, u32), &u64)| format!("{count} from {from} to {to}");
        match total {
            0 => "0 missed".into(),
            _ => format!("{total} missed: {}", self.0.iter().map(pair).collect::<Vec<_>>().join(", ")),
        }
    }
}
