//! Channels of CSP. The processes are threads here; `csp_processes` has those of the operating system.

use kit::wait_until;
use mailbox::{Config, Endpoint, RecvError, Region, SelectError, Status};
use mailbox_patterns::csp::{Alt, Channel, ChannelError, Input, Output, Process};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);
/// For what is not there.
const SHORT: Duration = Duration::from_millis(20);
/// Longer than it takes to see a deadlock.
const LONG: Duration = Duration::from_millis(600);

fn region(ranks: u32) -> (Region, Vec<Endpoint>) {
    let region = Region::create_unnamed(Config::ranks(ranks).topics(256)).expect("memory");
    let ranks = (0..ranks).map(|rank| region.join(rank).expect("a free rank")).collect();
    (region, ranks)
}

fn process(me: &Endpoint) -> Process<'_> {
    Process::begin(me, 0..me.region().ranks()).expect("it is none yet")
}

/// Both ends of a channel, each of its own process, that have met.
fn meet<'a, T: bytemuck::Pod>(
    channel: &Channel<T>,
    [from, to]: [&Process<'a>; 2],
) -> (Output<'a, T>, Input<'a, T>) {
    let (mut output, mut input) = (from.output(channel).expect("free"), to.input(channel).expect("free"));
    assert!(input.try_recv().expect("sound").is_none());
    let mut alt = Alt::new();
    if alt.output(&output).is_ok() {
        assert_eq!(alt.wait_within(GUARD), Ok(0), "there is room");
        assert!(output.send_within(&T::zeroed(), GUARD).is_ok());
        assert!(input.recv().is_ok());
    }
    (output, input)
}

/// Runs two processes, the first in a thread of its own.
fn both(first: impl FnOnce(&Process<'_>) + Send, second: impl FnOnce(&Process<'_>)) {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    thread::scope(|scope| {
        scope.spawn(|| first(&process(&region.join(0).expect("a free rank"))));
        second(&process(&region.join(1).expect("a free rank")));
    });
}

#[test]
fn values_arrive_in_order_each_once() {
    for capacity in [0, 1, 2, 7, 64] {
        let channel: Channel<u64> = Channel::buffered("numbers", capacity);
        let send = |process: &Process<'_>| {
            let mut output = process.output(&channel).expect("free");
            (0..1000).for_each(|number| output.send(&number).expect("a reader"));
        };
        both(send, |process| {
            let mut input = process.input(&channel).expect("free");
            for number in 0..1000 {
                assert_eq!(input.recv(), Ok(number), "{capacity}");
            }
            assert!(input.recv().is_err_and(|error| error.is_poisoned()));
            assert!(input.recv().is_err_and(|error| error.is_poisoned()), "again");
        });
    }
}

#[test]
fn a_rendezvous_is_over_when_the_value_was_received() {
    const CHANNEL: Channel<u32> = Channel::rendezvous("meet");
    let received = AtomicU32::new(0);
    let send = |process: &Process<'_>| {
        let mut output = process.output(&CHANNEL).expect("free");
        for number in 1..=100 {
            output.send(&number).expect("a reader");
            assert!(received.load(Ordering::SeqCst) >= number);
        }
    };
    both(send, |process| {
        let mut input = process.input(&CHANNEL).expect("free");
        for number in 1..=100 {
            // A sender that did not wait would be there before the number.
            thread::sleep(Duration::from_micros(number.into()));
            received.store(number, Ordering::SeqCst);
            assert_eq!(input.recv(), Ok(number));
        }
    });
}

#[test]
fn a_buffered_sender_is_ahead_by_its_capacity() {
    let (_region, ranks) = region(2);
    for capacity in [1, 2, 3, 8] {
        let channel: Channel<u32> = Channel::buffered("ahead", capacity);
        let (from, to) = (process(&ranks[0]), process(&ranks[1]));
        let (mut output, mut input) =
            (from.output(&channel).expect("free"), to.input(&channel).expect("free"));
        assert_eq!(input.try_recv(), Ok(None));
        for round in 0..5 {
            let mut sent = 0;
            while output.send_within(&(100 * round + sent), SHORT).is_ok() {
                sent += 1;
            }
            // The other end tells of room when half of it is free.
            assert!(
                (capacity / 2 + 1..=capacity).contains(&sent) || round == 0 && sent == capacity,
                "{sent}"
            );
            (0..sent).for_each(|number| assert_eq!(input.recv(), Ok(100 * round + number)));
            assert_eq!(input.try_recv(), Ok(None));
        }
    }
}

