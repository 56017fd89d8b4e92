//! Mail that is in the way of other mail: its sender ends while it waits for room, or its receiver while it moves it away.

use super::*;
use crate::common::SHORT;

/// Rank 1 ends while it waits for room that a mail takes which the other holds, or after it was given some.
pub fn waits_for_held(doom: &dyn Doom) -> bool {
    // Of a mailbox that still has cells: only the sender knows that it waits.
    const LEN: usize = 500;
    const FIT: u64 = 4;
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        (0..FIT).for_each(|index| me.try_send(0, &descriptor(1, index, LEN)).expect("room"));
        doom.begin();
        tally.count(|| send(&me, FIT, LEN));
        doom.end();
        std::mem::forget(me);
    });
    let mut reader = Reader::default();
    let held = receive(&scene.survivor);
    reader.read(&held);
    let told = loop {
        match scene.survivor.from(1).within(BOUND).recv() {
            Ok(mail) => reader.read(&mail),
            Err(error) => break error,
        }
    };
    // Until it has said that it waits it can only be told dead.
    let is_told = told == RecvError::Held(1);
    assert!(is_told || told == RecvError::Gone { rank: 1, died: true }, "{told:?}");
    assert_eq!(reader.count, FIT, "there was no more room");
    bells::wait_until_asleep_or_ended(process, || scene.scratch.sender_sleeps(1));
    // Dead while it waits, or alive.
    let held = Some(held).filter(|_| bells::has_ended(process));
    let is_complete = doom.follow(process);
    assert!(is_told || !is_complete, "it waited");
    let successor = join(&scene.region, 1);
    if held.is_some() {
        assert_eq!(
            scene.survivor.from(1).within(SHORT).recv().err(),
            Some(RecvError::Timeout),
            "it does not wait"
        );
    }
    drop(held);
    if let Ok(Some(mail)) = scene.survivor.from(1).try_recv() {
        reader.read(&mail);
    }
    let tally = &scene.tally.0;
    assert!((tally.done()..=tally.begun()).contains(&(reader.count - FIT)), "{} have come", reader.count);
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    is_complete
}

/// Rank 1 ends while it moves unread mail away that fills its mailbox, and then receives what it waits for.
pub fn moves_unread(doom: &dyn Doom) -> bool {
    const CELLS: u64 = 8;
    const TAG: u32 = 7;
    let scene = Scene::new();
    let len = |index| if index % 3 == 0 { 200 } else { 20 };
    (0..CELLS).for_each(|index| send(&scene.survivor, index, len(index)));
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        me.set_unread_budget(1 << 20);
        doom.begin();
        let mail = me.from(0).tag(TAG).within(BOUND).recv().expect("room is made for it");
        tally.count(|| drop(mail));
        doom.end();
        let mut reader = Reader::default();
        (0..CELLS).for_each(|_| reader.receive(&me));
        std::mem::forget(me);
    });
    let sent = scene.survivor.to(1).tag(TAG).within(BOUND).send(&descriptor(1, CELLS, 20));
    let is_complete = doom.follow(process);
    scene.expect_dead(1);
    match sent {
        Ok(()) => {}
        Err(SendError::Gone { rank: 1, died: true }) => {
            assert_eq!(scene.tally.0.begun(), 0, "it was received")
        }
        Err(error) => panic!("{error:?}"),
    }
    let successor = join(&scene.region, 1);
    let mut reader = None;
    let mut receive_next = || {
        let mail = receive(&successor);
        // What was moved is gone with its process.
        let first = || Reader { seq: mail.seq(), life: 1, count: mail.seq() };
        let reader = reader.get_or_insert_with(first);
        reader.read(&mail);
        reader.count
    };
    let last = CELLS + u64::from(sent.is_ok());
    while scene.survivor.try_send(1, &descriptor(1, last, 20)).is_err() {
        receive_next();
    }
    while receive_next() <= last {}
    let mut reader = reader.expect("mail has come");
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}
