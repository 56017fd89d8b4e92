//! Actors of ranks that are all run by this thread, one turn each at a time.

#[path = "actor/names.rs"]
mod names;
#[path = "actor/peers.rs"]
mod peers;
#[path = "actor/probe.rs"]
mod probe;
#[path = "actor/ranks.rs"]
mod ranks;

use kit::{Dice, PATIENCE};
use mailbox::{CallError, Config, Deadline, Region};
use mailbox_patterns::actor::{
    Actor, ActorId, Address, AskError, Context, Down, Limits, NameError, Next, Reason, Reply, SpawnError,
    System, TellError,
};
use mailbox_patterns::codec::Postcard;
use mailbox_patterns::protocol;
use postcard_schema::Schema;
use probe::{Do, Log, probe, run};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Schema)]
struct Number(u64);

protocol! { Number as "Number" in Postcard }

/// What the actors of these tests are told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Schema)]
enum Note {
    Add(u64),
    Get(Reply<Number>),
    Panic,
    Stop,
    Fail,
    Link(ActorId),
}

protocol! { Note as "Note" in Postcard }

/// Adds numbers.
#[derive(Default)]
struct Sum(u64);

impl Actor<Note> for Sum {
    fn receive(&mut self, note: Note, cx: &mut Context<'_, Note>) -> Next<Note> {
        match note {
            Note::Add(number) => self.0 += number,
            Note::Get(reply) => _ = cx.reply(reply, Number(self.0)),
            Note::Panic => panic!("as it was told"),
            Note::Stop => return Next::Stop,
            Note::Fail => return Next::Fail("it could not".into()),
            Note::Link(other) => cx.link(other),
        }
        Next::Same
    }
}

/// What an actor of a test sees.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Number(Result<Number, AskError>),
    Down(Down),
    Exit(Down),
    Named(Result<(), NameError>),
    Found(Result<ActorId, NameError>),
    Spawned(Result<ActorId, SpawnError>),
}

fn alone() -> System {
    alone_with(Limits::default())
}

fn alone_with(limits: Limits) -> System {
    let region = Region::create_unnamed(Config::ranks(1)).expect("memory");
    System::new(region.join(0).expect("free"), limits)
}

fn systems(ranks: u32) -> (Region, Vec<System>) {
    let region = Region::create_unnamed(Config::ranks(ranks)).expect("memory");
    let all = (0..ranks).map(|rank| join(&region, rank)).collect();
    (region, all)
}

fn join(region: &Region, rank: u32) -> System {
    System::new(region.join(rank).expect("free"), Limits::default())
}

/// Runs all in turns until this holds.
#[track_caller]
fn drive(systems: &mut [System], what: &str, mut holds: impl FnMut(&mut [System]) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds(systems) {
        assert!(Instant::now() < end, "not in time: {what}");
        systems.iter_mut().for_each(|system| system.turn(MILLI / 4).expect("it works"));
    }
}

/// Runs all until this many things were seen.
#[track_caller]
fn see(systems: &mut [System], log: &Log, count: usize) -> Vec<Seen> {
    drive(systems, "something is seen", |_| log.borrow().len() >= count);
    log.take()
}

fn get(system: &mut System, from: Address<Note>) -> Result<Number, AskError> {
    system.ask(from, SECOND, Note::Get)
}

#[test]
fn messages_come_in_order_and_many_kinds_of_actors_share_a_thread() {
    let mut system = alone();
    let order = Rc::new(RefCell::new(vec![]));
    let to = Rc::clone(&order);
    let listener = system.spawn(move |Number(number), _: &mut Context<'_, Number>| {
        to.borrow_mut().push(number);
        Next::Same
    });
    let listener = listener.expect("room");
    let sums: Vec<_> = (0..10_000).map(|_| system.spawn(Sum::default()).expect("room")).collect();
    for (number, sum) in (0..).zip(&sums) {
        system.tell(*sum, Note::Add(number)).expect("room");
        if number < 1000 {
            system.tell(listener, Number(number)).expect("room");
        }
    }
    for (number, sum) in (0..).zip(&sums) {
        assert_eq!(get(&mut system, *sum), Ok(Number(number)));
    }
    assert_eq!(*order.borrow(), (0..1000).collect::<Vec<_>>());
    assert_eq!((system.actors(), system.dead_letters()), (10_001, 0));
}

