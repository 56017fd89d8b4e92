//! Jobs, and the words between a queue and its workers.

use super::id::Fields;

/// What the tags of all these words have in common; below the tags of channels.
pub(super) const WORDS: u32 = 0x3f_de00;
/// The bits of these tags that are not.
pub(super) const KINDS: u32 = 3;
/// From anyone to the queue: a job, from an outbox.
pub(super) const JOB: u32 = WORDS;
/// From the queue to a worker.
pub(super) const WORK: u32 = WORDS | 1;
/// From a worker to the queue: it wants a job.
pub(super) const READY: u32 = WORDS | 2;
/// From a worker to the queue: it has done a job, or not.
pub(super) const RESULT: u32 = WORDS | 3;
/// The longest reason that is told.
const REASON: usize = 1000;

/// A job, for the worker that does it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// Its number among all jobs of the queue. The same each time it is given, so that a worker can tell whether it has done it.
    pub number: u64,
    /// The how many-th attempt this is, from 1 on.
    pub attempt: u32,
    /// How many workers ended while they had it. They may have done it, or some of it.
    pub redelivered: u32,
    /// What is to be done.
    pub body: Vec<u8>,
}

/// A job for the worker of this epoch.
pub(super) struct Work {
    pub epoch: u64,
    pub job: Job,
}

impl Work {
    /// Bytes in front of what is to be done.
    pub const HEAD: usize = 24;

    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![];
        bytes.extend(self.epoch.to_le_bytes());
        bytes.extend(self.job.number.to_le_bytes());
        bytes.extend(self.job.attempt.to_le_bytes());
        bytes.extend(self.job.redelivered.to_le_bytes());
        bytes.extend(&self.job.body);
        bytes
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (epoch, number) = (fields.u64()?, fields.u64()?);
        let (attempt, redelivered) = (fields.u32()?, fields.u32()?);
        Some(Self { epoch, job: Job { number, attempt, redelivered, body: fields.0.to_vec() } })
    }
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub number: u64,
    pub attempt: u32,
    /// Why it was not done.
    pub failure: Option<String>,
}

impl Outcome {
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![];
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.attempt.to_le_bytes());
        bytes.push(self.failure.is_some().into());
        let reason = self.failure.as_deref().unwrap_or_default();
        bytes.extend(&reason.as_bytes()[..reason.len().min(REASON)]);
        bytes
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (number, attempt, has_failed) = (fields.u64()?, fields.u32()?, fields.u8()?);
        let reason = &fields.0[..fields.0.len().min(REASON)];
        let failure = (has_failed != 0).then(|| String::from_utf8_lossy(reason).into_owned());
        Some(Self { number, attempt, failure })
    }
}
