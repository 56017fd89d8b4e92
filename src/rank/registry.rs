//! Who holds which rank, and whether they live.
//!
//! ```text
//!            claim: lock, label, epoch + 1, joined               leave: not joined, unlock
//!  never ───────────────────────────────────────▶ live ───────────────────────────────────▶ left
//!  joined                                          │ ▲                                        │
//!                      process ends: the kernel    │ │  claim                       claim     │
//!                      unlocks                     ▼ └──────◀─────────────────────────────────┘
//!                                                 dead
//! ```
//! A rank is held by whoever holds its lock byte (I5). `life` is one word, so no reader ever sees half a
//! change, and a process that stops between two steps leaves either the old life or the new one; label and
//! process id, which are for people, may then be those of the claim that was not finished.

use super::bell::{Bell, Ringer, take_over};
use crate::abi::{Control, GATE, LABEL, RESET, Rank, lock_byte};
use crate::error::Lost;
use crate::memory::Shared;
use crate::os::{self, File, Lock, Locker};
use crate::sync::{Edge, Ordering::Relaxed, acquire, release};
use std::sync::Arc;

/// What is known of a rank's holder.
///
/// ```text
///               join                     endpoint dropped
///  NeverJoined ──────▶ Live ─────────────────────────────▶ Left
///                      │  ▲                                  │
///        process ends  │  │ join: the next epoch             │
///        or endpoint   │  ├──────────────────────────────────┘
///        is dropped    ▼  │
///        in a panic   Dead
/// ```
/// An epoch begins with each join. A mailbox outlives all of this: what was sent and not acknowledged is there
/// for the rank's next holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody ever held the rank. What is sent to it waits in its mailbox.
    NeverJoined,
    /// A process holds it; it may be stopped.
    Live,
    /// Its last holder dropped its endpoint: what it sent is all there will be.
    Left,
    /// Its last holder's process ended with the endpoint, or dropped it in a panic.
    Dead,
}

/// A copy of a rank's `life` word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life(u64);

impl Life {
    /// The copy that was read elsewhere.
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// How often the rank was claimed.
    pub fn epoch(self) -> u64 {
        self.0 >> 1
    }

    /// Whether its last holder has not left.
    pub fn joined(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether this is still the life of the rank whose record this is: another one means that somebody closed
    /// our lock.
    #[inline(always)]
    pub fn check(self, record: &Rank) -> Result<(), Lost> {
        let now = record.identity.life.load(Relaxed);
        if now == self.0 { Ok(()) } else { Err(Lost::Rank) }
    }

    fn next(self) -> Self {
        Self(((self.epoch() + 1) << 1) | 1)
    }

    fn left(self) -> Self {
        Self(self.0 & !1)
    }
}

/// The rank table and what locks ranks.
#[derive(Clone)]
pub struct Registry {
    ranks: Shared<[Rank]>,
    control: Shared<Control>,
    locks: Arc<Locker>,
}

impl Registry {
    /// The registry over a rank table whose locks are these.
    pub fn new(ranks: Shared<[Rank]>, control: Shared<Control>, locks: Arc<Locker>) -> Self {
        Self { ranks, control, locks }
    }

    /// How many ranks there are.
    pub fn count(&self) -> u32 {
        self.ranks.len() as u32
    }

    /// The record of `rank`, which is in range.
    #[inline(always)]
    pub fn rank(&self, rank: u32) -> &Rank {
        &self.ranks[rank as usize]
    }

    /// The record of `rank`, by itself.
    pub fn record(&self, rank: u32) -> Shared<Rank> {
        self.ranks.item(rank as usize)
    }

    /// The life of `rank`: one load. Mail that its holder sent before it left is visible now.
    #[inline(always)]
    pub fn life(&self, rank: u32) -> Life {
        // Pairs with the store in `claim` and `leave`.
        Life(self.rank(rank).identity.life.load(acquire(Edge::Life)))
    }

    /// Whether the holder of `rank` lives, and in which life it is.
    ///
    /// Costs a system call if it has joined and not left: 0.2 to 5.4 µs, the more ranks are locked the more.
    pub fn status(&self, rank: u32) -> (Status, Life) {
        let life = self.life(rank);
        (status(self.locks.file(), rank, life, || self.life(rank)), life)
    }

