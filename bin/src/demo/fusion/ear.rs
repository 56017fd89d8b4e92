//! How the fuser hears one sensor.

use super::kind::Kind;
use super::reading::Reading;
use crate::common::failure::Failure;
use bytemuck::{Zeroable, bytes_of_mut};
use mailbox::{Endpoint, Sample, Subscriber, TopicError};
use measure::Times;
use std::fmt::Display;

/// Hears a sensor.
pub struct Ear<'a> {
    kind: Kind,
    subscriber: Subscriber<'a>,
    heard: Heard,
}

/// What was heard of a sensor.
pub struct Heard {
    pub kind: Kind,
    pub count: u64,
    pub missed: u64,
    /// How long messages were on their way.
    pub times: Times,
}

impl<'a> Ear<'a> {
    pub fn open(kind: Kind, me: &'a Endpoint) -> Result<Self, Failure> {
        let open = || Ok(me.region().topic(kind.name())?.subscriber(me, kind.policy())?);
        let subscriber = open().map_err(|error: TopicError| of(kind, error))?;
        let heard = Heard { kind, count: 0, missed: 0, times: Times::default() };
        Ok(Self { kind, subscriber, heard })
    }

    pub fn subscriber(&self) -> &Subscriber<'a> {
        &self.subscriber
    }

    /// The next reading, if there is one.
    pub fn next(&mut self) -> Result<Option<Reading>, Failure> {
        let kind = self.kind;
        let next = self.subscriber.try_recv().map_err(|error| of(kind, error))?;
        let Some(sample) = next else { return Ok(None) };
        let mut reading = Reading::zeroed();
        sample.read_at(0, bytes_of_mut(&mut reading));
        self.heard.times.add(reading.age());
        self.heard.count += 1;
        self.heard.missed += sample.missed();
        if is_whole(&sample, &reading, kind.len()) {
            return Ok(Some(reading));
        }
        Err(of(kind, format_args!("message {} is not as it was written", sample.number())))
    }

    /// Whether a live process publishes.
    pub fn is_fed(&self) -> bool {
        self.subscriber.topic().published_by().is_some()
    }

    pub fn heard(&self) -> &Heard {
        &self.heard
    }
}

/// Whether a message is as its sensor wrote it. Looks at all of it, where it lies.
fn is_whole(sample: &Sample, reading: &Reading, len: usize) -> bool {
    let (expected, mut piece) = (reading.piece(), reading.piece());
    (sample.number(), sample.len()) == (reading.number, len)
        && reading.rest(len).all(|(at, len)| {
            sample.read_at(at, &mut piece[..len]);
            piece == expected
        })
}

/// Something that happened to a topic.
fn of(kind: Kind, what: impl Display) -> Failure {
    Failure::new(format_args!("topic {:?}: {what}", kind.name()))
}
