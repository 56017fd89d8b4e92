//! Channels of CSP beside crossbeam's in one process, and beside pipes between processes: `cargo bench --bench csp`.

use crossbeam_channel::bounded;
use mailbox::{Config, Region};
use mailbox_patterns::csp::{Channel, Process};
use measure::{Partner, Times, pin};
use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write, pipe};
use std::thread;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: u32 = 20_000;
const VALUES: u64 = 500_000;
const RUNS: usize = 9;
const CAPACITY: u32 = 64;

const THERE: Channel<u64> = Channel::rendezvous("there");
const MANY: Channel<u64> = Channel::buffered("many", CAPACITY);
const OVER: Channel<u64> = Channel::rendezvous("over");

/// Each side has a processor.
const SIDES: [usize; 2] = [0, 1];

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    pin(SIDES[0]);
    println!(
        "a rendezvous of 8 B, {RUNS} runs of {ROUNDS}, in turn: median over the runs of p50 and p99, ns"
    );
    let rows: [(&str, &dyn Fn() -> Outcome<Times>); 4] = [
        ("threads, mailbox", &|| rendezvous(true)),
        ("threads, crossbeam", &rendezvous_crossbeam),
        ("processes, mailbox", &|| rendezvous(false)),
        ("processes, two pipes", &rendezvous_pipes),
    ];
    let mut all = [const { vec![] }; 4];
    for _ in 0..RUNS {
        for (times, (_, run)) in all.iter_mut().zip(rows) {
            times.push(run()?);
        }
    }
    for (times, (what, _)) in all.iter().zip(rows) {
        let [half, most] = [0.5, 0.99]
            .map(|part| median(times.iter().map(|times| times.quantile(part).as_nanos() as f64).collect()));
        println!("{what:<24}{half:>9.0}{most:>9.0}");
    }
    println!("\na stream of 8 B, {CAPACITY} ahead, {RUNS} runs of {VALUES}, in turn: median, M/s");
    let rows: [(&str, &dyn Fn() -> Outcome<Duration>); 4] = [
        ("threads, mailbox", &|| stream(true)),
        ("threads, crossbeam", &stream_crossbeam),
        ("processes, mailbox", &|| stream(false)),
        ("processes, pipe", &stream_pipe),
    ];
    let mut all = [const { vec![] }; 4];
    for _ in 0..RUNS {
        for (rates, (_, run)) in all.iter_mut().zip(rows) {
            rates.push(VALUES as f64 / run()?.as_secs_f64() / 1e6);
        }
    }
    for (rates, (what, _)) in all.into_iter().zip(rows) {
        println!("{what:<24}{:>9.2}", median(rates));
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs the second side beside the first: in a thread, or in a process.
fn beside<T>(
    is_thread: bool,
    second: impl FnOnce() -> Outcome<()> + Send,
    first: impl FnOnce() -> Outcome<T>,
) -> Outcome<T> {
    let second = || second().unwrap_or_else(|error| panic!("the second side: {error}"));
    if !is_thread {
        let partner = Partner::start(SIDES[1], second)?;
        let result = first()?;
        partner.finish()?;
        return Ok(result);
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(SIDES[1]);
            second();
        });
        first()
    })
}

fn rendezvous(is_thread: bool) -> Outcome<Times> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let second = || {
        let me = region.join(1)?;
        let mut input = Process::begin(&me, 0..2)?.input(&THERE)?;
        for _ in 0..Times::calls(ROUNDS) {
            black_box(input.recv()?);
        }
        Ok(())
    };
    beside(is_thread, second, || {
        let me = region.join(0)?;
        let mut output = Process::begin(&me, 0..2)?.output(&THERE)?;
        Times::of(ROUNDS, || Ok(output.send(black_box(&7))?))
    })
}

fn rendezvous_crossbeam() -> Outcome<Times> {
    let (sender, receiver) = bounded(0);
    let second = || {
        for _ in 0..Times::calls(ROUNDS) {
            black_box(receiver.recv()?);
        }
        Ok(())
    };
    beside(true, second, || Times::of(ROUNDS, || Ok(sender.send(black_box(7_u64))?)))
}

fn rendezvous_pipes() -> Outcome<Times> {
    let ((mut there, mut to), (mut here, mut back)) = (pipe()?, pipe()?);
    let second = || {
        let mut value = [0; 8];
        for _ in 0..Times::calls(ROUNDS) {
            there.read_exact(&mut value)?;
            back.write_all(&black_box(value)[..1])?;
        }
        Ok(())
    };
    beside(false, second, || {
        Times::of(ROUNDS, || {
            to.write_all(&black_box(7_u64).to_ne_bytes())?;
            Ok(here.read_exact(&mut [0])?)
        })
    })
}

fn stream(is_thread: bool) -> Outcome<Duration> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let second = || {
        let me = region.join(1)?;
        let process = Process::begin(&me, 0..2)?;
        let (mut input, mut over) = (process.input(&MANY)?, process.output(&OVER)?);
        for _ in 0..VALUES {
            black_box(input.recv()?);
        }
        Ok(over.send(&0)?)
    };
    beside(is_thread, second, || {
        let me = region.join(0)?;
        let process = Process::begin(&me, 0..2)?;
        let (mut output, mut over) = (process.output(&MANY)?, process.input(&OVER)?);
        output.send(&0)?;
        let start = Instant::now();
        (1..VALUES).try_for_each(|value| output.send(black_box(&value)))?;
        over.recv()?;
        Ok(start.elapsed())
    })
}

fn stream_crossbeam() -> Outcome<Duration> {
    let (sender, receiver) = bounded(CAPACITY as usize);
    let (end, over) = bounded(0);
    let second = || {
        for _ in 0..VALUES {
            black_box(receiver.recv()?);
        }
        Ok(end.send(())?)
    };
    beside(true, second, || {
        sender.send(0_u64)?;
        let start = Instant::now();
        (1..VALUES).try_for_each(|value| sender.send(black_box(value)))?;
        over.recv()?;
        Ok(start.elapsed())
    })
}

fn stream_pipe() -> Outcome<Duration> {
    let ((mut there, mut to), (mut here, mut back)) = (pipe()?, pipe()?);
    let second = || {
        let mut value = [0; 8];
        for _ in 0..VALUES {
            there.read_exact(&mut value)?;
            black_box(value);
        }
        Ok(back.write_all(&[0])?)
    };
    beside(false, second, || {
        to.write_all(&[0; 8])?;
        let start = Instant::now();
        (1..VALUES).try_for_each(|value| to.write_all(&black_box(value).to_ne_bytes()))?;
        here.read_exact(&mut [0])?;
        Ok(start.elapsed())
    })
}
