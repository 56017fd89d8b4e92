//! The part of a rank in a run.

use super::folder::LAST;
use super::lead::Lead;
use super::meter::Meter;
use super::note::{Message, Note, TAG, Why};
use super::post::Post;
use super::run::Run;
use super::worker::{Failure, Worker};
use super::{CheckpointError, Report, RunError};
use mailbox::{Broken, Deadline, RecvError, Status};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How often a member looks whether the others live, and at most waits for mail.
const LOOK: Duration = Duration::from_millis(20);
/// How long a member waits for mail while a mailbox has no room for its own.
const HELD: Duration = Duration::from_millis(1);
/// How often a member says that it is there, until an attempt begins.
const HELLO: Duration = Duration::from_millis(100);
/// How long the others are told of the end, if they take nothing.
const FAREWELL: Duration = Duration::from_secs(1);
/// A member writes no more checkpoints than so many that are not complete, and then its operators wait.
const AHEAD: u64 = 4;
/// So many messages are taken before operators have their turn.
const MESSAGES: usize = 64;

/// How many runs this process has begun.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// The part of a rank in a run. One of them, the coordinator, has a [`Lead`], too.
pub struct Member<'a> {
    run: &'a Run<'a>,
    /// Which run it is. Mail is for the rank: its next life, and the next run of this one, read what was left. So they have other numbers.
    number: u64,
    lead: Option<Lead>,
    /// The attempt that it takes part in, or has given up.
    attempt: u64,
    /// The epoch of the coordinator that has begun it.
    epoch: u64,
    worker: Option<Worker<'a>>,
    /// All are ready.
    is_running: bool,
    /// The coordinator has told that the run has failed.
    is_over: bool,
    post: Post<'a>,
    /// Since when it waits for an attempt.
    since: Instant,
    said_hello: Option<Instant>,
    /// When it has looked who lives; at once, if not yet.
    looked: Option<Instant>,
    went_back: u32,
    checkpoint: u64,
    meter: Meter<'a>,
}

impl<'a> Member<'a> {
    pub fn new(run: &'a Run<'a>) -> Self {
        let is_leader = run.leader == run.me.rank();
        let lead = is_leader.then(|| Lead::new(run.me, run.ranks.clone(), run.folder.fingerprint()));
        Self {
            run,
            number: (run.me.epoch() << 32) | u64::from(RUNS.fetch_add(1, Ordering::Relaxed).wrapping_add(1)),
            lead,
            attempt: 0,
            epoch: 0,
            worker: None,
            is_running: false,
            is_over: false,
            post: Post::new(run.me),
            since: Instant::now(),
            said_hello: None,
            looked: None,
            went_back: 0,
            checkpoint: 0,
            meter: Meter::new(run.me.rank(), &run.plan, run.options),
        }
    }

    /// Until the graph has ended.
    pub fn run(&mut self) -> Result<Report, RunError> {
        loop {
            if self.worker.is_none()
                && let Some(report) = self.wait_for_an_attempt()?
            {
                return Ok(report);
            }
            self.look()?;
            self.post.send()?;
            let is_busy = match self.work() {
                Err(failure) => self.give_up_after(failure)?,
                Ok(is_busy) => is_busy,
            };
            if let Some(report) = self.listen(is_busy)? {
                return Ok(report);
            }
            if let Some(worker) = &self.worker {
                self.meter.show(|| worker.handled());
            }
        }
    }

    fn tell_leader(&mut self, note: Note) {
        self.post.tell(self.run.leader, note);
    }

    fn say_hello(&mut self) {
        let fingerprint = self.run.folder.fingerprint();
        self.tell_leader(Note::Hello { fingerprint, attempt: self.attempt, run: self.number });
    }

    /// Says that it is there. The report, if the graph has ended meanwhile.
    fn wait_for_an_attempt(&mut self) -> Result<Option<Report>, RunError> {
        let Run { me, options, folder, leader, .. } = self.run;
        if self.said_hello.is_some_and(|said| said.elapsed() < HELLO) {
            return Ok(None);
        }
        self.said_hello = Some(Instant::now());
        if folder.has_ended() && folder.newest(options.is_strict)?.is_some_and(|(number, _)| number == LAST) {
            return self.end().map(Some);
        }
        let is_there = matches!(me.region().status(*leader), Some((Status::Live, _)));
        // The coordinator itself waits as long for others.
        let patience = if is_there {
            options.patience.saturating_mul(2).saturating_add(FAREWELL)
        } else {
            options.patience
        };
        if self.since.elapsed() > patience {
            return Err(RunError::Missing { rank: *leader });
        }
        if self.post.has_none_for(*leader) {
            self.say_hello();
        }
        Ok(None)
    }