#[test]
fn an_actor_with_much_mail_does_not_keep_others_from_theirs() {
    let mut system = alone_with(Limits::default().turn(10));
    let order = Rc::new(RefCell::new(vec![]));
    let actors: Vec<_> = (0..3)
        .map(|name| {
            let to = Rc::clone(&order);
            let actor = system.spawn(move |_: Number, _: &mut Context<'_, Number>| {
                to.borrow_mut().push(name);
                Next::Same
            });
            actor.expect("room")
        })
        .collect();
    // One of them also sends to itself without end.
    let busy = system.spawn(|_: Number, cx: &mut Context<'_, Number>| {
        cx.tell(cx.me(), Number(0)).expect("room");
        Next::Same
    });
    system.tell(busy.expect("room"), Number(0)).expect("room");
    for (actor, count) in actors.iter().zip([500, 20, 20]) {
        (0..count).for_each(|_| system.tell(*actor, Number(0)).expect("room"));
    }
    drive(std::slice::from_mut(&mut system), "all is handled", |_| order.borrow().len() == 540);
    let order = order.borrow();
    let expected = [0, 1, 2, 0, 1, 2].into_iter().flat_map(|name| [name; 10]);
    assert!(order[..60].iter().copied().eq(expected), "{:?}", &order[..60]);
}

#[test]
fn behaviours_change_and_the_address_stays() {
    let mut system = alone();
    let door = system.spawn(|_: Note, _: &mut Context<'_, Note>| {
        Next::become_(|note, cx: &mut Context<'_, Note>| match note {
            Note::Get(reply) => {
                cx.reply(reply, Number(17)).expect("it waits");
                Next::become_(Sum(40))
            }
            _ => Next::Same,
        })
    });
    let door = door.expect("room");
    // All of it is in its mailbox when it changes.
    system.tell(door, Note::Stop).expect("room");
    system.tell(door, Note::Stop).expect("room");
    assert_eq!(get(&mut system, door), Ok(Number(17)));
    system.tell(door, Note::Add(2)).expect("room");
    assert_eq!(get(&mut system, door), Ok(Number(42)));
    system.tell(door, Note::Stop).expect("room");
    assert_eq!(get(&mut system, door), Err(TellError::Gone(door.id()).into()));
}

#[test]
fn what_cannot_be_told_is_a_typed_error() {
    let mut system = alone_with(Limits::default().mailbox(3).actors(2));
    let sum = system.spawn(Sum::default()).expect("room");
    (0..3).for_each(|_| system.tell(sum, Note::Add(1)).expect("room"));
    assert_eq!(system.tell(sum, Note::Add(1)), Err(TellError::Full(sum.id())));
    assert_eq!(
        system.ask(sum, SECOND, Note::Get).map(|_: Number| ()),
        Err(AskError::Tell(TellError::Full(sum.id())))
    );
    system.turn(Deadline::Now).expect("it works");
    assert_eq!(get(&mut system, sum), Ok(Number(3)));
    let other = sum.id().address::<Number>();
    assert_eq!(system.tell(other, Number(1)), Err(TellError::OtherType(sum.id())));
    // Its successor in the same place is not taken for it.
    system.tell(sum, Note::Stop).expect("room");
    system.turn(Deadline::Now).expect("it works");
    let next = system.spawn(Sum::default()).expect("room");
    assert_ne!(next, sum);
    assert_eq!(system.tell(sum, Note::Add(1)), Err(TellError::Gone(sum.id())));
    assert!(system.has(next.id()) && !system.has(sum.id()));
    system.spawn(Sum::default()).expect("room");
    assert_eq!(system.spawn(Sum::default()), Err(SpawnError::Full { rank: 0, most: 2 }));
}

