//! Registers that other processes keep: here, threads with ranks of their own, and replicas that a test serves by hand.

use mailbox::{Config, Deadline, Endpoint, Region, SendError};
use mailbox_patterns::register::{
    Gossip, Heard, Missing, Owner, Register, RegisterError, Remote, Replica, Replicated, Served, Why,
};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const VALUE: Register<u64> = Register::new("value");
const OTHER: Register<u64> = Register::new("other");
const SMALL: Register<u32> = Register::new("value");
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);
/// For what is not to come.
const SHORT: Duration = Duration::from_millis(20);

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks)).expect("memory")
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

/// Runs `work` while this is served.
fn beside<T: Send>(serve: impl FnMut() + Send, work: impl FnOnce() -> T) -> T {
    /// Also if the work panics.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let (is_over, mut serve) = (AtomicBool::new(false), serve);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                serve();
            }
        });
        let _over = Over(&is_over);
        work()
    })
}

fn serve_owner(owner: &mut Owner<u64>) {
    match owner.serve(SHORT) {
        Ok(_) | Err(RegisterError::Timeout) => {}
        Err(error) => panic!("{error}"),
    }
}

fn serve_all(replicas: &mut [Replica<u64>]) {
    for replica in replicas {
        match replica.serve(Duration::from_millis(1)) {
            Ok(_) | Err(RegisterError::Timeout) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn replica(region: &Region, rank: u32) -> Replica<u64> {
    Replica::join(join(region, rank), &VALUE, 0..3, 0).expect("a member")
}

#[test]
fn an_owned_register_is_read_written_and_swapped() {
    let region = region(2);
    let me = join(&region, 1);
    let mut owner = Owner::new(join(&region, 0), &VALUE, 3).expect("short");
    let mut remote = Remote::new(&me, &VALUE, 0).expect("short");
    beside(
        || serve_owner(&mut owner),
        || {
            assert_eq!(remote.read(), Ok(3));
            assert_eq!(remote.write(&4), Ok(()));
            assert_eq!(remote.read(), Ok(4));
            assert_eq!(remote.compare_and_swap(&3, &9), Ok(Err(4)));
            assert_eq!(remote.compare_and_swap(&4, &5), Ok(Ok(())));
            assert_eq!(remote.read(), Ok(5));
        },
    );
    assert_eq!(owner.get(), 5);
    owner.set(6);
    assert_eq!(owner.get(), 6);
}

#[test]
fn long_values_are_kept_whole() {
    type Long = [u64; 128];
    const LONG_VALUE: Register<Long> = Register::new("long");
    let region = region(5);
    let me = join(&region, 4);
    let mut owner = Owner::new(join(&region, 3), &LONG_VALUE, [1; 128]).expect("short enough");
    let mut remote = Remote::new(&me, &LONG_VALUE, 3).expect("short enough");
    beside(
        || _ = owner.serve(SHORT),
        || {
            assert_eq!(remote.compare_and_swap(&[1; 128], &[2; 128]), Ok(Ok(())));
            assert_eq!(remote.read(), Ok([2; 128]));
        },
    );
    let join_one = |rank| Replica::join(join(&region, rank), &LONG_VALUE, 0..3, [0; 128]).expect("a member");
    let mut replicas: Vec<_> = (0..3).map(join_one).collect();
    let mut replicated = Replicated::new(&me, &LONG_VALUE, 0..3).expect("members");
    beside(
        || replicas.iter_mut().for_each(|replica| _ = replica.serve(Duration::from_millis(1))),
        || {
            assert_eq!(replicated.write(&[7; 128]), Ok(()));
            assert_eq!(replicated.read(), Ok([7; 128]));
        },
    );
    const TOO_LONG: Register<[[u64; 1024]; 1024]> = Register::new("too long");
    let error = Remote::new(&me, &TOO_LONG, 3).expect_err("a call carries less");
    assert!(matches!(error, RegisterError::TooLong { .. }), "{error}");
}

#[test]
fn the_end_of_the_owner_is_told_and_its_successor_is_another_register() {
    let region = region(2);
    let me = join(&region, 1);
    let mut owner = Owner::new(join(&region, 0), &VALUE, 3).expect("short");
    let mut remote = Remote::new(&me, &VALUE, 0).expect("short");
    beside(|| serve_owner(&mut owner), || assert_eq!(remote.read(), Ok(3)));
    drop(owner);
    let error = remote.write(&4).expect_err("nobody is there");
    let gone = RegisterError::Gone { register: "value".into(), rank: 0, died: false, was_asked: false };
    assert_eq!(error, gone);
    assert!(!error.may_have_happened());
    let mut owner = Owner::new(join(&region, 0), &VALUE, 0).expect("short");
    beside(
        || serve_owner(&mut owner),
        || {
            let error = remote.write(&4).expect_err("that is another one");
            assert_eq!(error, RegisterError::OtherLife { register: "value".into(), rank: 0, was: 1, is: 2 });
            assert!(!error.may_have_happened());
            remote.renew();
            assert_eq!(remote.read(), Ok(0));
        },
    );
    // It ends with the request before it.
    thread::scope(|scope| {
        scope.spawn(|| {
            kit::wait_until("it is asked", || region.inspect().ranks[1].receiver_awaits.is_some());
            drop(owner);
        });
        let error = remote.write(&5).expect_err("it was not answered");
        let gone = RegisterError::Gone { register: "value".into(), rank: 0, died: false, was_asked: true };
        assert_eq!(error, gone);
        assert!(error.may_have_happened());
    });
}

#[test]
fn an_owner_that_says_nothing_is_waited_for_until_the_limit() {
    let region = region(2);
    let me = join(&region, 1);
    let mut owner = Owner::new(join(&region, 0), &VALUE, 3).expect("short");
    let mut remote = Remote::new(&me, &VALUE, 0).expect("short");
    remote.set_limit(SHORT);
    let error = remote.write(&4).expect_err("nobody serves");
    assert_eq!(error, RegisterError::Unanswered { register: "value".into(), rank: 0, was_asked: true });
    assert!(error.may_have_happened() && error.is_timeout());
    // It is done later.
    assert_eq!(owner.serve(LONG), Ok(Served::Written { from: 1 }));
    assert_eq!(owner.get(), 4);
    assert_eq!(owner.serve(Deadline::Now), Err(RegisterError::Timeout));
}

#[test]
fn other_registers_and_other_types_are_refused() {
    let region = region(5);
    let me = join(&region, 4);
    let mut owner = Owner::new(join(&region, 3), &VALUE, 3).expect("short");
    beside(
        || serve_owner(&mut owner),
        || {
            let unknown = |register: &str| RegisterError::Unknown { register: register.into(), rank: 3 };
            let mut other = Remote::new(&me, &OTHER, 3).expect("short");
            assert_eq!(other.write(&1), Err(unknown("other")));
            let mut small = Remote::new(&me, &SMALL, 3).expect("short");
            assert_eq!(small.write(&1), Err(unknown("value")));
        },
    );
    assert_eq!(owner.get(), 3);
    let mut replicas: Vec<_> = (0..3).map(|rank| replica(&region, rank)).collect();
    beside(
        || serve_all(&mut replicas),
        || {
            let told = |error: RegisterError, expected| match error {
                RegisterError::NoMajority { needed: 2, missing, may_have_happened: false, .. } => {
                    assert_eq!(missing, [0, 1, 2].map(|rank| Missing { rank, why: expected }));
                }
                error => panic!("{error}"),
            };
            let limit = Duration::from_millis(500);
            let mut small = Replicated::new(&me, &SMALL, 0..3).expect("members");
            small.set_limit(limit);
            told(small.write(&1).expect_err("another type"), Why::Unknown);
            let mut turned = Replicated::new(&me, &VALUE, [2, 1, 0]).expect("members");
            turned.set_limit(limit);
            match turned.write(&1).expect_err("another order") {
                RegisterError::NoMajority { missing, .. } => {
                    assert!(missing.iter().all(|missing| missing.why == Why::OtherMembers), "{missing:?}");
                }
                error => panic!("{error}"),
            }
        },
    );
}

#[test]
fn bad_members_are_errors() {
    let region = region(3);
    let me = join(&region, 2);
    for members in [vec![], vec![0, 0], vec![3], (0..100).collect()] {
        let error = Replicated::new(&me, &VALUE, members.clone()).expect_err("bad");
        assert!(matches!(error, RegisterError::BadMembers { .. }), "{members:?}: {error}");
    }
    let error = Replica::join(me, &VALUE, 0..2, 0).expect_err("no member");
    assert_eq!(error, RegisterError::NotAMember { register: "value".into(), rank: 2 });
    let error = Gossip::join(join(&region, 2), &VALUE, 0..2, 0).expect_err("no member");
    assert_eq!(error, RegisterError::NotAMember { register: "value".into(), rank: 2 });
}

#[test]
fn a_minority_may_be_missing_and_a_majority_is_told() {
    let region = region(4);
    let me = join(&region, 3);
    let mut replicas: Vec<_> = (0..3).map(|rank| replica(&region, rank)).collect();
    let mut value = Replicated::new(&me, &VALUE, 0..3).expect("members");
    beside(
        || serve_all(&mut replicas),
        || {
            assert_eq!(value.read(), Ok(0));
            assert_eq!(value.write(&1), Ok(()));
        },
    );
    // One says nothing for very long, and more calls than its mailbox has room for.
    beside(
        || serve_all(&mut replicas[..2]),
        || {
            for number in 2..100 {
                assert_eq!(value.write(&number), Ok(()));
                assert_eq!(value.read(), Ok(number));
            }
        },
    );
    // Another one ends.
    replicas.remove(0);
    value.set_limit(Duration::from_millis(500));
    let error = beside(|| serve_all(&mut replicas[..1]), || value.write(&100)).expect_err("one is left");
    let RegisterError::NoMajority { register, needed, missing, may_have_happened } = &error else {
        panic!("{error}");
    };
    assert_eq!((register.as_str(), *needed, *may_have_happened), ("value", 2, false));
    let ended = Missing { rank: 0, why: Why::Ended };
    assert_eq!(missing[..], [ended, Missing { rank: 2, why: Why::Silent }]);
    assert!(error.is_timeout());
    // The one that said nothing goes on.
    value.set_limit(LONG);
    beside(|| serve_all(&mut replicas), || assert_eq!(value.read(), Ok(99)));
}

#[test]
fn a_new_life_is_empty_until_it_has_heard_a_majority() {
    let region = region(4);
    let me = join(&region, 3);
    let mut replicas: Vec<_> = (0..3).map(|rank| replica(&region, rank)).collect();
    let mut value = Replicated::new(&me, &VALUE, 0..3).expect("members");
    beside(|| serve_all(&mut replicas), || assert_eq!(value.write(&1), Ok(())));
    replicas.remove(0);
    let mut again = replica(&region, 0);
    assert_eq!(again.get(), None);
    value.set_limit(Duration::from_millis(300));
    // Rank 2 says nothing: there is no majority, and the new life must not count.
    let mut second = replicas.remove(0);
    let serve = |replica: &mut Replica<u64>| match replica.serve(SHORT) {
        Ok(_) | Err(RegisterError::Timeout) => {}
        Err(error) => panic!("{error}"),
    };
    let error = beside(|| serve(&mut second), || beside(|| serve(&mut again), || value.read()))
        .expect_err("no majority knows");
    match &error {
        RegisterError::NoMajority { missing, .. } => {
            let empty = Missing { rank: 0, why: Why::Empty };
            assert_eq!(missing[..], [empty, Missing { rank: 2, why: Why::Silent }]);
        }
        error => panic!("{error}"),
    }
    assert_eq!(again.get(), None);
    // It goes on.
    let third = &mut replicas[0];
    beside(
        || serve(&mut second),
        || {
            beside(|| serve(third), || assert_eq!(again.serve(LONG), Ok(Served::Recovered)));
        },
    );
    assert_eq!(again.get(), Some(1));
    // Now it counts.
    drop(replicas);
    value.set_limit(LONG);
    let read = beside(|| serve(&mut second), || beside(|| serve(&mut again), || value.read()));
    assert_eq!(read, Ok(1));
}

#[test]
fn a_replica_that_has_ended_since_does_not_count() {
    let region = region(4);
    let mut replicas: Vec<_> = (0..3).map(|rank| replica(&region, rank)).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let me = join(&region, 3);
            let mut value = Replicated::new(&me, &VALUE, 0..3).expect("members");
            assert_eq!(value.write(&5), Ok(()));
            is_over.store(true, Relaxed);
        });
        for replica in &mut replicas[..2] {
            assert_eq!(replica.serve(LONG), Ok(Served::Read { from: 3 }));
        }
        // One has the value, and ends before another one has it.
        assert_eq!(replicas[0].serve(LONG), Ok(Served::Written { from: 3 }));
        drop(replicas.remove(0));
        assert_eq!(replicas[0].serve(LONG), Ok(Served::Written { from: 3 }));
        thread::sleep(Duration::from_millis(200));
        assert!(!is_over.load(Relaxed), "only one replica has it");
        while !is_over.load(Relaxed) {
            serve_all(&mut replicas);
        }
    });
    let kept: Vec<_> = replicas.iter().map(Replica::get).collect();
    assert_eq!(kept, [Some(5); 2]);
}

