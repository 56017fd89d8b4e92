//! Actors that start others again.

use super::address::ActorId;
use super::panics::contain;
use super::supervise::{Children, Order, Supervise};
use super::{Actor, AskError, Context, Down, Next, Protocol, Reason, SpawnError, TellError};
use crate::codec::{EncodeError, Frame};
use core::fmt;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long another rank has to start a child, or to end one.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long until all ranks of a child are tried again.
const RETRY: Duration = Duration::from_millis(50);

/// Which children are started again when one has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// That one.
    OneForOne,
    /// All: the others are stopped first, and when they have ended, all are started, in order. One on another rank may run later than
    /// those behind it.
    OneForAll,
}

/// An actor that has children, and starts them again when they end. Supervisors may be children of others.
///
/// Children are linked to it, so that none is left when it ends. If they would have to be started again too often, it ends, with
/// [`Reason::TooManyRestarts`].
///
/// A child on another rank is started on the first of its ranks that is there, and can. When none is there, they are tried again 20
/// times a second until one is; that does not count as a restart. When none can, and one has said so, that is a failure of the child.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::actor::{Context, Limits, Next, Strategy, Supervise, Supervisor, System};
/// # use std::time::Duration;
/// # let mut system = System::new(Region::create_unnamed(Config::ranks(1))?.join(0)?, Limits::default());
/// let supervisor = Supervisor::new(Strategy::OneForOne)
///     .restarts(3, Duration::from_secs(5))
///     .child("fragile", || |(), _: &mut Context<'_, ()>| -> Next<()> { panic!("as it happens") });
/// let supervisor = system.spawn(supervisor)?;
///
/// let before = system.ask(supervisor, Duration::from_secs(1), Supervise::children)?;
/// let fragile = before.find("fragile").ok_or("it runs")?;
/// system.tell(fragile.address(), ())?;
/// system.run_for(Duration::from_millis(1))?;
/// let after = system.ask(supervisor, Duration::from_secs(1), Supervise::children)?;
/// assert!(after.find("fragile").is_some_and(|child| child != fragile && system.has(child)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Supervisor {
    strategy: Strategy,
    most: u32,
    within: Duration,
    children: Vec<Child>,
    restarts: VecDeque<Instant>,
    /// How often a child was started.
    starts: u64,
    /// The actors that other ranks have started for it, and that have not ended: also those whose start it has not been told of yet,
    /// and those that it has told to end.
    elsewhere: Rc<RefCell<BTreeSet<ActorId>>>,
}

struct Child {
    name: String,
    start: Start,
    /// Whether it is left alone when it ends without a failure.
    may_stop: bool,
    /// Whether one of the ranks has refused the start that goes on.
    is_refused: bool,
    state: State,
}

