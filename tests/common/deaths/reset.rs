//! Resets of a mailbox: the receiver that asks for one, or the sender that gives it, ends on the way.

use super::bells::wait_until_asleep_or_ended;
use super::*;
use crate::common::wire::geometry;
use mailbox::lab::abi::{ConsumerLine, Geometry};
use std::mem::offset_of;

/// Whether rank `to` asks rank `from` for a reset.
fn is_resetting(scratch: &Scratch, from: u32, to: u32) -> bool {
    let word = geometry(scratch).mailbox(from, to) + offset_of!(ConsumerLine, reset_request) as u64;
    u64::from_ne_bytes(scratch.peek(word)) & 1 == 1
}

/// Overwrites the stamps of a mailbox with what nobody writes.
fn poison(scratch: &Scratch, from: u32, to: u32) {
    let cells = geometry(scratch).mailbox(from, to) + Geometry::CELLS;
    (0..8).for_each(|cell| scratch.patch(cells + 64 * cell, &(1u64 << 50).to_ne_bytes()));
}

/// The messages of one life to one receiver, by their numbers.
#[derive(Default)]
struct Log {
    /// The number of the next.
    next: u64,
    /// Those that were sent since the loss of others was told.
    sent: Vec<u64>,
    /// How often that was.
    told: u64,
}

impl Log {
    /// Sends one more, if there is room.
    fn try_send(&mut self, me: &Endpoint) {
        let len = if self.next % 3 == 1 { 200 } else { 20 };
        match me.try_send(1 - me.rank(), &descriptor(me.epoch(), self.next, len)) {
            Ok(()) => self.sent.push(self.next),
            Err(SendError::Broken(mailbox::Broken::Reset(_))) => {
                self.sent.clear();
                self.told += 1;
            }
            Err(SendError::Full(_) | SendError::Gone { died: true, .. }) => return,
            Err(error) => panic!("{error:?}"),
        }
        self.next += 1;
    }

    /// Whether the loss of some was told, and one was sent since.
    fn goes_on(&self) -> bool {
        self.told > 0 && !self.sent.is_empty()
    }
}

/// Whole, of that life, and with a greater number than the one before, of cell and message.
fn read_later(mail: &Mail<'_>, life: u64, last: &mut Option<(u64, u64)>) {
    let bytes = mail.to_vec();
    let number = u64::from(bytes[1]);
    assert_eq!(bytes, descriptor(life, number, bytes.len()), "torn");
    assert!(last.is_none_or(|(seq, last)| seq < mail.seq() && last < number), "{number} after {last:?}");
    *last = Some((mail.seq(), number));
}

