//! What a shard does with processes that end, lie, or stop between two steps.

use super::message::{Answer, Asked, MOST_REQUEST, Note, Request, Verb, Wanted};
use super::{Field, Limits, Shard, Space, Template, Tuple, any, code};
use mailbox::{Call, CallError, Config, Deadline, End, Endpoint, Region};
use proptest::collection::vec;
use proptest::prelude::*;

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks)).expect("memory")
}

fn shard(me: &Endpoint, limits: Limits) -> Shard<'_> {
    Shard::begin(me, 0..1, limits).expect("one of the shards")
}

fn tuple(tuple: impl Into<Tuple>) -> Vec<u8> {
    let mut bytes = vec![];
    code::put_tuple(&mut bytes, &tuple.into()).expect("a good number of fields");
    bytes
}

fn template(template: impl Into<Template>) -> Vec<u8> {
    let mut bytes = vec![];
    code::put_template(&mut bytes, &template.into()).expect("a good number of fields");
    bytes
}

/// A process that does each step by hand.
struct Hand<'a> {
    me: &'a Endpoint,
    number: u64,
}

impl<'a> Hand<'a> {
    fn new(me: &'a Endpoint) -> Self {
        Self { me, number: 0 }
    }

    fn start(&mut self, request: Request<'_>) -> Call<'a> {
        self.number += 1;
        let asked = Asked { shards: 1, epoch: 0, number: self.number, request };
        self.me.to(0).start_call(&asked.encode()).expect("room")
    }

    fn put(&mut self, values: impl Into<Tuple>) -> Call<'a> {
        self.start(Request::Put { function: None, tuple: &tuple(values) })
    }

    fn find(&mut self, verb: Verb, waits: bool, fields: impl Into<Template>) -> Call<'a> {
        self.start(Request::Find { verb, waits, wanted: Wanted::Matching(&template(fields)) })
    }

    fn note(&self, note: Note, number: u64) {
        self.me.send(0, &note.encode(self.me.region().status(0).expect("a rank").1, number)).expect("room");
    }
}

fn serve(shard: &mut Shard<'_>) {
    // A death is asked for every 64th time.
    (0..200).for_each(|_| shard.serve_within(Deadline::Now).expect("it works"));
}

#[track_caller]
fn answered(shard: &mut Shard<'_>, call: &Call<'_>) -> Vec<u8> {
    serve(shard);
    call.try_wait().expect("an answer").expect("now").into_vec()
}

#[track_caller]
fn expect(shard: &mut Shard<'_>, call: &Call<'_>, answer: Answer<'_>) {
    let bytes = answered(shard, call);
    assert_eq!(Answer::decode(&bytes).map(|(answer, _)| answer), Some(answer));
}

fn found(bytes: &[u8]) -> Answer<'_> {
    Answer::Found { returns: 0, tuple: bytes }
}

fn anything() -> (Field,) {
    (any::<i64>(),)
}

#[test]
fn a_tuple_that_a_dead_process_has_not_received_is_there_again() {
    let region = region(3);
    let [server, one, other] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    let (mut shard, mut other) = (shard(&server, Limits::default()), Hand::new(&other));
    let seven = tuple((7,));
    let put = other.put((7,));
    expect(&mut shard, &put, Answer::Done);
    let mut hand = Hand::new(&one);
    let taken = hand.find(Verb::Take, false, anything());
    expect(&mut shard, &taken, found(&seven));
    // It is not there while it may have been received.
    let none = other.find(Verb::Read, false, anything());
    expect(&mut shard, &none, Answer::None);
    let waits = other.find(Verb::Take, true, anything());
    serve(&mut shard);
    drop(taken);
    one.abandon();
    expect(&mut shard, &waits, found(&seven));
}

