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

/// A region of its own for each measurement, removed at its end.
struct Place {
    name: String,
}

impl Place {
    fn create(config: Config) -> Outcome<Self> {
        let name = format!("mailbox-measure-{}", std::process::id());
        Region::create(&name, config)?;
        Ok(Self { name })
    }

    fn join(&self, rank: u32, wait: Wait) -> Outcome<Endpoint> {
        let endpoint = Region::open(&self.name)?.join(rank)?;
        endpoint.set_wait(wait);
        Ok(endpoint)
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

/// Round trips of `bytes` between rank 0, this process, and rank 1 of a region of this configuration.
pub fn round_trip(config: Config, bytes: usize, rounds: u32, wait: Wait) -> Outcome<Times> {
    let place = Place::create(config)?;
    let partner = Partner::start(1, || {
        let me = place.join(1, wait).expect("the region is there");
        let mut buffer = vec![0; bytes];
        for _ in 0..Times::calls(rounds) {
            let mail = me.recv().expect("the partner lives");
            mail.copy_to(black_box(&mut buffer));
            drop(mail);
            me.send(0, black_box(&buffer)).expect("the partner lives");
        }
    })?;
    let me = place.join(0, wait)?;
    let mut buffer = vec![1; bytes];
    let times = Times::of(rounds, || {
        me.send(1, black_box(&buffer))?;
        me.recv()?.copy_to(black_box(&mut buffer));
        Ok::<_, Box<dyn Error>>(())
    })?;
    partner.finish()?;
    Ok(times)
}

/// `messages` of `bytes` from rank 1 to rank 0, this process, of a region of this configuration; timed from
/// the first to the last that is received.
pub fn stream(config: Config, bytes: usize, messages: u64, wait: Wait) -> Outcome<Stream> {
    let place = Place::create(config)?;
    let partner = Partner::start(1, || {
        let me = place.join(1, wait).expect("the region is there");
        let mut buffer = vec![1; bytes];
        for message in 0..messages {
            if let Some(first) = buffer.first_mut() {
                *first = message as u8;
            }
            me.send(0, black_box(&buffer)).expect("the partner lives");
        }
    })?;
    let me = place.join(0, wait)?;
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
