//! Values, formats and what becomes of mismatches.

mod samples;

use mailbox_patterns::codec::{
    Avro, Codec, DecodeError, EncodeError, Format, Frame, Json, Message, Plain, Postcard, Protobuf,
};
use proptest::prelude::*;
use samples::{Document, Line, Order, Row, Section, Table, Tick, Tree};
use std::fmt::Debug;

fn message<T: Message, C: Codec<T>>(value: &T) -> Vec<u8> {
    let mut message = vec![];
    Frame::<T, C>::new().append(value, &mut message).expect("it can be written");
    message
}

fn read<T: Message, C: Codec<T>>(message: &[u8]) -> Result<T, DecodeError> {
    Frame::<T, C>::new().read(message)
}

/// Written to memory and through `io::Write`, a value is the same, and is read as it was.
fn round_trip<T: Message + PartialEq + Debug, C: Codec<T>>(value: &T) {
    let (frame, whole) = (Frame::<T, C>::new(), message::<T, C>(value));
    let mut written = vec![];
    assert_eq!(frame.write(value, &mut written), Ok(written.len()));
    // Entries of maps come in any order.
    assert_eq!(written.len(), whole.len());
    for message in [&whole, &written] {
        assert_eq!(frame.read(message).as_ref(), Ok(value), "{:?}", frame.schema());
    }
    let mut behind = b"before".to_vec();
    frame.append(value, &mut behind).expect("it can be written");
    assert_eq!(&behind[..6], b"before");
    assert_eq!(frame.read(&behind[6..]).as_ref(), Ok(value));
}

fn all_formats<T>(value: &T)
where
    T: Message + PartialEq + Debug,
    Postcard: Codec<T>,
    Json: Codec<T>,
    Protobuf: Codec<T>,
    Avro: Codec<T>,
{
    round_trip::<T, Postcard>(value);
    round_trip::<T, Json>(value);
    round_trip::<T, Protobuf>(value);
    round_trip::<T, Avro>(value);
}

#[test]
fn samples_are_read_as_they_were_written() {
    round_trip::<Tick, Plain>(&Tick::sample());
    all_formats(&Tick::sample());
    all_formats(&Order::sample());
    all_formats(&Document::sample());
    all_formats(&Tree::chain(20));
    round_trip::<(), Plain>(&());
    all_formats(&());
}

fn orders() -> impl Strategy<Value = Order> {
    let line = (".{0,20}", any::<u32>(), any::<i64>());
    let lines =
        prop::collection::vec(line.prop_map(|(article, count, cents)| Line { article, count, cents }), 0..9);
    (any::<u32>(), ".{0,40}", lines, prop::option::of(".{0,9}"), any::<bool>()).prop_map(
        |(number, customer, lines, note, is_urgent)| Order { number, customer, lines, note, is_urgent },
    )
}

fn documents() -> impl Strategy<Value = Document> {
    let row = prop::collection::vec(-1e9..1e9, 0..5).prop_map(|cells| Row { cells });
    let rows = prop::collection::vec(row, 0..4);
    let table = (prop::option::of(".{0,9}"), rows).prop_map(|(caption, rows)| Table { caption, rows });
    let tables = prop::collection::vec(table, 0..3);
    let section = (".{0,9}", prop::collection::vec(".{0,99}", 0..3), tables)
        .prop_map(|(heading, paragraphs, tables)| Section { heading, paragraphs, tables });
    let labels = prop::collection::hash_map(".{0,9}", ".{0,9}", 0..4);
    (".{0,9}", labels, prop::collection::vec(section, 0..4)).prop_map(|(title, labels, sections)| Document {
        title,
        labels,
        sections,
    })
}

proptest! {
    #[test]
    fn any_order_is_read_as_it_was_written(order in orders()) {
        all_formats(&order);
    }

    #[test]
    fn any_document_is_read_as_it_was_written(document in documents()) {
        all_formats(&document);
    }

    #[test]
    fn any_tick_is_read_as_it_was_written(instrument: u32, size: u32, price in -1e9..1e9, time: i64) {
        let tick = Tick { instrument, size, price, time };
        round_trip::<_, Plain>(&tick);
        all_formats(&tick);
    }
}

