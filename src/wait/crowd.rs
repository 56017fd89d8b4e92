//! Whether there are enough processors for all awake ranks to run at once, as one rank sees it when it waits.
//!
//! Each half writes into its rank's record on which processors it may run. A rank is crowded if there are more awake
//! ranks than processors for them: among those that must share this rank's processors, or among all whose processors
//! it may share. Ranks that are each pinned to a processor of their own crowd nobody. Everything read from peers is a
//! hint: garbage makes a wait poll or sleep at the wrong time, and nothing worse.
//!
//! Every 16th wait counts. Two counts decide: the ranks that may run only where this one may, against the processors
//! that it may use; and all ranks whose processors meet its own, against the union of these. If a count is too high,
//! the kernel is asked, at most once a second, whether up to 64 ranks that seem awake are alive. A yield that takes
//! longer than 10 µs has let another thread run; from then on the rank sleeps at once.
//!
//! One bitmap of all awake ranks would be shorter to read, but it would not say which processors they share, and the
//! bit of a killed rank would stay.

use crate::abi::{Activity, Rank};
use crate::os;
use crate::rank::{Life, Polling, Registry, Status, is_asleep};
use crate::sync::{Ordering::Relaxed, Ordering::SeqCst, fence};
use crate::wait::pace::{CROWD_QUERIES, VALID, WAITS_PER_COUNT};
use core::cell::Cell;
use std::time::Instant;

/// A set of processors in a word: a single processor, or several by their numbers modulo [`FOLD`](Self::FOLD).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processors(u64);

impl Processors {
    /// Unknown, which counts as all of them.
    const UNKNOWN: Self = Self(0);
    /// The set of a rank whose holder has died.
    const NONE: Self = Self(Self::KNOWN);
    const KNOWN: u64 = 1 << 63;
    const SINGLE: u64 = 1 << 62;
    const FOLD: usize = 62;
    const ALL: u64 = Self::SINGLE - 1;

    /// The processors on which this thread may run.
    pub fn here() -> Self {
        Self::of(&os::affinity())
    }

    fn of(numbers: &[usize]) -> Self {
        match *numbers {
            [] => Self::UNKNOWN,
            [number] => Self(Self::KNOWN | Self::SINGLE | number as u64 & Self::ALL),
            _ => Self(numbers.iter().fold(Self::KNOWN, |word, number| word | 1 << (number % Self::FOLD))),
        }
    }

    /// The single processor of the set, if it is known to have only one.
    fn single(self) -> Option<u64> {
        (self.0 & Self::KNOWN != 0 && self.0 & Self::SINGLE != 0).then_some(self.0 & Self::ALL)
    }

    fn bits(self) -> u64 {
        match self.single() {
            Some(number) => 1 << (number % Self::FOLD as u64),
            None if self.0 & Self::KNOWN == 0 => Self::ALL,
            None => self.0 & Self::ALL,
        }
    }

    fn meets(self, other: Self) -> bool {
        match (self.single(), other.single()) {
            (Some(one), Some(other)) => one == other,
            _ => self.bits() & other.bits() != 0,
        }
    }

    fn is_within(self, other: Self) -> bool {
        match other.single() {
            Some(_) => self == other,
            None => self.bits() & !other.bits() == 0,
        }
    }

    /// The processors of a rank: those of both its halves.
    fn of_rank(activity: &Activity) -> Self {
        let [one, other] = activity.processors.each_ref().map(|word| Self(word.load(Relaxed)));
        if one == other {
            one
        } else if one == Self::UNKNOWN || other == Self::UNKNOWN {
            Self::UNKNOWN
        } else {
            Self(Self::KNOWN | one.bits() | other.bits())
        }
    }
}

/// What one half of a rank knows of the others, and its own processors.
pub struct Crowd {
    rank: u32,
    half: usize,
    waits: Cell<u32>,
    polling: Cell<Polling>,
    processors: Cell<Processors>,
    /// How many of them it could use at once when that was last asked; a quota may allow fewer than there are.
    usable: Cell<Option<(usize, Instant)>>,
    /// When lives were last asked for, and the rank to go on with.
    queried: Cell<Option<Instant>>,
    next: Cell<u32>,
}

