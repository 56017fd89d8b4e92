//! Causal broadcast, with all members in one thread: so each order is chosen here. `causal_processes` has those of the operating system.

use kit::Dice;
use mailbox::{Config, Deadline, Endpoint, FindTopicError, Policy, PublishError, Region, SelectError};
use mailbox_patterns::causal::{
    CausalError, Event, Group, History, Id, Member, Message, Step, Violation, agree, check,
};
use std::time::{Duration, Instant};

const GROUP: Group = Group::new("group", 0..4);
/// For what is not there.
const SHORT: Duration = Duration::from_millis(20);
/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);

fn region(ranks: u32) -> (Region, Vec<Endpoint>) {
    let region = Region::create_unnamed(Config::ranks(ranks)).expect("memory");
    let ranks = (0..ranks).map(|rank| region.join(rank).expect("a free rank")).collect();
    (region, ranks)
}

fn join(me: &Endpoint) -> Member<'_> {
    Member::join(me, &GROUP).expect("it is none yet")
}

/// All that has come.
fn events(member: &mut Member<'_>) -> Vec<Event> {
    std::iter::from_fn(|| member.try_next_event().expect("sound")).collect()
}

/// The messages that have come, as text.
fn texts(member: &mut Member<'_>) -> Vec<String> {
    let text = |message: Message| String::from_utf8(message.into_bytes()).expect("text");
    let messages = events(member).into_iter().filter_map(|event| match event {
        Event::Message(message) => Some(text(message)),
        _ => None,
    });
    messages.collect()
}

/// What is not there yet: events that a look finds later, such as ends.
fn next_end(member: &mut Member<'_>) -> Event {
    loop {
        let event = member.next_event_within(GUARD).expect("sound").expect("it ends");
        if matches!(event, Event::Left { .. } | Event::Died { .. }) {
            return event;
        }
    }
}

#[test]
fn an_effect_never_comes_before_its_cause() {
    let (_region, ranks) = region(4);
    for readers in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let mut members: Vec<_> = ranks.iter().map(join).collect();
        members.iter_mut().for_each(|member| _ = events(member));
        // Each answers the one before. The last has all streams to choose from.
        for round in 0..200 {
            for (at, rank) in readers[..3].iter().enumerate() {
                let member = &mut members[*rank];
                let heard = texts(member);
                let before = if at == 0 { 0 } else { 1 };
                assert!(heard.len() >= before, "{heard:?}");
                member.broadcast(format!("{}", 3 * round + at).as_bytes()).expect("room");
            }
            let last = &mut members[readers[3]];
            let expected: Vec<_> = (0..3).map(|at| format!("{}", 3 * round + at)).collect();
            assert_eq!(texts(last), expected);
        }
    }
}

#[test]
fn random_runs_are_in_causal_order_and_agree() {
    let (_region, ranks) = region(4);
    for seed in 1..=40 {
        let mut random = Dice(seed);
        let mut members: Vec<_> = ranks.iter().map(join).collect();
        let mut histories: Vec<_> = members.iter().map(History::of).collect();
        // All have joined before the first message.
        members.iter_mut().for_each(|member| _ = events(member));
        for _ in 0..400 {
            let who = random.below(4) as usize;
            if random.below(3) == 0 {
                histories[who].sent(members[who].broadcast(b"x").expect("room"));
            }
            for _ in 0..random.below(4) {
                let event = members[who].try_next_event().expect("sound");
                event.iter().for_each(|event| histories[who].told(event));
            }
        }
        for (member, history) in members.iter_mut().zip(&mut histories) {
            events(member).iter().for_each(|event| history.told(event));
        }
        assert_eq!(check(&histories), Ok(()), "{seed}");
        assert_eq!(agree(&histories), Ok(()), "{seed}");
        let sent = histories.iter().flat_map(|history| &history.steps);
        assert!(sent.filter(|step| matches!(step, Step::Sent(_))).count() > 50);
    }
}

