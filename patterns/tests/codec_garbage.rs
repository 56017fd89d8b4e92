//! Bytes of peers that lie: no decoder panics, overflows its stack, or takes memory or time that they do not pay for.

#[path = "samples/counted.rs"]
mod counted;
mod samples;

use apache_avro::AvroSchema;
use counted::most_memory;
use mailbox_patterns::codec::{Avro, Codec, DecodeError, Frame, Json, Message, Plain, Postcard, Protobuf};
use proptest::prelude::*;
use samples::{Document, Order, Tick, Tree};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::thread;

type Decode = dyn Fn(&[u8]) -> Option<DecodeError> + Send + Sync;

/// A decoder, without its types.
struct Decoder {
    name: String,
    /// A message that is one.
    good: Vec<u8>,
    /// Where its header ends.
    header: usize,
    /// What is wrong with a message, if something is.
    decode: Box<Decode>,
}

impl Decoder {
    fn new<T: Message + 'static, C: Codec<T> + Send + Sync + 'static>(value: &T) -> Self {
        let frame = Frame::<T, C>::new();
        let mut good = vec![];
        frame.append(value, &mut good).expect("it can be written");
        let name = frame.schema().to_string();
        let header = 3 + T::NAME.len() + 8;
        Self { name, good, header, decode: Box::new(move |bytes| frame.read(bytes).err()) }
    }

    /// Reads this value, behind a good header. Takes no more memory than so many times its length, and 1 MiB.
    fn read(&self, value: &[u8]) -> Option<DecodeError> {
        let message = [&self.good[..self.header], value].concat();
        self.check(&message)
    }

    fn check(&self, message: &[u8]) -> Option<DecodeError> {
        let (error, most) = most_memory(|| (self.decode)(message));
        assert!(most <= 64 * message.len() + (1 << 20), "{}: {most} bytes for {}", self.name, message.len());
        if let Some(DecodeError::Malformed { reason, .. }) = &error {
            assert!(reason.len() <= 256);
        }
        error
    }
}

fn all_formats<T>(value: &T) -> [Decoder; 4]
where
    T: Message + 'static,
    Postcard: Codec<T>,
    Json: Codec<T>,
    Protobuf: Codec<T>,
    Avro: Codec<T>,
{
    [
        Decoder::new::<T, Postcard>(value),
        Decoder::new::<T, Json>(value),
        Decoder::new::<T, Protobuf>(value),
        Decoder::new::<T, Avro>(value),
    ]
}

fn decoders() -> Vec<Decoder> {
    let mut all = vec![Decoder::new::<Tick, Plain>(&Tick::sample())];
    all.extend(all_formats(&Tick::sample()));
    all.extend(all_formats(&Order::sample()));
    all.extend(all_formats(&Document::sample()));
    all.extend(all_formats(&Tree::chain(10)));
    all
}

thread_local! {
    static ALL: Vec<Decoder> = decoders();
}

/// Bytes that are likelier than others to mean something.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => any::<u8>(),
        2 => prop_oneof![Just(0), Just(1), Just(2), Just(0x7f), Just(0x80), Just(0xff), Just(0x0a), Just(0x12)],
        1 => prop::sample::select(b"{}[]:,\"\\truefalsn0123456789.e-".to_vec()),
    ];
    prop::collection::vec(byte, 0..most)
}

/// A change of a message.
#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u32),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, prop::sample::Index),
}

impl Change {
    fn make(&self, message: &mut Vec<u8>) {
        if message.is_empty() {
            return;
        }
        let len = message.len();
        match self {
            Change::Set(at, byte) => message[at.index(len)] = *byte,
            Change::Flip(at, bit) => message[at.index(len)] ^= 1 << bit,
            Change::Cut(at) => message.truncate(at.index(len)),
            Change::Insert(at, bytes) => {
                message.splice(at.index(len)..at.index(len), bytes.iter().copied());
            }
            Change::Remove(at, count) => {
                message.drain(at.index(len)..len.min(at.index(len) + count));
            }
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                message.extend_from_within(from.min(to)..from.max(to));
            }
        }
    }
}

fn changes() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0..8u32).prop_map(|(at, bit)| Change::Flip(at, bit)),
        at().prop_map(Change::Cut),
        (at(), bytes(12)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1..9usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_values_or_errors(bytes in bytes(300)) {
        ALL.with(|all| all.iter().for_each(|decoder| _ = decoder.read(&bytes)));
    }

    #[test]
    fn arbitrary_messages_are_errors(bytes in bytes(300)) {
        ALL.with(|all| for decoder in all {
            let error = decoder.check(&bytes);
            assert!(matches!(error, Some(DecodeError::Untyped { .. } | DecodeError::Mismatch { .. })));
        });
    }

    #[test]
    fn mutated_messages_are_values_or_errors(changes in prop::collection::vec(changes(), 1..6)) {
        ALL.with(|all| for decoder in all {
            let mut message = decoder.good.clone();
            changes.iter().for_each(|change| change.make(&mut message));
            decoder.check(&message);
            let mut value = decoder.good[decoder.header..].to_vec();
            changes.iter().for_each(|change| change.make(&mut value));
            decoder.read(&value);
        });
    }

    #[test]
    fn other_values_are_values_or_errors(one in any::<prop::sample::Index>(), changes in prop::collection::vec(changes(), 0..3)) {
        ALL.with(|all| {
            let other = one.get(all);
            let mut value = other.good[other.header..].to_vec();
            changes.iter().for_each(|change| change.make(&mut value));
            all.iter().for_each(|decoder| _ = decoder.read(&value));
        });
    }
}

