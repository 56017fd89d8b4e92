//! Operations on parts of different lengths that were started.

use super::collectives::LONGEST_VALUE;
use super::communicator::Comm;
use super::started::CollectiveRequest;
use super::varied::{fitting, liar, lists, parts, room};
use crate::abi::Cause;
use crate::collective::{Data, Folding, Kind, Plan, Started, Stop, Varied};
use crate::error::Broken;
use bytemuck::{Pod, cast_slice, cast_slice_mut};
use core::any::Any;

/// What goes on at present. The operations that tell lengths come first.
#[derive(Clone, Copy)]
enum Stage {
    Lens,
    /// All agree on the longest.
    Longest,
    Values,
}

/// The parts that members exchange, and how far they have come.
struct Exchange<T> {
    kind: Kind,
    root: u32,
    /// Which member this one is of how many, and its rank.
    seat: (u32, u32),
    rank: u32,
    /// How many values a member can have at most for others.
    most: usize,
    stage: Stage,
    /// This member's parts, one after the other, and how long each is; of what is scattered that is among what is told.
    input: Vec<T>,
    lens: Vec<u64>,
    /// The lengths that this member was told: of what comes from each, or goes to each.
    told: Vec<u64>,
    longest: [u64; 1],
    folding: Folding<u64, fn(u64, u64) -> u64>,
    output: Vec<T>,
    /// How long each part of it is.
    parts: Vec<usize>,
}

impl<T: Pod> Exchange<T> {
    fn plan<V>(&self, kind: Kind, root: u32, len: usize) -> Plan {
        const { assert!(size_of::<V>() <= LONGEST_VALUE, "a value has at most 64 KiB") };
        Plan::new(kind, root, self.seat, len * size_of::<V>(), size_of::<V>())
    }

    /// The first operation.
    fn first_plan(&self) -> Plan {
        match self.kind {
            Kind::Scatter => self.plan::<u64>(Kind::Broadcast, self.root, self.told.len()),
            Kind::AllToAll => self.plan::<u64>(Kind::AllToAll, 0, 1),
            _ => self.plan::<u64>(Kind::AllGather, 0, 1),
        }
    }

    /// The last one.
    fn exchange(&mut self) -> Result<Plan, Stop> {
        let most = self.most;
        let fitting = |lens: &[u64]| fitting(lens, most).map_err(|len| Stop::Unfit { needed: most, len });
        let longest = match self.kind {
            // First: what is too long for one of them is an error for all.
            Kind::AllToAll => fitting(&self.longest)?,
            _ => fitting(&self.told)?,
        };
        if let Some(member) = liar(&self.told, &self.longest).filter(|_| self.kind == Kind::AllToAll) {
            return Err(Stop::Member(Cause::Mismatch, member));
        }
        let (told, lens) = (fitting(&self.told)?, fitting(&self.lens)?);
        let (me, is_root) = (self.seat.0, self.seat.0 == self.root);
        let input = match self.kind {
            Kind::Scatter if is_root => told.clone(),
            Kind::Scatter => vec![],
            _ => lens,
        };
        self.parts = match self.kind {
            Kind::Scatter => vec![told[me as usize]],
            Kind::Gather if !is_root => vec![],
            _ => told,
        };
        self.output = room(&self.parts).ok_or(Broken::NoSpace(self.rank))?;
        let plan = self.plan::<T>(self.kind, self.root, longest.into_iter().max().unwrap_or_default());
        Ok(plan.varied(Varied { input: parts::<T>(&input), output: parts::<T>(&self.parts) }))
    }
}

impl<T: Pod + Send> Started for Exchange<T> {
    fn data(&mut self) -> Data<'_> {
        let (input, output, fold): (_, &mut [u8], _) = match self.stage {
            // In place.
            Stage::Lens if self.kind == Kind::Scatter => (None, cast_slice_mut(&mut self.told), None),
            Stage::Lens => (Some(cast_slice(&self.lens)), cast_slice_mut(&mut self.told), None),
            Stage::Longest => (None, cast_slice_mut(&mut self.longest), Some(&mut self.folding as _)),
            Stage::Values => (Some(cast_slice(&self.input)), cast_slice_mut(&mut self.output), None),
        };
        Data { input, inside: 0, output, fold }
    }

    fn next_plan(&mut self) -> Result<Option<Plan>, Stop> {
        match (self.stage, self.kind) {
            (Stage::Values, _) => return Ok(None),
            (Stage::Lens, Kind::AllToAll) => {
                self.longest = [self.lens.iter().copied().max().unwrap_or_default()];
                self.stage = Stage::Longest;
                return Ok(Some(self.plan::<u64>(Kind::AllReduce, 0, 1)));
            }
            _ => {}
        }
        let plan = self.exchange()?;
        self.stage = Stage::Values;
        Ok(Some(plan))
    }

    fn into_result(self: Box<Self>) -> Box<dyn Any> {
        if self.kind == Kind::Scatter {
            return Box::new(self.output);
        }
        Box::new(lists(&self.output, &self.parts))
    }
}

