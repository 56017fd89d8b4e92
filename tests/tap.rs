//! A tap shows mail that passes, whole and in order, and says what it missed. Nobody notices it.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::wire::{Wire, geometry};
use common::{Child, GUARD, Scratch, become_user, is_root, join, pattern, place, reply};
use mailbox::lab::abi::{ConsumerLine, Geometry, Kind, LaneLines, ProducerLine, position};
use mailbox::lab::memory::Payload;
use mailbox::lab::ring::Slack;
use mailbox::{
    Broken, Config, Mismatch, OpenError, OpenOptions, RecvError, Region, SendError, Tap, Tapped, TappedKind,
    TappedMail,
};
use std::fs::{self, File};
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const CONFIG: Config = Config::ranks(3).cells(8).arena(4096);
/// Whether what was acknowledged a moment ago can be told to be whole.
const SEES_ACKNOWLEDGED: bool = cfg!(target_arch = "x86_64");

#[test]
fn second_process() {
    if let Some((_, region)) = common::role() {
        watch_what_one_may_only_read(&region);
    }
}

fn tap(scratch: &Scratch) -> Tap {
    Region::look(place(scratch.name())).expect("a region").tap()
}

/// All that is there.
fn all(tap: &mut Tap) -> Vec<Tapped> {
    std::iter::from_fn(|| tap.try_next().expect("a region")).collect()
}

/// All that is there, once new mailboxes are looked for again.
fn all_later(tap: &mut Tap) -> Vec<Tapped> {
    thread::sleep(Duration::from_millis(10));
    all(tap)
}

/// Only mail.
fn mails(tap: &mut Tap) -> Vec<TappedMail> {
    let is_mail = |seen| match seen {
        Tapped::Mail(mail) => mail,
        other => panic!("{other:?}"),
    };
    all_later(tap).into_iter().map(is_mail).collect()
}

fn missed(from: u32, to: u32, first: u64, count: u64) -> Tapped {
    Tapped::Missed { from, to, first, count }
}

#[test]
fn it_shows_what_is_unread_and_then_what_comes() {
    for scratch in [Scratch::new(), Scratch::file()] {
        let region = scratch.create(CONFIG);
        let [a, b] = join(&region, [0, 1]);
        a.send(1, b"read before").expect("room");
        drop(b.recv().expect("mail"));
        a.to(1).tag(7).send(b"unread").expect("room");
        let mut tap = tap(&scratch);
        let seen = mails(&mut tap);
        let [mail] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((mail.from, mail.to, mail.number, mail.tag, mail.context), (0, 1, 1, 7, 0));
        assert_eq!((mail.kind, mail.len, &mail.bytes[..]), (TappedKind::Whole, 6, &b"unread"[..]));
        assert_eq!(mails(&mut tap), [], "each once");
        a.send(1, &pattern(500, 1)).expect("room");
        let mut loan = a.loan(5000).expect("room");
        loan.write_at(0, &pattern(5000, 2));
        loan.commit(5000).send(1).expect("room");
        b.send(0, b"").expect("room");
        a.send(0, b"to oneself").expect("room");
        let mut seen: Vec<_> =
            mails(&mut tap).into_iter().map(|mail| (mail.from, mail.to, mail.bytes)).collect();
        seen.sort_by_key(|(from, to, _)| (*from, *to));
        let to_self = (0, 0, b"to oneself".to_vec());
        assert_eq!(seen, [to_self, (0, 1, pattern(500, 1)), (0, 1, pattern(5000, 2)), (1, 0, vec![])]);
    }
}

