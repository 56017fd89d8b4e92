//! What ranks tell each other.

use super::RunError;
use super::record::{Reader, Record};

/// The tag of all messages of graphs.
pub const TAG: u32 = u32::from_le_bytes(*b"flow");
/// No text in a note is longer.
const TEXT: usize = 256;

/// What a rank tells another, but for the events of channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A member is there. It has built this graph, and has given up that attempt; 0 if it has just come. Its run has a number, so that an
    /// answer to an earlier run of its process is known as such.
    Hello { fingerprint: u64, attempt: u64, run: u64 },
    /// An attempt begins, from this checkpoint, for this run of the member.
    Begin { attempt: u64, number: u64, run: u64 },
    /// The member has the state of that checkpoint, and takes events.
    Ready { attempt: u64 },
    /// All are ready.
    Go { attempt: u64 },
    /// The attempt has failed.
    Stop { attempt: u64 },
    /// The member has written its state.
    Saved { attempt: u64, number: u64 },
    /// All have.
    Complete { attempt: u64, number: u64 },
    /// An operator of the member has failed.
    Failed { attempt: u64, operator: String, reason: String },
    /// This run of the member has failed, for this reason.
    Over { run: u64, why: Why },
    /// The member takes part in that attempt, or in none (0), and ends with an error.
    Left { attempt: u64, why: Why },
}

/// Why a run has failed, as it is told to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Missing {
        rank: u32,
    },
    Differs {
        rank: u32,
    },
    Operator {
        rank: u32,
        operator: String,
        reason: String,
    },
    /// Anything else, in the words of that rank.
    Other {
        rank: u32,
        reason: String,
    },
}

/// The first bytes of messages.
const NOTE: u8 = 0;
const BATCH: u8 = 1;
const TAKEN: u8 = 2;

/// What begins a message with events of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    pub attempt: u64,
    pub edge: u32,
    /// How many events came before these through the channel.
    pub before: u64,
    pub count: u32,
    pub progress: u64,
}

impl Batch {
    pub fn write(self, bytes: &mut Vec<u8>) {
        BATCH.write(bytes);
        (self.attempt, self.edge, self.before).write(bytes);
        (self.count, self.progress).write(bytes);
    }
}

/// So many events of a channel were taken out.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub attempt: u64,
    pub edge: u32,
    pub count: u64,
}

impl Taken {
    pub fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![TAKEN];
        (self.attempt, self.edge, self.count).write(&mut bytes);
        bytes
    }
}

/// A message.
pub enum Message<'a> {
    Note(Note),
    Batch(Batch, Reader<'a>),
    Taken(Taken),
}

impl<'a> Message<'a> {
    /// `None` if it is none.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        match u8::read(&mut reader)? {
            NOTE => Note::read(&mut reader).filter(|_| reader.rest().is_empty()).map(Message::Note),
            BATCH => {
                let (attempt, edge, before) = Record::read(&mut reader)?;
                let (count, progress) = Record::read(&mut reader)?;
                Some(Message::Batch(Batch { attempt, edge, before, count, progress }, reader))
            }
            TAKEN => {
                let (attempt, edge, count) = Record::read(&mut reader)?;
                reader.rest().is_empty().then_some(Message::Taken(Taken { attempt, edge, count }))
            }
            _ => None,
        }
    }
}

/// The beginning of a text.
pub fn short(text: &str) -> String {
    let end = (0..=TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].into()
}

impl Note {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![NOTE];
        let to = &mut bytes;
        match self {
            Note::Hello { fingerprint, attempt, run } => (0_u8, *fingerprint, *attempt, *run).write(to),
            Note::Begin { attempt, number, run } => (1_u8, *attempt, *number, *run).write(to),
            Note::Ready { attempt } => (2_u8, *attempt).write(to),
            Note::Go { attempt } => (3_u8, *attempt).write(to),
            Note::Stop { attempt } => (4_u8, *attempt).write(to),
            Note::Saved { attempt, number } => (5_u8, *attempt, *number).write(to),
            Note::Complete { attempt, number } => (6_u8, *attempt, *number).write(to),
            Note::Failed { attempt, operator, reason } => {
                (7_u8, *attempt, short(operator), short(reason)).write(to);
            }
            Note::Over { run, why } => {
                (8_u8, *run).write(to);
                why.write(to);
            }
            Note::Left { attempt, why } => {
                (9_u8, *attempt).write(to);
                why.write(to);
            }
        }
        bytes
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let (kind, first) = <(u8, u64)>::read(bytes)?;
        Some(match kind {
            0 => {
                let (attempt, run) = Record::read(bytes)?;
                Note::Hello { fingerprint: first, attempt, run }
            }
            1 => {
                let (number, run) = Record::read(bytes)?;
                Note::Begin { attempt: first, number, run }
            }
            2 => Note::Ready { attempt: first },
            3 => Note::Go { attempt: first },
            4 => Note::Stop { attempt: first },
            5 => Note::Saved { attempt: first, number: u64::read(bytes)? },
            6 => Note::Complete { attempt: first, number: u64::read(bytes)? },
            7 => {
                Note::Failed { attempt: first, operator: Record::read(bytes)?, reason: Record::read(bytes)? }
            }
            8 => Note::Over { run: first, why: Why::read(bytes)? },
            9 => Note::Left { attempt: first, why: Why::read(bytes)? },
            _ => return None,
        })
    }
}

impl Why {
    /// What others are told of an error of this rank.
    pub fn of(error: &RunError, me: u32) -> Self {
        match error {
            RunError::Missing { rank } => Why::Missing { rank: *rank },
            RunError::Differs { rank, .. } => Why::Differs { rank: *rank },
            RunError::Operator { rank, operator, reason } => {
                Why::Operator { rank: *rank, operator: operator.clone(), reason: reason.clone() }
            }
            RunError::Other { rank, reason } => Why::Other { rank: *rank, reason: reason.clone() },
            error => Why::Other { rank: me, reason: error.to_string() },
        }
    }

    /// The error that the others return.
    pub fn error(self, coordinator: u32) -> RunError {
        match self {
            Why::Missing { rank } => RunError::Missing { rank },
            Why::Differs { rank } => RunError::Differs { rank, coordinator },
            Why::Operator { rank, operator, reason } => RunError::Operator { rank, operator, reason },
            Why::Other { rank, reason } => RunError::Other { rank, reason },
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Why::Missing { rank } => (0_u8, *rank).write(to),
            Why::Differs { rank } => (1_u8, *rank).write(to),
            Why::Operator { rank, operator, reason } => {
                (2_u8, *rank, short(operator), short(reason)).write(to);
            }
            Why::Other { rank, reason } => (3_u8, *rank, short(reason)).write(to),
        }
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(match u8::read(bytes)? {
            0 => Why::Missing { rank: u32::read(bytes)? },
            1 => Why::Differs { rank: u32::read(bytes)? },
            2 => {
                let (rank, operator, reason) = Record::read(bytes)?;
                Why::Operator { rank, operator, reason }
            }
            3 => {
                let (rank, reason) = Record::read(bytes)?;
                Why::Other { rank, reason }
            }
            _ => return None,
        })
    }
}
