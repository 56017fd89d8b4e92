//! The cases, in terms of what every system can do.

use crate::job::{Case, Job, Joint};
use crate::link::{Link, System, number, numbered};
use crate::outcome::{Declined, Figures, Outcome, SHARES};
use measure::{Partner, Times, clock, cpu_time};
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Silence before a message to somebody who is to be asleep: longer than anything here polls.
pub const SILENCE: Duration = Duration::from_micros(300);
/// About how long a round trip takes with all of that, in nanoseconds.
pub const ASLEEP: f64 = 800_000.0;
/// Round trips before memory is looked at: all places of a queue have been used.
const LAPS: u64 = 5_000;

/// Plays all sides, each in a process of its own and on a processor of its own as long as there are some.
pub fn processes<S: System>(job: &Job, system: &S) -> Outcome<Figures> {
    measure::pin(0);
    let partners = (1..=job.case.others()).map(|side| {
        Partner::start(side as usize, || {
            let played = system.link(side).and_then(|mut link| answer(job, side, &mut link));
            played.unwrap_or_else(|error| panic!("side {side}: {error}"));
        })
    });
    let partners = partners.collect::<Result<Vec<_>, _>>()?;
    let mut link = system.link(0)?;
    let figures = ask(job, &mut link)?;
    if let Case::FanIn(_) = job.case {
        // They send for ever.
        drop(partners);
    } else {
        drop(link);
        partners.into_iter().try_for_each(Partner::finish)?;
    }
    Ok(figures)
}

/// As [`processes`], but in threads. Those of a fan-in end with the process.
pub fn threads<S: System + Send + Sync + 'static>(job: &Job, system: S) -> Outcome<Figures> {
    measure::pin(0);
    let system = Arc::new(system);
    let partners = (1..=job.case.others()).map(|side| {
        let (system, job) = (Arc::clone(&system), job.clone());
        thread::spawn(move || {
            measure::pin(side as usize);
            let played = system.link(side).and_then(|mut link| answer(&job, side, &mut link));
            played.map_err(|error| format!("side {side}: {error}"))
        })
    });
    let partners: Vec<_> = partners.collect();
    let mut link = system.link(0)?;
    let mut figures = ask(job, &mut link)?;
    // Each side told that of the process.
    figures.kib = figures.kib.map(|kib| kib / 2.0);
    if !matches!(job.case, Case::FanIn(_)) {
        for partner in partners {
            partner.join().map_err(|_| "a side panicked")??;
        }
    }
    Ok(figures)
}

/// What side 0 does.
fn ask(job: &Job, link: &mut impl Link) -> Outcome<Figures> {
    let mut bytes = vec![1; job.bytes];
    match job.case {
        Case::RoundTrip => {
            let times = Times::of(job.count as u32, || link.exchange(&mut bytes))?;
            Ok(Figures::of(&times))
        }
        Case::Stream => {
            // While the sender goes on: what is under way at the beginning is so at the end.
            let part = job.count / 10;
            link.take(part, &mut bytes)?;
            let start = Instant::now();
            link.take(8 * part, &mut bytes)?;
            let time = start.elapsed();
            link.take(job.count - 9 * part, &mut bytes)?;
            Ok(Figures::of_rate(8.0 * part as f64 / time.as_secs_f64()))
        }
        Case::Asleep => {
            let mut times = Times::default();
            for _ in 0..job.count {
                thread::sleep(SILENCE);
                number(&mut bytes, clock().as_nanos() as u64);
                link.exchange(&mut bytes)?;
                times.add(clock().saturating_sub(Duration::from_nanos(numbered(&bytes))));
            }
            Ok(Figures { unit: Some(ASLEEP), ..Figures::of(&times) })
        }
        Case::FanIn(senders) => fan_in(job, senders as usize, link, &mut bytes),
        Case::Idle => {
            link.send(&bytes)?;
            let (start, used) = (clock(), cpu_time());
            link.receive(&mut bytes)?;
            let (time, used) = (clock() - start, cpu_time() - used);
            Ok(Figures { cpu: Some(used.as_secs_f64() / time.as_secs_f64()), ..Figures::default() })
        }
        Case::Memory => {
            for _ in 0..LAPS {
                link.send(black_box(&bytes))?;
                link.receive(black_box(&mut bytes))?;
            }
            link.send(&bytes)?;
            link.receive(&mut bytes)?;
            let theirs = numbered(&bytes);
            let ours = memory()?;
            link.send(&bytes)?;
            Ok(Figures { kib: Some((ours + theirs) as f64), ..Figures::default() })
        }
        Case::StartUp => {
            link.send(&bytes)?;
            link.receive(&mut bytes)?;
            link.send(&bytes)?;
            Ok(Figures::default())
        }
        Case::Silent(_) | Case::Quiet(_) => Err(Declined("has no region of ranks").into()),
        Case::Window => Err(Declined("has no requests").into()),
        Case::InOrder(_) | Case::Reversed(_) => Err(Declined("has no tags").into()),
        Case::Together(..) | Case::IdleTogether => Err(Declined("has no operations of all ranks").into()),
        Case::Topic(..) => Err(Declined("has no topics").into()),
    }
}

