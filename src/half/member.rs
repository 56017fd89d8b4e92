//! What each half of an endpoint has: the rank that both hold, and how it waits.

use super::budget::Budget;
use super::holder::Holder;
use super::interrupter::Interrupter;
use super::watch::Watch;
use crate::abi::Rank;
use crate::error::Lost;
use crate::memory::Shared;
use crate::os::{self, TrustedEvents};
use crate::rank::{Bell, Claim, Life, Order, Polling, Ringer, Rung, Source, Wait, is_asleep};
use crate::region::Region;
use crate::ring::count;
use crate::segment::CleanShutdown;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Edge, full_fence};
use crate::wait::pace::{BETWEEN_LOOKS, TRIES_PER_QUERY};
use crate::wait::{Crowd, Interrupted, Processors, Waiter};
use core::cell::Cell as Private;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// What a half sleeps for on its rank's bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The receiving half, for mail.
    Receiver = 0,
    /// The sending half, for room.
    Sender = 1,
}

impl Half {
    fn bell(self, rank: &Rank) -> Bell<'_> {
        match self {
            Half::Receiver => Bell::mail(&rank.bells),
            Half::Sender => Bell::room(&rank.bells),
        }
    }
}

/// One half's share of an endpoint.
pub struct Member {
    /// Where the rank is.
    pub region: Region,
    wait: Private<Wait>,
    pub(super) ringer: Private<Ringer>,
    order: Order,
    /// How many batches are open.
    batches: Private<u32>,
    /// How many drains are open.
    drains: Private<u32>,
    /// How many return lanes this half has asked to be reset.
    resets: Private<u32>,
    /// The longest message, in bytes.
    pub limit: usize,
    /// The longest message that lies in a mailbox as a whole, in bytes.
    pub whole: usize,
    /// The private memory for announced messages.
    pub budget: Budget,
    /// The same for unread mail that is moved out of the way of other mail.
    pub aside: Budget,
    pub(super) half: Half,
    rank: u32,
    record: Shared<Rank>,
    life: Life,
    process: u32,
    process_word: &'static AtomicU32,
    /// Whether the other half, or another user of this one, may be in another thread.
    pub(super) split: Private<bool>,
    pub(super) interrupted: Arc<AtomicBool>,
    tries: Private<u32>,
    pub(super) watch: Watch,
    crowd: Crowd,
    /// When this half last checked whether the region still has its name.
    looked: Private<Instant>,
    /// Whether it found that the region has lost its name.
    removed: Private<bool>,
    /// `None` once this half has parted.
    pub(super) holder: Option<Arc<Holder>>,
}

impl Member {
    /// Both halves (receiver, sender) of an endpoint that holds the rank of `claim`.
    pub fn halves(region: Region, claim: Claim, shutdown: CleanShutdown) -> (Self, Self) {
        let process = os::process();
        let (died, events) = (AtomicBool::new(false), OnceLock::new());
        let holder = Holder { region, claim, process, died, events, shutdown };
        let holder = Arc::new(holder);
        let interrupted = Arc::default();
        let here = Processors::here();
        let half = |half| Self::new(half, &holder, &interrupted, here);
        (half(Half::Receiver), half(Half::Sender))
    }

    fn new(half: Half, holder: &Arc<Holder>, interrupted: &Arc<AtomicBool>, here: Processors) -> Self {
        let region = holder.region.clone();
        let geometry = region.geometry();
        let rank = holder.claim.rank();
        let ringer = Ringer::register().choose(half.bell(holder.claim.record()), Wait::default());
        Self {
            wait: Private::default(),
            ringer: ringer.into(),
            order: Order::of(ringer.mode()),
            batches: Private::default(),
            drains: Private::default(),
            resets: Private::default(),
            limit: geometry.max_message as usize,
            whole: geometry.whole() as usize,
            budget: Budget::new(geometry.max_message),
            aside: Budget::new(0),
            half,
            rank,
            record: region.registry.record(rank),
            life: holder.claim.life(),
            process: holder.process,
            process_word: os::process_word(),
            split: false.into(),
            interrupted: interrupted.clone(),
            tries: Private::default(),
            watch: Watch::default(),
            crowd: Crowd::join(&region.registry, rank, half as usize, here),
            looked: Instant::now().into(),
            removed: Private::default(),
            holder: Some(holder.clone()),
            region,
        }
    }

