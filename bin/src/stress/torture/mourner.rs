//! One process of a torture to which nobody sends: it is told of ends, and of nothing else.

use super::book::{Book, End};
use super::obituary::{Look, Obituary};
use super::verb::{Fetch, Verb};
use crate::common::failure::Failure;
use crate::common::place::Where;
use crate::common::random::mix;
use crate::stress::half::Half;
use crate::stress::journal::Journal;
use clap::Args;
use mailbox::{RecvError, Region, Source};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Release;
use std::time::{Duration, Instant};

/// How long an end may take until it is told to one who waits.
const BOUND: Duration = Duration::from_secs(1);

#[derive(Args)]
pub struct Mourner {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    journal: PathBuf,
}

impl Mourner {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.journal)?;
        let region = Region::open(self.place.region.as_str()).map_err(|error| self.place.failure(error))?;
        let before = Look::new(&region);
        // The last rank.
        let me = self.place.join(region.ranks() - 1)?;
        let (rank, epoch, book) = (me.rank(), me.epoch(), Book::new(&journal, region.ranks()));
        let mut obituary = Obituary::new(&book, &region, rank, &before);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(mix(self.seed, u64::from(rank) << 32 | epoch));
        let beat = book.beat(rank, Half::Receiving);
        loop {
            let longest = if random.random_ratio(1, 8) { 300_000 } else { 1000 };
            let time = Duration::from_micros(random.random_range(0..longest));
            let is_try = random.random_ratio(1, 4);
            let verb = if is_try { Verb::Try } else { Verb::Within(time) };
            let (look, begin) = (obituary.look(), Instant::now());
            let result = me.fetch(verb, Source::Anyone, (0, 0));
            // The machine is slow.
            let late = begin.elapsed().saturating_sub(time);
            beat.fetch_add(1, Release);
            match result {
                Err(RecvError::Gone { rank: peer, died }) => obituary.hear(peer, !died, Some(&look)),
                Ok(None) => obituary.miss(&look),
                Err(RecvError::Timeout) => {}
                Err(error) => {
                    return Err(Failure::new(format_args!("rank {rank} cannot receive: {error}")));
                }
                Ok(Some(mail)) => {
                    let from = mail.from();
                    return Err(Failure::new(format_args!("rank {rank} has mail from rank {from}")));
                }
            }
            if obituary.wait(begin, late, BOUND) && book.is_over() {
                beat.store(u64::MAX, Release);
                break;
            }
        }
        // Others may be about to join, and are told of it.
        book.end_life(rank, epoch, End::Leaving, true);
        drop(me);
        book.end_life(rank, epoch, End::Left, true);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailbox::Config;
    use std::process;

    #[test]
    fn it_says_that_it_leaves() {
        let name = format!("mourner-{}", process::id());
        let region = Region::create(&*name, Config::ranks(2)).unwrap();
        let journal = Journal::new(Book::words(2)).unwrap();
        let book = Book::new(&journal, 2);
        book.end();
        let (place, path) = (Where { region: name }, PathBuf::from(journal.path()));
        let ended = Mourner { place, seed: 1, journal: path }.run();
        region.remove().unwrap();
        ended.unwrap();
        assert_eq!(book.end_of(1, 1), (End::Left, true));
    }
}
