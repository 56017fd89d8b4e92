//! The actors of one rank.

use super::address::{ActorId, Address, Place, Reply};
use super::asks::Asks;
use super::ends::Watches;
use super::kinds::Kinds;
use super::names::Names;
use super::panics::drop_quietly;
use super::peers::Peers;
use super::queue::{Frames, Mailbox};
use super::runner::Runner;
use super::slots::{Entry, Slots};
use super::timers::Timers;
use super::{Actor, AskError, DeadLetter, Limits, NameError, Protocol, SpawnError, SystemError};
use crate::codec::{EncodeError, Frame};
use core::any::{Any, TypeId};
use core::fmt;
use mailbox::{Deadline, Endpoint};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often to look whether there is room at another rank, while something waits for that.
const LOOK: Duration = Duration::from_millis(1);

/// How many rounds of all actors there are between two looks for mail of other ranks.
const ROUNDS: u32 = 8;

/// The actors of one rank. The thread that has it runs them, when it calls one of the methods that take a time.
///
/// ```
/// # use mailbox::{Config, Region};
/// use mailbox_patterns::actor::{Context, InProcess, Limits, Next, Protocol, Reply, System};
/// use mailbox_patterns::codec::Message;
/// use std::time::Duration;
///
/// enum Counter {
///     Add(u64),
///     Get(Reply<Sum>),
/// }
/// struct Sum(u64);
/// # impl Message for Counter { const NAME: &'static str = "Counter"; }
/// # impl Protocol for Counter { type Codec = InProcess; }
/// # impl Message for Sum { const NAME: &'static str = "Sum"; }
/// # impl Protocol for Sum { type Codec = InProcess; }
///
/// # let region = Region::create_unnamed(Config::ranks(1))?;
/// let mut system = System::new(region.join(0)?, Limits::default());
/// let mut sum = 0;
/// let counter = system.spawn(move |message, cx: &mut Context<'_, Counter>| {
///     match message {
///         Counter::Add(number) => sum += number,
///         Counter::Get(reply) => _ = cx.reply(reply, Sum(sum)),
///     }
///     Next::Same
/// })?;
/// system.tell(counter, Counter::Add(40))?;
/// system.tell(counter, Counter::Add(2))?;
/// assert_eq!(system.ask(counter, Duration::from_secs(1), Counter::Get)?.0, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct System {
    pub(super) me: Rc<Endpoint>,
    pub(super) life: u32,
    pub(super) limits: Limits,
    pub(super) slots: Slots,
    pub(super) asks: Asks,
    pub(super) timers: Timers,
    pub(super) watches: Watches,
    pub(super) names: Names,
    pub(super) kinds: Kinds,
    pub(super) peers: Peers,
    frames: HashMap<TypeId, Rc<dyn Any>>,
    pub(super) dead: u64,
    pub(super) last_dead: VecDeque<DeadLetter>,
    pub(super) garbage: u64,
    pub(super) buffer: Vec<u8>,
}

impl System {
    /// A system of this rank, without actors. All mail of the rank is the system's. Each rank of the region should have a system: a
    /// [name](System::register) is asked for at all that are there.
    pub fn new(me: Endpoint, limits: Limits) -> Self {
        // Announced mail is none of ours, and is to take no memory.
        me.set_by_hand(true);
        let peers = Peers::new(me.region().ranks(), limits.backlog);
        Self {
            life: me.epoch() as u32,
            me: Rc::new(me),
            // Its fields may have been set to nothing.
            limits: limits.mailbox(limits.mailbox).turn(limits.turn).actors(limits.actors),
            slots: Slots::default(),
            asks: Asks::default(),
            timers: Timers::default(),
            watches: Watches::default(),
            names: Names::default(),
            kinds: Kinds::default(),
            peers,
            frames: HashMap::new(),
            dead: 0,
            last_dead: VecDeque::new(),
            garbage: 0,
            buffer: vec![],
        }
    }

    /// Its rank.
    pub fn rank(&self) -> u32 {
        self.me.rank()
    }

