//! The slots of groups.

use super::{AGE, BELL, SELDOM, Turn, bells, check, mail, side_by_side, sleep_in, wait};
use loom::cell::UnsafeCell;
use loom::thread;
use mailbox::lab::abi::{Bells, DEPTH};
use mailbox::lab::memory::GroupSlot;
use mailbox::lab::os::{end_of_ringer, have_barriers};
use mailbox::lab::rank::{FENCE, Order, Ringer, is_asleep};
use mailbox::lab::slot::{Decided, Reader, Writer};
use mailbox::lab::sync::Edge::{
    Arrived, Awaited, Decided as DecidedEdge, Finished, Group, RingerFence, SleeperFence, Successor,
};
use mailbox::lab::sync::Mutant::{self, Acquire, Barrier, Blind, Clear, Fence, Release};
use mailbox::lab::sync::{AtomicU64, Ordering, full_fence};
use std::sync::Arc;

/// The number of the group, of the one before it in these slots, and of the one after it.
const NOW: u64 = 3;
const BEFORE: u64 = 5;
const AFTER: u64 = 7;

/// Which operation all take part in.
const OPERATION: u64 = 9;

/// A slot, and its lines as loom's race detector sees them.
struct Place {
    slot: GroupSlot,
    lines: [UnsafeCell<()>; DEPTH as usize],
}

// SAFETY: the cells hold nothing; they are there to have accesses to them checked.
#[expect(unsafe_code, reason = "loom's cells are not Sync, as the real ones")]
unsafe impl Sync for Place {}

impl Place {
    fn new() -> Arc<Self> {
        Self::with_window(0)
    }

    fn with_window(words: usize) -> Arc<Self> {
        Arc::new(Self { slot: GroupSlot::on_heap(words), lines: Default::default() })
    }

    fn line(&self, round: u64) -> &UnsafeCell<()> {
        &self.lines[(round % DEPTH) as usize]
    }
}

/// A member's own end.
struct Own {
    place: Arc<Place>,
    writer: Writer,
}

/// Its end of another member's slot.
struct Other {
    place: Arc<Place>,
    reader: Reader,
}

impl Own {
    fn begin(place: &Arc<Place>, group: u64) -> Self {
        Self { place: place.clone(), writer: Writer::begin(place.slot.clone(), group) }
    }

    /// Publishes a value in this round, in which there is room.
    fn publish(&mut self, round: u64, value: u64) {
        self.place.line(round).with_mut(|_| ());
        self.writer.publish(round, OPERATION, 8, &value.to_ne_bytes());
    }
}

impl Other {
    fn new(place: &Arc<Place>, group: u64) -> Self {
        Self { place: place.clone(), reader: Reader::new(place.slot.clone(), group) }
    }

    /// What the member has published in this round, if it has.
    fn taken(&self, round: u64) -> Option<u64> {
        let published = self.reader.published(round)?;
        let mut bytes = [0; 8];
        self.place.line(round).with(|_| published.copy(8, 0, &mut bytes));
        assert_eq!((published.operation, published.len), (OPERATION, 8));
        Some(u64::from_ne_bytes(bytes))
    }

    fn take(&self, round: u64) -> u64 {
        wait(|| self.taken(round))
    }

    fn wait_until_finished(&self, round: u64) {
        wait(|| self.reader.has_finished(round).then_some(()));
    }
}

/// A slot as a former group has left it: a line that is taken for one of the new group, if it is seen.
fn used_place() -> Arc<Place> {
    let place = Place::new();
    let mut former = Own::begin(&place, BEFORE);
    former.publish(0, 404);
    former.writer.finish(1);
    former.writer.drop_group(BEFORE);
    place
}

// --- Rounds ------------------------------------------------------------------------------------------------

const LINES: [Mutant; 4] = [Release(Group), Acquire(Group), Release(Arrived), Acquire(Arrived)];

#[test]
fn two_members_take_what_the_other_has_published_and_nothing_of_a_former_group() {
    check(None, &LINES, |turn| {
        let places = [used_place(), used_place()];
        let part = |me: usize| {
            let [mine, theirs] = [places[me].clone(), places[1 - me].clone()];
            move || {
                let other = Other::new(&theirs, NOW);
                let mut own = Own::begin(&mine, NOW);
                own.publish(0, me as u64);
                assert_eq!(other.take(0), 1 - me as u64);
            }
        };
        side_by_side(turn, part(0), part(1));
    });
}

