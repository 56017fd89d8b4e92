//! The tuples that a shard has lent.

use super::store::Stored;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// No lease lasts longer.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Who has a lease: its rank, and its epoch.
pub type Holder = (u32, u64);

#[derive(Debug)]
struct Lent {
    stored: Stored,
    holder: Holder,
    until: Instant,
}

/// All leases, by their numbers. No number is used twice.
#[derive(Debug, Default)]
pub struct Leases {
    lent: BTreeMap<u64, Lent>,
    /// When each is over, and its number.
    ends: BTreeSet<(Instant, u64)>,
    last: u64,
}

fn until(micros: u64) -> Instant {
    let now = Instant::now();
    now.checked_add(Duration::from_micros(micros).min(LONGEST)).unwrap_or(now)
}

impl Leases {
    /// Lends it; the number of the lease.
    pub fn lend(&mut self, stored: Stored, holder: Holder, micros: u64) -> u64 {
        self.last += 1;
        let until = until(micros);
        self.lent.insert(self.last, Lent { stored, holder, until });
        self.ends.insert((until, self.last));
        self.last
    }

    /// Lets it last from now on; false if this process has no such lease.
    pub fn renew(&mut self, lease: u64, holder: Holder, micros: u64) -> bool {
        let Some(lent) = self.lent.get_mut(&lease).filter(|lent| lent.holder == holder) else { return false };
        self.ends.remove(&(lent.until, lease));
        lent.until = until(micros);
        self.ends.insert((lent.until, lease))
    }

    /// Ends the lease of this process.
    pub fn end(&mut self, lease: u64, holder: Holder) -> Option<Stored> {
        if self.lent.get(&lease)?.holder != holder {
            return None;
        }
        self.remove(lease).map(|(stored, _)| stored)
    }

    /// Goes on with a lease that was just ended.
    pub fn resume(&mut self, lease: u64, stored: Stored, holder: Holder, until: Instant) {
        self.lent.insert(lease, Lent { stored, holder, until });
        self.ends.insert((until, lease));
    }

    /// When this lease of this process is over.
    pub fn until(&self, lease: u64, holder: Holder) -> Option<Instant> {
        self.lent.get(&lease).filter(|lent| lent.holder == holder).map(|lent| lent.until)
    }

    /// Ends the first lease that is over at this time; what was lent, and to whom.
    pub fn expire(&mut self, now: Instant) -> Option<(Stored, Holder)> {
        let (_, lease) = *self.ends.first().filter(|(until, _)| *until <= now)?;
        self.remove(lease)
    }

    /// The leases of this process.
    pub fn of(&self, holder: Holder) -> Vec<u64> {
        self.lent.iter().filter(|(_, lent)| lent.holder == holder).map(|(lease, _)| *lease).collect()
    }

    /// When the next is over.
    pub fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    fn remove(&mut self, lease: u64) -> Option<(Stored, Holder)> {
        let lent = self.lent.remove(&lease)?;
        self.ends.remove(&(lent.until, lease));
        Some((lent.stored, lent.holder))
    }
}
