//! A queue of jobs, for workers that may die.

use super::job::{JOB, KINDS, Outcome, READY, RESULT, WORDS, WORK, Work};
use super::jobs::{Holder, Jobs};
use super::{
    DeadLetter, DeadLetters, DeliveryError, Durability, Id, Job, JournalError, Ledger, Recovered, Retry,
    Verdict, id,
};
use core::fmt;
use mailbox::{Deadline, Endpoint, Mail, RecvError, Status};
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How many words have one commit at most.
const BATCH: usize = 64;
/// How often to look who of the workers is there.
const LOOK: Duration = Duration::from_millis(100);
/// How many jobs there are at most, if nothing else is said.
const MOST: usize = 1 << 16;

/// How many bytes all jobs have at most, and one more: the file can be written again in one piece.
const MOST_BYTES: usize = 256 << 20;

/// What a step of a queue has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// How many jobs came.
    pub posted: u32,
    /// How many were given to workers.
    pub given: u32,
    /// How many are done.
    pub done: u32,
    /// How many came back from a worker that failed or ended, and are given again.
    pub back: u32,
    /// How many were set aside as dead letters.
    pub dead: u32,
}

/// A queue of jobs. It gives each job to one of the workers that ask for one. If that ends, the job goes to another, marked. It is for
/// one process at a time; the file has all that a successor needs.
///
/// Anyone posts a job with an [`Outbox`](super::Outbox) and the tag [`Queue::JOB`]: it is in the queue once, whichever process dies. A
/// [`Worker`](super::Worker) does it at least once.
///
/// ```
/// # use mailbox::{Config, Region};
/// use mailbox_patterns::delivery::{DeadLetters, Durability, Outbox, Queue, Retry, Worker};
/// use std::time::Duration;
/// # let folder = std::env::temp_dir().join(format!("doc-queue-{}", std::process::id()));
/// # std::fs::create_dir(&folder)?;
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let (me, one, other) = (region.join(0)?, region.join(1)?, region.join(2)?);
/// # let path = folder.clone();
/// # let posts = std::thread::spawn(move || {
/// #     let me = one;
/// #     let folder = path;
/// // One process
/// let (mut outbox, _) = Outbox::open(&me, folder.join("outbox"), Durability::Process).unwrap();
/// outbox.post_with(0, Queue::JOB, b"", b"paint the fence").unwrap();
/// outbox.deliver(Duration::from_secs(5)).unwrap();
/// # });
/// # let works = std::thread::spawn(move || {
/// #     let me = other;
/// // Another
/// let mut worker = Worker::new(&me, 0);
/// worker.work(Duration::from_secs(5), |job| {
///     assert_eq!((&job.body[..], job.redelivered), (&b"paint the fence"[..], 0));
///     Ok(())
/// })
/// .unwrap();
/// # });
///
/// // And the queue
/// let dead = DeadLetters::open(folder.join("dead"))?;
/// let (mut queue, _) = Queue::open(&me, folder.join("queue"), Durability::Process, Retry::new(3), dead)?;
/// let mut done = 0;
/// while done < 1 {
///     done += queue.step(Duration::from_secs(5))?.done;
/// }
/// assert_eq!(queue.jobs(), 0);
/// # posts.join().unwrap();
/// # works.join().unwrap();
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Queue<'a> {
    me: &'a Endpoint,
    ledger: Ledger,
    retry: Retry,
    dead: DeadLetters,
    most: usize,
    jobs: Jobs,
    /// Those that no worker has: from when on each may be given, and its number.
    waiting: BTreeSet<(Instant, u64)>,
    /// Workers that want a job, the one that has waited longest first.
    idle: VecDeque<Holder>,
    looked: Instant,
    /// Whether somebody has ended since.
    is_to_look: bool,
    /// What has found no room yet in a worker's mailbox.
    unsent: Vec<(Holder, Work)>,
}

