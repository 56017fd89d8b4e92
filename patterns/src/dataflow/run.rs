//! A run of a graph, on one rank.

use super::folder::{Folder, LAST};
use super::lead::Lead;
use super::note::{Message, Note, TAG, Why};
use super::operator::Handled;
use super::plan::Plan;
use super::worker::{Failure, Worker, post};
use super::{Options, Rate, Rates, Report, RunError};
use mailbox::{Broken, Deadline, Endpoint, RecvError, Status};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a member looks whether the others live, and at most waits for mail.
const LOOK: Duration = Duration::from_millis(20);
/// How long a member waits for mail while a mailbox has no room for its own.
const HELD: Duration = Duration::from_millis(1);
/// How often a member says that it is there, until an attempt begins.
const HELLO: Duration = Duration::from_millis(100);
/// How long the others are told of the end, if they take nothing.
const FAREWELL: Duration = Duration::from_secs(1);
/// So many messages are taken before operators have their turn.
const MESSAGES: usize = 64;

/// How many runs this process has begun.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// A run of a graph, on one rank.
pub struct Run<'a> {
    me: &'a Endpoint,
    plan: Plan,
    options: &'a Options,
    folder: Folder,
    ranks: BTreeSet<u32>,
    leader: u32,
}

impl<'a> Run<'a> {
    pub fn new(me: &'a Endpoint, plan: Plan, options: &'a Options) -> Result<Self, RunError> {
        let ranks = plan.ranks();
        let Some(leader) = ranks.first().copied().filter(|_| ranks.contains(&me.rank())) else {
            return Err(RunError::NoPart { rank: me.rank() });
        };
        let print = format!("{} {:?} {}", plan.fingerprint, options.every, options.channel);
        let fingerprint = super::plan::hash(print.as_bytes());
        let folder = Folder::open(&options.folder, fingerprint, options.durability)?;
        Ok(Self { me, plan, options, folder, ranks, leader })
    }

    pub fn run(&self) -> Result<Report, RunError> {
        let mut member = Member::new(self);
        let outcome = member.run();
        member.say_farewell(outcome.as_ref().err().and_then(why));
        outcome
    }
}

/// What the others are told of an error.
fn why(error: &RunError) -> Option<Why> {
    Some(match error {
        RunError::Missing { rank } => Why::Missing { rank: *rank },
        RunError::Differs { rank, .. } => Why::Differs { rank: *rank },
        RunError::Operator { rank, operator, reason } => {
            Why::Operator { rank: *rank, operator: operator.clone(), reason: reason.clone() }
        }
        RunError::Checkpoint(error) => Why::Checkpoint { reason: error.to_string() },
        _ => return None,
    })
}

/// The part of this rank in a run.
struct Member<'a> {
    run: &'a Run<'a>,
    /// Which run of this process it is.
    number: u64,
    lead: Option<Lead>,
    /// The attempt that it takes part in, or has given up.
    attempt: u64,
    /// The epoch of the coordinator that has begun it.
    epoch: u64,
    worker: Option<Worker<'a>>,
    /// All are ready.
    is_running: bool,
    /// Notes that wait for room, by rank; its own among them.
    notes: BTreeMap<u32, VecDeque<Note>>,
    /// Since when it waits for an attempt.
    since: Instant,
    said_hello: Option<Instant>,
    /// When it has looked who lives; at once, if not yet.
    looked: Option<Instant>,
    begun: Instant,
    went_back: u32,
    checkpoint: u64,
    shown: (Instant, Vec<(usize, Handled)>),
}

impl<'a> Member<'a> {
    fn new(run: &'a Run<'a>) -> Self {
        let is_leader = run.leader == run.me.rank();
        let lead = is_leader.then(|| Lead::new(run.me, run.ranks.clone(), run.folder.fingerprint()));
        let now = Instant::now();
        Self {
            run,
            number: RUNS.fetch_add(1, Ordering::Relaxed) + 1,
            lead,
            attempt: 0,
            epoch: 0,
            worker: None,
            is_running: false,
            notes: BTreeMap::new(),
            since: now,
            said_hello: None,
            looked: None,
            begun: now,
            went_back: 0,
            checkpoint: 0,
            shown: (now, vec![]),
        }
    }

    fn run(&mut self) -> Result<Report, RunError> {
        loop {
            if self.worker.is_none()
                && let Some(report) = self.wait_for_an_attempt()?
            {
                return Ok(report);
            }
            self.look()?;
            self.say()?;
            let is_busy = match self.work() {
                Err(failure) => self.give_up_after(failure)?,
                Ok(is_busy) => is_busy,
            };
            if let Some(report) = self.listen(is_busy)? {
                return Ok(report);
            }
            self.show();
        }
    }

    fn tell(&mut self, to: u32, note: Note) {
        self.notes.entry(to).or_default().push_back(note);
    }

