//! Where an actor is.

use crate::codec::Message;
use bytemuck::{Pod, Zeroable};
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

/// An actor, of whatever messages: plain data, which can be sent in messages. It never means another actor, also when its own has
/// ended and others have its place, or its rank has another holder.
///
/// ```
/// use mailbox_patterns::actor::ActorId;
/// use mailbox_patterns::message;
///
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Join {
///     member: ActorId,
/// }
/// message! { Join as "Join" { member: ActorId } }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct ActorId {
    pub(super) rank: u32,
    /// The epoch of the rank.
    pub(super) life: u32,
    pub(super) place: Place,
}

/// Where an actor is within its system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct Place {
    pub slot: u32,
    /// How many actors had the slot before.
    pub generation: u32,
}

impl ActorId {
    /// Its rank.
    pub fn rank(&self) -> u32 {
        self.rank
    }

    /// The same, as the address of an actor that takes messages of this type. If it takes others, messages to it are refused.
    pub fn address<M>(self) -> Address<M> {
        Address { id: self, of: PhantomData }
    }
}

impl Message for ActorId {
    const NAME: &'static str = "ActorId";
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { slot, generation } = self.place;
        write!(f, "{}.{}.{slot}.{generation}", self.rank, self.life)
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorId({self})")
    }
}

/// The address of an actor that takes messages of type `M`. With the features `postcard` and `json` it can be a field of messages;
/// otherwise its [`ActorId`] can.
pub struct Address<M> {
    id: ActorId,
    of: PhantomData<fn(M)>,
}

impl<M> Address<M> {
    /// Which actor it is.
    pub fn id(&self) -> ActorId {
        self.id
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Address<M> {}

impl<M> PartialEq for Address<M> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<M> Eq for Address<M> {}

impl<M> Hash for Address<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.id)
    }
}

/// Who waits for an answer, of whatever type: plain data, which can be sent in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct ReplyId {
    pub(super) rank: u32,
    pub(super) life: u32,
    pub(super) number: u64,
}

impl ReplyId {
    /// The same, for an answer of this type. If the asker expects another, it gets an error.
    pub fn reply<R>(self) -> Reply<R> {
        Reply { id: self, of: PhantomData }
    }
}

impl Message for ReplyId {
    const NAME: &'static str = "ReplyId";
}

/// Where an answer of type `R` is to go: a question has it, and [`Context::reply`](super::Context::reply) takes it. The actor that has
/// it may keep it, and answer later, or send it to another actor that answers. The first answer counts.
pub struct Reply<R> {
    id: ReplyId,
    of: PhantomData<fn(R)>,
}

impl<R> Reply<R> {
    /// The same, as plain data.
    pub fn id(&self) -> ReplyId {
        self.id
    }
}

impl<R> Clone for Reply<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Reply<R> {}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply").field(&self.id).finish()
    }
}

/// As tuples of numbers.
#[cfg(any(feature = "postcard", feature = "json"))]
mod with_serde {
    use super::{ActorId, Address, Place, Reply, ReplyId};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    impl Serialize for ActorId {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            (self.rank, self.life, self.place.slot, self.place.generation).serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for ActorId {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let (rank, life, slot, generation) = Deserialize::deserialize(deserializer)?;
            Ok(Self { rank, life, place: Place { slot, generation } })
        }
    }

    impl Serialize for ReplyId {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            (self.rank, self.life, self.number).serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for ReplyId {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let (rank, life, number) = Deserialize::deserialize(deserializer)?;
            Ok(Self { rank, life, number })
        }
    }

    impl<M> Serialize for Address<M> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.id.serialize(serializer)
        }
    }

    impl<'de, M> Deserialize<'de> for Address<M> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(ActorId::deserialize(deserializer)?.address())
        }
    }

    impl<R> Serialize for Reply<R> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.id.serialize(serializer)
        }
    }

    impl<'de, R> Deserialize<'de> for Reply<R> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(ReplyId::deserialize(deserializer)?.reply())
        }
    }
}

#[cfg(feature = "postcard")]
mod with_schema {
    use super::{ActorId, Address, Reply, ReplyId};
    use postcard_schema::Schema;
    use postcard_schema::schema::NamedType;

    impl Schema for ActorId {
        const SCHEMA: &'static NamedType =
            &NamedType { name: "ActorId", ty: <(u32, u32, u32, u32)>::SCHEMA.ty };
    }

    impl Schema for ReplyId {
        const SCHEMA: &'static NamedType = &NamedType { name: "ReplyId", ty: <(u32, u32, u64)>::SCHEMA.ty };
    }

    impl<M> Schema for Address<M> {
        const SCHEMA: &'static NamedType = ActorId::SCHEMA;
    }

    impl<R> Schema for Reply<R> {
        const SCHEMA: &'static NamedType = ReplyId::SCHEMA;
    }
}
