//! What a handler gets, and what a dead-letter box keeps.

use super::id::Fields;
use std::time::{Duration, SystemTime};

/// What a file of a dead-letter box begins with: its name, and the version of the format.
const MAGIC: [u8; 12] = *b"mbox-dead\x01\0\0";

/// A message, for who handles it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Letter {
    /// Who sent it.
    pub from: u32,
    /// The tag that its sender gave it.
    pub tag: u32,
    /// How often it may have been received before without being acknowledged: [`Message::redelivered`](mailbox::Message::redelivered).
    /// It is 0 if that never happened.
    pub redelivered: u32,
    /// The how many-th attempt this is, those of receivers that died included. From 1 on.
    pub attempt: u32,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// A message that was not handled, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Who sent it.
    pub from: u32,
    /// To which rank.
    pub to: u32,
    /// The tag that its sender gave it.
    pub tag: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// The life and the number that its sender's outbox gave it, if it came from one.
    pub numbers: Option<(u64, u64)>,
    /// When it was set aside.
    pub when: SystemTime,
    /// Why.
    pub reason: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl DeadLetter {
    pub(super) fn write(&self) -> Vec<u8> {
        let when = self.when.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let (life, number) = self.numbers.unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        for value in [self.from, self.to, self.tag, self.attempts] {
            bytes.extend(value.to_le_bytes());
        }
        for value in [life, number, when] {
            bytes.extend(value.to_le_bytes());
        }
        for part in [self.reason.as_bytes(), &self.body] {
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// `None` if the file was cut or garbled.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (said, check) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        (crc32fast::hash(said).to_le_bytes() == check).then_some(())?;
        let mut fields = Fields(said.strip_prefix(&MAGIC)?);
        let [from, to, tag, attempts] = [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let (life, number) = (fields.u64()?, fields.u64()?);
        let when = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(fields.u64()?))?;
        let (reason, body) = (String::from_utf8(fields.bytes()?).ok()?, fields.bytes()?);
        let numbers = (number > 0).then_some((life, number));
        fields.0.is_empty().then_some(Self { from, to, tag, attempts, numbers, when, reason, body })
    }
}
