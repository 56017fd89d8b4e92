//! Actors that end while they run, or whose state or mail panics when it is dropped.

use kit::PATIENCE;
use mailbox::{Config, Region};
use mailbox_patterns::actor::{
    Actor, ActorId, Address, AskError, Context, InProcess, Limits, Next, Reason, Reply, SpawnError, System,
    TellError,
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

/// Panics when it is dropped, with a payload that does, too, and so on.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new(Endless));
    }
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Number(u64);

protocol! { Number as "Number" in Postcard }

type Work = dyn FnOnce(&mut Context<'_, Parcel>);

enum Parcel {
    Hold(Endless),
    Get(Reply<Number>),
    Panic,
    Stop,
    Do(Box<Work>),
    Ended(Reason),
}

protocol! { Parcel as "Parcel" in InProcess }

#[derive(Default)]
struct Clerk {
    held: Vec<Endless>,
    ends: Rc<RefCell<Vec<Reason>>>,
}

impl Actor<Parcel> for Clerk {
    fn receive(&mut self, parcel: Parcel, cx: &mut Context<'_, Parcel>) -> Next<Parcel> {
        match parcel {
            Parcel::Hold(endless) => self.held.push(endless),
            Parcel::Get(reply) => _ = cx.reply(reply, Number(self.held.len() as u64)),
            Parcel::Panic => std::panic::resume_unwind(Box::new(Endless)),
            Parcel::Stop => return Next::Stop,
            Parcel::Do(run) => run(cx),
            Parcel::Ended(reason) => self.ends.borrow_mut().push(reason),
        }
        Next::Same
    }
}

fn run(system: &mut System, clerk: Address<Parcel>, run: impl FnOnce(&mut Context<'_, Parcel>) + 'static) {
    system.tell(clerk, Parcel::Do(Box::new(run))).expect("room");
}

fn alone(limits: Limits) -> System {
    let region = Region::create_unnamed(Config::ranks(1)).expect("memory");
    System::new(region.join(0).expect("free"), limits)
}

#[test]
fn a_question_among_mail_that_panics_when_it_is_dropped_ends() {
    // What waits is in the mailbox, or was taken out of it already.
    for turn in [1, 32] {
        let mut system = alone(Limits::default().turn(turn));
        let clerk = system.spawn(Clerk::default()).expect("room");
        for parcel in [Parcel::Stop, Parcel::Hold(Endless), Parcel::Hold(Endless)] {
            system.tell(clerk, parcel).expect("room");
        }
        let answer: Result<Number, _> = system.ask(clerk, PATIENCE, Parcel::Get);
        assert_eq!(answer.map(|_| ()), Err(AskError::Tell(TellError::Gone(clerk.id()))), "{turn}");
    }
}

#[test]
fn what_an_actor_panics_with_may_panic_when_it_is_dropped() {
    let mut system = alone(Limits::default());
    let other = system.spawn(Clerk::default()).expect("room");
    for parcel in [Parcel::Panic, Parcel::Stop] {
        let clerk = system.spawn(Clerk::default()).expect("room");
        system.tell(clerk, Parcel::Hold(Endless)).expect("room");
        system.tell(clerk, parcel).expect("room");
        system.run_for(MILLI).expect("it works");
        assert!(!system.has(clerk.id()));
    }
    let answer: Result<Number, _> = system.ask(other, SECOND, Parcel::Get);
    assert_eq!(answer.map(|number| number.0), Ok(0));
}

#[test]
fn a_system_is_dropped_whatever_its_actors_hold() {
    let mut system = alone(Limits::default());
    let clerks = [0, 1, 2].map(|_| system.spawn(Clerk::default()).expect("room"));
    for clerk in clerks {
        // In its state, with a timer, and in its mailbox.
        system.tell(clerk, Parcel::Hold(Endless)).expect("room");
        run(&mut system, clerk, |cx| cx.after(PATIENCE, Parcel::Hold(Endless)));
    }
    system.run_for(MILLI).expect("it works");
    for clerk in clerks.into_iter().chain(clerks) {
        system.tell(clerk, Parcel::Hold(Endless)).expect("room");
    }
    drop(system);
}

#[test]
fn one_that_has_ended_while_it_runs_leaves_no_linked_actor_behind() {
    let mut system = alone(Limits::default());
    system.kind("clerk", |()| Clerk::default());
    let clerk = system.spawn(Clerk::default()).expect("room");
    run(&mut system, clerk, |cx| {
        cx.stop(cx.me().id());
        cx.spawn_linked(Clerk::default()).expect("room");
        let then = |_: Result<Address<Parcel>, SpawnError>| Parcel::Stop;
        cx.spawn_on((0, "clerk"), (), true, SECOND, then);
    });
    system.run_for(MILLI).expect("it works");
    assert_eq!(system.actors(), 0);
}

#[test]
fn links_to_an_earlier_life_of_a_rank_make_no_room_for_more_watchers() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let limits = Limits::default().watchers(1);
    let mut all: Vec<_> = (0..2).map(|rank| System::new(region.join(rank).expect("free"), limits)).collect();
    let [one, other, third] = [0, 1, 2].map(|_| all[0].spawn(Clerk::default()).expect("room"));
    let ends = Rc::default();
    let far = all[1].spawn(Clerk { held: vec![], ends: Rc::clone(&ends) }).expect("room");
    let drive = |all: &mut [System]| {
        (0..20).for_each(|_| all.iter_mut().for_each(|system| system.turn(MILLI / 4).expect("it works")));
    };
    run(&mut all[1], far, move |cx| _ = cx.monitor(one.id(), |down| Parcel::Ended(down.reason)));
    drive(&mut all);
    run(&mut all[0], third, |cx| {
        cx.trap_exits(|down| Parcel::Ended(down.reason));
        (0..5).for_each(|life| cx.link(bytemuck::cast([1_u32, life + 100, 0, 0])));
    });
    drive(&mut all);
    run(&mut all[1], far, move |cx| _ = cx.monitor(other.id(), |down| Parcel::Ended(down.reason)));
    drive(&mut all);
    assert_eq!(*ends.borrow(), [Reason::NotWatched]);
}

/// Tells an end to a rank that does not listen for a while, and for which much waits meanwhile.
#[test]
fn what_is_asked_of_a_rank_that_does_not_listen_leaves_room_for_ends() {
    let region = Region::create_unnamed(Config::ranks(2).cells(64)).expect("memory");
    let mut system = System::new(region.join(0).expect("free"), Limits::default());
    let other = region.join(1).expect("free");
    let [clerk, victim] = [0, 1].map(|_| system.spawn(Clerk::default()).expect("room"));
    let there: ActorId = bytemuck::cast([1_u32, 1, 0, 0]);
    // It watches the second actor under the number 7.
    other.to(0).tag(0x6163_7405).try_send(bytemuck::cast_slice(&[1_u32, 7, 0, 1, 0])).expect("room");
    run(&mut system, clerk, move |cx| {
        for _ in 0..300_000 {
            let monitor = cx.monitor(there, |_| Parcel::Panic);
            cx.demonitor(monitor);
        }
    });
    system.run_for(MILLI).expect("it works");
    run(&mut system, victim, |cx| cx.stop(cx.me().id()));
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "the end is told");
        system.turn(mailbox::Deadline::Now).expect("it works");
        match other.try_recv().expect("it works") {
            Some(mail) if mail.tag() == 0x6163_7407 => break,
            _ => {}
        }
    }
}