#[test]
fn every_cut_of_a_message_is_an_error() {
    for decoder in decoders() {
        for len in 0..decoder.good.len() {
            let error = decoder.check(&decoder.good[..len]);
            // Fields of Protocol Buffers may be missing.
            let may_end = decoder.name.contains("Protocol Buffers") && len >= decoder.header;
            assert!(error.is_some() || may_end, "{} at {len}", decoder.name);
        }
        let longer = [&*decoder.good, b"\xff"].concat();
        assert!(decoder.check(&longer).is_some(), "{}: a byte more", decoder.name);
    }
}

/// Numbers of entries and bytes as varints: of 2^62, 2^40, 4 GiB, 256 MiB, and 2 MiB.
fn claims() -> impl Iterator<Item = Vec<u8>> {
    [62, 40, 32, 28, 21].into_iter().map(|bits| varint(1 << bits))
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = vec![];
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[test]
fn lengths_that_lie_take_no_memory() {
    let [postcard, _, protobuf, avro] = all_formats(&Order::sample());
    let [trees, _, _, avro_trees] = all_formats(&Tree::chain(1));
    for claim in claims() {
        // The customer is so long; so many lines; trees in trees, each with so many.
        assert!(postcard.read(&[&[1], &*claim, b"Ada"].concat()).is_some());
        assert!(postcard.read(&[&[1, 1, b'A'], &*claim, b"Ada"].concat()).is_some());
        assert!(avro.read(&[&[2], &*claim, b"Ada"].concat()).is_some());
        assert!(avro.read(&[&[2, 2, b'A'], &*claim, b"Ada"].concat()).is_some());
        assert!(protobuf.read(&[&[0x12], &*claim, b"Ada"].concat()).is_some());
        assert!(protobuf.read(&[&[0x1a], &*claim, b"Ada"].concat()).is_some());
        for count in [1, 10, 60] {
            assert!(trees.read(&claim.repeat(count)).is_some());
            assert!(avro_trees.read(&claim.repeat(count)).is_some());
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, AvroSchema, postcard_schema::Schema)]
struct Nothings {
    nothings: Vec<()>,
}

impl Message for Nothings {
    const NAME: &'static str = "Nothings";
}

#[derive(Debug, PartialEq, Serialize, Deserialize, postcard_schema::Schema)]
struct Pairs {
    pairs: BTreeMap<(), u8>,
    units: BTreeMap<(), ()>,
}

impl Message for Pairs {
    const NAME: &'static str = "Pairs";
}

/// Reading 2^62 of them would take years.
#[test]
fn entries_without_bytes_come_to_an_end() {
    let few = Nothings { nothings: vec![(); 1000] };
    let (postcard, avro) = (Decoder::new::<_, Postcard>(&few), Decoder::new::<_, Avro>(&few));
    assert_eq!((postcard.check(&postcard.good), avro.check(&avro.good)), (None, None));
    let pairs = Decoder::new::<Pairs, Postcard>(&Pairs { pairs: [((), 1)].into(), units: [((), ())].into() });
    assert_eq!(pairs.check(&pairs.good), None);
    for claim in claims() {
        assert!(postcard.read(&claim).is_some());
        assert!(avro.read(&[&*claim, &[0]].concat()).is_some());
        assert!(pairs.read(&[&[0], &*claim].concat()).is_some());
    }
}

/// In a thread with a small stack.
fn with_stack(run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(run).expect("a thread");
    thread.join().expect("no panic");
}

#[test]
fn values_that_nest_too_deep_are_errors() {
    with_stack(|| {
        let [postcard, json, protobuf, avro] = all_formats(&Tree::chain(10));
        let deep = |levels: usize| -> [Vec<u8>; 4] {
            let protobuf =
                (0..levels).fold(vec![], |tree, _| [&[0x0a], &*varint(tree.len() as u64), &*tree].concat());
            [
                [vec![1; levels], vec![0]].concat(),
                [r#"{"children":["#.repeat(levels), r#"{"children":[]}"#.into(), "]}".repeat(levels)]
                    .concat()
                    .into(),
                protobuf,
                [vec![2; levels], vec![0; levels + 1]].concat(),
            ]
        };
        for (decoder, (few, many)) in
            [&postcard, &json, &protobuf, &avro].into_iter().zip(deep(60).into_iter().zip(deep(65)))
        {
            assert_eq!(decoder.read(&few), None, "{}", decoder.name);
            let is_protobuf = decoder.name.contains("Protocol Buffers");
            assert_eq!(decoder.read(&many).is_some(), !is_protobuf, "{}", decoder.name);
        }
        assert!(protobuf.read(&deep(101)[2]).is_some());
        for levels in [1000, 10_000] {
            for (decoder, value) in [&postcard, &json, &protobuf, &avro].into_iter().zip(deep(levels)) {
                assert!(decoder.read(&value).is_some(), "{}", decoder.name);
            }
        }
        // Groups, which nobody has used for years, nest in what is skipped.
        assert!(protobuf.read(&[0x13; 100_000]).is_some());
        assert!(json.read(&[b'['; 100_000]).is_some());
        let unknown = format!(r#"{{"other":{}1{},"children":[]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        // What is skipped is not kept, and takes no stack.
        json.read(unknown.as_bytes());
    });
}
