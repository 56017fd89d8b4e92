//! A process ends while it gives up what an absent rank was sent.

use super::*;

const SENT: u64 = 5;
const ABSENT: u32 = 2;

/// Rank 1 ends while it discards what it has sent to rank 2.
pub fn discards(doom: &dyn Doom, len: usize) -> bool {
    let scene = Scene::of(Config::ranks(3).arena(4096));
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        for index in 0..SENT {
            me.try_send(ABSENT, &descriptor(1, index, len)).expect("room");
        }
        doom.begin();
        tally.count(|| assert_eq!(me.discard(ABSENT), Ok(SENT)));
        doom.end();
        std::mem::forget(me);
    });
    let is_complete = doom.follow(process);
    scene.expect_dead(1);
    let late = join(&scene.region, ABSENT);
    let successor = join(&scene.region, 1);
    let send = |index, len| {
        successor.to(ABSENT).within(BOUND).send(&descriptor(2, index, len)).expect("room");
    };
    send(0, 20);
    let mut reader = None;
    let mut seen = 0;
    loop {
        let mail = late.from(1).within(BOUND).recv().expect("mail");
        let reader = reader.get_or_insert_with(|| Reader { seq: mail.seq(), life: 1, count: 0 });
        reader.read(&mail);
        if reader.life == 2 {
            break;
        }
        seen += 1;
    }
    assert!(seen == 0 || seen == SENT, "{seen}: all or nothing");
    assert!(seen == 0 || scene.tally.0.done() == 0, "it was given up");
    assert!(seen == SENT || scene.tally.0.begun() == 1, "nobody gave it up");
    let mut reader = reader.expect("mail has come");
    for index in 1..24 {
        send(index, if index % 3 == 0 { 500 } else { 20 });
        reader.read(&late.from(1).within(BOUND).recv().expect("mail"));
    }
    assert!((0..TRIES).all(|_| !matches!(late.from(1).try_recv(), Ok(Some(_)))), "nothing more");
    scene.expect_talk(&successor, &mut Reader::default(), &mut Reader::default());
    is_complete
}
