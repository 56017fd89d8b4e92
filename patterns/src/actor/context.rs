//! What an actor can do while it handles a message.

use super::address::{ActorId, Address, Reply};
use super::queue::of_type;
use super::{Actor, AskError, Down, NameError, Protocol, Reason, SpawnError, System, TellError};
use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

/// What an actor can do while it handles a message: it belongs to an actor with messages of type `M`. Nothing here waits. What comes
/// later, an answer, a time or an end, comes as a message of the actor's own: `then` makes it.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::actor::{AskError, Context, InProcess, Limits, Next, Protocol, Reply, System};
/// # use mailbox_patterns::codec::Message;
/// # use std::time::Duration;
/// struct Price { reply: Reply<Cents> }
/// struct Cents(u32);
/// enum Buyer { Look, Costs(Result<Cents, AskError>) }
/// # impl Message for Price { const NAME: &'static str = "Price"; }
/// # impl Protocol for Price { type Codec = InProcess; }
/// # impl Message for Cents { const NAME: &'static str = "Cents"; }
/// # impl Protocol for Cents { type Codec = InProcess; }
/// # impl Message for Buyer { const NAME: &'static str = "Buyer"; }
/// # impl Protocol for Buyer { type Codec = InProcess; }
/// # let mut system = System::new(Region::create_unnamed(Config::ranks(1))?.join(0)?, Limits::default());
/// let shop = system.spawn(|Price { reply }, cx: &mut Context<'_, Price>| {
///     _ = cx.reply(reply, Cents(995)); // the asker may be gone
///     Next::Same
/// })?;
/// let buyer = system.spawn(move |message, cx: &mut Context<'_, Buyer>| {
///     match message {
///         Buyer::Look => cx.ask(shop, Duration::from_secs(1), |reply| Price { reply }, Buyer::Costs),
///         Buyer::Costs(Ok(cents)) => println!("{} cents", cents.0),
///         Buyer::Costs(Err(error)) => println!("{error}"),
///     }
///     Next::Same
/// })?;
/// system.tell(buyer, Buyer::Look)?;
/// system.run_for(Duration::from_millis(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Context<'c, M> {
    system: &'c mut System,
    me: ActorId,
    /// How it ends after this message.
    pub(super) end: Option<Reason>,
    of: PhantomData<fn(M)>,
}

impl<'c, M> Context<'c, M> {
    pub(super) fn new(system: &'c mut System, me: ActorId) -> Self {
        Self { system, me, end: None, of: PhantomData }
    }

    /// The system that runs it.
    pub(super) fn system(&mut self) -> &mut System {
        self.system
    }

    /// The actor's own address.
    pub fn me(&self) -> Address<M> {
        self.me.address()
    }

    /// Its rank.
    pub fn rank(&self) -> u32 {
        self.me.rank
    }
}

