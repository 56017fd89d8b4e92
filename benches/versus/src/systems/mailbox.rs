//! mailbox, through its public face.

use crate::drive;
use crate::job::{Case, Job};
use crate::link::{COPIED, Link, System, read_in_place, receive_all, send_all};
use crate::outcome::{Declined, Figures, Outcome};
use mailbox::{Config, Endpoint, Region, RemoveError, Wait};
use measure::{Partner, Times};
use std::hint::black_box;
use std::ops::Range;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// Messages in a batch.
const BATCH: u64 = 256;
/// Ranks that one process of a crowd holds: each takes a descriptor.
const CROWD: usize = 256;

/// Default settings.
pub fn default(job: &Job) -> Outcome<Figures> {
    play::<false, false>(job, Wait::default())
}

/// Both sides spin.
pub fn spin(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::Asleep => Err(Declined("never sleeps").into()),
        Case::Silent(others) => from_anyone(job, others, false),
        Case::Quiet(others) => from_anyone(job, others, true),
        _ => play::<false, false>(job, Wait::Spin),
    }
}

/// Both sides sleep at once.
pub fn block(job: &Job) -> Outcome<Figures> {
    play::<false, false>(job, Wait::Block)
}

/// Default settings, and both sides of a stream do so many messages at once.
pub fn batched(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::Stream if job.bytes <= 4096 => play::<true, false>(job, Wait::default()),
        Case::Stream => Err(Declined("for small messages").into()),
        _ => Err(Declined("for streams").into()),
    }
}

/// Default settings; what is received is read where it lies.
pub fn in_place(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::RoundTrip | Case::Stream if job.bytes > COPIED => play::<false, true>(job, Wait::default()),
        _ => Err(Declined("for longer messages").into()),
    }
}

/// A region's name, removed at the end.
pub struct Named<'a>(pub &'a str);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        // In use only where something failed; then its processes are about to end.
        for _ in 0..100 {
            match Region::remove_at(self.0) {
                Err(RemoveError::InUse(_)) => thread::sleep(Duration::from_millis(10)),
                _ => return,
            }
        }
    }
}

fn play<const BATCHED: bool, const IN_PLACE: bool>(job: &Job, wait: Wait) -> Outcome<Figures> {
    if let Case::Silent(_) | Case::Quiet(_) = job.case {
        return Err(Declined("as when it spins").into());
    }
    let named = Named(&job.name);
    let region = Region::create(named.0, Config::ranks(job.case.others() + 1))?;
    drive::processes(job, &Mailbox::<BATCHED, IN_PLACE> { region, wait })
}

struct Mailbox<const BATCHED: bool, const IN_PLACE: bool> {
    region: Region,
    wait: Wait,
}

impl<const BATCHED: bool, const IN_PLACE: bool> System for Mailbox<BATCHED, IN_PLACE> {
    type Link = End<BATCHED, IN_PLACE>;

    fn link(&self, side: u32) -> Outcome<Self::Link> {
        let me = self.region.join(side)?;
        me.set_wait(self.wait);
        Ok(End { me: Rc::new(me), to: u32::from(side == 0) })
    }
}

struct End<const BATCHED: bool, const IN_PLACE: bool> {
    /// Shared with a batch.
    me: Rc<Endpoint>,
    to: u32,
}

impl<const BATCHED: bool, const IN_PLACE: bool> Link for End<BATCHED, IN_PLACE> {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.me.send(self.to, bytes)?)
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let mail = self.me.recv()?;
        if IN_PLACE {
            // SAFETY: the sender is this program, and uses its endpoint.
            #[expect(unsafe_code, reason = "the peer is trusted")]
            read_in_place(unsafe { mail.as_slice() }, bytes);
        } else {
            mail.copy_to(bytes);
        }
        Ok(())
    }

    fn give(&mut self, messages: Range<u64>, bytes: &mut [u8]) -> Outcome<()> {
        if !BATCHED {
            return send_all(self, messages, bytes);
        }
        let me = Rc::clone(&self.me);
        let mut next = messages.start;
        while next < messages.end {
            let end = messages.end.min(next + BATCH);
            let _batch = me.batch();
            send_all(self, next..end, bytes)?;
            next = end;
        }
        Ok(())
    }

    fn take(&mut self, mut messages: u64, bytes: &mut [u8]) -> Outcome<()> {
        if !BATCHED {
            return receive_all(self, messages, bytes);
        }
        let me = Rc::clone(&self.me);
        while messages > 0 {
            let some = messages.min(BATCH);
            let _batch = me.batch();
            receive_all(self, some, bytes)?;
            messages -= some;
        }
        Ok(())
    }
}

/// Round trips of which this side receives from anyone, in a region of so many other ranks. The partner receives from
/// this side alone. The ranks beside these two never speak, or did once and are silent, but alive.
fn from_anyone(job: &Job, others: u32, spoke: bool) -> Outcome<Figures> {
    measure::pin(0);
    let named = Named(&job.name);
    // Small mailboxes, for there may be a thousand.
    let region = Region::create(named.0, Config::ranks(others + 1).cells(64).arena(4096))?;
    let partner = Partner::start(1, || {
        let me = region.join(1).expect("a free rank");
        me.set_wait(Wait::Spin);
        let mut bytes = vec![0; job.bytes];
        for _ in 0..Times::calls(job.count as u32) {
            me.from(0).recv().expect("the other side lives").copy_to(black_box(&mut bytes));
            me.send(0, black_box(&bytes)).expect("the other side lives");
        }
    })?;
    let ranks: Vec<u32> = if spoke { (2..=others).collect() } else { Vec::new() };
    let crowds = ranks.chunks(CROWD).map(|ranks| Partner::start(1, || in_a_crowd(&region, ranks)));
    let crowds = crowds.collect::<Result<Vec<_>, _>>()?;
    let me = region.join(0)?;
    for _ in &ranks {
        drop(me.from_any().within(Duration::from_secs(10)).recv()?);
    }
    me.set_wait(Wait::Spin);
    let mut bytes = vec![1; job.bytes];
    let times = Times::of(job.count as u32, || {
        me.send(1, black_box(&bytes))?;
        me.recv()?.copy_to(black_box(&mut bytes));
        Outcome::Ok(())
    })?;
    drop(me);
    partner.finish()?;
    drop(crowds);
    Ok(Figures::of(&times))
}

/// Joins as these ranks, says something as each, and is silent until the process is killed.
fn in_a_crowd(region: &Region, ranks: &[u32]) {
    let endpoints: Vec<Endpoint> =
        ranks.iter().map(|rank| region.join(*rank).expect("a free rank")).collect();
    endpoints.iter().for_each(|me| me.send(0, b"here").expect("there is room"));
    loop {
        thread::park();
    }
}