#[test]
fn a_tuple_that_a_dead_process_has_received_is_gone() {
    let region = region(3);
    let [server, one, other] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    let (mut shard, mut other) = (shard(&server, Limits::default()), Hand::new(&other));
    let put = other.put((7,));
    expect(&mut shard, &put, Answer::Done);
    let mut hand = Hand::new(&one);
    let taken = hand.find(Verb::Take, false, anything());
    expect(&mut shard, &taken, found(&tuple((7,))));
    hand.note(Note::Received, 1);
    drop(taken);
    one.abandon();
    serve(&mut shard);
    let none = other.find(Verb::Take, false, anything());
    expect(&mut shard, &none, Answer::None);
}

#[test]
fn what_is_said_to_another_life_of_the_shard_changes_nothing() {
    let region = region(3);
    let [server, one, two] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    let mut shard = shard(&server, Limits::default());
    let (mut hand, mut other) = (Hand::new(&one), Hand::new(&two));
    let put = other.put((7,));
    expect(&mut shard, &put, Answer::Done);
    let taken = hand.find(Verb::Take, false, anything());
    expect(&mut shard, &taken, found(&tuple((7,))));
    for life in [0, 2] {
        one.send(0, &Note::Received.encode(life, 1)).expect("room");
    }
    one.send(0, &Note::GivenUp.encode(2, 1)).expect("room");
    serve(&mut shard);
    let none = other.find(Verb::Read, false, anything());
    expect(&mut shard, &none, Answer::None);
    // One that has had no answer yet does not know the life.
    one.send(0, &Note::GivenUp.encode(0, 1)).expect("room");
    serve(&mut shard);
    let back = other.find(Verb::Read, false, anything());
    expect(&mut shard, &back, found(&tuple((7,))));
}

#[test]
fn a_process_that_asks_for_something_else_has_not_received_the_tuple() {
    let region = region(2);
    let [server, one] = [0, 1].map(|rank| region.join(rank).expect("free"));
    let (mut shard, mut hand) = (shard(&server, Limits::default()), Hand::new(&one));
    let seven = tuple((7,));
    let put = hand.put((7,));
    expect(&mut shard, &put, Answer::Done);
    for _ in 0..3 {
        let taken = hand.find(Verb::Take, false, anything());
        expect(&mut shard, &taken, found(&seven));
    }
    hand.note(Note::Received, hand.number);
    // What is said of an earlier request, or twice, changes nothing.
    hand.note(Note::GivenUp, hand.number);
    hand.note(Note::Received, hand.number - 1);
    let none = hand.find(Verb::Take, false, anything());
    expect(&mut shard, &none, Answer::None);
}

#[test]
fn a_request_that_was_given_up_before_it_came_is_not_carried_out() {
    let region = region(2);
    let [server, one] = [0, 1].map(|rank| region.join(rank).expect("free"));
    let (mut shard, mut hand) = (shard(&server, Limits::default()), Hand::new(&one));
    hand.note(Note::GivenUp, 1);
    serve(&mut shard);
    let put = hand.put((7,));
    serve(&mut shard);
    let dropped = CallError::Unanswered { rank: 0, end: End::Dropped };
    assert_eq!(put.try_wait().map(|_| ()), Err(dropped));
    let none = hand.find(Verb::Read, false, anything());
    expect(&mut shard, &none, Answer::None);
}