impl Crowd {
    /// For half number `half` of a rank that this process has just joined as, in a thread that may run on `here`.
    pub fn join(registry: &Registry, rank: u32, half: usize, here: Processors) -> Self {
        let crowd = Self {
            rank,
            half,
            waits: Cell::default(),
            polling: Cell::default(),
            processors: Processors::UNKNOWN.into(),
            usable: Cell::default(),
            queried: Cell::default(),
            next: Cell::default(),
        };
        crowd.tell(registry, here);
        crowd
    }

    /// How to poll, by the last count.
    #[inline(always)]
    pub fn polling(&self) -> Polling {
        self.polling.get()
    }

    /// How to poll in the wait that begins, by a count now or a few waits ago. This half must hold its rank.
    pub fn begin_wait(&self, registry: &Registry) -> Polling {
        let waits = self.waits.get();
        self.waits.set(waits.wrapping_add(1));
        if waits.is_multiple_of(WAITS_PER_COUNT) {
            let now = Instant::now();
            let is_old = |asked: Instant| now.duration_since(asked) >= VALID;
            let usable = match self.usable.get() {
                Some((usable, asked)) if !is_old(asked) => usable,
                _ => {
                    self.tell(registry, Processors::here());
                    let usable = os::processors();
                    self.usable.set(Some((usable, now)));
                    usable
                }
            };
            let mut polling = self.count(registry, usable);
            if polling != Polling::Free && self.queried.get().is_none_or(is_old) {
                self.queried.set(Some(now));
                if self.bury_dead(registry) {
                    polling = self.count(registry, usable);
                }
            }
            self.polling.set(polling);
        }
        self.polling.get()
    }

    /// Whether a rank may need a processor on which this thread may run, as far as both have said.
    pub fn is_neighbour(&self, registry: &Registry, rank: u32) -> bool {
        Processors::of_rank(&registry.rank(rank).activity).meets(self.processors.get())
    }

    /// Tells peers on which processors this thread may run.
    fn tell(&self, registry: &Registry, here: Processors) {
        self.processors.set(here);
        registry.rank(self.rank).activity.processors[self.half].store(here.0, Relaxed);
    }

    /// Counts the ranks that seem to be awake. This rank is one of them.
    fn count(&self, registry: &Registry, usable: usize) -> Polling {
        let mine = self.processors.get();
        let (mut within, mut meeting, mut union) = (1, 1, mine.bits());
        for rank in self.others(registry) {
            let theirs = Processors::of_rank(&registry.rank(rank).activity);
            if theirs.meets(mine) && seems_awake(registry, rank) {
                within += usize::from(theirs.is_within(mine));
                meeting += 1;
                union |= theirs.bits();
            }
        }
        let others = (union & !mine.bits()).count_ones() as usize;
        if mine.single().is_some() && within > 1 {
            Polling::Once
        } else if within > usable || meeting > usable + others {
            Polling::Polite
        } else {
            Polling::Free
        }
    }

    fn others(&self, registry: &Registry) -> impl Iterator<Item = u32> {
        (0..registry.count()).filter(|rank| *rank != self.rank)
    }

    /// Asks the kernel about some of the ranks that seem to be awake. Returns whether one has died. A dead rank is
    /// not counted again before it has another holder.
    fn bury_dead(&self, registry: &Registry) -> bool {
        let mine = self.processors.get();
        let (count, first) = (registry.count(), self.next.get());
        let in_turn = (0..count).map(|step| (first + step) % count).filter(|rank| *rank != self.rank);
        let counted = |rank: &u32| {
            Processors::of_rank(&registry.rank(*rank).activity).meets(mine) && seems_awake(registry, *rank)
        };
        let mut found = false;
        for rank in in_turn.filter(counted).take(CROWD_QUERIES) {
            self.next.set((rank + 1) % count);
            if let (Status::Dead, life) = registry.status(rank) {
                bury(registry, rank, life);
                found = true;
            }
        }
        found
    }
}

