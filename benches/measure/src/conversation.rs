//! What mailbox makes of it, through its public face.

use crate::process::Partner;
use crate::times::Times;
use mailbox::{Config, Endpoint, Region, RemoveError, Wait};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a one-way stream gave.
pub struct Stream {
    /// Messages received.
    pub messages: u64,
    /// Their length in bytes.
    pub bytes: usize,
    /// From the first to the last.
    pub time: Duration,
}

impl Stream {
    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.messages as f64 / self.time.as_secs_f64()
    }

    /// Payload bytes a second.
    pub fn bandwidth(&self) -> f64 {
        self.rate() * self.bytes as f64
    }
}

/// A region of its own for a measurement, removed at its end.
struct Place {
    name: String,
}

impl Place {
    fn create(config: Config) -> Outcome<Self> {
        let name = format!("mailbox-measure-{}", std::process::id());
        Region::create(&name, config)?;
        Ok(Self { name })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // In use only if a measurement failed; then its partner is about to be killed.
        for _ in 0..100 {
            match Region::remove(&self.name) {
                Err(RemoveError::InUse) => std::thread::sleep(Duration::from_millis(10)),
                _ => return,
            }
        }
    }
}

/// Ranks 0 and 1 of a region that may have served another measurement before.
struct Pair<'a> {
    region: &'a str,
    /// Their epochs before this measurement.
    before: [u64; 2],
    wait: Wait,
}

impl<'a> Pair<'a> {
    fn of(region: &'a str, wait: Wait) -> Outcome<Self> {
        let opened = Region::open(region)?;
        let epoch = |rank| opened.status(rank).map_or(0, |(_, epoch)| epoch);
        Ok(Self { region, before: [epoch(0), epoch(1)], wait })
    }

    /// Joins as `rank`, 0 or 1, and waits until the other has: its earlier life has ended, which a receive
    /// would tell.
    fn join(&self, rank: u32) -> Outcome<Endpoint> {
        let endpoint = Region::open(self.region)?.join(rank)?;
        endpoint.set_wait(self.wait);
        let other = 1 - rank;
        let deadline = Instant::now() + Duration::from_secs(10);
        while endpoint.region().status(other).is_some_and(|(_, epoch)| epoch == self.before[other as usize]) {
            if Instant::now() > deadline {
                return Err("the partner does not come".into());
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(endpoint)
    }
}

/// Round trips of `bytes` between two processes in a region of this configuration.
pub fn round_trip(config: Config, bytes: usize, rounds: u32, wait: Wait) -> Outcome<Times> {
    round_trip_in(&Place::create(config)?.name, bytes, rounds, wait)
}

/// Round trips of `bytes` between rank 0, this process, and rank 1 of a region that nobody has joined.
pub fn round_trip_in(region: &str, bytes: usize, rounds: u32, wait: Wait) -> Outcome<Times> {
    let pair = Pair::of(region, wait)?;
    let partner = Partner::start(1, || {
        let me = pair.join(1).expect("the region is there");
        let mut buffer = vec![0; bytes];
        for _ in 0..Times::calls(rounds) {
            let mail = me.recv().expect("the partner lives");
            mail.copy_to(black_box(&mut buffer));
            drop(mail);
            me.send(0, black_box(&buffer)).expect("the partner lives");
        }
    })?;
    let me = pair.join(0)?;
    let mut buffer = vec![1; bytes];
    let times = Times::of(rounds, || {
        me.send(1, black_box(&buffer))?;
        me.recv()?.copy_to(black_box(&mut buffer));
        Ok::<_, Box<dyn Error>>(())
    })?;
    drop(me);
    partner.finish()?;
    Ok(times)
}

/// `messages` of `bytes` one way between two processes in a region of this configuration.
pub fn stream(config: Config, bytes: usize, messages: u64, wait: Wait) -> Outcome<Stream> {
    stream_in(&Place::create(config)?.name, bytes, messages, wait)
}

/// `messages` of `bytes` from rank 1 to rank 0, this process, of a region that nobody has joined; timed from
/// the first to the last that is received.
pub fn stream_in(region: &str, bytes: usize, messages: u64, wait: Wait) -> Outcome<Stream> {
    let pair = Pair::of(region, wait)?;
    let partner = Partner::start(1, || {
        let me = pair.join(1).expect("the region is there");
        let mut buffer = vec![1; bytes];
        for message in 0..messages {
            if let Some(first) = buffer.first_chunk_mut() {
                *first = message.to_ne_bytes();
            }
            me.send(0, black_box(&buffer)).expect("the partner lives");
        }
    })?;
    let me = pair.join(0)?;
    let mut buffer = vec![0; bytes];
    me.recv()?.copy_to(black_box(&mut buffer));
    let start = Instant::now();
    for _ in 1..messages {
        me.recv()?.copy_to(black_box(&mut buffer));
    }
    let time = start.elapsed();
    drop(me);
    partner.finish()?;
    Ok(Stream { messages, bytes, time })
}