#[test]
fn what_waits_is_given_up_with_its_number_only() {
    let region = region(3);
    let [server, one, two] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    let mut shard = shard(&server, Limits::default());
    let (mut hand, mut other) = (Hand::new(&one), Hand::new(&two));
    let _first = hand.find(Verb::Take, true, anything());
    let second = hand.find(Verb::Take, true, anything());
    serve(&mut shard);
    hand.note(Note::GivenUp, 1);
    let put = other.put((7,));
    expect(&mut shard, &put, Answer::Done);
    expect(&mut shard, &second, found(&tuple((7,))));
    // It was under way to it when it was given up.
    hand.note(Note::GivenUp, 2);
    serve(&mut shard);
    let again = other.find(Verb::Take, false, anything());
    expect(&mut shard, &again, found(&tuple((7,))));
}

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    let region = region(6);
    let server = region.join(0).expect("free");
    let mut shard = shard(&server, Limits::default());
    let all: Vec<_> = (1..6).map(|rank| region.join(rank).expect("free")).collect();
    let mut hands: Vec<_> = all.iter().map(Hand::new).collect();
    let verbs = [Verb::Watch, Verb::Take, Verb::Read, Verb::Take];
    // Not in the order of their ranks.
    let mut calls: Vec<_> = [3, 1, 2, 0]
        .into_iter()
        .zip(verbs)
        .map(|(hand, verb)| {
            let call = hands[hand].find(verb, true, anything());
            serve(&mut shard);
            call
        })
        .collect();
    let (one, two) = (tuple((1,)), tuple((2,)));
    let put = hands[4].put((1,));
    expect(&mut shard, &put, Answer::Done);
    expect(&mut shard, &calls[1], found(&one));
    assert!([0, 2, 3].iter().all(|call| calls[*call].try_wait().expect("it waits").is_none()));
    let put = hands[4].put((2,));
    expect(&mut shard, &put, Answer::Done);
    expect(&mut shard, &calls[2], found(&two));
    expect(&mut shard, &calls[3], found(&two));
    // It says that one is there only if it is.
    assert!(calls[0].try_wait().expect("it waits").is_none());
    hands[0].note(Note::GivenUp, 1);
    expect(&mut shard, &calls[0], Answer::There);
    calls.clear();
}

#[test]
fn one_that_cannot_be_read_is_served_no_more() {
    let region = region(3);
    let [server, one, two] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    let mut shard = shard(&server, Limits::default());
    let (mut hand, mut other) = (Hand::new(&one), Hand::new(&two));
    for number in [1, 2] {
        let put = other.put((number,));
        expect(&mut shard, &put, Answer::Done);
    }
    let lent = hand.find(Verb::Lease(u64::MAX), false, (1,));
    answered(&mut shard, &lent);
    let taken = hand.find(Verb::Take, false, anything());
    expect(&mut shard, &taken, found(&tuple((2,))));
    shard.desk.distrust(1);
    shard.desk.distrust(99);
    // What was lent is there again. What it may have received is gone.
    let back = other.find(Verb::Take, false, anything());
    expect(&mut shard, &back, Answer::Found { returns: 1, tuple: &tuple((1,)) });
    other.note(Note::Received, other.number);
    let none = other.find(Verb::Take, false, anything());
    expect(&mut shard, &none, Answer::None);
    let refused = hand.find(Verb::Take, false, anything());
    serve(&mut shard);
    assert!(refused.try_wait().is_err());
    // Its successor is.
    drop((lent, taken, refused));
    one.abandon();
    serve(&mut shard);
    let again = region.join(1).expect("free");
    let put = Hand::new(&again).put((3,));
    expect(&mut shard, &put, Answer::Done);
}

#[test]
fn a_lease_that_was_not_received_is_no_return() {
    let region = region(3);
    let [server, one, two] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    let mut shard = shard(&server, Limits { leases: 1, ..Limits::default() });
    let (mut hand, mut other) = (Hand::new(&one), Hand::new(&two));
    let put = other.put((7,));
    expect(&mut shard, &put, Answer::Done);
    for lease in 1..=3 {
        let lent = hand.find(Verb::Lease(u64::MAX), false, anything());
        let bytes = tuple((7,));
        expect(&mut shard, &lent, Answer::Lent { lease, returns: 0, function: None, tuple: &bytes });
        // Nobody else has it.
        let expired = other.start(Request::Done { lease, tuple: None });
        expect(&mut shard, &expired, Answer::Expired);
        if lease == 3 {
            break;
        }
        hand.note(Note::GivenUp, hand.number);
        serve(&mut shard);
    }
    let no_more = hand.find(Verb::Lease(1), false, anything());
    expect(&mut shard, &no_more, Answer::Leases { most: 1 });
    drop(no_more);
    other.note(Note::GivenBack, 3);
    serve(&mut shard);
    let none = other.find(Verb::Take, false, anything());
    expect(&mut shard, &none, Answer::None);
    drop(none);
    one.abandon();
    serve(&mut shard);
    let back = other.find(Verb::Take, false, anything());
    expect(&mut shard, &back, Answer::Found { returns: 1, tuple: &tuple((7,)) });
}