/// # Starting them, with parts of different lengths
///
/// Each of these returns at once what the operation of the same name waits for: a [`CollectiveRequest`]. The lengths are told first, by
/// one or two short operations that go on like the rest.
impl Comm<'_> {
    /// Starts a [`gather_varied`](Comm::gather_varied). Gives a list for each member on the root, and none elsewhere.
    /// [`Comm::start_all_gather_varied`] has an example.
    pub fn start_gather_varied<T: Pod + Send>(
        &self,
        root: u32,
        mine: Vec<T>,
    ) -> CollectiveRequest<'_, Vec<T>> {
        match self.check_root(root) {
            Ok(()) => self.start_exchange(Kind::Gather, root, vec![mine.len() as u64], None, mine),
            Err(error) => self.request(Err(error)),
        }
    }

    /// Starts an [`all_gather_varied`](Comm::all_gather_varied).
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let me = comm.rank() as usize;
    /// let name = ["ann", "bo", "christopher"][me].as_bytes().to_vec();
    /// let everywhere = comm.start_all_gather_varied(name.clone());
    /// let at_root = comm.start_gather_varied(1, name);
    /// // … other work, and then:
    /// let names = [&b"ann"[..], b"bo", b"christopher"];
    /// assert_eq!(everywhere.wait()?, names);
    /// assert_eq!(at_root.wait()?, if me == 1 { names.to_vec() } else { vec![] });
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_all_gather_varied<T: Pod + Send>(&self, mine: Vec<T>) -> CollectiveRequest<'_, Vec<T>> {
        self.start_exchange(Kind::AllGather, 0, vec![mine.len() as u64], None, mine)
    }

    /// Starts a [`scatter_varied`](Comm::scatter_varied). Copies the parts. Elsewhere than on the root there may be none.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let jobs = [4, 5, 6, 7, 8, 9, 10];
    /// let parts: Vec<&[i32]> = if comm.rank() == 0 { jobs.chunks(3).collect() } else { vec![] };
    /// let mine = comm.start_scatter_varied(0, &parts);
    /// // … make ready for them, and then:
    /// assert_eq!(mine.wait()?, [&[4, 5, 6][..], &[7, 8, 9], &[10]][comm.rank() as usize]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_scatter_varied<T: Pod + Send>(&self, root: u32, parts: &[&[T]]) -> CollectiveRequest<'_, T> {
        let is_root = self.rank() == root;
        let fits = || if is_root { self.check_fit(parts, 1) } else { Ok(()) };
        match self.check_root(root).and_then(|()| fits()) {
            Ok(()) => {
                let mut lens: Vec<_> = parts.iter().map(|part| part.len() as u64).collect();
                lens.resize(self.size() as usize, 0);
                self.start_exchange(Kind::Scatter, root, vec![], Some(lens), parts.concat())
            }
            Err(error) => self.request(Err(error)),
        }
    }

    /// Starts an [`all_to_all_varied`](Comm::all_to_all_varied). Copies the parts.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// // Each has sorted numbers, and gets from all those of its range: below 10, below 20, and the rest.
    /// let mine = [2, 14, 17, 25, 26, 29];
    /// let lists = comm.start_all_to_all_varied(&[&mine[..1], &mine[1..3], &mine[3..]]);
    /// // … other work, and then:
    /// let of_member_0 = &lists.wait()?[0];
    /// assert_eq!(of_member_0, [&[2][..], &[14, 17], &[25, 26, 29]][comm.rank() as usize]);
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_all_to_all_varied<T: Pod + Send>(&self, parts: &[&[T]]) -> CollectiveRequest<'_, Vec<T>> {
        match self.check_fit(parts, 1) {
            Ok(()) => {
                let lens = parts.iter().map(|part| part.len() as u64).collect();
                self.start_exchange(Kind::AllToAll, 0, lens, None, parts.concat())
            }
            Err(error) => self.request(Err(error)),
        }
    }

    /// Starts a [`reduce_scatter_varied`](Comm::reduce_scatter_varied).
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// let mine = comm.start_reduce_scatter_varied(vec![1, 2, 3, 4], &[2, 1, 1], |a, b| a + b);
    /// assert_eq!(mine.wait()?, [&[3, 6][..], &[9], &[12]][comm.rank() as usize]); // all three have the same
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1, 2].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn start_reduce_scatter_varied<T: Pod + Send>(
        &self,
        all: Vec<T>,
        counts: &[usize],
        combine: impl FnMut(T, T) -> T + Send + 'static,
    ) -> CollectiveRequest<'_, T> {
        if let Err(error) = self.check_counts(&all, counts) {
            return self.request(Err(error));
        }
        let me = self.rank() as usize;
        match self.plan_of_counts::<T>(counts) {
            Some(plan) => {
                let mine = vec![T::zeroed(); counts[me]];
                self.start_part(plan, Some(all), mine, 0..counts[me], combine)
            }
            None => {
                let start: usize = counts[..me].iter().sum();
                let plan = self.plan::<T>(Kind::AllReduce, 0, all.len());
                self.start_part(plan, None, all, start..start + counts[me], combine)
            }
        }
    }

    fn start_exchange<T: Pod + Send, R>(
        &self,
        kind: Kind,
        root: u32,
        lens: Vec<u64>,
        told: Option<Vec<u64>>,
        input: Vec<T>,
    ) -> CollectiveRequest<'_, R> {
        let told = told.unwrap_or_else(|| vec![0; self.size() as usize]);
        let longest: fn(u64, u64) -> u64 = u64::max;
        let exchange = Exchange {
            kind,
            root,
            seat: (self.rank(), self.size()),
            rank: self.endpoint.rank(),
            most: self.most::<T>(),
            stage: Stage::Lens,
            input,
            lens,
            told,
            longest: [0],
            folding: Folding::new(longest),
            output: vec![],
            parts: vec![],
        };
        self.start_owned(exchange.first_plan(), Box::new(exchange))
    }
}
