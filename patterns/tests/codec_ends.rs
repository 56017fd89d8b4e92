//! Typed channels, topics and calls. The processes are threads here; `codec_processes` has those of the operating system.

mod samples;

use mailbox::{Config, Deadline, Endpoint, Policy, Region};
use mailbox_patterns::codec::{
    Avro, CallError, Client, Codec, DecodeError, EncodeError, Frame, Json, Latest, LatestPublisher, Message,
    Plain, Postcard, Protobuf, Publisher, Receiver, RecvError, ReplyError, SendError, Sender, Server,
    Subscriber, TopicError,
};
use samples::{Document, Order, Tick};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::thread;
use std::time::Duration;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);

fn region(ranks: u32) -> Region {
    Region::create_unnamed(Config::ranks(ranks)).expect("memory")
}

fn join<const N: usize>(region: &Region) -> [Endpoint; N] {
    std::array::from_fn(|rank| region.join(rank as u32).expect("a free rank"))
}

fn tick(time: i64) -> Tick {
    Tick { time, ..Tick::sample() }
}

#[test]
fn values_arrive_in_order_in_every_format() {
    fn check<T: Message + PartialEq + Debug, C: Codec<T>>(value: &T) {
        let region = region(2);
        let [me, other] = join(&region);
        let mut sender = Sender::<T, C>::new(me.to(1));
        let mut receiver = Receiver::<T, C>::new(other.from(0));
        assert!(receiver.try_recv().is_ok_and(|received| received.is_none()));
        assert!(receiver.recv_within(Duration::from_millis(1)).is_err_and(|error| error.is_timeout()));
        for _ in 0..100 {
            sender.send(value).expect("room");
            sender.send_within(value, GUARD).expect("room");
            sender.try_send(value).expect("room");
            for _ in 0..3 {
                let received = receiver.recv().expect("a value");
                assert_eq!((received.from(), &*received), (0, value));
            }
        }
    }
    check::<_, Plain>(&Tick::sample());
    check::<_, Postcard>(&Tick::sample());
    check::<_, Json>(&Order::sample());
    check::<_, Protobuf>(&Document::sample());
    check::<_, Avro>(&Document::sample());
}

#[test]
fn what_is_no_value_is_told_and_the_next_is_received() {
    let region = region(2);
    let [me, other] = join(&region);
    let (mut ticks, mut orders) =
        (Sender::<Tick, Plain>::new(me.to(1)), Sender::<Order, Json>::new(me.to(1)));
    let mut receiver = Receiver::<Tick, Plain>::new(other.from_any());
    let expected = Frame::<Tick, Plain>::new().schema().clone();
    let found = Frame::<Order, Json>::new().schema().clone();
    let mut malformed = vec![];
    Frame::<Tick, Plain>::new().append(&tick(1), &mut malformed).expect("it can be written");
    malformed.pop();
    for round in 0..100 {
        me.send(1, b"hello").expect("room");
        orders.send(&Order::sample()).expect("room");
        me.send(1, &malformed).expect("room");
        ticks.send(&tick(round)).expect("room");
        let error = DecodeError::Untyped { expected: expected.clone() };
        assert_eq!(receiver.recv().err(), Some(RecvError::Decode { rank: 0, error }));
        let error = DecodeError::Mismatch { expected: expected.clone(), found: found.clone() };
        assert_eq!(receiver.recv().err(), Some(RecvError::Decode { rank: 0, error }));
        let error = receiver.try_recv().expect_err("a byte is missing");
        let RecvError::Decode { rank: 0, error: DecodeError::Malformed { expected: of, .. } } = error else {
            panic!("{error}");
        };
        assert_eq!(of, expected);
        assert_eq!(receiver.recv().expect("a value").into_value(), tick(round));
    }
    assert!(receiver.try_recv().is_ok_and(|received| received.is_none()));
}

#[test]
fn types_with_tags_of_their_own_do_not_meet() {
    let region = region(2);
    let [me, other] = join(&region);
    Sender::<Order, Json>::new(me.to(1).tag(1)).send(&Order::sample()).expect("room");
    Sender::<Tick, Plain>::new(me.to(1).tag(2)).send(&tick(5)).expect("room");
    let mut ticks = Receiver::<Tick, Plain>::new(other.from(0).tag(2));
    assert_eq!(ticks.recv().expect("a value").into_value(), tick(5));
    let mut orders = Receiver::<Order, Json>::new(other.from(0).tag(1));
    assert_eq!(orders.recv().expect("a value").into_value(), Order::sample());
}

