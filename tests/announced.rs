//! Messages above half the arena between lives: one life to one life, whole or not at all.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, mail, puppet};
use common::wire::Wire;
use common::{Child, SHORT, Scratch, gist, pattern, wait_until};
use mailbox::lab::abi::Kind;
use mailbox::lab::sync::Ordering::Relaxed;
use mailbox::{Config, Endpoint, RecvError, SendError};
use std::thread;
use std::time::Duration;

#[test]
fn second_process() {
    if let Some((_, region)) = common::role() {
        puppet::perform(&region);
    }
}

const ARENA: u64 = 16 << 10;

fn pair(cells: u32) -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(cells).arena(ARENA));
    let (a, b) = (region.join(0).expect("free"), region.join(1).expect("free"));
    (scratch, a, b)
}

/// So long that no single call takes all of it in which does not wait.
const LONG: usize = 3 << 20;
const SEED: usize = 5;

fn long() -> Vec<u8> {
    pattern(LONG, SEED)
}

/// How a puppet tells of it, announced as number `seq`.
fn told(epoch: u64, seq: u64) -> String {
    mail(0, epoch, seq, &gist(&long()))
}

/// A region with two puppets.
struct Scene {
    sender: Child,
    receiver: Child,
    region: Scratch,
}

impl Scene {
    fn new() -> Self {
        let region = Scratch::new();
        region.create(Config::ranks(3).cells(64).arena(1024));
        let mut scene = Self { sender: puppet(&region), receiver: puppet(&region), region };
        assert_eq!(scene.sender.does("join 0"), "ok");
        scene
    }

    fn receiver_joins(&mut self) {
        assert_eq!(self.receiver.does("join 1"), "ok");
    }

    fn message_starts(&mut self) {
        self.sender.starts(&format!("send_long 1 {LONG} {SEED}"));
        self.region.wait_until_sender_sleeps(0);
    }

    /// The receiver has taken in a part of the message, and more of it fills the ring.
    fn half_way() -> Self {
        let mut scene = Self::new();
        scene.receiver_joins();
        scene.message_starts();
        while scene.taken() == 0 {
            assert_eq!(scene.receiver.does("try_recv"), "Empty");
        }
        scene.region.wait_until_sender_sleeps(0);
        scene
    }

    /// Bytes that the receiver has taken in.
    fn taken(&self) -> u64 {
        let mailbox = &Wire::new(&self.region, 0, 1).mailbox;
        mailbox.transfer.wanting.consumed.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn receiver_is_replaced(&mut self) {
        self.receiver = puppet(&self.region);
        self.receiver_joins();
    }

    fn drops(&self) -> u64 {
        self.region.open().inspect().mailboxes[0].drops
    }

    /// What is sent after all of it arrives, first thing.
    fn expect_next(&mut self, sender: u64) {
        assert_eq!(self.sender.does("send 1 next"), "ok");
        let answer = self.receiver.does("recv");
        assert!(answer.starts_with(&format!("0.{sender} #")) && answer.ends_with(" next"), "{answer}");
        // Perhaps it is told of the sender's former life.
        let answer = self.receiver.does("try_recv");
        assert!(["Empty", "Gone { rank: 0, died: true }"].contains(&answer.as_str()), "{answer}");
        assert_eq!(self.receiver.does("try_recv"), "Empty");
    }
}

// --- Whole -------------------------------------------------------------------------------------------------

#[test]
fn one_bears_its_announcements_number_and_its_senders_epoch() {
    let mut scene = Scene::new();
    assert_eq!(scene.sender.does("leave"), "ok");
    assert_eq!(scene.sender.does("join 0"), "ok");
    scene.receiver_joins();
    scene.receiver.starts("gist");
    assert_eq!(scene.sender.does(&format!("send_long 1 {LONG} {SEED}")), "ok");
    assert_eq!(scene.receiver.answer(), told(2, 0));
    assert_eq!(scene.sender.does("send 1 x"), "ok");
    assert_eq!(scene.receiver.does("recv"), mail(0, 2, 1, "x"));
}

#[test]
fn what_has_arrived_stays_when_a_receive_times_out() {
    let (scratch, a, b) = pair(8);
    let message = &long();
    thread::scope(|scope| {
        scope.spawn(move || a.send(1, message).expect("a receiver"));
        let mut timeouts = 0;
        let mail = loop {
            scratch.wait_until_sender_sleeps(0);
            match b.from_any().within(Duration::ZERO).recv() {
                Ok(mail) => break mail,
                Err(error) => assert_eq!(error, RecvError::Timeout),
            }
            timeouts += 1;
            if timeouts == 20 {
                break b.recv().expect("mail");
            }
        };
        assert!(timeouts > 2, "it was cut short in between");
        assert!(mail.to_vec() == *message);
    });
}

#[test]
fn two_at_once_are_put_together_each_by_itself() {
    let (scratch, a, b) = pair(8);
    let c = scratch.open().join(2).expect("a free rank");
    let message = |rank: u32, round: usize| pattern(ARENA as usize * 3 + round, rank as usize + 9 * round);
    thread::scope(|scope| {
        for me in [a, c] {
            scope.spawn(move || {
                (0..20).for_each(|round| me.send(1, &message(me.rank(), round)).expect("a receiver"));
            });
        }
        let mut rounds = [0; 3];
        let mut left = 0;
        while left < 2 {
            let mail = match b.recv() {
                Err(RecvError::Gone { died: false, .. }) => {
                    left += 1;
                    continue;
                }
                mail => mail.expect("mail"),
            };
            let round = &mut rounds[mail.from() as usize];
            assert!(mail.to_vec() == message(mail.from(), *round), "number {round} of {}", mail.from());
            *round += 1;
        }
        assert_eq!(rounds, [20, 0, 20]);
    });
}

// --- Not at all --------------------------------------------------------------------------------------------

#[test]
fn one_that_times_out_is_never_delivered() {
    let (_scratch, a, b) = pair(64);
    let message = pattern(ARENA as usize * 3, 1);
    let sent = a.to(1).within(Duration::from_millis(50)).send(&message);
    assert_eq!(sent, Err(SendError::Timeout(1)));
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    a.send(1, b"next").expect("room");
    assert_eq!(b.recv().expect("mail").to_vec(), b"next");
    assert_eq!(a.region().inspect().mailboxes[0].drops, 1);
}

#[test]
fn one_that_is_interrupted_is_never_delivered() {
    let (scratch, a, b) = pair(64);
    a.set_wait(mailbox::Wait::Block);
    let interrupter = a.interrupter();
    thread::scope(|scope| {
        let sent = scope.spawn(move || (a.send(1, &long()), a.send(1, b"next")));
        scratch.wait_until_sender_sleeps(0);
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()), "it has begun");
        interrupter.interrupt();
        let (long, next) = sent.join().expect("a thread");
        assert_eq!((long, next), (Err(SendError::Interrupted), Ok(())));
        assert_eq!(b.recv().expect("mail").to_vec(), b"next");
    });
    assert_eq!(b.region().inspect().mailboxes[0].drops, 1);
}