#[test]
fn it_says_how_each_message_goes() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let [a, _b] = join(&region, [0, 1]);
    let mut tap = tap(&scratch).from(0).to(1).limit(10);
    let sending = a.to(1).announce(vec![1; 100_000]).expect("room");
    drop(sending);
    a.send(1, &[2; 40]).expect("room");
    a.send(1, &[3; 400]).expect("room");
    a.send(2, b"another receiver").expect("room");
    let wire = Wire::new(&scratch, 2, 0);
    wire.push(Kind::Call, b"a call");
    let seen = mails(&mut tap);
    let how = |mail: &TappedMail| (mail.kind, mail.len, mail.bytes.clone());
    let announced = (TappedKind::Announced, 100_000, vec![]);
    let whole = |len, byte| (TappedKind::Whole, len, vec![byte; 10]);
    assert_eq!(seen.iter().map(how).collect::<Vec<_>>(), [announced, whole(40, 2), whole(400, 3)]);
    let seen = mails(&mut self::tap(&scratch).to(0));
    assert_eq!(seen.iter().map(how).collect::<Vec<_>>(), [(TappedKind::Call, 6, b"a call".to_vec())]);
    assert_eq!((seen[0].tag, seen[0].context), (0, 0));
}

#[test]
fn it_says_what_it_missed() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let [a, b] = join(&region, [0, 1]);
    let pass = |bytes: &[u8]| {
        a.send(1, bytes).expect("room");
        assert_eq!(b.recv().expect("mail").to_vec(), bytes);
    };
    let mut tap = tap(&scratch);
    assert_eq!(all(&mut tap), []);
    for _ in 0..20 {
        pass(b"before it knows of the mailbox");
    }
    a.send(1, b"unread").expect("room");
    let seen = all_later(&mut tap);
    assert_eq!(seen[0], missed(0, 1, 0, 20));
    assert!(matches!(&seen[1..], [Tapped::Mail(mail)] if mail.number == 20), "{seen:?}");
    drop(b.recv().expect("mail"));
    // Small ones stay for a while.
    (0..3).for_each(|_| pass(b"small"));
    let seen = all(&mut tap);
    if SEES_ACKNOWLEDGED {
        let is_mail = |seen: &Tapped| matches!(seen, Tapped::Mail(mail) if mail.bytes == b"small");
        assert!(seen.len() == 3 && seen.iter().all(is_mail), "{seen:?}");
    } else {
        assert_eq!(seen, [missed(0, 1, 21, 3)]);
    }
    // Others do not.
    (0..2).for_each(|_| pass(&[1; 100]));
    a.send(1, &[2; 100]).expect("room");
    let seen = all(&mut tap);
    assert_eq!(seen[0], missed(0, 1, 24, 2));
    assert!(matches!(&seen[1..], [Tapped::Mail(mail)] if mail.bytes == [2; 100]), "{seen:?}");
    drop(b.recv().expect("mail"));
    (0..1000).for_each(|_| pass(b"many laps"));
    assert_eq!(all(&mut tap), [missed(0, 1, 27, 1000)]);
    assert_eq!(all(&mut tap), [], "said once");
}

#[test]
fn it_shows_nothing_that_is_being_overwritten() {
    let scratch = Scratch::new();
    let _region = scratch.create(CONFIG);
    let wire = Wire::new(&scratch, 0, 1);
    let line = geometry(&scratch).mailbox(0, 1) + offset_of!(LaneLines, consumer) as u64;
    let acknowledge =
        |head: u64| scratch.patch(line + offset_of!(ConsumerLine, head) as u64, &head.to_ne_bytes());
    let mut tap = tap(&scratch);
    assert_eq!(all(&mut tap), []);
    (0..8).for_each(|_| wire.push(Kind::Whole, b"old"));
    acknowledge(1);
    let slot = wire.producer.claim(3, Slack::Any).expect("room");
    // The stamp there is still the old one.
    wire.producer.write(&slot, Payload::Whole(b"new"));
    let seen = all(&mut tap);
    assert_eq!((&seen[0], seen.len()), (&missed(0, 1, 0, 1), 8));
}

