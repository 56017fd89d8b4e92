//! Actors of ranks that are all run by this thread, one turn each at a time.

use kit::{Dice, PATIENCE};
use mailbox::{CallError, Config, Deadline, Region};
use mailbox_patterns::actor::{
    Actor, ActorId, Address, AskError, Context, Down, InProcess, Limits, NameError, Next, Reason, Reply,
    SpawnError, System, TellError,
};
use mailbox_patterns::codec::Postcard;
use mailbox_patterns::protocol;
use postcard_schema::Schema;
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

type Work = dyn FnOnce(&mut Context<'_, Do>);

/// What it is told to do.
enum Do {
    Run(Box<Work>),
    See(Seen),
}

protocol! { Do as "Do" in InProcess }

type Log = Rc<RefCell<Vec<Seen>>>;

/// An actor that does what a test wants, and notes what it is told.
fn probe(system: &mut System) -> (Address<Do>, Log) {
    let log = Log::default();
    let to = Rc::clone(&log);
    let probe = system.spawn(move |message, cx: &mut Context<'_, Do>| {
        match message {
            Do::Run(run) => run(cx),
            Do::See(seen) => to.borrow_mut().push(seen),
        }
        Next::Same
    });
    (probe.expect("room"), log)
}

fn run(system: &mut System, probe: Address<Do>, run: impl FnOnce(&mut Context<'_, Do>) + 'static) {
    system.tell(probe, Do::Run(Box::new(run))).expect("room");
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

#[test]
fn all_of_it_goes_to_another_rank() {
    let (_region, mut all) = systems(2);
    let (probe, log) = probe(&mut all[0]);
    all[1].kind("sum", |Number(first)| Sum(first));
    run(&mut all[0], probe, |cx| {
        cx.trap_exits(|down| Do::See(Seen::Exit(down)));
        cx.spawn_on((1, "sum"), Number(40), true, SECOND, |spawned: Result<Address<Note>, _>| {
            Do::See(Seen::Spawned(spawned.map(|address| address.id())))
        });
    });
    let seen = see(&mut all, &log, 1);
    let [Seen::Spawned(Ok(sum))] = seen[..] else { panic!("{seen:?}") };
    assert_eq!((sum.rank(), all[1].has(sum)), (1, true));
    let to = sum.address::<Note>();
    all[0].tell(to, Note::Add(2)).expect("room");
    let ask = move |cx: &mut Context<'_, Do>| {
        cx.ask(to, SECOND, Note::Get, |answer| Do::See(Seen::Number(answer)));
    };
    run(&mut all[0], probe, ask);
    assert_eq!(see(&mut all, &log, 1), [Seen::Number(Ok(Number(42)))]);
    run(&mut all[0], probe, move |cx| {
        cx.monitor(sum, |down| Do::See(Seen::Down(down)));
        cx.tell(to, Note::Panic).expect("room");
        cx.ask(to, SECOND, Note::Get, |answer| Do::See(Seen::Number(answer)));
    });
    let seen = see(&mut all, &log, 3);
    let down = Down { actor: sum, reason: Reason::Panicked("as it was told".into()) };
    let gone = Seen::Number(Err(TellError::Gone(sum).into()));
    for expected in [Seen::Down(down.clone()), Seen::Exit(down), gone.clone()] {
        assert!(seen.contains(&expected), "{expected:?}: {seen:?}");
    }
    // What is told to it now is a dead letter, a monitor tells at once, and so does a link.
    run(&mut all[0], probe, ask);
    assert_eq!(see(&mut all, &log, 1), [gone]);
    all[0].tell(to, Note::Add(1)).expect("it is sent");
    drive(&mut all, "it is told", |all| all[0].dead_letters() >= 2);
    let last = all[0].last_dead_letters().last().expect("one");
    assert_eq!((last.to, &last.error), (sum, &TellError::Gone(sum)));
    run(&mut all[0], probe, move |cx| {
        cx.monitor(sum, |down| Do::See(Seen::Down(down)));
        cx.link(sum);
    });
    let down = Down { actor: sum, reason: Reason::NotThere };
    assert_eq!(see(&mut all, &log, 2), [Seen::Down(down.clone()), Seen::Exit(down)]);
}

#[test]
fn ranks_say_why_they_start_no_actor() {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let limits = [Limits::default(), Limits::default().actors(1), Limits::default()];
    let mut all: Vec<_> =
        (0..3).map(|rank| System::new(region.join(rank).expect("free"), limits[rank as usize])).collect();
    all[1].kind("sum", |Number(first)| Sum(first));
    all[1].kind("bad", |Number(_)| -> Sum { panic!("no") });
    let (probe, log) = probe(&mut all[0]);
    let spawn = |all: &mut [System], rank: u32, kind: &'static str, number: bool| {
        run(&mut all[0], probe, move |cx| {
            let then = |spawned: Result<Address<Note>, _>| {
                Do::See(Seen::Spawned(spawned.map(|address| address.id())))
            };
            match number {
                true => cx.spawn_on((rank, kind), Number(1), false, SECOND, then),
                false => cx.spawn_on((rank, kind), (), false, SECOND, then),
            }
        });
        match &see(all, &log, 1)[..] {
            [Seen::Spawned(result)] => result.clone(),
            seen => panic!("{seen:?}"),
        }
    };
    let kind = || "sum".to_owned();
    assert_eq!(
        spawn(&mut all, 1, "room", true),
        Err(SpawnError::UnknownKind { rank: 1, kind: "room".into() })
    );
    assert_eq!(spawn(&mut all, 1, "sum", false), Err(SpawnError::OtherStart { rank: 1, kind: kind() }));
    assert_eq!(spawn(&mut all, 1, "bad", true), Err(SpawnError::Panicked { rank: 1, kind: "bad".into() }));
    assert_eq!(spawn(&mut all, 0, "sum", true), Err(SpawnError::UnknownKind { rank: 0, kind: kind() }));
    assert!(spawn(&mut all, 1, "sum", true).is_ok());
    assert_eq!(spawn(&mut all, 1, "sum", true), Err(SpawnError::Full { rank: 1, most: 1 }));
    assert_eq!(spawn(&mut all, 7, "sum", true), Err(SpawnError::RankGone { rank: 7 }));
    all.pop();
    assert_eq!(spawn(&mut all, 2, "sum", true), Err(SpawnError::RankGone { rank: 2 }));
}