/// Another type at each end, with the same values otherwise: the reader is told of both.
fn mismatch<Theirs, Ours, C>(value: &Theirs) -> (String, String)
where
    Theirs: Message,
    Ours: Message + Debug,
    C: Codec<Theirs> + Codec<Ours>,
{
    let (theirs, ours) = (Frame::<Theirs, C>::new(), Frame::<Ours, C>::new());
    let error = read::<Ours, C>(&message::<Theirs, C>(value)).expect_err("it is another one");
    let (expected, found) = (ours.schema().clone(), theirs.schema().clone());
    assert_ne!(expected, found);
    assert_eq!(error, DecodeError::Mismatch { expected: expected.clone(), found: found.clone() });
    let both = (expected.to_string(), found.to_string());
    assert_eq!(error.to_string(), format!("{} was sent, and {} is expected", both.1, both.0));
    both
}

/// The same fields in another order, of another type, with another name.
mod other {
    use apache_avro::AvroSchema;
    use bytemuck::{Pod, Zeroable};
    use postcard_schema::Schema;
    use serde::{Deserialize, Serialize};

    macro_rules! ticks {
        ($($module:ident: { $($field:ident: $of:ident),* })*) => {$(
            pub mod $module {
                use super::*;
                #[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
                #[derive(Serialize, Deserialize, Schema, AvroSchema)]
                #[repr(C)]
                pub struct Tick {
                    $(pub $field: $of),*
                }
                mailbox_patterns::message! { Tick as "Tick" { $($field: $of),* } }
            }
        )*};
    }