#[test]
fn a_panic_ends_its_actor_alone_and_is_told() {
    let mut system = alone();
    let (probe, log) = probe(&mut system);
    let [victim, other] = [0, 1].map(|_| system.spawn(Sum::default()).expect("room"));
    run(&mut system, probe, move |cx| {
        cx.monitor(victim.id(), |down| Do::See(Seen::Down(down)));
        cx.tell(victim, Note::Panic).expect("room");
        // Those behind it are told, too.
        cx.ask(victim, SECOND, Note::Get, |answer| Do::See(Seen::Number(answer)));
    });
    let reason = Reason::Panicked("as it was told".into());
    let gone = Err(TellError::Gone(victim.id()).into());
    let seen = see(std::slice::from_mut(&mut system), &log, 2);
    assert!(seen.contains(&Seen::Down(Down { actor: victim.id(), reason })), "{seen:?}");
    assert!(seen.contains(&Seen::Number(gone)), "{seen:?}");
    assert_eq!(get(&mut system, other), Ok(Number(0)));
    // So is the one whose question is in hand.
    let bad = system.spawn(|_: Note, _: &mut Context<'_, Note>| -> Next<Note> { panic!("at once") });
    let bad = bad.expect("room");
    assert_eq!(get(&mut system, bad), Err(TellError::Gone(bad.id()).into()));
    // A panic in what makes a message ends the actor that it is for.
    run(&mut system, probe, move |cx| {
        cx.monitor(victim.id(), |_| panic!("in the map"));
    });
    drive(std::slice::from_mut(&mut system), "it ends", |systems| !systems[0].has(probe.id()));
}

#[test]
fn an_actor_that_panics_while_it_starts_ends() {
    struct Bad;
    impl Actor<Note> for Bad {
        fn started(&mut self, _: &mut Context<'_, Note>) {
            std::panic::panic_any(7);
        }
        fn receive(&mut self, _: Note, _: &mut Context<'_, Note>) -> Next<Note> {
            unreachable!()
        }
    }
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("once more");
        }
    }
    let mut system = alone();
    let bad = system.spawn(Bad).expect("room");
    assert_eq!(get(&mut system, bad), Err(TellError::Gone(bad.id()).into()));
}

#[test]
fn a_question_ends_with_an_answer_or_in_time_and_late_answers_are_dropped() {
    let mut system = alone();
    let kept = Rc::new(RefCell::new(vec![]));
    let to = Rc::clone(&kept);
    let slow = system.spawn(move |note, cx: &mut Context<'_, Note>| {
        match note {
            Note::Get(reply) => to.borrow_mut().push(reply),
            // Now it answers all that it was asked.
            _ => to.take().into_iter().for_each(|reply| {
                // The first counts.
                (1..3).for_each(|number| cx.reply(reply, Number(number)).expect("it is here"));
            }),
        }
        Next::Same
    });
    let slow = slow.expect("room");
    let early: Result<Number, _> = system.ask(slow, MILLI * 5, Note::Get);
    assert_eq!(early, Err(AskError::Timeout));
    let (probe, log) = probe(&mut system);
    run(&mut system, probe, move |cx| {
        for timeout in [SECOND, MILLI] {
            cx.ask(slow, timeout, Note::Get, |answer| Do::See(Seen::Number(answer)));
        }
    });
    let one = std::slice::from_mut(&mut system);
    assert_eq!(see(one, &log, 1), [Seen::Number(Err(AskError::Timeout))]);
    one[0].tell(slow, Note::Add(0)).expect("room");
    assert_eq!(see(one, &log, 1), [Seen::Number(Ok(Number(1)))]);
    system.run_for(MILLI * 5).expect("it works");
    assert_eq!(*log.borrow(), []);
    // An answer of another type.
    let liar = system.spawn(|note, cx: &mut Context<'_, Note>| {
        if let Note::Get(reply) = note {
            cx.reply(reply.id().reply(), ()).expect("it is here");
        }
        Next::Same
    });
    assert_eq!(get(&mut system, liar.expect("room")), Err(AskError::OtherAnswer));
}

