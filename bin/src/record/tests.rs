//! Recordings come back as they were written, and nothing else is ever taken for one.

use super::{Entry, ReadError, Reader, Record, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::{Cursor, Read};
use std::time::{Duration, SystemTime};

fn recording(records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::begin(vec![], 7, SystemTime::now()).expect("memory");
    records.iter().for_each(|record| writer.add(record).expect("memory"));
    writer.finish(Duration::from_secs(1)).expect("memory")
}

/// All records that can be read, and why there are no more; `None` if that is the end.
fn read(bytes: &[u8]) -> (Vec<Record>, Option<ReadError>) {
    let mut records = vec![];
    let mut reader = match Reader::begin(bytes) {
        Ok(reader) => reader,
        Err(error) => return (records, Some(error)),
    };
    let end = loop {
        match reader.next() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(matches!(reader.next(), Ok(None)), "nothing comes after the end");
    (records, end)
}

fn sample() -> Vec<Record> {
    let entries = [
        Entry::Mail { from: 0, to: 6, tag: u32::MAX, context: 9, payload: b"hello".to_vec() },
        Entry::Value { topic: "price".into(), number: 3, payload: vec![] },
        Entry::MissedMail { from: 1, to: 2, count: 1 << 40 },
        Entry::Mail { from: 3, to: 3, tag: 0, context: 0, payload: vec![0xA5; 100] },
        Entry::MissedValues { topic: "ü".into(), count: 1 },
    ];
    let times = (0..).map(|at| Duration::from_nanos(at * 999_999_937));
    times.zip(entries).map(|(at, entry)| Record { at, entry }).collect()
}

/// Where each record, and at last the end, begins.
fn offsets(records: &[Record]) -> Vec<u64> {
    let mut writer = Writer::begin(vec![], 7, SystemTime::now()).expect("memory");
    let mut offsets = vec![32];
    for record in records {
        let mut body = vec![];
        record.append_to(&mut body).expect("a short name");
        offsets.push(offsets.last().unwrap() + 12 + body.len() as u64);
        writer.add(record).expect("memory");
    }
    offsets
}

#[test]
fn what_is_written_is_read() {
    let bytes = recording(&sample());
    let (records, end) = read(&bytes);
    assert_eq!(records, sample());
    assert!(end.is_none(), "{end:?}");
    assert_eq!(Reader::begin(&bytes[..]).expect("a recording").ranks(), 7);
    let (records, end) = read(&recording(&[]));
    assert!(records.is_empty() && end.is_none());
}

/// A recording of version 1 as its bytes are documented, made without the writer.
fn first_version() -> Vec<u8> {
    let checked = |bytes: &[u8]| [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat();
    let record = |body: &[u8]| [checked(&(body.len() as u32).to_le_bytes()), checked(body)].concat();
    let header = [&b"mbox-rec\x01\0\0\0"[..], &[3, 0, 0, 0], &[9; 8], &[0; 4]].concat();
    // Each is its kind, its time, and its fields.
    let at = |seconds: u64| (seconds * 1_000_000_000).to_le_bytes();
    let mail = [&[1][..], &at(1), &[2, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 5, 0], b"hello"].concat();
    let value = [&[2][..], &at(2), &[4, 0, 0, 0, 0, 0, 0, 0, 5], b"price", b"3.50"].concat();
    let missed = [&[3][..], &at(3), &[0, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]].concat();
    let values = [&[4][..], &at(4), &[8, 0, 0, 0, 0, 0, 0, 0, 5], b"price"].concat();
    let end = [&[0][..], &at(5), &[4, 0, 0, 0, 0, 0, 0, 0]].concat();
    [checked(&header), record(&mail), record(&value), record(&missed), record(&values), record(&end)].concat()
}

#[test]
fn a_recording_of_the_first_version_is_read() {
    let (records, end) = read(&first_version());
    let entries = [
        Entry::Mail { from: 2, to: 1, tag: 7, context: 5, payload: b"hello".to_vec() },
        Entry::Value { topic: "price".into(), number: 4, payload: b"3.50".to_vec() },
        Entry::MissedMail { from: 0, to: 1, count: 6 },
        Entry::MissedValues { topic: "price".into(), count: 8 },
    ];
    let times = (1..).map(Duration::from_secs);
    assert_eq!(records, times.zip(entries).map(|(at, entry)| Record { at, entry }).collect::<Vec<_>>());
    assert!(end.is_none(), "{end:?}");
    assert_eq!(Reader::begin(&first_version()[..]).expect("a recording").ranks(), 3);
}

#[test]
fn a_cut_recording_is_read_up_to_the_cut() {
    let (bytes, offsets) = (recording(&sample()), offsets(&sample()));
    for cut in 0..bytes.len() {
        let (records, end) = read(&bytes[..cut]);
        let whole = offsets[1..].iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(records, sample()[..whole], "cut at {cut}");
        match (cut, end) {
            (0, Some(ReadError::Foreign)) => {}
            (1..32, Some(ReadError::Cut(0))) => {}
            (32.., Some(ReadError::Cut(offset))) if offset == offsets[whole] => {}
            (_, end) => panic!("cut at {cut}: {end:?}"),
        }
    }
}

#[test]
fn no_garbled_record_is_taken_for_one() {
    let (bytes, offsets) = (recording(&sample()), offsets(&sample()));
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut garbled = bytes.clone();
            garbled[at] ^= flip;
            let (records, end) = read(&garbled);
            let whole = offsets[1..].iter().filter(|end| **end <= at as u64).count();
            assert_eq!(records, sample()[..whole], "flipped at {at}");
            match (at, end) {
                (0..8, Some(ReadError::Foreign)) => {}
                (8..12, Some(ReadError::Version(_))) => {}
                (12..32, Some(ReadError::Garbled(0))) => {}
                (32.., Some(ReadError::Garbled(offset))) if offset == offsets[whole] => {}
                (_, end) => panic!("flipped at {at}: {end:?}"),
            }
        }
    }
}

#[test]
fn nothing_comes_after_the_end_and_none_is_left_out() {
    let bytes = recording(&sample());
    let garbled = |bytes: &[u8]| match read(bytes).1 {
        Some(ReadError::Garbled(offset)) => offset,
        end => panic!("{end:?}"),
    };
    assert_eq!(garbled(&[&bytes[..], &[0]].concat()), bytes.len() as u64);
    let offsets = offsets(&sample());
    let [first, second, end] = [offsets[0], offsets[1], offsets[5]].map(|offset| offset as usize);
    assert_eq!(garbled(&[&bytes[..first], &bytes[second..]].concat()), (end - (second - first)) as u64);
}

/// Gives garbage for ever, and counts it.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(0x5A);
        self.0 += buffer.len() as u64;
        Ok(buffer.len())
    }
}

