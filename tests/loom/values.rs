//! A topic's value: one writer, readers at any time.

use super::{Turn, check, side_by_side};
use loom::thread;
use mailbox::lab::memory::Value;
use mailbox::lab::sync::Edge::{Begun, Newest};
use mailbox::lab::sync::Mutant::{self, Acquire, Fence, Release};
use mailbox::lab::sync::stop_before;
use mailbox::lab::value::{Look, ValueReader, ValueWriter};

/// How many words the value of a number has: one that lies in the line, or two that lie in a buffer.
type Words = fn(u64) -> usize;

const TWO: Words = |_| 2;
const ONE: Words = |_| 1;
/// Those of the same place differ.
const EITHER: Words = |number| if number > 4 { 2 } else { 1 };

/// A value of the same word so many times.
fn bytes(number: u64, words: Words) -> Vec<u8> {
    number.to_ne_bytes().repeat(words(number))
}

/// Looks once. What is read is whole; its number.
fn read(value: Value, words: Words) -> u64 {
    let mut copy = [0; 16];
    match ValueReader::new(value).look(&mut copy) {
        Look::Nothing => 0,
        Look::Value(number, len) => {
            assert_eq!(copy[..len], bytes(number, words), "whole");
            number
        }
        Look::Torn => 0,
    }
}

fn written(count: u64, words: Words) -> (Value, ValueWriter) {
    let value = Value::on_heap(2);
    let mut writer = ValueWriter::resume(value.clone());
    (1..=count).for_each(|number| writer.write(&bytes(number, words)));
    (value, writer)
}

#[test]
fn what_is_read_of_a_value_is_whole_while_its_buffer_is_written_again() {
    let mutants = [Release(Newest), Acquire(Newest), Fence(Begun)];
    for words in [TWO, ONE, EITHER] {
        check(Some(2), &mutants, move |turn| {
            let (value, mut writer) = written(1, words);
            let left = move || (2..=5).for_each(|number| writer.write(&bytes(number, words)));
            let right = move || assert!(read(value, words) <= 5);
            side_by_side(turn, left, right);
        });
    }
}

#[test]
fn two_readers_see_whole_values_of_a_writer_and_its_successor() {
    check(Some(2), &[], |_: Turn| {
        let (value, writer) = written(3, EITHER);
        let readers = [value.clone(), value.clone()].map(|value| thread::spawn(move || read(value, EITHER)));
        drop(writer);
        let mut successor = ValueWriter::resume(value);
        (4..=7).for_each(|number| successor.write(&bytes(number, EITHER)));
        for reader in readers {
            let number = reader.join().expect("no panic");
            assert!(number == 0 || (3..=7).contains(&number), "{number}");
        }
    });
}

// --- A writer that stops -----------------------------------------------------------------------------------

/// Accesses of a write of two words: the number that is begun, the length, the words, the number of the newest.
const ACCESSES: u64 = 5;

/// The value that the writer stops in. The others lie in the line, also the one before it in the same place.
const LAST: u64 = 7;

/// How many words the value of a number has. The successor's lies elsewhere, or in the same buffer.
#[derive(Clone, Copy)]
struct Lens {
    dead: usize,
    successor: usize,
}

impl Lens {
    /// A value that says who wrote it, in each of its words.
    fn bytes(self, number: u64, is_successor: bool) -> Vec<u8> {
        let words = if number != LAST {
            1
        } else if is_successor {
            self.successor
        } else {
            self.dead
        };
        (number | u64::from(is_successor) << 32).to_ne_bytes().repeat(words)
    }
}

/// Looks once. What is read is whole, and of the writer that has published it: the first one up to the number `dead`.
fn read_of_either(value: &Value, lens: Lens, dead: u64) -> Option<u64> {
    let mut copy = [0; 16];
    match ValueReader::new(value.clone()).look(&mut copy) {
        Look::Nothing => panic!("there is one"),
        Look::Value(number, len) => {
            assert_eq!(copy[..len], lens.bytes(number, number > dead), "whole");
            Some(number)
        }
        Look::Torn => None,
    }
}

