//! An endpoint in two halves, for two threads: both may wait at once, and the rank is theirs together.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{Child, GUARD, SHORT, Scratch, command, pattern, reply, wait_until};
use mailbox::{
    Broken, CallError, Config, End, Endpoint, Interrupter, RecvError, RecvHalf, Region, SendError, SendHalf,
    Status, Wait,
};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "exchange" => {
            let region = Region::open(&region).expect("a region");
            while let Some(command) = command() {
                let words: Vec<u32> =
                    command.split(' ').map(|word| word.parse().expect("a number")).collect();
                let [rank, peer, count] = words[..] else { panic!("{command}") };
                exchange(region.join(rank).expect("a free rank"), peer, count.into());
                reply("ok");
            }
        }
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

fn region(ranks: u32, cells: u32, arena: u64) -> (Scratch, Region) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(ranks).cells(cells).arena(arena));
    (scratch, region)
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

/// Leaves a half in a panic.
fn unwind<T>(half: T) {
    let result = panic::catch_unwind(AssertUnwindSafe(move || {
        let _half = half;
        panic::resume_unwind(Box::new(()))
    }));
    assert!(result.is_err());
}

// --- For two threads ---------------------------------------------------------------------------------------

/// Is `true` for what is `Sync`: an inherent constant goes before that of a trait.
struct IsSync<T>(core::marker::PhantomData<T>);
trait Otherwise {
    const VALUE: bool = false;
}
impl<T> Otherwise for IsSync<T> {}
impl<T: Sync> IsSync<T> {
    const VALUE: bool = true;
}

#[test]
fn endpoints_and_halves_move_between_threads_and_are_not_shared_by_them() {
    const fn is_send<T: Send>() {}
    const fn is_shared<T: Send + Sync>() {}
    const {
        is_send::<Endpoint>();
        is_send::<SendHalf>();
        is_send::<RecvHalf>();
        is_shared::<Region>();
        is_shared::<Interrupter>();
        assert!(IsSync::<Region>::VALUE, "the trick works");
        assert!(!IsSync::<Endpoint>::VALUE);
        assert!(!IsSync::<SendHalf>::VALUE);
        assert!(!IsSync::<RecvHalf>::VALUE);
    }
}

/// Sends `count` messages to `peer` and receives as many from it, both at once; some are announced.
fn exchange(me: Endpoint, peer: u32, count: u64) {
    let len = |number: u64| if number.is_multiple_of(1000) { 300 } else { (number % 60) as usize };
    let message =
        |number: u64| [number.to_ne_bytes().to_vec(), pattern(len(number), number as usize)].concat();
    me.set_wait(Wait::Block);
    let (sender, receiver) = me.into_split();
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..count {
                sender.send(peer, &message(number)).expect("a receiver");
            }
        });
        let receiver = receiver;
        for number in 0..count {
            let mail = receiver.from(peer).recv().expect("mail");
            assert!(mail.to_vec() == message(number), "number {number}");
        }
    });
}

#[test]
fn two_processes_whose_halves_all_wait_talk_both_ways() {
    for cells in [2, 8] {
        let (scratch, _region) = region(2, cells, 256);
        let [mut a, mut b] = [0, 1].map(|_| Child::start("exchange", &scratch));
        a.starts("0 1 30000");
        b.starts("1 0 30000");
        assert_eq!([a.answer(), b.answer()], ["ok", "ok"], "{cells} cells");
    }
}

#[test]
fn many_ranks_of_one_process_talk_each_in_threads_of_its_own() {
    let (_scratch, region) = region(6, 2, 256);
    thread::scope(|scope| {
        for rank in 0..6 {
            let me = join(&region, rank);
            scope.spawn(move || exchange(me, rank ^ 1, 3000));
        }
    });
}

#[test]
fn a_rank_talks_to_itself_from_one_half_to_the_other() {
    for (cells, arena) in [(2, 128), (8, 256), (64, 4096)] {
        let (_scratch, region) = region(1, cells, arena);
        exchange(join(&region, 0), 0, 3001);
    }
}

// --- Its end -----------------------------------------------------------------------------------------------

