//! Members of a communicator of all ranks, each in a thread.

use super::GUARD;
use mailbox::{Comm, Endpoint, Region};
use std::thread;

/// The communicator of all ranks.
pub fn world(me: &Endpoint) -> Comm<'_> {
    Comm::world_within(me, GUARD).expect("all are there")
}

/// Does this as each rank of the region.
pub fn with_members<R: Send>(region: &Region, does: impl Fn(&Endpoint, Comm<'_>) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let member = |rank| {
            let does = &does;
            scope.spawn(move || {
                let me = region.join(rank).expect("a free rank");
                does(&me, world(&me))
            })
        };
        let threads: Vec<_> = (0..region.ranks()).map(member).collect();
        threads.into_iter().map(|thread| thread.join().expect("a member")).collect()
    })
}
