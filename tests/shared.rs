//! One endpoint that several threads use at once.
#![cfg(not(loom))]

mod common;

use common::crew::{HOWS, join, panic_with, shared};
use common::{
    Child, GUARD, SHORT, Scratch, die, end_within, exit_with, fork, pattern, reply, role, status_of,
    wait_until,
};
use mailbox::{
    Broken, CallError, Config, End, Event, Lost, OwnedMail, RecvError, Region, ReplyError, SendError, Shared,
    Status, Wait,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Barrier, mpsc};
use std::thread;

#[test]
fn second_process() {
    if let Some((_, region)) = role() {
        fork_while_threads_are_at_work(&Region::open(&region).expect("a region"));
    }
}

// --- Receiving and sending ---------------------------------------------------------------------------------

#[test]
fn threads_receive_each_message_once_whoever_sends() {
    const EACH: u64 = 300;
    for how in HOWS {
        let (_scratch, me, others) = shared::<8>(16, how);
        let received = thread::scope(|scope| {
            for other in others {
                scope.spawn(move || {
                    (0..EACH).for_each(|number| other.send(0, &number.to_ne_bytes()).expect("room"));
                    // Its end is told once it was received.
                    other
                });
            }
            let receivers: Vec<_> = (0..8)
                .map(|_| {
                    let me = me.clone();
                    scope.spawn(move || {
                        let mut received = vec![];
                        loop {
                            match me.from_any().within(2 * SHORT).recv() {
                                Ok(mail) => {
                                    received.push((mail.from(), mail.value::<u64>().expect("a number")))
                                }
                                Err(RecvError::Gone { died: false, .. }) => {}
                                Err(error) => break assert_eq!(error, RecvError::Timeout),
                            }
                        }
                        received
                    })
                })
                .collect();
            receivers.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect::<Vec<_>>()
        });
        let each: BTreeSet<(u32, u64)> = received.iter().copied().collect();
        assert_eq!((received.len() as u64, each.len() as u64), (8 * EACH, 8 * EACH), "{how:?}");
    }
}

#[test]
fn threads_send_each_message_once_and_in_their_order() {
    const EACH: u64 = 300;
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        thread::scope(|scope| {
            for sender in 0..4u64 {
                let me = me.clone();
                scope.spawn(move || {
                    for number in 0..EACH {
                        // Some lie in the arena.
                        let mut bytes = vec![0; if number % 7 == 0 { 3000 } else { 16 }];
                        bytes[..8].copy_from_slice(&sender.to_ne_bytes());
                        bytes[8..16].copy_from_slice(&number.to_ne_bytes());
                        me.send(1, &bytes).expect("room");
                    }
                });
            }
            let mut next = [0; 4];
            for _ in 0..4 * EACH {
                let bytes = other.from_any().within(GUARD).recv().expect("mail").to_vec();
                let [sender, number] =
                    [0, 8].map(|at| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap()));
                assert_eq!(number, next[sender as usize], "of thread {sender}");
                next[sender as usize] += 1;
            }
        });
    }
}

#[test]
fn a_send_that_waits_and_a_receive_that_waits_keep_nothing_from_each_other() {
    let (scratch, me, [one, other]) = shared(4, Wait::Block);
    while me.try_send(1, b"fills it").is_ok() {}
    thread::scope(|scope| {
        let sender = scope.spawn(|| me.send(1, b"at last"));
        scratch.wait_until_sender_sleeps(0);
        // One receives while the other waits, from the same thread on, and from a rank that says nothing meanwhile.
        let receiver = scope.spawn(|| me.from(2).recv().map(|mail| mail.to_vec()));
        scratch.wait_until_receiver_sleeps(0);
        for number in 0..3 {
            one.send(0, &[number]).expect("room");
            assert_eq!(me.recv().expect("mail").to_vec(), [number]);
        }
        assert!(!sender.is_finished() && !receiver.is_finished());
        other.send(0, b"now").expect("room");
        assert_eq!(receiver.join().unwrap().expect("mail"), b"now");
        assert!(!sender.is_finished());
        let last = loop {
            let bytes = one.from_any().within(GUARD).recv().expect("mail").to_vec();
            if bytes != b"fills it" {
                break bytes;
            }
        };
        assert_eq!((last, sender.join().unwrap()), (b"at last".to_vec(), Ok(())));
    });
}

