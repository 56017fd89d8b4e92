//! Events: mail, who has joined, who has ended, and that nobody is left.
#![cfg(not(loom))]

#[path = "events/alone.rs"]
mod alone;
#[path = "events/brief.rs"]
mod brief;
#[path = "events/calls.rs"]
mod calls;
mod common;
#[path = "events/receives.rs"]
mod receives;
#[path = "events/topics.rs"]
mod topics;

use Told::{Alone, Died, Joined, Left};
use common::dice::{Dice, number};
use common::puppet::{self, puppet};
use common::{Child, GUARD, SHORT, Scratch, die, join, left, recv, recv_nothing, region, role, wait_until};
use mailbox::lab::abi::{Control, Header, Identity, Rank};
use mailbox::{Deadline, Endpoint, Event, Mail, RecvError, Region};
use std::mem::offset_of;
use std::thread;
use std::time::{Duration, Instant};

/// An event, to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Mail(u32, u64, Vec<u8>),
    Joined(u32, u64),
    Left(u32, u64),
    Died(u32, u64),
    Alone,
    Published(u32),
    Error(String),
}

fn mail(rank: u32, epoch: u64, bytes: &[u8]) -> Told {
    Told::Mail(rank, epoch, bytes.to_vec())
}

fn told(event: Result<Event<Mail<'_>>, RecvError>) -> Option<Told> {
    Some(match event {
        Ok(Event::Mail(mail)) => Told::Mail(mail.from(), mail.epoch(), mail.to_vec()),
        Ok(Event::Joined { rank, epoch }) => Joined(rank, epoch),
        Ok(Event::Left { rank, epoch }) => Left(rank, epoch),
        Ok(Event::Died { rank, epoch }) => Died(rank, epoch),
        Ok(Event::Alone) => Alone,
        Ok(Event::Published { topic }) => Told::Published(topic),
        Ok(other) => panic!("{other:?}"),
        Err(RecvError::Timeout) => return None,
        Err(error) => Told::Error(format!("{error:?}")),
    })
}

fn within(me: &Endpoint, time: Duration) -> Option<Told> {
    told(me.next_event_within(time))
}

/// The next event, which comes in time.
fn next(me: &Endpoint) -> Told {
    within(me, GUARD).expect("an event")
}

fn expect(me: &Endpoint, events: &[Told]) {
    for event in events {
        assert_eq!(&next(me), event);
    }
}

fn expect_nothing(me: &Endpoint) {
    for _ in 0..3 {
        assert_eq!(told(me.next_event_within(Deadline::Now)), None);
    }
    assert_eq!(within(me, SHORT), None);
}

