//! Names of actors.

use super::*;

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