#[test]
fn several_threads_wait_for_room_in_one_mailbox_and_get_it() {
    let (scratch, me, [other]) = shared(4, Wait::Block);
    while me.try_send(1, b"fills it").is_ok() {}
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| me.send(1, b"one more").expect("room"));
        }
        scratch.wait_until_sender_sleeps(0);
        let mut more = 0;
        while more < 6 {
            more += u32::from(other.from_any().within(GUARD).recv().expect("mail").to_vec() == b"one more");
        }
    });
}

#[test]
fn announced_messages_of_several_threads_arrive_whole() {
    for how in [Wait::Adaptive, Wait::Block] {
        let (_scratch, me, [other]) = shared(16, how);
        thread::scope(|scope| {
            for seed in 0..3 {
                let me = &me;
                scope
                    .spawn(move || me.to(1).within(GUARD).send(&pattern(3 << 20, seed)).expect("a receiver"));
            }
            let mut seeds: Vec<_> = (0..3)
                .map(|_| {
                    let bytes = other.from_any().within(GUARD).recv().expect("mail").to_vec();
                    (0..3).find(|seed| bytes == pattern(3 << 20, *seed)).expect("one of them")
                })
                .collect();
            seeds.sort_unstable();
            assert_eq!(seeds, [0, 1, 2]);
            let sender = scope.spawn(move || (other.send(0, &pattern(3 << 20, 9)), other));
            assert!(me.from(1).within(GUARD).recv().expect("mail").to_vec() == pattern(3 << 20, 9));
            assert_eq!(sender.join().unwrap().0, Ok(()));
        });
    }
}

