//! Ranks that answer for others, flood, lie and send garbage.

use super::*;

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
