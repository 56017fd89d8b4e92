//! Channels whose ends come, go and die at odd times, and mailboxes without room.

use kit::wait_until;
use mailbox::{Config, Endpoint, Region, SelectError};
use mailbox_patterns::csp::{Alt, Channel, ChannelError, Output, Process};
use std::mem::forget;
use std::thread;
use std::time::Duration;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);
/// For what is not there.
const SHORT: Duration = Duration::from_millis(20);
const X: Channel<u32> = Channel::buffered("x", 4);
const Y: Channel<u32> = Channel::buffered("y", 4);
/// Has room for more values than a mailbox of these tests.
const WIDE: Channel<u32> = Channel::buffered("wide", 1000);

fn region() -> Region {
    Region::create_unnamed(Config::ranks(2).cells(64).topics(32)).expect("memory")
}

fn join(region: &Region) -> [Endpoint; 2] {
    [0, 1].map(|rank| region.join(rank).expect("a free rank"))
}

fn process(me: &Endpoint) -> Process<'_> {
    Process::begin(me, 0..2).expect("it is none yet")
}

/// Runs two processes, the first in a thread of its own.
fn both(first: impl FnOnce(&Process<'_>) + Send, second: impl FnOnce(&Process<'_>)) {
    let region = region();
    thread::scope(|scope| {
        scope.spawn(|| first(&process(&region.join(0).expect("a free rank"))));
        second(&process(&region.join(1).expect("a free rank")));
    });
}

/// Sends these values, and dies.
fn die_after(me: Endpoint, values: &[u32]) {
    {
        let process = process(&me);
        let mut output = process.output(&X).expect("free");
        values.iter().for_each(|value| output.send(value).expect("room"));
        forget((output, process));
    }
    me.abandon();
}

fn gone() -> ChannelError {
    ChannelError::Gone { channel: "x".into(), rank: 0 }
}

fn poisoned(channel: &str) -> ChannelError {
    ChannelError::Poisoned { channel: channel.into() }
}

#[test]
fn what_a_dead_process_had_sent_is_received_by_one_that_had_not_looked() {
    let [dead, me] = join(&region());
    let process = process(&me);
    let mut input = process.input(&X).expect("free");
    die_after(dead, &[1, 2]);
    assert_eq!([(); 3].map(|()| input.recv()), [Ok(1), Ok(2), Err(gone())]);
}

#[test]
fn a_death_is_not_told_as_a_regular_end_when_a_successor_has_the_other_end() {
    let region = region();
    let [dead, me] = join(&region);
    let process = process(&me);
    let mut input = process.input(&X).expect("free");
    die_after(dead, &[1]);
    assert_eq!(input.recv(), Ok(1));
    let again = region.join(0).expect("a free rank");
    let successor = self::process(&again);
    let _output = successor.output(&X).expect("free");
    assert_eq!(input.recv(), Err(gone()));
}

#[test]
fn one_that_only_polls_sees_deaths_and_ends() {
    let region = region();
    let [dead, me] = join(&region);
    let process = process(&me);
    let mut input = process.input(&X).expect("free");
    let mut alt = Alt::new();
    alt.input(&input);
    die_after(dead, &[1]);
    assert_eq!((alt.try_wait(), input.try_recv()), (Ok(Some(0)), Ok(Some(1))));
    assert_eq!((alt.try_wait(), input.try_recv()), (Ok(Some(0)), Err(gone())));

    // The word of the end had no room.
    let again = region.join(0).expect("a free rank");
    let other = self::process(&again);
    let (mut wide, mut y) = (other.output(&WIDE).expect("free"), other.output(&Y).expect("free"));
    let (mut wide_input, mut y_input) =
        (process.input(&WIDE).expect("free"), process.input(&Y).expect("free"));
    y.send(&1).expect("room");
    assert_eq!(y_input.recv(), Ok(1));
    fill(&mut wide);
    drop(y);
    while wide_input.try_recv().expect("sound").is_some() {}
    assert_eq!(y_input.try_recv(), Err(poisoned("y")));
}

#[test]
fn an_alternative_tells_a_death_that_its_wait_finds_at_once() {
    let [dead, me] = join(&region());
    let process = process(&me);
    let mut input = process.input(&X).expect("free");
    let mut alt = Alt::new();
    alt.input(&input);
    die_after(dead, &[1]);
    assert_eq!((alt.wait_within(GUARD), input.recv()), (Ok(0), Ok(1)));
    // So long ago that the next wait begins with the question who has ended.
    thread::sleep(10 * SHORT);
    assert_eq!((alt.wait_within(GUARD), input.recv()), (Ok(0), Err(gone())));
}