    /// Its endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.me
    }

    /// How many actors it has.
    pub fn actors(&self) -> usize {
        self.slots.len()
    }

    /// Whether this is an actor of this system that has not ended.
    pub fn has(&self, actor: ActorId) -> bool {
        self.is_here(actor) && self.slots.is_live(actor.place)
    }

    /// How many messages of this system's actors, and of the program outside of them, did not reach their actor after `tell` had
    /// returned. A question counts, too.
    pub fn dead_letters(&self) -> u64 {
        self.dead
    }

    /// The last 64 of them, the oldest first.
    pub fn last_dead_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.last_dead.iter()
    }

    /// How many mails came that no system has sent.
    pub fn garbage(&self) -> u64 {
        self.garbage
    }

    /// An actor. It [starts](Actor::started) at the next turn.
    pub fn spawn<M: Protocol>(&mut self, actor: impl Actor<M>) -> Result<Address<M>, SpawnError> {
        self.spawn_boxed(Box::new(actor))
    }

    /// The same, for one that is boxed.
    pub fn spawn_boxed<M: Protocol>(&mut self, actor: Box<dyn Actor<M>>) -> Result<Address<M>, SpawnError> {
        if self.slots.len() >= self.limits.actors {
            return Err(SpawnError::Full { rank: self.rank(), most: self.limits.actors });
        }
        let mailbox = Mailbox { frame: self.frame::<M>(), letters: VecDeque::new(), trap: None };
        let place = self.slots.insert(Entry::new(Box::new(mailbox), Box::new(Runner::new(actor))));
        self.slots.wake(place);
        Ok(ActorId { rank: self.rank(), life: self.life, place }.address())
    }

    /// Asks from outside of all actors, and runs them until the answer is there, or the time has come.
    pub fn ask<N: Protocol, R: Protocol>(
        &mut self,
        to: Address<N>,
        timeout: Duration,
        question: impl FnOnce(Reply<R>) -> N,
    ) -> Result<R, AskError> {
        let (put, got) = slot();
        self.begin_ask(to, timeout, question, move |_, answer| put(answer));
        self.run_until_got(&got)?
    }

    /// Has another rank start an actor of a kind, and runs this rank's actors until that is done, or the time has come.
    pub fn spawn_on<S: Protocol, N: Protocol>(
        &mut self,
        rank: u32,
        kind: &str,
        start: &S,
        timeout: Duration,
    ) -> Result<Address<N>, SpawnError> {
        let (put, got) = slot();
        let start = self.encode(start);
        self.begin_spawn((rank, kind), start, None, timeout, move |_, spawned| put(spawned));
        let spawned = self.run_until_got(&got).map_err(|error| SpawnError::Ask(error.into()))?;
        Ok(spawned?.address())
    }

    /// Gives an actor of this rank a name, by which all ranks find it as long as it lives. Runs this rank's actors until all ranks have
    /// answered, or the time has come.
    pub fn register(&mut self, name: &str, actor: ActorId, timeout: Duration) -> Result<(), NameError> {
        let (put, got) = slot();
        self.begin_poll(name, Some(actor), timeout, Box::new(move |_, result| put(result)));
        self.run_until_got(&got)??;
        Ok(())
    }

    /// The actor with this name, on whichever rank. Runs this rank's actors until it is found, or all ranks have answered, or the time
    /// has come.
    pub fn find<N>(&mut self, name: &str, timeout: Duration) -> Result<Address<N>, NameError> {
        let (put, got) = slot();
        self.begin_poll(name, None, timeout, Box::new(move |_, result| put(result)));
        Ok(self.run_until_got(&got)??.address())
    }

    fn run_until_got<T>(&mut self, got: &RefCell<Option<T>>) -> Result<T, SystemError> {
        if got.borrow().is_some() {
            // It has failed at once. A program that tries again makes way so.
            self.turn(Deadline::Now)?;
        }
        loop {
            // Each ends at its time.
            if let Some(result) = got.take() {
                return Ok(result);
            }
            self.turn(Deadline::Never)?;
        }
    }

    /// Runs the actors for so long.
    pub fn run_for(&mut self, time: Duration) -> Result<(), SystemError> {
        self.run_until(time, |_| false).map(drop)
    }

    /// Runs the actors until this holds, which is asked after each turn, or until the time has come. Whether it holds.
    pub fn run_until(
        &mut self,
        deadline: impl Into<Deadline>,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool, SystemError> {
        let deadline = deadline.into();
        loop {
            if holds(self) {
                return Ok(true);
            }
            if deadline.has_passed(Instant::now) {
                return Ok(false);
            }
            self.turn(deadline)?;
        }
    }

    /// One turn: takes mail from other ranks, and has each actor that has messages handle some of them ([`Limits::turn`]). Waits until
    /// there is something to do, or until the deadline. It may return early, with nothing done.
    pub fn turn(&mut self, deadline: impl Into<Deadline>) -> Result<(), SystemError> {
        let until = self.until(deadline.into());
        let me = Rc::clone(&self.me);
        // What is sent goes out together, at the end.
        let batch = me.batch();
        self.receive(until)?;
        self.tend();
        // Several rounds, for a look at all mailboxes takes as long as some messages.
        for _ in 0..ROUNDS {
            for _ in 0..self.slots.ready() {
                let Some(place) = self.slots.next_ready() else { break };
                self.run_actor(place);
            }
        }
        drop(batch);
        Ok(())
    }

    /// How long to wait for mail.
    fn until(&self, deadline: Deadline) -> Deadline {
        if self.slots.ready() > 0 {
            return Deadline::Now;
        }
        let look = self.peers.is_behind().then(|| Instant::now() + LOOK);
        let dues = [self.timers.first_due(), self.asks.first_due(), self.names.first_due(), look];
        match (deadline, dues.into_iter().flatten().min()) {
            (Deadline::At(time), Some(due)) => Deadline::At(time.min(due)),
            (Deadline::Never, Some(due)) => Deadline::At(due),
            (deadline, _) => deadline,
        }
    }

    /// Does what is due.
    fn tend(&mut self) {
        if self.peers.is_behind() {
            self.peers.catch_up(&self.me);
        }
        if self.timers.is_empty() && self.asks.first_due().is_none() && self.names.first_due().is_none() {
            return;
        }
        let now = Instant::now();
        for _ in 0..self.timers.len() {
            let Some(then) = self.timers.next_due(now) else { break };
            then(self);
        }
        while let Some(number) = self.asks.next_due(now) {
            self.fail_ask(number, AskError::Timeout);
        }
        while let Some(number) = self.names.next_due(now) {
            self.end_poll(number, |poll| {
                Err(NameError::Timeout { name: poll.name.clone(), timeout: poll.timeout })
            });
        }
    }

    fn run_actor(&mut self, place: Place) {
        let Some(entry) = self.slots.get(place) else { return };
        entry.is_ready = false;
        let Some(mut runner) = entry.runner.take() else { return };
        let me = ActorId { rank: self.rank(), life: self.life, place };
        let reason = runner.run(self, me, self.limits.turn);
        match (reason, self.slots.get(place)) {
            (None, Some(entry)) => {
                entry.runner = Some(runner);
                // It may have had more than fits a turn.
                if entry.mailbox.len() > 0 {
                    self.slots.wake(place);
                }
                return;
            }
            (Some(reason), Some(_)) => self.end(me, reason),
            // Its end came while it ran.
            (_, None) => {}
        }
        let askers = runner.take_askers();
        drop_quietly(runner);
        askers.into_iter().for_each(|asker| self.refuse(asker, me));
    }

    /// Whether it is an actor of this life of this rank.
    pub(super) fn is_here(&self, actor: ActorId) -> bool {
        (actor.rank, actor.life) == (self.rank(), self.life)
    }

    /// What makes bytes of messages of this type.
    pub(super) fn frame<M: Protocol>(&mut self) -> Rc<Frames<M>> {
        let frame = self.frames.entry(TypeId::of::<M>()).or_insert_with(|| Rc::new(Frames::<M>::new()));
        // It is of the type that it is kept under.
        Rc::clone(frame).downcast().unwrap_or_else(|_| Rc::new(Frame::new()))
    }

    pub(super) fn encode<M: Protocol>(&mut self, message: &M) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = vec![];
        self.frame::<M>().append(message, &mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("rank", &self.rank())
            .field("actors", &self.actors())
            .finish_non_exhaustive()
    }
}

impl Drop for System {
    /// Drops its actors and what they wait for one by one: each may panic.
    fn drop(&mut self) {
        let places: Vec<_> = self.slots.places().collect();
        for mut entry in places.into_iter().filter_map(|place| self.slots.remove(place)) {
            entry.mailbox.take_askers();
            drop_quietly(entry.mailbox);
            drop_quietly(entry.runner);
        }
        core::iter::from_fn(|| self.timers.take()).for_each(drop_quietly);
        core::iter::from_fn(|| self.asks.take()).for_each(drop_quietly);
        core::iter::from_fn(|| self.watches.take()).for_each(drop_quietly);
        core::iter::from_fn(|| self.names.take()).for_each(drop_quietly);
    }
}

/// Where a result is put, and where it is found.
fn slot<T: 'static>() -> (impl FnOnce(T) + 'static, Rc<RefCell<Option<T>>>) {
    let got = Rc::new(RefCell::new(None));
    let to = Rc::clone(&got);
    (move |result| _ = to.replace(Some(result)), got)
}