#[test]
fn garbage_lengths_take_no_memory() {
    let header = &recording(&[])[..32];
    // A length that is too long, with a good check.
    let long = u32::MAX.to_le_bytes();
    let mut bytes = [header, &long, &crc32fast::hash(&long).to_le_bytes()].concat();
    let mut reader = Reader::begin(Cursor::new(&mut bytes).chain(Endless(0))).expect("a header");
    assert!(matches!(reader.next(), Err(ReadError::Garbled(32))));
    // The longest that is allowed, of which little is there.
    let most = super::entry::MAX_BODY.to_le_bytes();
    let bytes = [header, &most, &crc32fast::hash(&most).to_le_bytes(), &[1; 100]].concat();
    let mut reader = Reader::begin(&bytes[..]).expect("a header");
    assert!(matches!(reader.next(), Err(ReadError::Cut(32))));
    assert!(reader.capacity() < 4096, "{}", reader.capacity());
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let mut writer = Writer::begin(vec![], 1, SystemTime::now()).expect("memory");
    let record = |len: usize| {
        let entry = Entry::MissedValues { topic: "x".repeat(len), count: 1 };
        Record { at: Duration::ZERO, entry }
    };
    assert!(writer.add(&record(256)).is_err());
    writer.add(&record(255)).expect("it fits");
    let bytes = writer.finish(Duration::ZERO).expect("memory");
    assert_eq!(read(&bytes).0, [record(255)]);
}

fn entries() -> impl Strategy<Value = Entry> {
    let (numbers, payload) = (any::<(u32, u32, u32, u16)>(), vec(any::<u8>(), 0..300));
    let name = "\\PC{0,60}";
    prop_oneof![
        (numbers, payload.clone()).prop_map(|((from, to, tag, context), payload)| Entry::Mail {
            from,
            to,
            tag,
            context,
            payload
        }),
        (name, any::<u64>(), payload, any::<bool>()).prop_map(|(topic, number, payload, is_latest)| {
            if is_latest {
                Entry::Latest { topic, number, payload }
            } else {
                Entry::Value { topic, number, payload }
            }
        }),
        any::<(u32, u32, u64)>().prop_map(|(from, to, count)| Entry::MissedMail { from, to, count }),
        (name, any::<u64>()).prop_map(|(topic, count)| Entry::MissedValues { topic, count }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn any_records_come_back(entries in vec((any::<u64>(), entries()), 0..20)) {
        let records: Vec<Record> =
            entries.into_iter().map(|(at, entry)| Record { at: Duration::from_nanos(at), entry }).collect();
        let (found, end) = read(&recording(&records));
        prop_assert_eq!(found, records);
        prop_assert!(end.is_none());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..400)) {
        read(&bytes);
        read(&[&recording(&[])[..32], &bytes].concat());
    }
}