#[test]
fn an_interrupter_ends_a_wait_of_an_alternative_whose_arms_are_closed() {
    let [me, _other] = join(&region());
    let interrupter = me.interrupter();
    let process = process(&me);
    let input = process.input(&X).expect("free");
    let mut alt = Alt::new();
    let arm = alt.input(&input);
    let interrupted = Err(ChannelError::Select(SelectError::Interrupted));
    for is_open in [false, true] {
        alt.guard(arm, is_open);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(SHORT);
                interrupter.interrupt();
            });
            assert_eq!(alt.wait_within(GUARD), interrupted, "{is_open}");
        });
        assert_eq!(alt.wait_within(SHORT), Err(ChannelError::Timeout), "{is_open}");
    }
    // Before it waits, and with the end dropped.
    drop(input);
    interrupter.interrupt();
    assert_eq!(alt.wait_within(GUARD), interrupted);
}

#[test]
fn an_arm_that_is_always_ready_hides_no_death_at_another() {
    // Also if other alternatives look, too, a while before.
    for (polls, others_look) in [(false, false), (true, false), (false, true)] {
        let [dead, me] = join(&region());
        let process = process(&me);
        // It has room, and nothing is sent there.
        let (y, mut input) = (process.output(&Y).expect("free"), process.input(&X).expect("free"));
        let _y = process.input(&Y).expect("free");
        let (mut alt, mut other) = (Alt::new(), Alt::new());
        let arms = [alt.output(&y).expect("a buffer"), alt.input(&input)];
        other.output(&y).expect("a buffer");
        die_after(dead, &[1]);
        if others_look {
            // Then the other's first look is due, were there one time for both.
            thread::sleep(Duration::from_millis(100));
        }
        for expected in [Ok(1), Err(gone())] {
            let mut rounds = 0;
            wait_until("it is told beside the other", || {
                rounds += 1;
                if others_look {
                    assert!(rounds < 20, "it has looked so often");
                    // More than half of the time from one look to the next: so all of its looks would be.
                    thread::sleep(Duration::from_millis(60));
                    assert_eq!(other.wait(), Ok(0));
                    thread::sleep(Duration::from_millis(60));
                }
                let arm = if polls { alt.try_wait().expect("sound") } else { alt.wait().ok() };
                assert!(arm.is_some_and(|arm| arms.contains(&arm)));
                arm == Some(arms[1])
            });
            assert_eq!(input.recv(), expected);
        }
    }
}

/// Sends until the mailbox is full; how many values.
fn fill(output: &mut Output<'_, u32>) -> u32 {
    (0..).find(|value| output.send_within(value, SHORT).is_err()).expect("a mailbox has an end")
}

#[test]
fn an_end_that_is_opened_anew_before_the_other_has_looked_takes_nothing_from_it() {
    let send = |process: &Process<'_>| {
        let mut output = process.output(&X).expect("free");
        output.send(&1).expect("a reader");
        drop(output);
        process.output(&X).expect("free").send(&2).expect("a reader");
    };
    let region = region();
    let me = region.join(1).expect("a free rank");
    let process = process(&me);
    let mut input = process.input(&X).expect("free");
    thread::scope(|scope| {
        scope.spawn(|| send(&self::process(&region.join(0).expect("a free rank"))));
        thread::sleep(SHORT);
        assert_eq!((input.recv(), input.recv()), (Ok(1), Err(poisoned("x"))));
        drop(input);
        let mut input = process.input(&X).expect("free");
        assert_eq!((input.recv(), input.recv()), (Ok(2), Err(poisoned("x"))));
    });
}

#[test]
fn nothing_of_a_former_network_is_received_and_it_takes_no_room() {
    let region = region();
    let ranks = join(&region);
    let [first, second] = [&ranks[0], &ranks[1]].map(process);
    for round in 0..600 {
        let (mut output, mut input) = (first.output(&X).expect("free"), second.input(&X).expect("free"));
        (0..4).for_each(|value| output.send(&(10 * round + value)).expect("room"));
        assert_eq!(input.recv(), Ok(10 * round));
        // The end that is dropped first, with what it has not received.
        if round % 2 == 0 { drop(input) } else { drop(output) }
    }
    let unread: u64 = region.inspect().mailboxes.iter().map(|mailbox| mailbox.unread).sum();
    assert!(unread < 16, "{unread}");
}

#[test]
fn a_sender_in_a_full_mailbox_hears_of_the_end() {
    let send = |process: &Process<'_>| {
        let mut output = process.output(&WIDE).expect("free");
        let error = (0..1000).map(|value| output.send(&value)).find_map(Result::err);
        assert_eq!(error, Some(poisoned("wide")));
    };
    both(send, |process| {
        let mut input = process.input(&WIDE).expect("free");
        assert_eq!(input.recv(), Ok(0));
        thread::sleep(10 * SHORT);
        // It lives on, but for this end.
        drop(input);
        thread::sleep(10 * SHORT);
    });
}