/// Three ranks send to each other through mailboxes, each of which is in order. The link from the first to the last is slow.
#[test]
fn delivery_in_fifo_order_alone_violates_causal_order() {
    let (_region, ranks) = region(3);
    let [asks, answers, listens] = &ranks[..] else { unreachable!() };
    let id = |from: &Endpoint| Id { rank: from.rank(), number: 0 };
    let start = mailbox_patterns::causal::Clock::new(0..3);
    let mut histories: Vec<_> =
        (0..3).map(|rank| History { rank, start: start.clone(), steps: vec![] }).collect();
    let deliver = |history: &mut History, to: &Endpoint, from: u32| {
        let mail = to.from(from).try_recv().expect("sound").expect("it was sent");
        history.steps.push(Step::Delivered(Id { rank: mail.from(), number: mail.seq() }));
    };
    histories[0].sent(id(asks));
    [1, 2].iter().for_each(|to| asks.send(*to, b"who?").expect("room"));
    deliver(&mut histories[1], answers, 0);
    histories[1].sent(id(answers));
    [0, 2].iter().for_each(|to| answers.send(*to, b"I!").expect("room"));
    deliver(&mut histories[2], listens, 1);
    deliver(&mut histories[2], listens, 0);
    deliver(&mut histories[0], asks, 1);
    let early = Violation::Early { history: 2, effect: id(answers), cause: id(asks) };
    assert_eq!(check(&histories), Err(early));

    // The same in a group, however the last one looks at them.
    let mut members: Vec<_> = ranks.iter().map(join).collect();
    let mut histories: Vec<_> = members.iter().map(History::of).collect();
    histories[0].sent(members[0].broadcast(b"who?").expect("room"));
    events(&mut members[1]).iter().for_each(|event| histories[1].told(event));
    histories[1].sent(members[1].broadcast(b"I!").expect("room"));
    for at in [2, 0] {
        events(&mut members[at]).iter().for_each(|event| histories[at].told(event));
    }
    assert_eq!(histories[2].steps.len(), 2);
    assert_eq!(check(&histories), Ok(()));
}

#[test]
fn a_message_says_what_may_have_caused_it() {
    let (_region, ranks) = region(3);
    let [mut one, mut two, mut three] = [0, 1, 2].map(|rank: usize| join(&ranks[rank]));
    let first = one.broadcast(b"first").expect("room");
    let beside = two.broadcast(b"beside").expect("room");
    assert_eq!(texts(&mut three).len(), 2);
    let effect = three.broadcast(b"effect").expect("room");
    let messages = events(&mut one).into_iter().filter_map(|event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    });
    let messages: Vec<_> = messages.collect();
    assert_eq!(messages.iter().map(Message::id).collect::<Vec<_>>(), [beside, effect]);
    assert!(!messages[0].is_after(first) && !messages[0].is_after(effect));
    assert!(messages[1].is_after(first) && messages[1].is_after(beside) && !messages[1].is_after(effect));
    assert!(one.clock().knows(effect) && one.clock().knows(first));
    assert_eq!(messages[0].epoch(), 1);
}

#[test]
fn a_joiner_starts_with_the_clock_of_the_group() {
    let (_region, ranks) = region(3);
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    let mut histories = vec![History::of(&one), History::of(&two)];
    for _ in 0..5 {
        histories[0].sent(one.broadcast(b"before").expect("room"));
        histories[1].sent(two.broadcast(b"before").expect("room"));
    }
    let mut three = join(&ranks[2]);
    histories.push(History::of(&three));
    assert_eq!((three.clock().of(0), three.clock().of(1), three.clock().of(2)), (6, 6, 1));
    let mut told = vec![events(&mut one), events(&mut two)];
    // Two knows what is from before the start of three.
    histories[1].steps.extend(told[1].iter().filter_map(|event| match event {
        Event::Message(message) => Some(Step::Delivered(message.id())),
        _ => None,
    }));
    histories[0].steps.extend(told[0].iter().filter_map(|event| match event {
        Event::Message(message) => Some(Step::Delivered(message.id())),
        _ => None,
    }));
    assert_eq!(told.remove(0).last(), Some(&Event::Joined { rank: 2, epoch: 1 }));
    histories[1].sent(two.broadcast(b"after").expect("room"));
    let heard = events(&mut three);
    heard.iter().for_each(|event| histories[2].told(event));
    assert!(heard.contains(&Event::Joined { rank: 0, epoch: 1 }));
    assert!(heard.contains(&Event::Joined { rank: 1, epoch: 1 }));
    assert_eq!(histories[2].steps.len(), 1, "nothing from before");
    histories[2].sent(three.broadcast(b"from the new one").expect("room"));
    for (member, history) in [(&mut one, 0), (&mut two, 1)] {
        events(member).iter().for_each(|event| histories[history].told(event));
    }
    assert_eq!(check(&histories), Ok(()));
    assert_eq!(agree(&histories), Ok(()));
}

