//! Which mailbox a receive from anyone looks at next.
//!
//! Senders that sent something lately are looked at every time, in turns. A sender that was silent for a long time
//! becomes idle. Each look includes only a few of the idle ones; the last look before a sleep includes all. So many
//! silent senders do not slow down the active ones.

/// This many senders are always looked at.
const FEW: usize = 8;
/// Looks in vain until a sender becomes idle.
const PATIENCE: u32 = 64;
/// How many idle senders each look includes.
const SAMPLE: usize = 4;

/// The order in which senders are looked at.
#[derive(Default)]
pub struct FairQueue {
    active: Vec<Lively>,
    /// The active sender that was found last.
    at: usize,
    idle: Vec<u32>,
    /// Where the next sample of idle senders begins.
    sampled: usize,
}

struct Lively {
    rank: u32,
    /// Looks in vain since the last success.
    misses: u32,
}

impl FairQueue {
    /// Adds a rank. It is the next to be looked at.
    pub fn add(&mut self, rank: u32) {
        let next = (self.at + 1).min(self.active.len());
        self.active.insert(next, Lively { rank, misses: 0 });
    }

    /// Whether only one sender has sent something lately.
    pub fn is_one(&self) -> bool {
        self.active.len() == 1
    }

    /// Whether a look leaves some senders out.
    pub fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// The next sender that `is_ready`: first those after the one found last, then that one itself. Without
    /// `thorough`, an idle one may be missed this time, but not for ever.
    pub fn next(&mut self, thorough: bool, is_ready: impl Fn(u32) -> bool) -> Option<u32> {
        // Before the active ones, so that idle ones have their turn even if the active ones always have mail.
        if !self.idle.is_empty() {
            self.poll_idle(SAMPLE, &is_ready);
        }
        let mut found = self.next_active(&is_ready);
        if found.is_none() && thorough && self.poll_idle(self.idle.len(), &is_ready) {
            found = self.next_active(&is_ready);
        }
        found
    }

    fn next_active(&mut self, is_ready: &impl Fn(u32) -> bool) -> Option<u32> {
        let count = self.active.len();
        let mut found = None;
        let mut is_tired = false;
        let mut at = self.at;
        for _ in 0..count {
            at = if at + 1 < count { at + 1 } else { 0 };
            let peer = &mut self.active[at];
            if is_ready(peer.rank) {
                peer.misses = 0;
                self.at = at;
                found = Some(peer.rank);
                break;
            }
            peer.misses = peer.misses.saturating_add(1);
            is_tired |= peer.misses >= PATIENCE;
        }
        if is_tired && count > FEW {
            self.calm();
        }
        found
    }

    /// Makes senders idle that were silent for a long time, except for a few.
    fn calm(&mut self) {
        let current = self.active[self.at].rank;
        let mut kept = Vec::new();
        let mut left = self.active.len();
        for peer in self.active.drain(..) {
            if peer.misses >= PATIENCE && peer.rank != current && left > FEW {
                self.idle.push(peer.rank);
                left -= 1;
            } else {
                kept.push(peer);
            }
        }
        self.active = kept;
        self.at = self.active.iter().position(|peer| peer.rank == current).unwrap_or(0);
    }

    /// Looks at the next `count` idle senders. Makes the first one that `is_ready` the next active one. Returns
    /// whether there was one.
    fn poll_idle(&mut self, count: usize, is_ready: &impl Fn(u32) -> bool) -> bool {
        for _ in 0..count.min(self.idle.len()) {
            self.sampled = self.sampled.wrapping_add(1) % self.idle.len();
            if is_ready(self.idle[self.sampled]) {
                let rank = self.idle.swap_remove(self.sampled);
                // The sender that took its place in the list is the next to be looked at.
                self.sampled = self.sampled.wrapping_sub(1);
                self.add(rank);
                return true;
            }
        }
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn of(ranks: u32) -> FairQueue {
        let mut turns = FairQueue::default();
        (0..ranks).for_each(|rank| turns.add(rank));
        turns
    }

    #[test]
    fn all_that_have_mail_come_in_turn() {
        let mut turns = of(20);
        let mut found: Vec<_> = (0..20).map(|_| turns.next(true, |_| true).unwrap()).collect();
        found.sort();
        assert_eq!(found, Vec::from_iter(0..20));
    }

    #[test]
    fn who_was_silent_for_long_is_looked_at_less_often() {
        let mut turns = of(1000);
        for _ in 0..PATIENCE {
            assert_eq!(turns.next(true, |rank| rank == 5), Some(5));
        }
        let looks = core::cell::Cell::new(0);
        let found = turns.next(true, |rank| {
            looks.set(looks.get() + 1);
            rank == 5
        });
        assert_eq!(found, Some(5));
        assert!(looks.get() <= FEW + SAMPLE, "{} looks", looks.get());
    }

    #[test]
    fn a_thorough_look_misses_nobody() {
        let mut turns = of(1000);
        for _ in 0..2 * PATIENCE {
            assert_eq!(turns.next(true, |_| false), None);
        }
        for rank in 0..1000 {
            assert_eq!(turns.next(true, |one| one == rank), Some(rank));
        }
    }

    #[test]
    fn a_quiet_one_has_its_turn_beside_one_that_always_has_mail() {
        let mut turns = of(1000);
        for _ in 0..2 * PATIENCE {
            turns.next(true, |rank| rank == 5);
        }
        let turn = (0..).find(|_| turns.next(false, |rank| rank == 5 || rank == 777) == Some(777));
        assert!(turn.unwrap() <= 1000 / SAMPLE, "after {turn:?} turns");
    }
}