#[test]
fn second_process() {
    match role() {
        Some((role, region)) if role == "publisher" => topics::perform(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

/// Another process, which has joined as this rank.
fn joined(scratch: &Scratch, rank: u32) -> Child {
    let mut process = puppet(scratch);
    assert_eq!(process.does(&format!("join {rank}")), "ok");
    process
}

// --- Joinings and ends -------------------------------------------------------------------------------------

#[test]
fn who_comes_late_is_told_once() {
    let (_scratch, region) = region(4);
    let [me] = join(&region, [0]);
    expect_nothing(&me);
    let [_a] = join(&region, [2]);
    expect(&me, &[Joined(2, 1)]);
    expect_nothing(&me);
    let [_b, _c] = join(&region, [1, 3]);
    let mut both = [next(&me), next(&me)];
    both.sort();
    assert_eq!(both, [Joined(1, 1), Joined(3, 1)]);
    expect_nothing(&me);
}

#[test]
fn who_was_there_before_is_told_first() {
    let (_scratch, region) = region(4);
    let [_a, gone] = join(&region, [1, 2]);
    drop(gone);
    let [me] = join(&region, [0]);
    expect(&me, &[Joined(1, 1)]);
    expect_nothing(&me);
}

#[test]
fn a_joining_is_told_to_one_that_sleeps() {
    let (scratch, region) = region(2);
    let [me] = join(&region, [0]);
    let told = thread::spawn(move || next(&me));
    scratch.wait_until_receiver_sleeps(0);
    let [_a] = join(&region, [1]);
    assert_eq!(told.join().expect("a thread"), Joined(1, 1));
}

#[test]
fn ends_are_told_with_their_epochs() {
    let (_scratch, region) = region(3);
    let [me, a] = join(&region, [0, 1]);
    expect(&me, &[Joined(1, 1)]);
    drop(a);
    expect(&me, &[Left(1, 1), Alone]);
    let [a, _b] = join(&region, [1, 2]);
    let mut both = [next(&me), next(&me)];
    both.sort();
    assert_eq!(both, [Joined(1, 2), Joined(2, 1)]);
    die(a);
    expect(&me, &[Died(1, 2)]);
    expect_nothing(&me);
}

#[test]
fn a_rank_that_dies_before_it_ever_speaks_is_told() {
    let (scratch, region) = region(2);
    let [me] = join(&region, [0]);
    let mut silent = joined(&scratch, 1);
    expect(&me, &[Joined(1, 1)]);
    silent.kill();
    expect(&me, &[Died(1, 1), Alone]);
    // And one that is dead before anybody looks.
    let mut silent = joined(&scratch, 1);
    silent.kill();
    expect(&me, &[Joined(1, 2), Died(1, 2), Alone]);
    expect_nothing(&me);
}

#[test]
fn mail_comes_between_the_joining_and_the_end() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    a.send(0, b"one").expect("room");
    a.send(0, b"two").expect("room");
    drop(a);
    expect(&me, &[Joined(1, 1), mail(1, 1, b"one"), mail(1, 1, b"two"), Left(1, 1), Alone]);
    expect_nothing(&me);
}

#[test]
fn who_left_mail_before_this_endpoint_came_is_told_as_if_it_had_been_there() {
    let (_scratch, region) = region(3);
    let [silent, speaker] = join(&region, [1, 2]);
    speaker.send(0, b"before").expect("room");
    drop((silent, speaker));
    let [me] = join(&region, [0]);
    expect(&me, &[Joined(2, 1), mail(2, 1, b"before"), Left(2, 1), Alone]);
    expect_nothing(&me);
}

#[test]
fn a_life_that_follows_is_told_between_the_mails_of_both() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    expect(&me, &[Joined(1, 1)]);
    a.send(0, b"of the first").expect("room");
    drop(a);
    let [a] = join(&region, [1]);
    a.send(0, b"of the second").expect("room");
    let change = [Left(1, 1), Joined(1, 2)];
    expect(&me, &[mail(1, 1, b"of the first")]);
    expect(&me, &change);
    expect(&me, &[mail(1, 2, b"of the second")]);
    // Also where the mail comes first into view.
    die(a);
    let [a] = join(&region, [1]);
    (0..100).for_each(|_| a.send(0, b"chatter").expect("room"));
    expect(&me, &[Died(1, 2), Joined(1, 3), mail(1, 3, b"chatter")]);
}

#[test]
fn the_first_mail_of_one_that_came_unseen_is_told_after_its_joining() {
    let (_scratch, region) = region(3);
    let [me, a] = join(&region, [0, 1]);
    expect(&me, &[Joined(1, 1)]);
    // Of a turn, most is taken without a look round.
    (0..20).for_each(|_| a.send(0, b"x").expect("room"));
    expect(&me, &[mail(1, 1, b"x"), mail(1, 1, b"x")]);
    drop(a);
    let [a] = join(&region, [1]);
    a.send(0, b"y").expect("room");
    (0..18).for_each(|_| expect(&me, &[mail(1, 1, b"x")]));
    expect(&me, &[Left(1, 1), Joined(1, 2), mail(1, 2, b"y")]);
    assert_eq!(me.region().inspect().mailboxes.iter().map(|mailbox| mailbox.unread).sum::<u64>(), 0);
}

#[test]
fn lives_that_come_and_go_between_two_looks_are_merged() {
    let (_scratch, region) = region(2);
    let [me] = join(&region, [0]);
    let live = |count: u32| (0..count).for_each(|_| drop(region.join(1).expect("free")));
    live(1000);
    expect(&me, &[Joined(1, 1000), Left(1, 1000), Alone]);
    expect_nothing(&me);
    live(1000);
    let [a] = join(&region, [1]);
    expect(&me, &[Joined(1, 2001)]);
    expect_nothing(&me);
    drop(a);
    live(1000);
    expect(&me, &[Left(1, 3001), Alone]);
    let [a] = join(&region, [1]);
    expect(&me, &[Joined(1, 3002)]);
    drop(a);
    live(999);
    let [_a] = join(&region, [1]);
    expect(&me, &[Left(1, 4001), Joined(1, 4002)]);
    expect_nothing(&me);
}

#[test]
fn ones_own_rank_is_nobody_else() {
    let (_scratch, region) = region(2);
    let [me] = join(&region, [0]);
    me.send(0, b"to myself").expect("room");
    expect(&me, &[mail(0, 1, b"to myself")]);
    expect_nothing(&me);
    drop(me);
    let [me] = join(&region, [0]);
    me.send(0, b"once more").expect("room");
    expect(&me, &[mail(0, 2, b"once more")]);
    expect_nothing(&me);
}

#[test]
fn a_receiving_half_is_told_the_same() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    let (_sender, receiver) = me.into_split();
    a.send(0, b"mail").expect("room");
    drop(a);
    let wanted = [Joined(1, 1), mail(1, 1, b"mail"), Left(1, 1), Alone].map(Some);
    assert_eq!(std::array::from_fn(|_| told(receiver.next_event_within(GUARD))), wanted);
    assert_eq!(told(receiver.next_event_within(Deadline::Now)), None);
}