    ticks! {
        same: { instrument: u32, size: u32, price: f64, time: i64 }
        swapped: { size: u32, instrument: u32, price: f64, time: i64 }
        renamed: { instrument: u32, size: u32, bid: f64, time: i64 }
        retyped: { instrument: u32, size: i32, price: f64, time: i64 }
        longer: { instrument: u32, size: u32, price: f64, time: i64, more: i64 }
    }
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Nothing {}

impl Message for Nothing {
    const NAME: &'static str = "Nothing";
}

#[test]
fn another_type_is_a_mismatch_that_names_both() {
    let (ours, theirs) = mismatch::<Tick, Nothing, Json>(&Tick::sample());
    assert!(ours.starts_with("\"Nothing\" as JSON (schema 0x"), "{ours}");
    assert!(theirs.starts_with("\"Tick\" as JSON (schema 0x"), "{theirs}");
}

#[test]
fn another_format_is_a_mismatch_that_names_both() {
    let messages = [
        message::<Tick, Plain>(&Tick::sample()),
        message::<Tick, Postcard>(&Tick::sample()),
        message::<Tick, Json>(&Tick::sample()),
        message::<Tick, Protobuf>(&Tick::sample()),
        message::<Tick, Avro>(&Tick::sample()),
    ];
    type Read = fn(&[u8]) -> Result<Tick, DecodeError>;
    let all: [(Read, Format); 5] = [
        (read::<Tick, Plain>, Format::Plain),
        (read::<Tick, Postcard>, Format::Postcard),
        (read::<Tick, Json>, Format::Json),
        (read::<Tick, Protobuf>, Format::Protobuf),
        (read::<Tick, Avro>, Format::Avro),
    ];
    for (written, message) in messages.iter().enumerate() {
        for (at, (read, format)) in all.iter().enumerate() {
            match read(message) {
                Ok(tick) => assert_eq!((tick, at), (Tick::sample(), written)),
                Err(DecodeError::Mismatch { expected, found }) => {
                    assert_eq!((expected.format, found.format), (*format, all[written].1));
                    assert_eq!((&*expected.name, &*found.name), ("Tick", "Tick"));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn the_fingerprint_is_of_the_definition() {
    let sample = Tick::sample();
    let Tick { instrument, size, price, time } = sample;
    // Another program has the same definition.
    let same = message::<Tick, Plain>(&sample);
    assert!(read::<other::same::Tick, Plain>(&same).is_ok_and(|tick| tick.price == price));
    assert!(read::<other::same::Tick, Postcard>(&message::<Tick, Postcard>(&sample)).is_ok());
    assert!(read::<other::same::Tick, Avro>(&message::<Tick, Avro>(&sample)).is_ok());

    fn all<T>(theirs: &T)
    where
        T: Message,
        Plain: Codec<T>,
        Postcard: Codec<T>,
        Avro: Codec<T>,
    {
        mismatch::<T, Tick, Plain>(theirs);
        mismatch::<T, Tick, Postcard>(theirs);
        mismatch::<T, Tick, Avro>(theirs);
    }
    all(&other::swapped::Tick { instrument, size, price, time });
    all(&other::renamed::Tick { instrument, size, bid: price, time });
    all(&other::longer::Tick { instrument, size, price, time, more: 0 });
    all(&other::retyped::Tick { instrument, size: 1, price, time });
}

/// Two definitions of one type, whose fields and types have the same names in the same order.
mod moved {
    use mailbox_patterns::codec::Message;
    use postcard_schema::Schema;
    use serde::{Deserialize, Serialize};

    macro_rules! lists {
        ($($module:ident: $line:tt $list:tt)*) => {$(
            pub mod $module {
                use super::*;
                #[derive(Debug, PartialEq, Serialize, Deserialize, Schema)]
                pub struct Line $line
                #[derive(Debug, PartialEq, Serialize, Deserialize, Schema)]
                pub struct List $list
                impl Message for List {
                    const NAME: &'static str = "List";
                }
            }
        )*};
    }

    lists! {
        outside: { pub item: u32 } { pub lines: Vec<Line>, pub count: u32 }
        inside: { pub item: u32, pub count: u32 } { pub lines: Vec<Line> }
        maybe: { pub item: u32 } { pub lines: Option<Vec<Line>>, pub count: u32 }
        // `m` is how the library's own fingerprint says that something is optional.
        named: { pub item: u32 } { pub linesm: Vec<Line>, pub count: u32 }
    }
}

#[test]
fn the_fingerprint_sees_where_a_definition_within_ends() {
    let line = || moved::outside::Line { item: 7 };
    let outside = moved::outside::List { lines: vec![line(), line()], count: 1 };
    mismatch::<_, moved::inside::List, Postcard>(&outside);
    let maybe = moved::maybe::List { lines: None, count: 1 };
    mismatch::<_, moved::named::List, Postcard>(&maybe);
}

#[test]
fn what_has_no_header_is_untyped() {
    for bytes in [&b""[..], b"hello", b"\xd1", b"\xd1\x01\x04Tick", b"\xd1\x03\x00\0\0\0\0\0\0\0\0{}"] {
        let error = read::<Tick, Plain>(bytes).expect_err("no typed message");
        let expected = Frame::<Tick, Plain>::new().schema().clone();
        assert_eq!(error, DecodeError::Untyped { expected }, "{bytes:?}");
    }
    // A header of a later version.
    let mut later = message::<Tick, Plain>(&Tick::sample());
    later[0] += 1;
    assert!(matches!(read::<Tick, Plain>(&later), Err(DecodeError::Untyped { .. })));
}

#[test]
fn a_name_that_a_peer_made_up_is_shown_escaped() {
    let mut message = message::<Tick, Plain>(&Tick::sample());
    message[3..7].copy_from_slice(b"\x1b[2J");
    let error = read::<Tick, Plain>(&message).expect_err("another name").to_string();
    assert!(error.starts_with(r#""\u{1b}[2J" as plain data"#), "{error}");
}

/// Versions of a type of Protocol Buffers, in as many programs.
mod versions {
    use mailbox_patterns::codec::Message;

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Old {
        #[prost(uint32, tag = "1")]
        pub number: u32,
        #[prost(string, tag = "2")]
        pub customer: String,
        #[prost(message, repeated, tag = "3")]
        pub lines: Vec<OldLine>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct OldLine {
        #[prost(string, tag = "1")]
        pub article: String,
    }

    /// Has new fields, one of another name, none for the customer, and a new field within.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct New {
        #[prost(uint64, tag = "1")]
        pub order_number: u64,
        #[prost(message, repeated, tag = "3")]
        pub lines: Vec<NewLine>,
        #[prost(string, optional, tag = "4")]
        pub voucher: Option<String>,
        #[prost(btree_map = "string, double", tag = "16")]
        pub discounts: std::collections::BTreeMap<String, f64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct NewLine {
        #[prost(string, tag = "1")]
        pub article: String,
        #[prost(sint32, tag = "2")]
        pub count: i32,
    }

    /// Breaks the rules: a number is used again for something else.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Wrong {
        #[prost(string, tag = "1")]
        pub number: String,
    }

    /// Says that it is another.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Another {
        #[prost(string, tag = "1")]
        pub number: String,
    }

    macro_rules! orders {
        ($($of:ident)*) => {$(
            impl Message for $of {
                const NAME: &'static str = "shop.Order";
            }
        )*};
    }
    orders! { Old New Wrong }

    impl Message for Another {
        const NAME: &'static str = "shop.Order";
        const VERSION: u32 = 2;
    }
}

#[test]
fn old_readers_read_new_messages_of_protocol_buffers() {
    use versions::{New, NewLine, Old, OldLine};
    let line = NewLine { article: "lamp".into(), count: -2 };
    let voucher = Some("SPRING".into());
    let new = New { order_number: 7, lines: vec![line], voucher, discounts: [("all".into(), 0.1)].into() };
    let old = Old { number: 7, customer: String::new(), lines: vec![OldLine { article: "lamp".into() }] };
    assert_eq!(read::<Old, Protobuf>(&message::<New, Protobuf>(&new)), Ok(old));
}

#[test]
fn new_readers_read_old_messages_of_protocol_buffers() {
    use versions::{New, NewLine, Old, OldLine};
    let old = Old { number: 7, customer: "Ada".into(), lines: vec![OldLine { article: "lamp".into() }] };
    let line = NewLine { article: "lamp".into(), count: 0 };
    let new = New { order_number: 7, lines: vec![line], voucher: None, discounts: [].into() };
    assert_eq!(read::<New, Protobuf>(&message::<Old, Protobuf>(&old)), Ok(new));
}

#[test]
fn versions_that_do_not_fit_are_errors() {
    use versions::{Another, Old, Wrong};
    let old = Old { number: 7, customer: "Ada".into(), lines: vec![] };
    let error = read::<Wrong, Protobuf>(&message::<Old, Protobuf>(&old)).expect_err("a number is no string");
    assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
    mismatch::<Old, Another, Protobuf>(&old);
}

#[test]
fn json_skips_what_it_does_not_know_and_takes_defaults() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Old {
        number: u32,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    struct New {
        number: u32,
        #[serde(default)]
        voucher: Option<String>,
    }
    impl Message for Old {
        const NAME: &'static str = "Order";
    }
    impl Message for New {
        const NAME: &'static str = "Order";
    }
    let (old, new) = (Old { number: 7 }, New { number: 8, voucher: Some("SPRING".into()) });
    assert_eq!(read::<Old, Json>(&message::<New, Json>(&new)).map(|order| order.number), Ok(8));
    let read = read::<New, Json>(&message::<Old, Json>(&old)).map(|order| (order.number, order.voucher));
    assert_eq!(read, Ok((7, None)));
}

#[test]
fn what_cannot_be_written_leaves_a_buffer_as_it_was() {
    /// JSON has no such keys.
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Odd(std::collections::HashMap<Vec<u8>, u8>);
    impl Message for Odd {
        const NAME: &'static str = "Odd";
    }
    let (frame, odd) = (Frame::<Odd, Json>::new(), Odd([(vec![1], 2)].into()));
    let mut buffer = b"before".to_vec();
    let error = frame.append(&odd, &mut buffer).expect_err("no JSON");
    assert!(
        matches!(&error, EncodeError::Refused { reason, .. } if reason == "key must be a string"),
        "{error}"
    );
    assert_eq!(buffer, b"before");
    assert_eq!(frame.write(&odd, &mut vec![]), Err(error));
}

#[test]
fn too_little_room_is_an_error_that_says_how_much_there_is() {
    fn check<C: Codec<Document>>() {
        let (frame, document) = (Frame::<Document, C>::new(), Document::sample());
        let len = message::<Document, C>(&document).len();
        let mut room = vec![0; len];
        assert_eq!(frame.write(&document, &mut room[..]), Ok(len));
        for room in [0, 5, 18, 19, 20, 1000, len - 1] {
            let error = EncodeError::TooLong { schema: frame.schema().clone(), room };
            assert_eq!(frame.write(&document, &mut vec![0; room][..]), Err(error));
        }
    }
    check::<Postcard>();
    check::<Json>();
    check::<Protobuf>();
    check::<Avro>();
}

#[test]
fn reasons_are_short_however_long_the_message_is() {
    let frame = Frame::<Order, Json>::new();
    let mut message = message::<Order, Json>(&Order::sample());
    message.truncate(3 + 5 + 8);
    message.extend(format!(r#"{{"number":"{}"}}"#, "ä".repeat(100_000)).bytes());
    match frame.read(&message) {
        Err(DecodeError::Malformed { reason, .. }) => {
            assert!((250..=256).contains(&reason.len()), "{reason}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn reasons_that_quote_a_message_are_printable() {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {}
    impl Message for Strict {
        const NAME: &'static str = "Strict";
    }
    let mut message = message::<Strict, Json>(&Strict {});
    message.truncate(message.len() - 2);
    message.extend(br#"{"\u001b[2J":1}"#);
    match read::<Strict, Json>(&message) {
        Err(DecodeError::Malformed { reason, .. }) => {
            assert!(reason.starts_with("unknown field ` [2J`"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}
