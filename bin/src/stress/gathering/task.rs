//! An operation of all members with a result that is known.

use mailbox::{CollectiveError, Comm, Deadline};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// The longest result, in words.
const LONGEST: usize = (1 << 20) / 8;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Barrier,
    Broadcast,
    Gather,
    Scatter,
    AllGather,
    AllToAll,
    Reduce,
    AllReduce,
    Scan,
    ExclusiveScan,
    ReduceScatter,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Barrier,
        Self::Broadcast,
        Self::Gather,
        Self::Scatter,
        Self::AllGather,
        Self::AllToAll,
        Self::Reduce,
        Self::AllReduce,
        Self::Scan,
        Self::ExclusiveScan,
        Self::ReduceScatter,
    ];

    /// Whether its result, or what it begins with, has a part for each member. Such parts may have different lengths.
    fn has_parts(self) -> bool {
        use Kind::*;
        matches!(self, Gather | Scatter | AllGather | AllToAll | ReduceScatter)
    }
}

/// An operation. All members choose the same one.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    pub kind: Kind,
    pub(super) root: u32,
    /// Words of a member, or of a part; the most of them, if parts have different lengths.
    len: usize,
    is_varied: bool,
    /// The values come of it.
    key: u64,
    /// Whether it is started, and waited for later.
    is_started: bool,
}

impl Task {
    /// Some operation of so many members.
    pub fn choose(random: &mut Xoshiro256PlusPlus, size: u32) -> Self {
        let kind = Kind::ALL[random.random_range(0..Kind::ALL.len())];
        // As many short ones as long ones, in this sense.
        let longest = LONGEST >> random.random_range(0..18);
        let most = if kind.has_parts() { longest / size as usize } else { longest };
        Self {
            kind,
            root: random.random_range(0..size),
            len: random.random_range(0..=most),
            is_varied: kind.has_parts() && random.random(),
            key: random.random(),
            is_started: random.random_ratio(1, 3),
        }
    }

    /// How many bytes a result has.
    pub fn bytes(&self, size: u32) -> u64 {
        8 * self.len as u64 * if self.kind.has_parts() { u64::from(size) } else { 1 }
    }

    /// Takes part. Whether the result is the right one. If it is started, it is waited for until then.
    pub fn carry_out(&self, comm: &Comm<'_>, deadline: Deadline) -> Result<bool, CollectiveError> {
        let got = match (self.is_started, self.is_varied) {
            (false, false) => self.wait(comm)?,
            (false, true) => self.wait_varied(comm)?,
            (true, false) => self.start(comm, deadline)?,
            (true, true) => self.start_varied(comm, deadline)?,
        };
        Ok(got == self.expected(comm))
    }

    fn wait(&self, comm: &Comm<'_>) -> Result<Vec<u64>, CollectiveError> {
        let &Self { kind, root, .. } = self;
        let mut values = self.begin_with(comm);
        match kind {
            Kind::Barrier => comm.barrier()?,
            Kind::Broadcast => comm.broadcast(root, &mut values)?,
            Kind::Reduce => comm.reduce(root, &mut values, combine)?,
            Kind::AllReduce => comm.all_reduce(&mut values, combine)?,
            Kind::Scan => comm.scan(&mut values, combine)?,
            Kind::ExclusiveScan => comm.exclusive_scan(&mut values, combine)?,
            Kind::AllToAll => comm.all_to_all_in_place(&mut values)?,
            Kind::Gather => {
                let mut all = if comm.rank() == root { self.room(comm) } else { vec![] };
                comm.gather(root, &values, &mut all)?;
                return Ok(all);
            }
            Kind::AllGather => {
                let mut all = self.room(comm);
                comm.all_gather(&values, &mut all)?;
                return Ok(all);
            }
            Kind::Scatter => {
                let mut mine = vec![0; self.len];
                comm.scatter(root, &values, &mut mine)?;
                return Ok(mine);
            }
            Kind::ReduceScatter => {
                let mut mine = vec![0; self.len];
                comm.reduce_scatter(&values, &mut mine, combine)?;
                return Ok(mine);
            }
        }
        Ok(values)
    }

