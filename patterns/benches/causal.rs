//! Causal broadcast beside delivery in FIFO order, between processes: `cargo bench --bench causal`.

use mailbox::{Config, Endpoint, Policy, Publisher, Region, Subscriber};
use mailbox_patterns::causal::{Event, Group, Member};
use measure::{Partner, Times, pin};
use std::error::Error;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: u32 = 20_000;
const MESSAGES: u64 = 300_000;
const RUNS: usize = 9;
/// How many ranks a group has. Two of them are members.
const SIZES: [u32; 3] = [2, 8, 32];
/// A name for the topics of the group without clocks.
const FIFO: &str = "fifo";

/// Each side has a processor.
const SIDES: [usize; 2] = [0, 1];

/// What sends 8 bytes to the other side, and receives 8 bytes of it.
trait Side {
    fn send(&mut self, value: u64) -> Outcome<()>;
    fn receive(&mut self) -> Outcome<u64>;
}

/// A member of a group, with vector clocks.
struct Causal<'a>(Member<'a>);

impl<'a> Causal<'a> {
    fn join(me: &'a Endpoint, ranks: u32) -> Outcome<Self> {
        let mut member = Member::join(me, &Group::named("causal", 0..ranks))?;
        while !matches!(member.next_event()?, Event::Joined { .. }) {}
        Ok(Self(member))
    }
}

impl Side for Causal<'_> {
    fn send(&mut self, value: u64) -> Outcome<()> {
        self.0.broadcast(&black_box(value).to_ne_bytes())?;
        Ok(())
    }

    fn receive(&mut self) -> Outcome<u64> {
        loop {
            if let Event::Message(message) = self.0.next_event()? {
                return Ok(black_box(u64::from_ne_bytes(message.bytes().try_into()?)));
            }
        }
    }
}

/// The same streams without clocks: each is in FIFO order.
struct Streams<'a> {
    publisher: Publisher<'a>,
    subscriber: Subscriber<'a>,
}

impl<'a> Streams<'a> {
    fn join(me: &'a Endpoint, _: u32) -> Outcome<Self> {
        let other = 1 - me.rank();
        let topic = |rank: u32| me.region().topic(&format!("{FIFO}.{rank}"));
        let subscriber = topic(other)?.subscriber(me, Policy::every())?;
        let publisher = topic(me.rank())?.publisher(me)?;
        while topic(other)?.published_by().is_none() {
            thread::yield_now();
        }
        Ok(Self { publisher, subscriber })
    }
}

impl Side for Streams<'_> {
    fn send(&mut self, value: u64) -> Outcome<()> {
        Ok(self.publisher.publish_value(&black_box(value))?)
    }

    fn receive(&mut self) -> Outcome<u64> {
        Ok(black_box(self.subscriber.recv()?.value()?))
    }
}

/// A message to each other rank, in FIFO order: here one.
struct Mail<'a>(&'a Endpoint);

impl Side for Mail<'_> {
    fn send(&mut self, value: u64) -> Outcome<()> {
        Ok(self.0.to(1 - self.0.rank()).send_value(&black_box(value))?)
    }

    fn receive(&mut self) -> Outcome<u64> {
        Ok(black_box(self.0.from(1 - self.0.rank()).recv_value()?))
    }
}

#[derive(Clone, Copy)]
enum Way {
    Causal,
    Streams,
    Mail,
}

/// Calls `work` with a side of this kind.
fn with<T>(
    way: Way,
    me: &Endpoint,
    ranks: u32,
    work: impl FnOnce(&mut dyn Side) -> Outcome<T>,
) -> Outcome<T> {
    match way {
        Way::Causal => work(&mut Causal::join(me, ranks)?),
        Way::Streams => work(&mut Streams::join(me, ranks)?),
        Way::Mail => work(&mut Mail(me)),
    }
}

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    pin(SIDES[0]);
    let rows: Vec<(String, Way, u32)> = SIZES
        .iter()
        .map(|ranks| (format!("causal, {ranks} ranks"), Way::Causal, *ranks))
        .chain([("FIFO, streams".into(), Way::Streams, 2), ("FIFO, mailboxes".into(), Way::Mail, 2)])
        .collect();
    println!(
        "there and back, 8 B, two processes, {RUNS} runs of {ROUNDS}, in turn: median over the runs of p50 and p99, ns"
    );
    let times = in_turn(&rows, round_trips)?;
    for (times, (what, ..)) in times.iter().zip(&rows) {
        let [half, most] = [0.5, 0.99]
            .map(|part| median(times.iter().map(|times| times.quantile(part).as_nanos() as f64).collect()));
        println!("{what:<24}{half:>9.0}{most:>9.0}");
    }
    println!("\na stream of 8 B, two processes, {RUNS} runs of {MESSAGES}, in turn: median, M/s");
    let rates = in_turn(&rows, |way, ranks| Ok(MESSAGES as f64 / stream(way, ranks)?.as_secs_f64() / 1e6))?;
    for (rates, (what, ..)) in rates.into_iter().zip(&rows) {
        println!("{what:<24}{:>9.2}", median(rates));
    }
    Ok(())
}

/// What each row measures, run after run.
fn in_turn<T>(
    rows: &[(String, Way, u32)],
    mut run: impl FnMut(Way, u32) -> Outcome<T>,
) -> Outcome<Vec<Vec<T>>> {
    let mut all: Vec<_> = rows.iter().map(|_| vec![]).collect();
    for _ in 0..RUNS {
        for (values, (_, way, ranks)) in all.iter_mut().zip(rows) {
            values.push(run(*way, *ranks)?);
        }
    }
    Ok(all)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs the second side in a process, and the first one here.
fn beside<T>(
    (way, ranks): (Way, u32),
    second: impl FnOnce(&mut dyn Side) -> Outcome<()>,
    first: impl FnOnce(&mut dyn Side) -> Outcome<T>,
) -> Outcome<T> {
    let region = Region::create_unnamed(Config::ranks(ranks))?;
    let run = || with(way, &region.join(1)?, ranks, second);
    let partner =
        Partner::start(SIDES[1], || run().unwrap_or_else(|error| panic!("the second side: {error}")))?;
    let result = with(way, &region.join(0)?, ranks, first)?;
    partner.finish()?;
    Ok(result)
}

fn round_trips(way: Way, ranks: u32) -> Outcome<Times> {
    let second = |side: &mut dyn Side| {
        (0..Times::calls(ROUNDS)).try_for_each(|_| {
            let value = side.receive()?;
            side.send(value)
        })
    };
    beside((way, ranks), second, |side| {
        Times::of(ROUNDS, || {
            side.send(7)?;
            side.receive().map(drop)
        })
    })
}

fn stream(way: Way, ranks: u32) -> Outcome<Duration> {
    let second = |side: &mut dyn Side| {
        (0..MESSAGES).try_for_each(|_| side.receive().map(drop))?;
        side.send(0)
    };
    beside((way, ranks), second, |side| {
        let start = Instant::now();
        (0..MESSAGES).try_for_each(|value| side.send(value))?;
        side.receive()?;
        Ok(start.elapsed())
    })
}