#[test]
fn a_sender_in_a_full_mailbox_hears_of_a_death() {
    for pause in [Duration::ZERO, 10 * SHORT] {
        let [dead, me] = join(&region());
        let process = process(&me);
        let mut output = process.output(&WIDE).expect("free");
        {
            let other = self::process(&dead);
            let mut input = other.input(&WIDE).expect("free");
            assert_eq!(input.try_recv(), Ok(None));
            fill(&mut output);
            forget((input, other));
        }
        dead.abandon();
        // After it the next wait begins with the question who has ended.
        thread::sleep(pause);
        let gone = ChannelError::Gone { channel: "wide".into(), rank: 0 };
        assert_eq!(output.send_within(&0, GUARD), Err(gone.clone()));
        assert_eq!(output.send(&0), Err(gone));
    }
}

#[test]
fn a_receive_does_not_wait_for_room_to_say_so() {
    let region = region();
    let ranks = join(&region);
    let [first, second] = [&ranks[0], &ranks[1]].map(process);
    let narrow = Channel::<u32>::buffered("narrow", 1);
    let (mut output, mut input) =
        (first.output(&narrow).expect("free"), second.input(&narrow).expect("free"));
    let (mut back, mut back_input) = (second.output(&WIDE).expect("free"), first.input(&WIDE).expect("free"));
    let sent = fill(&mut back);
    output.send(&7).expect("room");
    assert_eq!((input.try_recv(), input.try_recv()), (Ok(Some(7)), Ok(None)));
    assert_eq!(output.send_within(&8, SHORT), Err(ChannelError::Timeout), "it was not told of room");
    (0..sent).for_each(|value| assert_eq!(back_input.recv(), Ok(value)));
    // The next call at that end tells it.
    assert_eq!(input.try_recv(), Ok(None));
    assert_eq!(output.send_within(&8, GUARD), Ok(()));
    assert_eq!(input.recv(), Ok(8));
}

#[test]
fn a_deadlock_is_told_whatever_is_unread() {
    let z = Channel::<u32>::buffered("z", 4);
    let first = |process: &Process<'_>| {
        let (mut x, mut y) = (process.output(&X).expect("free"), process.output(&Y).expect("free"));
        let mut input = process.input(&z).expect("free");
        x.send(&1).expect("room");
        y.send(&2).expect("room");
        assert!(input.recv().is_err());
    };
    both(first, |process| {
        let _x = process.input(&X).expect("free");
        let (mut y, _z) = (process.input(&Y).expect("free"), process.output(&z).expect("free"));
        // It comes from behind an older message, so its place is not free yet.
        assert_eq!(y.recv(), Ok(2));
        let error = y.recv().expect_err("none comes");
        assert!(matches!(error, ChannelError::Deadlock(_) | ChannelError::Poisoned { .. }), "{error}");
    });
}

#[test]
fn a_deadlock_behind_a_former_opening_is_told() {
    let first = |process: &Process<'_>| {
        process.output(&X).expect("free").send(&1).expect("room");
        // The other end is that of the former opening, as long as it is not dropped.
        let error = process.output(&X).expect("free").send(&2).expect_err("nobody opens it again");
        assert!(matches!(error, ChannelError::Deadlock(_)), "{error}");
    };
    both(first, |process| {
        let mut x = process.input(&X).expect("free");
        assert_eq!(x.recv(), Ok(1));
        let error = process.input(&Y).expect("free").recv().expect_err("nobody opens the other end");
        assert!(matches!(error, ChannelError::Deadlock(_)), "{error}");
        thread::sleep(20 * SHORT);
    });
}

#[test]
fn what_no_channel_can_be_is_refused() {
    let region = Region::create_unnamed(Config::ranks(2).arena(4096).topics(32)).expect("memory");
    let [me, other] = join(&region);
    let process = process(&me);
    let error = process.output(&Channel::<[u64; 1024]>::buffered("long", 2)).err();
    let limit = region.eager_limit();
    assert_eq!(error, Some(ChannelError::TooLong { channel: "long".into(), len: 8192, limit }));
    // What is no end of a channel leaves none behind.
    drop(region.topic("x?").expect("room").publisher(&other).expect("nobody else does"));
    assert!(matches!(process.output(&X).err(), Some(ChannelError::Topic { .. })));
    assert_eq!(region.topic("x!").expect("room").latest(&me).expect("a value").bytes(), Ok(None));
    // Dropped, however much it could hold.
    drop(process.output(&Channel::<u32>::buffered("most", u32::MAX)).expect("free"));
}

#[test]
fn a_process_that_talks_to_itself_gets_what_it_sent() {
    let region = region();
    let [me, _other] = join(&region);
    let process = process(&me);
    let (mut output, mut input) = (process.output(&Y).expect("free"), process.input(&Y).expect("free"));
    for value in 0..20 {
        output.send(&value).expect("room");
        assert_eq!(input.recv(), Ok(value));
    }
    assert!(
        matches!(input.recv(), Err(ChannelError::Recv(_) | ChannelError::Select(_))),
        "nobody else sends"
    );
}
