//! Values in Avro's binary encoding.

use super::bounded::{Bounded, within};
use super::{Codec, Fault, Format, Message};
use apache_avro::rabin::Rabin;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::util::max_allocation_bytes;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{AvroSchema, Schema};
use core::any::TypeId;
use core::fmt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

/// The longest string, in bytes.
const LONGEST: usize = 1 << 20;

/// Avro, of values of `serde` whose types derive `AvroSchema`. With the feature `avro`.
///
/// The fingerprint is that of Avro's specification, CRC-64-AVRO of the canonical form of the schema. So a change of a field's name,
/// type or place is a mismatch. One of a comment or a default is none, nor is one of a logical type, as from milliseconds to microseconds:
/// the canonical form leaves them out. Change [`Message::VERSION`] with a logical type. The value is encoded without the schema.
///
/// A string, or bytes, of more than 1 MiB is not read. `apache-avro` has one such limit for a whole program, which is set once. A program
/// that wants another one calls `apache_avro::util::max_allocation_bytes` before it makes its first end.
///
/// The schema of a type is kept as long as the process lives.
pub struct Avro(Result<Ready, String>);

struct Ready {
    schema: &'static Schema,
    reader: GenericDatumReader<'static>,
    writer: GenericDatumWriter<'static>,
}

impl Ready {
    fn new(schema: &'static Schema) -> Result<Self, Fault> {
        // Otherwise settings of the whole program decide.
        let reader = GenericDatumReader::builder(schema).human_readable(false).build()?;
        let writer = GenericDatumWriter::builder(schema).human_readable(false).build()?;
        Ok(Self { schema, reader, writer })
    }
}

/// The schema of a type, made once.
fn schema<T: AvroSchema + 'static>() -> &'static Schema {
    static SCHEMAS: Mutex<Option<HashMap<TypeId, &'static Schema>>> = Mutex::new(None);
    // Outside of the lock: this is the type's own code.
    let make = || &*Box::leak(Box::new(T::get_schema()));
    let find = |made| {
        let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
        let schemas = schemas.get_or_insert_default();
        match made {
            None => schemas.get(&TypeId::of::<T>()).copied(),
            Some(schema) => Some(*schemas.entry(TypeId::of::<T>()).or_insert(schema)),
        }
    };
    find(None).unwrap_or_else(|| {
        let made = make();
        find(Some(made)).unwrap_or(made)
    })
}

impl<T: Message + AvroSchema + Serialize + DeserializeOwned + 'static> Codec<T> for Avro {
    const FORMAT: Format = Format::Avro;

    fn new() -> Self {
        max_allocation_bytes(LONGEST);
        Self(Ready::new(schema::<T>()).map_err(|error| error.to_string()))
    }

    fn fingerprint(&self) -> u64 {
        let Ok(ready) = &self.0 else { return 0 };
        let fingerprint = ready.schema.fingerprint::<Rabin>();
        fingerprint.bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)
    }

    fn encode(&self, value: &T, mut out: &mut dyn io::Write) -> Result<(), Fault> {
        self.0.as_ref().map_err(String::as_str)?.writer.write_ser(&mut out, value)?;
        Ok(())
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<T, Fault> {
        let ready = self.0.as_ref().map_err(String::as_str)?;
        let Bounded(value) = within(bytes.len(), || ready.reader.read_deser(&mut bytes))?;
        if !bytes.is_empty() {
            return Err(format!("{} bytes are left behind the value", bytes.len()).into());
        }
        Ok(value)
    }
}

impl fmt::Debug for Avro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Avro").finish_non_exhaustive()
    }
}