#[test]
fn an_actor_that_is_started_too_late_is_stopped() {
    let (_region, mut all) = systems(2);
    all[1].kind("sum", |Number(first)| Sum(first));
    let late: Result<Address<Note>, _> = all[0].spawn_on(1, "sum", &Number(1), MILLI);
    assert_eq!(late, Err(SpawnError::Timeout { rank: 1 }));
    all[1].turn(SECOND).expect("it works");
    assert_eq!(all[1].actors(), 1);
    drive(&mut all, "it is stopped", |all| all[1].actors() == 0);
}

#[test]
fn a_full_or_wrong_actor_of_another_rank_is_told() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let limits = [Limits::default(), Limits::default().mailbox(2)];
    let mut all: Vec<_> =
        (0..2).map(|rank| System::new(region.join(rank).expect("free"), limits[rank as usize])).collect();
    let sum = all[1].spawn(Sum::default()).expect("room");
    (0..2).for_each(|_| all[1].tell(sum, Note::Add(1)).expect("room"));
    all[0].tell(sum, Note::Add(1)).expect("it is sent");
    drive(&mut all, "it is told", |all| all[0].dead_letters() == 1);
    all[0].tell(sum.id().address::<Number>(), Number(1)).expect("it is sent");
    let far = sum.id().address::<Do>();
    let unsent = all[0].tell(far, Do::See(Seen::Named(Ok(()))));
    assert!(matches!(unsent, Err(TellError::Encode(_))), "{unsent:?}");
    drive(&mut all, "it is told", |all| all[0].dead_letters() == 2);
    let told: Vec<_> = all[0].last_dead_letters().map(|letter| letter.error.clone()).collect();
    assert_eq!(told, [TellError::Full(sum.id()), TellError::OtherType(sum.id())]);
}

#[test]
fn what_finds_no_room_waits_and_comes_in_order() {
    let region = Region::create_unnamed(Config::ranks(2).cells(64)).expect("memory");
    let mut all: Vec<_> = (0..2)
        .map(|rank| System::new(region.join(rank).expect("free"), Limits::default().backlog(100)))
        .collect();
    let order = Rc::new(RefCell::new(vec![]));
    let to = Rc::clone(&order);
    let listener = all[1].spawn(move |Number(number), _: &mut Context<'_, Number>| {
        to.borrow_mut().push(number);
        Next::Same
    });
    let listener = listener.expect("room");
    let sent = (0..).take_while(|number| all[0].tell(listener, Number(*number)).is_ok()).count() as u64;
    assert!((101..=264).contains(&sent), "{sent}");
    assert_eq!(all[0].tell(listener, Number(0)), Err(TellError::RankFull { rank: 1 }));
    // Some of what waits has gone, and there is room again: what is told now comes behind the rest.
    for at in [1, 0, 1] {
        all[at].turn(Deadline::Now).expect("it works");
    }
    all[0].tell(listener, Number(sent)).expect("room");
    let sent = sent + 1;
    drive(&mut all, "all comes", |_| order.borrow().len() as u64 == sent);
    assert_eq!(*order.borrow(), (0..sent).collect::<Vec<_>>());
    assert_eq!(all[0].tell(listener, Number(sent)), Ok(()));
}

