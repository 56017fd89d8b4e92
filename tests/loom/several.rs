//! A thread that waits for several things, as a select does.

use super::{
    BELL, Never, Sleeper, Turn, bells, check, count_and_ring, has_counted, mail, room_bell, side_by_side,
};
use loom::thread;
use mailbox::lab::abi::Bells;
use mailbox::lab::rank::{Bell, FENCE, Order, Ringer};
use mailbox::lab::select::Turns;
use mailbox::lab::sync::Mutant::{Narrow, Partial, Tardy};
use mailbox::lab::sync::{AtomicU64, Edge, Mutant, Ordering, full_fence};
use mailbox::lab::wait::{Deadline, Operation, Step, Together, drive};
use std::sync::Arc;

/// What peers publish: a count that is rung for at once, and one that is rung for where that is asked for, as a topic's value.
#[derive(Clone)]
struct Published {
    count: Arc<AtomicU64>,
    value: Arc<AtomicU64>,
    asks: Arc<AtomicU64>,
}

impl Published {
    fn new() -> Self {
        let [count, value, asks] = [0; 3].map(|start| Arc::new(AtomicU64::new(start)));
        Self { count, value, asks }
    }

    /// Publishes the value, as a topic's publisher does.
    fn publish(&self, bell: Bell<'_>) {
        self.value.store(1, Ordering::Release);
        full_fence(Edge::RingerFence);
        if self.asks.load(Ordering::Relaxed) != 0 {
            Ringer::register().ring(bell);
        }
    }
}

/// Two arms, of which those that were told are over.
struct Arms<'a> {
    published: &'a Published,
    turns: Turns,
    told: [bool; 2],
    found: Option<usize>,
}

impl Operation for Arms<'_> {
    type Error = Never;

    fn look(&mut self, _: bool) -> Result<bool, Never> {
        let Self { published, turns, told, found } = self;
        let counts = [&published.count, &published.value];
        *found = turns.find(2, |at| Ok::<_, Never>(!told[at] && has_counted(counts[at], 1).is_some()))?;
        Ok(found.is_some())
    }

    fn check(&mut self, _: bool) -> Result<bool, Never> {
        Ok(false)
    }

    fn step(&mut self) -> Result<Step, Never> {
        Ok(Step::Done)
    }

    fn fall_asleep(&self) {
        self.published.asks.fetch_or(1, Ordering::Relaxed);
    }
}

/// Waits on both bells, with the driver, until both arms were told.
fn wait_for_both(both: [Bell<'_>; 2], published: &Published) {
    let orders = [Order::of(FENCE), Order::of(FENCE)];
    let sleepers = [0, 1].map(|at| Sleeper { sleeps: [(&orders[at], both[at])] });
    let mut arms = Arms { published, turns: Turns::from(0), told: [false; 2], found: None };
    while arms.told != [true; 2] {
        let waiter = Together(&[&sleepers[0], &sleepers[1]]);
        assert!(drive(&waiter, Deadline::Never, || false, &mut arms).unwrap(), "there is no deadline");
        arms.told[arms.found.take().expect("it was found")] = true;
    }
}

/// One peer counts and rings the first of these bells, another publishes the value and rings the other.
fn check_both(mutants: &[Mutant], of: fn(&[Arc<Bells>; 2]) -> [Bell<'_>; 2]) {
    check(Some(2), mutants, move |turn: Turn| {
        let (both, published) = ([bells(), bells()], Published::new());
        let (rung, given) = (both.clone(), published.clone());
        let ringers = move || {
            let (first, one) = (rung.clone(), given.clone());
            let ringer = thread::spawn(move || count_and_ring(&one.count, of(&first)[0]));
            given.publish(of(&rung)[1]);
            ringer.join().unwrap();
        };
        side_by_side(turn, move || wait_for_both(of(&both), &published), ringers);
    });
}

#[test]
fn who_waits_for_mail_as_one_rank_and_for_a_value_as_another_is_told_both() {
    let mutants = [&BELL[..], &[Partial, Tardy, Narrow]].concat();
    check_both(&mutants, |both| [mail(&both[0]), mail(&both[1])]);
}

#[test]
fn who_waits_for_room_and_for_a_value_as_one_rank_is_told_both() {
    let mutants = [&BELL[..], &[Partial, Tardy, Narrow]].concat();
    check_both(&mutants, |both| [room_bell(&both[0]), mail(&both[0])]);
}