#[test]
fn too_many_open_questions_are_refused() {
    let mut system = alone_with(Limits::default().mailbox(1 << 20));
    let silent = system.spawn(|_: Note, _: &mut Context<'_, Note>| Next::Same).expect("room");
    let (probe, log) = probe(&mut system);
    run(&mut system, probe, move |cx| {
        for _ in 0..(1 << 16) + 1 {
            cx.ask(silent, MILLI * 300, Note::Get, |answer| Do::See(Seen::Number(answer)));
        }
    });
    let one = std::slice::from_mut(&mut system);
    assert_eq!(see(one, &log, 1)[0], Seen::Number(Err(AskError::TooMany { most: 1 << 16 })));
    assert!(see(one, &log, 1 << 16).iter().all(|seen| *seen == Seen::Number(Err(AskError::Timeout))));
}

#[test]
fn linked_actors_fail_together_unless_they_trap_that() {
    let mut system = alone();
    let (probe, log) = probe(&mut system);
    let actors: Vec<_> = (0..4).map(|_| system.spawn(Sum::default()).expect("room")).collect();
    let [one, two, three, four] = actors[..] else { panic!("four") };
    run(&mut system, probe, move |cx| {
        cx.trap_exits(|down| Do::See(Seen::Exit(down)));
        cx.link(two.id());
        cx.link(three.id());
        cx.monitor(one.id(), |down| Do::See(Seen::Down(down)));
    });
    system.tell(one, Note::Link(two.id())).expect("room");
    system.tell(three, Note::Link(four.id())).expect("room");
    // An end that is no failure ends nobody else.
    system.tell(three, Note::Stop).expect("room");
    let only = std::slice::from_mut(&mut system);
    assert_eq!(see(only, &log, 1), [Seen::Exit(Down { actor: three.id(), reason: Reason::Stopped })]);
    assert!(only[0].has(four.id()));
    only[0].tell(two, Note::Fail).expect("room");
    let seen = see(only, &log, 2);
    let failed = Reason::Failed("it could not".into());
    assert!(seen.contains(&Seen::Exit(Down { actor: two.id(), reason: failed })), "{seen:?}");
    let linked = Reason::Linked(two.id());
    assert!(seen.contains(&Seen::Down(Down { actor: one.id(), reason: linked })), "{seen:?}");
    assert!(only[0].has(probe.id()));
    // To link to one that has ended is to be told of it.
    run(&mut system, probe, move |cx| cx.link(one.id()));
    let only = std::slice::from_mut(&mut system);
    assert_eq!(see(only, &log, 1), [Seen::Exit(Down { actor: one.id(), reason: Reason::NotThere })]);
    // One that is unlinked is left alone.
    run(&mut system, probe, move |cx| {
        cx.link(four.id());
        cx.unlink(four.id());
        cx.stop(four.id());
        let monitor = cx.monitor(four.id(), |down| Do::See(Seen::Down(down)));
        cx.demonitor(monitor);
    });
    let only = std::slice::from_mut(&mut system);
    assert_eq!(see(only, &log, 1), [Seen::Down(Down { actor: four.id(), reason: Reason::NotThere })]);
}

#[test]
fn a_long_chain_of_links_ends_without_a_long_chain_of_calls() {
    let mut system = alone();
    let first = system.spawn(Sum::default()).expect("room");
    let mut last = first;
    for _ in 0..200_000 {
        let next = system.spawn(Sum::default()).expect("room");
        system.tell(next, Note::Link(last.id())).expect("room");
        last = next;
    }
    system.run_until(PATIENCE, |system| system.actors() == 200_001).expect("it works");
    system.run_for(MILLI).expect("it works");
    assert_eq!(get(&mut system, last), Ok(Number(0)));
    system.tell(first, Note::Panic).expect("room");
    assert!(system.run_until(PATIENCE, |system| system.actors() == 0).expect("it works"));
}
