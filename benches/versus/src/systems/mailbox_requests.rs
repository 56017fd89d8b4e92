//! mailbox, by requests.

use super::mailbox::Named;
use crate::drive;
use crate::job::{Case, Job, WINDOW};
use crate::link::{Link, System, number};
use crate::outcome::{Declined, Figures, Outcome};
use mailbox::{Config, Endpoint, Mail, Region, Request, Wait};
use std::hint::black_box;
use std::ops::Range;

/// Default settings; messages are sent one after the other to receives that were started.
pub fn sends(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::Window => play::<false>(job, &Job { case: Case::Stream, ..job.clone() }, Wait::default()),
        _ => Err(Declined("for windows").into()),
    }
}

/// Default settings.
pub fn default(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::RoundTrip | Case::Idle => play::<true>(job, job, Wait::default()),
        // To the cases, windows are a stream.
        Case::Window => play::<true>(job, &Job { case: Case::Stream, ..job.clone() }, Wait::default()),
        _ => Err(Declined("for requests").into()),
    }
}

/// Both sides sleep at once.
pub fn block(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::Idle => play::<true>(job, job, Wait::Block),
        _ => Err(Declined("for a look at a wait").into()),
    }
}

fn play<const STARTED: bool>(job: &Job, as_job: &Job, wait: Wait) -> Outcome<Figures> {
    let named = Named(&job.name);
    let region = Region::create(named.0, Config::ranks(2))?;
    let eager_limit = region.eager_limit() as usize;
    drive::processes(as_job, &Requests::<STARTED> { region, wait, eager_limit })
}

struct Requests<const STARTED: bool> {
    region: Region,
    wait: Wait,
    eager_limit: usize,
}

impl<const STARTED: bool> System for Requests<STARTED> {
    type Link = End<STARTED>;

    fn link(&self, side: u32) -> Outcome<End<STARTED>> {
        let me = self.region.join(side)?;
        me.set_wait(self.wait);
        Ok(End { me, other: u32::from(side == 0), eager_limit: self.eager_limit, buffers: Vec::new() })
    }
}

struct End<const STARTED: bool> {
    me: Endpoint,
    other: u32,
    eager_limit: usize,
    /// Where the messages of a window lie.
    buffers: Vec<Vec<u8>>,
}

impl<const STARTED: bool> Link for End<STARTED> {
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
                if !STARTED {
                    to.send(black_box(buffer))?;
                    continue;
                }
                requests.push(to.start(black_box(&buffer[..])));
            }
            Request::wait_all(&mut requests)?;
            for request in requests.drain(..) {
                request.wait()?;
            }
        }
        Ok(())
    }

    /// Each message is copied to memory of its own. One that was announced has been, and of that the last bytes are looked at.
    fn take(&mut self, mut messages: u64, bytes: &mut [u8]) -> Outcome<()> {
        let from = self.me.from(self.other);
        self.buffers.resize(WINDOW, bytes.to_vec());
        let mut requests = Vec::with_capacity(WINDOW);
        while messages > 0 {
            let some = WINDOW.min(messages as usize);
            messages -= some as u64;
            requests.extend((0..some).map(|_| from.start()));
            for (request, buffer) in requests.drain(..).zip(&mut self.buffers) {
                let mail = received(request)?;
                if mail.len() > self.eager_limit {
                    let mut last = [0; 64];
                    mail.read_at(mail.len() - last.len(), black_box(&mut last));
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