#[test]
fn the_rank_is_left_with_the_second_half() {
    for sender_first in [false, true] {
        let (_scratch, region) = region(2, 4, 256);
        let peer = join(&region, 1);
        let (sender, receiver) = join(&region, 0).into_split();
        assert_eq!((sender.rank(), receiver.rank()), (0, 0));
        assert_eq!((sender.epoch(), receiver.epoch()), (1, 1));
        sender.send(1, b"a").expect("room");
        assert_eq!(peer.recv().expect("mail").to_vec(), b"a");
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        if sender_first {
            sender = None;
            peer.send(0, b"b").expect("room");
            assert_eq!(receiver.as_ref().expect("a half").recv().expect("mail").to_vec(), b"b");
        } else {
            receiver = None;
            sender.as_ref().expect("a half").send(1, b"c").expect("room");
            assert_eq!(peer.recv().expect("mail").to_vec(), b"c");
        }
        assert_eq!(region.status(0), Some((Status::Live, 1)));
        assert!(region.join(0).is_err());
        assert_eq!(peer.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
        drop((sender, receiver));
        assert_eq!(region.status(0), Some((Status::Left, 1)));
        assert_eq!(peer.recv().err(), Some(RecvError::Gone { rank: 0, died: false }));
        assert_eq!(join(&region, 0).epoch(), 2);
    }
}

#[test]
fn a_panic_in_one_half_is_a_death_once_the_other_ends() {
    for sender_panics in [false, true] {
        for sender_first in [false, true] {
            let (_scratch, region) = region(2, 4, 256);
            let peer = join(&region, 1);
            let (sender, receiver) = join(&region, 0).into_split();
            sender.send(1, b"a").expect("room");
            drop(peer.recv().expect("mail"));
            let end_sender = || if sender_panics { unwind(sender) } else { drop(sender) };
            let end_receiver = || if sender_panics { drop(receiver) } else { unwind(receiver) };
            if sender_first {
                end_sender();
                assert_eq!(region.status(0), Some((Status::Live, 1)));
                end_receiver();
            } else {
                end_receiver();
                assert_eq!(region.status(0), Some((Status::Live, 1)));
                end_sender();
            }
            assert_eq!(region.status(0), Some((Status::Dead, 1)));
            assert_eq!(peer.recv().err(), Some(RecvError::Gone { rank: 0, died: true }));
        }
    }
}

#[test]
fn a_process_that_ends_with_halves_has_died() {
    let (scratch, region) = region(2, 4, 256);
    let peer = join(&region, 1);
    let mut puppet = puppet(&scratch);
    for command in ["join 0", "split", "send 1 a"] {
        assert_eq!(puppet.does(command), "ok");
    }
    puppet.kill();
    assert_eq!(peer.recv().expect("mail").to_vec(), b"a");
    assert_eq!(peer.recv().err(), Some(RecvError::Gone { rank: 0, died: true }));
}

#[test]
fn a_half_waits_for_its_own_rank_as_long_as_there_is_the_other() {
    let (scratch, region) = region(2, 4, 256);
    let (sender, receiver) = join(&region, 0).into_split();
    assert_eq!(receiver.from(0).within(SHORT).recv().err(), Some(RecvError::Timeout));
    while sender.try_send(0, b"x").is_ok() {}
    assert_eq!(sender.to(0).within(SHORT).send(b"x"), Err(SendError::Timeout(0)));
    (0..4).for_each(|_| drop(receiver.recv().expect("mail")));

    // The sender goes while the receiver waits.
    receiver.set_wait(Wait::Block);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let receiver = receiver;
            receiver.from(0).recv().err()
        });
        scratch.wait_until_receiver_sleeps(0);
        drop(sender);
        assert_eq!(waiter.join().expect("a thread"), Some(RecvError::Broken(Broken::Oneself)));
    });
    // The receiver goes while the sender waits: for room, and with an announced message.
    for message in [b"x".to_vec(), pattern(1000, 1)] {
        let (sender, receiver) = join(&region, 0).into_split();
        while sender.try_send(0, b"x").is_ok() {}
        sender.set_wait(Wait::Block);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let sender = sender;
                sender.send(0, &message)
            });
            scratch.wait_until_sender_sleeps(0);
            drop(receiver);
            assert_eq!(waiter.join().expect("a thread"), Err(SendError::Full(0)));
        });
    }
}

