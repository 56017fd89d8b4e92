//! `mbox pub`

use super::framing::Framing;
use super::remedy::leave;
use super::standard::{Input, input_failure};
use super::stop::Stop;
use super::topic::OnTopic;
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{Endpoint, LatestPublisher, PublishError, Publisher, PublisherError, Topic};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::time::Duration;

/// Bytes of a message that has no end of its own, at most.
const CHUNK: usize = 64 << 10;
/// How often to look for a signal while a reader is behind.
const PATIENCE: Duration = Duration::from_secs(1);

const MORE: &str = "\
Without --lines or --null, the input is one stream of bytes: each message is what one read gives, up to 64 KiB. With --latest, each \
message replaces the one before.

It waits for readers that want every message (mbox sub --every), and for no others. One process publishes a topic at a time.

Exit status:
  0    all was published
  1    it failed; what was published before that stays
  2    the command line is wrong
  128 + N  signal N ended it before the end of its input: 130 for Ctrl-C

Examples:
  tail -f log | mbox pub demo log --lines
  mbox pub demo temperature --lines --latest < readings";

/// Publish standard input in a topic
#[derive(Args)]
#[command(name = "pub", after_help = MORE)]
pub struct Publish {
    #[command(flatten)]
    on: OnTopic,
    #[command(flatten)]
    framing: Framing,
}

/// What publishes.
#[expect(clippy::large_enum_variant, reason = "there is one")]
enum Way<'a> {
    Stream(Publisher<'a>),
    Latest(LatestPublisher<'a>),
}

impl Publish {
    /// Publishes all there is.
    pub fn run(&self) -> Result<(), Failure> {
        let stop = Stop::on_signals()?;
        let input = Input::open(stop.clone())?;
        let (me, topic) = self.on.join(&stop, true)?;
        let published = self.carry(&me, &topic, input, &stop);
        match published {
            Ok(()) => leave(self.on.region(), me),
            Err(failure) => Err(failure),
        }
    }

    fn carry(&self, me: &Endpoint, topic: &Topic, input: Input, stop: &Stop) -> Result<(), Failure> {
        let mut way = self.way(me, topic).map_err(|error| self.on.failure(error))?;
        let mut input = BufReader::with_capacity(CHUNK, input);
        let mut message = Vec::new();
        loop {
            message.clear();
            let read = match self.framing.end() {
                // One byte beyond the longest: its end, or proof that it is longer.
                Some(end) => (&mut input).take(way.capacity() as u64 + 1).read_until(end, &mut message),
                None => input.fill_buf().map(|bytes| {
                    let len = bytes.len().min(way.capacity());
                    message.extend_from_slice(&bytes[..len]);
                    len
                }),
            };
            match read {
                Ok(0) => return Ok(()),
                Ok(len) if self.framing.end().is_none() => input.consume(len),
                Ok(_) if message.last() == self.framing.end().as_ref() => drop(message.pop()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(stop.check().err().unwrap_or_else(|| input_failure(error))),
            }
            loop {
                stop.check()?;
                match way.publish(&message) {
                    Err(PublishError::Interrupted | PublishError::Behind { .. }) => {}
                    published => break published.map_err(|error| self.on.failure(error))?,
                }
            }
        }
    }

    fn way<'a>(&self, me: &'a Endpoint, topic: &Topic) -> Result<Way<'a>, PublisherError> {
        match self.on.latest {
            true => Ok(Way::Latest(topic.publish_latest(me, me.region().max_value() as usize)?)),
            false => Ok(Way::Stream(topic.publisher(me)?)),
        }
    }
}

impl Way<'_> {
    fn capacity(&self) -> usize {
        match self {
            Way::Stream(publisher) => publisher.capacity(),
            Way::Latest(publisher) => publisher.capacity(),
        }
    }

    fn publish(&mut self, message: &[u8]) -> Result<(), PublishError> {
        match self {
            Way::Stream(publisher) => publisher.publish_within(message, PATIENCE),
            Way::Latest(publisher) => publisher.publish(message),
        }
    }
}