#[test]
fn the_end_of_a_rank_is_the_end_of_its_actors_and_its_successor_is_not_taken_for_it() {
    let (region, mut all) = systems(3);
    let (probe, log) = probe(&mut all[0]);
    let silent = all[1].spawn(|_: Note, _: &mut Context<'_, Note>| Next::Same).expect("room");
    run(&mut all[0], probe, move |cx| {
        cx.trap_exits(|down| Do::See(Seen::Exit(down)));
        cx.link(silent.id());
        cx.monitor(silent.id(), |down| Do::See(Seen::Down(down)));
        cx.ask(silent, SECOND * 60, Note::Get, |answer| Do::See(Seen::Number(answer)));
    });
    (0..20).for_each(|_| all.iter_mut().for_each(|system| system.turn(MILLI).expect("it works")));
    let dead = all.remove(1);
    drop(dead);
    // It reads what its predecessor has left.
    all[0].tell(silent, Note::Add(1)).expect("its end was not told yet");
    all.insert(1, join(&region, 1));
    let heir = all[1].spawn(Sum::default()).expect("room");
    let seen = see(&mut all, &log, 3);
    let down = Down { actor: silent.id(), reason: Reason::RankGone };
    for expected in [
        Seen::Down(down.clone()),
        Seen::Exit(down.clone()),
        Seen::Number(Err(TellError::RankGone { rank: 1 }.into())),
    ] {
        assert!(seen.contains(&expected), "{expected:?}: {seen:?}");
    }
    // The same place, in another life.
    assert_eq!(all[0].tell(silent, Note::Add(5)), Err(TellError::RankGone { rank: 1 }));
    run(&mut all[0], probe, move |cx| {
        cx.monitor(silent.id(), |down| Do::See(Seen::Down(down)));
        cx.link(silent.id());
    });
    assert_eq!(see(&mut all, &log, 2), [Seen::Down(down.clone()), Seen::Exit(down)]);
    let mut heirs = all.split_off(1);
    assert_eq!(get(&mut heirs[0], heir), Ok(Number(0)));
    // Of an own former life.
    assert_eq!(heirs[0].tell(silent, Note::Add(5)), Err(TellError::RankGone { rank: 1 }));
}

#[test]
fn mail_for_an_earlier_life_reaches_nobody() {
    let (region, mut all) = systems(2);
    let sum = all[1].spawn(Sum::default()).expect("room");
    drive(&mut all, "they know each other", |all| all[0].tell(sum, Note::Add(1)).is_ok());
    // It is on its way when its receiver ends.
    all[0].tell(sum, Note::Add(1)).expect("room");
    drop(all.pop());
    all.push(join(&region, 1));
    let heir = all[1].spawn(Sum::default()).expect("room");
    (0..50).for_each(|_| all.iter_mut().for_each(|system| system.turn(MILLI).expect("it works")));
    assert_eq!(get(&mut all[1], heir), Ok(Number(0)));
    assert!(all[0].dead_letters() >= 1);
}

#[test]
fn a_name_is_of_one_actor_and_free_when_that_has_ended() {
    let (_region, mut all) = systems(3);
    let (probe, log) = probe(&mut all[0]);
    let find = |cx: &mut Context<'_, Do>| {
        cx.find("sum", SECOND, |found: Result<Address<Note>, _>| {
            Do::See(Seen::Found(found.map(|address| address.id())))
        });
    };
    run(&mut all[0], probe, find);
    let none = NameError::NotFound { name: "sum".into() };
    assert_eq!(see(&mut all, &log, 1), [Seen::Found(Err(none.clone()))]);
    // An actor gets it for itself.
    struct Named(Log);
    impl Actor<Do> for Named {
        fn started(&mut self, cx: &mut Context<'_, Do>) {
            cx.register("sum", SECOND, |result| Do::See(Seen::Named(result)));
        }
        fn receive(&mut self, message: Do, cx: &mut Context<'_, Do>) -> Next<Do> {
            match message {
                Do::See(seen) => self.0.borrow_mut().push(seen),
                Do::Run(run) => run(cx),
            }
            Next::Same
        }
    }
    let first = all[2].spawn(Named(Rc::clone(&log))).expect("room");
    assert_eq!(see(&mut all, &log, 1), [Seen::Named(Ok(()))]);
    let second = all[1].spawn(Named(Rc::clone(&log))).expect("room");
    let taken = NameError::Taken { name: "sum".into() };
    assert_eq!(see(&mut all, &log, 1), [Seen::Named(Err(taken))]);
    run(&mut all[0], probe, find);
    assert_eq!(see(&mut all, &log, 1), [Seen::Found(Ok(first.id()))]);
    run(&mut all[0], probe, move |cx| cx.stop(first.id()));
    drive(&mut all, "it ends", |all| !all[2].has(first.id()));
    run(&mut all[0], probe, find);
    assert_eq!(see(&mut all, &log, 1), [Seen::Found(Err(none))]);
    run(&mut all[1], second, |cx| cx.register("sum", SECOND, |result| Do::See(Seen::Named(result))));
    assert_eq!(see(&mut all, &log, 1), [Seen::Named(Ok(()))]);
    // With its rank it goes, too.
    all.remove(1);
    drive(&mut all, "its end is told", |all| {
        run(&mut all[0], probe, |cx| {
            cx.find("sum", SECOND, |found: Result<Address<Note>, _>| {
                Do::See(Seen::Found(found.map(|address| address.id())))
            });
        });
        log.take().iter().any(|seen| matches!(seen, Seen::Found(Err(NameError::NotFound { .. }))))
    });
    let long = "n".repeat(256);
    assert_eq!(all[0].register(&long, probe.id(), SECOND), Err(NameError::Length { len: 256, most: 255 }));
    assert_eq!(all[0].register("x", first.id(), SECOND), Err(NameError::NotHere(first.id())));
    // A rank that does not answer.
    let late = all[0].register("x", probe.id(), MILLI);
    assert_eq!(late, Err(NameError::Timeout { name: "x".into(), timeout: MILLI }));
}