#[test]
fn what_the_other_half_did_before_it_went_is_seen() {
    for round in 0..3000 {
        let (_scratch, region) = region(1, 2, 256);
        let (sender, receiver) = join(&region, 0).into_split();
        if round % 2 == 0 {
            thread::scope(|scope| {
                scope.spawn(move || sender.send(0, b"x").expect("room"));
                assert_eq!(receiver.from(0).recv().map(|mail| mail.to_vec()), Ok(b"x".to_vec()));
                assert_eq!(receiver.from(0).recv().err(), Some(RecvError::Broken(Broken::Oneself)));
            });
        } else {
            while sender.try_send(0, b"x").is_ok() {}
            thread::scope(|scope| {
                scope.spawn(move || drop(receiver.recv().expect("mail")));
                assert_eq!(sender.send(0, b"y"), Ok(()));
                assert_eq!(sender.send(0, b"y"), Err(SendError::Full(0)));
            });
        }
    }
}

// --- Waits -------------------------------------------------------------------------------------------------

/// Lets `first` wait, interrupts it, and says what it returned.
fn interrupted<E: Send>(
    interrupter: &Interrupter,
    wait: impl FnOnce() -> Result<(), E> + Send,
    asleep: impl Fn(),
) -> Result<(), E> {
    thread::scope(|scope| {
        let waiter = scope.spawn(wait);
        asleep();
        interrupter.interrupt();
        waiter.join().expect("a thread")
    })
}

fn waiter_and_sender(how: Wait) -> (Scratch, Endpoint, Endpoint) {
    let (scratch, region) = region(2, 4, 256);
    let (me, other) = (join(&region, 0), join(&region, 1));
    me.set_wait(how);
    (scratch, me, other)
}

/// Receives mail and an interruption in turn, each time both come at once.
fn mail_comes_first(
    other: &Endpoint,
    interrupter: &Interrupter,
    recv: impl Fn() -> Result<(), RecvError> + Send,
) {
    thread::scope(|scope| {
        let (begins, begun) = mpsc::channel();
        let waiter = scope.spawn(move || {
            (0..300).find_map(|round| {
                begins.send(()).expect("a sender");
                let got = [recv(), recv()];
                (got != [Ok(()), Err(RecvError::Interrupted)]).then_some((round, got))
            })
        });
        for (round, ()) in begun.iter().enumerate() {
            (0..round * 20).for_each(|_| std::hint::spin_loop());
            other.send(0, b"the last word").expect("room");
            interrupter.interrupt();
        }
        assert_eq!(waiter.join().expect("a thread"), None);
    });
}

#[test]
fn mail_from_before_an_interruption_is_received_first() {
    for how in [Wait::Adaptive, Wait::Block, Wait::Spin] {
        let (_scratch, me, other) = waiter_and_sender(how);
        let (_sender, receiver) = me.into_split();
        mail_comes_first(&other, &receiver.interrupter(), move || {
            receiver.from_any().within(GUARD).recv().map(drop)
        });
    }
}

#[test]
fn so_it_is_by_one_thread_of_several() {
    for how in [Wait::Adaptive, Wait::Block, Wait::Spin] {
        let (_scratch, me, other) = waiter_and_sender(how);
        let me = me.into_shared();
        mail_comes_first(&other, &me.interrupter(), move || me.from_any().within(GUARD).recv().map(drop));
    }
}