#[test]
fn a_call_that_does_not_wait_or_no_longer_says_so() {
    let (_scratch, me, [_other]) = shared(4, Wait::Adaptive);
    assert_eq!(me.try_recv().map(drop), Ok(()));
    assert!(me.try_recv().expect("no error").is_none());
    assert_eq!(me.from(1).within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(me.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(me.to(1).within(SHORT).call(b"?").err(), Some(CallError::Timeout(1)));
    let over = std::time::Instant::now();
    assert_eq!(me.from(1).within(over).recv().err(), Some(RecvError::Timeout));
    while me.try_send(1, b"fills it").is_ok() {}
    assert_eq!(me.to(1).within(over).send(b"no room"), Err(SendError::Timeout(1)));
    assert_eq!(me.try_send(1, b"no room"), Err(SendError::Full(1)));
    assert_eq!(me.to(1).within(SHORT).send(b"no room"), Err(SendError::Timeout(1)));
    assert_eq!(me.to(1).within(SHORT).send(&pattern(3 << 20, 0)), Err(SendError::Timeout(1)));
    assert_eq!(me.to(1).within(SHORT).call(&[0; 100]).err(), Some(CallError::Timeout(1)));
    assert!(matches!(me.try_send(9, b"nobody"), Err(SendError::Broken(Broken::NoSuchRank { .. }))));
    assert!(matches!(me.from(9).try_recv(), Err(RecvError::Broken(Broken::NoSuchRank { .. }))));
}

// --- Calls -------------------------------------------------------------------------------------------------

#[test]
fn threads_call_at_once_and_each_gets_its_own_answer() {
    for how in HOWS {
        let (_scratch, me, [other]) = shared(16, how);
        let server = other.into_shared();
        thread::scope(|scope| {
            for _ in 0..3 {
                let server = server.clone();
                scope.spawn(move || {
                    loop {
                        let mail = server.recv().expect("mail");
                        let request = mail.to_vec();
                        if request.is_empty() {
                            break mail.reply(b"bye").expect("a caller");
                        }
                        // Some on the line, some in the lane.
                        mail.reply(&request.repeat(if request[0] % 3 == 0 { 500 } else { 1 }))
                            .expect("a caller");
                    }
                });
            }
            let callers: Vec<_> = (0..6u8)
                .map(|caller| {
                    let me = &me;
                    scope.spawn(move || {
                        for number in 0..200u8 {
                            let answer = me.call(1, &[caller, number]).expect("an answer");
                            let times = if caller % 3 == 0 { 500 } else { 1 };
                            assert_eq!(*answer, *[caller, number].repeat(times));
                        }
                    })
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().expect("a thread"));
            (0..3).for_each(|_| assert_eq!(*me.call(1, b"").expect("an answer"), *b"bye"));
        });
    }
}

#[test]
fn more_calls_than_may_be_under_way_wait_for_each_other() {
    let (scratch, me, [server]) = shared(128, Wait::Block);
    thread::scope(|scope| {
        for number in 0..80u64 {
            let me = &me;
            scope.spawn(move || {
                let answer = me.call(1, &number.to_ne_bytes()).expect("an answer");
                assert_eq!(*answer, number.to_ne_bytes());
            });
        }
        scratch.wait_until_sender_sleeps(0); // Some wait for a call to be over.
        for _ in 0..80 {
            let mail = server.from_any().within(GUARD).recv().expect("a call");
            let request = mail.to_vec();
            mail.reply(&request).expect("a caller");
        }
    });
}

#[test]
fn an_answer_that_waits_for_room_keeps_nobody_waiting() {
    let (scratch, server, [caller, other]) = shared(64, Wait::Block);
    thread::scope(|scope| {
        // These fill the room for answers to a caller that does not look for any.
        let calls: Vec<_> = (0..40).map(|_| caller.to(0).start_call(&[7; 100]).expect("room")).collect();
        let replying = scope.spawn(|| {
            for _ in 0..40 {
                server.from(1).recv().expect("a call").reply(&pattern(30 << 10, 3)).expect("a caller");
            }
        });
        scratch.wait_until_receiver_sleeps(0);
        other.send(0, b"hello").expect("room");
        assert_eq!(server.from(2).recv().expect("mail").to_vec(), b"hello");
        for call in &calls {
            let answer = call.wait_within(GUARD).expect("an answer");
            assert!(*answer == pattern(30 << 10, 3));
        }
        replying.join().expect("a thread");
    });
}

#[test]
fn a_rank_may_call_itself_if_another_thread_serves() {
    let (_scratch, me, []) = shared(16, Wait::Adaptive);
    thread::scope(|scope| {
        let server = scope.spawn(|| me.recv().expect("a call").reply(b"me, too"));
        assert_eq!(*me.call(0, b"who is there?").expect("an answer"), *b"me, too");
        assert_eq!(server.join().unwrap(), Ok(()));
    });
}

#[test]
fn mail_from_oneself_is_waited_for_since_another_thread_may_send_it() {
    let (scratch, me, []) = shared(16, Wait::Block);
    assert_eq!(me.from(0).within(SHORT).recv().err(), Some(RecvError::Timeout));
    thread::scope(|scope| {
        let receiver = scope.spawn(|| me.from(0).recv().map(|mail| mail.to_vec()));
        scratch.wait_until_receiver_sleeps(0);
        me.send(0, b"from here").expect("room");
        assert_eq!(receiver.join().unwrap().expect("mail"), b"from here");
    });
}

#[test]
fn what_is_no_call_is_not_answered() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    other.send(0, b"no call").expect("room");
    assert_eq!(me.recv().expect("mail").reply(b"?"), Err(ReplyError::NotACall(1)));
    assert!(me.try_recv().expect("no error").is_none(), "it is acknowledged");
}

// --- Ends, interruptions, mails that are held --------------------------------------------------------------

#[test]
fn a_death_is_told_to_each_thread_that_waits_for_that_rank_also_while_others_speak() {
    [Wait::Block, Wait::Adaptive, Wait::Spin].into_iter().for_each(hear_of_a_death);
}

fn hear_of_a_death(how: Wait) {
    let (_scratch, me, [dying, chatting]) = shared(4, how);
    while me.try_send(1, b"fills it").is_ok() {}
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| me.from(1).recv().map(drop));
        let same = scope.spawn(|| me.from(1).recv().map(drop));
        let sender = scope.spawn(|| me.send(1, b"no room"));
        let caller = scope.spawn(|| me.call(1, b"on the line").map(drop));
        let is_over = &is_over;
        let chat = scope.spawn(move || {
            while !is_over.load(Relaxed) {
                assert_eq!(chatting.to(0).within(GUARD).send(b"and so on"), Ok(()));
            }
            chatting
        });
        let listener = scope.spawn(|| me.from(2).recv().map(drop));
        thread::sleep(SHORT);
        die(dying);
        // This one has it told as well, once.
        let mut ends = 0;
        while ends == 0 {
            match me.recv() {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error, RecvError::Gone { rank: 1, died: true });
                    ends += 1;
                }
            }
        }
        // However short the time is.
        let over = me.from(1).within(std::time::Instant::now());
        assert_eq!(over.recv().err(), Some(RecvError::Gone { rank: 1, died: true }));
        assert_eq!(receiver.join().unwrap(), Err(RecvError::Gone { rank: 1, died: true }));
        assert_eq!(same.join().unwrap(), Err(RecvError::Gone { rank: 1, died: true }));
        assert_eq!(sender.join().unwrap(), Err(SendError::Gone { rank: 1, died: true }));
        assert_eq!(caller.join().unwrap(), Err(CallError::Unanswered { rank: 1, end: End::Died }));
        assert_eq!(listener.join().unwrap(), Ok(()));
        is_over.store(true, Relaxed);
        while !chat.is_finished() {
            drop(me.try_recv().expect("no more ends"));
        }
        chat.join().unwrap();
    });
}

