//! Messages that are sent until they were handled, by a sender that may die.

use super::id;
use super::lane::{DONE, LANE, LIFE, Lane, Posted, State, Told};
use super::outbox_error::OutboxError;
use super::{Durability, Id, Journal, JournalError, Recovered};
use mailbox::{Deadline, Endpoint, Request, RequestError, SendError, Status};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// The kind of its journal.
const KIND: [u8; 4] = *b"outb";
/// How many messages are under way to a receiver at a time. A mailbox has room for 64 that wait for their acknowledgement.
const WINDOW: usize = 48;
/// How far ahead of the first message that was not handled others are sent: a receiver can remember twice as many.
const SPREAD: usize = 128;
/// How often to look whether a receiver has come.
const LOOK: Duration = Duration::from_millis(100);
/// The file grows by so much at least before it is worth to write it again.
const GROWTH: u64 = 1 << 20;
/// How many messages wait at most.
const MOST: usize = 1 << 16;
/// How many bytes they have at most: the file can be written again in one piece.
const MOST_BYTES: usize = 256 << 20;

/// A file of messages that are sent until their receivers have handled them.
///
/// A message is in the file before it is sent, with a number. A sender that dies and comes back does not know what was handled. It
/// sends all again that it does not know to be handled, with the same numbers. The receiver knows them by these
/// ([`Consumer::exactly_once`](super::Consumer::exactly_once)).
///
/// The file belongs to a rank: the receiver knows a message by the rank that sent it, too.
///
/// ```
/// # use mailbox::{Config, Region};
/// use mailbox_patterns::delivery::{Durability, Id, Outbox};
/// use std::time::Duration;
/// # let folder = std::env::temp_dir().join(format!("doc-outbox-{}", std::process::id()));
/// # std::fs::create_dir(&folder)?;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(1)?, region.join(0)?);
/// # let other = std::thread::spawn(move || other.recv().map(|mail| Id::of(&mail).unwrap().number));
/// let (mut outbox, _) = Outbox::open(&me, folder.join("outbox"), Durability::Process)?;
/// outbox.post(0, b"move 100 from 3 to 7")?;
/// outbox.deliver(Duration::from_secs(5))?; // rank 0 has handled it
/// assert_eq!(outbox.waiting(), 0);
/// # assert_eq!(other.join().unwrap()?, 1);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Outbox<'a> {
    me: &'a Endpoint,
    journal: Journal,
    life: u64,
    lanes: BTreeMap<u32, Lane>,
    /// What is under way: to whom, and its number; and the request of each.
    sent: Vec<(u32, u64)>,
    requests: Vec<Request<'a>>,
    compacted: u64,
}

impl<'a> Outbox<'a> {
    /// Opens the outbox at this path, and creates it if it is not there. What was posted and not handled waits to be delivered.
    /// As [`Journal::open`] otherwise.
    pub fn open(
        me: &'a Endpoint,
        path: impl Into<PathBuf>,
        durability: Durability,
    ) -> Result<(Self, Recovered), OutboxError> {
        let mut told = Told::default();
        let (mut journal, recovered) = Journal::open(path, KIND, durability, |record| {
            told.is_garbled |= told.read(record).is_none();
        })?;
        let path = || journal.path().into();
        if told.is_garbled {
            return Err(JournalError::Garbled { path: path(), at: 0, records: recovered.records }.into());
        }
        let life = match told.life {
            Some((life, rank)) if rank == me.rank() => life,
            Some((_, rank)) => return Err(OutboxError::OtherRank { path: path(), rank, me: me.rank() }),
            None => {
                let life = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let life = life.as_nanos() as u64;
                journal.append(&[&[LIFE], &life.to_le_bytes(), &me.rank().to_le_bytes()])?;
                journal.commit()?;
                life
            }
        };
        let compacted = journal.bytes().min(GROWTH);
        let (sent, requests) = (vec![], vec![]);
        Ok((Self { me, journal, life, lanes: told.lanes, sent, requests, compacted }, recovered))
    }

    /// How many messages wait that are not known to be handled.
    pub fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    fn bytes(&self) -> usize {
        self.lanes.values().map(|lane| lane.bytes).sum()
    }