fn seems_awake(registry: &Registry, rank: u32) -> bool {
    let Rank { bells, .. } = registry.rank(rank);
    registry.life(rank).joined() && !is_asleep(bells)
}

/// Records that a rank whose holder died in this life runs nowhere.
///
/// A successor writes its processors after it has claimed the rank. If this call comes later, it sees the new life
/// and takes its word back. If each misses the other, the successor is not counted until it writes its processors
/// again.
fn bury(registry: &Registry, rank: u32, life: Life) {
    let words = &registry.rank(rank).activity.processors;
    words.iter().for_each(|word| word.store(Processors::NONE.0, Relaxed));
    fence(SeqCst);
    if registry.life(rank) != life {
        words.iter().for_each(|word| word.store(Processors::UNKNOWN.0, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{Bells, Control, Identity, MAIL, RANKS_WORD, ROOM, lock_word};
    use crate::rank::Claim;
    use crate::sync::{AtomicU32, AtomicU64};
    use core::array::from_fn;
    use std::sync::Arc;

    const RANKS: u32 = 4;

    fn rank() -> Rank {
        let bell = || AtomicU32::new(0);
        let word = || AtomicU64::new(0);
        let label = from_fn(|_| word());
        Rank {
            identity: Identity {
                life: word(),
                pid: word(),
                label,
                lock: word(),
                former: word(),
                found_dead: word(),
            }
            .into(),
            bells: Bells { word: bell(), modes: from_fn(|_| bell()), events: from_fn(|_| bell()) }.into(),
            opened: from_fn(|_| word()).into(),
            activity: Activity {
                awaited: from_fn(|_| word()),
                sleeps: word(),
                processors: from_fn(|_| word()),
            }
            .into(),
            declined: from_fn(|_| word()).into(),
        }
    }

    fn registry() -> Registry {
        let file = os::memory_file().expect("a file");
        file.set_len(lock_word(RANKS + 2)).expect("room");
        os::write_at(&file, &u64::from(RANKS).to_ne_bytes(), RANKS_WORD).expect("a header");
        let control = Control { changes: AtomicU64::new(0), reserved: AtomicU64::new(0) };
        let ranks: Vec<Rank> = (0..RANKS).map(|_| rank()).collect();
        Registry::new(ranks.into(), Arc::new(control).into(), os::Locker::new(file.into()))
    }

    fn claim(registry: &Registry, rank: u32) -> Claim {
        registry.claim(rank, b"", 1, 0).expect("a file").expect("a free rank")
    }

    /// Rank 0 and some more, as if they had joined on these processors; what rank 0 may do then.
    fn counted<const N: usize>(processors: [&[usize]; N], usable: usize) -> Polling {
        let registry = registry();
        let _claims: Vec<Claim> = (0..N as u32).map(|rank| claim(&registry, rank)).collect();
        let crowd = Crowd::join(&registry, 0, 0, Processors::UNKNOWN);
        crowd.processors.set(Processors::of(processors[0]));
        for (rank, numbers) in (0..).zip(processors) {
            let words = &registry.rank(rank).activity.processors;
            words.iter().for_each(|word| word.store(Processors::of(numbers).0, Relaxed));
        }
        crowd.count(&registry, usable)
    }

    #[test]
    fn what_is_pinned_crowds_those_only_that_share_its_processor() {
        const ANY: &[usize] = &[];
        let both: &[usize] = &[0, 1];
        for (processors, usable, expected) in [
            // As long as nobody is pinned, numbers count.
            ([ANY, ANY, both], 2, Polling::Polite),
            ([ANY, ANY, both], 3, Polling::Free),
            ([both, both, both], 2, Polling::Polite),
            // Each has its own.
            ([&[0], &[1], &[2]], 1, Polling::Free),
            ([&[0], &[62], &[64]], 1, Polling::Free),
            // All have one.
            ([&[0], &[0], &[0]], 1, Polling::Once),
            ([&[7], &[1], &[7]], 1, Polling::Once),
            // A pair, and one in its way, which has no other processor either.
            ([&[0], &[1], both], 1, Polling::Free),
            ([both, &[0], &[1]], 2, Polling::Polite),
            ([&[0], both, both], 1, Polling::Polite),
            ([&[0], both, &[2, 3]], 1, Polling::Free),
            // A quota.
            ([&[0, 1, 2, 3], &[0, 1, 2, 3], &[4]], 1, Polling::Polite),
        ] {
            assert_eq!(counted(processors, usable), expected, "{processors:?}, {usable}");
        }
    }

    #[test]
    fn neighbours_may_need_a_processor_that_this_rank_may_use() {
        let registry = registry();
        let crowd = Crowd::join(&registry, 0, 0, Processors::of(&[1]));
        for (processors, expected) in
            [(&[][..], true), (&[1], true), (&[0], false), (&[0, 1], true), (&[0, 2], false)]
        {
            let words = &registry.rank(1).activity.processors;
            words.iter().for_each(|word| word.store(Processors::of(processors).0, Relaxed));
            assert_eq!(crowd.is_neighbour(&registry, 1), expected, "{processors:?}");
        }
    }

    #[test]
    fn the_dead_crowd_nobody() {
        let registry = registry();
        let (_mine, _theirs, dying) = (claim(&registry, 0), claim(&registry, 1), claim(&registry, 2));
        let crowd = Crowd::join(&registry, 0, 0, Processors::UNKNOWN);
        assert_eq!(crowd.count(&registry, 2), Polling::Polite);
        assert!(!crowd.bury_dead(&registry), "they live");
        // It gives its lock back and says nothing, as a process that is killed.
        drop(dying);
        assert_eq!(registry.status(2).0, Status::Dead);
        assert_eq!(crowd.count(&registry, 2), Polling::Polite, "nobody has asked yet");
        assert!(crowd.bury_dead(&registry));
        assert_eq!(crowd.count(&registry, 2), Polling::Free);
        assert!(!crowd.bury_dead(&registry), "it is not asked for again");
        // Nor do those who ring it bring it back.
        registry.rank(2).bells.word.store(0, Relaxed);
        assert_eq!(crowd.count(&registry, 2), Polling::Free);
        let _successor = claim(&registry, 2);
        let halves = [0, 1].map(|half| Crowd::join(&registry, 2, half, Processors::here()));
        assert!(halves.iter().all(|half| half.processors.get() != Processors::NONE));
        assert_eq!(crowd.count(&registry, 2), Polling::Polite);
    }

    #[test]
    fn who_is_buried_late_is_counted() {
        let registry = registry();
        let (_mine, dying) = (claim(&registry, 0), claim(&registry, 1));
        let crowd = Crowd::join(&registry, 0, 0, Processors::UNKNOWN);
        let life = dying.life();
        drop(dying);
        let _successor = claim(&registry, 1);
        bury(&registry, 1, life);
        assert_eq!(crowd.count(&registry, 1), Polling::Polite);
    }

    #[test]
    fn sleepers_and_those_who_left_crowd_nobody() {
        let registry = registry();
        let (_mine, theirs) = (claim(&registry, 0), claim(&registry, 1));
        let crowd = Crowd::join(&registry, 0, 0, Processors::UNKNOWN);
        assert_eq!(crowd.count(&registry, 1), Polling::Polite);
        let bell = &registry.rank(1).bells.word;
        for bits in [MAIL, ROOM, MAIL | ROOM] {
            bell.store(bits, Relaxed);
            assert_eq!(crowd.count(&registry, 1), Polling::Free);
            bell.store(0, Relaxed);
        }
        theirs.leave();
        assert_eq!(crowd.count(&registry, 1), Polling::Free);
    }

    #[test]
    fn garbage_is_some_set_of_processors() {
        for word in [u64::MAX, Processors::SINGLE, Processors::KNOWN | Processors::SINGLE, 1] {
            let (any, one) = (Processors(word), Processors::of(&[3]));
            let _ = (any.meets(one), one.meets(any), any.is_within(one), one.is_within(any), any.bits());
        }
    }
}