#[test]
fn a_life_that_lost_all_others_never_recovers() {
    let region = region(2);
    drop(Replica::join(join(&region, 0), &VALUE, [0], 5).expect("a member"));
    let mut again = Replica::join(join(&region, 0), &VALUE, [0], 5).expect("a member");
    assert_eq!(again.serve(SHORT), Err(RegisterError::Timeout));
    assert_eq!(again.get(), None);
}

/// What one that keeps a register may be sent.
fn garbage() -> Vec<Vec<u8>> {
    let lengths = [0, 1, 23, 24, 25, 32, 40, 48, 49, 64, 5000];
    let same = |byte| lengths.map(|len| vec![byte; len]);
    [same(0), same(255), same(2)].concat()
}

#[test]
fn garbage_is_told_and_changes_nothing() {
    let region = region(4);
    let me = join(&region, 3);
    let mut owner = Owner::new(join(&region, 0), &VALUE, 3).expect("short");
    let mut member = replica(&region, 1);
    let mut gossip = Gossip::join(join(&region, 2), &VALUE, 0..3, 4).expect("a member");
    for bytes in garbage() {
        for rank in 0..3 {
            me.send(rank, &bytes).expect("room");
            let call = me.to(rank).start_call(&bytes).expect("room");
            for is_call in [false, true] {
                match rank {
                    0 => assert!(is_refusal(owner.serve(LONG)), "{is_call} {bytes:?}"),
                    1 => assert!(is_refusal(member.serve(LONG)), "{is_call} {bytes:?}"),
                    _ => assert_eq!(gossip.listen(LONG), Ok(Heard::Nonsense { from: 3 })),
                }
            }
            drop(call);
        }
    }
    // What is far too long is not even fetched.
    let sendings: Vec<_> =
        (0..3).map(|rank| me.to(rank).announce(vec![0; 4 << 20]).expect("an announcement")).collect();
    assert_eq!(owner.serve(LONG), Ok(Served::Nonsense { from: 3 }));
    assert_eq!(member.serve(LONG), Ok(Served::Nonsense { from: 3 }));
    assert_eq!(gossip.listen(LONG), Ok(Heard::Nonsense { from: 3 }));
    for (rank, mut sending) in (0..).zip(sendings) {
        assert_eq!(sending.wait(), Err(SendError::Refused(rank)));
    }
    assert_eq!((owner.get(), member.get(), gossip.get()), (3, Some(0), 4));
}