    fn start(&self, comm: &Comm<'_>, deadline: Deadline) -> Result<Vec<u64>, CollectiveError> {
        let &Self { kind, root, len, .. } = self;
        let values = self.begin_with(comm);
        let mut request = match kind {
            Kind::Barrier => return comm.start_barrier().wait_within(deadline).map(|_| vec![]),
            Kind::Broadcast => comm.start_broadcast(root, values),
            Kind::Gather => comm.start_gather(root, values),
            Kind::Scatter => comm.start_scatter(root, values, len),
            Kind::AllGather => comm.start_all_gather(values),
            Kind::AllToAll => comm.start_all_to_all(values),
            Kind::Reduce => comm.start_reduce(root, values, combine),
            Kind::AllReduce => comm.start_all_reduce(values, combine),
            Kind::Scan => comm.start_scan(values, combine),
            Kind::ExclusiveScan => comm.start_exclusive_scan(values, combine),
            Kind::ReduceScatter => comm.start_reduce_scatter(values, combine),
        };
        // Others go on meanwhile.
        let mut next = comm.start_barrier();
        let result = request.wait_within(deadline)?;
        next.wait_within(deadline)?;
        Ok(result)
    }

    fn room(&self, comm: &Comm<'_>) -> Vec<u64> {
        vec![0; self.len * comm.size() as usize]
    }

    /// What a member has before it.
    fn begin_with(&self, comm: &Comm<'_>) -> Vec<u64> {
        let me = comm.rank();
        match self.kind {
            Kind::Barrier => vec![],
            Kind::Broadcast if me != self.root => vec![0; self.len],
            Kind::Scatter if me != self.root => vec![],
            Kind::Scatter | Kind::AllToAll | Kind::ReduceScatter => {
                (0..comm.size()).flat_map(|to| self.values(me, to)).collect()
            }
            _ => self.values(me, 0),
        }
    }

    /// How many words that are.
    fn len_of(&self, from: u32, to: u32) -> usize {
        if !self.is_varied {
            return self.len;
        }
        // What is combined has one length for all members.
        let from = if self.kind == Kind::ReduceScatter { 0 } else { from };
        let mixed = (self.key ^ u64::from(from * 131 + to)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32;
        mixed as usize % (self.len + 1)
    }

    /// What a member has for another, or for all.
    pub(super) fn values(&self, from: u32, to: u32) -> Vec<u64> {
        let key = self.key ^ (u64::from(from) << 8 | u64::from(to)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..self.len_of(from, to) as u64).map(|at| (key ^ at).wrapping_mul(0xbf58_476d_1ce4_e5b9)).collect()
    }

    /// What these members have for one, combined.
    fn combined(&self, members: u32, to: u32) -> Vec<u64> {
        let merge = |mut all: Vec<u64>, next: Vec<u64>| {
            all.iter_mut().zip(next).for_each(|(one, other)| *one = combine(*one, other));
            all
        };
        (0..members).map(|from| self.values(from, to)).reduce(merge).unwrap_or_default()
    }

    /// The result of a member.
    fn expected(&self, comm: &Comm<'_>) -> Vec<u64> {
        let (me, size) = (comm.rank(), comm.size());
        let of_all = |to| (0..size).flat_map(|from| self.values(from, to)).collect();
        match self.kind {
            Kind::Barrier => vec![],
            Kind::Broadcast => self.values(self.root, 0),
            Kind::Scatter => self.values(self.root, me),
            Kind::Gather if me != self.root => vec![],
            Kind::Gather | Kind::AllGather => of_all(0),
            Kind::AllToAll => of_all(me),
            Kind::Reduce if me != self.root => self.values(me, 0),
            Kind::Reduce | Kind::AllReduce => self.combined(size, 0),
            Kind::Scan => self.combined(me + 1, 0),
            Kind::ExclusiveScan => self.combined(me.max(1), 0),
            Kind::ReduceScatter => self.combined(size, me),
        }
    }
}

/// Another result in another order.
pub(super) fn combine(one: u64, other: u64) -> u64 {
    one.wrapping_mul(31).wrapping_add(other)
}
