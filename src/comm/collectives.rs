//! The operations of all members.

use super::communicator::Comm;
use crate::collective::{Data, Folding, Kind, Plan};
use crate::error::CollectiveError;
use bytemuck::{Pod, cast_slice, cast_slice_mut};
use core::time::Duration;

/// The most bytes of a value.
pub(super) const LONGEST_VALUE: usize = 64 << 10;

/// # Operations of all members
///
/// Every member calls the same ones in the same order, with the same root, type and length. They are carried out in that order;
/// each may wait until all others take part. They see no messages and are seen by none.
///
/// Values are plain data ([`bytemuck::Pod`]) of at most 64 KiB each. They are combined by any function of two values, such as
/// `|a, b| a + b`, `f64::max` or `u32::wrapping_mul`, always in the order of the members. So the result is the same to the bit
/// on every member and in every run, and the function need not be commutative. It must not use communicators of this endpoint: operations of all members return
/// [`CollectiveError::GivenUp`] there and leave their communicator broken, and no new one is made. It may drop them.
///
/// **Errors.** [`CollectiveError::Gone`] if a member has ended, within 100 ms. [`CollectiveError::Mismatch`] where a member can see
/// that another does something else. [`CollectiveError::Missing`] after [`Comm::set_timeout`]. After an error no further
/// operation is carried out, on any member.
///
/// **Cost.** Each member writes what it has for others once, to memory that all others read.
impl Comm<'_> {
    /// How long an operation of all members may take; `None` for ever, as at first. After it has passed, the operation returns
    /// [`CollectiveError::Missing`], and the communicator is broken. It does not count for [`Comm::start_barrier`] and its like:
    /// they are waited for with a deadline of their own, and go on after it.
    ///
    /// ```
    /// # use mailbox::{CollectiveError, Comm, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || {
    /// #     let comm = Comm::world(&other).unwrap();
    /// #     comm.from(0).unwrap().within(Duration::from_secs(10)).recv().map(drop)
    /// # });
    /// # let comm = Comm::world(&me)?;
    /// comm.set_timeout(Some(Duration::from_millis(10)));
    /// match comm.barrier() {
    ///     Err(CollectiveError::Missing { missing, .. }) => println!("rank {missing} is not there in time"),
    ///     done => done?,
    /// }
    /// # assert!(comm.barrier().is_err());
    /// # comm.to(1)?.send(b"enough")?;
    /// # other.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.timeout.set(timeout);
    }

    pub(super) fn plan<T>(&self, kind: Kind, root: u32, len: usize) -> Plan {
        const { assert!(size_of::<T>() <= LONGEST_VALUE, "a value has at most 64 KiB") };
        Plan::new(kind, root, (self.rank(), self.size()), len * size_of::<T>(), size_of::<T>())
    }

    pub(super) fn check_root(&self, root: u32) -> Result<(), CollectiveError> {
        let size = self.size();
        if root < size {
            return Ok(());
        }
        Err(crate::error::Broken::NoSuchRank { rank: root, ranks: size }.into())
    }

    /// Waits until all members have called it.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// # let comm = Comm::world(&me)?;
    /// comm.barrier()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn barrier(&self) -> Result<(), CollectiveError> {
        self.take_part(self.plan::<u8>(Kind::Barrier, 0, 0), in_place(&mut [] as &mut [u8]))
    }

    /// Gives the values of member `root` to all: its slice is read, and those of all others are written. Only the others wait for
    /// the root, which is up to four pieces ahead of them.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let mut limits = if comm.rank() == 0 { [0.5, 99.5] } else { [0.0; 2] };
    /// comm.broadcast(0, &mut limits)?;
    /// assert_eq!(limits, [0.5, 99.5]); // on every member
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn broadcast<T: Pod>(&self, root: u32, values: &mut [T]) -> Result<(), CollectiveError> {
        self.check_root(root)?;
        self.take_part(self.plan::<T>(Kind::Broadcast, root, values.len()), in_place(values))
    }

    /// Combines the values of all members, place by place, in the order of the members. `values` becomes the result on member
    /// `root`, and stays as it is on all others.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let mut longest = [10 * (comm.rank() + 1)];
    /// comm.reduce(0, &mut longest, u32::max)?;
    /// if comm.rank() == 0 {
    ///     assert_eq!(longest, [30]); // that of member 2
    /// }
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn reduce<T: Pod>(
        &self,
        root: u32,
        values: &mut [T],
        combine: impl FnMut(T, T) -> T,
    ) -> Result<(), CollectiveError> {
        self.check_root(root)?;
        self.fold(self.plan::<T>(Kind::Reduce, root, values.len()), values, combine)
    }

    /// Combines the values of all members, place by place, in the order of the members. `values` becomes the result on all.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || {
    /// #     let comm = Comm::world(&other).unwrap();
    /// #     comm.all_reduce(&mut [2.0, 5.0], f64::max).unwrap();
    /// # });
    /// # let comm = Comm::world(&me)?;
    /// let mut values = [1.0, 7.0]; // another member has [2.0, 5.0]
    /// comm.all_reduce(&mut values, f64::max)?;
    /// assert_eq!(values, [2.0, 7.0]);
    /// # other.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn all_reduce<T: Pod>(
        &self,
        values: &mut [T],
        combine: impl FnMut(T, T) -> T,
    ) -> Result<(), CollectiveError> {
        self.fold(self.plan::<T>(Kind::AllReduce, 0, values.len()), values, combine)
    }

    /// Combines the values of all members up to this one, place by place. `values` becomes the result.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // How far the members up to this one reach, if they stand in a row.
    /// let width = comm.rank() + 1;
    /// let mut end = [width];
    /// comm.scan(&mut end, |a, b| a + b)?;
    /// assert_eq!(end, [[1, 3, 6][comm.rank() as usize]]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn scan<T: Pod>(
        &self,
        values: &mut [T],
        combine: impl FnMut(T, T) -> T,
    ) -> Result<(), CollectiveError> {
        self.fold(self.plan::<T>(Kind::Scan, 0, values.len()), values, combine)
    }

    /// Combines the values of all members before this one, place by place. `values` becomes the result; on member 0 it stays as it
    /// is.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // Each has found some things, and numbers them after those of the members before it.
    /// let found = 5;
    /// let mut first = [found];
    /// comm.exclusive_scan(&mut first, |a, b| a + b)?;
    /// let first = if comm.rank() == 0 { 0 } else { first[0] };
    /// assert_eq!(first..first + found, 5 * comm.rank()..5 * comm.rank() + 5);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn exclusive_scan<T: Pod>(
        &self,
        values: &mut [T],
        combine: impl FnMut(T, T) -> T,
    ) -> Result<(), CollectiveError> {
        self.fold(self.plan::<T>(Kind::ExclusiveScan, 0, values.len()), values, combine)
    }

    /// Combines the values of all members, place by place, and gives each member its part of the result: `all` has as many values
    /// for each member as `mine`.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let (all, mut mine) = ([1, 10, 100], [0]);
    /// comm.reduce_scatter(&all, &mut mine, |a, b| a + b)?;
    /// assert_eq!(mine, [3 * all[comm.rank() as usize]]); // all three have the same
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn reduce_scatter<T: Pod>(
        &self,
        all: &[T],
        mine: &mut [T],
        combine: impl FnMut(T, T) -> T,
    ) -> Result<(), CollectiveError> {
        self.check_fit(all, mine.len())?;
        let plan = self.plan::<T>(Kind::ReduceScatter, 0, mine.len());
        if plan.fits() {
            let mut folding = Folding::new(combine);
            return self.take_part(plan, Data { fold: Some(&mut folding), ..from_to(all, mine) });
        }
        // Values so long that one for each member is more than fits: combined as a whole.
        let mut whole = all.to_vec();
        self.all_reduce(&mut whole, combine)?;
        let start = self.rank() as usize * mine.len();
        mine.copy_from_slice(&whole[start..start + mine.len()]);
        Ok(())
    }

    /// Gives member `root` the values of all: there `all` becomes theirs, in the order of the members. On the others `all` may be
    /// empty.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let mut all = vec![0; if comm.rank() == 0 { comm.size() as usize } else { 0 }];
    /// comm.gather(0, &[10 * comm.rank()], &mut all)?;
    /// if comm.rank() == 0 {
    ///     assert_eq!(all, [0, 10, 20]);
    /// }
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn gather<T: Pod>(&self, root: u32, mine: &[T], all: &mut [T]) -> Result<(), CollectiveError> {
        self.check_root(root)?;
        if self.rank() == root {
            self.check_fit(all, mine.len())?;
        }
        self.take_part(self.plan::<T>(Kind::Gather, root, mine.len()), from_to(mine, all))
    }

    /// Gives each member its part of the values that member `root` has in `all`, in the order of the members. On the others `all`
    /// may be empty.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let jobs = if comm.rank() == 0 { vec![4, 5, 6] } else { vec![] };
    /// let mut mine = [0];
    /// comm.scatter(0, &jobs, &mut mine)?;
    /// assert_eq!(mine, [4 + comm.rank()]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn scatter<T: Pod>(&self, root: u32, all: &[T], mine: &mut [T]) -> Result<(), CollectiveError> {
        self.check_root(root)?;
        if self.rank() == root {
            self.check_fit(all, mine.len())?;
        }
        self.take_part(self.plan::<T>(Kind::Scatter, root, mine.len()), from_to(all, mine))
    }

    /// Gives all members the values of all, in the order of the members.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let mut loads = [0.0; 3];
    /// comm.all_gather(&[0.5 * f64::from(comm.rank())], &mut loads)?;
    /// assert_eq!(loads, [0.0, 0.5, 1.0]); // on every member
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn all_gather<T: Pod>(&self, mine: &[T], all: &mut [T]) -> Result<(), CollectiveError> {
        self.check_fit(all, mine.len())?;
        self.take_part(self.plan::<T>(Kind::AllGather, 0, mine.len()), from_to(mine, all))
    }

    /// The same, with the values of each member in their place in `all`.
    pub fn all_gather_in_place<T: Pod>(&self, all: &mut [T]) -> Result<(), CollectiveError> {
        let len = self.part_of(all)?;
        let inside = self.rank() as usize * len * size_of::<T>();
        self.take_part(self.plan::<T>(Kind::AllGather, 0, len), Data { inside, ..in_place(all) })
    }

    /// Gives each member its part of the values of all others: `from` has the parts in the order of the members that they are for,
    /// and `to` becomes those that came, in the order of the members that they are from.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // Each turns its row of a matrix into a column.
    /// let row = [0, 1, 2].map(|column| 10 * comm.rank() + column);
    /// let mut column = [0; 3];
    /// comm.all_to_all(&row, &mut column)?;
    /// assert_eq!(column, [0, 1, 2].map(|row| 10 * row + comm.rank()));
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn all_to_all<T: Pod>(&self, from: &[T], to: &mut [T]) -> Result<(), CollectiveError> {
        let len = self.part_of(from)?;
        self.check_fit(to, len)?;
        self.take_part(self.plan::<T>(Kind::AllToAll, 0, len), from_to(from, to))
    }

    /// The same in one slice.
    pub fn all_to_all_in_place<T: Pod>(&self, values: &mut [T]) -> Result<(), CollectiveError> {
        let len = self.part_of(values)?;
        self.take_part(self.plan::<T>(Kind::AllToAll, 0, len), in_place(values))
    }

    #[inline(always)]
    fn fold<T: Pod>(
        &self,
        plan: Plan,
        values: &mut [T],
        combine: impl FnMut(T, T) -> T,
    ) -> Result<(), CollectiveError> {
        let mut folding = Folding::new(combine);
        self.take_part(plan, Data { fold: Some(&mut folding), ..in_place(values) })
    }

    /// How many of these values each member has.
    pub(super) fn part_of<T>(&self, all: &[T]) -> Result<usize, CollectiveError> {
        let part = all.len() / self.size() as usize;
        self.check_fit(all, part).map(|()| part)
    }

    /// Whether there are so many values for each member.
    pub(super) fn check_fit<T>(&self, all: &[T], part: usize) -> Result<(), CollectiveError> {
        let (needed, len) = (part.saturating_mul(self.size() as usize), all.len());
        if needed == len { Ok(()) } else { Err(CollectiveError::Unfit { needed, len }) }
    }
}

/// An operation whose input lies where its result is to be.
fn in_place<T: Pod>(values: &mut [T]) -> Data<'_> {
    Data { input: None, inside: 0, output: cast_slice_mut(values), fold: None }
}

/// An operation from one slice to another.
pub(super) fn from_to<'a, T: Pod>(input: &'a [T], output: &'a mut [T]) -> Data<'a> {
    Data { input: Some(cast_slice(input)), inside: 0, output: cast_slice_mut(output), fold: None }
}