#[test]
fn three_members_take_what_the_others_have_published() {
    check(None, &[Release(Arrived), Acquire(Arrived)], |turn| {
        let places = [Place::new(), Place::new(), Place::new()];
        let [first, second, third] = places.each_ref().map(|place| Own::begin(place, NOW));
        let part = |me: u64, mut own: Own| {
            let others: Vec<Other> = places.iter().map(|place| Other::new(place, NOW)).collect();
            move || {
                own.publish(0, me);
                for (member, other) in (0..).zip(&others).filter(|(member, _)| *member != me) {
                    // No wait: in a model, two that wait could do so for each other without end.
                    assert!(other.taken(0).is_none_or(|value| value == member));
                }
            }
        };
        let (mut first, second, third) = (part(0, first), part(1, second), part(2, third));
        let both = move || {
            let second = thread::spawn(second);
            first();
            second.join().unwrap();
        };
        side_by_side(turn, both, third);
    });
}

#[test]
fn a_line_is_written_again_once_its_slow_reader_has_finished() {
    check(None, &[Release(Arrived), Acquire(Arrived), Release(Finished), Acquire(Finished)], |turn| {
        let [root, reader] = [Place::new(), Place::new()];
        let (mut own, slow) = (Own::begin(&root, NOW), Own::begin(&reader, NOW));
        let (from_root, from_reader) = (Other::new(&root, NOW), Other::new(&reader, NOW));
        for round in 0..DEPTH {
            assert_eq!(own.writer.needs_finished(round, 0), None, "it may be so far ahead");
            own.publish(round, round);
        }
        let publish = move || {
            for round in DEPTH..DEPTH + 2 {
                from_reader.wait_until_finished(own.writer.needs_finished(round, 0).expect("a former use"));
                own.publish(round, round);
            }
        };
        let take = move || {
            for round in 0..DEPTH + 2 {
                assert_eq!(from_root.take(round), round);
                slow.writer.finish(round + 1);
            }
        };
        side_by_side(turn, publish, take);
    });
}

#[test]
fn what_a_member_publishes_says_what_it_has_finished() {
    check(None, &[Release(Arrived), Acquire(Arrived)], |turn| {
        let places = [Place::new(), Place::new()];
        let mut owns = places.each_ref().map(|place| Own::begin(place, NOW));
        let others = places.each_ref().map(|place| Other::new(place, NOW));
        for round in 0..DEPTH - 1 {
            for (own, me) in owns.iter_mut().zip(0..) {
                own.publish(round, me);
            }
            assert_eq!(others.each_ref().map(|other| other.take(round)), [0, 1]);
        }
        let ([one, two], [from_one, from_two]) = (owns, others);
        let part = |mut own: Own, other: Other| {
            move || {
                for round in DEPTH - 1..DEPTH + 1 {
                    if let Some(needed) = own.writer.needs_finished(round, 0) {
                        assert!(other.reader.has_finished(needed), "it has published a later one");
                    }
                    own.publish(round, round);
                    assert_eq!(other.take(round), round);
                }
            }
        };
        side_by_side(turn, part(one, from_two), part(two, from_one));
    });
}

#[test]
fn what_lies_in_the_window_is_there_when_its_line_says_so() {
    // One word longer than a line.
    const LEN: usize = 112;
    check(Some(2), &[Release(Arrived), Acquire(Arrived)], |turn| {
        let place = Place::with_window(LEN / 8 * DEPTH as usize);
        let (mut own, other) = (Own::begin(&place, NOW), Other::new(&place, NOW));
        let publish = move || {
            own.writer.write(0, 0, &[1; LEN - 8]);
            own.writer.write(0, LEN - 8, &[2; 8]);
            own.writer.publish(0, OPERATION, LEN as u64, &[]);
        };
        let take = move || {
            let published = wait(|| other.reader.published(0));
            let (mut first, mut last) = ([0; 8], [0; 8]);
            published.copy(LEN, 0, &mut first);
            published.copy(LEN, LEN - 8, &mut last);
            assert_eq!((first, last), ([1; 8], [2; 8]));
        };
        side_by_side(turn, publish, take);
    });
}