fn fan_in(job: &Job, senders: usize, link: &mut impl Link, bytes: &mut [u8]) -> Outcome<Figures> {
    let mut received = vec![0_u64; senders];
    let from = |bytes: &[u8]| (numbered(bytes) >> 56) as usize - 1;
    while received.contains(&0) {
        link.receive(black_box(bytes))?;
        received[from(bytes)] += 1;
    }
    received.fill(0);
    let start = Instant::now();
    for _ in 0..job.count {
        link.receive(black_box(bytes))?;
        received[from(bytes)] += 1;
    }
    let time = start.elapsed();
    let fan_in = measure::FanIn { received, bytes: job.bytes, time };
    Ok(Figures { shares: Some(fan_in.shares()), ..Figures::of_rate(fan_in.rate()) })
}

/// What the other sides do.
fn answer(job: &Job, side: u32, link: &mut impl Link) -> Outcome<()> {
    let mut bytes = vec![1; job.bytes];
    match job.case {
        Case::RoundTrip => echo(link, &mut bytes, Times::calls(job.count as u32).into()),
        Case::Stream => link.give(0..job.count, &mut bytes),
        Case::Asleep => {
            for _ in 0..job.count {
                link.serve(&mut bytes, |bytes| {
                    let way = clock().saturating_sub(Duration::from_nanos(numbered(bytes)));
                    thread::sleep(SILENCE);
                    // As if it had been sent earlier by as much as the way here took.
                    number(bytes, clock().saturating_sub(way).as_nanos() as u64);
                })?;
            }
            Ok(())
        }
        Case::FanIn(_) => {
            let first = u64::from(side) << 56;
            link.give(first..first + (1 << 56), &mut bytes)
        }
        Case::Idle => {
            link.receive(&mut bytes)?;
            thread::sleep(Duration::from_millis(job.count));
            link.send(&bytes)
        }
        Case::Memory => {
            echo(link, &mut bytes, LAPS)?;
            link.receive(&mut bytes)?;
            number(&mut bytes, memory()?);
            link.send(&bytes)?;
            link.receive(&mut bytes)
        }
        Case::StartUp => {
            echo(link, &mut bytes, 1)?;
            // Some lose what was sent by who ended before they looked.
            link.receive(&mut bytes)
        }
        Case::Silent(_) | Case::Quiet(_) | Case::Window | Case::InOrder(_) | Case::Reversed(_) => Ok(()),
        Case::Together(..) | Case::IdleTogether | Case::Topic(..) => Ok(()),
    }
}

/// Sends back what comes.
#[inline(never)]
fn echo<L: Link>(link: &mut L, bytes: &mut [u8], rounds: u64) -> Outcome<()> {
    for _ in 0..rounds {
        link.serve(bytes, |_| {})?;
    }
    Ok(())
}

/// Memory of this process, in KiB: what it shares with others counts in parts.
fn memory() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let kib = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let parts = ["Pss_Anon:", "Pss_Shmem:"].map(kib);
    parts.into_iter().sum::<Option<u64>>().ok_or_else(|| Box::<dyn Error>::from("no Pss in smaps_rollup"))
}

/// Times of round trips, in nanoseconds, as a system's own program gave them.
pub fn distribution(mut times: Vec<f64>) -> Figures {
    times.sort_by(f64::total_cmp);
    let last = times.len().saturating_sub(1) as f64;
    let at = |share: f64| times.get((last * share).round() as usize).copied().unwrap_or_default();
    Figures {
        quantiles: SHARES.map(at).to_vec(),
        times: times.len() as u64,
        unit: Some(at(0.5)),
        ..Figures::default()
    }
}

/// Calls in a row whose mean is one period.
const ROW: usize = 16;

/// What was measured of single calls of an operation of all ranks, in nanoseconds.
#[derive(Default)]
pub struct Calls {
    /// The means of what all ranks took.
    means: Vec<f64>,
    /// When rank 0 called.
    begun: Vec<f64>,
    /// From then until the last rank had returned.
    lasts: Vec<f64>,
}

impl Calls {
    /// What all ranks took for a call, their mean.
    pub fn add_mean(&mut self, time: f64) {
        self.means.push(time);
    }

    /// When rank 0 called, and when the last rank returned, by the clock that all share.
    pub fn add_root(&mut self, begun: f64, ended: f64) {
        self.begun.push(begun);
        self.lasts.push(ended - begun);
    }

    /// The figures of these calls.
    pub fn figures(self, joint: Joint) -> Figures {
        let median = |times: Vec<f64>| distribution(times).unit;
        let row = ROW.min(self.begun.len().saturating_sub(1)).max(1);
        let periods = self.begun.windows(row + 1).step_by(row);
        let periods = periods.map(|times| (times[row] - times[0]) / row as f64).collect();
        Figures {
            last: (joint == Joint::Broadcast).then(|| median(self.lasts)).flatten(),
            period: median(periods),
            ..distribution(self.means)
        }
    }
}