#[test]
fn a_joiner_is_told_who_is_there_and_nobody_else() {
    let (_region, mut ranks) = region(4);
    let (last, dies) = (ranks.pop().expect("four"), ranks.pop().expect("four"));
    // One is there, and silent. One has left. One has ended without a word.
    let _here = join(&ranks[0]);
    drop(join(&ranks[1]));
    std::mem::forget(join(&dies));
    drop(dies);
    let mut member = join(&last);
    assert_eq!(events(&mut member), [Event::Joined { rank: 0, epoch: 1 }]);
    // Nor are there later news of the others.
    assert_eq!(member.next_event_within(10 * SHORT), Ok(None));
}

#[test]
fn joinings_and_ends_are_told_in_order() {
    let (region, mut ranks) = region(3);
    let one_rank = ranks.remove(0);
    let mut one = join(&one_rank);
    {
        let mut two = join(&ranks[0]);
        two.broadcast(b"hello").expect("room");
        let mut again = vec![two.broadcast(b"bye").expect("room").number];
        drop(two);
        // Another member, also in the same life of the rank.
        let mut two = join(&ranks[0]);
        again.push(two.broadcast(b"again").expect("room").number);
        assert_eq!(again, [2, 5]);
    }
    let told = events(&mut one);
    let is_message = |event: &Event| matches!(event, Event::Message(_));
    assert_eq!(told[0], Event::Joined { rank: 1, epoch: 1 });
    assert!(is_message(&told[1]) && is_message(&told[2]));
    assert_eq!(told[3..5], [Event::Left { rank: 1, epoch: 1 }, Event::Joined { rank: 1, epoch: 1 }]);
    assert!(is_message(&told[5]));
    assert_eq!(told[6..], [Event::Left { rank: 1, epoch: 1 }]);

    // Another process has the rank.
    ranks.remove(0);
    let second_life = region.join(1).expect("a free rank");
    let two = join(&second_life);
    assert_eq!(events(&mut one), [Event::Joined { rank: 1, epoch: 2 }]);
    // One that says nothing: as a process that is killed.
    std::mem::forget(two);
    std::mem::forget(second_life);
    assert_eq!(events(&mut one), []);
    drop(ranks);
}

#[test]
fn one_that_panics_has_died() {
    let (region, mut ranks) = region(2);
    let me = ranks.remove(0);
    let mut one = join(&me);
    let other = ranks.remove(0);
    let thread = std::thread::spawn(move || {
        let mut two = join(&other);
        two.broadcast(b"last words").expect("room");
        panic!("on purpose");
    });
    assert!(thread.join().is_err());
    assert_eq!(one.next_event_within(GUARD), Ok(Some(Event::Joined { rank: 1, epoch: 1 })));
    let Ok(Some(Event::Message(message))) = one.next_event_within(GUARD) else { panic!("words come first") };
    assert_eq!(message.bytes(), b"last words");
    assert_eq!(next_end(&mut one), Event::Died { rank: 1, epoch: 1 });
    // Another life is another member.
    let other = region.join(1).expect("a free rank");
    let mut two = join(&other);
    two.broadcast(b"back").expect("room");
    assert_eq!(one.next_event_within(GUARD), Ok(Some(Event::Joined { rank: 1, epoch: 2 })));
    assert_eq!(texts(&mut one), ["back"]);
}

#[test]
fn an_end_comes_after_the_last_message_however_late_that_is_read() {
    let (_region, mut ranks) = region(3);
    let (last, first) = (ranks.pop().expect("three"), ranks.remove(0));
    let mut one = join(&first);
    let mut two = join(&ranks[0]);
    let mut three = join(&last);
    for _ in 0..700 {
        two.broadcast(b"x").expect("room");
        three.broadcast(b"x").expect("room");
    }
    std::mem::forget(three);
    drop(last);
    // It looks for ends in the middle of all these messages.
    std::thread::sleep(10 * SHORT);
    let told = events(&mut one);
    let is_of_it = |event: &Event| matches!(event, Event::Message(message) if message.id().rank == 2);
    assert_eq!(told.iter().filter(|event| is_of_it(event)).count(), 700);
    let end = told.iter().position(|event| *event == Event::Left { rank: 2, epoch: 1 });
    assert!(end.is_none_or(|end| !told[end..].iter().any(is_of_it)));
    if end.is_none() {
        assert_eq!(next_end(&mut one), Event::Left { rank: 2, epoch: 1 });
    }
}

