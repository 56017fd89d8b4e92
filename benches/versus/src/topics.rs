//! What is measured of topics, in terms of what every system can do.

use crate::job::{Case, Job, Topic};
use crate::link::{Link, System, number, numbered};
use crate::outcome::{Declined, Figures, Outcome};
use measure::{Partner, Shared, Times, clock, cpu_time, idle};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a writer goes on that a reader is to meet at work.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the sides of a run say to each other beside what is measured: lines of words, in memory that all have.
struct Aside {
    memory: Shared,
    sides: usize,
}

impl Aside {
    fn new(sides: usize) -> Outcome<Self> {
        Ok(Self { memory: Shared::new(128 * (sides + 1))?, sides })
    }

    /// How many sides are ready.
    fn ready(&self) -> &AtomicU64 {
        &self.memory.words()[0]
    }

    /// 1 once the sides are to stop.
    fn stop(&self) -> &AtomicU64 {
        &self.memory.words()[1]
    }

    /// How many messages a side has, and how many nanoseconds the last one took.
    fn line(&self, side: usize) -> [&AtomicU64; 2] {
        [0, 1].map(|word| &self.memory.words()[16 * (side + 1) + word])
    }

    fn is_over(&self) -> bool {
        self.stop().load(Ordering::Acquire) != 0
    }

    fn end(&self) {
        self.stop().store(1, Ordering::Release);
    }