#[test]
fn interrupters_from_before_go_with_the_receiver_and_each_half_has_its_own() {
    let (scratch, region) = region(2, 4, 256);
    let me = join(&region, 0);
    me.set_wait(Wait::Block);
    let before = me.interrupter();
    let (sender, receiver) = me.into_split();
    let (of_sender, of_receiver) = (sender.interrupter(), receiver.interrupter());
    while sender.try_send(1, b"fill").is_ok() {}

    for interrupter in [&before, &of_receiver] {
        interrupter.interrupt();
        assert_eq!(sender.to(1).within(SHORT).send(b"x"), Err(SendError::Timeout(1)), "not its own");
        assert_eq!(receiver.from_any().within(GUARD).recv().err(), Some(RecvError::Interrupted));
    }
    of_sender.interrupt();
    assert_eq!(receiver.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout), "not its own");
    assert_eq!(sender.to(1).within(GUARD).send(b"x"), Err(SendError::Interrupted));

    let (sent, received) = thread::scope(|scope| {
        let (sent, told) = mpsc::channel();
        scope.spawn(move || {
            let _ = sent.send(sender.to(1).within(GUARD).send(b"x"));
        });
        scratch.wait_until_sender_sleeps(0);
        let received = interrupted(
            &before,
            move || receiver.from_any().within(GUARD).recv().map(drop),
            || scratch.wait_until_receiver_sleeps(0),
        );
        assert!(told.try_recv().is_err(), "the sender waits on");
        of_sender.interrupt();
        (told.recv_timeout(GUARD), received)
    });
    assert_eq!((sent, received), (Ok(Err(SendError::Interrupted)), Err(RecvError::Interrupted)));
}

#[test]
fn an_endpoint_that_is_not_split_has_one_interrupt_for_both_directions() {
    let (_scratch, region) = region(2, 4, 256);
    let me = join(&region, 0);
    while me.try_send(1, b"fill").is_ok() {}
    me.interrupter().interrupt();
    assert_eq!(me.to(1).within(GUARD).send(b"x"), Err(SendError::Interrupted));
    assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
}

#[test]
fn each_half_waits_in_its_own_way() {
    for blocks in [false, true] {
        let (_scratch, region) = region(2, 4, 256);
        let (sender, receiver) = join(&region, 0).into_split();
        while sender.try_send(1, b"fill").is_ok() {}
        let how = |blocks| if blocks { Wait::Block } else { Wait::Spin };
        sender.set_wait(how(blocks));
        receiver.set_wait(how(!blocks));
        assert_eq!(sender.to(1).within(SHORT).send(b"x"), Err(SendError::Timeout(1)));
        assert_eq!(receiver.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
        let inspection = region.inspect();
        assert_eq!(inspection.mailboxes[0].sleeps > 0, blocks);
        assert_eq!(inspection.ranks[0].sleeps > 0, !blocks);
    }
}

#[test]
fn both_halves_wait_at_once_and_what_wakes_one_does_not_end_the_others_wait() {
    let (scratch, region) = region(2, 4, 256);
    let me = join(&region, 0);
    let peer = join(&region, 1);
    me.set_wait(Wait::Block);
    let (sender, receiver) = me.into_split();
    while sender.try_send(1, b"fill").is_ok() {}
    thread::scope(|scope| {
        let receives = scope.spawn(move || receiver.recv().map(|mail| mail.to_vec()));
        let sends = scope.spawn(move || sender.send(1, b"x"));
        scratch.wait_until_receiver_sleeps(0);
        scratch.wait_until_sender_sleeps(0);
        peer.send(0, b"mail").expect("room");
        assert_eq!(receives.join().expect("a thread"), Ok(b"mail".to_vec()));
        wait_until("the sender sleeps on", || region.inspect().ranks[0].sender_awaits.is_some());
        assert!(!sends.is_finished());
        (0..4).for_each(|_| drop(peer.recv().expect("mail")));
        assert_eq!(sends.join().expect("a thread"), Ok(()));
    });
}

// --- Calls and reunion -------------------------------------------------------------------------------------

/// Answers this many calls with what they ask, and drops the next one.
fn serve(server: &Endpoint, calls: usize) {
    for _ in 0..calls {
        let call = server.from_any().within(GUARD).recv().expect("a call");
        let bytes = call.to_vec();
        call.reply(&bytes).expect("room");
    }
    server.from_any().within(GUARD).recv().expect("a call").ack();
}

#[test]
fn a_sending_half_calls_asleep_or_awake_while_the_other_receives() {
    for how in [Wait::Block, Wait::Adaptive] {
        let (scratch, region) = region(2, 16, 1 << 16);
        let (sender, receiver) = join(&region, 0).into_split();
        let server = join(&region, 1);
        sender.set_wait(how);
        receiver.set_wait(Wait::Block);
        thread::scope(|scope| {
            let ears = scope.spawn(move || {
                let mail = receiver.from(1).within(GUARD).recv().expect("mail").to_vec();
                (mail, receiver)
            });
            scope.spawn(move || {
                if how == Wait::Block {
                    scratch.wait_until_sender_sleeps(0);
                }
                serve(&server, 20);
                server.send(0, b"news").expect("room");
                drop(server);
                scratch
            });
            for round in 0..20 {
                // On the line, and through the lanes.
                let question = pattern(if round % 2 == 0 { 8 } else { 1000 }, round);
                let answer = sender.to(1).within(GUARD).call(&question).expect("an answer");
                assert!(*answer == *question, "{how:?}, {round}");
            }
            let dropped = CallError::Unanswered { rank: 1, end: End::Dropped };
            assert_eq!(sender.to(1).within(GUARD).call(b"?").expect_err("none"), dropped);
            let (mail, _receiver) = ears.join().expect("a thread");
            assert_eq!(mail, b"news");
            let left = sender.to(1).within(GUARD).call(b"?").expect_err("nobody");
            assert!(left.is_gone(), "{left}");
        });
    }
}

#[test]
fn a_half_that_calls_its_own_rank_is_answered_by_the_other_while_there_is_one() {
    let (_scratch, region) = region(1, 16, 1 << 16);
    let (sender, receiver) = join(&region, 0).into_split();
    assert_eq!(sender.to(0).within(SHORT).call(b"?").expect_err("nobody yet"), CallError::Timeout(0));
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..2 {
                let call = receiver.from_any().within(GUARD).recv().expect("a call");
                let bytes = call.to_vec();
                call.reply(&bytes).expect("room");
            }
        });
        assert_eq!(*sender.to(0).within(GUARD).call(b"myself").expect("an answer"), *b"myself");
    });
    let alone = sender.to(0).within(GUARD).call(b"?").expect_err("nobody any more");
    assert_eq!(alone, CallError::Broken(Broken::Oneself));
}

