//! What both directions of an endpoint share: the rank it holds, and how it waits.

use crate::bell::{self, Bell, Ringer, Wait, Waiter};
use crate::error::Lost;
use crate::layout::Rank;
use crate::memory::Shared;
use crate::os;
use crate::region::Region;
use crate::registry::{Claim, Status};
use core::cell::Cell as Private;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// Calls that find nothing until the next one looks whether somebody died: that look is a system call.
const TRIES_PER_QUERY: u32 = 64;
/// Waits until the next one counts the ranks that are awake.
const WAITS_PER_COUNT: u32 = 16;

/// How long a call waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// Not at all.
    Never,
    /// Until then, or as long as it takes.
    Until(Option<Instant>),
}

pub(crate) struct Member {
    pub region: Region,
    pub claim: Claim,
    wait: Private<Wait>,
    ringer: Private<Ringer>,
    /// The longest message, in bytes.
    pub limit: usize,
    interrupted: Arc<AtomicBool>,
    process: u32,
    process_word: &'static AtomicU32,
    tries: Private<u32>,
    waits: Private<u32>,
    crowded: Private<bool>,
}

impl Member {
    pub fn new(region: Region, claim: Claim) -> Self {
        let process = os::process();
        Self {
            limit: region.geometry().limit() as usize,
            wait: Private::default(),
            ringer: Private::new(region.ringer.choose(claim.record(), Wait::default())),
            region,
            claim,
            interrupted: Arc::default(),
            process,
            process_word: os::process_word(),
            tries: Private::default(),
            waits: Private::default(),
            crowded: Private::default(),
        }
    }

    /// Whether this process still holds the rank: two loads of lines that nobody writes.
    #[inline(always)]
    pub fn check(&self) -> Result<(), Lost> {
        if self.process_word.load(Ordering::Relaxed) != self.process {
            return Err(Lost::Forked);
        }
        self.claim.check()
    }

    pub fn rank(&self) -> u32 {
        self.claim.rank()
    }

    /// The record of this rank.
    pub fn record(&self) -> &Rank {
        self.claim.record()
    }

    /// Tells a peer, whose record this is, that there is mail for it.
    #[inline(always)]
    pub fn ring_mail(&self, peer: &Rank) {
        self.ringer.get().ring(&peer.bells, Bell::mail(peer));
    }

    /// Tells a peer, whose record this is, that there is room for what it sends.
    #[inline(always)]
    pub fn ring_credit(&self, peer: &Rank) {
        self.ringer.get().ring(&peer.bells, Bell::credit(peer));
    }

    /// Whether `rank` will neither send nor receive any more in this life; without `query` a death goes
    /// unnoticed.
    pub fn end_of(&self, rank: u32, query: bool) -> Option<Status> {
        let registry = &self.region.registry;
        if !query && registry.life(rank).joined() {
            return None;
        }
        match registry.status(rank).0 {
            Status::NeverJoined | Status::Live => None,
            ended => Some(ended),
        }
    }

    /// Whether a call that does not wait should ask for deaths: now and then.
    pub fn is_time_to_query(&self) -> bool {
        let tries = self.tries.get();
        self.tries.set(tries.wrapping_add(1));
        tries.is_multiple_of(TRIES_PER_QUERY)
    }

    /// Chooses how this endpoint waits, and tells its peers what they must ring.
    pub fn set_wait(&self, wait: Wait) {
        self.wait.set(wait);
        self.ringer.set(self.ringer.get().choose(self.record(), wait));
    }

    /// Waits on `bell`, one of this rank's: `Ok(None)` is the deadline.
    pub fn wait<T, E: From<Interrupted>>(
        &self,
        bell: Bell<'_>,
        deadline: Option<Instant>,
        mut look: impl FnMut() -> Result<Option<T>, E>,
        check: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let (how, on_event) = (self.wait.get(), self.ringer.get().sleeps_on_events());
        let waiter = Waiter { bell, on_event, how, deadline, crowded: &|| self.is_crowded() };
        let look = || {
            if self.interrupted.load(Ordering::Relaxed) && self.interrupted.swap(false, Ordering::Acquire) {
                return Err(Interrupted.into());
            }
            look()
        };
        waiter.wait(look, check)
    }

    /// Whether more ranks are awake than there are processors, now or a few waits ago.
    fn is_crowded(&self) -> bool {
        let waits = self.waits.get();
        self.waits.set(waits.wrapping_add(1));
        if waits.is_multiple_of(WAITS_PER_COUNT) {
            let registry = &self.region.registry;
            let is_awake = |rank: &u32| {
                let bells = &registry.rank(*rank).bells;
                registry.life(*rank).joined()
                    && !bell::is_asleep(&bells.mail)
                    && !bell::is_asleep(&bells.credit)
            };
            let processors = os::processors();
            let awake = (0..registry.count()).filter(is_awake).take(processors + 1).count();
            self.crowded.set(awake > processors);
        }
        self.crowded.get()
    }

    pub fn interrupter(&self) -> Interrupter {
        Interrupter { flag: self.interrupted.clone(), record: self.region.registry.record(self.rank()) }
    }
}

/// A wait was ended from outside.
pub(crate) struct Interrupted;

/// Ends a wait of the endpoint that it came from, from any thread or signal handler.
#[derive(Clone)]
pub struct Interrupter {
    flag: Arc<AtomicBool>,
    record: Shared<Rank>,
}

impl Interrupter {
    /// Makes a call that waits, or if none does the next one that would, return `Interrupted`; once, however
    /// often this is called before.
    ///
    /// Never waits; async-signal-safe. Cost: a full fence, and a system call if the endpoint sleeps. One that
    /// sleeps on an event ([`Wait::Event`]) sees it up to 50 ms later: no signal handler may set an event.
    pub fn interrupt(&self) {
        self.flag.store(true, Ordering::Release);
        bell::disturb(&self.record.bells.mail);
        bell::disturb(&self.record.bells.credit);
    }
}
