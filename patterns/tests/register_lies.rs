//! Replicas and clients that lie in the form of a register's requests and answers.

use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::register::{Register, RegisterError, Replica, Replicated, Served, Why};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const VALUE: Register<u64> = Register::new("value");
const OTHER: Register<u64> = Register::new("other");
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);
/// For what is not to come.
const SHORT: Duration = Duration::from_millis(20);
/// What a request asks for, how an answer says that it was done, and the greatest number of a stamp.
const UPDATE: u32 = 5;
const DONE: u32 = 1;
const LAST: u64 = 1 << 62;

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks)).expect("memory")
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

/// Runs `work` while this is done again and again.
fn beside<T>(mut serve: impl FnMut() + Send, work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                serve();
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_over.store(true, Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn serve<const N: usize>(replicas: &mut [Replica<u64>; N]) {
    for replica in replicas {
        match replica.serve(Duration::from_millis(1)) {
            Ok(_) | Err(RegisterError::Timeout) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// What this rank is asked by one that reads.
fn query_at(rank: &Endpoint, value: &mut Replicated<'_, u64>) -> Vec<u8> {
    value.set_limit(SHORT);
    value.read().expect_err("nobody answers");
    value.set_limit(LONG);
    rank.recv().expect("a query").to_vec()
}

/// A request to keep this.
fn update(query: &[u8], stamp: [u64; 2], value: u64) -> Vec<u8> {
    let mut bytes = query[..24].to_vec();
    bytes[16..20].copy_from_slice(&UPDATE.to_ne_bytes());
    [stamp[0], stamp[1], value].iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
    bytes
}

#[test]
fn a_stamp_that_no_program_makes_changes_nothing() {
    let region = region(3);
    let (member, me, liar) = (join(&region, 0), join(&region, 1), join(&region, 2));
    let mut value = Replicated::new(&me, &VALUE, [0]).expect("a member");
    let query = query_at(&member, &mut value);
    let mut replica = [Replica::join(member, &VALUE, [0], 3).expect("a member")];
    for stamp in [[u64::MAX; 2], [LAST + 1, 7], [0, 7], [7, 0]] {
        let call = liar.to(0).start_call(&update(&query, stamp, 9)).expect("room");
        assert_eq!(replica[0].serve(LONG), Ok(Served::Nonsense { from: 2 }), "{stamp:?}");
        drop(call);
    }
    assert_eq!(replica[0].get(), Some(3));
    beside(|| serve(&mut replica), || assert_eq!((value.write(&4), value.read()), (Ok(()), Ok(4))));
}

#[test]
fn an_answer_with_a_stamp_that_no_program_makes_does_not_count() {
    for stamp in [[u64::MAX; 2], [LAST + 1, 7], [0, 7], [7, 0]] {
        let region = region(4);
        let liar = join(&region, 2);
        let mut replicas =
            [0, 1].map(|rank| Replica::join(join(&region, rank), &VALUE, 0..3, 3).expect("a member"));
        let me = join(&region, 3);
        let mut value = Replicated::new(&me, &VALUE, 0..3).expect("members");
        let mut answer = [1_u64, u64::from(DONE)].map(u64::to_ne_bytes).concat();
        [stamp[0], stamp[1], 9].iter().for_each(|word| answer.extend(word.to_ne_bytes()));
        // It is the first to answer.
        let mut has_lied = false;
        let both = move || {
            if let Ok(mail) = liar.from_any().within(Duration::from_millis(1)).recv() {
                has_lied |= mail.reply(&answer).is_ok();
            }
            if has_lied {
                serve(&mut replicas);
            }
        };
        beside(both, || assert_eq!((value.write(&4), value.read()), (Ok(()), Ok(4)), "{stamp:?}"));
    }
}

#[test]
fn one_register_whose_numbers_are_used_up_does_not_end_the_writes_of_others() {
    let region = region(4);
    let (member, me, liar) = (join(&region, 0), join(&region, 2), join(&region, 3));
    let mut value = Replicated::new(&me, &VALUE, [0]).expect("a member");
    let query = query_at(&member, &mut value);
    let mut both = [
        Replica::join(member, &VALUE, [0], 3).expect("a member"),
        Replica::join(join(&region, 1), &OTHER, [1], 3).expect("a member"),
    ];
    let call = liar.to(0).start_call(&update(&query, [LAST - 1, 7], 9)).expect("room");
    assert_eq!(both[0].serve(LONG), Ok(Served::Written { from: 3 }));
    drop(call);
    let mut other = Replicated::new(&me, &OTHER, [1]).expect("a member");
    beside(
        || serve(&mut both),
        || {
            assert_eq!(value.write(&4), Ok(()));
            assert_eq!(value.write(&5), Err(RegisterError::Exhausted { register: "value".into() }));
            assert_eq!(value.read(), Ok(4));
            for number in 0..3 {
                assert_eq!((other.write(&number), other.read()), (Ok(()), Ok(number)));
            }
        },
    );
}

#[test]
fn a_write_ends_a_conflict() {
    let region = region(6);
    // They begin with different values.
    let mut replicas: [_; 5] = core::array::from_fn(|rank| {
        Replica::join(join(&region, rank as u32), &VALUE, 0..5, rank as u64).expect("a member")
    });
    let me = join(&region, 5);
    let mut value = Replicated::new(&me, &VALUE, 0..5).expect("members");
    beside(
        || serve(&mut replicas),
        || {
            let error = value.read().expect_err("which one?");
            assert!(matches!(error, RegisterError::Conflict { .. }), "{error}");
            assert_eq!(value.write(&7), Ok(()));
            for _ in 0..20 {
                assert_eq!((value.read(), value.read_regular()), (Ok(7), Ok(7)));
            }
        },
    );
}

#[test]
fn one_that_answers_as_a_life_that_it_is_not_is_asked_now_and_then() {
    let region = region(4);
    let liar = join(&region, 2);
    let replica = [Replica::join(join(&region, 0), &VALUE, 0..3, 3).expect("a member")];
    let me = join(&region, 3);
    let mut value = Replicated::new(&me, &VALUE, 0..3).expect("members");
    value.set_limit(Duration::from_millis(300));
    let mut asked = 0;
    let answer = |query: &[u8]| {
        let mut answer = [99_u64, u64::from(DONE), 0, 0, 3].map(u64::to_ne_bytes).concat();
        if query.len() > 24 {
            answer.truncate(16);
            answer.extend(&query[24..40]);
        }
        answer
    };
    let mut replica_and_liar = (replica, liar);
    let both = || {
        let (replica, liar) = &mut replica_and_liar;
        serve(replica);
        while let Ok(Some(mail)) = liar.try_recv() {
            asked += 1;
            let bytes = answer(&mail.to_vec());
            _ = mail.reply(&bytes);
        }
    };
    let error = beside(both, || value.write(&4)).expect_err("one is left");
    assert!(error.may_have_happened(), "{error}");
    let RegisterError::NoMajority { missing, .. } = &error else { panic!("{error}") };
    assert!(missing.iter().any(|missing| (missing.rank, missing.why) == (2, Why::Ended)), "{error}");
    assert!(asked < 300, "{asked}");
}