    /// Whether this process still holds the rank. Two loads of lines that are never written.
    #[inline(always)]
    pub fn check(&self) -> Result<(), Lost> {
        if self.process_word.load(Ordering::Relaxed) != self.process {
            return Err(Lost::Forked);
        }
        self.life.check(&self.record)
    }

    /// Whether this half may write into its rank's record. It may not in a forked child, or if the rank has another
    /// holder.
    fn is_holder(&self) -> bool {
        self.check().is_ok()
    }

    /// Like [`Member::check`]. With `query`, it also checks now and then, by a system call, whether the region still
    /// has its name. Calls that would wait ask this, because nobody can join a region without a name.
    pub fn check_place(&self, query: bool) -> Result<(), Lost> {
        self.check()?;
        if query && !self.removed.get() && self.looked.get().elapsed() >= BETWEEN_LOOKS {
            self.looked.set(Instant::now());
            self.removed.set(self.region.segment.is_unlinked());
        }
        if self.removed.get() { Err(Lost::Removed) } else { Ok(()) }
    }

    /// A batch begins.
    pub fn begin_batch(&self) {
        self.batches.update(|count| count + 1);
    }

    /// A batch ends. Returns whether it was the last one open.
    pub fn end_batch(&self) -> bool {
        self.batches.update(|count| count - 1);
        !self.is_in_batch()
    }

    /// Whether a batch holds back what this half does.
    #[inline(always)]
    pub fn is_in_batch(&self) -> bool {
        self.batches.get() > 0
    }

    /// A drain begins.
    pub fn begin_drain(&self) {
        self.drains.update(|count| count + 1);
    }

    /// A drain ends.
    pub fn end_drain(&self) {
        self.drains.update(|count| count - 1);
    }

    /// Whether a batch or a drain may hold back acknowledgements from a peer.
    #[inline(always)]
    pub fn holds_back(&self) -> bool {
        self.batches.get() > 0 || self.drains.get() > 0
    }

    /// The rank that it holds.
    pub fn rank(&self) -> u32 {
        self.rank
    }

    /// In which life of it.
    pub fn epoch(&self) -> u64 {
        self.life.epoch()
    }

    /// The record of this rank.
    pub fn record(&self) -> &Rank {
        &self.record
    }

    /// Whether this peer can be left alone when there is mail for it: it is not asleep.
    #[inline(always)]
    pub fn mail_needs_no_ring(&self, peer: &Rank) -> bool {
        self.ringer.get().needs_no_ring(Bell::mail(&peer.bells))
    }

    /// Whether this peer can be left alone when there is room for its messages: it is not asleep.
    #[inline(always)]
    pub fn room_needs_no_ring(&self, peer: &Rank) -> bool {
        self.ringer.get().needs_no_ring(Bell::room(&peer.bells))
    }

    /// Whether this peer can be left alone when there is mail for it and room for its messages: it is not asleep.
    #[inline(always)]
    pub fn needs_no_ring(&self, peer: &Rank) -> bool {
        self.ringer.get().needs_no_ring(Bell::both(&peer.bells))
    }

    /// Whether this rank has announced a sleep, and was not rung since.
    #[inline(always)]
    pub fn is_asleep(&self) -> bool {
        is_asleep(&self.record.bells)
    }

    /// What was published before is seen by a peer whose bell is not seen to be set after this.
    pub fn fence_for_ring(&self) {
        full_fence(Edge::RingerFence);
    }

    /// Tells a peer, by its record, that there is mail for it.
    pub fn ring_mail(&self, peer: &Rank) -> Rung {
        self.ringer.get().ring(Bell::mail(&peer.bells))
    }

    /// Tells a peer, by its record, that there is room for its messages. Returns whether that woke it.
    pub fn ring_credit(&self, peer: &Rank) -> bool {
        self.ringer.get().ring(Bell::room(&peer.bells)).woken
    }

