//! Operations of all members that were started.

use super::communicator::{Comm, groups_of};
use super::taking_part::{error, missing_of};
use crate::collective::{Data, Folding, Groups, Kind, Plan, Started};
use crate::endpoint::Halves;
use crate::error::CollectiveError;
use crate::half::Member;
use crate::wait::pace::TURNS_OF_ALL;
use crate::wait::{Deadline, Operation};
use bytemuck::{Pod, cast_slice, cast_slice_mut};
use core::any::Any;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

/// An operation of all members that was started, and goes on while the program does other things. It owns its values, and gives
/// the result when it is waited for.
///
/// It goes on in each call of its endpoint that looks or waits, of any kind, as a [`Request`](crate::Request) does. Those of one
/// communicator are carried out in the order in which they were started, which must be the same on all members; those of different
/// ones go on side by side.
///
/// Dropping it before it is over gives it up, and breaks the communicator: the others cannot go on without this member.
///
/// ```
/// # use mailbox::{Comm, Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(1))?;
/// # let me = region.join(0)?;
/// # let comm = Comm::world(&me)?;
/// let sum = comm.start_all_reduce(vec![1.5, 2.5], |a, b| a + b);
/// // … work on something else, and then:
/// assert_eq!(sum.wait()?, [1.5, 2.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it gives up the operation, and breaks the communicator"]
pub struct CollectiveRequest<'c, T> {
    comm: &'c Comm<'c>,
    /// Its number, or why it was not started.
    id: Result<u64, CollectiveError>,
    is_taken: bool,
    values: PhantomData<fn() -> T>,
}

/// The values of an operation that was started.
struct Owned<T, F> {
    /// `None` if it lies in the output.
    input: Option<Vec<T>>,
    output: Vec<T>,
    /// The part of it that is the result.
    part: Range<usize>,
    folding: Folding<T, F>,
}

impl<T: Pod + Send, F: FnMut(T, T) -> T + Send + 'static> Started for Owned<T, F> {
    fn data(&mut self) -> Data<'_> {
        Data {
            input: self.input.as_deref().map(cast_slice),
            inside: 0,
            output: cast_slice_mut(&mut self.output),
            fold: Some(&mut self.folding),
        }
    }

    fn into_result(self: Box<Self>) -> Box<dyn Any> {
        let mut output = self.output;
        output.truncate(self.part.end);
        output.drain(..self.part.start);
        Box::new(output)
    }
}

/// For operations that combine nothing.
fn first<T>(one: T, _: T) -> T {
    one
}

