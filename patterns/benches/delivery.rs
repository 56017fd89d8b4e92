//! Exactly once beside at least once and at most once, between two processes, with what is safe from kills and what is safe
//! from a loss of power. Beside them what a program could use instead: a row in SQLite's write-ahead log has the same two costs, a system
//! call and a wait for the disk, so those are shown raw. `cargo bench --bench delivery`.

use mailbox::{Config, Deadline, Endpoint, Region};
use mailbox_patterns::delivery::{Consumer, DeadLetters, Durability, Ledger, Outbox, Retry};
use measure::{Partner, Times, pin};
use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

const RUNS: usize = 5;
const BODY: usize = 24;
/// Each side has a processor.
const SIDES: [usize; 2] = [0, 1];
const GUARD: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq)]
enum Promise {
    Plain,
    AtMostOnce,
    AtLeastOnce,
    /// Of messages of an outbox.
    ExactlyOnce(Durability),
}

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    pin(SIDES[0]);
    let folder = Folder::new()?;
    let (process, power) = (Durability::Process, Durability::Power);
    let rows = [
        ("plain send, sync", Promise::Plain, 20_000),
        ("at most once, sync", Promise::AtMostOnce, 20_000),
        ("at least once, sync", Promise::AtLeastOnce, 20_000),
        ("exactly once, safe from kills", Promise::ExactlyOnce(process), 20_000),
        ("exactly once, safe from power loss", Promise::ExactlyOnce(power), 300),
    ];
    println!(
        "{BODY} B until the sender knows it to be handled, one at a time, {RUNS} runs in turn: medians of p50 and p99, µs"
    );
    let mut all = vec![vec![]; rows.len() + 2];
    for _ in 0..RUNS {
        for (times, (_, promise, count)) in all.iter_mut().zip(rows) {
            times.push(latency(&folder.0, promise, count)?);
        }
        all[rows.len()].push(raw(&folder.0, false, 20_000)?);
        all[rows.len() + 1].push(raw(&folder.0, true, 300)?);
    }
    let names = rows.iter().map(|(name, ..)| *name).chain(["raw: a write", "raw: a write and fdatasync"]);
    for (name, times) in names.zip(&all) {
        let [half, most] = [0, 1].map(|at| median(times.iter().map(|time| time[at]).collect()));
        println!("{name:<36}{half:>10.2}{most:>10.2}");
    }
    println!(
        "\na stream of {BODY} B, 1000 posted at a time, {RUNS} runs in turn: median, thousand messages a second"
    );
    let rows = [
        ("at least once, plain sends", Promise::AtLeastOnce, 200_000),
        ("exactly once, safe from kills", Promise::ExactlyOnce(process), 50_000),
        ("exactly once, safe from power loss", Promise::ExactlyOnce(power), 10_000),
    ];
    let mut all = vec![vec![]; rows.len()];
    for _ in 0..RUNS {
        for (rates, (_, promise, count)) in all.iter_mut().zip(rows) {
            rates.push(f64::from(count) / stream(&folder.0, promise, count)?.as_secs_f64() / 1e3);
        }
    }
    for (rates, (name, ..)) in all.into_iter().zip(rows) {
        println!("{name:<36}{:>10.1}", median(rates));
    }
    Ok(())
}

/// A folder on the disk, not in memory.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("delivery-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Handles so many messages.
fn receive(me: &Endpoint, folder: &Path, promise: Promise, count: u32) -> Outcome<()> {
    let mut consumer = Consumer::new(me, Retry::new(3), DeadLetters::open(folder.join("dead"))?);
    let (mut sum, mut handled) = (0_u64, 0);
    let mut add =
        |body: &[u8]| sum = sum.wrapping_add(black_box(body).iter().map(|byte| u64::from(*byte)).sum());
    if let Promise::ExactlyOnce(durability) = promise {
        let mut ledger = Ledger::open(folder.join("ledger"), durability, |_| {})?.0;
        while handled < count {
            let done = consumer.exactly_once(&mut ledger, Deadline::Never, |letter| {
                add(&letter.body);
                Ok(letter.body.clone())
            })?;
            handled += done.handled;
            if ledger.wants_compaction() {
                ledger.compact(b"")?;
            }
        }
        return Ok(());
    }
    while handled < count {
        let mut handle = |body: &[u8]| {
            add(body);
            Ok::<(), String>(())
        };
        handled += match promise {
            Promise::AtMostOnce => {
                consumer.at_most_once(Deadline::Never, |letter| handle(&letter.body))?.handled
            }
            Promise::AtLeastOnce => {
                consumer.at_least_once(Deadline::Never, |letter| handle(&letter.body))?.handled
            }
            _ => handle(&me.recv()?.to_vec()).is_ok().into(),
        };
    }
    Ok(())
}

/// Runs a sender beside a receiver of so many messages.
fn beside<T>(
    folder: &Path,
    promise: Promise,
    count: u32,
    send: impl FnOnce(&Endpoint) -> Outcome<T>,
) -> Outcome<T> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let run = folder.join("run");
    fs::create_dir_all(&run)?;
    let there = run.clone();
    let partner = Partner::start(SIDES[1], || {
        let receive = || receive(&region.join(0)?, &there, promise, count);
        receive().unwrap_or_else(|error| panic!("the receiver: {error}"));
    })?;
    region.wait_for(0, GUARD)?;
    let result = send(&region.join(1)?)?;
    partner.finish()?;
    fs::remove_dir_all(run)?;
    Ok(result)
}

/// p50 and p99 in µs.
fn latency(folder: &Path, promise: Promise, count: u32) -> Outcome<[f64; 2]> {
    let body = [7; BODY];
    let times = beside(folder, promise, Times::calls(count), |me| {
        let Promise::ExactlyOnce(durability) = promise else {
            return Times::of(count, || Ok(me.to(0).sync().send(black_box(&body))?));
        };
        let mut outbox = Outbox::open(me, folder.join("run/outbox"), durability)?.0;
        Times::of(count, || {
            outbox.post(0, black_box(&body))?;
            Ok(outbox.deliver(Deadline::Never)?)
        })
    })?;
    Ok(quantiles(&times))
}

fn quantiles(times: &Times) -> [f64; 2] {
    [0.5, 0.99].map(|part| times.quantile(part).as_nanos() as f64 / 1e3)
}

/// What the receiver's commit costs at least.
fn raw(folder: &Path, is_synchronised: bool, count: u32) -> Outcome<[f64; 2]> {
    let path = folder.join("raw");
    let mut file = File::create(&path)?;
    let frame = [7; BODY + 40];
    let times = Times::of(count, || {
        file.write_all(black_box(&frame))?;
        if is_synchronised { file.sync_data() } else { Ok(()) }
    })?;
    fs::remove_file(path)?;
    Ok(quantiles(&times))
}

fn stream(folder: &Path, promise: Promise, count: u32) -> Outcome<Duration> {
    let body = [7; BODY];
    beside(folder, promise, count, |me| {
        let start = Instant::now();
        if let Promise::ExactlyOnce(durability) = promise {
            let mut outbox = Outbox::open(me, folder.join("run/outbox"), durability)?.0;
            for _ in 0..count / 1000 {
                (0..1000).try_for_each(|_| outbox.post(0, black_box(&body)).map(drop))?;
                outbox.deliver(Deadline::Never)?;
            }
        } else {
            (1..count).try_for_each(|_| me.send(0, black_box(&body)))?;
            me.to(0).sync().send(&body)?;
        }
        Ok(start.elapsed())
    })
}