/// A writer stops, and another goes on, beside a reader. The last of the stops is none.
fn succeeds_beside(turn: Turn, lens: Lens, stop: u64, read: fn(Value, Lens, u64)) {
    let value = Value::on_heap(2);
    let mut writer = ValueWriter::resume(value.clone());
    (1..LAST - 3).for_each(|number| writer.write(&lens.bytes(number, false)));
    let dead = if stop > ACCESSES { LAST } else { LAST - 1 };
    let [theirs, end] = [value.clone(), value.clone()];
    // One thread for both: the rank's lock puts a successor behind all that its predecessor did.
    let write = move || {
        (LAST - 3..LAST).for_each(|number| writer.write(&lens.bytes(number, false)));
        let has_stopped = stop_before(stop, || writer.write(&lens.bytes(LAST, false)));
        assert_eq!(has_stopped, dead < LAST, "each access is one of those that it stops at");
        drop(writer);
        ValueWriter::resume(value).write(&lens.bytes(dead + 1, true));
    };
    side_by_side(turn, write, move || read(theirs, lens, dead));
    assert_eq!(read_of_either(&end, lens, dead), Some(dead + 1), "none is left out");
}

/// A successor's value that lies elsewhere than what the dead one has begun, or in the same buffer.
const LENS: [Lens; 2] = [Lens { dead: 2, successor: 1 }, Lens { dead: 2, successor: 2 }];

const MUTANTS: [Mutant; 3] = [Release(Newest), Acquire(Newest), Fence(Begun)];

#[test]
fn a_writer_that_stops_anywhere_is_succeeded_and_numbers_do_not_go_back() {
    for (lens, stop) in LENS.into_iter().flat_map(|lens| (1..=ACCESSES + 1).map(move |stop| (lens, stop))) {
        check(Some(2), &MUTANTS, move |turn| {
            succeeds_beside(turn, lens, stop, |value, lens, dead| {
                let first = read_of_either(&value, lens, dead);
                let second = read_of_either(&value, lens, dead);
                assert!(second.is_none() || second >= first, "{second:?} after {first:?}");
            });
        });
    }
}

#[test]
fn a_writer_that_stops_anywhere_is_succeeded_beside_two_readers() {
    for stop in 1..=ACCESSES + 1 {
        check(Some(2), &MUTANTS, move |turn| {
            succeeds_beside(turn, LENS[1], stop, |value, lens, dead| {
                let other = value.clone();
                let other = thread::spawn(move || read_of_either(&other, lens, dead));
                read_of_either(&value, lens, dead);
                other.join().expect("no panic");
            });
        });
    }
}

#[test]
fn what_was_whole_can_be_read_while_nobody_succeeds_a_writer_that_stopped() {
    for stop in 1..=ACCESSES {
        // With the number alone, nothing was written that a reader could take for the former value.
        let mutants = if stop > 2 { &MUTANTS[..] } else { &MUTANTS[..2] };
        check(Some(3), mutants, move |turn| {
            let lens = LENS[1];
            let value = Value::on_heap(2);
            let mut writer = ValueWriter::resume(value.clone());
            (1..LAST - 3).for_each(|number| writer.write(&lens.bytes(number, false)));
            let end = value.clone();
            let write = move || {
                (LAST - 3..LAST).for_each(|number| writer.write(&lens.bytes(number, false)));
                assert!(stop_before(stop, || writer.write(&lens.bytes(LAST, false))));
            };
            let read = move || {
                read_of_either(&value, lens, LAST - 1);
            };
            side_by_side(turn, write, read);
            assert_eq!(read_of_either(&end, lens, LAST - 1), Some(LAST - 1), "it stays");
        });
    }
}