fn is_over(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a child");
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

/// Rank 1 ends while it asks for a reset, or takes it.
pub fn asks_for_reset(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    let mut log = Log::default();
    (0..3).for_each(|_| log.try_send(&scene.survivor));
    let process = scene.doomed(|region, tally| {
        let mut me = join(region, 1);
        drop(receive(&me));
        std::mem::forget(receive(&me));
        doom.begin();
        me.reset(0).expect("a rank");
        let mail = receive(&me);
        tally.begun.store(u64::from(mail.to_vec()[1]), SeqCst);
        drop(mail);
        tally.done.store(tally.begun(), SeqCst);
        doom.end();
        std::mem::forget(me);
    });
    wait_until("rank 1 asks or has ended", || is_resetting(&scene.scratch, 0, 1) || is_over(process));
    wait_until("rank 1 is answered or has ended", || {
        log.try_send(&scene.survivor);
        log.goes_on() || is_over(process)
    });
    let is_complete = doom.follow(process);
    let (begun, done) = (scene.tally.0.begun(), scene.tally.0.done());
    assert!(!is_complete || log.told == 1 && done == log.sent[0], "the first after the loss comes first");
    // Its successor, in any state of the mailbox.
    let successor = join(&scene.region, 1);
    let mut last = None;
    let mut received = Vec::new();
    let mut drain = |successor: &Endpoint| {
        (0..TRIES).for_each(|_| {
            if let Ok(Some(mail)) = successor.try_recv() {
                read_later(&mail, 1, &mut last);
                received.push(u64::from(mail.to_vec()[1]));
            }
        });
    };
    // Not so many that the sender would have to look for room.
    for _ in 0..2 {
        drain(&successor);
        log.try_send(&scene.survivor);
    }
    drain(&successor);
    assert!(log.told <= 1, "told once");
    assert!(!is_resetting(&scene.scratch, 0, 1), "a reset");
    // Nothing but what was told to be lost, what its former holder had taken before it asked, and what that may have
    // acknowledged since.
    let firsts = match (log.told, begun) {
        (0, _) => 1..=2,
        (_, 0) => log.sent[0]..=log.sent[0],
        _ => begun.max(done + 1)..=begun + 1,
    };
    assert!(firsts.contains(&received[0]), "{received:?} after {begun} and {done}");
    let rest = log.sent.iter().copied().filter(|number| *number >= received[0]);
    assert_eq!(received, rest.collect::<Vec<_>>(), "what was sent since arrives, once");
    let seq = last.expect("mail").0 + 1;
    let mut reader = Reader { seq, life: 1, count: log.next };
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}

/// Rank 1 ends while it finds that it is asked for a reset, and gives it: in a send, or asleep for want of
/// room. The receiver looks before there is a successor, or afterwards.
pub fn answers(doom: &dyn Doom, is_asleep: bool, is_seen: bool) -> bool {
    let mut scene = Scene::new();
    let before = if is_asleep { 8 } else { 4 };
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        (0..before).for_each(|index| send(&me, index, if index == 1 { 200 } else { 20 }));
        tally.begun.store(1, SeqCst);
        wait_until("rank 0 asks", || is_asleep || tally.begun() == 2);
        doom.begin();
        let told = me.to(0).within(BOUND).send(&descriptor(1, before, 20));
        send(&me, before + 1, 200);
        tally.done.store(1, SeqCst);
        doom.end();
        assert_eq!(told.err(), Some(SendError::Broken(mailbox::Broken::Reset(0))));
        std::mem::forget(me);
    });
    let mut last = None;
    let held = receive(&scene.survivor);
    read_later(&held, 1, &mut last);
    std::mem::forget(held);
    wait_until("rank 1 has sent", || scene.tally.0.begun() == 1);
    if is_asleep {
        wait_until_asleep_or_ended(process, || scene.scratch.sender_sleeps(1));
    }
    poison(&scene.scratch, 1, 0);
    scene.survivor.reset(1).expect("a rank");
    scene.tally.0.begun.store(2, SeqCst);
    let is_complete = doom.follow(process);
    scene.expect_dead(1);
    let mut received = Vec::new();
    if is_seen {
        let told = loop {
            match scene.survivor.from(1).within(BOUND).recv() {
                Ok(mail) => {
                    read_later(&mail, 1, &mut last);
                    received.push(u64::from(mail.to_vec()[1]));
                }
                Err(error) => break error,
            }
        };
        assert_eq!(told, RecvError::Gone { rank: 1, died: true });
    }
    let successor = join(&scene.region, 1);
    send(&successor, 0, 200);
    let seq = loop {
        let mail = receive(&scene.survivor);
        if mail.epoch() == 2 {
            assert_eq!(mail.to_vec(), descriptor(2, 0, 200), "torn");
            assert!(last.is_none_or(|(seq, _)| seq < mail.seq()), "numbers go on");
            break mail.seq();
        }
        read_later(&mail, 1, &mut last);
        received.push(u64::from(mail.to_vec()[1]));
    };
    assert!(received.is_empty() && scene.tally.0.done() == 0 || received == [before + 1], "{received:?}");
    assert!(!is_resetting(&scene.scratch, 1, 0), "a reset");
    let mut reader = Reader { seq: seq + 1, life: 2, count: 1 };
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    is_complete
}
