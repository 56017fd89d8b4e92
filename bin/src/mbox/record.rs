//! `mbox record`

use super::number;
use super::recording::Recording;
use super::remedy::{joining, leave};
use super::stop::Stop;
use super::watch::{Missed, Watch};
use crate::common::failure::Failure;
use crate::common::output::{MBOX, complain};
use crate::record::Entry;
use clap::Args;
use mailbox::{
    Endpoint, Latest, Policy, ReadError, SubscriberError, Tapped, TappedKind, TappedMail, TopicError,
};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The most bytes of a message that is recorded.
const LONGEST: usize = 64 << 20;
/// How often to look whether it is time to end.
const POLL: Duration = Duration::from_millis(100);

const MORE: &str = "\
Mail is recorded as mbox tap sees it: the ranks do not notice, and some mail may be missed. The recording says where, and how \
much. Mail that was only announced, calls, and messages above 64 MiB count as missed.

With --topic, it joins the region and reads the topic's messages, also those that are still there from before. It misses none: \
the publisher waits for it. With --latest, the topic is one that is published as its latest value. Its newest value is recorded, \
and then each newer one that it sees. Values in between may be missed; the recording says how many. Nobody waits for it.

It ends when it is asked to (Ctrl-C), or after --timeout. If it is killed, what it had written can still be replayed. \
docs/recording.md describes the file.

Exit status: 0 if it was asked to end or --timeout ended it, 1 for a failure, 2 for a wrong command line.

Examples:
  mbox record demo mail.rec
  mbox record demo prices.rec --topic prices --timeout 10
  mbox record demo place.rec --topic position --latest
  mbox replay mail.rec demo";

/// Record the mail that passes between the ranks, or what is published in a topic
#[derive(Args)]
#[command(after_help = MORE)]
pub struct Record {
    #[command(flatten)]
    watch: Watch,
    /// The file to write; it must not be there yet
    file: PathBuf,
    /// Record what is published in this topic, and no mail
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "to"])]
    topic: Option<String>,
    /// With --topic, one that is published as its latest value
    #[arg(long, requires = "topic")]
    latest: bool,
    /// With --topic, the rank to join as [default: any that is free]
    #[arg(long = "as", value_name = "R", value_parser = number::rank, requires = "topic")]
    me: Option<u32>,
}

impl Record {
    /// Records until the end.
    pub fn run(&self) -> Result<(), Failure> {
        let stop = Stop::on_signals()?;
        match &self.topic {
            None => self.record_mail(&stop),
            Some(topic) => self.record_topic(topic, &stop),
        }
    }

    fn record_mail(&self, stop: &Stop) -> Result<(), Failure> {
        let view = self.watch.look()?;
        let mut recording = Recording::begin(&self.file, view.ranks())?;
        stop.start(None)?;
        let mut missed = Missed::default();
        let ended = self.watch.run(self.watch.tap(&view, LONGEST), stop, |seen| {
            match seen.and_then(entry) {
                Some(entry) => {
                    if let Entry::MissedMail { from, to, count } = entry {
                        missed.add(from, to, count);
                    }
                    recording.add(entry)?;
                }
                None => recording.rest()?,
            }
            Ok(true)
        });
        // What was recorded before a failure is whole.
        let recorded = recording.finish()?;
        ended?;
        self.tell(recorded, &missed.show());
        Ok(())
    }

    fn record_topic(&self, topic: &str, stop: &Stop) -> Result<(), Failure> {
        let name = &*self.watch.name;
        let region = self.watch.open()?;
        let joined = self.me.map_or_else(|| region.join_any(), |rank| region.join(rank));
        let me = joined.map_err(|error| joining(name, error))?;
        stop.start(me.interrupter())?;
        let (recorded, missed) = self.read_topic(&me, topic, stop)?;
        leave(name, me)?;
        self.tell(recorded, &format!("{missed} missed"));
        Ok(())
    }