#[test]
fn a_half_that_calls_its_own_rank_is_told_when_the_other_goes() {
    for how in [Wait::Block, Wait::Adaptive] {
        let (scratch, region) = region(1, 16, 1 << 16);
        let (sender, receiver) = join(&region, 0).into_split();
        sender.set_wait(how);
        thread::scope(|scope| {
            scope.spawn(move || {
                scratch.wait_until_sender_sleeps(0);
                drop(receiver);
            });
            let told = sender.to(0).within(GUARD).call(b"?").expect_err("nobody any more");
            assert_eq!(told, CallError::Broken(Broken::Oneself), "{how:?}");
        });
    }
}

#[test]
fn halves_of_one_endpoint_become_one_again_and_others_do_not() {
    let (_scratch, region) = region(3, 16, 1 << 16);
    let (first, second) = (join(&region, 0), join(&region, 1));
    let before = first.interrupter();
    let ((sender, receiver), (other_sender, other_receiver)) = (first.into_split(), second.into_split());
    let of_sender = sender.interrupter();
    let halves = sender.reunite(other_receiver).expect_err("of two");
    let (sender, other_receiver) = *halves;
    let first = sender.reunite(receiver).expect("of one");
    let second = other_sender.reunite(other_receiver).expect("of one");
    // As one that was never split: it alone could send what it waits for.
    assert_eq!(first.from(0).recv().err(), Some(RecvError::Broken(Broken::Oneself)));
    before.interrupt();
    assert_eq!(first.from_any().within(GUARD).recv().err(), Some(RecvError::Interrupted));
    of_sender.interrupt();
    assert_eq!(
        first.from_any().within(SHORT).recv().err(),
        Some(RecvError::Timeout),
        "of a half that is none"
    );
    first.send(1, b"hello").expect("room");
    assert_eq!(second.recv().expect("mail").to_vec(), b"hello");
    first.close().expect("nothing to close");
    assert_eq!(second.from(0).recv().err(), Some(RecvError::Gone { rank: 0, died: false }));
    second.abandon();
    assert_eq!(region.status(1).map(|(status, _)| status), Some(Status::Dead));
}
