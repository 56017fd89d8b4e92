//! Values as Protocol Buffers.

use super::schema::{BASIS, hash};
use super::{Codec, Fault, Format, Message};
use std::io;

/// Protocol Buffers, of types that derive `prost::Message` or are made from a `.proto` file. With the feature `protobuf`.
///
/// The format is made for types that change: fields have numbers, a reader skips those that it does not know, and gives those that
/// are missing their default. So the fingerprint is of the name and [`Message::VERSION`] alone: programs whose types have the
/// same name and version talk, old with new and new with old. The author of a type keeps to the rules of Protocol Buffers (a number is never used
/// again for something else), or changes the version. Name it as in its `.proto` file: `package.Message`.
///
/// To be written in place, a value is encoded in private memory first: one copy more.
#[derive(Debug, Clone, Copy)]
pub struct Protobuf;

impl<T: Message + prost::Message + Default> Codec<T> for Protobuf {
    const FORMAT: Format = Format::Protobuf;

    fn new() -> Self {
        Self
    }

    fn fingerprint(&self) -> u64 {
        hash(BASIS, T::NAME.as_bytes())
    }

    fn encode(&self, value: &T, out: &mut dyn io::Write) -> Result<(), Fault> {
        Ok(out.write_all(&value.encode_to_vec())?)
    }

    fn append(&self, value: &T, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        Ok(value.encode(buffer)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Fault> {
        Ok(T::decode(bytes)?)
    }
}
