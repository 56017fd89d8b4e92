//! What the threads of a crew keep under their lock.

use super::Common;
use crate::abi::Bells;
use crate::rank::{Bell, Seen};
use crate::sync::{Condvar, Mutant, mutated};
use std::sync::Arc;
use std::time::Instant;

/// What lies under the lock.
pub struct Watch<T: Common> {
    pub common: T,
    /// Those that wait, in the order in which they came.
    seats: Vec<Seat<T::Want>>,
    /// Who leads, by the number of its seat.
    pub leader: Option<u64>,
    /// The bits that somebody waits for.
    pub announced: u32,
    /// The number of the next seat.
    next: u64,
    /// How often the kernel was asked.
    round: u64,
    /// Whether a thread polls that has no seat.
    pub polls: bool,
    /// For seats to come.
    spare: Vec<Arc<Condvar>>,
}

/// That of a thread that waits.
struct Seat<W> {
    number: u64,
    want: W,
    /// Whether it was called, and has not looked since.
    called: bool,
    /// The round in which it last asked.
    round: u64,
    place: Arc<Condvar>,
}

impl<T: Common> Watch<T> {
    /// Of a crew of which nobody waits.
    pub fn new(common: T) -> Self {
        let (seats, spare) = (vec![], vec![]);
        Self { common, seats, leader: None, announced: 0, next: 0, round: 0, polls: false, spare }
    }

    /// Whether no thread waits.
    pub fn is_idle(&self) -> bool {
        !self.polls && self.seats.is_empty()
    }

    /// The number of a new seat, for a thread that waits for this and is about to look.
    pub fn sit(&mut self, want: T::Want) -> u64 {
        let (number, round) = (self.next, self.round);
        self.next += 1;
        let place = self.spare.pop().unwrap_or_default();
        self.seats.push(Seat { number, want, called: true, round, place });
        number
    }

    /// Where the thread in this seat, which has looked, sleeps until it is called.
    pub fn follow(&mut self, number: u64) -> Arc<Condvar> {
        let at = self.at(number);
        self.seats[at].called = false;
        self.seats[at].place.clone()
    }

    fn at(&self, number: u64) -> usize {
        self.seats.iter().position(|seat| seat.number == number).expect("it sits")
    }

    /// Whether nobody who came before waits for the same.
    fn is_first(&self, at: usize) -> bool {
        !self.seats[..at].iter().any(|seat| T::is_alike(&seat.want, &self.seats[at].want))
    }

    /// Sets the bits of this seat that nobody has announced; for all, where it leads from now on, those that were rung.
    pub fn announce(&mut self, number: u64, bells: &Bells) -> Seen {
        let at = self.at(number);
        let bits = T::bits(&self.seats[at].want);
        let leads = *self.leader.get_or_insert(number) == number;
        let new = bits & !self.announced;
        if new != 0 && !leads {
            Bell::of(bells, new).overtake();
        }
        self.announced |= bits;
        let set = if leads || mutated(Mutant::Again) { self.announced } else { new };
        if set == 0 { Seen::Now } else { self.common.fall_asleep(&self.seats[at].want, set, Instant::now()) }
    }

    /// Whether this seat is to ask the kernel who lives.
    pub fn is_to_ask(&mut self, number: u64) -> bool {
        if self.common.until_question().is_zero() {
            self.common.watch();
            self.round += 1;
        }
        let at = self.at(number);
        let is_due = self.seats[at].round != self.round && self.is_first(at);
        if is_due {
            self.seats[at].round = self.round;
        }
        is_due
    }

    /// Looks for what those wait for that follow, and calls those for whom there is something: of those that wait for the
    /// same, the first.
    pub fn hand_out(&mut self) -> Vec<Arc<Condvar>> {
        let mut called = vec![];
        for at in 0..self.seats.len() {
            let is_first = self.is_first(at);
            let seat = &mut self.seats[at];
            let is_leader = self.leader == Some(seat.number);
            if !is_leader && !seat.called && self.common.has_news(&seat.want, is_first) {
                seat.called = true;
                called.push(seat.place.clone());
            }
        }
        called
    }

    /// Whether there may be something for the leader.
    pub fn has_news_for_leader(&self) -> bool {
        let Some(at) = self.seats.iter().position(|seat| self.leader == Some(seat.number)) else {
            return false;
        };
        self.common.has_news(&self.seats[at].want, self.is_first(at))
    }

    /// Who is to be called when this seat is left.
    pub fn leave(&mut self, number: u64) -> Vec<Arc<Condvar>> {
        let seat = self.seats.remove(self.at(number));
        let still = self.seats.iter().fold(0, |bits, seat| bits | T::bits(&seat.want));
        if self.announced & !still != 0 {
            self.common.wake_up(self.announced & !still);
            self.announced = still;
        }
        self.spare.push(seat.place);
        if self.leader != Some(number) {
            return self.hand_out();
        }
        self.leader = None;
        if self.seats.is_empty() || self.seats.iter().any(|seat| seat.called) || mutated(Mutant::Desert) {
            return vec![];
        }
        // There may be more of the same.
        let next = self.seats.iter().position(|other| T::is_alike(&other.want, &seat.want)).unwrap_or(0);
        self.seats[next].called = true;
        vec![self.seats[next].place.clone()]
    }
}
