//! Operations on parts of different lengths.

use super::task::{Kind, Task, combine};
use mailbox::{CollectiveError, Comm, Deadline};

impl Task {
    /// What a member has for each, where it needs that.
    fn parts(&self, comm: &Comm<'_>) -> Vec<Vec<u64>> {
        if self.kind == Kind::Scatter && comm.rank() != self.root {
            return vec![];
        }
        (0..comm.size()).map(|to| self.values(comm.rank(), to)).collect()
    }

    pub(super) fn wait_varied(&self, comm: &Comm<'_>) -> Result<Vec<u64>, CollectiveError> {
        let (mine, parts) = (self.values(comm.rank(), 0), self.parts(comm));
        let slices: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        let lists = match self.kind {
            Kind::Gather => comm.gather_varied(self.root, &mine)?,
            Kind::AllGather => comm.all_gather_varied(&mine)?,
            Kind::AllToAll => comm.all_to_all_varied(&slices)?,
            Kind::Scatter => return comm.scatter_varied(self.root, &slices),
            _ => {
                let counts: Vec<_> = parts.iter().map(Vec::len).collect();
                return comm.reduce_scatter_varied(&slices.concat(), &counts, combine);
            }
        };
        Ok(lists.concat())
    }

    pub(super) fn start_varied(
        &self,
        comm: &Comm<'_>,
        deadline: Deadline,
    ) -> Result<Vec<u64>, CollectiveError> {
        let (mine, parts) = (self.values(comm.rank(), 0), self.parts(comm));
        let slices: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        let mut lists = match self.kind {
            Kind::Gather => comm.start_gather_varied(self.root, mine),
            Kind::AllGather => comm.start_all_gather_varied(mine),
            Kind::AllToAll => comm.start_all_to_all_varied(&slices),
            Kind::Scatter => return comm.start_scatter_varied(self.root, &slices).wait_within(deadline),
            _ => {
                let counts: Vec<_> = parts.iter().map(Vec::len).collect();
                let mut mine = comm.start_reduce_scatter_varied(slices.concat(), &counts, combine);
                return mine.wait_within(deadline);
            }
        };
        // Others go on meanwhile.
        let mut next = comm.start_barrier();
        let result = lists.wait_within(deadline)?.concat();
        next.wait_within(deadline)?;
        Ok(result)
    }
}
