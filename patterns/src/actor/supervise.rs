//! What supervisors are told, and what they answer.

use super::address::{ActorId, Reply};
use super::{Down, InProcess, Protocol, SpawnError};
use crate::codec::Message;
use core::fmt;

/// What a supervisor is told, and asked.
pub struct Supervise(pub(super) Order);

pub enum Order {
    Down(Down),
    /// What came of a start, at the rank with this place in the list.
    Started {
        child: usize,
        start: u64,
        tried: usize,
        result: Result<ActorId, SpawnError>,
    },
    Retry {
        child: usize,
        start: u64,
    },
    /// It has had time enough to end.
    Late {
        child: usize,
        actor: ActorId,
    },
    Children(Reply<Children>),
    Stop,
}

impl Supervise {
    /// Asks which children there are.
    pub fn children(reply: Reply<Children>) -> Self {
        Self(Order::Children(reply))
    }

    /// Tells it to stop its children, and then to stop.
    pub fn stop() -> Self {
        Self(Order::Stop)
    }
}

impl fmt::Debug for Supervise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervise").finish_non_exhaustive()
    }
}

impl Message for Supervise {
    const NAME: &'static str = "actor.Supervise";
}

impl Protocol for Supervise {
    type Codec = InProcess;
}

/// The children of a supervisor, in the order in which they were given, and the actors that they are, where they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Children(pub Vec<(String, Option<ActorId>)>);

impl Children {
    /// The actor that is the child of this name, if it runs.
    pub fn find(&self, name: &str) -> Option<ActorId> {
        self.0.iter().find(|(child, _)| child == name).and_then(|(_, actor)| *actor)
    }
}

impl Message for Children {
    const NAME: &'static str = "actor.Children";
}

impl Protocol for Children {
    type Codec = InProcess;
}