#[test]
fn a_life_that_is_replaced_before_anybody_looked_has_ended() {
    let (region, mut ranks) = region(2);
    let me = ranks.remove(0);
    let mut one = join(&me);
    let mut two = join(&ranks[0]);
    two.broadcast(b"old").expect("room");
    // It ends without a word, as if it were killed.
    std::mem::forget(two);
    drop(ranks.remove(0));
    let other = region.join(1).expect("a free rank");
    let mut two = join(&other);
    two.broadcast(b"new").expect("room");
    let told = events(&mut one);
    assert!(matches!(&told[1], Event::Message(message) if message.bytes() == b"old"), "{told:?}");
    assert_eq!(told[2..4], [Event::Died { rank: 1, epoch: 1 }, Event::Joined { rank: 1, epoch: 2 }]);
    assert!(matches!(&told[4], Event::Message(message) if message.bytes() == b"new"));
}

#[test]
fn the_sender_waits_for_one_that_does_not_read_and_says_so() {
    let (_region, ranks) = region(3);
    let (mut one, mut two, mut three) = (join(&ranks[0]), join(&ranks[1]), join(&ranks[2]));
    let mut sent = 0;
    let error = loop {
        match one.broadcast_within(&[7; 100], SHORT) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
        texts(&mut two);
    };
    assert_eq!(error, CausalError::Behind { rank: 2 });
    assert!((700..=1024).contains(&sent), "{sent}");
    // Nothing was sent by that: the others have all that was sent before, and then the next.
    let heard = events(&mut three).iter().filter(|event| matches!(event, Event::Message(_))).count();
    assert_eq!(heard, sent);
    one.broadcast_within(b"goes on", GUARD).expect("room");
    assert_eq!(texts(&mut two).last().map(String::as_str), Some("goes on"));
    assert_eq!(texts(&mut three), ["goes on"]);
}

#[test]
fn one_that_reads_its_own_topic_beside_the_group_does_not_wait_for_itself() {
    let (_region, ranks) = region(2);
    let mut one = join(&ranks[0]);
    let topic = ranks[0].region().topic(&GROUP.topic(0)).expect("it is there");
    let _own = topic.subscriber(&ranks[0], Policy::every()).expect("another one than the member's");
    let error = loop {
        if let Err(error) = one.broadcast(b"more") {
            break error;
        }
    };
    assert_eq!(error, CausalError::Behind { rank: 0 });
}