    /// Loads the state at the end, so that sinks are given what they may not have been.
    fn end(&mut self) -> Result<Report, RunError> {
        let Run { me, plan, options, folder, .. } = self.run;
        let state = folder.read_state(LAST, me.rank())?;
        match Worker::new(me, plan, options, self.attempt, Some((LAST, &state))) {
            Ok(worker) => Ok(self.report(&worker)),
            Err(Failure::Run(error)) => Err(error),
            Err(Failure::Operator { operator, reason }) => {
                Err(RunError::Operator { rank: me.rank(), operator, reason })
            }
        }
    }

    fn report(&self, worker: &Worker<'_>) -> Report {
        self.meter.report(&worker.handled(), self.went_back, self.checkpoint)
    }

    /// Looks whether the others live.
    fn look(&mut self) -> Result<(), RunError> {
        let is_waiting = self.lead.as_ref().is_some_and(Lead::is_gathering);
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) && !is_waiting {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let Run { me, options, folder, leader, .. } = self.run;
        if let Some(lead) = &mut self.lead {
            self.post.tell_all(lead.step(me, folder, options)?);
        } else if self.worker.is_some() && me.region().status(*leader) != Some((Status::Live, self.epoch)) {
            self.give_up();
        }
        Ok(())
    }

    /// The coordinator tells the others how it has ended, and any other member tells the coordinator of its error: as far as these
    /// take it.
    pub fn say_farewell(&mut self, why: Option<Why>) {
        match (&self.lead, why) {
            (Some(lead), Some(why)) => {
                let over = |rank: &u32| (*rank, Note::Over { run: lead.run_of(*rank), why: why.clone() });
                self.post.tell_all(self.run.ranks.iter().map(over));
            }
            (None, Some(why)) if !self.is_over => {
                self.tell_leader(Note::Left { attempt: self.attempt, why });
            }
            (Some(_), None) => {}
            (None, _) => return,
        }
        self.post.send_all(FAREWELL);
    }

    /// Whether anything was done.
    fn work(&mut self) -> Result<bool, Failure> {
        let Some(worker) = self.worker.as_mut().filter(|_| self.is_running) else { return Ok(false) };
        let mut is_busy = worker.work()?;
        let most = self.checkpoint.saturating_add(AHEAD);
        while let Some(worker) = &mut self.worker
            && let Some((number, state)) = worker.snapshot(most)
        {
            let Run { me, folder, .. } = self.run;
            folder.write_state(number, me.rank(), &state).map_err(|error| Failure::Run(error.into()))?;
            self.tell_leader(Note::Saved { attempt: self.attempt, number });
            is_busy = true;
        }
        Ok(is_busy)
    }

    /// Leaves the attempt, and waits for the next.
    fn give_up(&mut self) {
        self.worker = None;
        self.is_running = false;
        (self.since, self.said_hello) = (Instant::now(), None);
    }

    fn give_up_after(&mut self, failure: Failure) -> Result<bool, RunError> {
        let Failure::Operator { operator, reason } = failure else {
            let Failure::Run(error) = failure else { return Ok(true) };
            return Err(error);
        };
        self.tell_leader(Note::Failed { attempt: self.attempt, operator, reason });
        self.give_up();
        Ok(true)
    }

    /// Takes messages that are there; waits for the first if there is nothing else to do. The report, if the graph has ended.
    fn listen(&mut self, is_busy: bool) -> Result<Option<Report>, RunError> {
        let me = self.run.me;
        // Notes to itself go no other way.
        while let Some(note) = self.post.own() {
            if let Some(report) = self.hear(me.rank(), me.epoch(), note)? {
                return Ok(Some(report));
            }
        }
        let is_held = self.worker.as_ref().is_some_and(Worker::is_held);
        let wait = Deadline::from(if is_held { HELD } else { LOOK });
        let mut deadline = if is_busy { Deadline::Now } else { wait };
        for _ in 0..MESSAGES {
            match me.from_any().tag(TAG).within(deadline).recv() {
                Ok(mail) => {
                    let (from, epoch) = (mail.from(), mail.epoch());
                    let is_member = self.run.ranks.contains(&from) && from != me.rank();
                    let is_short = mail.len() as u64 <= me.region().eager_limit();
                    let bytes = if is_member && is_short { mail.into_vec() } else { vec![] };
                    if let Some(report) = self.read(from, epoch, &bytes)? {
                        return Ok(Some(report));
                    }
                }
                Err(RecvError::Timeout) => break,
                // A member that has ended is found out when this looks who lives; other mail is not this one's to receive.
                Err(RecvError::Gone { .. }) => self.looked = None,
                // The mailboxes of members go on, or it is not theirs.
                Err(RecvError::Held(_)) => {}
                Err(
                    RecvError::Crowded { rank, .. }
                    | RecvError::Broken(Broken::Corrupt(rank) | Broken::NoMemory { rank, .. }),
                ) if !self.run.ranks.contains(&rank) => {}
                Err(RecvError::Broken(Broken::Oneself)) => break,
                Err(error) => return Err(error.into()),
            }
            deadline = Deadline::Now;
        }
        Ok(None)
    }

