//! Values as JSON.

use super::schema::{BASIS, hash};
use super::{Codec, Fault, Format, Message};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;

/// JSON, of values of `serde`. With the feature `json`.
///
/// Each value says the names of its fields. So the fingerprint is of the name and [`Message::VERSION`] alone: programs whose types have the same
/// name and version talk, and `serde` decides whether a value fits. A reader skips fields that it does not know, and takes those
/// that are missing from `#[serde(default)]`.
///
/// JSON has no number for NaN and infinities: they are written as `null`, which no reader takes for a number.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl<T: Message + Serialize + DeserializeOwned> Codec<T> for Json {
    const FORMAT: Format = Format::Json;

    fn new() -> Self {
        Self
    }

    fn fingerprint(&self) -> u64 {
        hash(BASIS, T::NAME.as_bytes())
    }

    fn encode(&self, value: &T, out: &mut dyn io::Write) -> Result<(), Fault> {
        Ok(serde_json::to_writer(out, value)?)
    }

    fn append(&self, value: &T, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        Ok(serde_json::to_writer(buffer, value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Fault> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