/// # Starting them
///
/// Each of these returns at once what the operation of the same name waits for: a [`CollectiveRequest`].
/// Several may be under way; all members start them in the same order.
///
/// ```
/// # use mailbox::{Comm, Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// #     let me = region.join(rank)?;
/// #     let comm = Comm::world(&me)?;
/// let rank = u64::from(comm.rank());
/// let sum = |one, other| one + other;
/// let from_root = comm.start_broadcast(1, vec![rank + 10]);
/// let at_root = comm.start_reduce(0, vec![rank, 1], sum);
/// let everywhere = comm.start_all_reduce(vec![rank, 1], sum);
/// let up_to_here = comm.start_scan(vec![rank], sum);
/// let before_here = comm.start_exclusive_scan(vec![1], sum);
/// let gathered = comm.start_gather(2, vec![rank]);
/// let of_all = comm.start_all_gather(vec![rank]);
/// let exchanged = comm.start_all_to_all(vec![10 * rank, 10 * rank + 1, 10 * rank + 2]);
/// let share = comm.start_reduce_scatter(vec![1, 2, 3], sum);
/// // … other work, and then:
/// assert_eq!(from_root.wait()?, [11]);
/// let at_root = at_root.wait()?;
/// assert!(rank != 0 || at_root == [3, 3]);
/// assert_eq!(everywhere.wait()?, [3, 3]);
/// assert_eq!(up_to_here.wait()?, [[0, 1, 3][comm.rank() as usize]]);
/// let before_here = before_here.wait()?;
/// assert!(rank == 0 || before_here == [rank]);
/// assert_eq!(gathered.wait()?, if rank == 2 { vec![0, 1, 2] } else { vec![] });
/// assert_eq!(of_all.wait()?, [0, 1, 2]);
/// assert_eq!(exchanged.wait()?, [rank, 10 + rank, 20 + rank]);
/// assert_eq!(share.wait()?, [3 * (rank + 1)]);
/// #     Ok(())
/// # };
/// # std::thread::scope(|scope| {
/// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
/// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
impl<'a> Comm<'a> {
    /// Starts a [`barrier`](Comm::barrier).
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let mut all_are_done = comm.start_barrier();
    /// let mut steps = 0;
    /// while !all_are_done.test() {
    ///     steps += 1; // … other work, until all have come here
    ///     # std::thread::yield_now();
    /// }
    /// all_are_done.wait()?;
    /// # let _ = steps;
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_barrier(&self) -> CollectiveRequest<'_, u8> {
        self.start_in_place(Kind::Barrier, 0, vec![], first)
    }

    /// Starts a [`broadcast`](Comm::broadcast). On all members there are as many values.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let limits = comm.start_broadcast(0, if comm.rank() == 0 { vec![0.5, 99.5] } else { vec![0.0; 2] });
    /// // … what needs no limits, and then:
    /// assert_eq!(limits.wait()?, [0.5, 99.5]); // on every member
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_broadcast<T: Pod + Send>(&self, root: u32, values: Vec<T>) -> CollectiveRequest<'_, T> {
        self.start_in_place(Kind::Broadcast, root, values, first)
    }

    /// Starts a [`reduce`](Comm::reduce). [`Comm::start_all_reduce`] has an example.
    pub fn start_reduce<T: Pod + Send>(
        &self,
        root: u32,
        values: Vec<T>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        self.start_in_place(Kind::Reduce, root, values, combine)
    }

    /// Starts an [`all_reduce`](Comm::all_reduce).
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let me = comm.rank() as usize;
    /// let sum = |a: u32, b: u32| a + b;
    /// // Member 0 has 1, member 1 has 10, member 2 has 100.
    /// let mine = vec![[1, 10, 100][me]];
    /// let everywhere = comm.start_all_reduce(mine.clone(), sum);
    /// let at_root = comm.start_reduce(2, mine.clone(), sum);
    /// let up_to_here = comm.start_scan(mine.clone(), sum);
    /// let before_here = comm.start_exclusive_scan(mine.clone(), sum);
    /// let share = comm.start_reduce_scatter(vec![1, 10, 100], sum); // all have the same
    /// assert_eq!(everywhere.wait()?, [111]);
    /// assert_eq!(at_root.wait()?, if me == 2 { vec![111] } else { mine }); // elsewhere as it was
    /// assert_eq!(up_to_here.wait()?, [[1, 11, 111][me]]);
    /// assert_eq!(before_here.wait()?, [[1, 1, 11][me]]); // there is none before member 0
    /// assert_eq!(share.wait()?, [[3, 30, 300][me]]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_all_reduce<T: Pod + Send>(
        &self,
        values: Vec<T>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        self.start_in_place(Kind::AllReduce, 0, values, combine)
    }

    /// Starts a [`scan`](Comm::scan). [`Comm::start_all_reduce`] has an example.
    pub fn start_scan<T: Pod + Send>(
        &self,
        values: Vec<T>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        self.start_in_place(Kind::Scan, 0, values, combine)
    }

    /// Starts an [`exclusive_scan`](Comm::exclusive_scan). [`Comm::start_all_reduce`] has an example.
    pub fn start_exclusive_scan<T: Pod + Send>(
        &self,
        values: Vec<T>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        self.start_in_place(Kind::ExclusiveScan, 0, values, combine)
    }

    /// Starts a [`gather`](Comm::gather). Gives the values of all on the root, and none elsewhere.
    /// [`Comm::start_all_gather`] has an example.
    pub fn start_gather<T: Pod + Send>(&self, root: u32, mine: Vec<T>) -> CollectiveRequest<'_, T> {
        let count = if self.rank() == root { self.size() as usize * mine.len() } else { 0 };
        let len = mine.len();
        self.start_from(Kind::Gather, root, len, mine, count, first)
    }

    /// Starts a [`scatter`](Comm::scatter) of `len` values for each member. Elsewhere than on the root `all` may be empty.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let jobs = if comm.rank() == 0 { vec![4, 5, 6, 7, 8, 9] } else { vec![] };
    /// let mine = comm.start_scatter(0, jobs, 2);
    /// // … make ready for them, and then:
    /// let mine = mine.wait()?;
    /// assert_eq!(mine, [4 + 2 * comm.rank(), 5 + 2 * comm.rank()]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_scatter<T: Pod + Send>(
        &self,
        root: u32,
        all: Vec<T>,
        len: usize,
    ) -> CollectiveRequest<'_, T> {
        let fits = if self.rank() == root { self.check_fit(&all, len) } else { Ok(()) };
        match fits {
            Ok(()) => self.start_from(Kind::Scatter, root, len, all, len, first),
            Err(error) => self.request(Err(error)),
        }
    }

    /// Starts an [`all_gather`](Comm::all_gather).
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let me = comm.rank();
    /// let everywhere = comm.start_all_gather(vec![me, 10 * me]);
    /// let at_root = comm.start_gather(1, vec![me]);
    /// // One value for each: from member 2 to member 0 goes 20.
    /// let exchanged = comm.start_all_to_all(vec![10 * me, 10 * me + 1, 10 * me + 2]);
    /// assert_eq!(everywhere.wait()?, [0, 0, 1, 10, 2, 20]);
    /// assert_eq!(at_root.wait()?, if me == 1 { vec![0, 1, 2] } else { vec![] });
    /// assert_eq!(exchanged.wait()?, [me, 10 + me, 20 + me]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_all_gather<T: Pod + Send>(&self, mine: Vec<T>) -> CollectiveRequest<'_, T> {
        let (len, count) = (mine.len(), self.size() as usize * mine.len());
        self.start_from(Kind::AllGather, 0, len, mine, count, first)
    }

    /// Starts an [`all_to_all`](Comm::all_to_all). [`Comm::start_all_gather`] has an example.
    pub fn start_all_to_all<T: Pod + Send>(&self, values: Vec<T>) -> CollectiveRequest<'_, T> {
        match self.part_of(&values) {
            Ok(len) => self.start(self.plan::<T>(Kind::AllToAll, 0, len), None, values, first),
            Err(error) => self.request(Err(error)),
        }
    }

    /// Starts a [`reduce_scatter`](Comm::reduce_scatter). [`Comm::start_all_reduce`] has an example.
    pub fn start_reduce_scatter<T: Pod + Send>(
        &self,
        all: Vec<T>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        match self.part_of(&all) {
            Ok(len) if self.plan::<T>(Kind::ReduceScatter, 0, len).fits() => {
                self.start_from(Kind::ReduceScatter, 0, len, all, len, combine)
            }
            // As in `Comm::reduce_scatter`.
            Ok(len) => {
                let part = self.rank() as usize * len..(self.rank() as usize + 1) * len;
                self.start_part(self.plan::<T>(Kind::AllReduce, 0, all.len()), None, all, part, combine)
            }
            Err(error) => self.request(Err(error)),
        }
    }

    fn start_in_place<T: Pod + Send>(
        &self,
        kind: Kind,
        root: u32,
        values: Vec<T>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        self.start(self.plan::<T>(kind, root, values.len()), None, values, combine)
    }

    /// Starts an operation from these values to `count` others.
    fn start_from<T: Pod + Send>(
        &self,
        kind: Kind,
        root: u32,
        len: usize,
        input: Vec<T>,
        count: usize,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        self.start(self.plan::<T>(kind, root, len), Some(input), vec![T::zeroed(); count], combine)
    }

    fn start<T: Pod + Send>(
        &self,
        plan: Plan,
        input: Option<Vec<T>>,
        output: Vec<T>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        let part = 0..output.len();
        self.start_part(plan, input, output, part, combine)
    }

    /// Starts an operation whose result is this part of its output.
    pub(super) fn start_part<T: Pod + Send>(
        &self,
        plan: Plan,
        input: Option<Vec<T>>,
        output: Vec<T>,
        part: Range<usize>,
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        self.start_owned(plan, Box::new(Owned { input, output, part, folding: Folding::new(combine) }))
    }

    /// Starts an operation on what it owns, whose result is a list of these.
    pub(super) fn start_owned<R>(&self, plan: Plan, owned: Box<dyn Started>) -> CollectiveRequest<'_, R> {
        let (member, groups) = groups_of(self.endpoint);
        let can_start = self.check_root(plan.root()).and_then(|()| Ok(member.check()?));
        let refused = |_| CollectiveError::GivenUp { rank: member.rank() };
        let id = can_start.and_then(|()| groups.start(member, self.slot, plan, owned).map_err(refused));
        self.request(id)
    }

    pub(super) fn request<T>(&self, id: Result<u64, CollectiveError>) -> CollectiveRequest<'_, T> {
        CollectiveRequest { comm: self, id, is_taken: false, values: PhantomData }
    }
}