#[test]
fn what_was_received_and_not_told_is_no_cause() {
    let (_region, ranks) = region(2);
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    events(&mut one);
    let untold = two.broadcast(b"untold").expect("room");
    // It is received while this waits for room, for the other may wait for that.
    while one.broadcast_within(b"more", SHORT).is_ok() {}
    events(&mut two);
    let sent = one.broadcast(b"not after that").expect("room");
    assert!(!one.clock().knows(untold));
    assert_eq!(texts(&mut one), ["untold"]);
    let after = one.broadcast(b"after that").expect("room");
    let told: Vec<_> = events(&mut two);
    let [Event::Message(first), Event::Message(second)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((first.id(), second.id()), (sent, after));
    assert!(!first.is_after(untold) && second.is_after(untold));
}

#[test]
fn one_that_finds_no_room_to_join_says_so_and_leaves_no_trace() {
    let (_region, ranks) = region(3);
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    let full = loop {
        if let Err(error) = two.broadcast_within(b"more", SHORT) {
            break error;
        }
    };
    assert_eq!(full, CausalError::Behind { rank: 0 });
    // Not even its last word finds room.
    drop(two);
    let behind = Member::join_within(&ranks[1], &GROUP, SHORT).err();
    assert_eq!(behind, Some(CausalError::Behind { rank: 0 }));
    // All that was sent, and then one end, which is seen: nothing else.
    let mut told = events(&mut one);
    if !told.contains(&Event::Left { rank: 1, epoch: 1 }) {
        told.push(next_end(&mut one));
    }
    assert_eq!(told.first(), Some(&Event::Joined { rank: 1, epoch: 1 }));
    assert_eq!(told.pop(), Some(Event::Left { rank: 1, epoch: 1 }));
    assert!(told.iter().skip(1).all(|event| matches!(event, Event::Message(_))));
    let two = join(&ranks[1]);
    assert_eq!(events(&mut one), [Event::Joined { rank: 1, epoch: 1 }]);
    drop(two);
    assert_eq!(events(&mut one), [Event::Left { rank: 1, epoch: 1 }]);
}

#[test]
fn two_that_only_send_do_not_wait_for_each_other_for_ever() {
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let is_message = |event: &Event| matches!(event, Event::Message(_));
    let talk = |rank| {
        let me = region.join(rank).expect("a free rank");
        let mut member = join(&me);
        region.wait_for(1 - rank, GUARD).expect("the other comes");
        while member.next_event_within(GUARD).expect("sound")
            != Some(Event::Joined { rank: 1 - rank, epoch: 1 })
        {}
        let (mut sent, mut heard, mut crowded) = (0, 0, 0);
        // Nobody receives before it must.
        while sent < 20_000 {
            match member.broadcast_within(b"talk", GUARD) {
                Ok(_) => sent += 1,
                Err(CausalError::Crowded { unread, .. }) => {
                    assert!(unread >= 1024, "{unread}");
                    crowded += 1;
                    heard += events(&mut member).iter().filter(|event| is_message(event)).count();
                }
                Err(error) => panic!("{error}"),
            }
        }
        while heard < 20_000 {
            let event = member.next_event_within(GUARD).expect("sound").expect("more comes");
            heard += usize::from(is_message(&event));
        }
        crowded
    };
    let crowded = std::thread::scope(|scope| {
        let talk = &talk;
        let both = [0, 1].map(|rank| scope.spawn(move || talk(rank)));
        both.map(|one| one.join().expect("no panic")).iter().sum::<u32>()
    });
    assert!(crowded > 0, "neither has filled what it may receive meanwhile");
}

#[test]
fn wrong_calls_are_errors() {
    let (region, ranks) = region(3);
    let narrow = Group::named("narrow", 1..9);
    assert_eq!(Member::join(&ranks[0], &narrow).err(), Some(CausalError::NoMember { rank: 0, ranks: 1..3 }));
    let mut member = join(&ranks[1]);
    let taken = Member::join(&ranks[1], &GROUP).err();
    assert_eq!(taken, Some(CausalError::Taken { topic: "group.1".into(), rank: 1 }));
    let limit = member.limit();
    let mut other = join(&ranks[2]);
    assert!(member.broadcast(&vec![b'x'; limit]).is_ok());
    assert_eq!(texts(&mut other), ["x".repeat(limit)]);
    let error = CausalError::TooLong { len: limit + 1, limit };
    assert_eq!(member.broadcast(&vec![0; limit + 1]), Err(error));
    let nameless = Group::named("n".repeat(63), 0..2);
    assert!(matches!(Member::join(&ranks[0], &nameless), Err(CausalError::Topic { .. })));
    assert_eq!(events(&mut member), [Event::Joined { rank: 2, epoch: 1 }]);
    assert_eq!(member.next_event_within(SHORT), Ok(None));
    drop(region);
}

#[test]
fn a_region_that_has_no_room_for_the_group_is_told() {
    let group = Group::new("group", 0..5);
    let try_join = |config: Config| {
        let region = Region::create_unnamed(config).expect("memory");
        let me = region.join(0).expect("a free rank");
        Member::join(&me, &group).map(drop)
    };
    let error = try_join(Config::ranks(5).topics(4));
    let topic = "group.4".to_string();
    assert_eq!(error, Err(CausalError::Topic { topic, error: FindTopicError::TooMany { topics: 4 }.into() }));
    // Not even a clock fits beside a number, and there are no payloads.
    let error = try_join(Config::ranks(5).stream(0));
    let topic = "group.0".to_string();
    let misfit = PublishError::Misfit { len: 56, capacity: 48 }.into();
    assert_eq!(error, Err(CausalError::Topic { topic, error: misfit }));
}

#[test]
fn one_that_can_only_be_alone_waits_as_long_as_it_is_told() {
    let (_region, ranks) = region(1);
    let mut alone = join(&ranks[0]);
    assert!(alone.broadcast(b"hello").is_ok());
    let begun = Instant::now();
    assert_eq!(alone.next_event_within(SHORT), Ok(None));
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(alone.next_event_within(Deadline::Now), Ok(None));
    assert_eq!(alone.next_event(), Err(CausalError::Select(SelectError::Empty)));
}