#[test]
fn answers_that_find_no_room_are_kept_or_their_tuples_are_there_again() {
    // Room for one long answer.
    let region = Region::create_unnamed(Config::ranks(3).cells(64).arena(64 << 10)).expect("memory");
    let [server, one, two] = [0, 1, 2].map(|rank| region.join(rank).expect("free"));
    let mut shard = shard(&server, Limits::default());
    let (mut hand, mut other) = (Hand::new(&one), Hand::new(&two));
    let long = (0, vec![7_u8; 20 << 10]);
    let wanted = || (any::<i64>(), any::<Vec<u8>>());
    let put = other.put(long.clone());
    expect(&mut shard, &put, Answer::Done);
    // It looks for none of the answers; each next request says that the one before was not received.
    let mut calls: Vec<_> = (0..20).map(|_| hand.find(Verb::Take, false, wanted())).collect();
    serve(&mut shard);
    let last = calls.pop().expect("20 of them");
    drop(calls);
    // The last one is received once there is room.
    let bytes = tuple(long);
    let none = other.find(Verb::Take, false, wanted());
    expect(&mut shard, &none, Answer::None);
    let mut received = None;
    for _ in 0..10_000 {
        received = last.try_wait().expect("it goes on");
        if received.is_some() {
            break;
        }
        shard.serve_within(std::time::Duration::from_millis(1)).expect("it works");
    }
    let received = received.expect("room, sooner or later");
    assert_eq!(Answer::decode(&received).map(|(answer, _)| answer), Some(found(&bytes)));
}

#[test]
fn a_request_that_is_too_long_or_none_is_refused() {
    let region = region(2);
    let [server, one] = [0, 1].map(|rank| region.join(rank).expect("free"));
    let mut shard = shard(&server, Limits::default());
    for bad in [&[][..], &[0; 9], &[1; 9], &vec![1; MOST_REQUEST + 1]] {
        let call = one.to(0).start_call(bad).expect("room");
        serve(&mut shard);
        assert!(matches!(call.try_wait(), Err(CallError::Refused(_))), "{} bytes", bad.len());
    }
    one.send(0, &vec![7; 2 << 10]).expect("room");
    let announced = one.to(0).announce(vec![7; 4 << 20]).expect("room");
    let put = Hand::new(&one).put((7,));
    expect(&mut shard, &put, Answer::Done);
    drop(announced);
}

#[test]
fn a_tuple_that_no_answer_could_carry_is_refused() {
    let region = Region::create_unnamed(Config::ranks(2).arena(16 << 10)).expect("memory");
    let whole = usize::try_from(region.eager_limit()).expect("small");
    let [server, one] = [0, 1].map(|rank| region.join(rank).expect("free"));
    let mut shard = shard(&server, Limits::default());
    // A request needs four or five bytes more than its tuple, and an answer with a lease may need more.
    let mut hand = Hand::new(&one);
    let long = (7, vec![7_u8; whole - 11]);
    let put = hand.put(long.clone());
    serve(&mut shard);
    assert!(matches!(put.try_wait(), Err(CallError::Refused(_))));
    drop(put);
    let put = hand.put((7, vec![7_u8]));
    expect(&mut shard, &put, Answer::Done);
    let lent = hand.find(Verb::Lease(u64::MAX), false, (7, any::<Vec<u8>>()));
    answered(&mut shard, &lent);
    let replaced = hand.start(Request::Done { lease: 1, tuple: Some(&tuple(long)) });
    serve(&mut shard);
    assert!(matches!(replaced.try_wait(), Err(CallError::Refused(_))));
}