    /// The number of the last message that was posted for this rank: how many there were. So a sender that comes back knows with
    /// which it goes on.
    pub fn last(&self, to: u32) -> u64 {
        self.lanes.get(&to).map_or(0, |lane| lane.last)
    }

    /// Adds a message for this rank, without a tag. Its number. As [`Outbox::post_with`].
    pub fn post(&mut self, to: u32, body: &[u8]) -> Result<u64, OutboxError> {
        self.post_with(to, 0, b"", body)
    }

    /// Adds a message for this rank, with a tag, to what the next [`Outbox::commit`] writes. Its number. The key is for the
    /// caller, who may ask for it: [`Outbox::has`]. Never waits.
    ///
    /// [`OutboxError::TooLong`] above [`Region::eager_limit`](mailbox::Region::eager_limit) less 20 bytes: a longer one would be
    /// delivered at most once. [`OutboxError::Full`] if 65 536 wait, or 256 MiB.
    pub fn post_with(&mut self, to: u32, tag: u32, key: &[u8], body: &[u8]) -> Result<u64, OutboxError> {
        let limit = self.me.region().eager_limit().saturating_sub(id::LEN as u64);
        if body.len() as u64 > limit {
            return Err(OutboxError::TooLong { to, len: body.len() as u64, limit });
        } else if to >= self.me.region().ranks() {
            return Err(OutboxError::NoSuchRank { to, ranks: self.me.region().ranks() });
        } else if self.waiting() >= MOST || self.bytes() + key.len() + body.len() > MOST_BYTES {
            return Err(OutboxError::Full { waiting: self.waiting() });
        }
        let number = self.last(to) + 1;
        let posted = Posted { number, tag, key: key.into(), body: body.into(), state: State::Waits };
        self.journal.append(&[&posted.record(to)])?;
        let lane = self.lanes.entry(to).or_default();
        lane.push(posted);
        Ok(number)
    }

    /// Whether a message with this key waits.
    pub fn has(&self, key: &[u8]) -> bool {
        self.unhandled().any(|posted| posted.key == key)
    }

