//! Members that lie. Each test writes into the topic of a member what no member writes.

use kit::Dice;
use mailbox::{Config, Endpoint, Publisher, PublisherError, Region};
use mailbox_patterns::causal::{CausalError, Event, Group, History, Id, Lie, Member, Step, agree, check};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const GROUP: Group = Group::new("group", 0..3);
const HELLO: u16 = 0xCA01;
const MESSAGE: u16 = 0xCA02;
const BYE: u16 = 0xCA03;

fn region() -> (Region, Vec<Endpoint>) {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let ranks = (0..3).map(|rank| region.join(rank).expect("a free rank")).collect();
    (region, ranks)
}

fn join(me: &Endpoint) -> Member<'_> {
    Member::join(me, &GROUP).expect("it is none yet")
}

/// One that says what it likes.
struct Liar<'a> {
    rank: u32,
    epoch: u64,
    publisher: Publisher<'a>,
}

impl<'a> Liar<'a> {
    /// In the topic of a rank.
    fn in_topic_of(me: &'a Endpoint, rank: u32) -> Self {
        let topic = me.region().topic(&GROUP.topic(rank)).expect("room");
        Self { rank, epoch: me.epoch(), publisher: topic.publisher(me).expect("free") }
    }

    fn begin(me: &'a Endpoint) -> Self {
        Self::in_topic_of(me, me.rank())
    }

    /// The number of its next message.
    fn number(&self) -> u64 {
        self.publisher.published()
    }

    fn publish(&mut self, bytes: &[u8]) -> Id {
        let number = self.number();
        self.publisher.publish(bytes).expect("room");
        Id { rank: self.rank, number }
    }

    /// In the form of a member's message, with this clock; its own entry is right.
    fn say(&mut self, kind: u16, mut clock: [u64; 3]) -> Id {
        clock[self.rank as usize] = self.number();
        self.publish(&frame(kind, self.rank, self.epoch, &clock))
    }
}

fn frame(kind: u16, rank: u32, epoch: u64, clock: &[u64]) -> Vec<u8> {
    let entries = clock.len() as u16;
    let mut bytes = [kind.to_ne_bytes(), entries.to_ne_bytes()].concat();
    bytes.extend(rank.to_ne_bytes());
    bytes.extend(epoch.to_ne_bytes());
    clock.iter().for_each(|count| bytes.extend(count.to_ne_bytes()));
    bytes.extend(b"lie");
    bytes
}

fn events(member: &mut Member<'_>) -> Vec<Event> {
    std::iter::from_fn(|| member.try_next_event().expect("sound")).collect()
}

fn lies(events: &[Event]) -> Vec<(Id, u64, Lie)> {
    let lie = |event: &Event| match event {
        Event::Lied { id, epoch, lie } => Some((*id, *epoch, *lie)),
        _ => None,
    };
    events.iter().filter_map(lie).collect()
}