    /// Waits until all sides have come here.
    fn meet(&self) {
        self.ready().fetch_add(1, Ordering::AcqRel);
        while self.ready().load(Ordering::Acquire) < self.sides as u64 {
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Waits until each reader has so many messages.
    fn await_readers(&self, messages: u64) {
        let is_crowded = is_crowded(self.sides);
        for side in 1..self.sides {
            while self.line(side)[0].load(Ordering::Acquire) < messages {
                idle(is_crowded);
            }
        }
    }
}

/// Whether so many sides share processors, so that one that waits must offer its own.
pub fn is_crowded(sides: usize) -> bool {
    sides > measure::processors()
}

/// Plays all sides, each a process. Side 0 writes to all others. For the way back, side 1 writes to side 0. Where single values
/// are read, side 0 reads those of side 1.
pub fn play<S: System>(job: &Job, system: &S) -> Outcome<Figures> {
    let Case::Topic(topic, readers) = job.case else { return Err(Declined("for topics").into()) };
    measure::pin(0);
    let aside = Aside::new(readers as usize + 1)?;
    let partners = (1..=readers).map(|side| {
        Partner::start(side as usize, || {
            let play = || {
                let mut link = system.link(side)?;
                answer(job, topic, side as usize, &mut link, &aside)
            };
            play().unwrap_or_else(|error| panic!("side {side}: {error}"));
        })
    });
    let partners = partners.collect::<Result<Vec<_>, _>>()?;
    let mut link = system.link(0)?;
    let figures = ask(job, topic, &mut link, &aside)?;
    aside.end();
    partners.into_iter().try_for_each(Partner::finish)?;
    Ok(figures)
}

/// What side 0 does.
fn ask(job: &Job, topic: Topic, link: &mut impl Link, aside: &Aside) -> Outcome<Figures> {
    let mut bytes = vec![1; job.bytes];
    let mut numbers = 1..;
    let mut next = || numbers.next().unwrap_or_default();
    aside.meet();
    match topic {
        Topic::Read | Topic::ReadWritten => {
            let times = Times::of(job.count as u32, || link.receive(black_box(&mut bytes)))?;
            if aside.is_over() {
                return Err(Declined("the reads do not end within 3 s, while values are written").into());
            }
            Ok(Figures::of(&times))
        }
        Topic::Written | Topic::WrittenRead => {
            let times = Times::of(job.count as u32, || {
                number(&mut bytes, next());
                link.send(black_box(&bytes))
            })?;
            Ok(Figures::of(&times))
        }
        Topic::Seen | Topic::Way => {
            let times = Times::of(job.count as u32, || {
                let sent = next();
                number(&mut bytes, sent);
                link.send(black_box(&bytes))?;
                until(sent, link, &mut bytes)
            })?;
            let figures = Figures::of(&times);
            // There and back.
            Ok(Figures { quantiles: figures.quantiles.iter().map(|time| time / 2.0).collect(), ..figures })
        }
        Topic::Ways | Topic::Cost => {
            let ahead = job.count / 10 + 1;
            let mut times = Times::default();
            let begin = Instant::now();
            for message in 0..ahead + job.count {
                number(&mut bytes, clock().as_nanos() as u64);
                let used = if topic == Topic::Cost { cpu_time() } else { Duration::ZERO };
                link.send(black_box(&bytes))?;
                let cost = if topic == Topic::Cost { cpu_time() - used } else { Duration::ZERO };
                aside.await_readers(message + 1);
                if message < ahead {
                    continue;
                }
                if topic == Topic::Cost {
                    times.add(cost);
                } else {
                    let took = (1..aside.sides).map(|side| aside.line(side)[1].load(Ordering::Relaxed));
                    took.for_each(|took| times.add(Duration::from_nanos(took)));
                }
            }
            let each = begin.elapsed().as_nanos() as f64 / (ahead + job.count) as f64;
            Ok(Figures { unit: Some(each), ..Figures::of(&times) })
        }
        Topic::Stream => {
            // The middle eight tenths.
            let part = job.count / 10;
            link.give(0..part, &mut bytes)?;
            let start = Instant::now();
            link.give(part..9 * part, &mut bytes)?;
            let time = start.elapsed();
            link.give(9 * part..job.count, &mut bytes)?;
            aside.await_readers(job.count);
            Ok(Figures::of_rate(8.0 * part as f64 / time.as_secs_f64()))
        }
    }
}

/// What the other sides do.
fn answer(job: &Job, topic: Topic, side: usize, link: &mut impl Link, aside: &Aside) -> Outcome<()> {
    let mut bytes = vec![1; job.bytes];
    let [received, took] = aside.line(side);
    if let Topic::Read | Topic::ReadWritten = topic {
        link.send(&bytes)?;
    }
    aside.meet();
    match topic {
        Topic::Read | Topic::Written => {
            while !aside.is_over() {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }
        Topic::ReadWritten => {
            let start = Instant::now();
            while !aside.is_over() {
                link.give(0..256, &mut bytes)?;
                if start.elapsed() > PATIENCE {
                    aside.end();
                }
            }
            Ok(())
        }
        Topic::WrittenRead => {
            while !aside.is_over() {
                link.take(256, &mut bytes)?;
            }
            Ok(())
        }
        Topic::Seen | Topic::Way => {
            for sent in 1..=Times::calls(job.count as u32).into() {
                until(sent, link, &mut bytes)?;
                link.send(black_box(&bytes))?;
            }
            Ok(())
        }
        Topic::Ways | Topic::Cost => {
            for message in 1..=job.count + job.count / 10 + 1 {
                link.receive(black_box(&mut bytes))?;
                let way = clock().saturating_sub(Duration::from_nanos(numbered(&bytes)));
                took.store(way.as_nanos() as u64, Ordering::Relaxed);
                received.store(message, Ordering::Release);
            }
            Ok(())
        }
        Topic::Stream => {
            link.take(job.count, &mut bytes)?;
            received.store(job.count, Ordering::Release);
            Ok(())
        }
    }
}

/// Receives until the message of this number is there: streams have it next, of latest values the same may be read again.
#[inline(always)]
fn until(number: u64, link: &mut impl Link, bytes: &mut [u8]) -> Outcome<()> {
    loop {
        link.receive(black_box(bytes))?;
        if numbered(bytes) == number {
            return Ok(());
        }
    }
}
