//! Effects, and which messages had them, in one file.

use super::id::Fields;
use super::seen::{Seen, Verdict};
use super::{Durability, Id, Journal, JournalError, Recovered};
use std::path::{Path, PathBuf};

/// The kind of its journal.
const KIND: [u8; 4] = *b"ledg";
/// The kinds of its records.
const STATE: u8 = 0;
const EFFECT: u8 = 1;
const NOTE: u8 = 2;
/// The file grows by so much at least before it is worth to write it again.
const GROWTH: u64 = 1 << 20;

/// What a ledger has from before it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay<'a> {
    /// A state that all earlier effects were brought together in: what was given to [`Ledger::compact`].
    State(&'a [u8]),
    /// An effect, in the order in which they were recorded.
    Effect(&'a [u8]),
}

/// A file of effects, and of which messages had them. Both are written in one piece.
///
/// An *effect* is what handling a message does to the state of the program, as bytes that the program reads when it starts again.
/// "Account 3 has 70" is one. What a program does outside of its ledger (a print, a motor) is not undone by a crash.
///
/// ```
/// use mailbox_patterns::delivery::{Durability, Id, Ledger, Replay, Verdict};
/// # let folder = std::env::temp_dir().join(format!("doc-ledger-{}", std::process::id()));
/// # std::fs::create_dir(&folder)?;
/// let path = folder.join("sum");
/// let deposit = Id { sender: 1, life: 77, number: 1, settled: 0 };
/// let (mut ledger, _) = Ledger::open(&path, Durability::Process, |_| {})?;
/// assert_eq!(ledger.judge(deposit), Verdict::New);
/// ledger.record(deposit, b"+100")?;
/// ledger.commit()?; // now it may be acknowledged
/// drop(ledger);
///
/// let mut effects = vec![];
/// let keep = |replay: Replay<'_>| {
///     if let Replay::Effect(effect) = replay {
///         effects.push(effect.to_vec());
///     }
/// };
/// let (ledger, _) = Ledger::open(&path, Durability::Process, keep)?;
/// assert_eq!(effects, [b"+100"]);
/// assert_eq!(ledger.judge(deposit), Verdict::Repeated);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    seen: Seen,
    /// The length of the file when it was last written as a whole.
    compacted: u64,
}

impl Ledger {
    /// Opens the ledger at this path, and creates it if it is not there. All that was committed is replayed, oldest first.
    /// As [`Journal::open`] otherwise.
    pub fn open(
        path: impl Into<PathBuf>,
        durability: Durability,
        mut replay: impl FnMut(Replay<'_>),
    ) -> Result<(Self, Recovered), JournalError> {
        let (mut seen, mut records, mut garbled) = (Seen::default(), 0, None);
        let (journal, recovered) = Journal::open(path, KIND, durability, |record| {
            let Some(told) = read(record, &mut seen) else {
                garbled.get_or_insert(records);
                return;
            };
            records += 1;
            if let Some(told) = told.filter(|_| garbled.is_none()) {
                replay(told);
            }
        })?;
        if let Some(records) = garbled {
            // Its checks are right: another program wrote it.
            return Err(JournalError::Garbled { path: journal.path().into(), at: 0, records });
        }
        let compacted = journal.bytes().min(GROWTH);
        Ok((Self { journal, seen, compacted }, recovered))
    }

    /// Keeps what is whole of a damaged ledger: as [`Journal::salvage`].
    pub fn salvage(path: impl Into<PathBuf>) -> Result<u64, JournalError> {
        Journal::salvage(path, KIND)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.journal.path()
    }

    /// What is known of this message. Those that were recorded and not yet committed count as handled. Never waits.
    pub fn judge(&self, id: Id) -> Verdict {
        self.seen.judge(id)
    }

    /// Adds the effect of this message, which is new, to what the next [`Ledger::commit`] writes. Never waits.
    pub fn record(&mut self, id: Id, effect: &[u8]) -> Result<(), JournalError> {
        let id = id.sound();
        self.journal.append(&[&[EFFECT], &head(id), effect])?;
        self.seen.note(id);
        Ok(())
    }

    /// The message was set aside, and has no effect. It is not handled when it comes again.
    pub fn set_aside(&mut self, id: Id) -> Result<(), JournalError> {
        let id = id.sound();
        self.journal.append(&[&[NOTE], &head(id)])?;
        self.seen.note(id);
        Ok(())
    }

    /// Adds an effect that no message has.
    pub fn note(&mut self, effect: &[u8]) -> Result<(), JournalError> {
        // No rank has this number.
        self.journal.append(&[
            &[EFFECT],
            &head(Id { sender: u32::MAX, life: 0, number: 0, settled: 0 }),
            effect,
        ])
    }

    /// Writes what was recorded: all of it, or after a crash perhaps none. As [`Journal::commit`].
    ///
    /// Only after this may the messages be acknowledged. If it fails, the state in memory is ahead of the file: end the
    /// process, and start from the file again.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        self.journal.commit()
    }

    /// Whether so much was written since the last [`Ledger::compact`] that it is time for another.
    pub fn wants_compaction(&self) -> bool {
        self.journal.bytes() > GROWTH + 4 * self.compacted
    }

    /// Puts this state in the place of all effects, those that were recorded and not committed included: it has them, too. Which
    /// messages were handled is kept. As [`Journal::replace`].
    pub fn compact(&mut self, state: &[u8]) -> Result<(), JournalError> {
        let seen = self.seen.write();
        let record = [&[STATE], &(seen.len() as u32).to_le_bytes()[..], &seen, state].concat();
        self.journal.replace([&record[..]])?;
        self.compacted = self.journal.bytes();
        Ok(())
    }
}

/// What begins the record of a message: its sender and its numbers.
fn head(id: Id) -> Vec<u8> {
    [
        &id.sender.to_le_bytes()[..],
        &id.life.to_le_bytes(),
        &id.number.to_le_bytes(),
        &id.settled.to_le_bytes(),
    ]
    .concat()
}

/// Notes what a record says; what the program is to be told. `None` if it is no record of a ledger.
fn read<'a>(record: &'a [u8], seen: &mut Seen) -> Option<Option<Replay<'a>>> {
    let mut fields = Fields(record);
    let kind = fields.u8()?;
    if kind == STATE {
        *seen = Seen::read(&fields.bytes()?)?;
        return Some(Some(Replay::State(&record[record.len() - fields.0.len()..])));
    }
    let (sender, life, number, settled) = (fields.u32()?, fields.u64()?, fields.u64()?, fields.u64()?);
    let id = Id { sender, life, number, settled };
    (settled < number || number == 0).then_some(())?;
    seen.note(id);
    let rest = &record[record.len() - fields.0.len()..];
    match kind {
        EFFECT => Some(Some(Replay::Effect(rest))),
        NOTE => Some(None),
        _ => None,
    }
}
