//! Typed messages in each format, beside the same bytes without a type, and beside pipes: `cargo bench --bench codec`.

#[path = "../tests/samples/mod.rs"]
mod samples;

use mailbox::{Config, Region};
use mailbox_patterns::codec::{
    Avro, Codec, Frame, Json, Message, Plain, Postcard, Protobuf, Receiver, Sender,
};
use measure::{Partner, Times, pin};
use samples::{Document, Order, Tick};
use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write, pipe};

type Outcome<T> = Result<T, Box<dyn Error>>;

const RUNS: usize = 9;

/// Each side has a processor.
const SIDES: [usize; 2] = [0, 1];

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    pin(SIDES[0]);
    println!(
        "bytes with the header; median over {RUNS} runs, in turn, of p50: to encode, to decode, to copy from shared \
         memory;\nhalf of a round trip between processes, sent or written in place, p50 and p99; all in ns"
    );
    table("a tick", &Tick::sample(), 20_000, &[measure::<_, Plain>])?;
    table("an order", &Order::sample(), 10_000, &[])?;
    table("a nested document", &Document::sample(), 2_000, &[])
}

type Measure<T> = fn(&T, u32) -> Outcome<Row>;

/// What is measured of a format: bytes, and times.
struct Row {
    bytes: usize,
    times: [f64; 7],
}

fn table<T>(what: &str, value: &T, rounds: u32, first: &[Measure<T>]) -> Outcome<()>
where
    T: Message,
    Postcard: Codec<T>,
    Json: Codec<T>,
    Protobuf: Codec<T>,
    Avro: Codec<T>,
{
    let names =
        ["plain", "postcard", "Protobuf", "Avro", "JSON", "bytes alone", "postcard, pipes", "JSON, pipes"];
    let others: [Measure<T>; 7] = [
        measure::<T, Postcard>,
        measure::<T, Protobuf>,
        measure::<T, Avro>,
        measure::<T, Json>,
        alone::<T>,
        pipes::<T, Postcard>,
        pipes::<T, Json>,
    ];
    let all: Vec<_> = first.iter().chain(&others).collect();
    let mut rows: Vec<Vec<Row>> = all.iter().map(|_| vec![]).collect();
    for _ in 0..RUNS {
        for (rows, measure) in rows.iter_mut().zip(&all) {
            rows.push(measure(value, rounds)?);
        }
    }
    let heads = ["bytes", "encode", "decode", "copy", "sent", "p99", "in place", "p99"];
    println!("\n{what:<18}{}", heads.map(|head| format!("{head:>9}")).concat());
    for (rows, name) in rows.iter().zip(&names[names.len() - all.len()..]) {
        print!("{name:<18}{:>9}", rows[0].bytes);
        for at in 0..7 {
            let time = median(rows.iter().map(|row| row.times[at]).collect());
            print!("{:>9}", if time.is_nan() { "-".into() } else { format!("{time:.0}") });
        }
        println!();
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn nanoseconds(times: &Times, part: f64) -> f64 {
    times.quantile(part).as_secs_f64() * 1e9
}

/// Half of a round trip.
fn half(times: &Times) -> [f64; 2] {
    [0.5, 0.99].map(|part| nanoseconds(times, part) / 2.0)
}

fn measure<T: Message, C: Codec<T>>(value: &T, rounds: u32) -> Outcome<Row> {
    let (frame, mut bytes) = (Frame::<T, C>::new(), vec![]);
    frame.append(value, &mut bytes)?;
    let mut buffer = Vec::with_capacity(2 * bytes.len());
    let encode = Times::of(rounds, || {
        buffer.clear();
        frame.append(black_box(value), &mut buffer)?;
        black_box(&buffer);
        Outcome::Ok(())
    })?;
    let decode = Times::of(rounds, || {
        black_box(frame.read(black_box(&bytes))?);
        Outcome::Ok(())
    })?;
    let [sent, most] = half(&sent::<T, C>(value, rounds)?);
    let [placed, placed_most] = half(&placed::<T, C>(value, rounds)?);
    let [encode, decode] = [encode, decode].map(|times| nanoseconds(&times, 0.5));
    let copy = copy(&bytes, rounds)?;
    Ok(Row { bytes: bytes.len(), times: [encode, decode, copy, sent, most, placed, placed_most] })
}

/// Copies a mail of so many bytes, which is in shared memory.
fn copy(bytes: &[u8], rounds: u32) -> Outcome<f64> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let (me, other) = (region.join(0)?, region.join(1)?);
    other.send(0, bytes)?;
    let (mail, mut buffer) = (me.recv()?, vec![0; bytes.len()]);
    let times = Times::of(rounds, || {
        black_box(mail.copy_to(black_box(&mut buffer)));
        Outcome::Ok(())
    })?;
    Ok(nanoseconds(&times, 0.5))
}

/// A value goes there and comes back.
fn sent<T: Message, C: Codec<T>>(value: &T, rounds: u32) -> Outcome<Times> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let second = || {
        let me = region.join(1)?;
        let (mut from, mut to) = (Receiver::<T, C>::new(me.from(0)), Sender::<T, C>::new(me.to(0)));
        for _ in 0..Times::calls(rounds) {
            let value = from.recv()?.into_value();
            to.send(black_box(&value))?;
        }
        Ok(())
    };
    beside(second, || {
        let me = region.join(0)?;
        let (mut from, mut to) = (Receiver::<T, C>::new(me.from(1)), Sender::<T, C>::new(me.to(1)));
        Times::of(rounds, || {
            to.send(black_box(value))?;
            black_box(from.recv()?.into_value());
            Ok(())
        })
    })
}

