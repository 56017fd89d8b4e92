//! mailbox, by requests.

use super::mailbox::Named;
use crate::drive;
use crate::job::{Case, Job, WINDOW};
use crate::link::{Link, System, number};
use crate::outcome::{Declined, Figures, Outcome};
use mailbox::{Config, Endpoint, Mail, Region, Request, Wait};
use std::hint::black_box;
use std::ops::Range;

/// Default settings.
pub fn default(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::RoundTrip | Case::Idle => play(job, job, Wait::default()),
        // To the cases, windows are a stream.
        Case::Window => play(job, &Job { case: Case::Stream, ..job.clone() }, Wait::default()),
        _ => Err(Declined("for requests").into()),
    }
}

/// Both sides sleep at once.
pub fn block(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::Idle => play(job, job, Wait::Block),
        _ => Err(Declined("for a look at a wait").into()),
    }
}

fn play(job: &Job, as_job: &Job, wait: Wait) -> Outcome<Figures> {
    let named = Named(&job.name);
    let region = Region::create(named.0, Config::ranks(2))?;
    let eager_limit = region.eager_limit() as usize;
    drive::processes(as_job, &Requests { region, wait, eager_limit })
}

struct Requests {
    region: Region,
    wait: Wait,
    eager_limit: usize,
}

impl System for Requests {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let me = self.region.join(side)?;
        me.set_wait(self.wait);
        Ok(End { me, other: u32::from(side == 0), eager_limit: self.eager_limit, buffers: Vec::new() })
    }
}

struct End {
    me: Endpoint,
    other: u32,
    eager_limit: usize,
    /// Where the messages of a window lie.
    buffers: Vec<Vec<u8>>,
}

impl Link for End {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.me.to(self.other).start(bytes).wait()?;
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let mut requests = [self.me.from(self.other).start()];
        Request::wait_all(&mut requests)?;
        let [request] = requests;
        received(request)?.copy_to(bytes);
        Ok(())
    }

    fn give(&mut self, messages: Range<u64>, bytes: &mut [u8]) -> Outcome<()> {
        let to = self.me.to(self.other);
        self.buffers.resize(WINDOW, bytes.to_vec());
        let mut next = messages.start;
        let mut requests = Vec::with_capacity(WINDOW);
        while next < messages.end {
            let some = WINDOW.min((messages.end - next) as usize);
            for buffer in &mut self.buffers[..some] {
                number(buffer, next);
                next += 1;
                requests.push(to.start(black_box(&buffer[..])));
            }
            Request::wait_all(&mut requests)?;
            for request in requests.drain(..) {
                request.wait()?;
            }
        }
        Ok(())
    }

    /// Each message is copied to memory of its own, unless it lies in private memory already.
    fn take(&mut self, mut messages: u64, bytes: &mut [u8]) -> Outcome<()> {
        let from = self.me.from(self.other);
        self.buffers.resize(WINDOW, bytes.to_vec());
        let mut requests = Vec::with_capacity(WINDOW);
        while messages > 0 {
            let some = WINDOW.min(messages as usize);
            messages -= some as u64;
            requests.extend((0..some).map(|_| from.start()));
            Request::wait_all(&mut requests)?;
            for (request, buffer) in requests.drain(..).zip(&mut self.buffers) {
                let mail = received(request)?;
                if mail.len() > self.eager_limit {
                    *buffer = mail.into_vec();
                } else {
                    mail.copy_to(black_box(buffer));
                }
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn received(request: Request<'_>) -> Outcome<Mail<'_>> {
    Ok(request.wait()?.ok_or("a receive without a mail")?)
}
