//! mailbox, by tags.

use super::mailbox::Named;
use crate::drive;
use crate::job::{Case, Job};
use crate::link::{Link, System};
use crate::outcome::{Declined, Figures, Outcome};
use mailbox::{Config, Endpoint, Region};
use measure::Partner;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

const TAG: u32 = 7;
/// Until its sender has sent what is to lie unread.
const SILENCE: Duration = Duration::from_millis(20);
/// Private memory for unread mail.
const BUDGET: u64 = 64 << 20;

/// Default settings; for unread messages a mailbox that holds them all.
pub fn default(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::RoundTrip | Case::Stream => {
            let named = Named(&job.name);
            let region = Region::create(named.0, Config::ranks(2))?;
            drive::processes(job, &Tagged { region })
        }
        Case::InOrder(messages) => unread(job, messages, false, 1 << 14),
        Case::Reversed(messages) => unread(job, messages, true, 1 << 14),
        _ => Err(Declined("as without").into()),
    }
}

/// A mailbox of 1024 cells, and memory for unread mail.
pub fn budget(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::InOrder(messages) => unread(job, messages, false, 1 << 10),
        Case::Reversed(messages) => unread(job, messages, true, 1 << 10),
        _ => Err(Declined("for unread messages").into()),
    }
}

struct Tagged {
    region: Region,
}

impl System for Tagged {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        Ok(End { me: self.region.join(side)?, other: u32::from(side == 0) })
    }
}

struct End {
    me: Endpoint,
    other: u32,
}

impl Link for End {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.me.to(self.other).tag(TAG).send(bytes)?)
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        self.me.from(self.other).tag(TAG).recv()?.copy_to(bytes);
        Ok(())
    }
}

/// So many messages, each with a tag of its own, received after all of them were sent, or the mailbox was full.
fn unread(job: &Job, messages: u32, reversed: bool, cells: u32) -> Outcome<Figures> {
    measure::pin(0);
    let named = Named(&job.name);
    let region = Region::create(named.0, Config::ranks(2).cells(cells))?;
    let partner = Partner::start(1, || {
        let me = region.join(1).expect("a free rank");
        let bytes = vec![1; job.bytes];
        for _ in 0..job.count {
            drop(me.recv().expect("the other side lives"));
            (0..messages).for_each(|tag| me.to(0).tag(tag).send(black_box(&bytes)).expect("it lives"));
        }
    })?;
    let me = region.join(0)?;
    me.set_unread_budget(BUDGET);
    let mut bytes = vec![0; job.bytes];
    let mut time = Duration::ZERO;
    for _ in 0..job.count {
        me.send(1, b"")?;
        thread::sleep(SILENCE);
        let start = Instant::now();
        for at in 0..messages {
            let tag = if reversed { messages - 1 - at } else { at };
            me.from(1).tag(tag).recv()?.copy_to(black_box(&mut bytes));
        }
        time += start.elapsed();
    }
    drop(me);
    partner.finish()?;
    Ok(Figures::of_rate((job.count * u64::from(messages)) as f64 / time.as_secs_f64()))
}