/// The same, each time written where it is read.
fn placed<T: Message, C: Codec<T>>(value: &T, rounds: u32) -> Outcome<Times> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let frame = Frame::<T, C>::new();
    let most = 2 * frame.write(value, &mut vec![])?;
    let second = || {
        let me = region.join(1)?;
        let mut from = Receiver::<T, C>::new(me.from(0));
        for _ in 0..Times::calls(rounds) {
            let value = from.recv()?.into_value();
            frame.lend(black_box(&value), me.loan(most)?)?.send(0)?;
        }
        Ok(())
    };
    beside(second, || {
        let me = region.join(0)?;
        let mut from = Receiver::<T, C>::new(me.from(1));
        Times::of(rounds, || {
            frame.lend(black_box(value), me.loan(most)?)?.send(1)?;
            black_box(from.recv()?.into_value());
            Ok(())
        })
    })
}

/// The bytes of postcard go there and come back, and nobody reads them.
fn alone<T: Message>(value: &T, rounds: u32) -> Outcome<Row>
where
    Postcard: Codec<T>,
{
    let region = Region::create_unnamed(Config::ranks(2))?;
    let mut bytes = vec![];
    Frame::<T, Postcard>::new().append(value, &mut bytes)?;
    let second = || {
        let (me, mut buffer) = (region.join(1)?, vec![0; bytes.len()]);
        for _ in 0..Times::calls(rounds) {
            me.from(0).recv_into(&mut buffer)?;
            me.send(0, black_box(&buffer))?;
        }
        Ok(())
    };
    let times = beside(second, || {
        let (me, mut buffer) = (region.join(0)?, vec![0; bytes.len()]);
        Times::of(rounds, || {
            me.send(1, black_box(&bytes))?;
            me.from(1).recv_into(black_box(&mut buffer))?;
            Ok(())
        })
    })?;
    Ok(Row { bytes: bytes.len(), times: only_sent(&times) })
}

fn only_sent(times: &Times) -> [f64; 7] {
    let ([sent, most], none) = (half(times), f64::NAN);
    [none, none, none, sent, most, none, none]
}

/// The same values by two pipes, each behind its length.
fn pipes<T: Message, C: Codec<T>>(value: &T, rounds: u32) -> Outcome<Row> {
    let ((mut there, mut to), (mut here, mut back)) = (pipe()?, pipe()?);
    let frame = Frame::<T, C>::new();
    let mut bytes = 0;
    let second = || {
        let mut buffer = vec![];
        for _ in 0..Times::calls(rounds) {
            let value = receive(&frame, &mut there, &mut buffer)?;
            send(&frame, black_box(&value), &mut back, &mut buffer)?;
        }
        Ok(())
    };
    let times = beside(second, || {
        let mut buffer = vec![];
        Times::of(rounds, || {
            bytes = send(&frame, black_box(value), &mut to, &mut buffer)?;
            black_box(receive(&frame, &mut here, &mut buffer)?);
            Ok(())
        })
    })?;
    Ok(Row { bytes, times: only_sent(&times) })
}

fn send<T: Message, C: Codec<T>>(
    frame: &Frame<T, C>,
    value: &T,
    to: &mut impl Write,
    buffer: &mut Vec<u8>,
) -> Outcome<usize> {
    buffer.clear();
    buffer.extend_from_slice(&[0; 4]);
    frame.append(value, buffer)?;
    let len = buffer.len() - 4;
    buffer[..4].copy_from_slice(&(len as u32).to_le_bytes());
    to.write_all(buffer)?;
    Ok(len)
}

fn receive<T: Message, C: Codec<T>>(
    frame: &Frame<T, C>,
    from: &mut impl Read,
    buffer: &mut Vec<u8>,
) -> Outcome<T> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    buffer.resize(u32::from_le_bytes(len) as usize, 0);
    from.read_exact(buffer)?;
    Ok(frame.read(buffer)?)
}

/// Runs the second side in a process beside the first.
fn beside<T>(second: impl FnOnce() -> Outcome<()>, first: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let second = || second().unwrap_or_else(|error| panic!("the second side: {error}"));
    let partner = Partner::start(SIDES[1], second)?;
    let result = first()?;
    partner.finish()?;
    Ok(result)
}
