//! A communicator.

use super::agreement::{Agreed, Agreement};
use super::request::Request;
use crate::collective::{Group, Groups, Seat};
use crate::endpoint::{Endpoint, Mail, RecvFrom, SendTo};
use crate::error::{Broken, CollectiveError, CommError, RequestError};
use crate::half::Member;
use crate::rank::Status;
use crate::wait::Deadline;
use core::cell::Cell as Private;
use core::fmt;
use core::time::Duration;

/// How much private memory unread mail may take that is in the way of other mail.
const UNREAD: u64 = 64 << 20;
/// A context consists of the slot of its group, and of so many bits of the group's number.
const ID_BITS: u32 = 10;

/// A group of ranks that send to each other apart from all others: a *communicator*.
///
/// Its members are numbered from 0 on. [`Comm::to`] and [`Comm::from`] take a member's number and give the builders of the
/// endpoint, with all their verbs. What is sent through a communicator is received through the same one only: an
/// endpoint's own [`recv`](Endpoint::recv) leaves it where it is, and so does any other communicator.
///
/// A member is a rank in one life. If that life ends, receives from it return
/// [`RecvError::Gone`](crate::RecvError::Gone) once its last message was
/// received, and to send to it fails; the others go on. A later life of the rank is no member. When a rank has come back, all
/// members make a new communicator.
///
/// Mails and errors name ranks of the region. [`Comm::member`] says which member a rank is.
///
/// All members together wait, spread, collect and combine values: [`Comm::barrier`], [`Comm::broadcast`], [`Comm::all_reduce`]
/// and others. [`Comm::split`] and its like make other communicators. Dropping one gives its place back when all its members
/// have dropped it; mail of it that was not received is then dropped, too, and what was started and forgotten is given up. A
/// member that drops it before the others are done with an operation has left it.
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
    pub(super) endpoint: &'a Endpoint,
    /// The slot of its group.
    pub(super) slot: u32,
    context: u16,
    /// By member.
    group: Vec<Seat>,
    /// Which member this endpoint is.
    me: u32,
    /// How long an operation of all members may take.
    pub(super) timeout: Private<Option<Duration>>,
}

impl<'a> Comm<'a> {
    /// The communicator of all ranks of the region. Each of them calls this; it waits until all have. Members have the numbers
    /// of their ranks.
    ///
    /// It gives the endpoint a budget of 64 MiB for unread mail, if it has a smaller one
    /// ([`Endpoint::set_unread_budget`]).
    ///
    /// Called again by all, it gives another communicator, apart from the first.
    ///
    /// Cost: two messages for each rank but rank 0. [`CommError::NoContext`] if a member is in as many communicators as there can
    /// be ([`Config::groups`](crate::Config::groups)).
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// std::thread::scope(|scope| {
    ///     for rank in 0..region.ranks() {
    ///         let me = region.join(rank).expect("a free rank");
    ///         scope.spawn(move || {
    ///             let comm = Comm::world(&me).expect("all come");
    ///             assert_eq!((comm.rank(), comm.size(), comm.endpoint().rank()), (rank, 3, rank));
    ///         });
    ///     }
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn world(endpoint: &'a Endpoint) -> Result<Self, CommError> {
        Self::world_within(endpoint, Deadline::Never)
    }