    fn tell_leader(&mut self, note: Note) {
        self.tell(self.run.leader, note);
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
        if self.notes.get(leader).is_none_or(VecDeque::is_empty) {
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
        let rates = self.rates(&worker.handled(), &[], self.begun.elapsed());
        Report { rates, went_back: self.went_back, checkpoint: self.checkpoint }
    }

    fn rates(&self, now: &[(usize, Handled)], before: &[(usize, Handled)], time: Duration) -> Rates {
        let rate = |(op, handled): &(usize, Handled)| {
            let earlier =
                before.iter().find(|(other, _)| other == op).map_or(0, |(_, handled)| handled.records);
            Rate {
                operator: self.run.plan.specs[*op].name.clone(),
                records: handled.records,
                late: handled.late,
                per_second: handled.records.saturating_sub(earlier) as f64 / time.as_secs_f64().max(1e-9),
            }
        };
        Rates { rank: self.run.me.rank(), operators: now.iter().map(rate).collect() }
    }

    /// Shows the rates, if it is time.
    fn show(&mut self) {
        let (Some((every, show)), Some(worker)) = (&self.run.options.rates, &self.worker) else { return };
        let time = self.shown.0.elapsed();
        if time >= *every {
            let now = worker.handled();
            show(&self.rates(&now, &self.shown.1, time));
            self.shown = (Instant::now(), now);
        }
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
            let notes = lead.step(me, folder, options)?;
            notes.into_iter().for_each(|(to, note)| self.tell(to, note));
        } else if self.worker.is_some() && me.region().status(*leader) != Some((Status::Live, self.epoch)) {
            self.give_up();
        }
        Ok(())
    }

    /// Sends the notes for which there is room.
    fn say(&mut self) -> Result<(), RunError> {
        let me = self.run.me;
        for (to, notes) in self.notes.iter_mut().filter(|(to, _)| **to != me.rank()) {
            while let Some(note) = notes.front()
                && post(me, *to, &note.bytes(), &[])?
            {
                notes.pop_front();
            }
        }
        Ok(())
    }

    /// The coordinator tells the others how it has ended, as far as they take it.
    fn say_farewell(&mut self, why: Option<Why>) {
        let until = Instant::now() + FAREWELL;
        let Some(lead) = self.lead.take() else { return };
        if let Some(why) = why {
            let over = |rank: &u32| (*rank, Note::Over { run: lead.run_of(*rank), why: why.clone() });
            self.run.ranks.iter().map(over).for_each(|(to, note)| self.tell(to, note));
        }
        self.notes.remove(&self.run.me.rank());
        while self.say().is_ok()
            && self.notes.values().any(|notes| !notes.is_empty())
            && Instant::now() < until
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether anything was done.
    fn work(&mut self) -> Result<bool, Failure> {
        let Some(worker) = self.worker.as_mut().filter(|_| self.is_running) else { return Ok(false) };
        let mut is_busy = worker.work()?;
        while let Some(worker) = &mut self.worker
            && let Some((number, state)) = worker.snapshot()
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
        while let Some(note) = self.notes.get_mut(&me.rank()).and_then(VecDeque::pop_front) {
            if let Some(report) = self.hear(me.rank(), me.epoch(), note)? {
                return Ok(Some(report));
            }
        }
        let is_idle = !is_busy && self.notes.get(&me.rank()).is_none_or(VecDeque::is_empty);
        let is_held = self.worker.as_ref().is_some_and(Worker::is_held);
        let wait = Deadline::from(if is_held { HELD } else { LOOK });
        let mut deadline = if is_idle { wait } else { Deadline::Now };
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
                // Whoever has ended is found out when this looks who lives; other mail is not this one's to receive.
                Err(RecvError::Gone { .. }) => self.looked = None,
                Err(RecvError::Held(_) | RecvError::Crowded { .. } | RecvError::Cut(_)) => {}
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
                let worker = worker.filter(|worker| worker.attempt() == batch.attempt);
                if let Some(Err(failure)) = worker.map(|worker| worker.put(from, batch, events)) {
                    self.give_up_after(failure)?;
                }
            }
            Some(Message::Taken(taken)) => {
                let worker = worker.filter(|worker| worker.attempt() == taken.attempt);
                _ = worker.map(|worker| worker.taken(from, taken));
            }
            None => {}
        }
        Ok(None)
    }

    fn hear(&mut self, from: u32, epoch: u64, note: Note) -> Result<Option<Report>, RunError> {
        let Run { folder, options, leader, me, .. } = self.run;
        if let Some(lead) = &mut self.lead {
            let notes = lead.hear(from, epoch, &note, folder, options)?;
            notes.into_iter().for_each(|(to, note)| self.tell(to, note));
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
                return Err(self.over(why));
            }
            _ => {}
        }
        Ok(None)
    }

    fn over(&self, why: Why) -> RunError {
        let coordinator = self.run.leader;
        match why {
            Why::Missing { rank } => RunError::Missing { rank },
            Why::Differs { rank } => RunError::Differs { rank, coordinator },
            Why::Operator { rank, operator, reason } => RunError::Operator { rank, operator, reason },
            Why::Checkpoint { reason } => RunError::Coordinator { rank: coordinator, reason },
        }
    }

    /// This rank's operators as they were at that checkpoint.
    fn load(&self, number: u64) -> Result<Worker<'a>, Failure> {
        let Run { me, plan, options, folder, .. } = self.run;
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