    /// Reads a message. What is none is left out.
    fn read(&mut self, from: u32, epoch: u64, bytes: &[u8]) -> Result<Option<Report>, RunError> {
        let worker = self.worker.as_mut();
        match Message::read(bytes) {
            Some(Message::Note(note)) => return self.hear(from, epoch, note),
            Some(Message::Batch(batch, events)) => {
                if let Some(Err(failure)) = worker.map(|worker| worker.put(from, batch, events)) {
                    self.give_up_after(failure)?;
                }
            }
            Some(Message::Taken(taken)) => _ = worker.map(|worker| worker.taken(from, taken)),
            None => {}
        }
        Ok(None)
    }

    fn hear(&mut self, from: u32, epoch: u64, note: Note) -> Result<Option<Report>, RunError> {
        let Run { folder, options, leader, me, .. } = self.run;
        if let Some(lead) = &mut self.lead {
            self.post.tell_all(lead.hear(from, epoch, &note, folder, options)?);
        }
        if from != *leader {
            return Ok(None);
        }
        let is_current = self.worker.is_some();
        match note {
            Note::Begin { attempt, number, run } if attempt > self.attempt && run == self.number => {
                self.went_back += u32::from(self.attempt > 0);
                (self.attempt, self.epoch, self.checkpoint) = (attempt, epoch, number);
                self.is_running = false;
                self.worker = None;
                match self.load(number) {
                    Ok(worker) => {
                        self.worker = Some(worker);
                        self.tell_leader(Note::Ready { attempt });
                    }
                    Err(failure) => _ = self.give_up_after(failure)?,
                }
            }
            Note::Go { attempt } if attempt == self.attempt && is_current => self.is_running = true,
            Note::Stop { attempt } if attempt == self.attempt && is_current => self.give_up(),
            Note::Complete { attempt, number } if attempt == self.attempt && is_current => {
                return self.completed(number);
            }
            Note::Over { run, why } if run == self.number && *leader != me.rank() => {
                self.is_over = true;
                return Err(why.error(*leader));
            }
            _ => {}
        }
        Ok(None)
    }

    /// This rank's operators as they were at that checkpoint.
    fn load(&self, number: u64) -> Result<Worker<'a>, Failure> {
        let Run { me, plan, options, folder, leader, .. } = self.run;
        if !folder.has_begun(self.attempt) {
            let (path, coordinator) = (folder.path().into(), *leader);
            return Err(Failure::Run(CheckpointError::Elsewhere { path, coordinator }.into()));
        }
        let file = || -> Result<Option<Vec<u8>>, RunError> {
            if number == 0 {
                return Ok(None);
            }
            let members = folder.read_complete(number)?;
            let file = members.into_iter().find(|(rank, _)| *rank == me.rank());
            let (_, file) = file.ok_or_else(|| folder.garbled(number, me.rank()))?;
            Ok(Some(folder.read_state(file, me.rank())?))
        };
        let state = file().map_err(Failure::Run)?;
        let state = state.as_ref().map(|state| (number, &state[..]));
        Worker::new(me, plan, options, self.attempt, state)
    }

    /// All have written that checkpoint. The report, if it is the end.
    fn completed(&mut self, number: u64) -> Result<Option<Report>, RunError> {
        let Some(worker) = &mut self.worker else { return Ok(None) };
        if let Err(failure) = worker.complete(number) {
            self.give_up_after(failure)?;
            return Ok(None);
        }
        self.run.folder.forget_states(self.checkpoint, self.run.me.rank());
        if number < LAST {
            self.checkpoint = number;
            return Ok(None);
        }
        Ok(self.worker.as_ref().map(|worker| self.report(worker)))
    }
}
