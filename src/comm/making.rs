//! Communicators that are made of others.

use super::agreement::{first_of, new_id};
use super::communicator::{Comm, context_of, groups_of};
use super::taking_part::{error, missing_of};
use crate::collective::{Group, Groups, Next, Seat, Stop};
use crate::endpoint::{Endpoint, Halves};
use crate::error::{CollectiveError, CommError};
use crate::half::Member;
use crate::rank::Source;
use crate::wait::{Deadline, Operation};

/// # Communicators that are made of others
///
/// Every member of this one calls the same, as for an operation of all members. A new communicator has its own context: its mail
/// and its operations are apart from those of all others. Each member must be able to take one more
/// ([`Config::groups`](crate::Config::groups)); otherwise all members of the new one get [`CommError::NoContext`].
impl<'a> Comm<'a> {
    /// A communicator of the same members.
    ///
    /// Cost: that of an [`all_gather`](Comm::all_gather) of 32 bytes.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // A library sends within its own, whatever tags its caller uses.
    /// let own = comm.dup()?;
    /// let (next, before) = ((own.rank() + 1) % own.size(), (own.rank() + 2) % own.size());
    /// own.to(next)?.tag(1).send(b"of the library")?;
    /// let mail = own.from(before)?.tag(1).recv()?;
    /// # assert_eq!(mail.to_vec(), b"of the library");
    /// # drop(mail);
    /// assert_eq!(comm.from_any().tag(1).peek()?, None);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn dup(&self) -> Result<Comm<'a>, CommError> {
        self.split(Some(0), 0)?.ok_or(CommError::NoContext)
    }

    /// A communicator for each colour: its members are those that name it, in the order of their keys; of equal keys, in the order
    /// of their numbers here. A member that names none is in none. Otherwise as [`Comm::dup`].
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// # let comm = Comm::world(&me)?;
    /// // The rows of a grid of 4 columns, each a communicator.
    /// let row = comm.split(Some(comm.rank() / 4), 0)?.expect("each has a colour");
    /// assert_eq!(row.rank(), comm.rank() % 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(&self, colour: Option<u32>, key: i64) -> Result<Option<Comm<'a>>, CommError> {
        let named = colour.map_or(0, |colour| 1 + u64::from(colour));
        let mine = [named, key as u64, free_slots(self.endpoint), new_id()];
        let mut all = vec![[0; 4]; self.size() as usize];
        self.all_gather(&[mine], &mut all)?;
        if colour.is_none() {
            return Ok(None);
        }
        let seats = self.seats().iter().copied().zip(all);
        let mut members: Vec<(Seat, [u64; 4])> = seats.filter(|(_, word)| word[0] == named).collect();
        members.sort_by_key(|(_, word)| word[1] as i64);
        let free = members.iter().fold(u64::MAX, |free, (_, word)| free & word[2]);
        let slot = first_of(free).ok_or(CommError::NoContext)?;
        // All take the number that the first proposes.
        let id = members[0].1[3];
        let members = members.into_iter().map(|(seat, _)| seat).collect();
        Comm::begin(self.endpoint, (slot, id), members, Some(self.slot)).map(Some)
    }

    /// A communicator of these members, in this order; `None` on the others. All name the same ones. Otherwise as [`Comm::dup`].
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // Of three members the last and the first.
    /// let pair = comm.create(&[2, 0])?;
    /// let place = pair.map(|pair| pair.rank());
    /// assert_eq!(place, [Some(1), None, Some(0)][comm.rank() as usize]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn create(&self, members: &[u32]) -> Result<Option<Comm<'a>>, CommError> {
        members.iter().try_for_each(|member| self.rank_of(*member).map(drop))?;
        let place = members.iter().position(|member| *member == self.rank());
        self.split(place.map(|_| 0), place.unwrap_or_default() as i64)
    }

    /// A communicator of those members that are left: that have not died, not left the region, and not dropped this one. They
    /// agree on who that is. It works also when operations of all members do not any more, and is how to go on after a death.
    ///
    /// If a member dies meanwhile, the new communicator may have it as a member, and must be shrunk in its turn.
    ///
    /// After an error with [`CommError::is_timeout`] it can be called again. Until then, or until this communicator is dropped,
    /// the slots that were free then are set aside for it: this rank can get [`CommError::NoContext`] for any other.
    ///
    /// ```
    /// # use mailbox::{CollectiveError, Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// # if comm.rank() == 2 {
    /// #     drop(comm);
    /// #     me.abandon();
    /// #     return Ok(());
    /// # }
    /// let mut sum = [1];
    /// if let Err(CollectiveError::Gone { rank, .. }) = comm.all_reduce(&mut sum, |a, b| a + b) {
    ///     println!("rank {rank} is gone");
    ///     sum = [1]; // as before
    ///     let left = comm.shrink()?;
    ///     left.all_reduce(&mut sum, |a, b| a + b)?;
    /// }
    /// assert_eq!(sum, [2]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn shrink(&self) -> Result<Comm<'a>, CommError> {
        let (member, groups) = groups_of(self.endpoint);
        member.check().map_err(CollectiveError::from)?;
        let halves = self.endpoint.both();
        let (free, id) = (free_slots(self.endpoint), new_id());
        let mut shrinking = Shrinking { halves, member, groups, slot: self.slot, id, next: None };
        let asked = groups.with(self.slot, |group| group.ask_for_shrink(member, free));
        // A function that combines values has no group.
        asked.ok_or(CollectiveError::GivenUp { rank: member.rank() })?;
        let deadline = self.timeout.get().map_or(Deadline::Never, Deadline::from);
        let is_over = halves.drive(member, deadline, &mut shrinking)?;
        let missing = || groups.with(self.slot, |group| group.missing_in_shrink(member)).unwrap_or_default();
        match shrinking.next {
            Some((Some(slot), id, members)) if is_over => {
                Comm::begin(self.endpoint, (slot, id), members, Some(self.slot))
            }
            Some((None, ..)) if is_over => Err(CommError::NoContext),
            _ => Err(missing_of(&missing()).into()),
        }
    }
}

