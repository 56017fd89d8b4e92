//! Which process holds which rank, and whether it lives.
//!
//! ```text
//!            claim: lock, label, epoch + 1, joined               leave: not joined, unlock
//!  never ───────────────────────────────────────▶ live ───────────────────────────────────▶ left
//!  joined                                          │ ▲                                        │
//!                      process ends: the kernel    │ │  claim                       claim     │
//!                      unlocks                     ▼ └──────◀─────────────────────────────────┘
//!                                                 dead
//! ```
//! The process that holds a rank's lock byte holds the rank (I5). `life` is one word, so no reader sees half a
//! change. A process that stops between two steps leaves either the old life or the new one. The label and the
//! process id, which are for people, may then be those of the unfinished claim.

use super::bell::{Bell, Ringer, take_over};
use crate::abi::{Control, GATE, LABEL, RESET, Rank, lock_byte};
use crate::error::Lost;
use crate::memory::Shared;
use crate::os::{self, File, Lock, Locker};
use crate::sync::{AtomicU64, Edge, Ordering::Relaxed, acquire, release};
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
/// Each join begins an epoch. A mailbox outlives all of this: messages that were not acknowledged wait for the rank's
/// next holder.
///
/// ```
/// # use mailbox::{Config, Region, Status};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # region.join(1)?.abandon();
/// let (status, epoch) = region.status(1).expect("it has two ranks");
/// match status {
///     Status::NeverJoined => println!("it is still to come"),
///     Status::Live => println!("it is there, in its life {epoch}"),
///     Status::Left => println!("it has left, and needs no successor"),
///     Status::Dead => println!("it has died: start another process as rank 1"),
/// }
/// # assert_eq!(status, Status::Dead);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// No process ever held the rank. Messages to it wait in its mailbox.
    NeverJoined,
    /// A process holds it. The process may be stopped.
    Live,
    /// Its last holder dropped its endpoint and will send nothing more.
    Left,
    /// Its last holder's process ended without dropping the endpoint, or dropped it during a panic.
    Dead,
}

/// A copy of a rank's `life` word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life(u64);

impl Life {
    /// The life that this word stands for.
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// How many times the rank was claimed.
    pub fn epoch(self) -> u64 {
        self.0 >> 1
    }

