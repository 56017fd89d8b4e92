//! Messages that fail, come twice, come from liars, or are set aside; and outboxes that are opened again.

use kit::Folder;
use mailbox::{Config, Endpoint, Region, SendError};
use mailbox_patterns::delivery::{
    Consumer, DeadError, DeadLetters, DeliveryError, Done, Durability, Ledger, Letter, Outbox, OutboxError,
    Replay, Retry,
};
use rustix::fs::inotify;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
/// For what is not there.
const SHORT: Duration = Duration::from_millis(20);

fn open_dead(folder: &Path) -> DeadLetters {
    DeadLetters::open(folder.join("dead")).expect("a box")
}

/// The reasons of all letters, in order.
fn reasons(folder: &Path) -> Vec<String> {
    let letters = open_dead(folder).letters().expect("a box");
    letters.into_iter().map(|(_, letter)| letter.expect("sound").reason).collect()
}

/// The ledger, and its effects.
fn open_ledger(folder: &Path) -> (Ledger, Vec<Vec<u8>>) {
    let mut effects = vec![];
    let opened = Ledger::open(folder.join("ledger"), Durability::Process, |replay| {
        if let Replay::Effect(effect) = replay {
            effects.push(effect.to_vec());
        }
    });
    (opened.expect("a ledger").0, effects)
}

fn open_outbox<'a>(folder: &Path, me: &'a Endpoint) -> Outbox<'a> {
    Outbox::open(me, folder.join("outbox"), Durability::Process).expect("an outbox").0
}

fn two() -> (Region, [Endpoint; 2]) {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let both = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    (region, both)
}

fn quick(attempts: u32) -> Retry {
    Retry::new(attempts).backoff(Duration::from_millis(1), Duration::from_millis(2))
}

/// What a call did: handled, repeated, failed, dead.
fn told(done: Result<Done, DeliveryError>) -> [u32; 4] {
    let done = done.expect("sound");
    [done.handled, done.repeated, done.failed, done.dead]
}

/// The mail of an outbox whose life is 9.
fn numbered(number: u64, body: &[u8]) -> Vec<u8> {
    [&9_u64.to_le_bytes()[..], &number.to_le_bytes(), &(number as u32).to_le_bytes(), body].concat()
}

fn echo(letter: &Letter) -> Result<Vec<u8>, String> {
    Ok(letter.body.clone())
}

#[test]
fn a_message_that_fails_is_tried_again_later_and_others_meanwhile() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let retry = Retry::new(3).backoff(Duration::from_millis(30), Duration::from_millis(60));
    let mut consumer = Consumer::new(&me, retry, open_dead(&folder));
    other.to(0).tag(5).send(b"bad").expect("room");
    other.send(0, b"good").expect("room");
    let begin = Instant::now();
    let mut attempts = vec![];
    let mut handle = |letter: &Letter| {
        attempts.push((letter.body.clone(), letter.attempt));
        if letter.body == b"bad" { Err(format!("reason {}", letter.attempt)) } else { Ok(()) }
    };
    let mut step = || told(consumer.at_least_once(GUARD, &mut handle));
    assert_eq!([step(), step()], [[0, 0, 1, 0], [1, 0, 0, 0]]);
    assert_eq!([step(), step()], [[0, 0, 1, 0], [0, 0, 0, 1]]);
    assert!(begin.elapsed() >= Duration::from_millis(90), "30 ms, and then 60");
    let expected = [(b"bad".to_vec(), 1), (b"good".to_vec(), 1), (b"bad".to_vec(), 2), (b"bad".to_vec(), 3)];
    assert_eq!(attempts, expected);
    let (_, letter) = open_dead(&folder).letters().expect("a box").remove(0);
    let letter = letter.expect("sound");
    assert_eq!((letter.from, letter.to, letter.tag, letter.attempts), (1, 0, 5, 3));
    assert_eq!((&letter.reason[..], &letter.body[..], letter.numbers), ("reason 3", &b"bad"[..], None));
    assert_eq!(told(consumer.at_least_once(SHORT, |_| panic!("there is nothing"))), [0; 4]);
}