#[test]
fn an_end_belongs_to_one_process() {
    let (_region, ranks) = region(3);
    const CHANNEL: Channel<u32> = Channel::rendezvous("one");
    let [first, second] = [&ranks[0], &ranks[1]].map(process);
    let output = first.output(&CHANNEL).expect("free");
    let taken = Some(ChannelError::Taken { channel: "one".into(), rank: 0 });
    assert_eq!(second.output(&CHANNEL).err(), taken);
    assert_eq!(first.output(&CHANNEL).err(), taken);
    assert!(second.input(&CHANNEL).is_ok());
    drop(output);
    assert!(second.output(&CHANNEL).is_ok());
    let again = Process::begin(&ranks[0], 0..3).err();
    assert_eq!(again, Some(ChannelError::Begun { rank: 0 }));
}

#[test]
fn both_ends_must_agree() {
    let (_region, ranks) = region(2);
    let [first, second] = [&ranks[0], &ranks[1]].map(process);
    let mut output = first.output::<u64>(&Channel::buffered("kinds", 2)).expect("free");
    let mut input = second.input::<[f32; 2]>(&Channel::buffered("kinds", 2)).expect("free");
    let (ours, theirs) = ("u64 of 8 bytes".to_string(), "[f32; 2] of 8 bytes".to_string());
    let error =
        ChannelError::OtherType { channel: "kinds".into(), ours: ours.clone(), theirs: theirs.clone() };
    assert_eq!(output.send(&1), Err(error));
    let error = ChannelError::OtherType { channel: "kinds".into(), ours: theirs, theirs: ours };
    assert_eq!(input.recv(), Err(error));
    drop((output, input));

    let mut output = first.output::<u64>(&Channel::buffered("sizes", 2)).expect("free");
    let mut input = second.input::<u64>(&Channel::rendezvous("sizes")).expect("free");
    assert_eq!(
        output.send(&1),
        Err(ChannelError::OtherCapacity { channel: "sizes".into(), ours: 2, theirs: 0 })
    );
    assert!(matches!(input.recv(), Err(ChannelError::OtherCapacity { ours: 0, theirs: 2, .. })));
}

#[test]
fn bad_names_are_told() {
    let (_region, ranks) = region(1);
    let process = process(&ranks[0]);
    for name in ["", "a\0b", "0123456789012345678901234567890123456789012345678901234567890123"] {
        let error = process.output(&Channel::<u8>::rendezvous(name)).err();
        let is_topic = |error: &ChannelError| matches!(error, ChannelError::Topic { .. });
        assert!(error.as_ref().is_some_and(is_topic), "{name:?}: {error:?}");
    }
}

#[test]
fn poison_comes_after_what_was_sent_and_reaches_a_sender_that_waits() {
    let (_region, ranks) = region(2);
    let [first, second] = [&ranks[0], &ranks[1]].map(process);
    let (mut output, mut input) = meet(&Channel::<u32>::buffered("values", 8), [&first, &second]);
    (0..5).for_each(|number| output.send(&number).expect("room"));
    drop(output);
    (0..5).for_each(|number| assert_eq!(input.recv(), Ok(number)));
    assert_eq!(input.recv(), Err(ChannelError::Poisoned { channel: "values".into() }));

    // One that never came to the other end's sight ends it, too.
    let output = first.output(&Channel::<u32>::rendezvous("unmet")).expect("free");
    drop(output);
    let mut input = second.input(&Channel::<u32>::rendezvous("unmet")).expect("free");
    assert!(input.recv().is_err_and(|error| error.is_poisoned()));

    const CHANNELS: [Channel<u32>; 2] = [Channel::rendezvous("offer"), Channel::buffered("full", 1)];
    for channel in &CHANNELS {
        let send = |process: &Process<'_>| {
            let mut output = process.output(channel).expect("free");
            let error = (0..9).map(|number| output.send(&number)).find_map(Result::err);
            assert_eq!(error, Some(ChannelError::Poisoned { channel: channel.name().into() }));
        };
        both(send, |process| {
            let mut input = process.input(channel).expect("free");
            assert_eq!(input.recv(), Ok(0));
            thread::sleep(SHORT);
        });
    }
}

