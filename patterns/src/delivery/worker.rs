//! A worker of a queue.

use super::job::{Outcome, READY, RESULT, WORK, Work};
use super::{DeliveryError, Job};
use core::fmt;
use mailbox::{Deadline, Endpoint, Mail, RecvError};
use std::time::{Duration, Instant};

/// How often to look whether the queue has a new life, which does not know that this worker waits.
const LOOK: Duration = Duration::from_millis(100);

/// A worker: it asks a [`Queue`](super::Queue) for a job, does it, and says what came of it.
///
/// A queue that dies forgets who has asked. So a worker that waits asks each new life of the queue again.
pub struct Worker<'a> {
    me: &'a Endpoint,
    queue: u32,
    /// The life of the queue that knows that this worker waits.
    asked: Option<u64>,
    /// What came of the last job.
    last: Option<Outcome>,
}

impl fmt::Debug for Worker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("rank", &self.me.rank())
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl<'a> Worker<'a> {
    /// A worker of the queue that has this rank, now or later. There is one at a time for each endpoint.
    pub fn new(me: &'a Endpoint, queue: u32) -> Self {
        Self { me, queue, asked: None, last: None }
    }

    /// Does one job. Waits until there is one, or until the deadline; whether there was one. If `work` returns an error, which is a
    /// reason in words, the job is given again later.
    ///
    /// If this process dies before the queue knows what came of the job, another worker gets it: [`Job::redelivered`].
    pub fn work(
        &mut self,
        deadline: impl Into<Deadline>,
        work: impl FnOnce(&Job) -> Result<(), String>,
    ) -> Result<bool, DeliveryError> {
        let Some((mail, job)) = self.next(deadline.into())? else { return Ok(false) };
        self.asked = None;
        // If it panics and this worker is used again, it has failed.
        let failure = Some("its worker panicked".into());
        self.last = Some(Outcome { number: job.number, attempt: job.attempt, failure });
        let outcome = Outcome { number: job.number, attempt: job.attempt, failure: work(&job).err() };
        let told = self.tell(&outcome);
        self.last = Some(outcome);
        // Whether it was told or not: a new life of this rank has nothing to do with it.
        mail.ack();
        told.map(|()| true)
    }

    fn tell(&self, outcome: &Outcome) -> Result<(), DeliveryError> {
        self.send(RESULT, &outcome.write())
    }

    fn send(&self, tag: u32, bytes: &[u8]) -> Result<(), DeliveryError> {
        let sent = self.me.to(self.queue).tag(tag).send(bytes);
        sent.map_err(|error| DeliveryError::Send { queue: self.queue, error })
    }

    /// Asks for a job, if this life of the queue was not asked.
    fn ask(&mut self) -> Result<(), DeliveryError> {
        let life = self.me.region().status(self.queue).map_or(0, |(_, epoch)| epoch);
        if self.asked != Some(life) {
            self.send(READY, b"")?;
            self.asked = Some(life);
        }
        Ok(())
    }

    fn next(&mut self, deadline: Deadline) -> Result<Option<(Mail<'a>, Job)>, DeliveryError> {
        loop {
            self.ask()?;
            let look = Instant::now() + LOOK;
            let until = match deadline {
                Deadline::At(time) => Deadline::At(time.min(look)),
                Deadline::Never => Deadline::At(look),
                Deadline::Now => Deadline::Now,
            };
            match self.me.from(self.queue).tag(WORK).within(until).recv() {
                Ok(mail) => {
                    if let Some(job) = self.read(&mail)? {
                        return Ok(Some((mail, job)));
                    }
                    mail.ack();
                    // The queue may think that it has given a job, and that nobody asks.
                    self.asked = None;
                }
                Err(RecvError::Timeout) => {}
                Err(RecvError::Gone { .. }) => self.await_queue(until),
                Err(error) => return Err(error.into()),
            }
            if deadline.has_passed(Instant::now) {
                return Ok(None);
            }
        }
    }

    /// The job, if it is for this life and was not done.
    fn read(&self, mail: &Mail<'_>) -> Result<Option<Job>, DeliveryError> {
        let Some(Work { job, .. }) = Work::read(&mail.to_vec()).filter(|work| work.epoch == self.me.epoch())
        else {
            return Ok(None);
        };
        match &self.last {
            // The queue has died, and its successor does not know.
            Some(last) if (last.number, last.attempt) == (job.number, job.attempt) => {
                self.tell(last).map(|()| None)
            }
            _ => Ok(Some(job)),
        }
    }

    /// Waits for a successor of the queue.
    fn await_queue(&self, until: Deadline) {
        if let Deadline::At(time) = until {
            // It may not come.
            _ = self.me.region().wait_for(self.queue, time.saturating_duration_since(Instant::now()));
        }
    }
}