#[test]
fn a_successor_is_not_told_an_end_that_its_predecessor_was() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    a.send(0, b"mail").expect("room");
    drop(a);
    expect(&me, &[Joined(1, 1), mail(1, 1, b"mail"), Left(1, 1)]);
    drop(me);
    let [me] = join(&region, [0]);
    expect_nothing(&me);
}

/// A dead rank looks as if it lived until the kernel is asked, so its joining would be told.
#[test]
fn a_successor_is_told_nothing_of_a_death_that_its_predecessor_was_told() {
    let (scratch, region) = region(2);
    let [me] = join(&region, [0]);
    let mut other = joined(&scratch, 1);
    assert_eq!(other.does("send 0 mail"), "ok");
    expect(&me, &[Joined(1, 1), mail(1, 1, b"mail")]);
    other.kill();
    expect(&me, &[Died(1, 1), Alone]);
    drop(me);
    let [me] = join(&region, [0]);
    expect_nothing(&me);
    // Nor does what its predecessor was told hide who comes.
    let [other] = join(&region, [1]);
    other.send(0, b"more").expect("room");
    expect(&me, &[Joined(1, 2), mail(1, 2, b"more")]);
}

#[test]
fn a_successor_is_told_an_end_that_its_predecessor_was_not() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    a.send(0, b"mail").expect("room");
    expect(&me, &[Joined(1, 1), mail(1, 1, b"mail")]);
    drop((a, me));
    let [me] = join(&region, [0]);
    expect(&me, &[Joined(1, 1), Left(1, 1), Alone]);
}

#[test]
fn what_comes_before_an_event_is_not_counted_as_redelivered_and_a_call_is_answered() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    let call = a.to(0).start_call(b"a call").expect("room");
    a.send(0, b"mail").expect("room");
    // Mail comes into view first.
    assert_eq!(me.from(1).peek().expect("a look").map(|next| next.is_call), Some(true));
    expect(&me, &[Joined(1, 1)]);
    let mut seen = vec![];
    while seen.len() < 2 {
        let Ok(Event::Mail(mail)) = me.next_event_within(GUARD) else { panic!("no mail") };
        assert_eq!(mail.redelivered(), 0);
        seen.push(mail.to_vec());
        if mail.is_call() {
            mail.reply(b"answer").expect("a caller");
        }
    }
    assert_eq!(seen, [b"a call".to_vec(), b"mail".to_vec()]);
    assert_eq!(*call.wait().expect("an answer"), *b"answer");
}

