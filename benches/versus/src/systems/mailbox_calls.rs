//! Calls of mailbox: request and answer.

use super::mailbox::Named;
use crate::drive;
use crate::job::{Case, Job};
use crate::link::{ASKS, Link, System};
use crate::outcome::{Declined, Figures, Outcome};
use mailbox::{Config, Endpoint, Region, Wait};
use std::hint::black_box;

/// Default settings.
pub fn default(job: &Job) -> Outcome<Figures> {
    play(job, Wait::default())
}

/// Both sides spin.
pub fn spin(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::Asleep => Err(Declined("never sleeps").into()),
        _ => play(job, Wait::Spin),
    }
}

fn play(job: &Job, wait: Wait) -> Outcome<Figures> {
    let (Case::RoundTrip | Case::Asleep) = job.case else { return Err(Declined(ASKS).into()) };
    let named = Named(&job.name);
    let region = Region::create(named.0, Config::ranks(2))?;
    if job.bytes as u64 > region.eager_limit() {
        return Err(Declined("calls are not announced").into());
    }
    drive::processes(job, &Calls { region, wait })
}

struct Calls {
    region: Region,
    wait: Wait,
}

impl System for Calls {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let me = self.region.join(side)?;
        me.set_wait(self.wait);
        Ok(End(me))
    }
}

struct End(Endpoint);

impl Link for End {
    #[inline(always)]
    fn exchange(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let reply = self.0.call(1, black_box(bytes))?;
        black_box(bytes).copy_from_slice(&reply);
        Ok(())
    }

    #[inline(always)]
    fn serve(&mut self, bytes: &mut [u8], change: impl FnOnce(&mut [u8])) -> Outcome<()> {
        let call = self.0.recv()?;
        call.copy_to(black_box(bytes));
        change(bytes);
        Ok(call.reply(black_box(bytes))?)
    }
}