#[test]
fn no_message_is_taken_while_32_wait_to_be_tried_again() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let retry = Retry::new(2).backoff(Duration::from_secs(3600), Duration::from_secs(3600));
    let mut consumer = Consumer::new(&me, retry, open_dead(&folder));
    for _ in 0..33 {
        other.send(0, b"bad").expect("room");
    }
    for _ in 0..32 {
        assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("not now".into()))), [0, 0, 1, 0]);
    }
    assert_eq!(told(consumer.at_least_once(SHORT, |_| panic!("one too many"))), [0; 4]);
    assert_eq!(consumer.parked(), 32);
    drop(consumer);
    let mut unread = 0;
    while let Ok(Some(mail)) = me.try_recv() {
        mail.ack();
        unread += 1;
    }
    assert_eq!(unread, 33);
}

#[test]
fn what_failed_and_waits_is_unread_again_when_the_consumer_ends() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, Retry::new(3), open_dead(&folder));
    other.send(0, b"later").expect("room");
    assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("not now".into()))), [0, 0, 1, 0]);
    assert_eq!(consumer.parked(), 1);
    drop(consumer);
    let mut consumer = Consumer::new(&me, Retry::new(3), open_dead(&folder));
    let handle = |letter: &Letter| {
        assert_eq!((&letter.body[..], letter.redelivered, letter.attempt), (&b"later"[..], 1, 2));
        Ok(())
    };
    assert_eq!(told(consumer.at_least_once(GUARD, handle)), [1, 0, 0, 0]);
}

#[test]
fn a_message_that_ends_its_receivers_is_set_aside() {
    for is_exactly_once in [false, true] {
        let (folder, (_region, [me, other])) = (Folder::new(), two());
        other.send(0, &numbered(1, b"innocent")).expect("room");
        other.send(0, &numbered(2, b"poison")).expect("room");
        other.send(0, &numbered(3, b"innocent, too")).expect("room");
        let mut deaths = 0;
        loop {
            let (mut ledger, _) = open_ledger(&folder);
            let mut consumer = Consumer::new(&me, quick(3), open_dead(&folder)).numbered();
            let mut handle =
                |letter: &Letter| if letter.body == b"poison" { panic!("it dies") } else { echo(letter) };
            let step = catch_unwind(AssertUnwindSafe(|| {
                if is_exactly_once {
                    consumer.exactly_once(&mut ledger, SHORT, &mut handle)
                } else {
                    consumer.at_least_once(SHORT, |letter| handle(letter).map(drop))
                }
            }));
            match step {
                Err(_) => deaths += 1,
                Ok(done) if done.as_ref().expect("sound").all() == 0 => break,
                Ok(_) => {}
            }
        }
        assert_eq!(deaths, 3, "{is_exactly_once}");
        assert_eq!(reasons(&folder), ["its receivers have ended 3 times before they acknowledged it"]);
        if is_exactly_once {
            let effects = open_ledger(&folder).1;
            assert_eq!(effects, [&b"innocent"[..], b"innocent, too"]);
        }
    }
}