fn messages(events: &[Event]) -> Vec<Id> {
    let message = |event: &Event| match event {
        Event::Message(message) => Some(message.id()),
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

/// Two members, and one that lies once after a message that is right. Both are told the same of it, none of its later messages, and
/// all of each other. The next life of its rank is a member.
#[track_caller]
fn is_told(lie: impl Fn(&mut Liar<'_>) -> Id, expected: impl Fn(Id) -> Lie) {
    let (region, mut ranks) = region();
    let [first, second, last] = [ranks.remove(0), ranks.remove(0), ranks.remove(0)];
    let (mut one, mut two) = (join(&first), join(&second));
    let mut histories = [History::of(&one), History::of(&two)];
    let mut liar = Liar::begin(&last);
    liar.say(HELLO, [1, 1, 0]);
    let truth = liar.say(MESSAGE, [1, 1, 0]);
    let at = lie(&mut liar);
    let later = [liar.say(MESSAGE, [1, 1, 0]), liar.say(BYE, [1, 1, 0]), liar.say(HELLO, [1, 1, 0])];
    let told = [events(&mut one), events(&mut two)];
    for (history, told) in histories.iter_mut().zip(&told) {
        assert_eq!(lies(told), [(at, 1, expected(at))]);
        assert_eq!(messages(told), [truth], "and none of {later:?}");
        told.iter().for_each(|event| history.told(event));
    }
    // The others go on.
    for _ in 0..3 {
        for at in [0, 1] {
            let (member, history) = if at == 0 { (&mut one, 0) } else { (&mut two, 1) };
            histories[history].sent(member.broadcast(b"go on").expect("room"));
            let (other, history) = if at == 0 { (&mut two, 1) } else { (&mut one, 0) };
            let told = events(other);
            assert_eq!((messages(&told).len(), lies(&told).len()), (1, 0));
            told.iter().for_each(|event| histories[history].told(event));
        }
    }
    drop(liar);
    drop(last);
    let last = region.join(2).expect("a free rank");
    let mut three = join(&last);
    let id = three.broadcast(b"another").expect("room");
    for member in [&mut one, &mut two] {
        let told = events(member);
        assert_eq!(told[0], Event::Joined { rank: 2, epoch: 2 });
        assert_eq!(messages(&told), [id]);
    }
    let mut of_liar = History::of(&three);
    of_liar.start.set(2, 0);
    of_liar.steps = vec![Step::Sent(truth)];
    let all = [histories[0].clone(), histories[1].clone(), of_liar];
    assert_eq!(check(&all), Ok(()));
    assert_eq!(agree(&histories), Ok(()));
}

#[test]
fn one_that_knows_what_was_not_sent_is_told() {
    is_told(|liar| liar.say(MESSAGE, [1, 9, 0]), |_| Lie::Ahead { of: 1, says: 9, sent: 1 });
}

#[test]
fn one_whose_own_entry_jumps_is_told() {
    let jump = |liar: &mut Liar<'_>| {
        let number = liar.number();
        liar.publish(&frame(MESSAGE, 2, 1, &[1, 1, number + 5]))
    };
    is_told(jump, |id| Lie::Own { says: id.number + 5, number: id.number });
}

#[test]
fn one_whose_clock_goes_back_is_told() {
    is_told(|liar| liar.say(MESSAGE, [0, 1, 0]), |_| Lie::Back { of: 0, says: 0, knew: 1 });
}

#[test]
fn one_that_speaks_as_another_rank_is_told() {
    let as_another = |liar: &mut Liar<'_>| {
        let number = liar.number();
        liar.publish(&frame(MESSAGE, 1, 1, &[1, 1, number]))
    };
    is_told(as_another, |_| Lie::Owner { says: 1 });
}

#[test]
fn one_that_claims_another_life_is_told() {
    for (kind, says) in [(MESSAGE, 0), (MESSAGE, 2), (HELLO, 2), (HELLO, 0), (HELLO, u64::MAX)] {
        let claim = |liar: &mut Liar<'_>| {
            let number = liar.number();
            liar.publish(&frame(kind, 2, says, &[1, 1, number]))
        };
        is_told(claim, |_| Lie::Epoch { says });
    }
}

#[test]
fn one_whose_clock_has_a_wrong_length_is_told() {
    for entries in [0, 2, 4, 1000] {
        let wrong = |liar: &mut Liar<'_>| liar.publish(&frame(MESSAGE, 2, 1, &vec![1; entries]));
        is_told(wrong, |_| Lie::Length { entries, expected: 3 });
    }
}

#[test]
fn garbage_is_told() {
    let whole = frame(MESSAGE, 2, 1, &[1, 1, 2]);
    for garbage in [&[][..], b"x", &[0xFF; 100], &[0; 5000], &whole[..15], &whole[..39]] {
        is_told(|liar| liar.publish(garbage), |_| Lie::Garbage);
    }
}

#[test]
fn one_that_speaks_after_it_has_left_is_told_and_may_join_again() {
    let (_region, ranks) = region();
    let mut one = join(&ranks[0]);
    let mut liar = Liar::begin(&ranks[2]);
    liar.say(HELLO, [1, 0, 0]);
    liar.say(BYE, [1, 0, 0]);
    let lie = liar.say(MESSAGE, [1, 0, 0]);
    liar.say(MESSAGE, [1, 0, 0]);
    liar.say(BYE, [1, 0, 0]);
    let told = events(&mut one);
    let expected = [
        Event::Joined { rank: 2, epoch: 1 },
        Event::Left { rank: 2, epoch: 1 },
        Event::Lied { id: lie, epoch: 1, lie: Lie::Absent },
    ];
    assert_eq!(told, expected);
    drop(liar);
    let mut two = join(&ranks[2]);
    let id = two.broadcast(b"properly").expect("room");
    let told = events(&mut one);
    assert_eq!((&told[0], messages(&told)), (&Event::Joined { rank: 2, epoch: 1 }, vec![id]));
}