#[test]
fn it_follows_a_mailbox_that_begins_anew() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let [a, mut b] = join(&region, [0, 1]);
    a.send(1, b"first").expect("room");
    let mut tap = tap(&scratch);
    assert_eq!(mails(&mut tap).len(), 1);
    (0..3).for_each(|_| a.send(1, b"given up").expect("room"));
    b.reset(0).expect("a rank");
    assert_eq!(all(&mut tap), [], "nothing is sure before the sender agrees");
    assert!(a.send(1, b"lost").is_err(), "it agrees");
    assert!(b.from(0).try_recv().is_ok_and(|mail| mail.is_none()));
    a.send(1, b"anew").expect("room");
    let seen = all(&mut tap);
    let [Tapped::Missed { first: 1, count, .. }, Tapped::Mail(mail)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((mail.number, &mail.bytes[..]), (1 + count, &b"anew"[..]));
}

#[test]
fn it_sees_a_successor_of_a_sender_that_died_in_a_batch() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG.cells(64));
    let wire = Wire::new(&scratch, 0, 1);
    let mut tap = tap(&scratch);
    let hold_back = |byte: u8| {
        let slot = wire.producer.claim(1, Slack::Any).expect("room");
        wire.producer.write(&slot, Payload::Whole(&[byte]));
        wire.producer.hold_back(&slot);
    };
    wire.push(Kind::Whole, b"published");
    (0..5).for_each(hold_back);
    assert_eq!(mails(&mut tap).len(), 1);
    let a = region.join(0).expect("free");
    a.send(1, b"of the successor").expect("room");
    let seen = mails(&mut tap);
    assert!(matches!(&seen[..], [mail] if mail.number == 1 && mail.bytes == b"of the successor"), "{seen:?}");
}

// --- While others are at work -------------------------------------------------------------------------------

/// Message `number`: its length varies, and each byte tells of the number.
fn message(number: u64, longest: u64) -> Vec<u8> {
    let mut dice = Dice(number);
    let len = if dice.below(3) == 0 { dice.below(longest) } else { dice.below(49) };
    (0..len).map(|_| dice.next() as u8).collect()
}

/// A pair of ranks exchanges `count` messages; a tap shows some of them, and says how many it missed.
fn watch(config: Config, count: u64, longest: u64, batch: bool) {
    let scratch = Scratch::new();
    let region = scratch.create(config);
    let [a, b] = join(&region, [0, 1]);
    let mut tap = tap(&scratch);
    assert_eq!(all(&mut tap), []);
    let is_over = &AtomicBool::new(false);
    let (mut next, mut shown) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut held = None;
            for number in 0..count {
                match number % 16 {
                    0 if batch => held = Some(a.batch()),
                    9 => drop(held.take()),
                    _ => {}
                }
                a.to(1).within(GUARD).send(&message(number, longest)).expect("room");
            }
        });
        scope.spawn(move || {
            for number in 0..count {
                let mail = b.from(0).within(GUARD).recv().expect("mail");
                assert_eq!(mail.to_vec(), message(number, longest));
            }
            is_over.store(true, Relaxed);
        });
        loop {
            let was_over = is_over.load(Relaxed);
            match tap.try_next().expect("a region") {
                Some(Tapped::Mail(mail)) => {
                    assert_eq!(mail.number, next);
                    assert_eq!(mail.bytes, message(next, longest), "message {next}");
                    next += 1;
                    shown += 1;
                }
                Some(Tapped::Missed { first, count, .. }) => {
                    assert_eq!(first, next);
                    next += count;
                }
                Some(other) => panic!("{other:?}"),
                None if was_over && next == count => break,
                None => thread::yield_now(),
            }
        }
    });
    eprintln!("{shown} of {count} shown");
    assert!(shown > 0);
}

