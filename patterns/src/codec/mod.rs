//! Typed messages: values that programs exchange which were not all built from the same source, and do not all mean well.
//!
//! # The idea
//!
//! A mail is bytes. To send a value, a *codec* writes it as bytes, in a *format*; to receive it, the same codec reads the bytes. Both
//! programs must mean the same by them. So each message has a header that says which type of value it carries, in which format, and
//! the *fingerprint* of the type's schema, a number that is computed from its definition. A reader that expects another one gets an error
//! that names both, and never a value that is wrong.
//!
//! ```
//! use bytemuck::{Pod, Zeroable};
//! use mailbox::{Config, Region};
//! use mailbox_patterns::codec::{Plain, Receiver, Sender};
//!
//! #[derive(Clone, Copy, Pod, Zeroable)]
//! #[repr(C)]
//! struct Tick {
//!     instrument: u64,
//!     price: f64,
//! }
//! mailbox_patterns::message! { Tick as "Tick" { instrument: u64, price: f64 } }
//!
//! # let region = Region::create_unnamed(Config::ranks(2))?;
//! # let (me, other) = (region.join(0)?, region.join(1)?);
//! // One process
//! Sender::<Tick, Plain>::new(me.to(1)).send(&Tick { instrument: 4711, price: 17.25 })?;
//!
//! // Another
//! let tick = Receiver::<Tick, Plain>::new(other.from(0)).recv()?;
//! assert_eq!((tick.from(), tick.instrument, tick.price), (0, 4711, 17.25));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Formats
//!
//! | codec | feature | for types that | the fingerprint is of |
//! |---|---|---|---|
//! | [`Plain`] | none | are plain data (`bytemuck`) | name, size, alignment, fields |
//! | `Postcard` | `postcard` | derive `Serialize`, `Deserialize`, and `Schema` of `postcard-schema` | the whole schema |
//! | `Json` | `json` | derive `Serialize` and `Deserialize` | name |
//! | `Protobuf` | `protobuf` | derive `prost::Message` | name |
//! | `Avro` | `avro` | derive `Serialize`, `Deserialize`, and `AvroSchema` of `apache-avro` | the schema's canonical form |
//!
//! A type of any format but plain data is given its name with `message! { Order as "shop.Order" }`: see [`message!`](crate::message).
//!
//! All but plain data are off unless a program asks for them, and each brings in its library alone:
//!
//! ```toml
//! mailbox-patterns = { path = "../mailbox/patterns", features = ["postcard", "json"] }
//! ```
//!
//! *Types that change.* With `Postcard` any change of the definition is a mismatch. So it is with `Plain`, but of the type of a field only
//! the name counts, and a type that [names no fields](crate::message) has only its size and alignment. So it is with `Avro`, but for
//! logical types, comments and defaults. Then all programs are built again, or the new type gets a new name beside the old one.
//! `Protobuf` and `Json` are for programs that change one after the other: there a type is known by its name, a reader skips fields that
//! it does not know, and gives those that are missing their default. Each type may also have a [version](Message::VERSION), which is part
//! of the fingerprint in all formats. Its author changes it when old and new programs must not understand each other.
//!
//! # Ends
//!
//! | to | there is |
//! |---|---|
//! | send values to a rank, receive them | [`Sender`], [`Receiver`] |
//! | write a value in place, for one receiver or several | [`Frame::lend`] |
//! | publish a stream of values, read it | [`Publisher`], [`Subscriber`] |
//! | publish the latest value, read it | [`LatestPublisher`], [`Latest`] |
//! | ask, with typed answers and errors; answer | [`Client`], [`Server`] |
//! | do anything else with typed messages | [`Frame`] |
//!
//! An end is made of a builder, publisher or subscriber of [`mailbox`], and keeps what that promises: order, what is delivered again after
//! a death, which ends are told. It adds the type.
//!
//! # What is promised
//!
//! - **No other type.** A value is read only if its name, format and fingerprint are those that are expected. Otherwise the error
//!   is [`DecodeError::Mismatch`], with both. A call is told so, too: [`CallError::OtherRequest`].
//! - **Bytes of peers are copied first.** No codec looks at memory that a peer may write meanwhile.
//! - **Bytes of peers do no harm.** Whatever they are, they are a value or an error. No codec panics, and none takes memory or time without
//!   end: the limits are below. A message that is no value is acknowledged, and the next one is received.
//! - **A value that is not written is not sent**, also in place. Nobody sees a part of it.
//!
//! # Limits
//!
//! - *Length.* A receiver reads messages of up to 1 MiB, unless it says otherwise (`limit`). A longer one is an error, and is not copied.
//!   An announced message was taken in before, within the [budget](mailbox::RecvHalf::set_budget) of the endpoint; a latest value was
//!   copied before, and is no longer than values of the topic can be.
//! - *Nesting.* `Postcard` and `Avro` read values that are up to 128 levels deep, of which each struct, enum, list, map and option is
//!   one; `Json` 127 levels of brackets; `Protobuf` 100 messages within each other.
//! - *Numbers of entries.* Libraries believe the length that a message says it has. Here a list or map takes memory for no more than 64
//!   entries before they are there. A message has no more entries in all than bytes, and 1024: those that take no bytes, like
//!   `()`, could otherwise be without number. `Postcard`'s and `Json`'s strings are as long as their bytes; `Avro` takes up to 1 MiB for one that
//!   says so.
//! - *Memory.* So a message takes as much memory as its type makes of its bytes. An empty entry of a list is two bytes in Protocol
//!   Buffers, and as large as its type in memory: with entries of 200 bytes, 1 MiB of them takes 100 MiB. Choose the limit by that.
//! - These limits are those of `serde_json` and `prost` as they are by default. A program that takes them off
//!   (`no-recursion-limit`) has none.
//! - *The header* takes 11 bytes and the name. A value with its header is sent in one cache line if both have up to 48 bytes. A
//!   fingerprint has 64 bits and keeps no secret: it is against mistakes. A peer that means ill can send any value of the right type.
//! - *Bytes in shared memory.* Values of `Plain` are copied as they are. What a pointer or a file descriptor would mean elsewhere is not
//!   changed by that.
//! - One message after the other: the memory that a message was copied to is kept for the next, up to 64 KiB.
//! - Announced messages that are [fetched by hand](mailbox::RecvHalf::set_by_hand) have no bytes yet, and are errors here.

mod client;
mod coding;
mod error;
mod frame;
mod latest;
mod message;
mod plain;
mod private;
mod receiver;
mod schema;
mod sender;
mod server;
mod stream;

#[cfg(feature = "avro")]
mod avro;
#[cfg(any(feature = "avro", feature = "postcard"))]
mod bounded;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "postcard")]
mod postcard;
#[cfg(feature = "protobuf")]
mod protobuf;

#[cfg(feature = "avro")]
pub use avro::Avro;
pub use client::Client;
pub use coding::{Codec, Fault};
pub use error::{CallError, DecodeError, EncodeError, RecvError, ReplyError, SendError, TopicError};
pub use frame::Frame;
#[cfg(feature = "json")]
pub use json::Json;
pub use latest::{Latest, LatestPublisher};
pub use message::{Field, Message};
pub use plain::Plain;
#[cfg(feature = "postcard")]
pub use postcard::Postcard;
#[cfg(feature = "protobuf")]
pub use protobuf::Protobuf;
pub use receiver::{Received, Receiver};
pub use schema::{Format, Schema};
pub use sender::Sender;
pub use server::{Asked, Server};
pub use stream::{Publisher, Sample, Subscriber};
