//! Supervisors, whose children are here or on other ranks.

use kit::PATIENCE;
use mailbox::{Config, Deadline, Region};
use mailbox_patterns::actor::{
    Actor, ActorId, Address, Children, Context, Down, InProcess, Limits, Next, Reason, Strategy, Supervise,
    Supervisor, System,
};
use mailbox_patterns::codec::Plain;
use mailbox_patterns::protocol;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Ends an actor in this way.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct End(u8);

const STOP: End = End(0);
const PANIC: End = End(1);

protocol! { End as "End" in Plain }

fn fragile(end: End, _: &mut Context<'_, End>) -> Next<End> {
    assert!(end.0 == STOP.0, "as it was told");
    Next::Stop
}

fn alone() -> System {
    let region = Region::create_unnamed(Config::ranks(1)).expect("memory");
    System::new(region.join(0).expect("free"), Limits::default())
}

fn children(system: &mut System, supervisor: Address<Supervise>) -> Vec<Option<ActorId>> {
    let Children(all) = system.ask(supervisor, SECOND, Supervise::children).expect("it runs");
    all.into_iter().map(|(_, actor)| actor).collect()
}

fn end(system: &mut System, actor: Option<ActorId>, how: End) {
    system.tell(actor.expect("it runs").address(), how).expect("it runs");
    system.run_for(MILLI).expect("it works");
}

struct Watch(ActorId, Rc<RefCell<Vec<Down>>>);

enum Watched {
    Down(Down),
}

protocol! { Watched as "Watched" in InProcess }

impl Actor<Watched> for Watch {
    fn started(&mut self, cx: &mut Context<'_, Watched>) {
        cx.monitor(self.0, Watched::Down);
    }

    fn receive(&mut self, Watched::Down(down): Watched, _: &mut Context<'_, Watched>) -> Next<Watched> {
        self.1.borrow_mut().push(down);
        Next::Same
    }
}

/// What becomes known of its end.
fn watch(system: &mut System, actor: ActorId) -> Rc<RefCell<Vec<Down>>> {
    let seen = Rc::new(RefCell::new(vec![]));
    system.spawn(Watch(actor, Rc::clone(&seen))).expect("room");
    seen
}

#[test]
fn one_for_one_starts_the_one_again_that_has_ended() {
    let mut system = alone();
    let supervisor = Supervisor::new(Strategy::OneForOne)
        .child("a", || fragile)
        .child("b", || fragile)
        .child("c", || fragile)
        .may_stop();
    let supervisor = system.spawn(supervisor).expect("room");
    let before = children(&mut system, supervisor);
    end(&mut system, before[1], PANIC);
    let after = children(&mut system, supervisor);
    assert_eq!((after[0], after[2]), (before[0], before[2]));
    assert!(after[1].is_some() && after[1] != before[1]);
    // One that is to run always is started again when it stops, and one that may stop is not.
    end(&mut system, after[0], STOP);
    end(&mut system, after[2], STOP);
    let last = children(&mut system, supervisor);
    assert!(last[0].is_some() && last[0] != after[0]);
    assert_eq!((last[1], last[2]), (after[1], None));
    assert_eq!(system.actors(), 3);
}

#[test]
fn one_for_all_starts_all_again_in_order() {
    let mut system = alone();
    let starts = Rc::new(RefCell::new(String::new()));
    let child = |name: char| {
        let starts = Rc::clone(&starts);
        move || {
            starts.borrow_mut().push(name);
            fragile
        }
    };
    let supervisor = Supervisor::new(Strategy::OneForAll)
        .child("a", child('a'))
        .child("b", child('b'))
        .child("c", child('c'));
    let supervisor = system.spawn(supervisor).expect("room");
    let before = children(&mut system, supervisor);
    let ends = watch(&mut system, before[2].expect("it runs"));
    end(&mut system, before[1], PANIC);
    let after = children(&mut system, supervisor);
    assert!((0..3).all(|at| after[at].is_some() && after[at] != before[at]), "{before:?} {after:?}");
    assert!(before.iter().flatten().all(|actor| !system.has(*actor)));
    assert_eq!(*starts.borrow(), "abcabc");
    assert_eq!(ends.borrow()[0].reason, Reason::Killed);
}