type StartHere = dyn FnMut(&mut Context<'_, Supervise>) -> Result<ActorId, SpawnError>;

enum Start {
    Here(Box<StartHere>),
    On { ranks: Vec<u32>, kind: String, start: Result<Vec<u8>, EncodeError> },
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Down,
    /// The start with this number goes on.
    Starting(u64),
    Up(ActorId),
    /// It was told to end.
    Stopping(ActorId),
    /// It has stopped, and may.
    Done,
}

impl Supervisor {
    /// Without children yet, and with at most 3 restarts within 5 seconds.
    pub fn new(strategy: Strategy) -> Self {
        let within = Duration::from_secs(5);
        Self {
            strategy,
            most: 3,
            within,
            children: vec![],
            restarts: VecDeque::new(),
            starts: 0,
            elsewhere: Rc::default(),
        }
    }

    /// At most so many restarts within this time.
    #[must_use]
    pub fn restarts(self, most: u32, within: Duration) -> Self {
        Self { most, within, ..self }
    }

    /// A child on the rank of the supervisor: `make` makes the actor each time it is started.
    #[must_use]
    pub fn child<M: Protocol, A: Actor<M>>(self, name: &str, mut make: impl FnMut() -> A + 'static) -> Self {
        let start = Start::Here(Box::new(move |cx| {
            let actor = contain(&mut make)
                .map_err(|_| SpawnError::Panicked { rank: cx.rank(), kind: String::new() })?;
            Ok(cx.spawn_linked(actor)?.id())
        }));
        self.with(name, start)
    }

    /// A child on another rank: an actor of a [kind](super::System::kind), on the first of these ranks that can start it.
    #[must_use]
    pub fn child_on<S: Protocol>(self, name: &str, ranks: &[u32], kind: &str, start: &S) -> Self {
        let mut bytes = vec![];
        let start = Frame::<S, S::Codec>::new().append(start, &mut bytes).map(|()| bytes);
        self.with(name, Start::On { ranks: ranks.into(), kind: kind.into(), start })
    }

    /// The child that was added last is not started again when it has stopped without a failure.
    #[must_use]
    pub fn may_stop(mut self) -> Self {
        self.children.iter_mut().next_back().into_iter().for_each(|child| child.may_stop = true);
        self
    }

    fn with(mut self, name: &str, start: Start) -> Self {
        self.children.push(Child {
            name: name.into(),
            start,
            may_stop: false,
            is_refused: false,
            state: State::Down,
        });
        self
    }

    /// Starts a child, at the rank with this place in its list.
    fn start(&mut self, at: usize, tried: usize, cx: &mut Context<'_, Supervise>) {
        self.starts += 1;
        let number = self.starts;
        let me = cx.me().id();
        let Some(child) = self.children.get_mut(at) else { return };
        child.state = State::Starting(number);
        child.is_refused &= tried > 0;
        match &mut child.start {
            Start::Here(start) => match start(cx) {
                Ok(actor) => child.state = State::Up(actor),
                // A message, so that a start that always fails is no call within a call.
                result => {
                    let started = Order::Started { child: at, start: number, tried, result };
                    cx.system().bring::<Supervise>(me, || Supervise(started));
                }
            },
            Start::On { ranks, kind, start } => {
                let Some(rank) = ranks.get(tried).copied() else {
                    cx.after(RETRY, Supervise(Order::Retry { child: at, start: number }));
                    return;
                };
                let (kind, start) = (kind.clone(), start.clone());
                let elsewhere = Rc::clone(&self.elsewhere);
                cx.system().begin_spawn((rank, &kind), start, Some(me), PATIENCE, move |system, result| {
                    elsewhere.borrow_mut().extend(result.as_ref().ok());
                    let started = Order::Started { child: at, start: number, tried, result };
                    system.bring::<Supervise>(me, || Supervise(started));
                });
            }
        }
    }

    fn started(
        &mut self,
        (at, number, tried): (usize, u64, usize),
        result: Result<ActorId, SpawnError>,
        cx: &mut Context<'_, Supervise>,
    ) {
        let child = self.children.get_mut(at).filter(|child| child.state == State::Starting(number));
        match (child, result) {
            (Some(child), Ok(actor)) => child.state = State::Up(actor),
            // It was to be stopped meanwhile.
            (None, Ok(actor)) => cx.stop(actor),
            (None, Err(_)) => {}
            (Some(child), Err(error)) => {
                child.is_refused |= !is_absence(&error);
                if child.is_refused && tried + 1 >= child.start.ranks() {
                    child.state = State::Down;
                    self.failed(at, cx);
                } else {
                    self.start(at, tried + 1, cx);
                }
            }
        }
    }

    /// A child has ended, and is to be started again.
    fn failed(&mut self, at: usize, cx: &mut Context<'_, Supervise>) {
        let now = Instant::now();
        while self.restarts.front().is_some_and(|then| now.duration_since(*then) > self.within) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= self.most as usize {
            cx.end = Some(Reason::TooManyRestarts { most: self.most, within: self.within });
            return;
        }
        self.restarts.push_back(now);
        if self.strategy == Strategy::OneForOne {
            return self.start(at, 0, cx);
        }
        for (at, child) in self.children.iter_mut().enumerate() {
            match child.state {
                State::Up(actor) => {
                    child.state = State::Stopping(actor);
                    cx.stop(actor);
                    cx.after(PATIENCE, Supervise(Order::Late { child: at, actor }));
                }
                State::Starting(_) => child.state = State::Down,
                State::Down | State::Stopping(_) | State::Done => {}
            }
        }
        self.start_all_if_stopped(cx);
    }

    fn start_all_if_stopped(&mut self, cx: &mut Context<'_, Supervise>) {
        if self.children.iter().any(|child| matches!(child.state, State::Stopping(_))) {
            return;
        }
        for at in 0..self.children.len() {
            if self.children.get(at).is_some_and(|child| child.state == State::Down) {
                self.start(at, 0, cx);
            }
        }
    }

    fn down(&mut self, Down { actor, reason }: Down, cx: &mut Context<'_, Supervise>) {
        let is_elsewhere = self.elsewhere.borrow_mut().remove(&actor);
        let child = self.children.iter().position(|child| child.state.actor() == Some(actor));
        let Some((at, child)) = child.and_then(|at| Some((at, self.children.get_mut(at)?))) else {
            // One that is no child any more, its own supervisor, or another actor that it is linked to.
            if !is_elsewhere && reason.is_failure() {
                cx.end = Some(Reason::Linked(actor));
            }
            return;
        };
        let was = core::mem::replace(&mut child.state, State::Down);
        if was == State::Stopping(actor) {
            self.start_all_if_stopped(cx);
        } else if child.may_stop && !reason.is_failure() {
            child.state = State::Done;
        } else {
            self.failed(at, cx);
        }
    }
}

impl Start {
    /// How many ranks can be tried.
    fn ranks(&self) -> usize {
        match self {
            Start::Here(_) => 1,
            Start::On { ranks, .. } => ranks.len(),
        }
    }
}

/// Whether the rank is not there, or does nothing now.
fn is_absence(error: &SpawnError) -> bool {
    matches!(
        error,
        SpawnError::RankGone { .. }
            | SpawnError::Timeout { .. }
            | SpawnError::Ask(AskError::Tell(TellError::RankFull { .. }))
    )
}

impl State {
    /// The actor that runs.
    fn actor(self) -> Option<ActorId> {
        match self {
            State::Up(actor) | State::Stopping(actor) => Some(actor),
            State::Down | State::Starting(_) | State::Done => None,
        }
    }
}

impl Actor<Supervise> for Supervisor {
    fn started(&mut self, cx: &mut Context<'_, Supervise>) {
        cx.trap_exits(|down| Supervise(Order::Down(down)));
        self.start_all_if_stopped(cx);
    }

    fn receive(&mut self, Supervise(order): Supervise, cx: &mut Context<'_, Supervise>) -> Next<Supervise> {
        match order {
            Order::Down(down) => self.down(down, cx),
            Order::Started { child, start, tried, result } => self.started((child, start, tried), result, cx),
            Order::Retry { child, start } => {
                if self.children.get(child).is_some_and(|child| child.state == State::Starting(start)) {
                    self.start(child, 0, cx);
                }
            }
            Order::Late { child, actor } => {
                let late = self.children.get_mut(child).filter(|child| child.state == State::Stopping(actor));
                if let Some(late) = late {
                    // Its rank does nothing now. The first thing that it does is to end it.
                    late.state = State::Down;
                    self.start_all_if_stopped(cx);
                }
            }
            Order::Children(reply) => {
                let children = self.children.iter();
                let list = children.map(|child| (child.name.clone(), child.state.actor())).collect();
                // The asker may be gone.
                _ = cx.reply(reply, Children(list));
            }
            Order::Stop => {
                let mut children = self.elsewhere.take();
                children.extend(self.children.iter().filter_map(|child| child.state.actor()));
                for actor in children {
                    cx.unlink(actor);
                    cx.stop(actor);
                }
                return Next::Stop;
            }
        }
        Next::Same
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("strategy", &self.strategy)
            .field("children", &self.children.len())
            .finish_non_exhaustive()
    }
}