#[test]
fn two_ranks_that_flood_each_other_get_it_all() {
    const MOST: u64 = 5000;
    let region = Region::create_unnamed(Config::ranks(2).cells(64)).expect("memory");
    let mut all: Vec<_> = (0..2)
        .map(|rank| System::new(region.join(rank).expect("free"), Limits::default().backlog(16)))
        .collect();
    let heard: [Rc<RefCell<Vec<u64>>>; 2] = Default::default();
    let listeners = [0, 1].map(|rank| {
        let heard = Rc::clone(&heard[rank]);
        let listener = move |Number(number): Number, _: &mut Context<'_, Number>| {
            heard.borrow_mut().push(number);
            Next::Same
        };
        all[rank].spawn(listener).expect("room")
    });
    for (rank, system) in all.iter_mut().enumerate() {
        let (to, mut next) = (listeners[1 - rank], 0);
        let flood = move |(), cx: &mut Context<'_, ()>| {
            while next < MOST && cx.tell(to, Number(next)).is_ok() {
                next += 1;
            }
            cx.after(Duration::ZERO, ());
            Next::Same
        };
        let flood = system.spawn(flood).expect("room");
        system.tell(flood, ()).expect("room");
    }
    let end = Instant::now() + PATIENCE;
    while heard.iter().any(|heard| heard.borrow().len() < MOST as usize) {
        assert!(Instant::now() < end, "{:?}", heard.each_ref().map(|heard| heard.borrow().len()));
        all.iter_mut().for_each(|system| system.turn(mailbox::Deadline::Now).expect("it works"));
    }
    heard.iter().for_each(|heard| assert!(heard.borrow().iter().copied().eq(0..MOST)));
    assert_eq!(all.iter().map(System::dead_letters).sum::<u64>(), 0);
}

#[test]
fn actors_that_tell_themselves_without_end_leave_time_for_mail_and_timers() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let mut all: Vec<_> =
        (0..2).map(|rank| System::new(region.join(rank).expect("free"), Limits::default())).collect();
    for _ in 0..1000 {
        let busy = all[1].spawn(|(), cx: &mut Context<'_, ()>| {
            cx.tell(cx.me(), ()).expect("room");
            Next::Same
        });
        all[1].tell(busy.expect("room"), ()).expect("room");
    }
    let ends = Rc::default();
    let clerk = all[1].spawn(Clerk { held: vec![], ends: Rc::clone(&ends) }).expect("room");
    run(&mut all[1], clerk, |cx| cx.after(MILLI, Parcel::Ended(Reason::Stopped)));
    let heard = Rc::new(RefCell::new(0));
    let to = Rc::clone(&heard);
    let listener = all[1].spawn(move |_: Number, _: &mut Context<'_, Number>| {
        *to.borrow_mut() += 1;
        Next::Same
    });
    let listener = listener.expect("room");
    (0..100).for_each(|number| all[0].tell(listener, Number(number)).expect("room"));
    for _ in 0..10 {
        all[1].turn(mailbox::Deadline::Now).expect("it works");
        std::thread::sleep(MILLI);
    }
    assert_eq!((*heard.borrow(), ends.borrow().len()), (100, 1));
}

#[test]
fn limits_of_nothing_are_limits_of_one() {
    let mut limits = Limits::default();
    (limits.turn, limits.mailbox) = (0, 0);
    let mut system = alone(limits);
    let clerk = system.spawn(Clerk::default()).expect("room");
    let answer: Result<Number, _> = system.ask(clerk, SECOND, Parcel::Get);
    assert_eq!(answer.map(|number| number.0), Ok(0));
}