#[test]
fn one_that_starts_too_often_ends_and_so_do_its_children() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll] {
        let mut system = alone();
        let within = SECOND * 60;
        let supervisor =
            Supervisor::new(strategy).restarts(2, within).child("a", || fragile).child("b", || fragile);
        let supervisor = system.spawn(supervisor).expect("room");
        let ends = watch(&mut system, supervisor.id());
        for _ in 0..2 {
            let actor = children(&mut system, supervisor)[0];
            end(&mut system, actor, PANIC);
        }
        assert_eq!((system.actors(), ends.borrow().len()), (4, 0));
        let actor = children(&mut system, supervisor)[0];
        end(&mut system, actor, PANIC);
        let reason = Reason::TooManyRestarts { most: 2, within };
        assert_eq!(*ends.borrow(), [Down { actor: supervisor.id(), reason }]);
        assert_eq!(system.actors(), 1, "only the one that watches");
    }
}

#[test]
fn restarts_of_long_ago_do_not_count() {
    let mut system = alone();
    let supervisor = Supervisor::new(Strategy::OneForOne).restarts(1, MILLI * 10).child("a", || fragile);
    let supervisor = system.spawn(supervisor).expect("room");
    for _ in 0..5 {
        let actor = children(&mut system, supervisor)[0];
        end(&mut system, actor, PANIC);
        system.run_for(MILLI * 15).expect("it works");
    }
    assert!(system.has(supervisor.id()));
}

#[test]
fn a_child_that_cannot_start_ends_its_supervisor_without_a_long_chain_of_calls() {
    let mut system = alone();
    let starts = Rc::new(Cell::new(0));
    let count = Rc::clone(&starts);
    let make = move || -> fn(End, &mut Context<'_, End>) -> Next<End> {
        count.set(count.get() + 1);
        std::panic::resume_unwind(Box::new("it cannot"));
    };
    let supervisor = Supervisor::new(Strategy::OneForAll).restarts(20_000, SECOND * 60).child("a", make);
    let supervisor = system.spawn(supervisor).expect("room");
    let ends = watch(&mut system, supervisor.id());
    assert!(system.run_until(PATIENCE, |_| !ends.borrow().is_empty()).expect("it works"));
    assert_eq!(starts.get(), 20_001);
}

#[test]
fn supervisors_of_supervisors_start_whole_trees_again() {
    let mut system = alone();
    let inner = Rc::new(Cell::new(0));
    let count = Rc::clone(&inner);
    let outer = Supervisor::new(Strategy::OneForOne).restarts(1, SECOND * 60).child("inner", move || {
        count.set(count.get() + 1);
        Supervisor::new(Strategy::OneForOne).restarts(0, SECOND).child("leaf", || fragile)
    });
    let outer = system.spawn(outer).expect("room");
    let leaf = |system: &mut System| {
        let inner = children(system, outer)[0].expect("it runs");
        children(system, inner.address())[0]
    };
    let first = leaf(&mut system);
    end(&mut system, first, PANIC);
    let second = leaf(&mut system);
    assert!(second != first && inner.get() == 2);
    assert_eq!(system.actors(), 3);
    end(&mut system, second, PANIC);
    assert_eq!(system.actors(), 0, "the outer one may start it again only once");
    // One that is told to stop leaves nothing behind. One that is ended does not either.
    for way in 0..2 {
        let outer = Supervisor::new(Strategy::OneForOne)
            .child("inner", || Supervisor::new(Strategy::OneForAll).child("leaf", || fragile));
        let outer = system.spawn(outer).expect("room");
        assert!(children(&mut system, outer)[0].is_some());
        system.run_for(MILLI).expect("it works");
        assert_eq!(system.actors(), 3);
        if way == 0 {
            system.tell(outer, Supervise::stop()).expect("it runs");
        } else {
            let id = outer.id();
            let killer = system.spawn(move |(), cx: &mut Context<'_, ()>| {
                cx.stop(id);
                Next::Stop
            });
            system.tell(killer.expect("room"), ()).expect("it runs");
        }
        system.run_for(MILLI).expect("it works");
        assert_eq!(system.actors(), 0);
    }
}

