//! What the threads of a crew keep under their lock.

use super::Common;
use crate::abi::Bells;
use crate::rank::{Bell, Seen};
use crate::sync::{Condvar, Mutant, mutated};
use crate::wait::pace::NAP;
use core::time::Duration;
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
    /// Whether a thread polls that has no seat.
    pub polls: bool,
    /// Whether the next thread that hears of the ends of all is to ask the kernel.
    owes_question: bool,
    /// For seats to come.
    spare: Vec<Arc<Condvar>>,
}

/// That of a thread that waits.
struct Seat<W> {
    number: u64,
    want: W,
    /// Whether it was called, and has not looked since.
    called: bool,
    /// When it last asked the kernel, or sat down.
    asked: Instant,
    place: Arc<Condvar>,
}

impl<T: Common> Watch<T> {
    /// Of a crew of which nobody waits.
    pub fn new(common: T) -> Self {
        let (seats, spare) = (vec![], vec![]);
        Self { common, seats, leader: None, announced: 0, next: 0, polls: false, owes_question: false, spare }
    }

    /// Whether no thread waits.
    pub fn is_idle(&self) -> bool {
        !self.polls && self.seats.is_empty()
    }

    /// The number of a new seat, for a thread that waits for this and is about to look.
    pub fn sit(&mut self, want: T::Want) -> u64 {
        let (number, asked) = (self.next, Instant::now());
        self.next += 1;
        let place = self.spare.pop().unwrap_or_default();
        self.seats.push(Seat { number, want, called: true, asked, place });
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

    /// How long it is until this seat is to ask the kernel who lives; zero: it asks now. Of those that wait for the same it
    /// is the first; or it hears of the ends of all, and nobody that does has asked for that long, as where each wait is short.
    pub fn until_question(&mut self, number: u64, now: Instant) -> Duration {
        if self.common.until_question().is_zero() {
            self.common.watch();
            self.owes_question = true;
        }
        let at = self.at(number);
        if self.owes_question && T::hears_of_ends(&self.seats[at].want) {
            self.owes_question = false;
            self.seats[at].asked = now;
            return Duration::ZERO;
        }
        if !self.is_first(at) {
            return NAP;
        }
        let left = NAP.saturating_sub(now - self.seats[at].asked);
        if left.is_zero() {
            self.seats[at].asked = now;
        }
        left
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
        let mut called = if self.leader == Some(number) {
            self.leader = None;
            vec![]
        } else {
            self.hand_out()
        };
        // One that was called is awake, and will lead or come here.
        let is_vacant = self.leader.is_none() && !self.seats.iter().any(|seat| seat.called);
        if is_vacant && !self.seats.is_empty() && !mutated(Mutant::Desert) {
            // There may be more of the same.
            let next = self.seats.iter().position(|other| T::is_alike(&other.want, &seat.want)).unwrap_or(0);
            self.seats[next].called = true;
            called.push(self.seats[next].place.clone());
        }
        called
    }
}

#[cfg(all(test, not(loom)))]
pub(super) mod tests {
    use super::*;
    use crate::abi::{MAIL, ROOM};
    use crate::rank::{Polling, Wait};
    use crate::sync::AtomicU32;
    use core::cell::{Cell, RefCell};

    /// There is something for those that wait for one of these; and which bits are set.
    #[derive(Default)]
    pub struct News {
        of: RefCell<Vec<u32>>,
        set: Cell<u32>,
        questions: Cell<u32>,
        until_question: Cell<Duration>,
    }

    /// Those below 10 wait for mail, the others for room.
    impl Common for News {
        type Want = u32;

        fn bits(want: &u32) -> u32 {
            if *want < 10 { MAIL } else { ROOM }
        }

        fn is_alike(one: &u32, other: &u32) -> bool {
            one == other
        }

        fn hears_of_ends(want: &u32) -> bool {
            *want == 5
        }

        fn has_news(&self, want: &u32, is_first: bool) -> bool {
            is_first && self.of.borrow().contains(want)
        }

        fn fall_asleep(&self, _: &u32, bits: u32, _: Instant) -> Seen {
            self.set.update(|set| set | bits);
            Seen::Now
        }

        fn wake_up(&self, bits: u32) {
            self.set.update(|set| set & !bits);
        }

        fn until_question(&self) -> Duration {
            self.until_question.get()
        }

        fn watch(&self) {
            self.questions.update(|count| count + 1);
            self.until_question.set(NAP);
        }

        fn how(&self) -> Wait {
            Wait::Spin
        }

        fn polling(&self) -> Polling {
            Polling::Free
        }
    }

    pub fn bells() -> Bells {
        let word = || AtomicU32::new(0);
        Bells { word: word(), modes: [word(), word()], events: [word(), word()] }
    }

    /// A crew of threads that wait for these and sleep, the first of whom leads; their numbers.
    fn asleep<const N: usize>(wants: [u32; N]) -> (Watch<News>, [u64; N]) {
        let mut watch = Watch::new(News::default());
        let numbers = wants.map(|want| {
            let number = watch.sit(want);
            watch.announce(number, &bells());
            watch.follow(number);
            number
        });
        (watch, numbers)
    }

