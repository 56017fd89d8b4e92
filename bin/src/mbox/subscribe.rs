//! `mbox sub`

use super::framing::Framing;
use super::number;
use super::remedy::leave;
use super::span;
use super::standard::Output;
use super::stop::Stop;
use super::topic::OnTopic;
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{Endpoint, Policy, ReadError, Topic};
use std::time::{Duration, Instant};

/// How often to look whether the publisher has ended.
const POLL: Duration = Duration::from_millis(100);

const MORE: &str = "\
mbox sub ends when the publisher has ended; with --follow it waits for the next one. A topic that nobody has published yet is \
refused, as it may be misspelt; with --wait, mbox sub makes it and waits. A slow reader misses messages, and says on standard error \
how many. With --every it misses none, and the publisher waits for it.

With --latest, it writes the newest value, and then each newer one that it sees; values in between may be missed.

Exit status:
  0    all was written; with --count: as many messages as requested
  1    it failed, or the publisher died
  2    the command line is wrong
  3    fewer messages than --count, or none before --timeout
  128 + N  signal N ended it: 130 for Ctrl-C, 141 if its output is not read

Examples:
  mbox sub demo log --lines --wait
  mbox sub demo log --lines --every --history 100 > copy
  mbox sub demo temperature --lines --latest --count 1";

/// Write what is published in a topic to standard output
#[derive(Args)]
#[command(name = "sub", after_help = MORE)]
pub struct Subscribe {
    #[command(flatten)]
    on: OnTopic,
    /// Miss no message; the publisher waits if this reader is slow
    #[arg(long, conflicts_with = "latest")]
    every: bool,
    /// Begin with up to N messages that were published before
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, conflicts_with = "latest")]
    history: u64,
    /// Make the topic if there is none, and wait until somebody publishes it
    #[arg(long)]
    wait: bool,
    /// Wait for the next publisher when one has ended
    #[arg(long)]
    follow: bool,
    /// End after N messages
    #[arg(long, value_name = "N", value_parser = number::count)]
    count: Option<u64>,
    /// End when nothing has come for this time: 5, 0.5, 500ms, 2m
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    timeout: Option<Duration>,
    #[command(flatten)]
    framing: Framing,
}

/// Where what is read goes, and how much it was.
struct Written {
    output: Output,
    end: Option<u8>,
    count: u64,
    missed: u64,
}

impl Written {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.output.write_all(bytes)?;
        self.output.write_all(self.end.as_slice())?;
        self.count += 1;
        Ok(())
    }
}

/// Why no more is read.
enum End {
    Count,
    Publisher {
        /// Its rank, if it has died.
        died: Option<u32>,
    },
    Time,
}

impl Subscribe {
    /// Reads until the end.
    pub fn run(&self) -> Result<(), Failure> {
        let stop = Stop::on_signals()?;
        let mut output = Output::open()?;
        let (me, topic) = self.on.join(&stop, self.wait)?;
        output.watch(&stop)?;
        let mut written = Written { output, end: self.framing.end(), count: 0, missed: 0 };
        let read = match self.on.latest {
            true => self.read_latest(&me, &topic, &stop, &mut written),
            false => self.read_stream(&me, &topic, &stop, &mut written),
        };
        let end = read?;
        leave(self.on.region(), me)?;
        if written.missed > 0 {
            eprintln!("mbox: {} messages were missed", written.missed);
        }
        let failure = |what: String| Err(Failure::of_region(self.on.region(), what));
        match (end, self.count) {
            (End::Count, _) => Ok(()),
            (End::Publisher { died: Some(rank) }, _) => {
                failure(format!("rank {rank}, which published, has died"))
            }
            (_, Some(count)) => {
                failure(format!("{} of {count} messages came", written.count)).map_err(Failure::too_few)
            }
            (End::Time, None) if written.count == 0 => {
                failure("no message came".into()).map_err(Failure::too_few)
            }
            _ => Ok(()),
        }
    }

    fn read_stream(
        &self,
        me: &Endpoint,
        topic: &Topic,
        stop: &Stop,
        written: &mut Written,
    ) -> Result<End, Failure> {
        let policy = if self.every { Policy::every() } else { Policy::skip() };
        let subscriber = topic.subscriber(me, policy.history(self.history));
        let mut subscriber = subscriber.map_err(|error| self.on.failure(error))?;
        let mut bytes = Vec::new();
        self.read(topic, stop, written, |written| {
            let Some(sample) = subscriber.recv_within(POLL)? else { return Ok(None) };
            bytes.resize(sample.len(), 0);
            sample.copy_to(&mut bytes);
            written.missed += sample.missed();
            // A slow output keeps no message from being overwritten.
            drop(sample);
            Ok(Some(written.write(&bytes)))
        })
    }

    fn read_latest(
        &self,
        me: &Endpoint,
        topic: &Topic,
        stop: &Stop,
        written: &mut Written,
    ) -> Result<End, Failure> {
        let mut latest = topic.latest(me).map_err(|error| self.on.failure(error))?;
        self.read(topic, stop, written, |written| {
            if !latest.wait(POLL)? {
                return Ok(None);
            }
            Ok(latest.bytes()?.map(|bytes| written.write(bytes)))
        })
    }

    /// Reads one message after the other.
    fn read(
        &self,
        topic: &Topic,
        stop: &Stop,
        written: &mut Written,
        mut next: impl FnMut(&mut Written) -> Result<Option<Result<(), Failure>>, ReadError>,
    ) -> Result<End, Failure> {
        let (mut has_begun, mut has_ended) = (false, false);
        let mut since = Instant::now();
        loop {
            stop.check()?;
            if self.count == Some(written.count) {
                return Ok(End::Count);
            }
            match next(written) {
                Ok(Some(result)) => {
                    result?;
                    (since, has_begun) = (Instant::now(), true);
                    continue;
                }
                Ok(None) | Err(ReadError::Interrupted) => {}
                Err(error) => return Err(self.on.failure(error)),
            }
            if has_ended {
                return Ok(End::Publisher { died: topic.died_publishing() });
            }
            if self.timeout.is_some_and(|time| since.elapsed() >= time) {
                return Ok(End::Time);
            }
            let is_published = topic.published_by().is_some();
            // What was published before the end is read first.
            has_ended = has_begun && !is_published && !self.follow;
            has_begun |= is_published;
        }
    }
}
