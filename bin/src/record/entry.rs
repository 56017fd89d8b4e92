//! What a record says, as bytes and back.

use std::time::Duration;

/// What a recording begins with.
pub const MAGIC: [u8; 8] = *b"mbox-rec";
/// The version of the format.
pub const VERSION: u32 = 2;
/// Bytes of the header.
pub const HEADER: usize = 32;
/// The most bytes of a body.
pub const MAX_BODY: u32 = (1 << 30) + 4096;

const END: u8 = 0;
const MAIL: u8 = 1;
const VALUE: u8 = 2;
const MISSED_MAIL: u8 = 3;
const MISSED_VALUES: u8 = 4;
const LATEST: u8 = 5;

/// One record: what it is, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Since the start of the recording.
    pub at: Duration,
    pub entry: Entry,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A message.
    Mail { from: u32, to: u32, tag: u32, context: u16, payload: Vec<u8> },
    /// A message of a topic, whose name has at most 255 bytes.
    Value { topic: String, number: u64, payload: Vec<u8> },
    /// The same, of a topic that is published as its latest value.
    Latest { topic: String, number: u64, payload: Vec<u8> },
    /// So many messages were not seen.
    MissedMail { from: u32, to: u32, count: u64 },
    /// So many values were not seen.
    MissedValues { topic: String, count: u64 },
}

impl Record {
    /// Appends the body. `None` if the name of a topic is too long.
    pub fn append_to(&self, body: &mut Vec<u8>) -> Option<()> {
        // It is beyond the range of a u64 after 584 years.
        let at = (self.at.as_nanos() as u64).to_le_bytes();
        let mut add = |kind: u8, fields: &[&[u8]]| {
            body.push(kind);
            body.extend(at);
            fields.iter().for_each(|field| body.extend_from_slice(field));
        };
        match &self.entry {
            Entry::Mail { from, to, tag, context, payload } => {
                let [from, to, tag] = [from, to, tag].map(|number| number.to_le_bytes());
                add(MAIL, &[&from, &to, &tag, &context.to_le_bytes(), payload]);
            }
            Entry::Value { topic, number, payload } | Entry::Latest { topic, number, payload } => {
                let kind = if matches!(self.entry, Entry::Value { .. }) { VALUE } else { LATEST };
                add(kind, &[&number.to_le_bytes(), &[length(topic)?], topic.as_bytes(), payload]);
            }
            Entry::MissedMail { from, to, count } => {
                add(MISSED_MAIL, &[&from.to_le_bytes(), &to.to_le_bytes(), &count.to_le_bytes()]);
            }
            Entry::MissedValues { topic, count } => {
                add(MISSED_VALUES, &[&count.to_le_bytes(), &[length(topic)?], topic.as_bytes()]);
            }
        }
        Some(())
    }
}

fn length(topic: &str) -> Option<u8> {
    topic.len().try_into().ok()
}

/// The body of the end.
pub fn end(at: Duration, records: u64) -> Vec<u8> {
    [&[END][..], &(at.as_nanos() as u64).to_le_bytes(), &records.to_le_bytes()].concat()
}

/// What a body says.
pub enum Body {
    Record(Record),
    /// The end, after so many records.
    End(u64),
}

impl Body {
    /// `None` if no recorder writes such a body.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let kind = fields.u8()?;
        let at = Duration::from_nanos(fields.u64()?);
        let entry = match kind {
            END => {
                let records = fields.u64()?;
                return fields.0.is_empty().then_some(Self::End(records));
            }
            MAIL => {
                let [from, to, tag] = [fields.u32()?, fields.u32()?, fields.u32()?];
                Entry::Mail { from, to, tag, context: fields.u16()?, payload: fields.rest() }
            }
            VALUE => {
                let number = fields.u64()?;
                Entry::Value { topic: fields.name()?, number, payload: fields.rest() }
            }
            LATEST => {
                let number = fields.u64()?;
                Entry::Latest { topic: fields.name()?, number, payload: fields.rest() }
            }
            MISSED_MAIL => Entry::MissedMail { from: fields.u32()?, to: fields.u32()?, count: fields.u64()? },
            MISSED_VALUES => {
                let count = fields.u64()?;
                Entry::MissedValues { topic: fields.name()?, count }
            }
            _ => return None,
        };
        fields.0.is_empty().then_some(Self::Record(Record { at, entry }))
    }
}

/// Numbers and names, one after the other.
pub struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    fn next<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn u8(&mut self) -> Option<u8> {
        self.next().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.next().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.next().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.next().map(u64::from_le_bytes)
    }

    fn name(&mut self) -> Option<String> {
        let len = self.u8()?.into();
        let (name, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(name.to_vec()).ok()
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).to_vec()
    }
}