    /// The sending half asks for a reset of one more return lane. From now on all that ring it for room check for the
    /// request.
    pub fn begin_reset(&self) {
        self.resets.update(|count| count + 1);
        self.set_resetting(true);
    }

    /// One of these resets was given.
    pub fn end_reset(&self) {
        self.resets.update(|count| count - 1);
        self.set_resetting(self.resets.get() > 0);
    }

    /// Starts or ends asking all senders to check whether this receiving half wants a reset.
    pub fn set_resetting(&self, asks: bool) {
        if self.is_holder() {
            self.half.bell(&self.record).set_resetting(asks);
        }
    }

    /// Chooses how this half waits, and tells peers how to ring it.
    pub fn set_wait(&self, wait: Wait) {
        self.wait.set(wait);
        if !self.is_holder() {
            return;
        }
        self.ringer.set(self.ringer.get().choose(self.half.bell(&self.record), wait));
        if let (Some(trusted), Some(holder)) = (self.ringer.get().events(), &self.holder) {
            holder.events.get_or_init(|| trusted);
        }
    }

    /// Called now and then while this half is awake: if it no longer sleeps often, its ringers need not fence.
    #[inline(always)]
    pub fn review_order(&self) {
        if self.order.fences() {
            self.review_order_at_leisure();
        }
    }

    #[cold]
    fn review_order_at_leisure(&self) {
        if self.is_holder() {
            self.order.review(self.half.bell(&self.record));
        }
    }

    /// This half falls asleep and says whom it waits for. Whether it still holds the rank; else it says nothing.
    pub fn announce(&self, whom: Source) -> bool {
        let is_holder = self.is_holder();
        if is_holder {
            self.record.activity.awaited[self.half as usize].store(whom.to_word(), Relaxed);
        }
        is_holder
    }

    /// The receiving half falls asleep, says whom it waits for, and counts the sleep.
    pub fn fall_asleep_for_mail(&self, whom: Source) {
        if self.announce(whom) {
            count(&self.record.activity.sleeps, 1);
        }
    }

    /// Whether a rank may need a processor on which this thread may run, as far as both have said.
    pub fn is_neighbour(&self, rank: u32) -> bool {
        self.crowd.is_neighbour(&self.region.registry, rank)
    }

    /// What ends a wait of this half.
    pub fn interrupter(&self) -> Interrupter {
        let record = self.region.registry.record(self.rank());
        Interrupter { flag: self.interrupted.clone(), record, life: self.life, process: self.process }
    }
}

impl Waiter for Member {
    fn sleeps(&self) -> impl Iterator<Item = (&Order, Bell<'_>)> + Clone {
        self.is_holder().then(|| (&self.order, self.half.bell(&self.record))).into_iter()
    }

    fn events(&self) -> Option<TrustedEvents> {
        self.ringer.get().events()
    }

    fn how(&self) -> Wait {
        self.wait.get()
    }

    fn begin_polling(&self) -> Polling {
        match self.is_holder() {
            true => self.crowd.begin_wait(&self.region.registry),
            false => Polling::Once,
        }
    }

    fn polling(&self) -> Polling {
        self.crowd.polling()
    }

    #[inline(always)]
    fn check(&self) -> Result<(), Lost> {
        Member::check(self)
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    fn take_interruption(&self) -> Result<(), Interrupted> {
        if self.interrupted.load(Ordering::Relaxed) && self.interrupted.swap(false, Ordering::Acquire) {
            return Err(Interrupted);
        }
        Ok(())
    }

    fn until_question(&self) -> Duration {
        Member::until_question(self)
    }

    fn is_question_due(&self) -> bool {
        Member::is_question_due(self)
    }

    fn watch(&self) {
        Member::watch(self);
    }

    fn count_try(&self) -> bool {
        let tries = self.tries.get();
        self.tries.set(tries.wrapping_add(1));
        tries.is_multiple_of(TRIES_PER_QUERY)
    }

    #[inline(always)]
    fn review_order(&self) {
        Member::review_order(self);
    }

    fn end_wait(&self) {
        let awaited = &self.record.activity.awaited[self.half as usize];
        if awaited.load(Relaxed) != 0 && self.is_holder() {
            awaited.store(0, Relaxed);
        }
    }
}
