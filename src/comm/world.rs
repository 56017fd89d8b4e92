//! A communicator.

use super::request::Request;
use crate::endpoint::{Endpoint, Mail, RecvFrom, SendTo};
use crate::error::{CommError, Lost, RecvError, RequestError, WaitError};
use crate::rank::Status;
use crate::wait::Deadline;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// How much private memory unread mail may take that is in the way of other mail.
const UNREAD: u64 = 64 << 20;
/// The context in which members agree on a communicator.
const AGREEING: u16 = 1;
/// The contexts of communicators of all ranks: so many from this one on.
const FIRST: u64 = 2;
const WORLDS: u64 = (1 << 15) - FIRST;
/// So many messages that say nothing new are passed over at once.
const REPEATED: u64 = 64;

/// Tells the attempts of this process apart, so that the answer to one that timed out is not taken for that to a later one.
static ATTEMPTS: AtomicU64 = AtomicU64::new(1);

/// A group of ranks that send to each other apart from all others: a *communicator*.
///
/// Its members are numbered from 0 on. [`Comm::to`] and [`Comm::from`] take a member's number and give the builders of the
/// endpoint, with all their verbs. What is sent through a communicator is received through the same one only: an
/// endpoint's own [`recv`](Endpoint::recv) leaves it where it is, and so does any other communicator.
///
/// A member is a rank in one life. If that life ends, receives from it return [`RecvError::Gone`] once its last message was
/// received, and to send to it fails; the others go on. A later life of the rank is no member. When a rank has come back, all
/// members make a new communicator.
///
/// Mails and errors name ranks of the region. [`Comm::member`] says which member a rank is.
///
/// ```
/// # use mailbox::{Comm, Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let other = std::thread::spawn(move || {
/// #     let comm = Comm::world(&other)?;
/// #     comm.to(0)?.tag(7).send(b"42")?;
/// #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # });
/// let comm = Comm::world(&me)?; // each rank of the region calls this
/// let result = comm.from(1)?.tag(7).recv()?;
/// assert_eq!(result.to_vec(), b"42");
/// # drop(result);
/// # other.join().unwrap().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Comm<'a> {
    endpoint: &'a Endpoint,
    context: u16,
    /// By member: its rank, and the epoch of its life.
    group: Vec<(u32, u64)>,
}

impl<'a> Comm<'a> {
    /// The communicator of all ranks of the region. Each of them calls this; it waits until all have. Members have the numbers
    /// of their ranks.
    ///
    /// It gives the endpoint a budget of 64 MiB for unread mail, if it has a smaller one
    /// ([`Endpoint::set_unread_budget`]).
    ///
    /// Called again by the same lives, it gives the same communicator: what was sent through one is received through the other.
    ///
    /// Cost: two messages for each rank but rank 0.
    pub fn world(endpoint: &'a Endpoint) -> Result<Self, CommError> {
        Self::world_within(endpoint, Deadline::Never)
    }

