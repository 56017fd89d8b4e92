//! A topic's value: one writer, readers at any time.

use super::{Turn, check, side_by_side};
use loom::thread;
use mailbox::lab::memory::Value;
use mailbox::lab::sync::Edge::{Begun, Newest};
use mailbox::lab::sync::Mutant::{Acquire, Fence, Release};
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