#[test]
fn a_death_that_nobody_else_asks_about_is_told_to_a_thread_that_follows() {
    for kind in 0..3 {
        // Its rank watches the two above its own, and none of these.
        let (scratch, me, [quiet, _watched, dying]) = shared(4, Wait::Block);
        while me.try_send(3, b"fills it").is_ok() {}
        thread::scope(|scope| {
            let leader = scope.spawn(|| me.from(1).recv().map(drop));
            scratch.wait_until_receiver_sleeps(0);
            let follower = scope.spawn(|| match kind {
                0 => me.from(3).within(GUARD).recv().unwrap_err().is_gone(),
                1 => me.to(3).within(GUARD).send(b"no room").unwrap_err().is_gone(),
                _ => me.to(3).within(GUARD).call(b"on the line").unwrap_err().is_gone(),
            });
            thread::sleep(SHORT);
            die(dying);
            assert!(follower.join().unwrap(), "{kind}");
            quiet.send(0, b"that is all").expect("room");
            assert_eq!(leader.join().unwrap(), Ok(()));
        });
    }
}

#[test]
fn an_interrupter_ends_the_wait_of_its_handle_alone() {
    let (scratch, me, [other]) = shared(4, Wait::Block);
    let [one, two] = [me.clone(), me.clone()];
    let interrupter = one.interrupter();
    thread::scope(|scope| {
        let leading = scope.spawn(move || two.recv().map(|mail| mail.to_vec()));
        scratch.wait_until_receiver_sleeps(0);
        let (tell, told) = mpsc::channel();
        let following = scope.spawn(move || {
            tell.send(()).unwrap();
            one.from(1).recv().map(drop)
        });
        told.recv().unwrap();
        interrupter.interrupt();
        assert_eq!(following.join().unwrap(), Err(RecvError::Interrupted));
        assert!(!leading.is_finished());
        other.send(0, b"for the other").expect("room");
        assert_eq!(leading.join().unwrap().expect("mail"), b"for the other");
    });
}

#[test]
fn an_interrupter_of_the_endpoint_goes_with_the_first_handle() {
    let scratch = Scratch::new();
    let me = join(&scratch.create(Config::ranks(2)), 0);
    let interrupter = me.interrupter();
    let me = me.into_shared();
    interrupter.interrupt();
    assert_eq!(me.clone().from(1).within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(me.recv().err(), Some(RecvError::Interrupted));
}

#[test]
fn who_holds_what_keeps_a_sender_waiting_is_told_and_others_are_not() {
    let (_scratch, me, [sender, _other]) = shared(4, Wait::Block);
    thread::scope(|scope| {
        let held = me.from(1).within(SHORT);
        sender.send(0, b"held").expect("room");
        let held = held.recv().expect("mail");
        let sending = scope.spawn(move || {
            (0..20).for_each(|_| sender.send(0, b"more").expect("room"));
            sender
        });
        let (tell, told) = mpsc::channel();
        let me = &me;
        let bystander = scope.spawn(move || {
            let mut received = 0;
            while received < 20 {
                match me.from(1).within(GUARD).recv() {
                    Ok(_) => received += 1,
                    Err(error) => panic!("{error:?} after {received}"),
                }
                tell.send(()).unwrap();
            }
        });
        // What the held mail leaves room for.
        (0..3).for_each(|_| told.recv().unwrap());
        loop {
            match me.from(1).recv() {
                Ok(_) => {}
                Err(error) => break assert_eq!(error, RecvError::Held(1)),
            }
        }
        assert!(!bystander.is_finished() && !sending.is_finished());
        drop(held);
        // Some of them may have come here.
        drop(sending.join().unwrap());
        while !bystander.is_finished() && told.recv_timeout(SHORT).is_ok() {}
        if !bystander.is_finished() {
            me.send(0, b"never mind").expect("room");
        }
    });
}

// --- Mails -------------------------------------------------------------------------------------------------

#[test]
fn a_mail_that_another_thread_drops_is_acknowledged() {
    let (_scratch, me, [other]) = shared(4, Wait::Block);
    thread::scope(|scope| {
        let sender = scope.spawn(move || (other.to(0).sync().send(b"done with it?"), other));
        let mail = me.recv().expect("mail");
        let (give, taken) = mpsc::channel();
        let dropping = thread::spawn(move || {
            let mail: OwnedMail = taken.recv().unwrap();
            assert_eq!((mail.from(), mail.to_vec()), (1, b"done with it?".to_vec()));
        });
        assert!(!sender.is_finished());
        give.send(mail).unwrap();
        dropping.join().unwrap();
        let (sent, _other) = sender.join().unwrap();
        assert_eq!(sent, Ok(()));
        assert!(me.try_recv().expect("no error").is_none());
    });
}

#[test]
fn a_mail_that_is_left_goes_to_a_thread_that_waits_also_when_a_panic_leaves_it() {
    let (scratch, me, [other]) = shared(4, Wait::Block);
    for (leave, count) in [(OwnedMail::requeue as fn(OwnedMail), 1), (panic_with, 1)] {
        other.send(0, b"handle with care").expect("room");
        let mail = me.recv().expect("mail");
        assert_eq!(mail.redelivered(), 0);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| me.recv());
            scratch.wait_until_receiver_sleeps(0);
            leave(mail);
            let again = waiting.join().unwrap().expect("mail");
            assert_eq!((again.to_vec(), again.redelivered()), (b"handle with care".to_vec(), count));
            again.ack();
        });
        assert!(me.try_recv().expect("no error").is_none());
    }
}

