//! Registers that are spread by gossip: here, all members in one thread.

use mailbox::{Config, Deadline, Endpoint, Region};
use mailbox_patterns::register::{Gossip, Heard, Register};
use std::time::Duration;

#[path = "histories/mod.rs"]
mod histories;

use histories::{History, Op, Outcome};

const VALUE: Register<u64> = Register::new("value");
const OTHER: Register<u64> = Register::new("other");
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks)).expect("memory")
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

#[test]
fn gossip_reaches_all_in_as_many_rounds_as_there_are_others() {
    const MEMBERS: u32 = 6;
    let region = region(MEMBERS);
    let join_one = |rank| Gossip::join(join(&region, rank), &VALUE, 0..MEMBERS, 0).expect("a member");
    let mut members: Vec<_> = (0..MEMBERS).map(join_one).collect();
    let hear = |member: &mut Gossip<u64>| while member.listen(Deadline::Now).is_ok() {};
    for writer in 0..MEMBERS as usize {
        members[writer].write(writer as u64 + 1).expect("numbers are left");
        assert_eq!(members[writer].get(), writer as u64 + 1);
        for _ in 1..MEMBERS {
            members.iter_mut().for_each(|member| assert!(member.push().expect("it works").is_some()));
            // What is heard is sent back where it is older.
            (0..2).for_each(|_| members.iter_mut().for_each(hear));
        }
        let values: Vec<_> = members.iter().map(Gossip::get).collect();
        assert_eq!(values, [writer as u64 + 1; MEMBERS as usize]);
    }
    // Writes beside each other: all agree on one of them.
    (0..MEMBERS)
        .zip(&mut members)
        .for_each(|(at, member)| member.write(100 + u64::from(at)).expect("numbers"));
    for _ in 1..MEMBERS {
        members.iter_mut().for_each(|member| _ = member.push().expect("it works"));
        (0..2).for_each(|_| members.iter_mut().for_each(hear));
    }
    assert!(members.iter().all(|member| member.get() == members[0].get() && member.get() >= 100));
    // A new life hears of it, and one that has ended keeps nobody up.
    let value = members[0].get();
    drop(members.remove(5));
    drop(members.remove(4));
    members.push(join_one(4));
    assert_eq!(members[4].get(), 0);
    for _ in 1..MEMBERS {
        members.iter_mut().for_each(|member| _ = member.push().expect("it works"));
        (0..2).for_each(|_| members.iter_mut().for_each(hear));
    }
    assert_eq!(members[4].get(), value);
}

#[test]
fn gossip_is_neither_atomic_nor_causal_for_several_registers() {
    let region = region(4);
    let join_one =
        |rank, of: &Register<u64>, first| Gossip::join(join(&region, rank), of, first..first + 2, 0);
    let (mut letter, mut letter_there) =
        (join_one(0, &VALUE, 0).expect("a member"), join_one(1, &VALUE, 0).expect("a member"));
    let (mut reply, mut reply_there) =
        (join_one(2, &OTHER, 2).expect("a member"), join_one(3, &OTHER, 2).expect("a member"));
    let mut history = History::default();
    history.call(0, 0, Op::Write(1));
    letter.write(1).expect("numbers");
    history.end(1, 0, Outcome::Written);
    // What is written here because of that arrives first there.
    reply.write(letter.get() + 1).expect("numbers");
    reply.push().expect("it works");
    assert_eq!(reply_there.listen(LONG), Ok(Heard::Newer { from: 2 }));
    assert_eq!((reply_there.get(), letter_there.get()), (2, 0));
    history.call(2, 1, Op::Read);
    history.end(3, 1, Outcome::Value(letter_there.get()));
    assert!(!history.is_linearizable(0));
    // In the end it is all there.
    letter.push().expect("it works");
    assert_eq!(letter_there.listen(LONG), Ok(Heard::Newer { from: 0 }));
    assert_eq!((reply_there.get(), letter_there.get()), (2, 1));
    // Of one register, a value never gives way to one that it follows.
    letter_there.write(2).expect("numbers");
    letter.push().expect("it works");
    assert_eq!(letter_there.listen(LONG), Ok(Heard::Older { from: 0 }));
    assert_eq!(letter_there.get(), 2);
    assert_eq!(letter.listen(LONG), Ok(Heard::Newer { from: 1 }));
}

