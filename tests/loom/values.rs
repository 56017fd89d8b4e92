//! A topic's value: one writer, readers at any time.

use super::{Turn, check, side_by_side};
use loom::thread;
use mailbox::lab::memory::Value;
use mailbox::lab::sync::Edge::{Begun, Newest};
use mailbox::lab::sync::Mutant::{Acquire, Fence, Release};
use mailbox::lab::value::{Look, ValueReader, ValueWriter};

/// A value of two words, the same twice.
fn bytes(number: u64) -> [u8; 16] {
    let word = number.to_ne_bytes();
    [word, word].concat().try_into().expect("two words")
}

/// Looks once. What is read is whole; its number.
fn read(value: Value) -> u64 {
    let mut copy = [0; 16];
    match ValueReader::new(value).look(&mut copy) {
        Look::Nothing => 0,
        Look::Value(number, len) => {
            assert_eq!((len, copy), (16, bytes(number)), "whole");
            number
        }
        Look::Torn => 0,
    }
}

fn written(count: u64) -> (Value, ValueWriter) {
    let value = Value::on_heap(2);
    let mut writer = ValueWriter::resume(value.clone());
    (1..=count).for_each(|number| writer.write(&bytes(number)));
    (value, writer)
}

#[test]
fn what_is_read_of_a_value_is_whole_while_its_buffer_is_written_again() {
    let mutants = [Release(Newest), Acquire(Newest), Fence(Begun)];
    check(Some(2), &mutants, |turn| {
        let (value, mut writer) = written(1);
        let left = move || (2..=5).for_each(|number| writer.write(&bytes(number)));
        let right = move || assert!(read(value) <= 5);
        side_by_side(turn, left, right);
    });
}

#[test]
fn two_readers_see_whole_values_of_a_writer_and_its_successor() {
    check(Some(2), &[], |_: Turn| {
        let (value, writer) = written(3);
        let readers = [value.clone(), value.clone()].map(|value| thread::spawn(move || read(value)));
        drop(writer);
        let mut successor = ValueWriter::resume(value);
        (4..=7).for_each(|number| successor.write(&bytes(number)));
        for reader in readers {
            let number = reader.join().expect("no panic");
            assert!(number == 0 || (3..=7).contains(&number), "{number}");
        }
    });
}
