//! Actors of several ranks.

use super::*;

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