#[test]
fn one_receiver_of_several_types_sees_which_it_is() {
    let region = region(2);
    let [me, other] = join(&region);
    Sender::<Order, Postcard>::new(me.to(1)).send(&Order::sample()).expect("room");
    Sender::<Tick, Postcard>::new(me.to(1)).send(&tick(5)).expect("room");
    me.send(1, b"").expect("room");
    let mut ticks = Receiver::<Tick, Postcard>::new(other.from_any());
    let mut orders = Receiver::<Order, Postcard>::new(other.from_any());
    let mail = other.recv().expect("mail");
    assert_eq!((ticks.reads(&mail), orders.reads(&mail)), (false, true));
    assert_eq!(orders.open(mail).expect("an order").into_value(), Order::sample());
    let mail = other.recv().expect("mail");
    assert_eq!((ticks.reads(&mail), orders.reads(&mail)), (true, false));
    assert_eq!(ticks.open(mail).expect("a tick").into_value(), tick(5));
    let mail = other.recv().expect("mail");
    assert_eq!((ticks.reads(&mail), orders.reads(&mail)), (false, false));
}

#[test]
fn a_value_is_acknowledged_when_it_is_dropped() {
    let region = region(2);
    let [me, other] = join(&region);
    let mut sender = Sender::<Tick, Plain>::new(me.to(1));
    (0..3).for_each(|time| sender.send(&tick(time)).expect("room"));
    let mut receiver = Receiver::<Tick, Plain>::new(other.from(0));
    assert_eq!(receiver.recv().expect("a value").into_value().time, 0);
    let held = receiver.recv().expect("a value");
    assert_eq!(held.time, 1);
    std::mem::forget(held);
    other.abandon();
    let successor = region.join(1).expect("a free rank");
    let mut receiver = Receiver::<Tick, Plain>::new(successor.from(0));
    let again = receiver.recv().expect("a value");
    assert_eq!((again.time, again.mail().redelivered() > 0), (1, true));
    let (value, mail) = again.into_parts();
    assert_eq!(value.time, 1);
    mail.requeue();
    assert_eq!(receiver.recv().expect("a value").time, 1);
    assert_eq!(receiver.recv().expect("a value").time, 2);
}

#[test]
fn a_message_beyond_the_limit_is_an_error_and_the_next_is_received() {
    let region = region(2);
    let [me, other] = join(&region);
    let order = |len: usize| Order { customer: "x".repeat(len), ..Order::default() };
    let mut receiver = Receiver::<Order, Protobuf>::new(other.from(0));
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut sender = Sender::<Order, Protobuf>::new(me.to(1));
            let lens = [100, 1 << 20, 3 << 20, 50];
            lens.into_iter().for_each(|len| sender.send(&order(len)).expect("a receiver"));
            let frame = Frame::<Order, Protobuf>::new();
            let loan = me.loan(3 << 20).expect("memory");
            frame.lend(&order(2 << 20), loan).expect("it fits").send(1).expect("room");
            sender.send(&order(51)).expect("room");
        });
        assert_eq!(receiver.recv().expect("a value").into_value(), order(100));
        for _ in 0..2 {
            match receiver.recv() {
                Err(RecvError::Decode { rank: 0, error: DecodeError::TooLong { len, limit, .. } }) => {
                    assert!(len > limit && limit == 1 << 20);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(receiver.recv().expect("a value").into_value(), order(50));
        let mut receiver = receiver.limit(3 << 20);
        assert_eq!(receiver.recv().expect("a value").into_value(), order(2 << 20));
        assert_eq!(
            receiver.limit(60).recv().err().map(|error| error.to_string().contains("limit of 60")),
            Some(true)
        );
    });
}