    /// How many messages were recorded, and how many missed.
    fn read_topic(&self, me: &Endpoint, name: &str, stop: &Stop) -> Result<(u64, u64), Failure> {
        let failed = |error: TopicError| {
            let hint = match error {
                TopicError::Subscriber(SubscriberError::OtherKind { is_stream })
                | TopicError::Read(ReadError::OtherKind { is_stream }) => {
                    if is_stream {
                        "record it without --latest"
                    } else {
                        "record it with --latest"
                    }
                }
                _ => "",
            };
            self.watch.failure(format_args!("topic {name:?}: {error}")).hint(hint)
        };
        let topic = me.region().topic(name).map_err(|error| failed(error.into()))?;
        let mut next: Box<dyn FnMut() -> Result<Option<Seen>, ReadError>> = if self.latest {
            let mut latest = topic.latest(me).map_err(|error| failed(error.into()))?;
            Box::new(move || next_value(&mut latest))
        } else {
            let policy = Policy::every().history(u64::MAX);
            let mut subscriber = topic.subscriber(me, policy).map_err(|error| failed(error.into()))?;
            Box::new(move || {
                let sample = subscriber.recv_within(POLL)?;
                Ok(sample.map(|sample| (sample.missed(), sample.number(), sample.to_vec())))
            })
        };
        let mut recording = Recording::begin(&self.file, me.region().ranks())?;
        let (mut since, mut missed) = (Instant::now(), 0);
        let ended = loop {
            if stop.signal().is_some() || self.watch.timeout.is_some_and(|time| since.elapsed() >= time) {
                break Ok(());
            }
            match next() {
                Ok(Some((count, number, payload))) => {
                    since = Instant::now();
                    let topic: String = name.into();
                    if count > 0 {
                        missed = count.saturating_add(missed);
                        recording.add(Entry::MissedValues { topic: topic.clone(), count })?;
                    }
                    recording.add(match self.latest {
                        true => Entry::Latest { topic, number, payload },
                        false => Entry::Value { topic, number, payload },
                    })?;
                }
                Ok(None) | Err(ReadError::Interrupted) => recording.rest()?,
                Err(error) => break Err(failed(error.into())),
            }
        };
        let recorded = recording.finish()?;
        ended.map(|()| (recorded, missed))
    }

    fn tell(&self, recorded: u64, missed: &str) {
        complain(MBOX, &format!("file {:?}: {recorded} messages recorded, {missed}", self.file));
    }
}

/// How many messages of a topic were missed before one; its number, and its bytes.
type Seen = (u64, u64, Vec<u8>);

/// The newest value, if there is one that was not seen.
fn next_value(latest: &mut Latest<'_>) -> Result<Option<Seen>, ReadError> {
    let before = latest.number();
    if !latest.wait(POLL)? {
        return Ok(None);
    }
    let payload = match latest.bytes() {
        Ok(payload) => payload.map(<[u8]>::to_vec),
        // It changes faster than it is read.
        Err(ReadError::Busy) => None,
        Err(error) => return Err(error),
    };
    let number = latest.number();
    // Before the first, nothing was missed.
    let missed = if before == 0 { 0 } else { number.saturating_sub(before).saturating_sub(1) };
    Ok(payload.map(|payload| (missed, number, payload)))
}

/// What is recorded of something that was seen. What has no bytes here was missed.
fn entry(seen: Tapped) -> Option<Entry> {
    match seen {
        Tapped::Mail(TappedMail { from, to, tag, context, kind: TappedKind::Whole, len, bytes, .. })
            if bytes.len() as u64 == len =>
        {
            Some(Entry::Mail { from, to, tag, context, payload: bytes })
        }
        Tapped::Mail(TappedMail { from, to, .. }) | Tapped::Corrupt { from, to, .. } => {
            Some(Entry::MissedMail { from, to, count: 1 })
        }
        Tapped::Missed { from, to, count, .. } => Some(Entry::MissedMail { from, to, count }),
        _ => None,
    }
}
