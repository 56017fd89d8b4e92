//! Values in the format of `postcard`.

use super::bounded::{Bounded, within};
use super::schema::{BASIS, hash};
use super::{Codec, Fault, Format, Message};
use postcard_schema::Schema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;

/// `postcard`, a compact format for values of `serde`. With the feature `postcard`.
///
/// The fingerprint is of the whole schema, which `#[derive(Schema)]` of the crate `postcard-schema` makes: the names of types and fields
/// in their order, and where each type ends, also of types within. So any change of the type is a mismatch.
///
/// A type that contains itself has no such schema. Write one that does not say what is inside, and change [`Message::VERSION`] with the
/// type:
///
/// ```
/// # use mailbox_patterns::codec::Message;
/// use postcard_schema::schema::{DataModelType, NamedType};
/// # use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Tree {
///     children: Vec<Tree>,
/// }
/// impl postcard_schema::Schema for Tree {
///     const SCHEMA: &'static NamedType = &NamedType { name: "Tree", ty: &DataModelType::Schema };
/// }
/// impl Message for Tree {
///     const NAME: &'static str = "Tree";
///     const VERSION: u32 = 1;
/// }
/// # let frame = mailbox_patterns::codec::Frame::<Tree, mailbox_patterns::codec::Postcard>::new();
/// # let mut message = vec![];
/// # frame.append(&Tree { children: vec![] }, &mut message).unwrap();
/// # assert!(frame.read(&message).unwrap().children.is_empty());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Postcard;

impl<T: Message + Schema + Serialize + DeserializeOwned> Codec<T> for Postcard {
    const FORMAT: Format = Format::Postcard;

    fn new() -> Self {
        Self
    }

    fn fingerprint(&self) -> u64 {
        // The library's own `Key` leaves out how many fields a type has. So a field may move into a type within, or out of it, and the key
        // stays as it is. These bytes say it. Memory grows as they need it, so nothing here can fail.
        hash(BASIS, &postcard::to_stdvec(T::SCHEMA).unwrap_or_default())
    }

    fn encode(&self, value: &T, out: &mut dyn io::Write) -> Result<(), Fault> {
        postcard::to_io(value, out)?;
        Ok(())
    }

    fn append(&self, value: &T, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        *buffer = postcard::to_extend(value, core::mem::take(buffer))?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Fault> {
        let (Bounded(value), rest) = within(bytes.len(), || postcard::take_from_bytes(bytes))?;
        if !rest.is_empty() {
            return Err(format!("{} bytes are left behind the value", rest.len()).into());
        }
        Ok(value)
    }
}