// --- The end of a group ------------------------------------------------------------------------------------

#[test]
fn a_slot_is_used_again_once_a_member_that_is_late_has_read_what_it_needs() {
    check(None, &[Release(Group), Acquire(Group)], |turn| {
        let [root, member] = [Place::new(), used_place()];
        let (late, at_root) = (Other::new(&member, NOW), root.clone());
        let mut own = Own::begin(&root, NOW);
        own.publish(0, 1);
        own.writer.drop_group(NOW);
        let reuse = move || {
            wait(|| late.reader.is_away().then_some(()));
            Own::begin(&root, AFTER).publish(0, 2);
        };
        let read = move || {
            let own = Own::begin(&member, NOW);
            assert_eq!(Other::new(&at_root, NOW).take(0), 1);
            own.writer.drop_group(NOW);
        };
        side_by_side(turn, reuse, read);
    });
}

#[test]
fn a_late_reader_sees_a_later_life_or_what_the_former_has_published() {
    for has_looked in [false, true] {
        check(None, &[Release(Successor), Acquire(Successor)], move |turn| {
            let place = Place::new();
            let life = Arc::new(AtomicU64::new(1));
            let mut former = Own::begin(&place, NOW);
            former.writer.publish(0, OPERATION, 8, &[1; 8]);
            let reader = Reader::new(place.slot.clone(), NOW);
            assert!(!has_looked || reader.has_begun());
            let claimed = life.clone();
            let succeed = move || {
                claimed.store(2, Ordering::Relaxed);
                let mut successor = Writer::begin(place.slot.clone(), AFTER);
                successor.publish(0, OPERATION + 1, 16, &[2; 16]);
            };
            let read = move || {
                let Some(published) = reader.published(0) else { return };
                let mut bytes = [0; 8];
                published.copy(8, 0, &mut bytes);
                if Reader::end_copy(&life) == 1 {
                    assert_eq!((bytes, published.operation, published.len), ([1; 8], OPERATION, 8));
                }
            };
            side_by_side(turn, succeed, read);
        });
    }
}

// --- The group that follows --------------------------------------------------------------------------------

/// What member `by` decides: a slot that is free for all.
fn decision(by: u64, free: u64) -> Decided {
    Decided { slot: free, id: 100 + by, members: std::array::from_fn(|word| by + word as u64) }
}

#[test]
fn all_take_the_decision_of_the_first_that_has_one_also_if_it_dies() {
    for decides in [false, true] {
        check(Some(3), &[Release(DecidedEdge), Acquire(DecidedEdge)], move |turn| {
            let slots: [_; 3] = std::array::from_fn(|_| GroupSlot::on_heap(0));
            let [first, second, third] = slots.each_ref().map(|slot| Writer::begin(slot.clone(), NOW));
            let readers = || slots.each_ref().map(|slot| Reader::new(slot.clone(), NOW));
            let ([_, second_of_0, third_of_0], [first_of_1, _, third_of_1]) = (readers(), readers());
            let [first_of_2, second_of_2, _] = readers();
            // As the kernel says it.
            let is_dead = Arc::new(AtomicU64::new(0));
            let [dies, is_dead_for_1, is_dead_for_2] = [is_dead.clone(), is_dead.clone(), is_dead];
            // Nobody waits here: each looks once, and has no decision if it would have to look again.
            let of_first = |first: &Reader, is_dead: &AtomicU64| {
                let has_ended = is_dead.load(Ordering::Acquire) == 1;
                (first.decision(1), has_ended)
            };
            let die = move || {
                if decides && let (Some(one), Some(other)) = (second_of_0.free(1), third_of_0.free(1)) {
                    first.decide(1, &decision(0, one & other));
                }
                dies.store(1, Ordering::Release);
            };
            let last = move || {
                third.ask_for_shrink(1, 6);
                match of_first(&first_of_2, &is_dead_for_2) {
                    (None, true) => second_of_2.decision(1),
                    (decided, _) => decided,
                }
            };
            let go_on = move || {
                let last = thread::spawn(last);
                second.ask_for_shrink(1, 3);
                let decided = match of_first(&first_of_1, &is_dead_for_1) {
                    (None, true) => third_of_1.free(1).map(|free| {
                        let own = decision(1, 3 & free);
                        second.decide(1, &own);
                        own
                    }),
                    (decided, _) => decided,
                };
                let both = [decided, last.join().unwrap()];
                for decided in both.iter().flatten() {
                    assert_eq!(*decided, decision(decided.id - 100, 2), "torn");
                }
                if let [Some(one), Some(other)] = both {
                    assert_eq!(one, other);
                }
            };
            side_by_side(turn, die, go_on);
        });
    }
}

