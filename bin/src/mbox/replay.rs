//! `mbox replay`

use super::access::Access;
use super::number;
use super::recording::of_file;
use super::remedy::{command_for, joining, leave, lost};
use super::stop::Stop;
use super::watch::no_such_rank;
use crate::common::failure::Failure;
use crate::common::output::{MBOX, complain};
use crate::record::{Entry, ReadError, Reader};
use clap::Args;
use mailbox::{Broken, Endpoint, LatestPublisher, PublishError, Publisher, Region, SendError, TopicError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often to look for a signal while a reader of a topic is behind.
const PATIENCE: Duration = Duration::from_millis(100);

const MORE: &str = "\
Each message is sent again to the rank that it was for, with its tag, in the order of the recording. mbox replay joins as every \
rank that sent some, or with --as as that rank alone. What was published in a topic is published again, by the rank of --as or, \
without it, by the first that sends, or by any that is free. Messages of communicators cannot be sent again, and are left out.

The times between the messages are those of the recording. While a mailbox is full, it waits, even if no receiver has come yet. \
If a signal ends it, its ranks count as dead.

A recording that was cut or garbled is replayed up to there.

Exit status:
  0    all was sent
  1    it failed, or the recording was cut or garbled
  2    the command line is wrong
  128 + N  signal N ended it before the end of the recording

Examples:
  mbox replay mail.rec demo
  mbox replay mail.rec test --as 3 --fast";

/// Send again what was recorded
#[derive(Args)]
#[command(after_help = MORE)]
pub struct Replay {
    /// The file of the recording
    file: PathBuf,
    #[command(flatten)]
    access: Access,
    /// The rank to join as [default: each rank that sends in the recording]
    #[arg(long = "as", value_name = "R", value_parser = number::rank)]
    me: Option<u32>,
    /// Send as fast as possible
    #[arg(long)]
    fast: bool,
}

/// What a recording needs of a region.
#[derive(Default)]
struct Needs {
    /// How many ranks the recorded region had.
    ranks: u32,
    senders: BTreeSet<u32>,
    receivers: BTreeSet<u32>,
    has_topics: bool,
    /// Bytes of the longest value of each topic that is published as its latest one.
    longest: BTreeMap<String, usize>,
}

/// The ranks that send, and what they have left out.
struct Player<'a> {
    replay: &'a Replay,
    endpoints: &'a BTreeMap<u32, Endpoint>,
    publishers: BTreeMap<String, Publisher<'a>>,
    longest: &'a BTreeMap<String, usize>,
    values: BTreeMap<String, LatestPublisher<'a>>,
    stop: &'a Stop,
    /// When the first record was made, and when it was replayed.
    began: Option<(Duration, Instant)>,
    missed: u64,
    left_out: u64,
}

impl Replay {
    /// Sends all there is.
    pub fn run(&self) -> Result<(), Failure> {
        let stop = Stop::on_signals()?;
        let needs = self.needs()?;
        let region = self.access.open()?;
        let endpoints = self.join(&region, &needs)?;
        match self.play(&endpoints, &needs.longest, &stop) {
            Ok(end) => {
                endpoints.into_values().try_for_each(|endpoint| leave(&self.access.name, endpoint))?;
                end.map_err(|error| of_file(&self.file, error).hint("what comes before it was sent"))
            }
            Err(failure) => {
                // A leave would tell the receivers that what they got was all.
                endpoints.into_values().for_each(Endpoint::abandon);
                Err(failure)
            }
        }
    }