#[test]
fn at_most_once_acknowledges_first() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, quick(3), open_dead(&folder));
    for body in [&b"dies"[..], b"fails", b"works"] {
        other.send(0, body).expect("room");
    }
    let died = catch_unwind(AssertUnwindSafe(|| consumer.at_most_once(GUARD, |_| panic!("it dies"))));
    assert!(died.is_err());
    assert_eq!(told(consumer.at_most_once(GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    assert_eq!(
        told(consumer.at_most_once(GUARD, |letter| {
            assert_eq!(letter.body, b"works");
            Ok(())
        })),
        [1, 0, 0, 0]
    );
    assert_eq!(told(consumer.at_most_once(SHORT, |_| panic!("there is nothing"))), [0; 4]);
    assert_eq!(reasons(&folder), ["no"]);
}

#[test]
fn what_comes_twice_is_handled_once() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let (mut ledger, _) = open_ledger(&folder);
    let mut consumer = Consumer::new(&me, quick(2), open_dead(&folder));
    for number in [1, 1, 2, 1, 2] {
        other.send(0, &numbered(number, &[number as u8])).expect("room");
    }
    assert_eq!(told(consumer.exactly_once(&mut ledger, GUARD, echo)), [2, 3, 0, 0]);
    other.send(0, &numbered(2, b"after the commit")).expect("room");
    other.send(0, b"too short").expect("room");
    other.send(0, &numbered(0, b"number 0")).expect("room");
    assert_eq!(told(consumer.exactly_once(&mut ledger, GUARD, echo)), [0, 1, 0, 2]);
    assert_eq!(me.try_recv().expect("sound").map(|mail| mail.len()), None, "all are acknowledged");
    drop(ledger);
    assert_eq!(open_ledger(&folder).1, [[1], [2]]);
    let mut reasons = reasons(&folder);
    reasons.sort();
    let unknown = "it is older than what is remembered, so it may have been handled";
    assert_eq!(reasons, ["it has no numbers of an outbox", unknown]);
}

#[test]
fn a_message_that_is_set_aside_is_not_handled_when_it_comes_again() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let (mut ledger, _) = open_ledger(&folder);
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    other.send(0, &numbered(1, b"x")).expect("room");
    assert_eq!(told(consumer.exactly_once(&mut ledger, GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    other.send(0, &numbered(1, b"x")).expect("room");
    assert_eq!(told(consumer.exactly_once(&mut ledger, GUARD, echo)), [0, 1, 0, 0]);

    // A receiver has died after it set the message aside, and before it said so in its ledger.
    drop(ledger);
    fs::remove_file(folder.join("ledger")).expect("a ledger");
    let (mut ledger, _) = open_ledger(&folder);
    other.send(0, &numbered(1, b"x")).expect("room");
    me.recv().expect("a mail").requeue();
    assert_eq!(told(consumer.exactly_once(&mut ledger, GUARD, |_| panic!("set aside"))), [0, 0, 0, 1]);
    assert_eq!(reasons(&folder).len(), 1);
}

#[test]
fn a_full_box_takes_nothing_and_loses_nothing() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder).most(1));
    other.send(0, b"one").expect("room");
    other.send(0, b"two").expect("room");
    assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    for _ in 0..3 {
        let error = consumer.at_least_once(GUARD, |_| Err("no".into())).expect_err("full");
        assert!(matches!(error, DeliveryError::Dead(DeadError::Full { letters: 1, .. })), "{error}");
    }
    let (name, letter) = open_dead(&folder).letters().expect("a box").remove(0);
    // What it has needs no room.
    assert_eq!(open_dead(&folder).most(1).add(&name, &letter.expect("sound")).expect("it is there"), name);
    open_dead(&folder).drop_letter(&name).expect("it is there");
    assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    assert_eq!(open_dead(&folder).letters().expect("a box")[0].1.as_ref().expect("sound").body, b"two");
}

#[test]
fn a_garbled_letter_is_told_and_others_are_read() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    for body in [b"one", b"two"] {
        other.send(0, body).expect("room");
        assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    }
    let dead = open_dead(&folder);
    let names = dead.names().expect("a box");
    let file = dead.path().join(format!("{}.dead", names[0]));
    let bytes = fs::read(&file).expect("a letter");
    for at in 0..bytes.len() {
        let mut garbled = bytes.clone();
        garbled[at] ^= 0x10;
        for wrong in [&garbled[..], &bytes[..at]] {
            fs::write(&file, wrong).expect("a disk");
            assert!(matches!(dead.letter(&names[0]), Err(DeadError::Garbled { .. })), "{at}");
        }
    }
    let letters = dead.letters().expect("a box");
    assert!(letters[0].1.is_err());
    assert_eq!(letters[1].1.as_ref().expect("sound").body, b"two");
    dead.drop_letter(&names[0]).expect("it is there");
    for name in [&names[0][..], "", "..", "../dead/x", "/etc/passwd", "x.y"] {
        assert!(matches!(dead.letter(name), Err(DeadError::NoSuchLetter { .. })), "{name}");
        assert!(matches!(dead.drop_letter(name), Err(DeadError::NoSuchLetter { .. })), "{name}");
    }
}

