//! The jobs of a queue, as its file has them.

use super::id::Fields;
use super::{Id, Ledger, Replay};
use std::collections::BTreeMap;

/// The kinds of effects.
const POSTED: u8 = 0;
const GIVEN: u8 = 1;
const BACK: u8 = 2;
const OVER: u8 = 3;

/// A worker: a rank, in one life.
pub type Holder = (u32, u64);

/// A job that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who posted it.
    pub from: u32,
    /// The life and the number that its outbox gave it.
    pub numbers: (u64, u64),
    /// How often it was given.
    pub attempts: u32,
    /// How many workers ended while they had it.
    pub deaths: u32,
    /// Who has it.
    pub holder: Option<Holder>,
    pub body: Vec<u8>,
}

/// All jobs that are not over, by number.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    last: u64,
    /// Of all bodies.
    bytes: usize,
    entries: BTreeMap<u64, Entry>,
}

impl Jobs {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes their bodies have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn get(&self, number: u64) -> Option<&Entry> {
        self.entries.get(&number)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(number, entry)| (*number, entry))
    }

    /// Notes an effect in the ledger, and has it.
    fn note(&mut self, ledger: &mut Ledger, effect: &[u8]) -> Result<(), super::JournalError> {
        ledger.note(effect)?;
        self.apply(effect);
        Ok(())
    }

    /// A job was posted. Its number.
    pub fn post(&mut self, ledger: &mut Ledger, id: Id, body: &[u8]) -> Result<u64, super::JournalError> {
        let number = self.last + 1;
        let entry = Entry {
            from: id.sender,
            numbers: (id.life, id.number),
            attempts: 0,
            deaths: 0,
            holder: None,
            body: body.into(),
        };
        let effect = entry.write(POSTED, number);
        ledger.record(id, &effect)?;
        self.apply(&effect);
        Ok(number)
    }

    /// The job is given to this worker.
    pub fn give(&mut self, ledger: &mut Ledger, number: u64, to: Holder) -> Result<(), super::JournalError> {
        let effect = [&[GIVEN][..], &number.to_le_bytes(), &to.0.to_le_bytes(), &to.1.to_le_bytes()].concat();
        self.note(ledger, &effect)
    }

    /// The job comes back from its worker, which has ended or failed.
    pub fn take_back(
        &mut self,
        ledger: &mut Ledger,
        number: u64,
        has_ended: bool,
    ) -> Result<(), super::JournalError> {
        self.note(ledger, &[&[BACK][..], &number.to_le_bytes(), &[has_ended.into()]].concat())
    }

    /// The job is done, or set aside.
    pub fn end(&mut self, ledger: &mut Ledger, number: u64) -> Result<(), super::JournalError> {
        self.note(ledger, &[&[OVER][..], &number.to_le_bytes()].concat())
    }

    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = self.last.to_le_bytes().to_vec();
        for (number, entry) in &self.entries {
            let entry = entry.write(POSTED, *number);
            bytes.extend((entry.len() as u32).to_le_bytes());
            bytes.extend(entry);
        }
        bytes
    }

    /// Has what a ledger replays. `None` if no queue has written that.
    pub fn replay(&mut self, replay: Replay<'_>) -> Option<()> {
        let state = match replay {
            Replay::Effect(effect) => return self.apply(effect),
            Replay::State(state) => state,
        };
        let mut fields = Fields(state);
        let last = fields.u64()?;
        (self.bytes, self.entries) = (0, BTreeMap::new());
        while !fields.0.is_empty() {
            self.apply(&fields.bytes()?)?;
        }
        self.last = last;
        Some(())
    }

    fn apply(&mut self, effect: &[u8]) -> Option<()> {
        let mut fields = Fields(effect);
        let (kind, number) = (fields.u8()?, fields.u64()?);
        match kind {
            POSTED => {
                let entry = Entry::read(fields)?;
                self.bytes += entry.body.len();
                let before = self.entries.insert(number, entry);
                self.bytes -= before.map_or(0, |before| before.body.len());
                self.last = self.last.max(number);
            }
            GIVEN => {
                let holder = (fields.u32()?, fields.u64()?);
                let entry = self.entries.get_mut(&number)?;
                entry.attempts = entry.attempts.saturating_add(1);
                entry.holder = Some(holder);
            }
            BACK => {
                let entry = self.entries.get_mut(&number)?;
                entry.deaths = entry.deaths.saturating_add(fields.u8()?.into());
                entry.holder = None;
            }
            OVER => self.bytes -= self.entries.remove(&number)?.body.len(),
            _ => return None,
        }
        Some(())
    }
}

impl Entry {
    fn write(&self, kind: u8, number: u64) -> Vec<u8> {
        let (rank, epoch) = self.holder.unwrap_or_default();
        let mut bytes = vec![kind];
        for value in [number, self.numbers.0, self.numbers.1, epoch] {
            bytes.extend(value.to_le_bytes());
        }
        for value in [self.from, self.attempts, self.deaths, rank] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(&self.body);
        bytes
    }

    /// What comes behind its number.
    fn read(mut fields: Fields<'_>) -> Option<Self> {
        let (numbers, epoch) = ((fields.u64()?, fields.u64()?), fields.u64()?);
        let [from, attempts, deaths, rank] = [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        // No life has epoch 0.
        let holder = (epoch > 0).then_some((rank, epoch));
        Some(Self { from, numbers, attempts, deaths, holder, body: fields.0.into() })
    }
}