    /// Waits no longer than `deadline`. Then it returns [`CommError::Missing`], which says who is not there. It can be called
    /// again. Otherwise as [`Comm::world`].
    ///
    /// ```
    /// # use mailbox::{Comm, CommError, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let me = region.join(0)?;
    /// let error = Comm::world_within(&me, Duration::from_millis(10)).unwrap_err();
    /// assert_eq!(error, CommError::Missing { missing: 1, others: 1 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn world_within(endpoint: &'a Endpoint, deadline: impl Into<Deadline>) -> Result<Self, CommError> {
        let deadline = deadline.into();
        endpoint.raise_unread_budget(UNREAD);
        let epochs = Agreement { endpoint, deadline }.reach()?;
        let sum = epochs.iter().fold(0u64, |sum, epoch| sum.wrapping_add(*epoch));
        // Every later life of a rank makes it another one.
        let context = (FIRST + sum % WORLDS) as u16;
        let group = (0..).zip(epochs).collect();
        Ok(Self { endpoint, context, group })
    }

    /// How many members there are.
    pub fn size(&self) -> u32 {
        self.group.len() as u32
    }

    /// Which member this endpoint is.
    pub fn rank(&self) -> u32 {
        self.member(self.endpoint.rank()).unwrap_or_default()
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &'a Endpoint {
        self.endpoint
    }

    /// Which member this rank of the region is, if it is one.
    pub fn member(&self, rank: u32) -> Option<u32> {
        self.group.iter().position(|(one, _)| *one == rank).map(|at| at as u32)
    }

    /// Which rank of the region this member is.
    pub fn rank_of(&self, member: u32) -> Result<u32, CommError> {
        self.life_of(member).map(|(rank, _)| rank)
    }

    fn life_of(&self, member: u32) -> Result<(u32, u64), CommError> {
        let found = self.group.get(member as usize).copied();
        found.ok_or(CommError::NoSuchMember { member, size: self.size() })
    }

    /// How to send to this member: [`SendTo`] says more. [`CommError::Gone`] if it is known to have ended.
    pub fn to(&self, member: u32) -> Result<SendTo<'a>, CommError> {
        let (rank, epoch) = self.life_of(member)?;
        let (_, receiver) = self.endpoint.halves();
        if let Some(end) = receiver.parts().0.end_of_life(rank, epoch, false) {
            return Err(CommError::Gone { rank, died: end != Status::Left });
        }
        Ok(self.endpoint.to(rank).in_context(self.context))
    }

    /// How to receive from this member: [`RecvFrom`] says more. Its mail is received also after it has ended.
    pub fn from(&self, member: u32) -> Result<RecvFrom<'a>, CommError> {
        let (rank, epoch) = self.life_of(member)?;
        Ok(self.endpoint.from(rank).in_context(self.context).of_life(epoch))
    }

    /// How to receive from any member: [`RecvFrom`] says more. The end of each is told once.
    pub fn from_any(&self) -> RecvFrom<'a> {
        self.endpoint.from_any().in_context(self.context)
    }

    /// Sends `bytes` to one member and receives from another, both with this tag, as
    /// [`SendTo::send_receive`](crate::SendTo::send_receive) does. `None` is nobody: nothing is sent, or received. So the ranks
    /// at the edge of a grid do as all others do.
    pub fn send_receive(
        &self,
        tag: u32,
        to: Option<u32>,
        bytes: impl AsRef<[u8]> + Into<Vec<u8>>,
        from: Option<u32>,
    ) -> Result<Option<Mail<'a>>, RequestError> {
        let mut both = Vec::with_capacity(2);
        if let Some(from) = from {
            both.push(self.from(from)?.tag(tag).start());
        }
        if let Some(to) = to {
            both.push(self.to(to)?.tag(tag).start(bytes));
        }
        Request::wait_all(&mut both)?;
        let mut received = None;
        for request in both {
            received = request.wait()?.or(received);
        }
        Ok(received)
    }
}

/// How the members agree: each gives rank 0 its word, and then rank 0 tells each the epochs of all, and which word of each it
/// has taken.
struct Agreement<'a> {
    endpoint: &'a Endpoint,
    deadline: Deadline,
}

impl<'a> Agreement<'a> {
    fn reach(self) -> Result<Vec<u64>, CommError> {
        if self.endpoint.rank() == 0 { self.gather() } else { self.be_told() }
    }