#[test]
fn two_letters_of_one_name_are_both_kept() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    other.send(0, b"one").expect("room");
    assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    let dead = open_dead(&folder);
    let (name, letter) = dead.letters().expect("a box").remove(0);
    let mut letter = letter.expect("sound");
    assert_eq!(dead.add(&name, &letter).expect("a disk"), name, "the same message");
    letter.body = b"of another region".to_vec();
    assert_eq!(dead.add(&name, &letter).expect("a disk"), format!("{name}-2"));
    assert_eq!(dead.names().expect("a box").len(), 2);
    let left: Vec<_> = fs::read_dir(dead.path()).expect("a folder").collect();
    assert_eq!(left.len(), 2, "nothing else is left");
}

#[test]
fn what_a_dead_process_has_begun_is_no_other_letter() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    other.send(0, b"one").expect("room");
    assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    let dead = open_dead(&folder);
    let (name, letter) = dead.letters().expect("a box").remove(0);
    // A process of the same id was killed when its letter had its name, and the name beside was still there.
    for number in 0..100 {
        let begun = dead.path().join(format!("{}-{number}.new", process::id()));
        fs::hard_link(dead.path().join(format!("{name}.dead")), begun).expect("a disk");
    }
    let mut second = letter.expect("sound");
    second.body = b"two".to_vec();
    assert_eq!(dead.add("another", &second).expect("a disk"), "another");
    assert_eq!(dead.letter(&name).expect("sound").body, b"one");
    assert_eq!(dead.letter("another").expect("sound").body, b"two");
}