    fn open(&self) -> Result<Reader<BufReader<File>>, Failure> {
        let file = File::open(&self.file).map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::NotFound => "make a recording with: mbox record NAME FILE",
                _ => "",
            };
            of_file(&self.file, error).hint(hint)
        })?;
        Reader::begin(BufReader::new(file)).map_err(|error| of_file(&self.file, error))
    }

    /// Reads the recording once, before anything is done.
    fn needs(&self) -> Result<Needs, Failure> {
        let mut reader = self.open()?;
        let mut needs = Needs { ranks: reader.ranks(), ..Needs::default() };
        loop {
            match reader.next() {
                Ok(Some(record)) => match record.entry {
                    Entry::Mail { from, to, context: 0, .. } => {
                        needs.senders.insert(from);
                        needs.receivers.insert(to);
                    }
                    Entry::Value { .. } => needs.has_topics = true,
                    Entry::Latest { topic, payload, .. } => {
                        needs.has_topics = true;
                        let longest = needs.longest.entry(topic).or_default();
                        *longest = payload.len().max(*longest);
                    }
                    _ => {}
                },
                Err(ReadError::Io(error)) => return Err(of_file(&self.file, error)),
                // What is wrong with it is told when all before it was sent.
                Ok(None) | Err(_) => return Ok(needs),
            }
        }
    }

    fn join(&self, region: &Region, needs: &Needs) -> Result<BTreeMap<u32, Endpoint>, Failure> {
        let (name, ranks) = (&*self.access.name, region.ranks());
        let wanted = match self.me {
            Some(rank) => BTreeSet::from([rank]),
            None => needs.senders.clone(),
        };
        if let Some(rank) = wanted.union(&needs.receivers).find(|rank| **rank >= ranks) {
            let hint = format!("the recording is of a region with {} ranks", needs.ranks);
            return Err(Failure::of_region(name, no_such_rank(*rank, ranks)).hint(&hint));
        }
        let join = |rank: u32| Ok((rank, region.join(rank).map_err(|error| joining(name, error))?));
        let mut endpoints: BTreeMap<u32, Endpoint> =
            wanted.into_iter().map(join).collect::<Result<_, _>>()?;
        if endpoints.is_empty() && needs.has_topics {
            let endpoint = region.join_any().map_err(|error| joining(name, error))?;
            endpoints.insert(endpoint.rank(), endpoint);
        }
        Ok(endpoints)
    }

    /// Why there is no more in the recording, if that is not its end.
    fn play(
        &self,
        endpoints: &BTreeMap<u32, Endpoint>,
        longest: &BTreeMap<String, usize>,
        stop: &Stop,
    ) -> Result<Result<(), ReadError>, Failure> {
        let mut reader = self.open()?;
        let first = endpoints.values().next().map(Endpoint::interrupter);
        stop.start(first)?;
        let mut player = Player {
            replay: self,
            endpoints,
            publishers: BTreeMap::new(),
            longest,
            values: BTreeMap::new(),
            stop,
            began: None,
            missed: 0,
            left_out: 0,
        };
        let end = loop {
            match reader.next() {
                Ok(Some(record)) => player.play(record.at, record.entry)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        player.tell();
        Ok(end)
    }

    fn failure(&self, what: String) -> Failure {
        Failure::of_region(&self.access.name, what)
    }
}

impl<'a> Player<'a> {
    fn play(&mut self, at: Duration, entry: Entry) -> Result<(), Failure> {
        self.wait_until(at)?;
        match entry {
            Entry::Mail { from, to, tag, context: 0, payload } => self.send(from, to, tag, &payload),
            Entry::Mail { .. } => {
                self.left_out += 1;
                Ok(())
            }
            Entry::Value { topic, payload, .. } => self.publish(topic, &payload),
            Entry::Latest { topic, payload, .. } => self.publish_latest(topic, &payload),
            Entry::MissedMail { count, .. } | Entry::MissedValues { count, .. } => {
                self.missed = self.missed.saturating_add(count);
                Ok(())
            }
        }
    }

    /// Waits for the time of a record, counted from the first.
    fn wait_until(&mut self, at: Duration) -> Result<(), Failure> {
        self.stop.check()?;
        if self.replay.fast {
            return Ok(());
        }
        let (first, began) = *self.began.get_or_insert_with(|| (at, Instant::now()));
        let due = at.saturating_sub(first);
        loop {
            let left = due.saturating_sub(began.elapsed());
            if left == Duration::ZERO {
                return Ok(());
            }
            self.stop.pause(left);
            self.stop.check()?;
        }
    }

    fn send(&self, from: u32, to: u32, tag: u32, payload: &[u8]) -> Result<(), Failure> {
        let endpoint = self.endpoints.get(&from).or_else(|| self.endpoints.values().next());
        // There is one for each sender, or the one of `--as`.
        let Some(endpoint) = endpoint else { return Ok(()) };
        self.stop.start(endpoint.interrupter())?;
        loop {
            self.stop.check()?;
            match endpoint.to(to).tag(tag).send(payload) {
                Err(SendError::Interrupted) => {}
                sent => return sent.map_err(|error| self.unsent(to, error)),
            }
        }
    }

    fn unsent(&self, to: u32, error: SendError) -> Failure {
        let name = &*self.replay.access.name;
        let hint = match error {
            SendError::TooLarge { .. } => "create the region with a larger --max-message".into(),
            SendError::Full(_) => "only another process can make room; replay --as another rank".into(),
            SendError::Broken(Broken::Corrupt(_)) => {
                format!("remove the region and create it again: {}", command_for("rm", name))
            }
            SendError::Broken(Broken::Lost(why)) => lost(name, why),
            _ => String::new(),
        };
        self.replay.failure(format!("rank {to}: {error}")).hint(&hint)
    }

    fn publish(&mut self, topic: String, payload: &[u8]) -> Result<(), Failure> {
        let (replay, stop) = (self.replay, self.stop);
        let failed = |error: TopicError| replay.failure(format!("topic {topic:?}: {error}"));
        let Some(me) = self.endpoints.values().next() else { return Ok(()) };
        if !self.publishers.contains_key(&topic) {
            let found = me.region().topic(&topic).map_err(|error| failed(error.into()))?;
            let publisher = found.publisher(me).map_err(|error| failed(error.into()))?;
            self.publishers.insert(topic.clone(), publisher);
        }
        let Some(publisher) = self.publishers.get_mut(&topic) else { return Ok(()) };
        loop {
            stop.check()?;
            match publisher.publish_within(payload, PATIENCE) {
                Err(PublishError::Interrupted | PublishError::Behind { .. }) => {}
                published => return published.map_err(|error| failed(error.into())),
            }
        }
    }

    fn publish_latest(&mut self, topic: String, payload: &[u8]) -> Result<(), Failure> {
        let replay = self.replay;
        let failed = |error: TopicError| replay.failure(format!("topic {topic:?}: {error}"));
        let Some(me) = self.endpoints.values().next() else { return Ok(()) };
        if !self.values.contains_key(&topic) {
            // What was added to the file since it was read first is not sent.
            let longest = self.longest.get(&topic).copied().unwrap_or_default();
            let found = me.region().topic(&topic).map_err(|error| failed(error.into()))?;
            let value = found.publish_latest(me, longest).map_err(|error| failed(error.into()))?;
            self.values.insert(topic.clone(), value);
        }
        let published = self.values.get_mut(&topic).map_or(Ok(()), |value| value.publish(payload));
        published.map_err(|error| failed(error.into()))
    }

    /// Says what the recording had and was not sent.
    fn tell(&self) {
        let file = &self.replay.file;
        if self.missed > 0 {
            complain(MBOX, &format!("file {file:?}: {} messages were missed by the recording", self.missed));
        }
        if self.left_out > 0 {
            complain(
                MBOX,
                &format!("file {file:?}: {} messages of communicators were left out", self.left_out),
            );
        }
    }
}