    /// Whether its last holder has not left yet.
    pub fn joined(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether this is still the life of the rank with this record. If not, something closed this process's lock.
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

/// The rank table and the locks of its ranks.
#[derive(Clone)]
pub struct Registry {
    ranks: Shared<[Rank]>,
    control: Shared<Control>,
    locks: Arc<Locker>,
}

impl Registry {
    /// The registry over this rank table and these locks.
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

    /// The record of `rank`, as a `Shared` of its own.
    pub fn record(&self, rank: u32) -> Shared<Rank> {
        self.ranks.item(rank as usize)
    }

    /// The life of `rank`. One load. If its holder has left, all its mail is visible now.
    #[inline(always)]
    pub fn life(&self, rank: u32) -> Life {
        // Pairs with the store in `claim` and `leave`.
        Life(self.rank(rank).identity.life.load(acquire(Edge::Life)))
    }

    /// Whether the holder of `rank` lives, and which life that is.
    ///
    /// Costs a system call if it has joined and not left: 0.2 to 5.4 µs, more if more ranks are locked.
    pub fn status(&self, rank: u32) -> (Status, Life) {
        let life = self.life(rank);
        (status(self.locks.file(), rank, life, || self.life(rank)), life)
    }

    /// Claims `rank`: afterwards this process holds it, in a new epoch. `None` if another process holds it.
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
        // A holder that was killed in its sleep no longer waits for anybody.
        record.activity.awaited.iter().for_each(|word| word.store(0, Relaxed));
        // From here on peers see the new life, and all of the above.
        record.identity.life.store(life.0, release(Edge::Life));
        count_change(&self.control);
        // Only now: a process that lost the rank and still sleeps there must see why it wakes.
        take_over(&record.bells);
        Ok(Some(Claim { record, control: self.control.clone(), rank, life, _lock: lock }))
    }

    /// Keeps every process from holding `rank` as long as the value lives; `None` if one holds it. The gate is locked
    /// first. By it, a process that wants the rank sees that nobody holds the rank, and waits.
    pub fn keep_away(&self, rank: u32) -> std::io::Result<Option<Absence>> {
        let Some(gate) = self.locks.take(GATE, 1)? else { return Ok(None) };
        Ok(self.locks.take(lock_byte(rank), 1)?.map(|lock| Absence { _lock: lock, _gate: gate }))
    }

    /// How the life of `rank` before the one with this epoch ended; `Dead` if its successor did not say. `None` if
    /// that successor has ended, too: a further process has claimed the rank and written about the successor instead.
    pub fn former(&self, rank: u32, epoch: u64) -> Option<Status> {
        let former = Life(self.rank(rank).identity.former.load(Relaxed));
        let has_left = former == former.left() && former.epoch() + 1 == epoch;
        (former.epoch() < epoch).then_some(if has_left { Status::Left } else { Status::Dead })
    }

    /// How many times a rank was claimed, left, or found dead, as far as peers say. If it has not changed, a look at
    /// all lives finds nothing new. All that was counted is visible.
    #[inline(always)]
    pub fn changes(&self) -> u64 {
        self.control.changes.load(acquire(Edge::Changes))
    }

    /// The word of [`Registry::changes`].
    #[inline(always)]
    pub fn changes_word(&self) -> &AtomicU64 {
        &self.control.changes
    }

    /// Tells all peers that the kernel reported the death of the holder of `rank` in this life. Returns whether it
    /// was not yet reported.
    pub fn report_death(&self, rank: u32, life: Life) -> bool {
        let word = &self.rank(rank).identity.found_dead;
        if word.load(Relaxed) == life.0 {
            return false;
        }
        // Two processes that find it at the same time may both return true.
        word.store(life.0, Relaxed);
        count_change(&self.control);
        true
    }

    /// Whether a peer says that the holder died in this life of `rank`; a reason to ask the kernel.
    #[inline(always)]
    pub fn is_said_dead(&self, rank: u32, life: Life) -> bool {
        life.joined() && self.rank(rank).identity.found_dead.load(Relaxed) == life.0
    }

    /// Wakes all sleepers, which may wait for a rank that has ended.
    pub fn ring_all(&self, ringer: Ringer) {
        for Rank { bells, .. } in self.ranks.iter() {
            ringer.ring(Bell::mail(bells));
            ringer.ring(Bell::room(bells));
        }
    }

    /// The process id that the last holder of `rank` gave. For display only; never trusted.
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

/// The status of `rank` of the region in `file`, if `life` is the life that was read. `again` reads it once more.
pub fn status(file: &File, rank: u32, life: Life, again: impl FnOnce() -> Life) -> Status {
    if !life.joined() {
        return if life.epoch() == 0 { Status::NeverJoined } else { Status::Left };
    }
    // If the query fails, nothing is known of a death.
    let held = os::is_locked(file, lock_byte(rank), 1).unwrap_or(true);
    // A successor may have come since the word was read: then this life ended, but the rank lives.
    if held || again() != life { Status::Live } else { Status::Dead }
}

/// Counts a change of lives, after it was made and before anybody is rung.
fn count_change(control: &Control) {
    control.changes.fetch_add(1, release(Edge::Changes));
}

fn padded(label: &[u8]) -> [u8; LABEL] {
    let mut bytes = [0; LABEL];
    bytes[..label.len()].copy_from_slice(label);
    bytes
}

/// Nobody holds a rank as long as this lives. The fields are dropped in their order.
pub struct Absence {
    _lock: Lock,
    _gate: Lock,
}

/// A rank that this process holds. If it is dropped without having left, the rank looks like that of a dead holder.
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

    /// How many times the rank has been claimed, including this time.
    pub fn epoch(&self) -> u64 {
        self.life.epoch()
    }

    /// The life that this claim began.
    pub fn life(&self) -> Life {
        self.life
    }

    /// Whether this process still holds the rank.
    pub fn check(&self) -> Result<(), Lost> {
        self.life.check(&self.record)
    }

    /// Says that this holder leaves and will send nothing more.
    pub fn leave(&self) {
        // Pairs with the load in `Registry::life`: a peer that sees it sees our last mail.
        self.record.identity.life.store(self.life.left().0, release(Edge::Life));
        count_change(&self.control);
    }
}