#[test]
fn a_new_box_reaches_the_disk() {
    let folder = Folder::new();
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("a watch");
    inotify::add_watch(&watch, &*folder, inotify::WatchFlags::OPEN).expect("a watch");
    DeadLetters::open(folder.join("more").join("dead")).expect("a box");
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    // That the folder itself is opened is the wait for its names; with a name it is something in it.
    let mut names = vec![];
    while let Ok(event) = events.next() {
        names.push(event.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    assert!(names.contains(&None) && names.contains(&Some("more".into())), "{names:?}");
}

#[test]
fn what_dead_processes_have_begun_goes_away_when_it_is_old() {
    let (folder, now) = (Folder::new(), SystemTime::now());
    let path = open_dead(&folder).path().to_owned();
    let hours = |hours: u64| now.checked_sub(Duration::from_secs(hours * 3600)).expect("a time");
    let begun = [("0123456789abcdef.new", 25), ("0123456789abcdee.new", 1), ("retry-1.new", 25)];
    for (name, age) in begun {
        let file = File::create(path.join(name)).expect("a disk");
        file.set_modified(hours(age)).expect("a disk");
    }
    open_dead(&folder);
    assert_eq!(begun.map(|(name, _)| path.join(name).exists()), [false, true, true]);
}

#[test]
fn a_letter_is_sent_again() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    other.to(0).tag(7).send(b"again").expect("room");
    assert_eq!(told(consumer.at_least_once(GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    let dead = open_dead(&folder);
    let name = dead.names().expect("a box").remove(0);
    dead.retry(&name, &other, None, GUARD).expect("room");
    assert!(dead.names().expect("a box").is_empty());
    assert_eq!(
        told(consumer.at_least_once(GUARD, |letter| {
            assert_eq!((&letter.body[..], letter.tag, letter.redelivered), (&b"again"[..], 7, 0));
            Ok(())
        })),
        [1, 0, 0, 0]
    );
    let error = dead.retry(&name, &other, None, GUARD).expect_err("it is gone");
    assert!(matches!(error, DeadError::NoSuchLetter { .. }), "{error}");
}

#[test]
fn a_letter_of_an_outbox_is_handled_once_when_it_is_sent_again() {
    let (folder, region) = (Folder::new(), Region::create_unnamed(Config::ranks(4)).expect("memory"));
    let [me, other] = [0, 1].map(|rank| region.join(rank).expect("a free rank"));
    let (mut ledger, _) = open_ledger(&folder);
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    other.send(0, &numbered(1, b"again")).expect("room");
    assert_eq!(told(consumer.exactly_once(&mut ledger, GUARD, |_| Err("no".into()))), [0, 0, 0, 1]);
    let dead = open_dead(&folder);
    let name = dead.names().expect("a box").remove(0);
    let again = region.join(2).expect("a free rank");
    // As if one had been killed before its outbox had the letter.
    let begun = dead.path().join(format!("{name}.as-2.dead"));
    fs::rename(dead.path().join(format!("{name}.dead")), &begun).expect("a disk");
    // Its receiver does nothing yet: the letter stays in the box, and only this rank goes on with it.
    let error = dead.retry(&name, &again, None, SHORT).expect_err("not handled");
    assert!(matches!(error, DeadError::Unsent { error: OutboxError::Undelivered { .. }, .. }), "{error}");
    let letter = dead.letter(&name).expect("it is there");
    assert_eq!((letter.body.as_slice(), dead.has(&name)), (&b"again"[..], true));
    assert_eq!(dead.add(&name, &letter).expect("the same"), name);
    let error = dead.retry(&name, &other, None, SHORT).expect_err("another rank");
    assert!(matches!(error, DeadError::Begun { rank: 2, .. }), "{error}");
    assert_eq!(dead.names().expect("a box"), std::slice::from_ref(&name));
    // Another letter, whose receiver is away, keeps this one no longer.
    let mut letter = letter;
    letter.to = 3;
    let away = dead.add("away", &letter).expect("room");
    let error = dead.retry(&away, &again, None, SHORT).expect_err("nobody is there");
    assert!(matches!(error, DeadError::Unsent { .. }), "{error}");
    thread::scope(|scope| {
        let dead = &dead;
        let retries = scope.spawn(move || dead.retry(&name, &again, None, Duration::from_secs(1)));
        let mut handled = 0;
        while !retries.is_finished() {
            let done = consumer.exactly_once(&mut ledger, SHORT, |letter| {
                assert_eq!(letter.body, b"again");
                echo(letter)
            });
            handled += done.expect("sound").handled;
        }
        retries.join().expect("no panic").expect("handled");
        assert_eq!(handled, 1);
    });
    drop(ledger);
    assert_eq!(open_ledger(&folder).1, [b"again"]);
    assert_eq!(dead.names().expect("a box"), ["away"]);
}

#[test]
fn an_outbox_that_is_opened_again_sends_what_is_not_known_to_be_handled() {
    let (folder, (region, [me, other])) = (Folder::new(), two());
    let mut outbox = open_outbox(&folder, &other);
    assert_eq!([outbox.post(0, b"one"), outbox.post(0, b"two")].map(|number| number.expect("room")), [1, 2]);
    outbox.commit().expect("a disk");
    // It is not committed, and lost.
    outbox.post(0, b"three").expect("room");
    // Nobody handles them.
    drop(outbox);
    let mut outbox = open_outbox(&folder, &other);
    assert_eq!((outbox.waiting(), outbox.last(0)), (2, 2));
    let error = outbox.deliver(SHORT).expect_err("not handled");
    assert!(
        matches!(error, OutboxError::Undelivered { to: 0, waiting: 2, error: SendError::Timeout(0) }),
        "{error}"
    );
    drop(outbox);
    other.abandon();
    let other = region.join(1).expect("a free rank");
    let mut outbox = open_outbox(&folder, &other);
    outbox.post(0, b"three").expect("room");
    let (mut ledger, _) = open_ledger(&folder);
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    // One thread has both: what the outbox sends waits in the mailbox until the consumer looks.
    let mut handled = 0;
    for _ in 0..20 {
        _ = outbox.deliver(SHORT);
        handled += consumer.exactly_once(&mut ledger, SHORT, echo).expect("sound").handled;
    }
    assert_eq!(handled, 3);
    assert_eq!((outbox.waiting(), outbox.last(0)), (0, 3));
    drop((outbox, ledger));
    assert_eq!(open_ledger(&folder).1, [&b"one"[..], b"two", b"three"]);
}

#[test]
fn an_outbox_refuses_what_it_cannot_deliver() {
    let (folder, (region, [me, other])) = (Folder::new(), two());
    let mut outbox = open_outbox(&folder, &other);
    let limit = region.eager_limit() - 20;
    let error = outbox.post(0, &vec![0; limit as usize + 1]).expect_err("too long");
    assert!(matches!(error, OutboxError::TooLong { to: 0, limit: told, .. } if told == limit), "{error}");
    outbox.post(0, &vec![0; limit as usize]).expect("the longest");
    let error = outbox.post(3, b"x").expect_err("no such rank");
    assert!(matches!(error, OutboxError::NoSuchRank { to: 3, ranks: 3 }), "{error}");
    outbox.commit().expect("a disk");
    drop(outbox);
    let error = Outbox::open(&me, folder.join("outbox"), Durability::Process).expect_err("of rank 1");
    assert!(matches!(error, OutboxError::OtherRank { rank: 1, me: 0, .. }), "{error}");
    let mut outbox = open_outbox(&folder, &other);
    outbox.post(2, b"to nobody").expect("room");
    drop(me);
    let error = outbox.deliver(SHORT).expect_err("nobody is there");
    assert!(matches!(error, OutboxError::Away { rank: 0 | 2, waiting: 2 }), "{error}");
}

#[test]
fn an_outbox_does_not_grow_for_ever() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut outbox = open_outbox(&folder, &other);
    let (mut ledger, _) = open_ledger(&folder);
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder));
    let body = vec![1; 8192];
    let file = folder.join("outbox");
    let mut longest = 0;
    for round in 1..=40 {
        (0..10).for_each(|_| _ = outbox.post(0, &body).expect("room"));
        while outbox.waiting() > 0 {
            _ = outbox.deliver(Duration::from_millis(1));
            consumer.exactly_once(&mut ledger, Duration::ZERO, |_| Ok(vec![])).expect("sound");
        }
        longest = longest.max(fs::metadata(&file).expect("a file").len());
        assert_eq!(outbox.last(0), 10 * round);
    }
    assert!(longest < 2 << 20, "{longest}");
    drop(outbox);
    assert_eq!(open_outbox(&folder, &other).last(0), 400);
    drop(ledger);
    assert_eq!(open_ledger(&folder).1.len(), 400);
}

#[test]
fn a_consumer_takes_only_its_tags() {
    let (folder, (_region, [me, other])) = (Folder::new(), two());
    let mut consumer = Consumer::new(&me, quick(1), open_dead(&folder)).tag_masked(0x10, 0xF0);
    for tag in [0x20, 0x11, 0x12] {
        other.to(0).tag(tag).send(b"x").expect("room");
    }
    let mut tags = vec![];
    for _ in 0..2 {
        consumer
            .at_least_once(GUARD, |letter| {
                tags.push(letter.tag);
                Ok(())
            })
            .expect("sound");
    }
    assert_eq!(tags, [0x11, 0x12]);
    assert_eq!(me.recv().expect("a mail").tag(), 0x20);
}