#[test]
fn what_it_shows_was_sent_while_the_mailbox_begins_anew() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let [a, mut b] = join(&region, [0, 1]);
    let mut tap = tap(&scratch);
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            // Those that are lost are sent no second time.
            for number in 0..count() {
                let bytes = [&number.to_ne_bytes()[..], &message(number, 300)].concat();
                match a.to(1).within(GUARD).send(&bytes) {
                    Ok(()) | Err(SendError::Broken(Broken::Reset(1))) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        scope.spawn(move || {
            let mut dice = Dice(1);
            loop {
                match b.from(0).within(GUARD).recv() {
                    Ok(_) => {}
                    Err(RecvError::Gone { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
                if dice.below(20) == 0 {
                    b.reset(0).expect("a rank");
                }
            }
            is_over.store(true, Relaxed);
        });
        let (mut last, mut shown) = (None, 0);
        loop {
            let was_over = is_over.load(Relaxed);
            match tap.try_next().expect("a region") {
                Some(Tapped::Mail(mail)) => {
                    let (number, rest) = mail.bytes.split_first_chunk().expect("a number");
                    let number = u64::from_ne_bytes(*number);
                    assert!(Some(number) > last && rest == message(number, 300), "{last:?}: {mail:?}");
                    last = Some(number);
                    shown += 1;
                }
                Some(Tapped::Missed { .. }) => {}
                Some(other) => panic!("{other:?}"),
                None if was_over => break,
                None => thread::yield_now(),
            }
        }
        assert!(shown > 0);
    });
}

fn count() -> u64 {
    number("TAP_COUNT", 20_000)
}

#[test]
fn what_it_shows_was_sent_in_small_mailboxes() {
    watch(Config::ranks(2).cells(8).arena(4096), count(), 1000, false);
}

#[test]
fn what_it_shows_was_sent_in_large_mailboxes() {
    watch(Config::ranks(2).cells(1024).arena(1 << 20), count(), 5000, false);
}

#[test]
fn what_it_shows_was_sent_in_cells_only() {
    watch(Config::ranks(2).cells(16), 2 * count(), 1, false);
}

#[test]
fn what_it_shows_was_sent_in_batches() {
    watch(Config::ranks(2).cells(64).arena(1 << 16), count(), 300, true);
}

// --- Nobody notices -----------------------------------------------------------------------------------------

#[test]
fn it_changes_nothing_and_takes_no_memory() {
    for scratch in [Scratch::new(), Scratch::file()] {
        let region = scratch.create(CONFIG);
        let [a, b] = join(&region, [0, 1]);
        for len in [5, 48, 100, 1000] {
            a.send(1, &vec![1; len]).expect("room");
        }
        drop(b.recv().expect("mail"));
        let facts = || (fs::read(scratch.path()).expect("bytes"), region.inspect().memory);
        let before = facts();
        assert_eq!(mails(&mut tap(&scratch)).len(), 3);
        assert!(facts() == before);
    }
}

#[test]
fn permission_to_read_is_enough() {
    if !is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    for scratch in [Scratch::new(), Scratch::file()] {
        let region = scratch.create(CONFIG.mode(0o644));
        region.join(0).expect("free").send(1, b"mail").expect("room");
        let mut child = Child::start("reader", &scratch);
        assert_eq!(child.answer(), "ok");
        child.finish();
    }
}

fn watch_what_one_may_only_read(region: &str) {
    become_user(65_534);
    let trusting = OpenOptions::new().owner(0);
    assert_eq!(trusting.open(place(region)).err(), Some(OpenError::Denied(place(region).into())));
    let mut tap = trusting.look(place(region)).expect("it may be read").tap();
    assert!(matches!(&mails(&mut tap)[..], [mail] if mail.bytes == b"mail"));
    reply("ok");
}

// --- What makes no sense ------------------------------------------------------------------------------------

#[test]
fn a_region_that_is_gone_is_said_to_be() {
    for scratch in [Scratch::new(), Scratch::file()] {
        let region = scratch.create(CONFIG);
        drop(join(&region, [0, 1]));
        let (mut removed, mut cut) = (tap(&scratch), tap(&scratch));
        assert_eq!((all(&mut removed), all(&mut cut)), (vec![], vec![]));
        let len = fs::metadata(scratch.path()).expect("a file").len();
        region.remove().expect("nobody is there");
        thread::sleep(Duration::from_millis(10));
        assert_eq!(removed.try_next(), Err(OpenError::NotFound(place(scratch.name()).into())));
        let shorter = scratch.create(CONFIG);
        shorter.join(0).expect("free").send(1, b"mail").expect("room");
        let mut cut = tap(&scratch);
        assert_eq!(all(&mut cut).len(), 1);
        File::options().write(true).open(scratch.path()).and_then(|file| file.set_len(4096)).expect("a file");
        let mismatch = Mismatch::Length { len: 4096, expected: len };
        assert_eq!(cut.try_next(), Err(OpenError::Mismatch(mismatch)));
    }
}

#[test]
fn garbage_is_said_to_be_and_skipped() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let [a, b] = join(&region, [0, 1]);
    let cell = |number: u64| {
        let cells = geometry(&scratch).mailbox(0, 1) + Geometry::CELLS;
        cells + 64 * position(number, 8)
    };
    let corrupt = |number| Tapped::Corrupt { from: 0, to: 1, number };
    let mut tap = tap(&scratch);
    (0..3).for_each(|_| a.send(1, &[1; 100]).expect("room"));
    // The second lies nowhere.
    scratch.patch(cell(1) + 16, &u64::MAX.to_ne_bytes());
    let seen = all_later(&mut tap);
    assert!(
        matches!(&seen[..], [Tapped::Mail(_), second, Tapped::Mail(_)] if *second == corrupt(1)),
        "{seen:?}"
    );
    // A stamp that nobody writes.
    scratch.patch(cell(3), &(1u64 << 50).to_ne_bytes());
    assert_eq!(all(&mut tap), [corrupt(3)]);
    assert_eq!(all(&mut tap), [], "said once");
    // It goes on with what is written over it.
    a.send(1, b"good").expect("room");
    assert!(matches!(&all(&mut tap)[..], [Tapped::Mail(mail)] if mail.bytes == b"good"));
    // A head that is nowhere, and then is as before.
    let line = geometry(&scratch).mailbox(0, 1) + offset_of!(LaneLines, consumer) as u64;
    let head = line + offset_of!(ConsumerLine, head) as u64;
    scratch.patch(head, &(1u64 << 40).to_ne_bytes());
    assert_eq!(all(&mut tap), [missed(0, 1, 4, (1 << 40) - 4), corrupt(1 << 40)]);
    scratch.patch(head, &0u64.to_ne_bytes());
    assert_eq!(all(&mut tap), [], "it goes back");
    assert_eq!(all(&mut tap).len(), 4, "what is unread, once more");
    drop(b);
}

#[test]
fn any_words_are_looked_at_in_time() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG.loans(256 << 10));
    let [a, _b] = join(&region, [0, 1]);
    for len in [5, 48, 100, 1000] {
        a.send(1, &vec![1; len]).expect("room");
    }
    a.loan(1000).expect("room").commit(700).send(1).expect("room");
    let geometry = geometry(&scratch);
    let lines = geometry.mailbox(0, 1);
    let mut dice = Dice(number("TAP_SEED", 1));
    let mut tap = tap(&scratch).limit(1 << 16);
    for _ in 0..number("TAP_GARBAGE", 3000) {
        let heads = [offset_of!(ConsumerLine, head), offset_of!(ConsumerLine, reset_request)];
        let answer = offset_of!(LaneLines, producer) + offset_of!(ProducerLine, reset_answer);
        let at = match dice.below(8) {
            0 => heads[dice.below(2) as usize] as u64,
            1 => answer as u64,
            _ => Geometry::CELLS + 8 * dice.below(8 * 8),
        };
        let word = match dice.below(4) {
            0 => dice.next(),
            1 => dice.below(20),
            2 => dice.below(20) << 6 | 63,
            _ => dice.below(64) << 10 | dice.below(8) << 6 | dice.below(64),
        };
        scratch.patch(lines + at, &word.to_ne_bytes());
        // A look at each mailbox gives little, and the next ones nothing new.
        let seen = (0..200).map_while(|_| tap.try_next().expect("a region")).count();
        assert!(seen < 200);
    }
}
