//! Operations of all members whose parts have different lengths.

use super::collectives::from_to;
use super::communicator::Comm;
use crate::abi::Cause;
use crate::collective::{Data, Folding, Kind, Parts, Plan, Stop, Varied};
use crate::error::{Broken, CollectiveError};
use bytemuck::Pod;
use bytemuck::allocation::try_zeroed_vec;

/// # Parts of different lengths
///
/// As the operations of the same names, with parts of any lengths, which the members need not know of each other: they tell them
/// first. So each of these is two or three operations, of which the first ones are short. From each member come at most as many
/// bytes as the longest message of the region has ([`Config::max_message`](crate::Config::max_message)).
impl Comm<'_> {
    /// Gives member `root` the values of all, a list for each member. The others get nothing.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?;
    /// # let comm = Comm::world(&me)?;
    /// let lines = comm.gather_varied(0, "as many bytes as there are".as_bytes())?;
    /// assert_eq!(lines[0], b"as many bytes as there are");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gather_varied<T: Pod>(&self, root: u32, mine: &[T]) -> Result<Vec<Vec<T>>, CollectiveError> {
        self.check_root(root)?;
        let lens = self.tell_len(mine)?;
        let output = if self.rank() == root { lens.as_slice() } else { &[] };
        self.exchange(Kind::Gather, root, mine, &[mine.len()], output, &lens)
    }

    /// Gives all members the values of all, a list for each member.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let names = ["ann", "bo", "christopher"];
    /// let mine = names[comm.rank() as usize];
    /// let all = comm.all_gather_varied(mine.as_bytes())?;
    /// assert_eq!(all, names.map(|name| name.as_bytes().to_vec()));
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn all_gather_varied<T: Pod>(&self, mine: &[T]) -> Result<Vec<Vec<T>>, CollectiveError> {
        let lens = self.tell_len(mine)?;
        self.exchange(Kind::AllGather, 0, mine, &[mine.len()], &lens, &lens)
    }

    /// Gives each member its part of what member `root` has: there `parts` has one for each member. On the others it may be empty.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let jobs = [4, 5, 6, 7, 8, 9, 10];
    /// let parts: Vec<&[i32]> = if comm.rank() == 0 { jobs.chunks(3).collect() } else { vec![] };
    /// let mine = comm.scatter_varied(0, &parts)?;
    /// assert_eq!(mine, [&[4, 5, 6][..], &[7, 8, 9], &[10]][comm.rank() as usize]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn scatter_varied<T: Pod>(&self, root: u32, parts: &[&[T]]) -> Result<Vec<T>, CollectiveError> {
        self.check_root(root)?;
        let is_root = self.rank() == root;
        if is_root {
            self.check_fit(parts, 1)?;
        }
        let mut lens = vec![0; self.size() as usize];
        for (len, part) in lens.iter_mut().zip(parts) {
            *len = part.len() as u64;
        }
        self.broadcast(root, &mut lens)?;
        let lens = self.check_lens::<T>(&lens)?;
        let mine = [lens[self.rank() as usize]];
        let input = if is_root { lens.as_slice() } else { &[] };
        let lists = self.exchange(Kind::Scatter, root, &parts.concat(), input, &mine, &lens)?;
        Ok(lists.into_iter().next().unwrap_or_default())
    }

    /// Gives each member its part of what all have: `parts` has one for each member. Returns a list from each.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // Each has sorted numbers, and gets from all those of its range: below 10, below 20, and the rest.
    /// let mine = [2, 14, 17, 25, 26, 29];
    /// let lists = comm.all_to_all_varied(&[&mine[..1], &mine[1..3], &mine[3..]])?;
    /// assert_eq!(lists[0], [&[2][..], &[14, 17], &[25, 26, 29]][comm.rank() as usize]); // those of member 0
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn all_to_all_varied<T: Pod>(&self, parts: &[&[T]]) -> Result<Vec<Vec<T>>, CollectiveError> {
        self.check_fit(parts, 1)?;
        let to: Vec<u64> = parts.iter().map(|part| part.len() as u64).collect();
        let mut from = vec![0; to.len()];
        self.all_to_all(&to, &mut from)?;
        let mut longest = [to.iter().copied().max().unwrap_or_default()];
        self.all_reduce(&mut longest, u64::max)?;
        // First: what is too long for one of them is an error for all.
        let checked = self.check_lens::<T>(&longest)?;
        if let Some(member) = liar(&from, &longest) {
            // The others cannot know, and wait for this member.
            return Err(self.give_up(Stop::Member(Cause::Mismatch, member)));
        }
        let (to, from) = (self.check_lens::<T>(&to)?, self.check_lens::<T>(&from)?);
        self.exchange(Kind::AllToAll, 0, &parts.concat(), &to, &from, &checked)
    }

    /// Combines the values of all members, place by place, and gives each member its part of the result. Every member names the
    /// same `counts`, which say how many of the values in `all` are for each.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let mine = comm.reduce_scatter_varied(&[1, 2, 3, 4], &[2, 1, 1], |a, b| a + b)?;
    /// assert_eq!(mine, [&[3, 6][..], &[9], &[12]][comm.rank() as usize]); // all three have the same
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn reduce_scatter_varied<T: Pod>(
        &self,
        all: &[T],
        counts: &[usize],
        combine: impl FnMut(T, T) -> T,
    ) -> Result<Vec<T>, CollectiveError> {
        self.check_counts(all, counts)?;
        let me = self.rank() as usize;
        let Some(plan) = self.plan_of_counts::<T>(counts) else {
            let mut whole = all.to_vec();
            self.all_reduce(&mut whole, combine)?;
            let start: usize = counts[..me].iter().sum();
            return Ok(whole[start..start + counts[me]].to_vec());
        };
        let mut mine = vec![T::zeroed(); counts[me]];
        let mut folding = Folding::new(combine);
        self.take_part(plan, Data { fold: Some(&mut folding), ..from_to(all, &mut mine) })?;
        Ok(mine)
    }

    /// An error unless these are as many values as the counts say.
    pub(super) fn check_counts<T>(&self, all: &[T], counts: &[usize]) -> Result<(), CollectiveError> {
        self.check_fit(counts, 1)?;
        let needed = counts.iter().fold(0, |sum: usize, count| sum.saturating_add(*count));
        let len = all.len();
        if needed == len { Ok(()) } else { Err(CollectiveError::Unfit { needed, len }) }
    }

    /// The plan that combines and scatters so many values; `None` if a window is too small for it.
    pub(super) fn plan_of_counts<T>(&self, counts: &[usize]) -> Option<Plan> {
        let me = self.rank() as usize;
        let longest = counts.iter().copied().max().unwrap_or_default();
        let plan = self.plan::<T>(Kind::ReduceScatter, 0, longest);
        let varied = Varied { input: parts::<T>(counts), output: parts::<T>(&counts[me..=me]) };
        plan.fits().then(|| plan.varied(varied))
    }

    /// Tells all how many values this member has. Returns how many each has.
    fn tell_len<T>(&self, mine: &[T]) -> Result<Vec<usize>, CollectiveError> {
        let mut lens = vec![0; self.size() as usize];
        self.all_gather(&[mine.len() as u64], &mut lens)?;
        self.check_lens::<T>(&lens)
    }

    /// These numbers of values, if members can have so many.
    fn check_lens<T>(&self, lens: &[u64]) -> Result<Vec<usize>, CollectiveError> {
        let most = self.most::<T>();
        fitting(lens, most).map_err(|len| CollectiveError::Unfit { needed: most, len })
    }

    /// How many values a member can have at most for others.
    pub(super) fn most<T>(&self) -> usize {
        (self.endpoint.region().max_message() / size_of::<T>().max(1) as u64) as usize
    }

    /// An operation from parts of these lengths, one after the other in `from`, to others of these; `all` are the lengths of which
    /// every member knows the longest.
    fn exchange<T: Pod>(
        &self,
        kind: Kind,
        root: u32,
        from: &[T],
        input: &[usize],
        output: &[usize],
        all: &[usize],
    ) -> Result<Vec<Vec<T>>, CollectiveError> {
        let Some(mut values) = room(output) else {
            return Err(self.give_up(Stop::Broken(Broken::NoSpace(self.endpoint.rank()))));
        };
        let longest = all.iter().copied().max().unwrap_or_default();
        let plan = self.plan::<T>(kind, root, longest);
        let plan = plan.varied(Varied { input: parts::<T>(input), output: parts::<T>(output) });
        self.take_part(plan, from_to(from, &mut values))?;
        Ok(lists(&values, output))
    }
}

