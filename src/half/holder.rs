//! The rank that both halves of an endpoint hold.

use crate::os::{self, TrustedEvents};
use crate::rank::{Claim, Ringer};
use crate::region::Region;
use crate::segment::CleanShutdown;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::OnceLock;

/// The rank that both halves of an endpoint hold. It is left when both are dropped.
pub struct Holder {
    pub region: Region,
    pub claim: Claim,
    pub process: u32,
    /// Whether a half was dropped during a panic, or abandoned. Either counts as a death.
    pub died: AtomicBool,
    /// The program's promise about its peers, if a half has chosen events.
    pub events: OnceLock<TrustedEvents>,
    /// The last field: a region is closed after its ranks are free.
    pub shutdown: CleanShutdown,
}

impl Drop for Holder {
    fn drop(&mut self) {
        let is_forked = os::process_word().load(Ordering::Relaxed) != self.process;
        if is_forked || self.died.load(Ordering::Relaxed) || self.claim.check().is_err() {
            return;
        }
        self.claim.leave();
        let ringer = Ringer::register().trusting(self.events.get().copied());
        self.region.registry.ring_all(ringer);
    }
}