/// Mail of one member that is dropped at once.
const LEFT: usize = 1 << 16;

/// The slots that this rank could use for one more group.
///
/// A later group in the same slot may have the same context. So what was left unread of a group that is over is dropped before its
/// slot is said to be free: its members have sent all that they send there, and those of the later group have sent nothing yet.
pub fn free_slots(endpoint: &Endpoint) -> u64 {
    let (member, groups) = groups_of(endpoint);
    for group in groups.take_over(member) {
        let context = context_of(group.slot(), group.id());
        for (rank, _) in group.members() {
            let from = endpoint.from(*rank).in_context(context);
            (0..LEFT).map_while(|_| from.try_recv().ok().flatten()).for_each(drop);
        }
    }
    groups.free(endpoint.region().geometry().groups)
}

/// The agreement on those that are left.
struct Shrinking<'b> {
    halves: Halves<'b>,
    member: &'b Member,
    groups: &'b Groups,
    slot: u32,
    id: u64,
    next: Option<Next>,
}

impl Shrinking<'_> {
    fn look_for(&mut self, query: bool) -> Result<bool, CollectiveError> {
        let (member, id) = (self.member, self.id);
        let look = |group: &mut Group| {
            group.look_for_shrink(member, id, query).map_err(|stop: Stop| error(group, stop))
        };
        self.next = self.groups.with(self.slot, look).transpose()?.flatten();
        Ok(self.next.is_some())
    }
}

impl Operation for Shrinking<'_> {
    type Error = CollectiveError;

    fn look(&mut self, _: bool) -> Result<bool, CollectiveError> {
        self.look_for(false)
    }

    fn check(&mut self, query: bool) -> Result<bool, CollectiveError> {
        self.halves.check_place(query)?;
        self.look_for(query)
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(Source::Anyone);
    }
}