fn is_refusal(served: Result<Served, RegisterError>) -> bool {
    matches!(served, Ok(Served::Nonsense { from: 3 } | Served::Refused { from: 3 }))
}

#[test]
fn garbage_for_an_answer_is_told() {
    let region = region(5);
    let (me, liar) = (join(&region, 4), join(&region, 2));
    let mut remote = Remote::new(&me, &VALUE, 2).expect("short");
    let mut answers = garbage().into_iter().cycle();
    let mut lie = move || {
        if let Ok(mail) = liar.from_any().within(SHORT).recv() {
            mail.reply(&answers.next().expect("more")).expect("a call");
        }
    };
    beside(&mut lie, || {
        for _ in garbage() {
            let error = remote.read().expect_err("it makes no sense");
            assert_eq!(error, RegisterError::Garbled { register: "value".into(), rank: 2 });
        }
    });
    // Two that are right are a majority.
    let mut value = Replicated::new(&me, &VALUE, 0..3).expect("members");
    let mut replicas: Vec<_> = (0..2).map(|rank| replica(&region, rank)).collect();
    beside(&mut lie, || {
        beside(
            || serve_all(&mut replicas),
            || {
                for number in 1..50 {
                    assert_eq!(value.write(&number), Ok(()));
                    assert_eq!(value.read(), Ok(number));
                }
            },
        );
    });
    value.set_limit(Duration::from_millis(300));
    let error = beside(&mut lie, || value.read()).expect_err("they say nothing");
    match error {
        RegisterError::NoMajority { missing, .. } => {
            assert_eq!(missing.last(), Some(&Missing { rank: 2, why: Why::Garbled }));
        }
        error => panic!("{error}"),
    }
}

