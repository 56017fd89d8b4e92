//! Bells: the process that falls asleep, or wakes another, ends on the way.

use super::*;

/// What a child of this process does, as a letter.
fn state(process: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a child");
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
}

/// Whether that process has ended.
pub fn has_ended(process: i32) -> bool {
    state(process) == Some('Z')
}

/// Waits until that process has ended, or sleeps on its bell.
pub fn wait_until_asleep_or_ended(process: i32, is_asleep: impl Fn() -> bool) {
    wait_until("a process sleeps or has ended", || {
        let state = state(process);
        state == Some('Z') || state == Some('S') && is_asleep()
    });
}

/// Rank 1 ends while it falls asleep for want of mail, or after it was woken.
pub fn falls_asleep(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        let mut reader = Reader::default();
        doom.begin();
        let mail = receive(&me);
        reader.read(&mail);
        tally.count(|| drop(mail));
        doom.end();
        std::mem::forget(me);
    });
    wait_until_asleep_or_ended(process, || scene.scratch.receiver_sleeps(1));
    send(&scene.survivor, 0, 20);
    let is_complete = doom.follow(process);
    let successor = join(&scene.region, 1);
    let mut reader = Reader::default();
    match successor.try_recv() {
        Ok(Some(mail)) => {
            assert_eq!(scene.tally.0.done(), 0, "a repeat");
            reader.read(&mail);
        }
        told => {
            assert!(told.is_ok() && scene.tally.0.begun() == 1, "lost: {told:?}");
            reader = Reader { seq: 1, life: 1, count: 1 };
        }
    }
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}

/// Rank 1 ends while it falls asleep for want of room, or after it was woken.
pub fn falls_asleep_for_room(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        (0..8).for_each(|index| send(&me, index, 20));
        doom.begin();
        tally.count(|| send(&me, 8, 20));
        doom.end();
        std::mem::forget(me);
    });
    wait_until_asleep_or_ended(process, || scene.scratch.sender_sleeps(1));
    let mut reader = Reader::default();
    (0..8).for_each(|_| reader.receive(&scene.survivor));
    let is_complete = doom.follow(process);
    match scene.survivor.try_recv() {
        Ok(Some(mail)) => reader.read(&mail),
        told => assert!(scene.tally.0.done() == 0, "{told:?}"),
    }
    let successor = join(&scene.region, 1);
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    is_complete
}

/// Rank 1 ends while it sends to one that sleeps.
pub fn rings(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        wait_until("rank 0 sleeps", || scene.scratch.receiver_sleeps(0));
        doom.begin();
        tally.count(|| send(&me, 0, 20));
        doom.end();
        std::mem::forget(me);
    });
    let mut reader = Reader::default();
    let mut arrived = 0;
    let told = loop {
        match scene.survivor.from(1).within(BOUND).recv() {
            Ok(mail) => {
                reader.read(&mail);
                arrived += 1;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(told, RecvError::Gone { rank: 1, died: true });
    let is_complete = doom.follow(process);
    assert!(arrived == 1 || scene.tally.0.done() == 0, "what was sent arrives");
    let successor = join(&scene.region, 1);
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    is_complete
}

/// Rank 1 ends while it acknowledges to one that sleeps for want of room.
pub fn rings_for_room(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    (0..8).for_each(|index| send(&scene.survivor, index, 20));
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        let mut reader = Reader::default();
        let held: Vec<_> = (0..3).map(|_| receive(&me)).collect();
        held.iter().for_each(|mail| reader.read(mail));
        wait_until("rank 0 sleeps", || scene.scratch.sender_sleeps(0));
        doom.begin();
        held.into_iter().for_each(|mail| tally.count(|| drop(mail)));
        doom.end();
        std::mem::forget(me);
    });
    // It is told of the death if nothing was acknowledged.
    let sent = scene.survivor.to(1).within(BOUND).send(&descriptor(1, 8, 20));
    let is_complete = doom.follow(process);
    match sent {
        Ok(()) => assert!(scene.tally.0.begun() > 0, "full"),
        Err(SendError::Gone { died: true, .. }) => assert!(scene.tally.0.done() == 0, "there was room"),
        Err(error) => panic!("{error:?}"),
    }
    let successor = join(&scene.region, 1);
    let first = receive(&successor);
    let acknowledged = scene.tally.0.done()..=scene.tally.0.begun();
    assert!(acknowledged.contains(&first.seq()), "{} comes first after {acknowledged:?}", first.seq());
    let mut reader = Reader { seq: first.seq(), life: 1, count: first.seq() };
    reader.read(&first);
    drop(first);
    let last = if sent.is_ok() { 9 } else { 8 };
    while reader.count < last {
        reader.receive(&successor);
    }
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}
