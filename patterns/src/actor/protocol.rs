//! What actors say to each other.

use super::{ActorId, ReplyId};
use crate::codec::{Codec, Fault, Format, Message, Plain};
use std::io;

/// A type of messages or answers, and the codec that makes bytes of them where they go to another rank.
///
/// ```
/// use mailbox_patterns::actor::{Protocol, Reply};
/// use mailbox_patterns::codec::{Json, Message};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// enum Room {
///     Say { text: String },
///     Count { reply: Reply<Counted> },
/// }
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Counted(u64);
/// # impl Message for Counted { const NAME: &'static str = "chat.Counted"; }
/// # impl Protocol for Counted { type Codec = Json; }
///
/// impl Message for Room {
///     const NAME: &'static str = "chat.Room";
/// }
/// impl Protocol for Room {
///     type Codec = Json;
/// }
/// ```
///
/// [`protocol!`](crate::protocol) does both.
pub trait Protocol: Message + Sized + 'static {
    /// The codec: one of those of [`codec`](crate::codec), or [`InProcess`] for messages that never leave their process.
    type Codec: Codec<Self> + 'static;
}

/// Says that a type is a [`Protocol`]: its name, and its codec.
///
/// ```
/// use mailbox_patterns::codec::Postcard;
/// use mailbox_patterns::protocol;
///
/// #[derive(serde::Serialize, serde::Deserialize, postcard_schema::Schema)]
/// struct Price {
///     cents: u32,
/// }
/// protocol! { Price as "shop.Price" in Postcard }
/// ```
#[macro_export]
macro_rules! protocol {
    ($type:ty as $name:literal in $codec:ty) => {
        $crate::message! { $type as $name }
        impl $crate::actor::Protocol for $type {
            type Codec = $codec;
        }
    };
}

impl Protocol for () {
    type Codec = Plain;
}

impl Protocol for ActorId {
    type Codec = Plain;
}

impl Protocol for ReplyId {
    type Codec = Plain;
}

/// The codec of messages that never leave their process: they may have anything in them. To another rank they are refused.
#[derive(Debug, Clone, Copy)]
pub struct InProcess;

impl<T: Message> Codec<T> for InProcess {
    const FORMAT: Format = Format::Other(255);

    fn new() -> Self {
        Self
    }

    fn fingerprint(&self) -> u64 {
        0
    }

    fn encode(&self, _value: &T, _out: &mut dyn io::Write) -> Result<(), Fault> {
        Err("it never leaves its process".into())
    }

    fn decode(&self, _bytes: &[u8]) -> Result<T, Fault> {
        Err("it never comes from another process".into())
    }
}