    /// Waits no longer than `deadline`. Then it returns [`CommError::Missing`], which says who is not there. It can be called
    /// again. If it gives up at the very moment at which all are there, others may have a communicator that it never uses, and
    /// their operations wait for it: give the first one a [timeout](Comm::set_timeout), and let all begin again if that passes. Otherwise as [`Comm::world`].
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
        let Agreed { epochs, slot, id } = Agreement { endpoint, deadline }.reach()?;
        let slot = slot.ok_or(CommError::NoContext)?;
        Self::begin(endpoint, (slot, id), (0..).zip(epochs).collect(), None)
    }

    /// The communicator of these members, which have agreed on a slot and a number for it. It is made of the one in slot
    /// `before`, if of one.
    pub(super) fn begin(
        endpoint: &'a Endpoint,
        (slot, id): (u32, u64),
        group: Vec<Seat>,
        before: Option<u32>,
    ) -> Result<Self, CommError> {
        let (member, groups) = groups_of(endpoint);
        let context = context_of(slot, id);
        let before = before.and_then(|slot| groups.with(slot, |group| (slot, group.id())));
        let begun = Group::begin(member, (slot, id), group.clone(), before);
        let begun = begun.map_err(CollectiveError::Broken)?;
        let me = begun.me();
        groups.add(begun);
        Ok(Self { endpoint, slot, context, group, me, timeout: None.into() })
    }

    /// How many members there are. [`Comm::world`] has an example.
    pub fn size(&self) -> u32 {
        self.group.len() as u32
    }

    /// Which member this endpoint is. [`Comm::world`] has an example.
    pub fn rank(&self) -> u32 {
        self.me
    }

    /// The endpoint. [`Comm::world`] has an example.
    pub fn endpoint(&self) -> &'a Endpoint {
        self.endpoint
    }

    /// Which member this rank of the region is, if it is one.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// if let Some(pair) = comm.create(&[2, 0])? {
    ///     // Rank 2 of the region is member 0 of the pair, and rank 1 is no member.
    ///     assert_eq!((pair.member(2), pair.member(1)), (Some(0), None));
    ///     assert_eq!(pair.rank_of(1)?, 0);
    /// }
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn member(&self, rank: u32) -> Option<u32> {
        self.group.iter().position(|(one, _)| *one == rank).map(|at| at as u32)
    }

    /// Which rank of the region this member is. [`Comm::member`] has an example.
    pub fn rank_of(&self, member: u32) -> Result<u32, CommError> {
        self.life_of(member).map(|(rank, _)| rank)
    }

    pub(super) fn seats(&self) -> &[Seat] {
        &self.group
    }

    fn life_of(&self, member: u32) -> Result<(u32, u64), CommError> {
        let found = self.group.get(member as usize).copied();
        found.ok_or(Broken::NoSuchRank { rank: member, ranks: self.size() }.into())
    }

    /// How to send to this member: [`SendTo`] says more. [`CommError::Gone`] if it is known to have ended,
    /// [`Broken::NoSuchRank`] if there is none.
    ///
    /// It borrows the communicator, and so does what is started with it: nothing is sent there after the communicator was
    /// dropped. This does not compile:
    ///
    /// ```compile_fail,E0505
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// let comm = Comm::world(&me)?;
    /// let request = comm.to(0)?.start(b"late");
    /// drop(comm);
    /// request.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// ```
    /// # use mailbox::{Broken, Comm, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let other = 1 - comm.rank();
    /// comm.to(other)?.tag(7).send(&[comm.rank() as u8])?;
    /// let mail = comm.from(other)?.tag(7).within(Duration::from_secs(10)).recv()?;
    /// assert_eq!(mail.to_vec(), [other as u8]);
    /// assert_eq!(comm.to(2).err(), Some(Broken::NoSuchRank { rank: 2, ranks: 2 }.into()));
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn to(&self, member: u32) -> Result<SendTo<'_>, CommError> {
        let (rank, epoch) = self.life_of(member)?;
        if let Some(end) = self.endpoint.member().end_of_life(rank, epoch, false) {
            return Err(CommError::Gone { rank, died: end != Status::Left });
        }
        Ok(self.endpoint.to(rank).in_context(self.context))
    }

    /// How to receive from this member: [`RecvFrom`] says more. Its mail is received also after it has ended.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// if comm.rank() == 1 {
    ///     comm.to(0)?.send(b"one")?;
    /// }
    /// comm.barrier()?;
    /// if comm.rank() == 0 {
    ///     assert!(comm.from(2)?.try_recv()?.is_none(), "it has sent nothing");
    ///     assert_eq!(comm.from(1)?.try_recv()?.expect("it is there").to_vec(), b"one");
    /// }
    /// # comm.barrier()?; // until then none ends
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn from(&self, member: u32) -> Result<RecvFrom<'_>, CommError> {
        let (rank, epoch) = self.life_of(member)?;
        Ok(self.endpoint.from(rank).in_context(self.context).of_life(epoch))
    }

    /// How to receive from any member: [`RecvFrom`] says more. The end of each is told once.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// if comm.rank() > 0 {
    ///     comm.to(0)?.tag(comm.rank()).send(b"done")?;
    ///     comm.from(0)?.recv()?; // until then it does not end
    /// } else {
    ///     for _ in 1..comm.size() {
    ///         let word = comm.from_any().within(Duration::from_secs(10)).recv()?;
    ///         assert_eq!(comm.member(word.from()), Some(word.tag()));
    ///     }
    ///     for member in 1..comm.size() {
    ///         comm.to(member)?.send(b"go")?;
    ///     }
    /// }
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn from_any(&self) -> RecvFrom<'_> {
        self.endpoint.from_any().in_context(self.context)
    }

    /// Sends `bytes` to one member and receives from another, both with this tag, as
    /// [`SendTo::send_receive`](crate::SendTo::send_receive) does. `None` is nobody: nothing is sent, or received. So the ranks
    /// at the edge of a grid do as all others do.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // Each gives its last row to the next one. Nobody is before the first and after the last.
    /// let before = comm.rank().checked_sub(1);
    /// let next = Some(comm.rank() + 1).filter(|next| *next < comm.size());
    /// let row = comm.send_receive(1, next, [comm.rank() as u8; 100], before)?;
    /// assert_eq!(row.map(|row| row.len()), before.map(|_| 100));
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn send_receive(
        &self,
        tag: u32,
        to: Option<u32>,
        bytes: impl AsRef<[u8]> + Into<Vec<u8>>,
        from: Option<u32>,
    ) -> Result<Option<Mail<'_>>, RequestError> {
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

/// The context of the group with this slot and number.
pub fn context_of(slot: u32, id: u64) -> u16 {
    ((slot + 1) << ID_BITS) as u16 | id as u16 & ((1 << ID_BITS) - 1)
}

/// The groups that this endpoint is in.
pub fn groups_of(endpoint: &Endpoint) -> (&Member, &Groups) {
    let (member, inbox) = endpoint.halves().1.parts();
    (member, &inbox.groups)
}

impl Drop for Comm<'_> {
    fn drop(&mut self) {
        // One that has dropped it sends nothing more there, also not with a batch, and not what it has started and forgotten.
        let (member, groups) = groups_of(self.endpoint);
        self.endpoint.halves().0.parts().1.abandon_in(member, self.context);
        self.endpoint.halves().1.parts().1.withdraw_in(self.context);
        self.endpoint.both().publish();
        groups.remove(member, self.slot);
    }
}

impl fmt::Debug for Comm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comm").field("rank", &self.rank()).field("size", &self.size()).finish_non_exhaustive()
    }
}