    fn called(watch: &Watch<News>) -> Vec<u64> {
        watch.seats.iter().filter(|seat| seat.called).map(|seat| seat.number).collect()
    }

    #[test]
    fn a_bit_is_set_as_long_as_somebody_waits_for_it() {
        let (mut watch, [mail, room, also]) = asleep([1, 10, 11]);
        assert_eq!((watch.announced, watch.common.set.get()), (MAIL | ROOM, MAIL | ROOM));
        watch.leave(room);
        assert_eq!(watch.announced, MAIL | ROOM);
        watch.leave(also);
        assert_eq!((watch.announced, watch.common.set.get()), (MAIL, MAIL));
        watch.leave(mail);
        assert_eq!((watch.announced, watch.common.set.get()), (0, 0));
        assert!(watch.is_idle());
    }

    #[test]
    fn a_bit_that_was_rung_is_set_again_by_the_leader_alone() {
        let (mut watch, [leader, follower]) = asleep([1, 2]);
        watch.common.set.set(0);
        watch.announce(follower, &bells());
        assert_eq!(watch.common.set.get(), 0);
        watch.announce(leader, &bells());
        assert_eq!(watch.common.set.get(), MAIL);
    }

    #[test]
    fn who_led_calls_one_that_waits_for_the_same_before_others() {
        let (mut watch, [leader, other, same]) = asleep([1, 2, 1]);
        assert_eq!((watch.leave(leader).len(), watch.leader), (1, None));
        assert_eq!(called(&watch), [same]);
        // That one is awake: if it goes, or leads and goes, the next is called.
        watch.announce(same, &bells());
        assert_eq!(watch.leave(same).len(), 1);
        assert_eq!(called(&watch), [other]);
        assert!(watch.leave(other).is_empty());
    }

    #[test]
    fn one_that_was_called_to_lead_and_leaves_instead_calls_another() {
        let (mut watch, [leader, asleep, also]) = asleep([1, 2, 3]);
        // It has found what it wants, and leaves when it gets the lock.
        let done = watch.sit(4);
        assert!(watch.leave(leader).is_empty());
        assert_eq!((watch.leave(done).len(), called(&watch)), (1, vec![asleep]));
        // One that is called as the leader leaves, and was done before.
        assert_eq!((watch.leave(asleep).len(), called(&watch)), (1, vec![also]));
    }

    #[test]
    fn a_question_is_asked_by_one_that_hears_of_ends_however_short_its_waits_are() {
        let (mut watch, [_room]) = asleep([10]);
        let now = Instant::now();
        watch.until_question(0, now);
        for _ in 0..3 {
            let number = watch.sit(5);
            assert_eq!(watch.until_question(number, now), Duration::ZERO, "it is due");
            assert_eq!(watch.until_question(number, now), NAP);
            watch.leave(number);
            let number = watch.sit(5);
            assert_eq!(watch.until_question(number, now), NAP, "it was asked");
            watch.leave(number);
            watch.common.until_question.set(Duration::ZERO);
        }
    }

    #[test]
    fn nobody_is_called_to_lead_where_one_is_awake() {
        let (mut watch, [leader, _asleep]) = asleep([1, 2]);
        let awake = watch.sit(3);
        assert!(watch.leave(leader).is_empty());
        assert_eq!(called(&watch), [awake]);
    }

    #[test]
    fn of_those_that_wait_for_the_same_the_first_is_called_and_looks_for_the_others_when_it_leaves() {
        let (mut watch, [_leader, first, second, third]) = asleep([10, 1, 1, 2]);
        watch.common.of.borrow_mut().extend([1, 2]);
        assert_eq!(watch.hand_out().len(), 2);
        assert_eq!(called(&watch), [first, third]);
        assert!(watch.hand_out().is_empty(), "they are called already");
        watch.leave(first);
        assert_eq!(called(&watch), [second, third]);
    }

    #[test]
    fn the_leader_is_not_among_those_that_it_calls() {
        let (mut watch, [_leader, other]) = asleep([1, 2]);
        watch.common.of.borrow_mut().push(1);
        assert!(watch.hand_out().is_empty());
        assert!(watch.has_news_for_leader());
        watch.common.of.replace(vec![2]);
        assert!(!watch.has_news_for_leader());
        assert_eq!((watch.hand_out().len(), called(&watch)), (1, vec![other]));
    }

    #[test]
    fn each_kind_has_its_questions_asked_and_the_rank_s_own_come_too() {
        let (mut watch, [first, same, other]) = asleep([1, 1, 2]);
        let later = Instant::now() + NAP;
        assert_eq!(watch.until_question(same, later), NAP, "the first asks for it");
        assert_eq!(watch.until_question(first, later), Duration::ZERO);
        assert_eq!(watch.until_question(first, later), NAP);
        assert_eq!(watch.until_question(other, later), Duration::ZERO);
        watch.leave(first);
        assert_eq!(watch.until_question(same, later), Duration::ZERO, "it is the first");
        assert_eq!(watch.common.questions.get(), 1);
    }
}