impl<M: Protocol> Context<'_, M> {
    /// Sends a message, as [`System::tell`].
    pub fn tell<N: Protocol>(&mut self, to: Address<N>, message: N) -> Result<(), TellError> {
        self.system.tell(to, message)
    }

    /// Sends a question, which `question` makes. The answer, or why there is none, comes as the message that `then` makes of it: at
    /// once, if it cannot be sent.
    pub fn ask<N: Protocol, R: Protocol>(
        &mut self,
        to: Address<N>,
        timeout: Duration,
        question: impl FnOnce(Reply<R>) -> N,
        then: impl FnOnce(Result<R, AskError>) -> M + 'static,
    ) {
        let me = self.me;
        self.system.begin_ask(to, timeout, question, move |system, answer| {
            system.bring::<M>(me, || then(answer));
        });
    }

    /// Answers a question. An answer that comes too late, or is not the first, is dropped there.
    pub fn reply<R: Protocol>(&mut self, reply: Reply<R>, answer: R) -> Result<(), TellError> {
        self.system.reply(reply, answer)
    }

    /// Sends a message to itself when so much time has passed.
    pub fn after(&mut self, delay: Duration, message: M) {
        let me = self.me;
        self.system.after(delay, Box::new(move |system| system.bring::<M>(me, || message)));
    }

    /// Spawns an actor on this rank, as [`System::spawn`].
    pub fn spawn<N: Protocol>(&mut self, actor: impl Actor<N>) -> Result<Address<N>, SpawnError> {
        self.system.spawn(actor)
    }

    /// The same, linked to this actor from the beginning.
    pub fn spawn_linked<N: Protocol>(&mut self, actor: impl Actor<N>) -> Result<Address<N>, SpawnError> {
        let child = self.system.spawn(actor)?;
        self.system.link_child(self.me, child.id());
        Ok(child)
    }

    /// Has another rank start an actor of a [kind](System::kind), linked to this one if `is_linked`. Its address, or why it was
    /// not started, comes as the message that `then` makes of it.
    pub fn spawn_on<S: Protocol, N: Protocol>(
        &mut self,
        (rank, kind): (u32, &str),
        start: S,
        is_linked: bool,
        timeout: Duration,
        then: impl FnOnce(Result<Address<N>, SpawnError>) -> M + 'static,
    ) {
        let (me, parent) = (self.me, is_linked.then_some(self.me));
        let start = self.system.encode(&start);
        self.system.begin_spawn((rank, kind), start, parent, timeout, move |system, spawned| {
            system.bring::<M>(me, || then(spawned.map(ActorId::address)));
        });
    }

    /// Ends an actor, as [`System::stop`].
    pub fn stop(&mut self, actor: ActorId) {
        self.system.stop(actor);
    }

    /// Is told once when that actor ends, by the message that `then` makes. At once, if it has ended. What the monitor returns takes
    /// it back.
    pub fn monitor(&mut self, actor: ActorId, then: impl FnOnce(Down) -> M + 'static) -> Monitor {
        let me = self.me;
        self.system.watch(me, actor, Box::new(move |system, down| system.bring::<M>(me, || then(down))))
    }

    /// Takes a monitor back. What it has told before may still come.
    pub fn demonitor(&mut self, monitor: Monitor) {
        self.system.unwatch(monitor.0);
    }

    /// Links this actor and that one: if one of them ends with a failure ([`Reason::is_failure`]), the other one does, unless it
    /// [traps](Context::trap_exits) that.
    pub fn link(&mut self, actor: ActorId) {
        self.system.link(self.me, actor);
    }

    /// Takes a link back.
    pub fn unlink(&mut self, actor: ActorId) {
        self.system.unlink(self.me, actor);
    }

    /// From now on this actor does not end with those that it is linked to. It is told of each that ends, for whatever reason, by the
    /// message that `then` makes.
    pub fn trap_exits(&mut self, then: impl Fn(Down) -> M + 'static) {
        if let Some(mailbox) = self.system.slots.mailbox(self.me.place).and_then(of_type::<M>) {
            mailbox.trap = Some(Box::new(then));
        }
    }

    /// Gives this actor a name, by which all ranks find it as long as it lives. Whether it has it comes as the message that `then` makes.
    pub fn register(
        &mut self,
        name: &str,
        timeout: Duration,
        then: impl FnOnce(Result<(), NameError>) -> M + 'static,
    ) {
        let me = self.me;
        self.system.begin_poll(
            name,
            Some(me),
            timeout,
            Box::new(move |system, result| system.bring::<M>(me, || then(result.map(|_| ())))),
        );
    }

    /// Looks for the actor with this name on all ranks. What was found comes as the message that `then` makes.
    pub fn find<N>(
        &mut self,
        name: &str,
        timeout: Duration,
        then: impl FnOnce(Result<Address<N>, NameError>) -> M + 'static,
    ) {
        let me = self.me;
        self.system.begin_poll(
            name,
            None,
            timeout,
            Box::new(move |system, result| {
                system.bring::<M>(me, || then(result.map(ActorId::address)));
            }),
        );
    }
}

impl<M> fmt::Debug for Context<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("me", &self.me).finish_non_exhaustive()
    }
}

/// A monitor that may be [taken back](Context::demonitor).
#[derive(Debug, PartialEq, Eq)]
pub struct Monitor(pub(super) u64);