#[test]
fn a_mail_is_read_like_any() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    other.send(0, &7u64.to_ne_bytes()).expect("room");
    let mail = me.recv().expect("mail");
    assert_eq!((mail.from(), mail.seq(), mail.epoch(), mail.redelivered()), (1, 0, 1, 0));
    assert_eq!((mail.len(), mail.is_empty(), mail.is_call()), (8, false, false));
    assert_eq!((mail.value::<u64>(), mail.value::<u32>().is_err()), (Ok(7), true));
    let mut front = [0; 4];
    assert_eq!((mail.copy_to(&mut front), front.as_slice()), (4, &7u64.to_ne_bytes()[..4]));
    assert!(format!("{mail:?} {me:?}").contains("seq: 0"));
}

#[test]
fn a_mail_of_any_length_is_read_in_whole_and_in_part_whichever_call_took_it() {
    let (_scratch, me, [other]) = shared(16, Wait::Adaptive);
    assert!(matches!(me.next_event(), Ok(Event::Joined { rank: 1, .. })));
    let ways: [fn(&Shared) -> OwnedMail; 5] = [
        |me| me.recv().expect("mail"),
        |me| me.from(1).tag(0).try_recv().expect("no error").expect("mail"),
        |me| {
            let seen = me.from_any().peek().expect("no error").expect("mail");
            me.from_any().recv_peeked(&seen).expect("no error").expect("it is still there")
        },
        |me| match me.next_event() {
            Ok(Event::Mail(mail)) => mail,
            _ => panic!("it is the next"),
        },
        |me| me.to(1).send_receive([], me.from(1)).expect("mail"),
    ];
    // As many as are copied when it is taken, as many as a cell has room for, and one more.
    for len in (0..=17).chain(31..=33).chain(47..=49).chain([5000]) {
        let bytes = pattern(len, 1);
        for (at, way) in ways.iter().enumerate() {
            other.send(0, &bytes).expect("room");
            let mail = way(&me);
            while other.try_recv().expect("no error").is_some() {}
            assert_eq!(mail.to_vec(), bytes, "way {at}");
            for offset in [0, 1, 8, len / 2, len, len + 1] {
                let mut part = vec![0; 9];
                let count = mail.read_at(offset, &mut part);
                let rest = bytes.get(offset..).unwrap_or_default();
                assert_eq!(part[..count], rest[..rest.len().min(9)], "{len} from {offset}, way {at}");
                assert!(part[count..].iter().all(|byte| *byte == 0), "no more than that");
            }
            assert_eq!(mail.value::<[u8; 8]>().is_ok(), len == 8);
        }
    }
    let (question, mail) = (other.to(0).start_call(b"a call").expect("room"), me.recv().expect("it"));
    assert_eq!((mail.is_call(), mail.to_vec()), (true, b"a call".to_vec()));
    mail.reply(b"!").expect("room");
    assert_eq!(*question.wait().expect("an answer"), *b"!");
}