#[test]
fn a_network_is_built_again_with_the_same_names() {
    let (_region, ranks) = region(2);
    const CHANNEL: Channel<u32> = Channel::buffered("again", 4);
    for round in 0..20 {
        let [first, second] = [&ranks[0], &ranks[1]].map(process);
        let (mut output, mut input) = meet(&CHANNEL, [&first, &second]);
        output.send(&round).expect("room");
        output.send(&round).expect("room");
        // The second one is never received, and is not the next network's.
        assert_eq!(input.recv(), Ok(round));
    }
}

#[test]
fn an_alternative_tells_what_is_ready_in_turn() {
    let (_region, ranks) = region(2);
    let [first, second] = [&ranks[0], &ranks[1]].map(process);
    let channel = Channel::<u32>::buffered("arms", 8);
    let mut pairs: Vec<_> = (0..4).map(|at| meet(&channel.at(at), [&first, &second])).collect();
    let (mut back, mut taken) = meet(&Channel::<u32>::buffered("back", 2), [&second, &first]);
    let mut alt = Alt::new();
    pairs.iter().for_each(|(_, input)| _ = alt.input(input));
    let room = alt.output(&back).expect("it is buffered");
    for (output, _) in &mut pairs {
        (0..3).for_each(|number| output.send(&number).expect("room"));
    }
    let mut told = [0; 5];
    for _ in 0..5 {
        let arm = alt.wait().expect("all are ready");
        told[arm] += 1;
    }
    assert_eq!(told, [1; 5], "each once before one is told again");
    for arm in [0, 1, 2] {
        alt.guard(arm, false);
    }
    alt.guard(9, true);
    // Without room, the last input alone is ready.
    (0..2).for_each(|number| back.send(&number).expect("room"));
    for number in 0..3 {
        assert_eq!(alt.wait_within(GUARD), Ok(3));
        assert_eq!(pairs[3].1.recv(), Ok(number));
    }
    assert_eq!(alt.wait_within(SHORT), Err(ChannelError::Timeout));
    assert_eq!(taken.recv(), Ok(0));
    assert_eq!(alt.wait_within(GUARD), Ok(room));
    back.send(&2).expect("it was ready");
    // An end is told each time.
    drop(taken);
    for _ in 0..2 {
        assert_eq!(alt.wait_within(GUARD), Ok(room));
        assert!(back.send(&3).is_err_and(|error| error.is_poisoned()));
    }
}

#[test]
fn an_end_that_an_alternative_has_is_ended_when_it_is_dropped() {
    let (_region, ranks) = region(2);
    let [first, second] = [&ranks[0], &ranks[1]].map(process);
    let (mut output, input) = meet(&Channel::<u32>::buffered("dropped", 2), [&first, &second]);
    let mut alt = Alt::new();
    alt.input(&input);
    output.send(&1).expect("room");
    assert_eq!(alt.try_wait(), Ok(Some(0)));
    drop(input);
    assert_eq!(alt.wait(), Err(ChannelError::Empty));
    let error = (0..3).map(|number| output.send(&number)).find_map(Result::err);
    assert!(error.is_some_and(|error| error.is_poisoned()));
    assert!(second.input(&Channel::<u32>::buffered("dropped", 2)).is_ok(), "while the alternative lives");
}

#[test]
fn a_rendezvous_that_was_interrupted_is_still_offered() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    const CHANNEL: Channel<u32> = Channel::rendezvous("interrupted");
    let (told, interrupter) = std::sync::mpsc::channel();
    let received = AtomicU32::new(0);
    thread::scope(|scope| {
        let (region, received) = (&region, &received);
        scope.spawn(move || {
            let me = region.join(0).expect("a free rank");
            told.send(me.interrupter()).expect("a receiver");
            let process = process(&me);
            let mut output = process.output(&CHANNEL).expect("free");
            let error = output.send(&1).expect_err("it is interrupted");
            let is_interrupted = matches!(
                error,
                ChannelError::Recv(RecvError::Interrupted) | ChannelError::Select(SelectError::Interrupted)
            );
            assert!(is_interrupted, "{error}");
            for number in 2..=3 {
                output.send(&number).expect("a reader");
                assert!(received.load(Ordering::SeqCst) >= number, "it was received");
            }
        });
        let me = region.join(1).expect("a free rank");
        let process = process(&me);
        let mut input = process.input(&CHANNEL).expect("free");
        let mut alt = Alt::new();
        alt.input(&input);
        assert_eq!(alt.wait_within(GUARD), Ok(0));
        interrupter.recv().expect("an interrupter").interrupt();
        for number in 1..=3 {
            thread::sleep(SHORT);
            received.store(number, Ordering::SeqCst);
            assert_eq!(input.recv(), Ok(number));
        }
    });
}