/// Three ranks: the first has the supervisor, the others have the kind.
struct Ranks {
    region: Region,
    all: Vec<Option<System>>,
}

impl Ranks {
    fn new() -> Self {
        let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
        let mut ranks = Self { region, all: vec![None, None, None] };
        (0..3).for_each(|rank| ranks.join(rank));
        ranks
    }

    fn join(&mut self, rank: u32) {
        let me = self.region.join(rank).expect("free");
        let mut system = System::new(me, Limits::default());
        system.kind("fragile", |()| fragile);
        self.all[rank as usize] = Some(system);
    }

    fn first(&mut self) -> &mut System {
        self.all[0].as_mut().expect("it is there")
    }

    #[track_caller]
    fn drive(&mut self, what: &str, mut holds: impl FnMut(&mut System) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self.first()) {
            assert!(Instant::now() < end, "not in time: {what}");
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.all.iter_mut().flatten().for_each(|system| system.turn(MILLI / 4).expect("it works"));
    }

    /// Until the children run on these ranks. Which they are.
    #[track_caller]
    fn on(&mut self, supervisor: Address<Supervise>, ranks: &[u32]) -> Vec<ActorId> {
        let mut found = vec![];
        self.drive(&format!("they run on {ranks:?}"), |system| {
            found = children(system, supervisor).into_iter().flatten().collect();
            found.iter().map(ActorId::rank).eq(ranks.iter().copied())
        });
        found
    }
}

#[test]
fn a_child_of_a_rank_that_ended_is_started_on_another_or_when_it_is_back() {
    let mut ranks = Ranks::new();
    let supervisor = Supervisor::new(Strategy::OneForOne)
        .restarts(100, SECOND * 60)
        .child_on("either", &[1, 2], "fragile", &())
        .child_on("only", &[1], "fragile", &());
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    let before = ranks.on(supervisor, &[1, 1]);
    ranks.all[1] = None;
    // One goes to the other rank, and the other one waits.
    let one = ranks.on(supervisor, &[2])[0];
    assert!(!before.contains(&one));
    ranks.join(1);
    let both = ranks.on(supervisor, &[2, 1]);
    assert_eq!(both[0], one);
    ranks.all[2] = None;
    let last = ranks.on(supervisor, &[1, 1]);
    assert_eq!(last[1], both[1]);
    assert_eq!(ranks.all[1].as_ref().map(System::actors), Some(2));
}

#[test]
fn one_for_all_over_ranks_leaves_no_child_behind() {
    let mut ranks = Ranks::new();
    let supervisor = Supervisor::new(Strategy::OneForAll)
        .restarts(100, SECOND * 60)
        .child_on("a", &[1], "fragile", &())
        .child_on("b", &[2], "fragile", &())
        .child("c", || fragile);
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    let before = ranks.on(supervisor, &[1, 2, 0]);
    ranks.first().tell(before[0].address(), PANIC).expect("it runs");
    ranks.drive("it ends", |system| !children(system, supervisor).contains(&Some(before[0])));
    let after = ranks.on(supervisor, &[1, 2, 0]);
    assert!(before.iter().all(|actor| !after.contains(actor)));
    let counts = |ranks: &Ranks| -> Vec<_> { ranks.all.iter().flatten().map(System::actors).collect() };
    assert_eq!(counts(&ranks), [2, 1, 1]);
    // With its supervisor all goes.
    ranks.first().tell(supervisor, Supervise::stop()).expect("it runs");
    (0..100).for_each(|_| ranks.turn());
    assert_eq!(counts(&ranks), [0, 0, 0]);
}

#[test]
fn a_kind_that_is_not_there_is_tried_as_often_as_it_may() {
    let mut ranks = Ranks::new();
    let within = SECOND * 60;
    let supervisor = Supervisor::new(Strategy::OneForOne).restarts(5, within).child_on("a", &[1], "no", &());
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    let ends = watch(ranks.first(), supervisor.id());
    ranks.drive("it ends", |_| !ends.borrow().is_empty());
    assert_eq!(ends.borrow()[0].reason, Reason::TooManyRestarts { most: 5, within });
}

