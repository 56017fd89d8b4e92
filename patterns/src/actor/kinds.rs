//! Actors that other ranks can start.

use super::address::{ActorId, Address, Place};
use super::asks::{self, MOST, Outcome};
use super::delivery::due;
use super::panics::contain;
use super::wire::{NotSpawned, Packet};
use super::{Actor, AskError, Protocol, SpawnError, System, TellError};
use crate::codec::EncodeError;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

type Start = Rc<dyn Fn(&mut System, &[u8]) -> Result<ActorId, NotSpawned>>;

/// All kinds, by name.
#[derive(Default)]
pub struct Kinds(HashMap<String, Start>);

impl System {
    /// Lets other ranks start actors of this kind here, with a value of type `S` each. A process cannot send code, so a kind has a name, of
    /// at most 255 bytes, and the programs that start such actors have it.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::actor::{ActorId, Context, Limits, Next, System};
    /// # use std::time::Duration;
    /// # let mut system = System::new(Region::create_unnamed(Config::ranks(1))?.join(0)?, Limits::default());
    /// system.kind("echo", |to: ActorId| {
    ///     move |(), cx: &mut Context<'_, ()>| match cx.tell(to.address::<()>(), ()) {
    ///         Ok(()) => Next::Same,
    ///         Err(_) => Next::Stop,
    ///     }
    /// });
    /// # let someone = system.spawn(|(), _: &mut Context<'_, ()>| Next::Same)?;
    /// let echo = system.spawn_on::<_, ()>(0, "echo", &someone.id(), Duration::from_secs(1))?;
    /// # assert!(system.has(echo.id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kind<S: Protocol, M: Protocol, A: Actor<M>>(
        &mut self,
        name: &str,
        start: impl Fn(S) -> A + 'static,
    ) {
        let start = move |system: &mut System, bytes: &[u8]| {
            let value = system.frame::<S>().read(bytes).map_err(|_| NotSpawned::OtherStart)?;
            let spawned = system.spawn(start(value));
            spawned.map(|address: Address<M>| address.id()).map_err(|_| full(system))
        };
        self.kinds.0.insert(name.into(), Rc::new(start));
    }

    fn start(&mut self, kind: &str, bytes: &[u8]) -> Result<ActorId, NotSpawned> {
        let start = self.kinds.0.get(kind).cloned().ok_or(NotSpawned::UnknownKind)?;
        if self.slots.len() >= self.limits.actors {
            return Err(full(self));
        }
        contain(|| start(self, bytes)).unwrap_or(Err(NotSpawned::Panicked))
    }

    /// Has a rank start an actor, and does `then` with what came of it.
    pub(super) fn begin_spawn(
        &mut self,
        (rank, kind): (u32, &str),
        start: Result<Vec<u8>, EncodeError>,
        parent: Option<ActorId>,
        timeout: Duration,
        then: impl FnOnce(&mut System, Result<ActorId, SpawnError>) + 'static,
    ) {
        let kind_name = kind.to_owned();
        let failed = move |why| match why {
            NotSpawned::Full(most) => SpawnError::Full { rank, most: most as usize },
            NotSpawned::UnknownKind => SpawnError::UnknownKind { rank, kind: kind_name },
            NotSpawned::OtherStart => SpawnError::OtherStart { rank, kind: kind_name },
            NotSpawned::Panicked => SpawnError::Panicked { rank, kind: kind_name },
        };
        let start = match start {
            Ok(start) => start,
            Err(error) => return then(self, Err(SpawnError::Ask(TellError::from(error).into()))),
        };
        if rank == self.rank() {
            let spawned = self.start(kind, &start).map_err(failed);
            if let (Ok(actor), Some(parent)) = (&spawned, parent) {
                self.link_child(parent, *actor);
            }
            return then(self, spawned);
        }
        let then: asks::Then = Box::new(move |system, outcome| {
            let spawned = match outcome {
                Outcome::Spawned(actor) => {
                    system.adopt(parent, actor);
                    Ok(actor)
                }
                Outcome::NotSpawned(why) => Err(failed(why)),
                Outcome::Failed(AskError::Timeout) => Err(SpawnError::Timeout { rank }),
                Outcome::Failed(AskError::Tell(TellError::RankGone { rank })) => {
                    Err(SpawnError::RankGone { rank })
                }
                Outcome::Failed(error) => Err(SpawnError::Ask(error)),
                Outcome::Here(_) | Outcome::Bytes(_) => Err(SpawnError::Ask(AskError::OtherAnswer)),
            };
            then(system, spawned);
        });
        // Not the one that events have told of: it may have a successor.
        let Some(life) = self.peers.life_now(&self.me, rank) else {
            let gone = TellError::RankGone { rank };
            return then(self, Outcome::Failed(gone.into()));
        };
        let of = ActorId { rank, life, place: Place { slot: 0, generation: 0 } };
        let number = match self.asks.open(of, true, due(timeout), then) {
            Ok(number) => number,
            Err(then) => return then(self, Outcome::Failed(AskError::TooMany { most: MOST })),
        };
        let mut bytes = vec![];
        let parent = parent.map(|parent| parent.place);
        let tag = Packet::Spawn { number, parent, kind, start: &start }.write(life, &mut bytes);
        if let Err(error) = self.peers.tell(&self.me, (rank, life), tag, &bytes) {
            self.fail_ask(number, error.into());
        }
    }

    /// An actor of another rank was started for this one, and has the link already.
    fn adopt(&mut self, parent: Option<ActorId>, actor: ActorId) {
        let Some(parent) = parent else { return };
        match self.slots.get(parent.place) {
            Some(entry) => {
                entry.links.insert(actor);
                self.peers.add_watcher(actor.rank, usize::MAX);
            }
            None => self.stop(actor),
        }
    }

    /// Another rank wants an actor of this one.
    pub(super) fn take_spawn(
        &mut self,
        (rank, life): (u32, u32),
        (number, parent): (u64, Option<Place>),
        kind: &str,
        start: &[u8],
    ) {
        let answer = match self.start(kind, start) {
            Ok(actor) => Packet::Spawned { number, actor: actor.place },
            Err(why) => Packet::NotSpawned { number, why },
        };
        // The end of the actor, if there is a link, is told after this.
        self.peers.say(&self.me, rank, life, &answer);
        if let (Packet::Spawned { actor, .. }, Some(place)) = (answer, parent)
            && !self.take_link(ActorId { rank, life, place }, actor)
        {
            let child = ActorId { rank: self.rank(), life: self.life, place: actor };
            self.stop(child);
        }
    }

    /// What became of the request for an actor.
    pub(super) fn take_spawned(&mut self, number: u64, of: ActorId, outcome: Outcome<'_>) {
        let asked = self.asks.asked(number).map(|asked| (asked.rank, asked.life));
        if self.asks.is_spawn(number) && asked == Some((of.rank, of.life)) {
            if let Some(then) = self.asks.close(number) {
                then(self, outcome);
            }
        } else if let Outcome::Spawned(actor) = outcome {
            // Nobody waits for it any more.
            self.stop(actor);
        }
    }
}

fn full(system: &System) -> NotSpawned {
    NotSpawned::Full(system.limits.actors.min(u32::MAX as usize) as u32)
}