// --- Chatter, and peers that lie ---------------------------------------------------------------------------

#[test]
fn who_comes_and_who_dies_is_told_to_one_that_always_finds_mail() {
    let (scratch, region) = region(5);
    let [me, busy] = join(&region, [0, 4]);
    let next = || {
        while busy.try_send(0, b"x").is_ok() {}
        next(&me)
    };
    let until_other = || {
        let start = Instant::now();
        loop {
            let event = next();
            if event != mail(4, 1, b"x") || start.elapsed() > GUARD {
                return event;
            }
        }
    };
    assert_eq!(next(), Joined(4, 1));
    (0..1000).for_each(|_| assert_eq!(next(), mail(4, 1, b"x")));
    let mut silent = joined(&scratch, 3);
    assert_eq!(until_other(), Joined(3, 1));
    let [_a] = join(&region, [2]);
    assert_eq!(until_other(), Joined(2, 1));
    silent.kill();
    assert_eq!(until_other(), Died(3, 1));
    // Once.
    let start = Instant::now();
    while start.elapsed() < SHORT {
        assert_eq!(next(), mail(4, 1, b"x"));
    }
}

#[test]
fn a_rank_that_comes_and_goes_all_the_time_hides_nobody() {
    let (_scratch, region) = region(4);
    let [me] = join(&region, [0]);
    let mut others = Vec::new();
    let mut told = Vec::new();
    for round in 0..20 {
        drop(region.join(1).expect("free"));
        if round == 5 {
            others.extend([2, 3].map(|rank| region.join(rank).expect("free")));
        }
        // A receive tells its end, so its next joining could always come first.
        told.push(next(&me));
        assert_eq!(recv(&me), Err(left(1)));
    }
    assert!(told.contains(&Joined(2, 1)) && told.contains(&Joined(3, 1)), "{told:?}");
}

const CHANGES: u64 = (offset_of!(Header, control) + offset_of!(Control, changes)) as u64;

fn life(rank: u32) -> u64 {
    common::record(rank) + (offset_of!(Rank, identity) + offset_of!(Identity, life)) as u64
}

/// Joins as this rank, and takes back the count of that.
fn join_uncounted(scratch: &Scratch, region: &Region, rank: u32) -> Endpoint {
    let before = scratch.peek::<8>(CHANGES);
    let [joined] = join(region, [rank]);
    scratch.patch(CHANGES, &before);
    joined
}

#[test]
fn a_peer_that_overwrites_the_count_of_changes_withholds_nobody() {
    let (scratch, region) = region(3);
    let [me] = join(&region, [0]);
    expect_nothing(&me);
    let before = scratch.peek::<8>(CHANGES);
    let a = join_uncounted(&scratch, &region, 1);
    expect(&me, &[Joined(1, 1)]);
    drop(a);
    scratch.patch(CHANGES, &before);
    expect(&me, &[Left(1, 1), Alone]);
    for garbage in [u64::MAX, 0, 1 << 40] {
        scratch.patch(CHANGES, &garbage.to_ne_bytes());
        expect_nothing(&me);
    }
}