#[test]
fn of_those_that_want_a_name_at_once_one_gets_it() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let ranks = 2 + dice.below(3) as u32;
        let region = Region::create_unnamed(Config::ranks(ranks).cells(64).arena(1 << 12)).expect("memory");
        let mut all: Vec<System> = vec![];
        let log = Log::default();
        let mut joined = 0;
        let mut asked = 0;
        let end = Instant::now() + PATIENCE;
        while asked < ranks || log.borrow().len() < ranks as usize {
            assert!(Instant::now() < end, "{seed}: {:?}", log.borrow());
            match dice.below(4) {
                0 if joined < ranks => {
                    // One mail a turn, so that claims cross.
                    let me = region.join(joined).expect("free");
                    all.push(System::new(me, Limits::default().turn(1)));
                    joined += 1;
                }
                1 if asked < joined => {
                    let to = Rc::clone(&log);
                    let system = &mut all[asked as usize];
                    let claimant = system.spawn(move |message: Do, cx: &mut Context<'_, Do>| {
                        match message {
                            Do::See(seen) => to.borrow_mut().push(seen),
                            Do::Run(run) => run(cx),
                        }
                        Next::Same
                    });
                    run(system, claimant.expect("room"), |cx| {
                        cx.register("it", SECOND * 60, |result| Do::See(Seen::Named(result)));
                    });
                    asked += 1;
                }
                _ if joined > 0 => {
                    let system = &mut all[dice.below(joined.into()) as usize];
                    system.turn(Deadline::Now).expect("it works");
                }
                _ => {}
            }
        }
        let winners = log.borrow().iter().filter(|seen| **seen == Seen::Named(Ok(()))).count();
        assert_eq!(winners, 1, "{seed}: {:?}", log.borrow());
    }
}

#[test]
fn garbage_of_a_peer_is_counted_and_does_no_harm() {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let mut system = System::new(region.join(0).expect("free"), Limits::default().watchers(100).actors(1000));
    let liar = region.join(1).expect("free");
    let sum = system.spawn(Sum(1)).expect("room");
    let (probe, log) = probe(&mut system);
    system.kind("sum", |Number(first)| Sum(first));
    run(&mut system, probe, move |cx| {
        cx.monitor(sum.id(), |down| Do::See(Seen::Down(down)));
    });
    let mut dice = Dice(7);
    for _ in 0..20_000 {
        // All kinds but the one that ends actors, which a peer may.
        let kind = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18][dice.below(18) as usize];
        let tag = if dice.below(20) == 0 { dice.next() as u32 } else { 0x6163_7400 | kind };
        let mut bytes = (if dice.below(10) == 0 { 9_u32 } else { 1 }).to_le_bytes().to_vec();
        let len = dice.below(48);
        bytes.extend((0..len).map(|_| if dice.below(3) == 0 { dice.next() as u8 } else { 0 }));
        while liar.to(0).tag(tag).try_send(&bytes).is_err() {
            system.turn(Deadline::Now).expect("it works");
            // It must receive something, or it is not told more.
            liar.try_recv().expect("mail");
        }
        if dice.below(8) == 0 {
            liar.try_recv().expect("mail");
        }
    }
    let call = liar.to(0).start_call(b"?").expect("room");
    drive(std::slice::from_mut(&mut system), "it is dropped", |_| {
        matches!(call.try_wait(), Err(CallError::Unanswered { .. }))
    });
    let system = &mut system;
    assert_eq!(get(system, sum), Ok(Number(1)));
    assert!(system.garbage() > 100);
    assert_eq!(*log.borrow(), []);
}