impl<T: 'static> CollectiveRequest<'_, T> {
    /// Whether it is over. Never waits.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// if comm.rank() == 0 {
    ///     let mut sum = comm.start_all_reduce(vec![1], |one: u32, other| one + other);
    ///     assert!(!sum.test(), "member 1 has not come");
    ///     comm.to(1)?.send(b"come")?;
    ///     comm.from(1)?.within(Duration::from_secs(10)).recv()?;
    ///     assert!(sum.test());
    ///     assert_eq!(sum.wait()?, [3]); // at once
    /// } else {
    ///     comm.from(0)?.recv()?;
    ///     let sum = comm.start_all_reduce(vec![2], |one: u32, other| one + other);
    ///     assert_eq!(sum.wait()?, [3]);
    ///     comm.to(0)?.send(b"done")?;
    /// }
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn test(&mut self) -> bool {
        let Ok(id) = self.id else { return true };
        let (member, groups) = groups_of(self.comm.endpoint);
        groups.tend(member);
        groups.check_started(member, false);
        self.is_taken || groups.is_over(self.comm.slot, id)
    }

    /// Waits until it is over, and gives the result. [`CollectiveRequest::test`] has an example.
    pub fn wait(mut self) -> Result<Vec<T>, CollectiveError> {
        self.wait_within(Deadline::Never)
    }

