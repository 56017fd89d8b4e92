//! One process of a torture.

use super::book::Book;
use super::caller::Caller;
use super::collector::Collector;
use super::failure::Failure;
use super::journal::Journal;
use super::parcel::{Parcels, mix};
use super::part::Where;
use super::poster::Poster;
use super::request::Requests;
use super::server::Server;
use clap::Args;
use mailbox::{Endpoint, Receiver, Sender};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::path::PathBuf;
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
        let journal = Journal::open(&self.journal)?;
        let me = self.place.join(self.rank)?;
        let ranks = me.region().ranks();
        let book = Book::new(&journal, ranks);
        let whole = me.region().max_whole() as usize;
        let parcels = |from, to| Parcels::new(self.seed, from, to, whole);
        let requests = |from, to| Requests::new(self.seed, from, to, whole);
        let life = mix(self.seed, u64::from(self.rank) << 32 | me.epoch());
        let [mut random, for_poster, for_collector, for_caller] =
            [1, 2, 3, 4].map(|use_of| Xoshiro256PlusPlus::seed_from_u64(mix(life, use_of)));
        // Two threads may wait for ever: one makes room for what the other ranks' send.
        let splits = random.random_ratio(2, 3);
        let sent = (0..ranks).map(|to| parcels(self.rank, to));
        let received = (0..ranks).map(|from| parcels(from, self.rank));
        let poster = Poster::new(&book, self.rank, sent, for_poster, splits);
        let server =
            Server::new(&book, self.rank, me.epoch(), (0..ranks).map(|from| requests(from, self.rank)));
        let collector = Collector::new(&book, self.rank, received, server, for_collector, splits);
        if splits {
            return in_two(me, &book, poster, collector);
        }
        let caller = Caller::new(&book, &me, (0..ranks).map(|to| requests(self.rank, to)), for_caller);
        in_one(&me, &book, poster, collector, caller)
    }
}

fn in_one(
    me: &Endpoint,
    book: &Book<'_>,
    mut poster: Poster<'_>,
    mut collector: Collector<'_>,
    mut caller: Caller<'_>,
) -> Result<(), Failure> {
    while !book.is_over() {
        poster.step(me, |poster| caller.ask(poster))?;
        collector.step(me)?;
        caller.hear()?;
    }
    caller.end()?;
    let (mut all_sent, mut all_received) = (false, false);
    while !(all_sent && all_received) {
        all_sent = all_sent || poster.end(me)?;
        all_received = all_received || collector.step(me)?;
    }
    Ok(())
}

fn in_two(
    me: Endpoint,
    book: &Book<'_>,
    poster: Poster<'_>,
    collector: Collector<'_>,
) -> Result<(), Failure> {
    let (sender, receiver) = me.split();
    thread::scope(|scope| {
        scope.spawn(|| give_up_on(send(sender, book, poster)));
        give_up_on(receive(&receiver, collector));
    });
    Ok(())
}

/// The other thread may wait for this one.
fn give_up_on(result: Result<(), Failure>) {
    if let Err(failure) = result {
        failure.tell();
        process::exit(1);
    }
}

fn send(sender: Sender, book: &Book<'_>, mut poster: Poster<'_>) -> Result<(), Failure> {
    while !book.is_over() {
        poster.step(&sender, |_| Ok(()))?;
    }
    while !poster.end(&sender)? {}
    Ok(())
}

fn receive(receiver: &Receiver, mut collector: Collector<'_>) -> Result<(), Failure> {
    while !collector.step(receiver)? {}
    Ok(())
}