#[test]
fn an_answer_may_come_from_another_actor_on_another_rank() {
    let (_region, mut all) = systems(3);
    let (probe, log) = probe(&mut all[0]);
    let sum = all[2].spawn(Sum(42)).expect("room");
    let clerk = all[1].spawn(move |note: Note, cx: &mut Context<'_, Note>| {
        cx.tell(sum, note).expect("room");
        Next::Same
    });
    let clerk = clerk.expect("room");
    run(&mut all[0], probe, move |cx| {
        cx.ask(clerk, SECOND, Note::Get, |answer| Do::See(Seen::Number(answer)));
    });
    assert_eq!(see(&mut all, &log, 1), [Seen::Number(Ok(Number(42)))]);
}

#[test]
fn an_end_is_told_to_a_rank_that_floods_another_and_does_not_listen() {
    let region = Region::create_unnamed(Config::ranks(2).cells(64)).expect("memory");
    let mut system = join(&region, 0);
    let [dead, victim] = [0, 1].map(|_| system.spawn(Sum::default()).expect("room"));
    system.tell(dead, Note::Stop).expect("room");
    system.turn(Deadline::Now).expect("it works");
    let other = region.join(1).expect("free");
    let send = |system: &mut System, kind: u32, fields: &[u32]| {
        while other.to(0).tag(0x6163_7400 | kind).try_send(bytemuck::cast_slice(fields)).is_err() {
            system.turn(Deadline::Now).expect("it works");
        }
    };
    // It watches the second actor under the number 7, and tells the first one much.
    send(&mut system, 5, &[1, 7, 0, 1, 0]);
    (0..300_000).for_each(|_| send(&mut system, 1, &[1, 0, 0]));
    while region.inspect().mailboxes.iter().any(|mailbox| mailbox.to == 0 && mailbox.unread > 0) {
        system.turn(Deadline::Now).expect("it works");
    }
    system.tell(victim, Note::Stop).expect("room");
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "the end is told");
        system.turn(Deadline::Now).expect("it works");
        match other.try_recv().expect("it works") {
            Some(mail) if mail.tag() == 0x6163_7407 => break,
            _ => {}
        }
    }
}

#[test]
fn a_peer_cannot_answer_for_another_rank_that_an_actor_has_ended() {
    let (region, mut all) = systems(3);
    drop(all.pop());
    let (probe, log) = probe(&mut all[0]);
    let sum = all[1].spawn(Sum(42)).expect("room");
    run(&mut all[0], probe, move |cx| {
        cx.trap_exits(|down| Do::See(Seen::Exit(down)));
        cx.link(sum.id());
        cx.monitor(sum.id(), |down| Do::See(Seen::Down(down)));
        cx.ask(sum, SECOND * 60, Note::Get, |answer| Do::See(Seen::Number(answer)));
    });
    let liar = region.join(2).expect("free");
    let send = |kind: u32, fields: &[u32], last: &[u8]| {
        let bytes = [bytemuck::cast_slice(fields), last].concat();
        liar.to(0).tag(0x6163_7400 | kind).send(&bytes).expect("room");
    };
    all[0].turn(Deadline::Now).expect("it works");
    for number in [1, 1 << 16] {
        // It refuses the question, and says that the actor has ended.
        send(4, &[1, 0, 0, number, 0], &[0]);
        send(7, &[1, number, 0], &[3]);
        send(13, &[1, number, 0, 0, 0], &[]);
    }
    send(10, &[1, 0, 0, 0, 0], &[3]);
    (0..50).for_each(|_| all[0].turn(MILLI / 4).expect("it works"));
    assert_eq!(*log.borrow(), []);
    assert_eq!(see(&mut all, &log, 1), [Seen::Number(Ok(Number(42)))]);
}