    /// Claims `rank`: afterwards this process holds it, in a new epoch. `None` if somebody holds it.
    pub fn claim(&self, rank: u32, label: &[u8], pid: u32, mode: u32) -> std::io::Result<Option<Claim>> {
        let Some(lock) = self.locks.take(lock_byte(rank), 1)? else {
            return Ok(None);
        };
        let record = self.record(rank);
        let former = self.life(rank);
        let life = former.next();
        record.identity.former.store(former.0, Relaxed);
        record.identity.pid.store(pid.into(), Relaxed);
        for (word, bytes) in record.identity.label.iter().zip(padded(label).as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        record.bells.modes.iter().for_each(|word| word.store(word.load(Relaxed) & RESET | mode, Relaxed));
        // Whoever was killed asleep waits for nobody any more.
        record.activity.awaited.iter().for_each(|word| word.store(0, Relaxed));
        // From here on peers see the new life, and with it all of the above.
        record.identity.life.store(life.0, release(Edge::Life));
        count_change(&self.control);
        // Not before: a process that lost the rank and still sleeps there is to see why it wakes.
        take_over(&record.bells);
        Ok(Some(Claim { record, control: self.control.clone(), rank, life, _lock: lock }))
    }

    /// Keeps everybody from holding `rank` as long as the value lives; `None` if somebody holds it. The gate comes first: a
    /// process that wants the rank sees by it that nobody is there, and waits.
    pub fn keep_away(&self, rank: u32) -> std::io::Result<Option<Absence>> {
        let Some(gate) = self.locks.take(GATE, 1)? else { return Ok(None) };
        Ok(self.locks.take(lock_byte(rank), 1)?.map(|lock| Absence { _lock: lock, _gate: gate }))
    }

    /// How the life of `rank` before the one of this epoch ended; dead, where its successor did not say. `None` if that
    /// successor is over, too: a claimer has said so of it, whose own life follows.
    pub fn former(&self, rank: u32, epoch: u64) -> Option<Status> {
        let former = Life(self.rank(rank).identity.former.load(Relaxed));
        let has_left = former == former.left() && former.epoch() + 1 == epoch;
        (former.epoch() < epoch).then_some(if has_left { Status::Left } else { Status::Dead })
    }

    /// How often a rank was claimed, left, or found dead, as far as peers say: where it is what it was, looks at all
    /// lives since then find nothing new. Whatever was counted is visible.
    #[inline(always)]
    pub fn changes(&self) -> u64 {
        self.control.changes.load(acquire(Edge::Changes))
    }

    /// Tells all peers that the kernel said of this life of `rank` that its holder died; whether none of them had said so.
    pub fn report_death(&self, rank: u32, life: Life) -> bool {
        let word = &self.rank(rank).identity.found_dead;
        if word.load(Relaxed) == life.0 {
            return false;
        }
        // Of two that find it at once both may say so.
        word.store(life.0, Relaxed);
        count_change(&self.control);
        true
    }

    /// Whether a peer says that this life of `rank` ended in its holder's death: a reason to ask the kernel.
    #[inline(always)]
    pub fn is_said_dead(&self, rank: u32, life: Life) -> bool {
        life.joined() && self.rank(rank).identity.found_dead.load(Relaxed) == life.0
    }

    /// Wakes all that sleep, for they may wait for a rank that has ended.
    pub fn ring_all(&self, ringer: Ringer) {
        for Rank { bells, .. } in self.ranks.iter() {
            ringer.ring(Bell::mail(bells));
            ringer.ring(Bell::room(bells));
        }
    }

    /// The process id that the last holder of `rank` gave: to be shown, not to be trusted.
    pub fn pid(&self, rank: u32) -> u32 {
        self.rank(rank).identity.pid.load(Relaxed) as u32
    }

    /// The label of `rank` as its last holder wrote it, without the padding.
    pub fn label(&self, rank: u32) -> Vec<u8> {
        let words = &self.rank(rank).identity.label;
        let mut label: Vec<u8> = words.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect();
        label.truncate(label.iter().position(|byte| *byte == 0).unwrap_or(LABEL));
        label
    }
}

/// What it is to be in this life of `rank`, of the region in `file`; `again` reads it once more.
pub fn status(file: &File, rank: u32, life: Life, again: impl FnOnce() -> Life) -> Status {
    if !life.joined() {
        return if life.epoch() == 0 { Status::NeverJoined } else { Status::Left };
    }
    // A query that fails says nothing of anybody's death.
    let held = os::is_locked(file, lock_byte(rank), 1).unwrap_or(true);
    // A successor may have come since the word was read: then this life ended, but the rank lives.
    if held || again() != life { Status::Live } else { Status::Dead }
}

/// Says that lives are not what they were: after it was done, and before anybody is rung.
fn count_change(control: &Control) {
    control.changes.fetch_add(1, release(Edge::Changes));
}

fn padded(label: &[u8]) -> [u8; LABEL] {
    let mut bytes = [0; LABEL];
    bytes[..label.len()].copy_from_slice(label);
    bytes
}

/// Nobody holds a rank as long as this lives. Its fields are dropped in their order.
pub struct Absence {
    _lock: Lock,
    _gate: Lock,
}

/// A rank that this process holds; dropping it gives it back as a dead holder would, unless it was left.
pub struct Claim {
    record: Shared<Rank>,
    control: Shared<Control>,
    rank: u32,
    life: Life,
    _lock: Lock,
}

impl Claim {
    /// The rank.
    pub fn rank(&self) -> u32 {
        self.rank
    }

    /// The rank's record.
    pub fn record(&self) -> &Rank {
        &self.record
    }

    /// How often the rank has been claimed, this time included.
    pub fn epoch(&self) -> u64 {
        self.life.epoch()
    }

    /// The life that this claim began.
    pub fn life(&self) -> Life {
        self.life
    }

    /// Whether the rank is still ours.
    pub fn check(&self) -> Result<(), Lost> {
        self.life.check(&self.record)
    }

    /// Says that this holder has left: what it sent is all there will be.
    pub fn leave(&self) {
        // Pairs with the load in `Registry::life`: whoever sees it sees our last mail.
        self.record.identity.life.store(self.life.left().0, release(Edge::Life));
        count_change(&self.control);
    }
}