#[test]
fn a_stamp_from_the_far_future_is_nonsense() {
    let region = region(2);
    let mut member = Gossip::join(join(&region, 0), &VALUE, 0..2, 0).expect("a member");
    let liar = join(&region, 1);
    member.write(1).expect("numbers");
    member.push().expect("it works");
    let mut message = liar.recv().expect("a push").into_vec();
    let number = u64::from_ne_bytes(message[24..32].try_into().expect("8 bytes"));
    for far in [number + 2 * 24 * 3600 * 1_000_000, (1 << 62) + 1, u64::MAX] {
        message[24..32].copy_from_slice(&far.to_ne_bytes());
        liar.send(0, &message).expect("room");
        assert_eq!(member.listen(LONG), Ok(Heard::Nonsense { from: 1 }));
    }
    message[24..32].copy_from_slice(&(number + 1000).to_ne_bytes());
    message[40..].copy_from_slice(&7_u64.to_ne_bytes());
    liar.send(0, &message).expect("room");
    assert_eq!(member.listen(LONG), Ok(Heard::Newer { from: 1 }));
    assert_eq!(member.get(), 7);
    // Later than all that it has heard of.
    member.write(8).expect("numbers");
    member.push().expect("it works");
    let later =
        u64::from_ne_bytes(liar.recv().expect("a push").into_vec()[24..32].try_into().expect("8 bytes"));
    assert!(later > number + 1000);
}

/// The stamp and the value in a message.
const STAMP: core::ops::Range<usize> = 24..32;
const WRITER: core::ops::Range<usize> = 32..40;
const WRITTEN: core::ops::Range<usize> = 40..48;

fn forge(message: &mut [u8], place: core::ops::Range<usize>, word: u64) {
    message[place].copy_from_slice(&word.to_ne_bytes());
}

#[test]
fn a_stamp_that_no_program_makes_is_nonsense() {
    let region = region(2);
    let mut member = Gossip::join(join(&region, 0), &VALUE, 0..2, 0).expect("a member");
    let liar = join(&region, 1);
    member.push().expect("it works");
    let before_all = liar.recv().expect("a push").into_vec();
    for (number, writer) in [(0, 1), (1, 0), (0, u64::MAX)] {
        let mut message = before_all.clone();
        forge(&mut message, STAMP, number);
        forge(&mut message, WRITER, writer);
        forge(&mut message, WRITTEN, 7);
        liar.send(0, &message).expect("room");
        assert_eq!(member.listen(LONG), Ok(Heard::Nonsense { from: 1 }));
    }
    assert_eq!(member.get(), 0);
}

#[test]
fn members_with_different_values_of_one_stamp_agree_on_one_of_them() {
    // They begin with different ones,
    let region = region(3);
    let join_with = |rank, value| Gossip::join(join(&region, rank), &VALUE, 0..3, value).expect("a member");
    let (mut one, mut two) = (join_with(0, 1), join_with(1, 2));
    let liar = join(&region, 2);
    let rounds =
        |one: &mut Gossip<u64>, two: &mut Gossip<u64>| {
            for _ in 0..4 {
                _ = (one.push().expect("it works"), two.push().expect("it works"));
                (0..2).for_each(|_| {
                    while one.listen(Deadline::Now).is_ok() || two.listen(Deadline::Now).is_ok() {}
                });
            }
            assert_eq!(one.get(), two.get());
        };
    rounds(&mut one, &mut two);
    // or one of them tells two values of one write.
    one.write(5).expect("numbers are left");
    rounds(&mut one, &mut two);
    let mut message = std::iter::from_fn(|| liar.from_any().within(Deadline::Now).recv().ok())
        .map(|mail| mail.into_vec())
        .last()
        .expect("a push");
    let number = u64::from_ne_bytes(message[STAMP].try_into().expect("8 bytes"));
    forge(&mut message, STAMP, number + 1);
    for (rank, value) in [(0, 7), (1, 8)] {
        forge(&mut message, WRITTEN, value);
        liar.send(rank, &message).expect("room");
    }
    assert_eq!(one.listen(LONG), Ok(Heard::Newer { from: 2 }));
    assert_eq!(two.listen(LONG), Ok(Heard::Newer { from: 2 }));
    rounds(&mut one, &mut two);
}

#[test]
fn a_round_that_is_never_due_does_not_come() {
    let region = region(2);
    let mut member = Gossip::join(join(&region, 0), &VALUE, 0..2, 0).expect("a member");
    let other = join(&region, 1);
    member.tend(Duration::MAX, Duration::from_millis(50)).expect("it works");
    let pushes = std::iter::from_fn(|| other.from_any().within(Deadline::Now).recv().ok()).count();
    assert_eq!(pushes, 1);
}