    fn to(&self, rank: u32) -> SendTo<'a> {
        self.endpoint.to(rank).in_context(AGREEING).within(self.deadline)
    }

    fn from(&self, rank: u32) -> RecvFrom<'a> {
        self.endpoint.from(rank).in_context(AGREEING).within(self.deadline)
    }

    fn epoch_of(&self, rank: u32) -> u64 {
        self.endpoint.region().registry.life(rank).epoch()
    }

    /// Waits until this rank is there.
    fn await_rank(&self, rank: u32) -> Result<(), CommError> {
        match self.endpoint.region().wait_for(rank, self.deadline.left()) {
            Err(WaitError::Timeout { .. }) => Err(self.missing(|one| one == rank)),
            Err(_) => Err(RecvError::from(Lost::Removed).into()),
            Ok(_) => Ok(()),
        }
    }

    fn missing(&self, is_missing: impl Fn(u32) -> bool) -> CommError {
        let mut missing = (0..self.endpoint.region().ranks()).filter(|rank| is_missing(*rank));
        CommError::Missing { missing: missing.next().unwrap_or_default(), others: missing.count() as u32 }
    }

    /// Rank 0 waits for the word of all others.
    fn gather(&self) -> Result<Vec<u64>, CommError> {
        let ranks = self.endpoint.region().ranks();
        // Acknowledged when all are there. If that is not so in time, the next attempt finds them again.
        let mut words: Vec<Option<Mail<'a>>> = (0..ranks).map(|_| None).collect();
        // One that gave its word may have ended meanwhile.
        while let Some(rank) = (1..ranks).find(|rank| !self.has_word(&words, *rank)) {
            match self.word_of(rank, &words) {
                Ok(word) => words[rank as usize] = Some(word),
                Err(error) => {
                    words.into_iter().flatten().for_each(Mail::requeue);
                    return Err(error);
                }
            }
        }
        let own = (self.endpoint.epoch(), 0);
        let given = |word: &Option<Mail<'_>>| {
            word.as_ref().map_or(own, |word| (word.epoch(), word.value().unwrap_or_default()))
        };
        let (epochs, mut attempts): (Vec<u64>, Vec<u64>) = words.iter().map(given).unzip();
        drop(words);
        for rank in 1..ranks {
            let attempt = &mut attempts[rank as usize];
            *attempt = self.last_attempt(rank, epochs[rank as usize]).unwrap_or(*attempt);
        }
        let list = [epochs.as_slice(), &attempts].concat();
        for rank in 1..ranks {
            match self.to(rank).send_slice(&list) {
                // The others are told all the same, and find out.
                Err(error) if error.is_gone() => {}
                result => result?,
            }
        }
        Ok(epochs)
    }

    /// Whether this rank is there and has given its word in this life.
    fn has_word(&self, words: &[Option<Mail<'_>>], rank: u32) -> bool {
        let life = self.endpoint.region().registry.life(rank);
        life.joined() && words[rank as usize].as_ref().is_some_and(|word| word.epoch() == life.epoch())
    }

    /// A rank gave its word more than once, if it tried more than once: the last attempt of this life. The word of a later life is
    /// for the next communicator.
    fn last_attempt(&self, rank: u32, epoch: u64) -> Option<u64> {
        let mut last = None;
        for _ in 0..REPEATED {
            match self.from(rank).try_recv() {
                Ok(Some(word)) if word.epoch() == epoch => last = word.value().ok().or(last),
                Ok(Some(word)) => {
                    word.requeue();
                    break;
                }
                _ => break,
            }
        }
        last
    }

    /// The word of the present life of this rank. `words` are those that were given before.
    fn word_of(&self, rank: u32, words: &[Option<Mail<'_>>]) -> Result<Mail<'a>, CommError> {
        let missing = || {
            let has_come = |one: u32| self.from(one).peek().is_ok_and(|word| word.is_some());
            self.missing(|one| one != 0 && !self.has_word(words, one) && !has_come(one))
        };
        for passed in 0u64.. {
            match self.from(rank).recv() {
                // What a life that is over has said counts no more.
                Ok(word) if word.epoch() != self.epoch_of(rank) => {}
                Ok(word) => return Ok(word),
                Err(error) if error.is_timeout() => break,
                // It may come back.
                Err(error) if error.is_gone() => self.await_rank(rank)?,
                Err(error) => return Err(error.into()),
            }
            if self.is_out_of_patience(passed) {
                break;
            }
        }
        Err(missing())
    }

    /// Whether so many messages that say nothing have come that it is time to look at the deadline.
    fn is_out_of_patience(&self, passed: u64) -> bool {
        passed >= REPEATED && self.deadline.has_passed(Instant::now)
    }

    /// Gives rank 0 the word, and waits until that tells the epochs of all.
    fn be_told(&self) -> Result<Vec<u64>, CommError> {
        let attempt = ATTEMPTS.fetch_add(1, Relaxed);
        let mut zero = self.give_word(attempt)?;
        for passed in 0u64.. {
            match self.from(0).of_life(zero).recv() {
                Ok(list) => {
                    let mut epochs = numbers_of(&list);
                    if list.epoch() == self.epoch_of(0) && self.is_for(&epochs, attempt) {
                        epochs.truncate(epochs.len() / 2);
                        return Ok(epochs);
                    }
                }
                Err(error) if error.is_timeout() => break,
                Err(error) if error.is_gone() => {
                    // The life that comes next may not find the word that this one gave.
                    self.await_rank(0)?;
                    zero = self.give_word(attempt)?;
                }
                Err(error) => return Err(error.into()),
            }
            if self.is_out_of_patience(passed) {
                break;
            }
        }
        let is_absent = |rank: u32| !self.endpoint.region().registry.life(rank).joined();
        let is_any = (0..self.endpoint.region().ranks()).any(is_absent);
        Err(self.missing(|rank| if is_any { is_absent(rank) } else { rank == 0 }))
    }

    /// Gives rank 0 the word: that this is such an attempt. The epoch of the life that is to answer.
    fn give_word(&self, attempt: u64) -> Result<u64, CommError> {
        let life = self.endpoint.region().registry.life(0);
        self.to(0).send_value(&attempt)?;
        Ok(life.epoch() + u64::from(!life.joined()))
    }

    /// Whether a list of epochs and attempts answers this attempt of this life. One without it answers a former one: others may
    /// have agreed without this rank since.
    fn is_for(&self, list: &[u64], attempt: u64) -> bool {
        let (me, ranks) = (self.endpoint.rank() as usize, self.endpoint.region().ranks() as usize);
        list.len() == 2 * ranks && list[me] == self.endpoint.epoch() && list[ranks + me] == attempt
    }
}

fn numbers_of(list: &Mail<'_>) -> Vec<u64> {
    list.to_vec()
        .chunks_exact(8)
        .map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap_or_default()))
        .collect()
}

impl fmt::Debug for Comm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comm").field("rank", &self.rank()).field("size", &self.size()).finish_non_exhaustive()
    }
}