    /// Waits no longer than `deadline`. Then it returns [`CollectiveError::Missing`], and the operation goes on: unlike
    /// [`Comm::set_timeout`], this breaks nothing. After it has given its result it returns [`CollectiveError::GivenUp`].
    ///
    /// ```
    /// # use mailbox::{CollectiveError, Comm, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// let comm = Comm::world(&me)?;
    /// let mut sum = comm.start_all_reduce(vec![1, 2], |one: i32, other| one + other);
    /// assert_eq!(sum.wait_within(Duration::from_secs(10)), Ok(vec![1, 2]));
    /// assert_eq!(sum.wait_within(Duration::from_secs(10)), Err(CollectiveError::GivenUp { rank: 0 }), "it was given");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_within(&mut self, deadline: impl Into<Deadline>) -> Result<Vec<T>, CollectiveError> {
        let (comm, id) = (self.comm, self.id?);
        let (member, groups) = groups_of(comm.endpoint);
        let halves = comm.endpoint.both();
        let mut waiting = Waiting { halves, member, groups, slot: comm.slot, id };
        if !groups.is_over(comm.slot, id) && !halves.drive(member, deadline.into(), &mut waiting)? {
            return Err(missing_of(&groups.missing(comm.slot)));
        }
        let over = CollectiveError::GivenUp { rank: member.rank() };
        let result = groups.take(comm.slot, id).ok_or(over)?;
        self.is_taken = true;
        let stop = |stop| groups.with(comm.slot, |group| error(group, stop)).unwrap_or(over);
        let values = result.map_err(stop)?.into_result().downcast();
        values.map(|values| *values).map_err(|_| over)
    }
}

impl<'c, T> CollectiveRequest<'c, T> {
    /// What tells when it is over, for one that watches it. It may outlive it.
    pub(crate) fn watched(&self) -> Underway<'c> {
        Underway { comm: self.comm, id: self.id.ok() }
    }
}

/// An operation that was started, as one sees it that watches it.
pub struct Underway<'c> {
    comm: &'c Comm<'c>,
    /// `None` if it could not be started.
    id: Option<u64>,
}

impl<'c> Underway<'c> {
    pub fn halves(&self) -> Halves<'c> {
        self.comm.endpoint.both()
    }

    /// Whether nothing more is to come of it.
    pub fn is_over(&self) -> bool {
        let (_, groups) = groups_of(self.comm.endpoint);
        self.id.is_none_or(|id| groups.is_over(self.comm.slot, id))
    }
}

/// A wait for an operation that was started, which goes on like all that was.
struct Waiting<'b> {
    halves: Halves<'b>,
    member: &'b Member,
    groups: &'b Groups,
    slot: u32,
    id: u64,
}

impl Operation for Waiting<'_> {
    type Error = CollectiveError;

    fn look(&mut self, _: bool) -> Result<bool, CollectiveError> {
        Ok(self.groups.is_over(self.slot, self.id))
    }

    fn check(&mut self, query: bool) -> Result<bool, CollectiveError> {
        self.halves.check_place(query)?;
        self.look(true)
    }

    fn turns(&self) -> u32 {
        TURNS_OF_ALL
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(self.groups.awaited(self.slot));
    }
}

impl<T> Drop for CollectiveRequest<'_, T> {
    fn drop(&mut self) {
        if let (Ok(id), false) = (self.id, self.is_taken) {
            let (member, groups) = groups_of(self.comm.endpoint);
            groups.give_up(member, self.comm.slot, id);
        }
    }
}

impl<T> fmt::Debug for CollectiveRequest<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectiveRequest").field("id", &self.id).finish_non_exhaustive()
    }
}