#[test]
fn a_value_written_in_place_goes_to_several() {
    fn check<C: Codec<Document>>() {
        let region = Region::create_unnamed(Config::ranks(3).loans(1 << 20)).expect("memory");
        let [me, first, second] = join(&region);
        let (frame, document) = (Frame::<Document, C>::new(), Document::sample());
        for _ in 0..20 {
            // All of the area: a loan that an error does not give back would be missed.
            let error = frame.lend(&document, me.loan(1 << 10).expect("memory")).expect_err("too long");
            assert_eq!(error, EncodeError::TooLong { schema: frame.schema().clone(), room: 1 << 10 });
            let block = frame.lend(&document, me.loan(1 << 20).expect("memory")).expect("it fits");
            block.send(1).expect("room");
            block.send(2).expect("room");
            drop(block);
            for other in [&first, &second] {
                let received = Receiver::<Document, C>::new(other.from(0)).recv().expect("a value");
                assert_eq!(*received, document);
            }
        }
    }
    check::<Postcard>();
    check::<Json>();
    check::<Protobuf>();
    check::<Avro>();
}

#[test]
fn what_cannot_be_written_is_not_sent() {
    /// JSON has no such keys.
    #[derive(Serialize, Deserialize)]
    struct Odd(Vec<std::collections::HashMap<Vec<u8>, u8>>);
    impl Message for Odd {
        const NAME: &'static str = "Odd";
    }
    let region = region(2);
    let [me, other] = join(&region);
    let odd = Odd(vec![[(vec![1], 2)].into()]);
    let error = Sender::<Odd, Json>::new(me.to(1)).send(&odd);
    assert!(matches!(error, Err(SendError::Encode(EncodeError::Refused { .. }))));
    let topic = region.topic("odd").expect("room");
    let mut publisher = Publisher::<Odd, Json>::new(topic.publisher(&me).expect("free"));
    assert!(matches!(publisher.publish(&odd), Err(TopicError::Encode(_))));
    assert!(matches!(publisher.publish_in_place(&odd, 1000), Err(TopicError::Encode(_))));
    assert_eq!(publisher.inner().published(), 0);
    assert!(other.try_recv().is_ok_and(|mail| mail.is_none()));
}

#[test]
fn a_full_mailbox_is_an_error_as_without_types() {
    let region = Region::create_unnamed(Config::ranks(2).cells(16)).expect("memory");
    let [me, _other] = join::<2>(&region);
    let mut sender = Sender::<Tick, Plain>::new(me.to(1));
    let error = (0..1000).find_map(|time| sender.try_send(&tick(time)).err());
    assert_eq!(error, Some(SendError::Send(mailbox::SendError::Full(1))));
    let error = sender.send_within(&tick(0), Duration::from_millis(5));
    assert_eq!(error, Err(SendError::Send(mailbox::SendError::Timeout(1))));
}

#[test]
fn streams_of_values_tell_what_is_none_and_go_on() {
    let region = region(2);
    let [me, other] = join(&region);
    let topic = region.topic("ticks").expect("room");
    let subscriber = topic.subscriber(&other, Policy::every()).expect("free");
    let mut subscriber = Subscriber::<Order, Postcard>::new(subscriber);
    assert_eq!(subscriber.try_recv(), Ok(None));
    assert_eq!(subscriber.recv_within(Duration::from_millis(1)), Ok(None));
    let mut publisher = Publisher::<Order, Postcard>::new(topic.publisher(&me).expect("free"));
    for round in 0..50 {
        publisher.publish(&Order::sample()).expect("room");
        publisher.publish_in_place(&Order::sample(), 1000).expect("room");
        let error = publisher.publish_in_place(&Order::sample(), 100).expect_err("too long");
        assert!(matches!(error, TopicError::Encode(EncodeError::TooLong { room: 100, .. })), "{error}");
        let sample = subscriber.recv().expect("a value");
        assert_eq!((sample.value, sample.number, sample.missed), (Order::sample(), 3 * round, 0));
        let sample = subscriber.recv_within(GUARD).expect("a value").expect("in time");
        assert_eq!((sample.value, sample.number, sample.missed), (Order::sample(), 3 * round + 1, 0));
        drop(publisher);
        topic.publisher(&me).expect("free").publish(b"none").expect("room");
        match subscriber.try_recv() {
            Err(TopicError::Decode { topic, error: DecodeError::Untyped { .. } }) => {
                assert_eq!(topic, "ticks")
            }
            other => panic!("{other:?}"),
        }
        publisher = Publisher::new(topic.publisher(&me).expect("free"));
    }
}

