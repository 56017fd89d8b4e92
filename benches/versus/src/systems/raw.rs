//! What the machine and the system allow.

use crate::drive;
use crate::job::{Case, Job, Joint};
use crate::link::{Link, System};
use crate::outcome::{Declined, Figures, Outcome};
use measure::{Lines, LinesEnd, Slots};

/// A line that both sides write.
pub fn one_line(job: &Job) -> Outcome<Figures> {
    bounce(job, measure::one_line)
}

/// A line for each direction.
pub fn two_lines(job: &Job) -> Outcome<Figures> {
    bounce(job, measure::two_lines)
}

fn bounce(job: &Job, run: fn(u32) -> std::io::Result<measure::Times>) -> Outcome<Figures> {
    measure::pin(0);
    match job.case {
        Case::RoundTrip | Case::Together(Joint::Barrier, 2) if job.bytes <= 48 => {
            Ok(Figures::of(&run(job.count as u32)?))
        }
        _ => Err(Declined("carries a word").into()),
    }
}

/// Sleeping on a futex each.
pub fn futexes(job: &Job) -> Outcome<Figures> {
    measure::pin(0);
    match job.case {
        Case::Asleep => {
            let times = measure::futexes(job.count as u32, drive::SILENCE)?;
            Ok(Figures { unit: Some(drive::ASLEEP), ..Figures::of(&times) })
        }
        _ => Err(Declined("carries nothing").into()),
    }
}

/// A ring of one line a message, for each sender.
pub fn lines(job: &Job) -> Outcome<Figures> {
    if !matches!(job.case, Case::Stream | Case::FanIn(_)) || job.bytes > 48 {
        return Err(Declined("carries streams of small messages").into());
    }
    let rings = (0..job.case.others()).map(|_| Lines::new()).collect::<Result<Vec<_>, _>>()?;
    // For the rest of the process.
    drive::processes(job, &Rings(rings.leak()))
}

struct Rings(&'static [Lines]);

impl System for Rings {
    type Link = RingsEnd;

    fn link(&self, side: u32) -> Outcome<RingsEnd> {
        let rings = match side {
            0 => self.0,
            _ => &self.0[side as usize - 1..side as usize],
        };
        Ok(RingsEnd { ends: rings.iter().map(Lines::end).collect(), turn: 0 })
    }
}

struct RingsEnd {
    ends: Vec<LinesEnd<'static>>,
    turn: usize,
}

impl Link for RingsEnd {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.ends[0].write(bytes);
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        while !self.ends[self.turn].try_read(bytes) {
            self.turn = (self.turn + 1) % self.ends.len();
        }
        Ok(())
    }
}

/// Four slots of a message's length in each direction, copied into and out of.
pub fn slots(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::RoundTrip | Case::Stream if job.bytes > 48 => {}
        Case::StartUp | Case::Memory | Case::Idle => {}
        Case::RoundTrip | Case::Stream => return Err(Declined("small messages go in lines").into()),
        _ => return Err(Declined("has one sender, and never sleeps").into()),
    }
    let slots = [Slots::new(job.bytes)?, Slots::new(job.bytes)?];
    let slots: &'static [Slots; 2] = Box::leak(Box::new(slots));
    drive::processes(job, &Pair(slots))
}

struct Pair(&'static [Slots; 2]);

impl System for Pair {
    type Link = PairEnd;

    fn link(&self, side: u32) -> Outcome<PairEnd> {
        let [there, back] = self.0;
        let (out, into) = if side == 0 { (there, back) } else { (back, there) };
        Ok(PairEnd { out, into, sent: 0, received: 0 })
    }
}

struct PairEnd {
    out: &'static Slots,
    into: &'static Slots,
    sent: u64,
    received: u64,
}

impl Link for PairEnd {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.out.write(self.sent, bytes);
        self.sent += 1;
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        self.into.read(self.received, bytes);
        self.received += 1;
        Ok(())
    }
}