#[test]
fn one_that_others_speak_for_before_it_joins_does_not_suffer_for_it() {
    let (_region, ranks) = region();
    let mut one = join(&ranks[0]);
    let before = {
        let mut liar = Liar::in_topic_of(&ranks[1], 2);
        let number = liar.number();
        liar.publish(&frame(HELLO, 2, 1, &[1, 0, number + 1]))
    };
    let expected = Event::Lied { id: before, epoch: 1, lie: Lie::Own { says: 1, number: 0 } };
    assert_eq!(events(&mut one), [expected]);
    // Garbage is the last word when the next one joins, and when the rank itself does.
    Liar::in_topic_of(&ranks[1], 2).publish(b"garbage");
    let mut two = join(&ranks[1]);
    let mut three = join(&ranks[2]);
    let id = three.broadcast(b"here I am").expect("room");
    for member in [&mut one, &mut two] {
        let told = events(member);
        assert!(told.contains(&Event::Joined { rank: 2, epoch: 1 }), "{told:?}");
        assert_eq!(messages(&told), [id]);
    }
}

#[test]
fn one_that_speaks_in_the_name_of_another_is_told() {
    let (_region, ranks) = region();
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    // Rank 2 was joined, and is no member.
    let mut liar = Liar::in_topic_of(&ranks[0], 2);
    let id = liar.say(HELLO, [1, 1, 0]);
    liar.say(MESSAGE, [1, 1, 0]);
    for member in [&mut one, &mut two] {
        let told = events(member);
        assert_eq!(lies(&told), [(id, 1, Lie::Publisher { by: 0 })]);
        assert_eq!(messages(&told), []);
    }
}

#[test]
fn a_dependence_on_one_that_is_left_out_holds_nobody_up() {
    let (_region, ranks) = region();
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    let mut histories = vec![History::of(&one), History::of(&two)];
    let mut liar = Liar::begin(&ranks[2]);
    liar.say(HELLO, [1, 1, 0]);
    // It knows a message of the second that is not there yet. To the first this is a lie.
    let lie = liar.say(MESSAGE, [1, 2, 0]);
    let told = events(&mut one);
    assert_eq!(lies(&told), [(lie, 1, Lie::Ahead { of: 1, says: 2, sent: 1 })]);
    told.iter().for_each(|event| histories[0].told(event));
    // When the second looks, it has sent that message, and cannot know that it came later.
    histories[1].sent(two.broadcast(b"2").expect("room"));
    let told = events(&mut two);
    assert_eq!((messages(&told), lies(&told).len()), (vec![lie], 0));
    told.iter().for_each(|event| histories[1].told(event));
    // What it sends now is after a message that the first leaves out.
    let effect = two.broadcast(b"3").expect("room");
    histories[1].sent(effect);
    let told = events(&mut one);
    assert_eq!(messages(&told).last(), Some(&effect));
    told.iter().for_each(|event| histories[0].told(event));
    histories.push(History { rank: 2, start: histories[0].start.clone(), steps: vec![Step::Sent(lie)] });
    assert_eq!(check(&histories), Ok(()));
}

#[test]
fn those_that_know_each_other_in_a_circle_are_told() {
    let (_region, ranks) = region();
    let mut one = join(&ranks[0]);
    let (mut two, mut three) = (Liar::begin(&ranks[1]), Liar::begin(&ranks[2]));
    two.say(HELLO, [1, 0, 0]);
    three.say(HELLO, [1, 0, 0]);
    // Each says that it knows a later message of the other.
    let first = two.say(MESSAGE, [1, 0, 3]);
    let second = three.say(MESSAGE, [1, 3, 0]);
    two.say(MESSAGE, [1, 0, 3]);
    three.say(MESSAGE, [1, 3, 0]);
    let told = events(&mut one);
    let expected = [(first, 1, Lie::Circle { with: 2 }), (second, 1, Lie::Circle { with: 1 })];
    assert_eq!(lies(&told), expected);
    assert_eq!(messages(&told), []);
}

#[test]
fn one_that_knows_the_next_life_of_a_liar_is_not_taken_for_one() {
    // The lie is beyond what was ever sent, or just what one that reads late finds.
    for says in [u64::MAX, 2] {
        let (_region, ranks) = region();
        let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
        let mut liar = Liar::begin(&ranks[2]);
        liar.say(HELLO, [1, 1, 0]);
        liar.say(BYE, [1, 1, 0]);
        let lie = liar.say(HELLO, [1, says, 0]);
        liar.say(HELLO, [1, 1, 0]);
        // This one reads at once, leaves the lie out, and knows what came behind it.
        let told = events(&mut two);
        assert_eq!(lies(&told), [(lie, 1, Lie::Ahead { of: 1, says, sent: 1 })]);
        let honest = two.broadcast(b"honest").expect("room");
        // This one reads late.
        let told = events(&mut one);
        let expected = match says {
            2 => Lie::Circle { with: 1 },
            _ => Lie::Ahead { of: 1, says, sent: 2 },
        };
        assert_eq!(lies(&told), [(lie, 1, expected)]);
        assert_eq!(messages(&told), [honest]);
    }
}