#[test]
fn an_alternative_of_nothing_is_told() {
    let (_region, ranks) = region(2);
    let process = process(&ranks[0]);
    let input = process.input(&Channel::<u8>::rendezvous("closed")).expect("free");
    let output = process.output(&Channel::<u8>::rendezvous("committed")).expect("free");
    let mut alt = Alt::new();
    assert_eq!(alt.wait(), Err(ChannelError::Empty));
    let committed = ChannelError::Committed { channel: "committed".into() };
    assert_eq!(alt.output(&output), Err(committed.clone()));
    let arm = alt.input(&input);
    alt.guard(arm, false);
    assert_eq!(alt.wait(), Err(ChannelError::Empty));
    assert_eq!(alt.wait_within(SHORT), Err(ChannelError::Timeout));
    alt.guard(arm, true);
    assert_eq!(alt.wait_within(SHORT), Err(ChannelError::Timeout));
    let mut output = output;
    assert_eq!(output.send_within(&1, SHORT), Err(committed));
}

#[test]
fn a_deadlock_is_told_with_all_that_wait() {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let channel = Channel::<u32>::rendezvous("ring");
    let play = |rank: u32| {
        let me = region.join(rank).expect("a free rank");
        let process = process(&me);
        let mut left = process.input(&channel.at(rank)).expect("free");
        let mut right = process.output(&channel.at((rank + 1) % 3)).expect("free");
        // All offer, and nobody takes.
        right.send(&rank).and_then(|()| left.recv()).expect_err("nobody receives")
    };
    let errors: Vec<_> = thread::scope(|scope| {
        let threads = [0, 1, 2].map(|rank| scope.spawn(move || play(rank)));
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut told = 0;
    for error in errors {
        let ChannelError::Deadlock(deadlock) = error else {
            assert!(error.is_poisoned(), "{error}");
            continue;
        };
        told += 1;
        let waits: Vec<_> = deadlock.waits.iter().map(|wait| (wait.rank, wait.sends, wait.other)).collect();
        assert_eq!(waits, [(0, true, Some(1)), (1, true, Some(2)), (2, true, Some(0))], "{deadlock}");
        assert_eq!(deadlock.waits[0].channel, "ring.1");
        assert!(deadlock.to_string().starts_with("deadlock: rank 0 waits to send to rank 1 on \"ring.1\","));
    }
    assert!(told > 0);
}

#[test]
fn what_can_go_on_is_no_deadlock() {
    const CHANNEL: Channel<u32> = Channel::rendezvous("slow");
    const OTHER: Channel<u32> = Channel::rendezvous("other");
    let slow = |process: &Process<'_>| {
        let mut output = process.output(&CHANNEL).expect("free");
        let mut input = process.input(&OTHER).expect("free");
        // It runs for a long time.
        thread::sleep(LONG);
        output.send(&1).expect("a reader");
        // It waits for a long time, but not for ever.
        assert_eq!(input.recv_within(LONG), Err(ChannelError::Timeout));
        output.send(&2).expect("a reader");
    };
    both(slow, |process| {
        let (mut input, _other) =
            (process.input(&CHANNEL).expect("free"), process.output(&OTHER).expect("free"));
        assert_eq!((input.recv(), input.recv()), (Ok(1), Ok(2)));
    });
}

#[test]
fn ranks_that_were_never_joined_may_still_come() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let me = region.join(0).expect("a free rank");
    const CHANNEL: Channel<u32> = Channel::rendezvous("late");
    thread::scope(|scope| {
        let region = &region;
        scope.spawn(move || {
            thread::sleep(LONG);
            let me = region.join(1).expect("a free rank");
            let process = process(&me);
            process.output(&CHANNEL).expect("free").send(&5).expect("a reader");
        });
        let process = process(&me);
        let mut input = process.input(&CHANNEL).expect("free");
        assert_eq!(input.recv(), Ok(5));
        wait_until("it has left", || region.status(1).is_some_and(|(status, _)| status == Status::Left));
        let deadlock = process.input(&Channel::<u8>::rendezvous("no more")).expect("free").recv();
        let text = "deadlock: rank 0 waits to receive from the other end of \"no more\", which is not open";
        assert_eq!(deadlock.expect_err("nobody is left").to_string(), text);
    });
}
