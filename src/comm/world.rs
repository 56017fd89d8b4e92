//! A communicator.

use super::request::Request;
use crate::endpoint::{Endpoint, Mail, RecvFrom, SendTo};
use crate::error::{CommError, Lost, RecvError, RequestError, WaitError};
use crate::rank::Status;
use crate::wait::Deadline;
use core::fmt;

/// How much private memory unread mail may take that is in the way of other mail.
const UNREAD: u64 = 64 << 20;
/// The context in which members agree on a communicator.
const AGREEING: u16 = 1;
/// The contexts of communicators of all ranks: so many from this one on.
const FIRST: u64 = 2;
const WORLDS: u64 = (1 << 15) - FIRST;

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

/// How the members agree: each gives rank 0 its word, and then rank 0 tells each the epochs of all.
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
        let mut epochs = vec![0; ranks as usize];
        epochs[0] = self.endpoint.epoch();
        // Acknowledged when all are there. If that is not so in time, the next attempt finds them again.
        let mut words = vec![];
        let outcome = (1..ranks).try_for_each(|rank| {
            let word = self.word_of(rank, &epochs)?;
            epochs[rank as usize] = word.epoch();
            words.push(word);
            Ok(())
        });
        if let Err(error) = outcome {
            words.into_iter().for_each(Mail::requeue);
            return Err(error);
        }
        drop(words);
        for rank in 1..ranks {
            // It gave its word more than once, if it tried more than once.
            while self.from(rank).try_recv()?.is_some() {}
            self.to(rank).send_slice(&epochs)?;
        }
        Ok(epochs)
    }

    /// The word of the present life of this rank. `epochs` has those who gave it before.
    fn word_of(&self, rank: u32, epochs: &[u64]) -> Result<Mail<'a>, CommError> {
        loop {
            match self.from(rank).recv() {
                // What a life that is over has said counts no more.
                Ok(word) if word.epoch() != self.epoch_of(rank) => {}
                Ok(word) => return Ok(word),
                Err(error) if error.is_timeout() => {
                    let has_come = |one: u32| self.from(one).peek().is_ok_and(|word| word.is_some());
                    return Err(self.missing(|one| epochs[one as usize] == 0 && !has_come(one)));
                }
                // It may come back.
                Err(error) if error.is_gone() => self.await_rank(rank)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives rank 0 the word, and waits until that tells the epochs of all.
    fn be_told(&self) -> Result<Vec<u64>, CommError> {
        let (me, ranks) = (self.endpoint.rank() as usize, self.endpoint.region().ranks() as usize);
        self.to(0).send(&[])?;
        loop {
            match self.from(0).recv() {
                Ok(list) => {
                    let epochs = epochs_of(&list);
                    let is_new = list.epoch() == self.epoch_of(0);
                    // A list without this life is for the one before it.
                    if is_new && epochs.len() == ranks && epochs[me] == self.endpoint.epoch() {
                        return Ok(epochs);
                    }
                }
                Err(error) if error.is_timeout() => {
                    let life = |rank: u32| self.endpoint.region().registry.life(rank);
                    let is_absent = |rank: u32| !life(rank).joined();
                    let is_any = (0..ranks as u32).any(is_absent);
                    return Err(self.missing(|rank| if is_any { is_absent(rank) } else { rank == 0 }));
                }
                Err(error) if error.is_gone() => {
                    // The life that comes next may not find the word that this one gave.
                    self.await_rank(0)?;
                    self.to(0).send(&[])?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn epochs_of(list: &Mail<'_>) -> Vec<u64> {
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