#[test]
fn when_the_rank_of_a_supervisor_ends_so_do_its_children_elsewhere() {
    let mut ranks = Ranks::new();
    let supervisor = Supervisor::new(Strategy::OneForOne).child_on("a", &[1], "fragile", &());
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    let child = ranks.on(supervisor, &[1])[0];
    let ends = watch(ranks.all[2].as_mut().expect("it is there"), child);
    (0..20).for_each(|_| ranks.turn());
    ranks.all[0] = None;
    ranks.join(0);
    ranks.drive("it is told", |_| !ends.borrow().is_empty());
    assert_eq!(ends.borrow()[0].reason, Reason::Linked(supervisor.id()));
    assert_eq!(ranks.all[1].as_ref().map(System::actors), Some(0));
}

#[test]
fn a_start_that_is_not_wanted_any_more_may_fail() {
    let mut ranks = Ranks::new();
    ranks.all[1].as_mut().expect("it is there").kind("short", |()| Short);
    let supervisor = Supervisor::new(Strategy::OneForAll)
        .restarts(1000, SECOND * 60)
        .child_on("there", &[1], "short", &())
        .child("here", || fragile);
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    for _ in 0..5 {
        let here = children(ranks.first(), supervisor)[1];
        // All are started again while the start of the first one goes on. This one may have ended meanwhile.
        _ = here.map(|here| ranks.first().tell(here.address(), PANIC));
        ranks.first().run_for(MILLI).expect("it works");
        ranks.turn();
    }
    (0..20).for_each(|_| ranks.turn());
    assert!(ranks.first().has(supervisor.id()));
    assert!(children(ranks.first(), supervisor)[1].is_some());
}

/// Fails when it starts.
struct Short;

impl Actor<End> for Short {
    fn started(&mut self, _: &mut Context<'_, End>) {
        std::panic::resume_unwind(Box::new("at once"));
    }

    fn receive(&mut self, _: End, _: &mut Context<'_, End>) -> Next<End> {
        Next::Same
    }
}

#[test]
fn a_child_that_has_just_started_stops_with_its_supervisor() {
    let mut ranks = Ranks::new();
    let supervisor = Supervisor::new(Strategy::OneForOne).child_on("a", &[1], "fragile", &());
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    ranks.first().turn(Deadline::Now).expect("it works");
    let host = ranks.all[1].as_mut().expect("it is there");
    assert!(host.run_until(PATIENCE, |host| host.actors() == 1).expect("it works"));
    // The order comes before the word that it was started.
    ranks.first().tell(supervisor, Supervise::stop()).expect("it runs");
    let end = Instant::now() + PATIENCE;
    while ranks.all.iter().flatten().any(|system| system.actors() > 0) {
        assert!(Instant::now() < end, "both end");
        ranks.turn();
    }
}

#[test]
fn a_rank_that_cannot_start_a_child_is_passed_over() {
    let mut ranks = Ranks::new();
    ranks.all[2].as_mut().expect("it is there").kind("only here", |()| fragile);
    let supervisor =
        Supervisor::new(Strategy::OneForOne).restarts(0, SECOND).child_on("a", &[1, 2], "only here", &());
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    ranks.on(supervisor, &[2]);
    // When none can, that counts.
    let supervisor =
        Supervisor::new(Strategy::OneForOne).restarts(0, SECOND).child_on("a", &[1, 2], "nowhere", &());
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    ranks.drive("it ends", |system| !system.has(supervisor.id()));
}

#[test]
fn a_child_waits_for_a_rank_that_has_no_room() {
    let mut ranks = Ranks::new();
    let there = ranks.all[1].as_mut().expect("it is there").spawn(fragile).expect("room");
    while ranks.first().tell(there, STOP).is_ok() {}
    let supervisor =
        Supervisor::new(Strategy::OneForOne).restarts(0, SECOND).child_on("a", &[1], "fragile", &());
    let supervisor = ranks.first().spawn(supervisor).expect("room");
    ranks.first().run_for(MILLI).expect("it works");
    assert!(ranks.first().has(supervisor.id()));
    ranks.on(supervisor, &[1]);
}
