//! What the machine allows: cache lines that two processes bounce.

use crate::process::Partner;
use crate::shared::Shared;
use crate::times::Times;
use crossbeam_utils::CachePadded;
use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// A line: a counter and a word of payload.
#[derive(Default)]
struct Line {
    stamp: AtomicU64,
    payload: AtomicU64,
}

impl Line {
    fn write(&self, stamp: u64) {
        self.payload.store(black_box(stamp), Ordering::Relaxed);
        self.stamp.store(stamp, Ordering::Release);
    }

    fn read(&self, stamp: u64) {
        while self.stamp.load(Ordering::Acquire) != stamp {}
        black_box(self.payload.load(Ordering::Relaxed));
    }
}

/// Places in memory that a measurement goes through: which parts of the processor a line's address belongs to
/// makes a third of its travelling time, and a mailbox has many lines.
const PLACES: usize = 16;

/// Two lines in a page of their own.
#[repr(align(4096))]
struct Place([CachePadded<Line>; 2]);

/// Round trips in all places: `there` and `back` say what each side does with the lines in round 0, 1, ….
fn bounce(rounds: u32, there: fn(&Place, u64), back: fn(&Place, u64)) -> io::Result<Times> {
    let memory = Shared::new(size_of::<[Place; PLACES]>())?;
    // SAFETY: as large as that, and aligned to a page; zero is a value of `Line`, which is made of atomics.
    #[expect(unsafe_code, reason = "memory that another process writes")]
    let places: &[Place; PLACES] = unsafe { memory.start().cast().as_ref() };
    let rounds = rounds / PLACES as u32;
    let partner = Partner::start(1, || {
        for place in places {
            (0..Times::calls(rounds).into()).for_each(|round| back(place, round));
        }
    })?;
    let mut all = Times::default();
    for place in places {
        let mut next = 0..;
        let times = Times::of(rounds, || {
            there(place, next.next().unwrap_or(0));
            Ok::<_, Infallible>(())
        });
        all.merge(&times.unwrap_or_else(|never| match never {}));
    }
    partner.finish()?;
    Ok(all)
}

/// Round trips over one line that both processes write: the limit for a request and its reply in one line.
pub fn one_line(rounds: u32) -> io::Result<Times> {
    let there = |Place([line, _]): &Place, round| {
        line.write(2 * round + 1);
        line.read(2 * round + 2);
    };
    let back = |Place([line, _]): &Place, round| {
        line.read(2 * round + 1);
        line.write(2 * round + 2);
    };
    bounce(rounds, there, back)
}

/// Round trips over two lines, one for each direction: the limit for two mailboxes.
pub fn two_lines(rounds: u32) -> io::Result<Times> {
    let there = |Place([there, back]): &Place, round| {
        there.write(round + 1);
        back.read(round + 1);
    };
    let back = |Place([there, back]): &Place, round| {
        there.read(round + 1);
        back.write(round + 1);
    };
    bounce(rounds, there, back)
}
