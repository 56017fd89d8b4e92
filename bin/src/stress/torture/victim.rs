//! One process of a torture.

use super::book::{Book, End};
use super::caller::Caller;
use super::collector::{Collector, Whim};
use super::obituary::{Look, Obituary};
use super::parcel::Parcels;
use super::poster::Poster;
use super::server::Server;
use crate::common::failure::Failure;
use crate::common::output::{DEMO, tell};
use crate::common::place::Where;
use crate::common::random::mix;
use crate::stress::journal::Journal;
use crate::stress::request::Requests;
use clap::Args;
use mailbox::{Endpoint, RecvHalf, Region, SendHalf};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;
use std::{process, thread};

#[derive(Args)]
pub struct Victim {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    rank: u32,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    journal: PathBuf,
}

impl Victim {
    pub fn run(&self) -> Result<(), Failure> {
        // A panic on a whim ends the endpoint, and is no failure.
        match catch_unwind(AssertUnwindSafe(|| self.live())) {
            Ok(result) => result,
            Err(panic) if panic.is::<Whim>() => Ok(()),
            Err(panic) => resume_unwind(panic),
        }
    }

    fn live(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.journal)?;
        let region = Region::open(self.place.region.as_str()).map_err(|error| self.place.failure(error))?;
        let before = Look::new(&region);
        let me = self.place.join(self.rank)?;
        // One more: the mourner.
        let ranks = region.ranks() - 1;
        let book = Book::new(&journal, region.ranks());
        let whole = me.region().eager_limit() as usize;
        let parcels = |from, to| Parcels::new(self.seed, from, to, whole);
        let requests = |from, to| Requests::new(self.seed, from, to, whole);
        let life = mix(self.seed, u64::from(self.rank) << 32 | me.epoch());
        let [mut random, for_poster, for_collector, for_caller] =
            [1, 2, 3, 4].map(|use_of| Xoshiro256PlusPlus::seed_from_u64(mix(life, use_of)));
        if random.random_ratio(1, 8) && !book.is_over() {
            return self.end_silently(me, &book, &mut random);
        }
        // Two threads may wait for ever: one makes room for what the other ranks' send.
        let splits = random.random_ratio(2, 3);
        let sent = (0..ranks).map(|to| parcels(self.rank, to));
        let received = (0..ranks).map(|from| parcels(from, self.rank));
        let poster = Poster::new(&book, self.rank, sent, for_poster, splits);
        let server =
            Server::new(&book, self.rank, me.epoch(), (0..ranks).map(|from| requests(from, self.rank)));
        let obituary = Obituary::new(&book, &region, self.rank, &before);
        let judges = (server, obituary);
        let collector = Collector::new(&book, self.rank, received, judges, for_collector, splits);
        let (rank, epoch) = (self.rank, me.epoch());
        let leaving = || book.end_life(rank, epoch, End::Leaving, false);
        if splits {
            return in_two(me, &book, poster, collector, leaving);
        }
        let caller = Caller::new(&book, &me, (0..ranks).map(|to| requests(self.rank, to)), for_caller);
        let steps = random.random_ratio(1, 6).then(|| random.random_range(1..300));
        let leaves = in_one(&me, &book, (poster, collector, caller), steps)?;
        if leaves {
            book.own_end(rank).store(1, Release);
        }
        leaving();
        drop(me);
        book.end_life(rank, epoch, End::Left, false);
        Ok(())
    }

    /// Ends before anything was sent to anybody: by a kill, by itself, by a leave, or by a panic.
    fn end_silently(
        &self,
        me: Endpoint,
        book: &Book<'_>,
        random: &mut Xoshiro256PlusPlus,
    ) -> Result<(), Failure> {
        let (epoch, say) = (me.epoch(), |end| book.end_life(self.rank, me.epoch(), end, true));
        say(End::Death);
        if random.random() {
            thread::sleep(Duration::from_micros(random.random_range(0..20_000)));
        }
        let way = random.random_range(0..4);
        if way == 0 {
            book.doomed(self.rank).store(epoch, Release);
            loop {
                thread::park();
            }
        }
        book.own_end(self.rank).store(1, Release);
        match way {
            1 => process::exit(0),
            2 => {
                say(End::Leaving);
                drop(me);
                book.end_life(self.rank, epoch, End::Left, true);
                Ok(())
            }
            _ => resume_unwind(Box::new(Whim)),
        }
    }
}

/// Plays to the end, or leaves after so many steps; whether it leaves.
fn in_one(
    me: &Endpoint,
    book: &Book<'_>,
    (mut poster, mut collector, mut caller): (Poster<'_>, Collector<'_>, Caller<'_>),
    mut steps: Option<u32>,
) -> Result<bool, Failure> {
    while !book.is_over() {
        poster.step(me, |poster| caller.ask(poster))?;
        collector.step(me)?;
        caller.hear()?;
        steps = steps.map(|steps| steps.saturating_sub(1));
        // A successor would wait for a last message that has been received.
        if steps == Some(0) && !book.is_over() {
            caller.end()?;
            return Ok(true);
        }
    }
    caller.end()?;
    let (mut all_sent, mut all_received) = (false, false);
    while !(all_sent && all_received) {
        all_sent = all_sent || poster.end(me)?;
        all_received = all_received || collector.step(me)?;
    }
    Ok(false)
}

fn in_two(
    me: Endpoint,
    book: &Book<'_>,
    poster: Poster<'_>,
    collector: Collector<'_>,
    leaving: impl Fn(),
) -> Result<(), Failure> {
    let (sender, receiver) = me.into_split();
    thread::scope(|scope| {
        scope.spawn(|| give_up_on(send(sender, book, poster)));
        let received = catch_unwind(AssertUnwindSafe(move || {
            let received = receive(&receiver, collector);
            leaving();
            received
        }));
        match received {
            Ok(result) => give_up_on(result),
            // The other half goes with the process.
            Err(panic) if panic.is::<Whim>() => process::exit(0),
            // The hook has told it.
            Err(_) => process::exit(1),
        }
    });
    Ok(())
}

/// The other thread may wait for this one.
fn give_up_on(result: Result<(), Failure>) {
    if let Err(failure) = result {
        tell(DEMO, &failure);
        process::exit(1);
    }
}

fn send(sender: SendHalf, book: &Book<'_>, mut poster: Poster<'_>) -> Result<(), Failure> {
    while !book.is_over() {
        poster.step(&sender, |_| Ok(()))?;
    }
    while !poster.end(&sender)? {}
    Ok(())
}

fn receive(receiver: &RecvHalf, mut collector: Collector<'_>) -> Result<(), Failure> {
    while !collector.step(receiver)? {}
    Ok(())
}