    /// The keys of all that waits.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        self.unhandled().map(|posted| posted.key.clone()).collect()
    }

    /// What is not known to be handled.
    fn unhandled(&self) -> impl Iterator<Item = &Posted> {
        let all = self.lanes.values().flat_map(|lane| &lane.waiting);
        all.filter(|posted| posted.state != State::Done)
    }

    /// Writes what was posted. After this it is delivered at some time, even if this process dies now. As [`Journal::commit`].
    pub fn commit(&mut self) -> Result<(), OutboxError> {
        if self.journal.bytes() > GROWTH + 4 * self.compacted {
            let records = self.records();
            self.journal.replace(records.iter().map(Vec::as_slice))?;
            self.compacted = self.journal.bytes();
        }
        Ok(self.journal.commit()?)
    }

    /// All that is to be known, as few records.
    fn records(&self) -> Vec<Vec<u8>> {
        let mut records =
            vec![[&[LIFE][..], &self.life.to_le_bytes(), &self.me.rank().to_le_bytes()].concat()];
        for (to, lane) in &self.lanes {
            records.push([&[LANE][..], &to.to_le_bytes(), &lane.last.to_le_bytes()].concat());
            records.extend(
                lane.waiting
                    .iter()
                    .filter(|posted| posted.state != State::Done)
                    .map(|posted| posted.record(*to)),
            );
        }
        records
    }

    /// Commits, sends what waits, and waits until all of it was handled: until each receiver has committed its effect and
    /// acknowledged it. Waits for receivers that are away, too, until the deadline. After an error what is not known to be
    /// handled still waits, and the next call goes on with it. What was sent to a receiver that ended is sent again.
    ///
    /// 48 messages to each receiver are under way at a time.
    pub fn deliver(&mut self, deadline: impl Into<Deadline>) -> Result<(), OutboxError> {
        self.commit()?;
        let deadline = deadline.into();
        loop {
            let away = self.send()?;
            let waited = match (self.requests.is_empty(), away) {
                (true, None) => return Ok(()),
                (true, Some(rank)) => {
                    self.await_rank(rank, deadline)?;
                    continue;
                }
                (false, None) => Request::wait_any_within(&mut self.requests, deadline),
                (false, Some(_)) => Request::wait_any_within(&mut self.requests, look_before(deadline)),
            };
            match waited {
                Ok(_) | Err(RequestError::Timeout) => {}
                Err(error) => return Err(OutboxError::Request(error)),
            }
            self.collect()?;
            if let Some((to, _)) = self.sent.first()
                && deadline.has_passed(Instant::now)
            {
                return Err(self.undelivered(*to, SendError::Timeout(*to)));
            }
        }
    }

    fn is_here(&self, rank: u32) -> bool {
        matches!(self.me.region().status(rank), Some((Status::Live, _)))
    }

    /// Waits until there is a receiver.
    fn await_rank(&self, rank: u32, deadline: Deadline) -> Result<(), OutboxError> {
        let timeout = match deadline {
            Deadline::Now => Duration::ZERO,
            Deadline::At(time) => time.saturating_duration_since(Instant::now()),
            Deadline::Never => Duration::MAX,
        };
        let waited = self.me.region().wait_for(rank, timeout);
        waited.map(drop).map_err(|_| OutboxError::Away { rank, waiting: self.waiting() })
    }

    /// Sends to each receiver that is there what goes at a time. One for which something waits, and which is away.
    fn send(&mut self) -> Result<Option<u32>, OutboxError> {
        let (me, life, mut away) = (self.me, self.life, None);
        let limit = me.region().eager_limit();
        let waits: Vec<u32> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.under_way + lane.done < lane.waiting.len())
            .map(|(to, _)| *to)
            .collect();
        for to in waits {
            if !self.is_here(to) {
                away = Some(to);
                continue;
            }
            let Some(lane) = self.lanes.get_mut(&to) else { continue };
            let settled = lane.waiting.front().map_or(0, |first| first.number - 1);
            let room = WINDOW.saturating_sub(lane.under_way);
            // As far ahead of one that is tried again as its receiver can remember.
            let near = lane.waiting.iter_mut().take(SPREAD).filter(|posted| posted.state == State::Waits);
            for posted in near.take(room) {
                let id = Id { sender: me.rank(), life, number: posted.number, settled };
                let bytes = [&id.bytes()[..], &posted.body].concat();
                if bytes.len() as u64 > limit {
                    let len = posted.body.len() as u64;
                    return Err(OutboxError::TooLong {
                        to,
                        len,
                        limit: limit.saturating_sub(id::LEN as u64),
                    });
                }
                posted.state = State::UnderWay;
                lane.under_way += 1;
                self.sent.push((to, posted.number));
                self.requests.push(me.to(to).tag(posted.tag).sync().start(bytes));
            }
        }
        Ok(away)
    }

    /// Notes what became of what was sent.
    fn collect(&mut self) -> Result<(), OutboxError> {
        let mut failed = None;
        for at in (0..self.requests.len()).rev() {
            let outcome = match self.requests[at].wait_within(Deadline::Now) {
                Err(RequestError::Timeout) => continue,
                outcome => outcome.map(drop),
            };
            drop(self.requests.swap_remove(at));
            let (to, number) = self.sent.swap_remove(at);
            let Some(lane) = self.lanes.get_mut(&to) else { continue };
            match outcome {
                Ok(()) => {
                    lane.settle(number);
                    // The file has it with the next commit: until then it might only be sent once more.
                    self.journal.append(&[&[DONE], &to.to_le_bytes(), &number.to_le_bytes()])?;
                }
                Err(error) => {
                    // It may have been handled, and goes again.
                    lane.take_back(number);
                    if !error.is_gone() {
                        failed = Some((to, error));
                    }
                }
            }
        }
        match failed {
            None => Ok(()),
            Some((to, RequestError::Send(error))) => Err(self.undelivered(to, error)),
            Some((_, error)) => Err(OutboxError::Request(error)),
        }
    }

    fn undelivered(&self, to: u32, error: SendError) -> OutboxError {
        OutboxError::Undelivered { to, waiting: self.waiting(), error }
    }
}

/// Some time from now, or the deadline if that is earlier.
fn look_before(deadline: Deadline) -> Deadline {
    let look = Instant::now() + LOOK;
    match deadline {
        Deadline::Now => Deadline::Now,
        Deadline::At(time) => Deadline::At(time.min(look)),
        Deadline::Never => Deadline::At(look),
    }
}