#[test]
fn a_sender_that_need_not_wait_hears_of_its_deadline_and_interruptions_all_the_same() {
    let (_scratch, a, b) = pair(64);
    let short = pattern(ARENA as usize, 0);
    assert_eq!(a.to(1).within(Duration::ZERO).send(&short), Err(SendError::Timeout(1)));
    a.interrupter().interrupt();
    assert_eq!(a.send(1, &short), Err(SendError::Interrupted));
    assert!(a.region().inspect().mailboxes.is_empty(), "none of it was sent");
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn nobody_sends_one_without_waiting_or_to_oneself_alone() {
    let (_scratch, a, b) = pair(8);
    let limit = a.region().eager_limit();
    let message = pattern(limit as usize + 1, 0);
    let refused = Err(SendError::TooLarge { len: limit + 1, limit });
    assert_eq!(a.try_send(1, &message), refused);
    assert_eq!(a.send(0, &message), refused);
    assert_eq!(a.to(0).within(SHORT).send(&message), refused);
    assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    assert_eq!(a.region().inspect().mailboxes.iter().map(|mailbox| mailbox.messages).sum::<u64>(), 0);
}

// --- Lives -------------------------------------------------------------------------------------------------

#[test]
fn one_to_a_rank_never_joined_waits_for_it() {
    let mut scene = Scene::new();
    scene.message_starts();
    scene.receiver_joins();
    assert_eq!(scene.receiver.does("gist"), told(1, 0));
    assert_eq!(scene.sender.answer(), "ok");
    assert_eq!(scene.drops(), 0);
}

#[test]
fn one_to_a_rank_that_left_is_refused_and_not_its_successors() {
    let mut scene = Scene::new();
    scene.receiver_joins();
    assert_eq!(scene.receiver.does("leave"), "ok");
    assert_eq!(scene.sender.does(&format!("send_long 1 {LONG} {SEED}")), "Gone { rank: 1, died: false }");
    scene.receiver_is_replaced();
    scene.expect_next(1);
}

#[test]
fn the_sender_is_told_that_its_receiver_died_on_the_way() {
    let mut scene = Scene::half_way();
    scene.receiver.kill();
    assert_eq!(scene.sender.answer(), "Gone { rank: 1, died: true }");
    scene.receiver_is_replaced();
    scene.expect_next(1);
}

#[test]
fn the_sender_is_told_that_its_receiver_left_on_the_way() {
    let mut scene = Scene::half_way();
    assert_eq!(scene.receiver.does("leave"), "ok");
    assert_eq!(scene.sender.answer(), "Gone { rank: 1, died: false }");
    assert_eq!(scene.receiver.does("join 1"), "ok");
    scene.expect_next(1);
}

#[test]
fn a_successor_that_comes_before_the_sender_knows_gets_nothing_of_it() {
    for leaves in [false, true] {
        let mut scene = Scene::half_way();
        scene.sender.stop();
        if leaves {
            assert_eq!(scene.receiver.does("leave"), "ok");
        }
        scene.receiver.kill();
        scene.receiver_is_replaced();
        scene.receiver.starts("recv");
        scene.sender.signal(libc::SIGCONT);
        assert_eq!(scene.sender.answer(), "Gone { rank: 1, died: true }");
        assert_eq!(scene.sender.does("send 1 x"), "ok");
        let answer = scene.receiver.answer();
        assert!(answer.starts_with("0.1 #") && answer.ends_with(" x"), "{answer}");
        assert_eq!(scene.drops(), 1);
        scene.expect_next(1);
    }
}

#[test]
fn a_sender_that_died_on_the_way_leaves_nothing_of_it() {
    for receive in ["recv", "recv 0"] {
        let mut scene = Scene::half_way();
        scene.sender.kill();
        assert_eq!(scene.receiver.does(receive), "Gone { rank: 0, died: true }");
        assert_eq!(scene.drops(), 1, "{receive}");
        assert_eq!(scene.receiver.does("recv 0"), "Gone { rank: 0, died: true }");
        scene.sender = puppet(&scene.region);
        assert_eq!(scene.sender.does("join 0"), "ok");
        scene.expect_next(2);
        assert_eq!(scene.drops(), 1);
    }
}

#[test]
fn a_senders_successor_begins_anew() {
    for is_long in [false, true] {
        let mut scene = Scene::half_way();
        scene.receiver.stop();
        scene.sender.kill();
        scene.sender = puppet(&scene.region);
        assert_eq!(scene.sender.does("join 0"), "ok");
        scene.receiver.signal(libc::SIGCONT);
        if is_long {
            assert_eq!(scene.receiver.does("recv"), "Gone { rank: 0, died: true }", "of the former life");
            scene.receiver.starts("gist");
            assert_eq!(scene.sender.does(&format!("send_long 1 {LONG} {SEED}")), "ok");
            let answer = scene.receiver.answer();
            assert!(answer.starts_with("0.2 #") && answer.ends_with(&gist(&self::long())), "{answer}");
        }
        scene.expect_next(2);
        assert_eq!(scene.drops(), 1);
    }
}

#[test]
fn a_stopped_peer_goes_on_with_it() {
    let mut scene = Scene::half_way();
    scene.receiver.starts("gist");
    scene.receiver.stop();
    wait_until("the sender sleeps, or the message has passed", || {
        scene.taken() == LONG as u64 || scene.region.open().inspect().ranks[0].sender_awaits.is_some()
    });
    scene.receiver.signal(libc::SIGCONT);
    assert_eq!(scene.receiver.answer(), told(1, 0));
    assert_eq!(scene.sender.answer(), "ok");

    let mut scene = Scene::half_way();
    scene.sender.stop();
    while scene.receiver.does("recv_timeout") != "Timeout" {}
    scene.receiver.starts("gist");
    scene.region.wait_until_receiver_sleeps(1);
    scene.sender.signal(libc::SIGCONT);
    assert_eq!(scene.receiver.answer(), told(1, 0));
    assert_eq!(scene.sender.answer(), "ok");
}

#[test]
fn parts_of_long_messages_count_in_their_senders_turn() {
    // Four parts, and the announcement.
    const LEN: u64 = 256 << 10;
    const TURN: u64 = 32;
    let (scratch, _a, b) = pair(64);
    let c = scratch.open().join(2).expect("free");
    let wire = Wire::new(&scratch, 0, 1);
    wire.push(Kind::Whole, b"it is its turn");
    assert_eq!(b.recv().expect("mail").from(), 0);
    c.send(1, b"has its turn, too").expect("room");
    let mut taken = 0;
    loop {
        // All of it is there before it is wanted: whenever the receiver looks, this sender has something.
        let seq = wire.claim(LEN);
        let serving = &wire.mailbox.transfer.serving;
        serving.produced.store(LEN, Relaxed);
        serving.id.store(b.epoch() << 48 | (seq + 1), Relaxed);
        if b.recv().expect("mail").from() == 2 {
            break;
        }
        taken += 1;
    }
    assert!((1..=TURN / 5).contains(&taken), "{taken} messages of one sender before another's");
}