#[test]
fn different_values_of_one_write_are_told() {
    let region = region(3);
    let me = join(&region, 2);
    // They begin with different ones.
    let join_with = |rank, value| Replica::join(join(&region, rank), &VALUE, 0..2, value).expect("a member");
    let mut replicas = [join_with(0, 1), join_with(1, 2)];
    let mut value = Replicated::new(&me, &VALUE, 0..2).expect("members");
    let error = beside(|| serve_all(&mut replicas), || value.read()).expect_err("which one?");
    match error {
        RegisterError::Conflict { one, other, .. } => assert_eq!(one.min(other) + one.max(other) * 10, 10),
        error => panic!("{error}"),
    }
}

#[test]
fn swaps_of_several_processes_count_each() {
    let region = region(4);
    let mut owner = Owner::new(join(&region, 0), &VALUE, 0).expect("short");
    beside(
        || serve_owner(&mut owner),
        || {
            thread::scope(|scope| {
                for rank in 1..4 {
                    let me = join(&region, rank);
                    scope.spawn(move || {
                        let mut remote = Remote::new(&me, &VALUE, 0).expect("short");
                        let mut now = 0;
                        for _ in 0..200 {
                            while let Err(other) =
                                remote.compare_and_swap(&now, &(now + 1)).expect("it lives")
                            {
                                now = other;
                            }
                            now += 1;
                        }
                    });
                }
            });
        },
    );
    assert_eq!(owner.get(), 600);
}