/// Room for lists of these lengths, which members have said; `None` if there is no memory for them.
pub(super) fn room<T: Pod>(lens: &[usize]) -> Option<Vec<T>> {
    let count = lens.iter().try_fold(0usize, |sum, len| sum.checked_add(*len))?;
    try_zeroed_vec(count).ok()
}

/// These lengths, or the first of them that is more than `most`.
pub(super) fn fitting(lens: &[u64], most: usize) -> Result<Vec<usize>, usize> {
    let check = |len: &u64| {
        let len = usize::try_from(*len).unwrap_or(usize::MAX);
        if len <= most { Ok(len) } else { Err(len) }
    };
    lens.iter().map(check).collect()
}

/// The member that says of its part that it is longer than it has told all.
pub(super) fn liar(lens: &[u64], longest: &[u64; 1]) -> Option<u32> {
    lens.iter().position(|len| *len > longest[0]).map(|member| member as u32)
}

/// Parts of so many values.
pub(super) fn parts<T>(lens: &[usize]) -> Parts {
    Parts::of(lens.iter().map(|len| len * size_of::<T>()))
}

/// These values as lists of these lengths.
pub(super) fn lists<T: Pod>(values: &[T], lens: &[usize]) -> Vec<Vec<T>> {
    let mut rest = values;
    let list = |len: &usize| {
        let (list, after) = rest.split_at(*len);
        rest = after;
        list.to_vec()
    };
    lens.iter().map(list).collect()
}