// --- The rank ----------------------------------------------------------------------------------------------

#[test]
fn the_rank_is_left_with_the_last_handle_and_the_last_mail() {
    let (scratch, me, [other]) = shared(4, Wait::Adaptive);
    let region = scratch.open();
    let status = || region.status(0).map(|(status, _)| status);
    other.send(0, b"stays").expect("room");
    let (clone, mail) = (me.clone(), me.recv().expect("mail"));
    drop(me);
    assert_eq!(status(), Some(Status::Live));
    let clone = clone.reunite().expect_err("a mail is left");
    assert_eq!((clone.rank(), clone.epoch()), (0, 1));
    drop(clone);
    assert_eq!(status(), Some(Status::Live));
    assert_eq!(mail.to_vec(), b"stays");
    drop(mail);
    assert_eq!(status(), Some(Status::Left));
}

#[test]
fn an_endpoint_that_was_shared_is_one_thread_s_again() {
    let (_scratch, me, [_other]) = shared(4, Wait::Adaptive);
    let clone = me.clone();
    let me = me.reunite().expect_err("there is a clone");
    drop(me);
    let me = clone.reunite().expect("the last one");
    assert_eq!(me.from(0).recv().err(), Some(Broken::Oneself.into()), "nobody else could send it");
    assert_eq!(me.into_shared().close(), Ok(()));
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_forked_child_has_no_part_in_it_whatever_thread_has_the_lock() {
    let scratch = Scratch::new();
    let other = join(&scratch.create(Config::ranks(2)), 1);
    other.send(0, b"the parent's").expect("room");
    let mut child = Child::start("forks", &scratch);
    assert_eq!(child.answer(), "ok");
    assert!(child.finish().success());
    let mailboxes = other.region().inspect().mailboxes;
    assert!(mailboxes.iter().all(|mailbox| mailbox.unread == 0), "acknowledged by the parent");
}

fn fork_while_threads_are_at_work(region: &Region) {
    let me = join(region, 0).into_shared();
    let mail = me.recv().expect("mail");
    let mut loan = me.loan(8).expect("room");
    loan.write_at(0, b"parent's");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    assert!(me.try_recv().expect("no error").is_none());
                }
            });
        }
        let statuses: Vec<i32> = (0..50)
            .map(|_| match fork() {
                0 => {
                    end_within(GUARD.as_secs() as u32);
                    loan.write_at(0, b"children");
                    let lost = me.try_send(1, b"?") == Err(SendError::Broken(Broken::Lost(Lost::Forked)))
                        && me.recv().err() == Some(RecvError::Broken(Broken::Lost(Lost::Forked)))
                        && me.call(1, b"?").err() == Some(CallError::Broken(Broken::Lost(Lost::Forked)))
                        && mail.to_vec().is_empty();
                    exit_with(i32::from(!lost))
                }
                child => status_of(child),
            })
            .collect();
        is_over.store(true, Relaxed);
        assert_eq!(statuses, [0; 50]);
    });
    drop(mail);
    loan.commit(8).send(0).expect("room");
    assert_eq!(me.recv().expect("the loan").to_vec(), b"parent's");
    drop(me);
    reply("ok");
}

#[test]
fn threads_that_come_and_go_leave_no_one_asleep() {
    // Leaders that give up beside followers that wait on.
    let (_scratch, me, [other]) = shared(16, Wait::Block);
    const EACH: u32 = 400;
    let start = Barrier::new(5);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let mut received = 0;
                    while !me.recv().expect("mail").is_empty() {
                        received += 1;
                    }
                    received
                })
            })
            .collect();
        let hasty: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let mut received = 0;
                    for _ in 0..EACH {
                        let briefly = std::time::Duration::from_micros(50);
                        match me.from_any().within(briefly).recv() {
                            Ok(mail) => {
                                assert!(!mail.is_empty());
                                received += 1;
                            }
                            Err(error) => assert_eq!(error, RecvError::Timeout),
                        }
                    }
                    received
                })
            })
            .collect();
        start.wait();
        (0..EACH).for_each(|_| other.to(0).within(GUARD).send(b"one").expect("room"));
        let hasty: u32 = hasty.into_iter().map(|thread| thread.join().unwrap()).sum();
        (0..2).for_each(|_| other.to(0).within(GUARD).send(b"").expect("room"));
        let waiting: u32 = waiting.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(hasty + waiting, EACH);
    });
    wait_until("all is acknowledged", || other.try_send(0, b"").is_ok());
}