impl fmt::Debug for Queue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("jobs", &self.jobs.len())
            .field("idle", &self.idle.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Queue<'a> {
    /// The tag of messages that are jobs.
    pub const JOB: u32 = JOB;

    /// Opens the queue in the file at this path, and creates it if it is not there. Jobs that a worker has that still lives stay
    /// with it. A job that was tried as often as `retry` says goes to the dead letters, also if its workers ended. As
    /// [`Journal::open`](super::Journal::open) otherwise.
    pub fn open(
        me: &'a Endpoint,
        path: impl Into<PathBuf>,
        durability: Durability,
        retry: Retry,
        dead: DeadLetters,
    ) -> Result<(Self, Recovered), JournalError> {
        let (mut jobs, mut is_garbled) = (Jobs::default(), false);
        let (ledger, recovered) =
            Ledger::open(path, durability, |replay| is_garbled |= jobs.replay(replay).is_none())?;
        if is_garbled {
            let (path, records) = (ledger.path().into(), recovered.records);
            return Err(JournalError::Garbled { path, at: 0, records });
        }
        let now = Instant::now();
        let free = jobs.iter().filter(|(_, entry)| entry.holder.is_none());
        let waiting = free.map(|(number, _)| (now, number)).collect();
        let idle = VecDeque::new();
        let (most, is_to_look, unsent) = (MOST, false, vec![]);
        let queue =
            Self { me, ledger, retry, dead, most, jobs, waiting, idle, looked: now, is_to_look, unsent };
        Ok((queue, recovered))
    }

    /// The same, with at most so many jobs. When it has them, those that come wait in their mailboxes. 65 536 until this is called, and
    /// 256 MiB in any case.
    #[must_use]
    pub fn most(self, jobs: usize) -> Self {
        Self { most: jobs, ..self }
    }

    /// How many jobs are not over.
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Takes the words that are there, up to 64, gives jobs to workers, and sees which workers have ended. Waits until there is
    /// something of that to do, or until the deadline. It may return early, with nothing done.
    ///
    /// After [`DeliveryError::Journal`] end the process, and start from the file again.
    pub fn step(&mut self, deadline: impl Into<Deadline>) -> Result<Progress, DeliveryError> {
        let (mut mails, mut progress) = (vec![], Progress::default());
        let stepped = self
            .take_words(deadline.into(), &mut mails, &mut progress)
            .and_then(|()| self.look(&mut mails, &mut progress))
            .and_then(|()| self.give(&mut progress));
        if let Err(error) = self.commit() {
            // Dropping them would acknowledge them.
            mails.into_iter().for_each(Mail::requeue);
            return Err(error.into());
        }
        mails.into_iter().for_each(Mail::ack);
        self.send_work();
        stepped.map(|()| progress)
    }

    /// Sends what was given to workers. What finds no room waits.
    fn send_work(&mut self) {
        let Self { me, jobs, unsent, .. } = self;
        unsent.retain(|(worker, work)| {
            let has_it = jobs.get(work.job.number).is_some_and(|entry| entry.holder == Some(*worker));
            has_it && me.to(worker.0).tag(WORK).try_send(&work.write()).is_err()
        });
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.ledger.commit()?;
        if self.ledger.wants_compaction() { self.ledger.compact(&self.jobs.write()) } else { Ok(()) }
    }

    fn take_words(
        &mut self,
        deadline: Deadline,
        mails: &mut Vec<Mail<'a>>,
        progress: &mut Progress,
    ) -> Result<(), DeliveryError> {
        let mut until = self.until(deadline);
        for _ in 0..BATCH {
            // The words of workers alone, if there is no room for a job.
            let has_room = self.jobs.len() < self.most && self.jobs.bytes() < MOST_BYTES;
            let mask = if has_room { !KINDS } else { !1 };
            let from = self.me.from_any().tag_masked(if mask == !KINDS { WORDS } else { READY }, mask);
            match from.within(until).recv() {
                Ok(mail) => mails.push(self.read(mail, progress)?),
                Err(RecvError::Timeout) => return Ok(()),
                // Who has ended is seen at once.
                Err(RecvError::Gone { .. }) => self.is_to_look = true,
                Err(RecvError::Held(_) | RecvError::Crowded { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            until = Deadline::Now;
        }
        Ok(())
    }

    /// How long to wait for a word.
    fn until(&self, deadline: Deadline) -> Deadline {
        let has_given = self.waiting.len() < self.jobs.len();
        let look = has_given.then(|| Instant::now() + LOOK);
        let due = self.waiting.first().filter(|_| !self.idle.is_empty()).map(|(due, _)| *due);
        let first = [look, due].into_iter().flatten().min();
        match (deadline, first) {
            (Deadline::At(time), Some(first)) => Deadline::At(time.min(first)),
            (Deadline::Never, Some(first)) => Deadline::At(first),
            (deadline, _) => deadline,
        }
    }

    /// Does what a word says. The mail, which is to be acknowledged after the commit.
    fn read(&mut self, mail: Mail<'a>, progress: &mut Progress) -> Result<Mail<'a>, DeliveryError> {
        let read = match mail.tag() {
            READY => {
                self.ready((mail.from(), mail.epoch()));
                Ok(())
            }
            RESULT => self.result(&mail, progress),
            JOB => self.post(&mail, progress),
            _ => Ok(()),
        };
        match read {
            Ok(()) => Ok(mail),
            Err(error) => {
                mail.requeue();
                Err(error)
            }
        }
    }

    fn post(&mut self, mail: &Mail<'_>, progress: &mut Progress) -> Result<(), DeliveryError> {
        let id = Id::of(mail);
        let body = mail.to_vec().split_off(if id.is_some() { id::LEN } else { 0 });
        let limit = (self.me.region().eager_limit() as usize).saturating_sub(Work::HEAD);
        let reason = match id.map(|id| (id, self.ledger.judge(id))) {
            Some((_, Verdict::Repeated)) => return Ok(()),
            Some((id, Verdict::New)) if body.len() <= limit => {
                let number = self.jobs.post(&mut self.ledger, id, &body)?;
                self.waiting.insert((Instant::now(), number));
                progress.posted += 1;
                return Ok(());
            }
            Some((_, Verdict::New)) => "it is too long for a worker's mailbox",
            Some(_) => "it may have been posted before: nobody can say",
            None => "it has no numbers of an outbox",
        };
        let name = match id {
            Some(id) => format!("{}-{}-{:x}-{}", id.sender, self.me.rank(), id.life, id.number),
            None => format!("{}-{}-e{}-{}", mail.from(), self.me.rank(), mail.epoch(), mail.seq()),
        };
        self.dead
            .add(&name, &self.letter(mail.from(), id.map(|id| (id.life, id.number)), 0, reason, body))?;
        if let Some(id) = id.filter(|id| self.ledger.judge(*id) == Verdict::New) {
            self.ledger.set_aside(id)?;
        }
        progress.dead += 1;
        Ok(())
    }

    fn letter(
        &self,
        from: u32,
        numbers: Option<(u64, u64)>,
        attempts: u32,
        reason: &str,
        body: Vec<u8>,
    ) -> DeadLetter {
        let (to, when, reason) = (self.me.rank(), SystemTime::now(), reason.into());
        DeadLetter { from, to, tag: JOB, attempts, numbers, when, reason, body }
    }

    /// A worker wants a job.
    fn ready(&mut self, worker: Holder) {
        if self.idle.contains(&worker) {
            return;
        }
        self.idle.retain(|(rank, _)| *rank != worker.0);
        self.idle.push_back(worker);
    }

    fn result(&mut self, mail: &Mail<'_>, progress: &mut Progress) -> Result<(), DeliveryError> {
        let Some(outcome) = Outcome::read(&mail.to_vec()) else { return Ok(()) };
        let worker = (mail.from(), mail.epoch());
        let is_current = self
            .jobs
            .get(outcome.number)
            .is_some_and(|entry| entry.holder == Some(worker) && entry.attempts == outcome.attempt);
        match outcome.failure {
            _ if !is_current => Ok(()),
            None => {
                progress.done += 1;
                Ok(self.jobs.end(&mut self.ledger, outcome.number)?)
            }
            Some(reason) => self.failed(outcome.number, &reason, false, progress),
        }
    }

    /// The job comes back: it is given again, or set aside.
    fn failed(
        &mut self,
        number: u64,
        reason: &str,
        has_ended: bool,
        progress: &mut Progress,
    ) -> Result<(), DeliveryError> {
        let Some(entry) = self.jobs.get(number) else { return Ok(()) };
        if entry.attempts < self.retry.attempts() {
            progress.back += 1;
            return Ok(self.take_back(number, has_ended)?);
        }
        let (from, numbers) = (entry.from, entry.numbers);
        let letter = self.letter(from, Some(numbers), entry.attempts, reason, entry.body.clone());
        let name = format!("{from}-{}-{:x}-{}", self.me.rank(), numbers.0, numbers.1);
        self.dead.add(&name, &letter)?;
        progress.dead += 1;
        Ok(self.jobs.end(&mut self.ledger, number)?)
    }

    fn take_back(&mut self, number: u64, has_ended: bool) -> Result<(), JournalError> {
        let attempts = self.jobs.get(number).map_or(0, |entry| entry.attempts);
        self.jobs.take_back(&mut self.ledger, number, has_ended)?;
        // A worker that has ended says nothing of the job: another has it at once.
        let delay = if has_ended { Duration::ZERO } else { self.retry.delay(attempts) };
        self.waiting.insert((Instant::now() + delay, number));
        Ok(())
    }

    /// Takes the jobs back of workers that have ended, after their last words.
    fn look(&mut self, mails: &mut Vec<Mail<'a>>, progress: &mut Progress) -> Result<(), DeliveryError> {
        if !self.is_to_look && self.looked.elapsed() < LOOK {
            return Ok(());
        }
        (self.looked, self.is_to_look) = (Instant::now(), false);
        let given = self.jobs.iter().filter_map(|(number, entry)| Some((number, entry.holder?)));
        let lost: Vec<(u64, Holder)> = given.filter(|(_, holder)| !self.lives(*holder)).collect();
        for (number, holder) in lost {
            // What a dead worker has sent is all there.
            while let Ok(Some(mail)) = self.me.from(holder.0).tag(RESULT).try_recv() {
                let is_of_successor = mail.epoch() != holder.1;
                mails.push(self.read(mail, progress)?);
                if is_of_successor {
                    break;
                }
            }
            if self.jobs.get(number).is_some_and(|entry| entry.holder == Some(holder)) {
                let reason = format!("its last worker, rank {}, has ended", holder.0);
                self.failed(number, &reason, true, progress)?;
            }
        }
        Ok(())
    }

    fn lives(&self, (rank, epoch): Holder) -> bool {
        self.me.region().status(rank) == Some((Status::Live, epoch))
    }

    /// Gives jobs to workers that want one. They are sent after the commit.
    fn give(&mut self, progress: &mut Progress) -> Result<(), DeliveryError> {
        let now = Instant::now();
        while let Some(worker) = self.idle.front().copied() {
            if !self.lives(worker) {
                self.idle.pop_front();
                continue;
            }
            // It asks again: the word that gave it a job never left a queue that died.
            let lost =
                self.jobs.iter().find(|(_, entry)| entry.holder == Some(worker)).map(|(number, _)| number);
            let number = match lost {
                Some(number) => number,
                None => {
                    let Some(first) = self.waiting.first().copied().filter(|(due, _)| *due <= now) else {
                        break;
                    };
                    self.waiting.remove(&first);
                    self.jobs.give(&mut self.ledger, first.1, worker)?;
                    progress.given += 1;
                    first.1
                }
            };
            self.idle.pop_front();
            let Some(entry) = self.jobs.get(number) else { continue };
            let (attempt, redelivered) = (entry.attempts, entry.deaths);
            let job = Job { number, attempt, redelivered, body: entry.body.clone() };
            // One word to each worker: one that asks and does not receive takes no memory here.
            self.unsent.retain(|(to, _)| *to != worker);
            self.unsent.push((worker, Work { epoch: worker.1, job }));
        }
        Ok(())
    }
}