#[test]
fn one_that_has_joined_since_is_not_taken_for_a_liar() {
    let (_region, ranks) = region();
    let mut one = join(&ranks[0]);
    let mut liar = Liar::begin(&ranks[1]);
    liar.say(HELLO, [1, 0, 0]);
    // It knows messages of one that has not joined yet.
    let lie = liar.say(MESSAGE, [1, 0, 2]);
    let mut three = join(&ranks[2]);
    let honest = three.broadcast(b"honest").expect("room");
    let told = events(&mut one);
    assert_eq!(lies(&told), [(lie, 1, Lie::Circle { with: 2 })]);
    assert_eq!(messages(&told), [honest]);
}

#[test]
fn a_flood_of_one_that_is_left_out_ends_no_call() {
    let (_region, ranks) = region();
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    let mut liar = Liar::begin(&ranks[2]);
    liar.say(HELLO, [1, 1, 0]);
    let id = liar.publish(b"garbage");
    let mut flood = || while liar.publisher.publish_within(b"more", mailbox::Deadline::Now).is_ok() {};
    flood();
    let told = events(&mut one);
    assert_eq!(lies(&told).len(), 1);
    assert_eq!(lies(&told)[0].0, id);
    for round in 0..20 {
        let sent = two.broadcast(b"x").expect("room");
        // It passes over some of the flood in each call, and the second reads it, too.
        let heard = (0..8).flat_map(|_| events(&mut one)).collect::<Vec<_>>();
        assert_eq!(messages(&heard), [sent], "{round}");
        (0..8).for_each(|_| _ = events(&mut two));
        flood();
    }
}