// --- Sleep -------------------------------------------------------------------------------------------------

/// A member that waits for what members 1 and 2 publish, and sleeps meanwhile.
struct Sleeper {
    bells: Arc<Bells>,
    slots: [GroupSlot; 3],
}

impl Sleeper {
    fn new() -> Self {
        let slots = std::array::from_fn(|_| GroupSlot::on_heap(0));
        Self { bells: bells(), slots }
    }

    /// What wakes it, as it sleeps in this order.
    fn sleep(&self, order: &Order) {
        let readers = self.slots.each_ref().map(|slot| Reader::new(slot.clone(), NOW));
        let own = Writer::begin(self.slots[0].clone(), NOW);
        let (mut next, mut awaited) = (1, None);
        let mut look = || {
            while next < 3 {
                if readers[next].published(0).is_some() {
                    next += 1;
                } else if awaited == Some(next) {
                    return None;
                } else {
                    awaited = Some(next);
                    own.awaits(Some(next as u32), is_asleep(&self.bells));
                }
            }
            Some(())
        };
        // Before it falls asleep, too.
        if look().is_none() {
            sleep_in(order, mail(&self.bells), look);
        }
    }

    /// Publishes as this member, and rings as `collective::Group` does.
    fn publish(&self, own: &mut Writer, member: u32) {
        own.publish(0, OPERATION, 0, &[]);
        let ringer = Ringer::register();
        if !ringer.needs_no_ring(mail(&self.bells)) {
            full_fence(RingerFence);
            let sleeper = Reader::new(self.slots[0].clone(), NOW);
            if !ringer.needs_no_ring(mail(&self.bells)) && sleeper.awaits(member) {
                ringer.ring(mail(&self.bells));
            }
        }
    }

    fn writers(&self) -> [Writer; 2] {
        [1, 2].map(|member| Writer::begin(self.slots[member].clone(), NOW))
    }
}

/// Both of the others publish, one after the other.
fn publish_both(sleeper: &Arc<Sleeper>) -> impl FnOnce() + Send + 'static {
    let [mut one, mut other] = sleeper.writers();
    let sleeper = sleeper.clone();
    move || {
        sleeper.publish(&mut one, 1);
        sleeper.publish(&mut other, 2);
    }
}

#[test]
fn a_member_that_sleeps_for_one_after_another_is_woken_by_each() {
    let mutants = [Fence(Awaited), Fence(SleeperFence), Fence(RingerFence), Clear, Blind];
    check(Some(3), &mutants, |turn| {
        let sleeper = Arc::new(Sleeper::new());
        side_by_side(turn, publish_both(&sleeper), move || sleeper.sleep(&Order::of(FENCE)));
    });
}

#[test]
fn it_is_woken_also_where_it_pays_for_the_order() {
    have_barriers(true);
    check(Some(2), &[Barrier, Clear], |turn: Turn| {
        let sleeper = Arc::new(Sleeper::new());
        let publish = publish_both(&sleeper);
        let publish = move || {
            publish();
            end_of_ringer();
        };
        let order = || Order::new(false, true, SELDOM, AGE);
        side_by_side(turn, publish, move || sleeper.sleep(&order()));
    });
    have_barriers(false);
}

#[test]
fn two_members_wake_one_that_sleeps_for_both() {
    check(Some(2), &BELL, |turn| {
        let sleeper = Arc::new(Sleeper::new());
        let [mut one, mut other] = sleeper.writers();
        let [first, second] = [sleeper.clone(), sleeper.clone()];
        let publish = move || {
            let publishing = thread::spawn(move || second.publish(&mut other, 2));
            first.publish(&mut one, 1);
            publishing.join().unwrap();
        };
        side_by_side(turn, publish, move || sleeper.sleep(&Order::of(FENCE)));
    });
}