#[test]
fn a_shard_serves_those_whose_beginning_was_told_before() {
    let region = region(2);
    let [server, one] = [0, 1].map(|rank| region.join(rank).expect("free"));
    one.send(0, b"good morning").expect("room");
    // The process does something else first, with the events of its endpoint.
    while !matches!(server.next_event(), Ok(mailbox::Event::Mail(_))) {}
    let mut shard = shard(&server, Limits::default());
    let mut hand = Hand::new(&one);
    let put = hand.put((7,));
    expect(&mut shard, &put, Answer::Done);
    let taken = hand.find(Verb::Take, false, anything());
    expect(&mut shard, &taken, found(&tuple((7,))));
    drop((put, taken));
    one.abandon();
    serve(&mut shard);
    let again = region.join(1).expect("free");
    let back = Hand::new(&again).find(Verb::Take, false, anything());
    expect(&mut shard, &back, found(&tuple((7,))));
}

/// What may be in a request: mostly right.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let head = (1..11_u8, 0..3_u8, 0..3_u8, vec(prop::num::u8::ANY, 0..30));
    let wild = head.prop_map(|(kind, shards, epoch, rest)| [&[kind, shards, epoch][..], &rest].concat());
    let good = (1..10_u8, 1..30_u8, 0..4_u8, 0..3_i64).prop_map(|(kind, number, small, value)| {
        let head = [kind, 1, 0, number];
        let body = match kind {
            1 => tuple((value,)),
            2 => [&[1, b'f'][..], &tuple((value,))].concat(),
            3 | 4 | 6 => [&[small][..], &template(anything())].concat(),
            5 => [&[small, small & 1][..], &template(anything())].concat(),
            8 => [&[small][..], &tuple((value,))].concat(),
            _ => vec![small; 1 + usize::from(kind == 9)],
        };
        [&head[..], &body].concat()
    });
    prop_oneof![wild, good]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_answered_or_dropped(all in vec((prop::bool::ANY, 1..4_u32, bytes()), 1..60)) {
        let region = Region::create_unnamed(Config::ranks(5).cells(64)).expect("memory");
        let server = region.join(0).expect("free");
        let limits = Limits { tuples: 20, bytes: 4096, leases: 3 };
        let mut shard = shard(&server, limits);
        let liars: Vec<_> = (1..4).map(|rank| region.join(rank).expect("free")).collect();
        for (is_call, rank, bytes) in all {
            let to = liars[rank as usize - 1].to(0).within(Deadline::Now);
            if is_call {
                _ = to.start_call(&bytes);
            } else {
                _ = to.send(&bytes);
            }
            shard.serve_within(Deadline::Now).expect("it works");
        }
        liars.into_iter().for_each(Endpoint::abandon);
        serve(&mut shard);
        // All that they had is there again, and all that is there can be taken.
        let me = region.join(4).expect("free");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let space = Space::begin(&me, 0..1).expect("shards");
                let mut left = 0;
                while space.try_take(anything()).expect("it answers").is_some() {
                    left += 1;
                }
                assert!(left <= 20);
                (0..20 - left).for_each(|_| while space.out((1,)).is_ok() {});
            });
            shard.serve_until_alone().expect("it works");
        });
    }

    #[test]
    fn what_shards_and_processes_say_is_decoded(bytes in vec(prop::num::u8::ANY, 0..40)) {
        _ = Answer::decode(&bytes);
        _ = Note::decode(&bytes);
        if let Some(asked) = Asked::decode(&bytes) {
            let again = asked.encode();
            prop_assert_eq!(Asked::decode(&again), Some(asked));
        }
    }
}