#[test]
fn a_rank_that_was_joined_again_and_lies_is_told_as_that_life() {
    let (region, mut ranks) = region();
    let last = ranks.remove(2);
    let mut one = join(&ranks[0]);
    let mut liar = Liar::begin(&last);
    liar.say(HELLO, [1, 0, 0]);
    drop(liar);
    drop(last);
    let last = region.join(2).expect("a free rank");
    let mut liar = Liar::begin(&last);
    let number = liar.number();
    let id = liar.publish(&frame(HELLO, 2, 2, &[1, 0, number + 1]));
    let told = events(&mut one);
    let expected = [
        Event::Joined { rank: 2, epoch: 1 },
        Event::Died { rank: 2, epoch: 1 },
        Event::Lied { id, epoch: 2, lie: Lie::Own { says: number + 1, number } },
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_topic_that_is_no_stream_keeps_its_own_rank_out_and_nobody_else() {
    let (_region, ranks) = region();
    let mut one = join(&ranks[0]);
    {
        let topic = ranks[2].region().topic(&GROUP.topic(2)).expect("room");
        let mut latest = topic.publish_latest(&ranks[2], 8).expect("free");
        latest.publish(b"a price").expect("room");
    }
    let mut two = join(&ranks[1]);
    let id = Id { rank: 2, number: 0 };
    let expected = [Event::Joined { rank: 0, epoch: 1 }, Event::Lied { id, epoch: 1, lie: Lie::NoStream }];
    assert_eq!(events(&mut two), expected);
    let (first, second) = (one.broadcast(b"1").expect("room"), two.broadcast(b"2").expect("room"));
    assert_eq!(messages(&events(&mut one)), [second]);
    assert_eq!(messages(&events(&mut two)), [first]);
    let error = Member::join(&ranks[2], &GROUP).err();
    let other_kind = PublisherError::OtherKind { is_stream: false }.into();
    assert_eq!(error, Some(CausalError::Topic { topic: GROUP.topic(2), error: other_kind }));
}

#[test]
fn a_stream_whose_words_are_garbage_is_left_out() {
    let path = kit::Name::file();
    let region = Region::create(Path::new(&*path), Config::ranks(3).topics(3)).expect("disk");
    let ranks: Vec<_> = (0..3).map(|rank| region.join(rank).expect("a free rank")).collect();
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    let mut liar = Liar::begin(&ranks[2]);
    liar.say(HELLO, [1, 1, 0]);
    let payload = [b'?'; 48];
    (0..500).for_each(|_| _ = liar.publish(&payload));
    // A cell is a stamp, a word, and the payload. The stamps are of messages that are far away.
    let file = File::options().read(true).write(true).open(path.path()).expect("a file");
    let mut bytes = vec![0; file.metadata().expect("a file").len() as usize];
    file.read_exact_at(&mut bytes, 0).expect("a file");
    let cells = bytes.as_chunks::<64>().0.iter().enumerate().filter(|(_, cell)| cell[16..] == payload);
    let stamp = (u64::MAX / 2).to_ne_bytes();
    let garbled = cells.map(|(at, _)| file.write_all_at(&stamp, 64 * at as u64).expect("a file")).count();
    assert_eq!(garbled, 500);
    for round in 0..3 {
        let (first, second) = (one.broadcast(b"1").expect("room"), two.broadcast(b"2").expect("room"));
        for (member, other) in [(&mut one, second), (&mut two, first)] {
            let told: Vec<_> = (0..8).flat_map(|_| events(member)).collect();
            assert!(messages(&told).contains(&other), "{told:?}");
            let lies: Vec<_> = lies(&told).iter().map(|(_, _, lie)| *lie).collect();
            assert_eq!(lies, if round == 0 { vec![Lie::Garbage] } else { vec![] });
        }
    }
}

/// Mostly what is right.
fn near(random: &mut Dice, right: u64) -> u64 {
    match random.below(24) {
        0 => right.wrapping_add(1),
        1 => right.wrapping_sub(1),
        2 => u64::MAX - random.below(2),
        3 => 0,
        _ => right,
    }
}

/// A message that may be right, or nearly so.
fn random_frame(random: &mut Dice, epoch: u64, [one, two, number]: [u64; 3]) -> Vec<u8> {
    let kind = [HELLO, MESSAGE, MESSAGE, MESSAGE, MESSAGE, BYE, 0][random.below(7) as usize];
    let clock = [one, two, number].map(|right| near(random, right));
    let mut bytes = frame(kind, near(random, 2) as u32, near(random, epoch), &clock);
    match random.below(24) {
        0 => bytes.truncate(random.below(50) as usize),
        1 => {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        _ => {}
    }
    bytes
}

#[test]
fn random_lies_harm_nobody() {
    let (region, mut ranks) = region();
    drop(ranks.pop());
    let (mut one, mut two) = (join(&ranks[0]), join(&ranks[1]));
    let mut histories = vec![History::of(&one), History::of(&two)];
    let mut found = 0;
    for seed in 1..=8 {
        let mut random = Dice(815 * seed);
        for round in 0..300 {
            let last = region.join(2).expect("a free rank");
            let mut liar = Liar::begin(&last);
            liar.say(HELLO, [one.clock().of(0), two.clock().of(1), 0]);
            for _ in 0..random.below(12) {
                let knows = [one.clock().of(0), two.clock().of(1), liar.number()];
                let bytes = random_frame(&mut random, last.epoch(), knows);
                liar.publish(&bytes);
                // Some lies are read at once, some later.
                if random.below(3) == 0 {
                    let (member, history) = if random.below(2) == 0 { (&mut one, 0) } else { (&mut two, 1) };
                    let told = events(member);
                    found += lies(&told).len();
                    told.iter().for_each(|event| histories[history].told(event));
                    histories[history].sent(member.broadcast(b"in between").expect("room"));
                }
            }
            // All are heard at both, whatever the third said.
            for (speaker, hearer) in [(0, 1), (1, 0)] {
                let (by, to) = if speaker == 0 { (&mut one, &mut two) } else { (&mut two, &mut one) };
                let sent = by.broadcast(b"heard").expect("room");
                histories[speaker].sent(sent);
                let told = events(to);
                assert!(messages(&told).contains(&sent), "{round}: {told:?}");
                found += lies(&told).len();
                told.iter().for_each(|event| histories[hearer].told(event));
            }
        }
    }
    assert!(found > 1000, "{found}");
    // What was believed of the third was sent by it, without a cause.
    let delivered = histories.iter().flat_map(|history| &history.steps);
    let believed: BTreeSet<Id> = delivered
        .filter_map(|step| match step {
            Step::Delivered(id) if id.rank == 2 => Some(*id),
            _ => None,
        })
        .collect();
    assert!(believed.len() > 300, "{}", believed.len());
    let steps = believed.into_iter().map(Step::Sent).collect();
    histories.push(History { rank: 2, start: histories[0].start.clone(), steps });
    assert_eq!(check(&histories), Ok(()));
}