/// Words that peers own are overwritten all the time. In all that is told, joinings and ends take turns, each call ends, and
/// what is true is told in the end.
#[test]
fn garbage_in_the_records_ends_nothing_and_hides_nobody() {
    let (scratch, region) = region(4);
    let [me, honest] = join(&region, [0, 3]);
    let mut dice = Dice(number("EVENTS_SEED", 7));
    let mut is_there = [false; 4];
    let start = Instant::now();
    for round in 0..number("EVENTS_ROUNDS", 3000) {
        let rank = 1 + dice.below(2) as u32;
        let identity = common::record(rank) + offset_of!(Rank, identity) as u64;
        let word = match dice.below(4) {
            0 => identity + offset_of!(Identity, former) as u64,
            1 => identity + offset_of!(Identity, found_dead) as u64,
            2 => CHANGES,
            _ => life(rank),
        };
        let value = match dice.below(4) {
            0 => dice.next(),
            1 => u64::MAX - dice.below(4),
            _ => dice.below(8),
        };
        scratch.patch(word, &value.to_ne_bytes());
        if round % 16 == 0 {
            honest.try_send(0, b"x").expect("room");
        }
        for _ in 0..dice.below(4) {
            match told(me.next_event_within(Deadline::Now)) {
                Some(Joined(rank, epoch)) => {
                    assert!(epoch > 0 && !std::mem::replace(&mut is_there[rank as usize], true), "{round}");
                }
                Some(Left(rank, _) | Died(rank, _)) => {
                    assert!(std::mem::replace(&mut is_there[rank as usize], false), "{round}");
                }
                Some(Told::Mail(rank, _, _)) => assert_eq!(rank, 3),
                Some(Alone) => panic!("rank 3 is there: {is_there:?}, {round}"),
                Some(Told::Published(_)) => panic!("nobody reads topics"),
                Some(Told::Error(error)) => panic!("{error}"),
                None => {}
            }
        }
    }
    assert!(start.elapsed() < GUARD);
    // Lives that are over, and later than any that was told.
    for rank in [1, 2] {
        scratch.patch(life(rank), &(1u64 << 63).to_ne_bytes());
    }
    drop(honest);
    let mut last = next(&me);
    while last != Alone {
        assert!(start.elapsed() < GUARD, "{last:?}");
        last = next(&me);
    }
    expect_nothing(&me);
}

/// Ranks join, speak, leave and die at random: joinings and ends take turns, and no rank that is not there speaks.
#[test]
fn a_rank_is_there_between_its_joining_and_its_end() {
    let mut dice = Dice(number("EVENTS_SEED", 11));
    for _ in 0..number("EVENTS_RUNS", 30) {
        let (_scratch, region) = region(4);
        let [me] = join(&region, [0]);
        let mut others: [Option<Endpoint>; 4] = [const { None }; 4];
        let mut there = [0; 4];
        let (mut sent, mut received) = (0u64, 0);
        let mut is_alone = true;
        let mut note = |event: Told, received: &mut u64| match event {
            Joined(rank, epoch) => {
                let was = std::mem::replace(&mut there[rank as usize], epoch);
                assert!(was == 0 && epoch > 0, "{event:?} after {was}");
                is_alone = false;
            }
            Left(rank, epoch) | Died(rank, epoch) => {
                let was = std::mem::replace(&mut there[rank as usize], 0);
                assert!(was != 0 && epoch >= was, "{event:?} after {was}");
            }
            Told::Mail(rank, _, _) => {
                assert_ne!(there[rank as usize], 0, "{event:?}");
                *received += 1;
            }
            Alone => assert!(!std::mem::replace(&mut is_alone, true) && there == [0; 4]),
            Told::Published(_) => panic!("nobody reads topics"),
            Told::Error(error) => panic!("{error}"),
        };
        for _ in 0..200 {
            let rank = 1 + dice.below(3);
            let other = &mut others[rank as usize];
            match dice.below(8) {
                0 | 1 if other.is_none() => *other = Some(region.join(rank as u32).expect("free")),
                2 => drop(other.take()),
                3 => drop(other.take().map(die)),
                4..7 if let Some(other) = other => {
                    sent += u64::from(other.try_send(0, b"x").is_ok());
                }
                _ => drop(told(me.next_event_within(Deadline::Now)).map(|event| note(event, &mut received))),
            }
        }
        drop(others);
        while let Some(event) = within(&me, SHORT) {
            note(event, &mut received);
        }
        assert!(is_alone && received == sent, "{received} of {sent}");
    }
}