#[test]
fn a_slow_subscriber_is_told_what_it_missed() {
    let region = region(2);
    let [me, other] = join(&region);
    let topic = region.topic("ticks").expect("room");
    let subscriber = topic.subscriber(&other, Policy::skip()).expect("free");
    let mut subscriber = Subscriber::<Tick, Plain>::new(subscriber);
    let mut publisher = Publisher::<Tick, Plain>::new(topic.publisher(&me).expect("free"));
    (0..2000).for_each(|time| publisher.publish(&tick(time)).expect("nobody is waited for"));
    let sample = subscriber.recv().expect("a value");
    assert_eq!((sample.value.time as u64, sample.number), (sample.missed, sample.missed));
    assert!(sample.missed >= 900);
}

#[test]
fn the_latest_value_is_whole_and_of_its_type() {
    let region = region(2);
    let [me, other] = join(&region);
    let topic = region.topic("order").expect("room");
    let mut latest = Latest::<Order, Protobuf>::new(topic.latest(&other).expect("a value's topic"));
    assert_eq!(latest.value(), Ok(None));
    let mut publisher =
        LatestPublisher::<Order, Protobuf>::new(topic.publish_latest(&me, 1024).expect("free"));
    publisher.publish(&Order::sample()).expect("room");
    assert_eq!(latest.wait(GUARD), Ok(true));
    assert_eq!(latest.value(), Ok(Some(Order::sample())));
    assert_eq!(latest.has_changed(), Ok(false));
    let long = Order { customer: "x".repeat(2000), ..Order::sample() };
    let error = publisher.publish(&long).expect_err("too long");
    assert!(
        matches!(
            error,
            TopicError::Topic(mailbox::TopicError::Publish(mailbox::PublishError::Misfit { .. }))
        ),
        "{error}"
    );
    assert_eq!(latest.value(), Ok(Some(Order::sample())));
    drop(publisher);

    let mut publisher = LatestPublisher::<Tick, Plain>::new(topic.publish_latest(&me, 64).expect("free"));
    publisher.publish(&tick(1)).expect("room");
    let found = Frame::<Tick, Plain>::new().schema().clone();
    let expected = Frame::<Order, Protobuf>::new().schema().clone();
    let error = DecodeError::Mismatch { expected, found };
    assert_eq!(latest.value(), Err(TopicError::Decode { topic: "order".into(), error }));
    let error = latest.limit(10).value().expect_err("too long");
    assert!(matches!(error, TopicError::Decode { error: DecodeError::TooLong { .. }, .. }), "{error}");
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Ask {
    article: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Price {
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum NoPrice {
    Unknown(String),
    SoldOut,
}

impl Message for Ask {
    const NAME: &'static str = "Ask";
}

impl Message for Price {
    const NAME: &'static str = "Price";
}

impl Message for NoPrice {
    const NAME: &'static str = "NoPrice";
}

type Prices<'a> = Server<'a, Ask, Price, NoPrice, Json>;
type Shopper<'a> = Client<'a, Ask, Price, NoPrice, Json>;

fn ask(article: &str) -> Ask {
    Ask { article: article.into() }
}

/// Runs a client beside a server.
fn both(client: impl FnOnce(&Endpoint) + Send, server: impl FnOnce(&Endpoint)) {
    let region = region(2);
    let [me, other] = join(&region);
    thread::scope(|scope| {
        scope.spawn(move || client(&me));
        server(&other);
    });
}

#[test]
fn calls_have_answers_and_errors_of_their_types() {
    let client = |me: &Endpoint| {
        let mut client = Shopper::new(me.to(1));
        for _ in 0..100 {
            assert_eq!(client.call(&ask("lamp")), Ok(Price { cents: 995 }));
            assert_eq!(client.call_within(&ask("chair"), GUARD), Err(CallError::Remote(NoPrice::SoldOut)));
            let article = "x".repeat(10_000);
            let error = CallError::Remote(NoPrice::Unknown(article.clone()));
            assert_eq!(client.call(&ask(&article)), Err(error));
        }
    };
    both(client, |me| {
        let mut server = Prices::new(me.from(0));
        for _ in 0..300 {
            let asked = server.recv().expect("a request");
            assert_eq!(asked.from(), 0);
            match &*asked.article {
                "lamp" => asked.answer(&Price { cents: 995 }).expect("room"),
                "chair" => asked.refuse(&NoPrice::SoldOut).expect("room"),
                other => {
                    let error = NoPrice::Unknown(other.into());
                    asked.respond_within(Err(error), GUARD).expect("room");
                }
            }
        }
    });
}

#[test]
fn a_server_without_requests_waits_as_long_as_it_is_told() {
    let region = region(2);
    let [_me, other] = join::<2>(&region);
    let mut server = Prices::new(other.from(0));
    assert!(server.try_recv().is_ok_and(|asked| asked.is_none()));
    assert!(server.recv_within(Duration::from_millis(5)).is_err_and(|error| error.is_timeout()));
}

#[test]
fn a_server_holds_several_requests_at_once() {
    let region = region(3);
    let [me, first, second] = join(&region);
    thread::scope(|scope| {
        for other in [first, second] {
            scope.spawn(move || {
                let rank = other.rank().to_string();
                let cents = other.rank().into();
                assert_eq!(Shopper::new(other.to(0)).call(&ask(&rank)), Ok(Price { cents }));
            });
        }
        let mut server = Prices::new(me.from_any());
        let held = [server.recv().expect("a request"), server.recv().expect("a request")];
        for asked in held.into_iter().rev() {
            let cents = asked.article.parse().expect("a number");
            asked.respond(Ok(Price { cents })).expect("room");
        }
    });
}

/// What another program thinks that a request is, or an answer, or an error.
mod other {
    use mailbox_patterns::codec::Message;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    pub struct Ask {
        pub article: u32,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub struct Quote {
        pub cents: u64,
    }

    impl Message for Ask {
        const NAME: &'static str = "Ask";
    }

    impl Message for Quote {
        const NAME: &'static str = "Quote";
    }
}

#[test]
fn requests_that_a_server_does_not_read_are_told_to_both() {
    let client = |me: &Endpoint| {
        // Another type.
        let error = Client::<Order, Price, NoPrice, Json>::new(me.to(1)).call(&Order::sample());
        let ours = Frame::<Order, Json>::new().schema().clone();
        let theirs = Frame::<Ask, Json>::new().schema().clone();
        assert_eq!(error, Err(CallError::OtherRequest { rank: 1, ours, theirs }));
        // The same type, and a value that makes no sense.
        let error =
            Client::<other::Ask, Price, NoPrice, Json>::new(me.to(1)).call(&other::Ask { article: 7 });
        match error {
            Err(CallError::NotUnderstood { rank: 1, reason }) => {
                assert!(reason.contains("expected a string"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        // Too long.
        let error = Shopper::new(me.to(1)).call(&ask(&"x".repeat(1000)));
        match error {
            Err(CallError::NotUnderstood { rank: 1, reason }) => {
                assert_eq!(reason, "it has 1028 bytes, of at most 100");
            }
            other => panic!("{other:?}"),
        }
        // Bytes, from a client without types.
        assert!(matches!(me.call(1, b"price of lamp"), Err(mailbox::CallError::Refused(_))));
        assert!(matches!(me.call(1, &[0; 90]), Err(mailbox::CallError::Refused(_))));
        me.send(1, b"no call").expect("room");
        assert_eq!(Shopper::new(me.to(1)).call(&ask("lamp")), Ok(Price { cents: 995 }));
    };
    both(client, |me| {
        let mut server = Prices::new(me.from(0)).limit(100);
        let errors = [(); 6].map(|()| server.recv().expect_err("not read"));
        let decode = |error: &RecvError| match error {
            RecvError::Decode { rank: 0, error } => error.clone(),
            other => panic!("{other}"),
        };
        assert!(matches!(decode(&errors[0]), DecodeError::TooLong { .. } | DecodeError::Mismatch { .. }));
        assert!(matches!(decode(&errors[1]), DecodeError::Malformed { .. }));
        assert!(matches!(decode(&errors[2]), DecodeError::TooLong { .. }));
        assert!(matches!(decode(&errors[3]), DecodeError::Untyped { .. }));
        assert!(matches!(decode(&errors[4]), DecodeError::Untyped { .. }));
        assert_eq!(errors[5], RecvError::NotACall { rank: 0 });
        server.recv().expect("a request").answer(&Price { cents: 995 }).expect("room");
    });
}

#[test]
fn answers_of_another_type_are_told() {
    let client = |me: &Endpoint| {
        let mut client = Shopper::new(me.to(1));
        let mut call = || match client.call(&ask("lamp")) {
            Err(CallError::Decode { rank: 1, error }) => error,
            other => panic!("{other:?}"),
        };
        let named = |error: DecodeError| match error {
            DecodeError::Mismatch { expected, found } => format!("{} {}", expected.name, found.name),
            other => panic!("{other}"),
        };
        assert_eq!(named(call()), "Price Quote");
        assert_eq!(named(call()), "NoPrice Quote");
        // A server without types.
        assert!(matches!(call(), DecodeError::Untyped { .. }));
        for _ in 0..6 {
            assert!(matches!(call(), DecodeError::Untyped { .. }));
        }
        let error = Shopper::new(me.to(1)).limit(20).call(&ask("lamp"));
        let error = error.expect_err("too long");
        assert!(matches!(error, CallError::Decode { error: DecodeError::TooLong { .. }, .. }), "{error}");
    };
    both(client, |me| {
        let mut server = Server::<Ask, other::Quote, other::Quote, Json>::new(me.from(0));
        server.recv().expect("a request").answer(&other::Quote { cents: 1 }).expect("room");
        server.recv().expect("a request").refuse(&other::Quote { cents: 1 }).expect("room");
        let mail = || me.from(0).within(GUARD).recv().expect("a request");
        mail().reply(b"995").expect("room");
        let header = Frame::<Ask, Json>::new().schema().name.len() as u8;
        for refusal in [&b""[..], b"\xd0", b"\xd0\xd1", &[0xd0, 0xd1, 3, header], &[0xd0; 100], b"sold out"] {
            mail().refuse(refusal).expect("room");
        }
        server.recv().expect("a request").answer(&other::Quote { cents: 1 }).expect("room");
    });
}

#[test]
fn a_request_that_is_dropped_is_told() {
    let client = |me: &Endpoint| {
        for _ in 0..2 {
            let error = Client::<Ask, Tally, NoPrice, Json>::new(me.to(1)).call(&ask("lamp"));
            let end = mailbox::End::Dropped;
            assert_eq!(
                error.expect_err("none"),
                CallError::Call(mailbox::CallError::Unanswered { rank: 1, end })
            );
        }
    };
    both(client, |me| {
        let mut server = Server::<Ask, Tally, NoPrice, Json>::new(me.from(0));
        drop(server.recv().expect("a request"));
        // An answer that cannot be written.
        let error = server.recv().expect("a request").answer(&Tally([(vec![1], 2)].into()));
        assert!(matches!(error, Err(ReplyError::Encode(_))), "{error:?}");
    });
}

/// JSON has no such keys.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tally(std::collections::HashMap<Vec<u8>, u8>);

impl Message for Tally {
    const NAME: &'static str = "Tally";
}

#[test]
fn a_server_that_does_not_wait_is_not_held_up_by_a_client() {
    let region = Region::create_unnamed(Config::ranks(2).arena(1 << 14)).expect("memory");
    let [me, other] = join(&region);
    // The client asks much, and looks for no answer.
    let frame = Frame::<Ask, Json>::new();
    let mut request = vec![];
    frame.append(&ask("lamp"), &mut request).expect("it can be written");
    let calls: Vec<_> = (0..20).map(|_| me.to(1).start_call(&request).expect("room")).collect();
    let mut server = Server::<Ask, Ask, NoPrice, Json>::new(other.from(0));
    let long = || Ok(ask(&"x".repeat(2000)));
    let errors: Vec<_> = (0..20)
        .filter_map(|_| server.recv().expect("a request").respond_within(long(), Deadline::Now).err())
        .collect();
    assert!(!errors.is_empty());
    for error in errors {
        assert_eq!(error, ReplyError::Reply(mailbox::ReplyError::Send(mailbox::SendError::Full(0))));
    }
    drop(calls);
}
