//! A worker of a queue.

use super::job::{Outcome, READY, RESULT, WORK, Work};
use super::{DeliveryError, Job};
use core::fmt;
use mailbox::{Deadline, Endpoint, Mail, RecvError, SendError};
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
    /// Whether the queue is still to be told that.
    is_untold: bool,
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
    /// A worker of the queue that has this rank, now or later. Make one for the whole life of the endpoint: it knows which job was done
    /// last, and so does not do it again if the queue, which has died, gives it once more.
    pub fn new(me: &'a Endpoint, queue: u32) -> Self {
        Self { me, queue, asked: None, last: None, is_untold: false }
    }

    /// Does one job. Waits until there is one, or until the deadline; whether there was one. If `work` returns an error, which is a
    /// reason in words, the job is given again later.
    ///
    /// If this process dies before the queue knows what came of the job, another worker gets it: [`Job::redelivered`]. If the queue has
    /// no room for this word when the job is done and the deadline has passed, the next call tells it first.
    pub fn work(
        &mut self,
        deadline: impl Into<Deadline>,
        work: impl FnOnce(&Job) -> Result<(), String>,
    ) -> Result<bool, DeliveryError> {
        let deadline = deadline.into();
        let Some((mail, job)) = self.next(deadline)? else { return Ok(false) };
        self.asked = None;
        // If it panics and this worker is used again, it has failed.
        let failure = Some("its worker panicked".into());
        self.last = Some(Outcome { number: job.number, attempt: job.attempt, failure });
        self.is_untold = true;
        let outcome = Outcome { number: job.number, attempt: job.attempt, failure: work(&job).err() };
        self.last = Some(outcome);
        let told = self.tell(deadline);
        // Whether it was told or not: a new life of this rank has nothing to do with it.
        mail.ack();
        told.map(|()| true)
    }

    /// Tells the queue what came of the last job, if there is room until then.
    fn tell(&mut self, until: Deadline) -> Result<(), DeliveryError> {
        if let Some(outcome) = self.last.as_ref().filter(|_| self.is_untold) {
            self.is_untold = !self.send(RESULT, &outcome.write(), until)?;
        }
        Ok(())
    }

    /// Whether there was room until then.
    fn send(&self, tag: u32, bytes: &[u8], until: Deadline) -> Result<bool, DeliveryError> {
        match self.me.to(self.queue).tag(tag).within(until).send(bytes) {
            Ok(()) => Ok(true),
            // A successor of the queue makes room.
            Err(SendError::Full(_) | SendError::Timeout(_) | SendError::Gone { .. }) => Ok(false),
            Err(error) => Err(DeliveryError::Send { queue: self.queue, error }),
        }
    }

    /// Asks for a job, if this life of the queue was not asked, and knows what came of the last one.
    fn ask(&mut self, until: Deadline) -> Result<(), DeliveryError> {
        self.tell(until)?;
        let life = self.me.region().status(self.queue).map_or(0, |(_, epoch)| epoch);
        if !self.is_untold && self.asked != Some(life) && self.send(READY, b"", until)? {
            self.asked = Some(life);
        }
        Ok(())
    }

    fn next(&mut self, deadline: Deadline) -> Result<Option<(Mail<'a>, Job)>, DeliveryError> {
        loop {
            let look = Instant::now() + LOOK;
            let until = match deadline {
                Deadline::At(time) => Deadline::At(time.min(look)),
                Deadline::Never => Deadline::At(look),
                Deadline::Now => Deadline::Now,
            };
            self.ask(until)?;
            match self.me.from(self.queue).tag(WORK).within(until).recv() {
                Ok(mail) => {
                    if let Some(job) = self.read(&mail) {
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
    fn read(&mut self, mail: &Mail<'_>) -> Option<Job> {
        let work = Work::read(&mail.to_vec()).filter(|work| work.epoch == self.me.epoch())?;
        let is_last = |last: &Outcome| (last.number, last.attempt) == (work.job.number, work.job.attempt);
        if self.last.as_ref().is_some_and(is_last) {
            // The queue has died, and its successor does not know.
            self.is_untold = true;
            return None;
        }
        Some(work.job)
    }

    /// Waits for a successor of the queue.
    fn await_queue(&self, until: Deadline) {
        if let Deadline::At(time) = until {
            // It may not come.
            _ = self.me.region().wait_for(self.queue, time.saturating_duration_since(Instant::now()));
        }
    }
}
