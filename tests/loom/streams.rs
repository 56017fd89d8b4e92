//! A topic's stream: one writer, readers that are awaited and readers that may be passed.

use super::{Turn, bells, check, mail, side_by_side, sleep};
use core::ops::Range;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use mailbox::lab::abi::Registration;
use mailbox::lab::memory::{Stream, load};
use mailbox::lab::rank::{Bell, Ringer};
use mailbox::lab::stream::{Found, Place, StreamReader, StreamWriter};
use mailbox::lab::sync::Edge::{Cursor, Held, Hungry, Overwritten, Published, RingerFence};
use mailbox::lab::sync::Mutant::{self, Acquire, Blind, Clear, Fence, Release};
use mailbox::lab::sync::full_fence;

/// Two ranks, and as many cells.
fn stream(cells: usize, words: usize) -> Stream {
    Stream::on_heap(2, cells, words)
}

fn begin(stream: &Stream, rank: u32, is_awaited: bool, history: u64) -> StreamReader {
    StreamReader::begin(stream.clone(), rank, Registration { epoch: 1, is_awaited }, history)
}

/// The payloads, each of 64 bytes, as loom's race detector sees them: a write that does not happen after all earlier reads of the same
/// payload is reported.
#[derive(Clone)]
struct Accesses(Arc<[UnsafeCell<()>; 2]>);

// SAFETY: the cells hold nothing; they are there to have accesses to them checked.
#[expect(unsafe_code, reason = "loom's cells are not Sync, as the real ones")]
unsafe impl Sync for Accesses {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "loom's cells are not Sync, as the real ones")]
unsafe impl Send for Accesses {}

impl Accesses {
    fn new() -> Self {
        Self(Arc::new([UnsafeCell::new(()), UnsafeCell::new(())]))
    }

    fn of(&self, bytes: &Range<u64>) -> &UnsafeCell<()> {
        &self.0[bytes.start as usize / 64]
    }
}

/// Publishes a message of two words, the same twice, if there is room: among the payloads, or in its cell.
fn publish(writer: &mut StreamWriter, payloads: Option<&Accesses>) -> bool {
    let word = (writer.next() + 1).to_ne_bytes();
    let Ok(place) = writer.make_room(payloads.map(|_| 16), |_, _| true) else { return false };
    if let (Some(payloads), Some(bytes)) = (payloads, place.bytes()) {
        payloads.of(&bytes).with_mut(|_| ());
    }
    writer.write(place, &[word, word].concat());
    true
}

/// Takes the next message, which is whole. Its number; `None` if there is none.
fn take(reader: &mut StreamReader, payloads: Option<&Accesses>) -> Option<u64> {
    let number = match (reader.take().ok()??, payloads) {
        (Found::Short(words, len), None) => {
            let number = reader.cursor() - 1;
            assert_eq!((len, &words[..2]), (16, &[number + 1; 2][..]), "whole");
            number
        }
        (Found::Placed(bytes), Some(payloads)) => {
            payloads.of(&bytes).with(|_| ());
            let mut copy = [0; 16];
            load(reader.words(&bytes), &mut copy);
            let number = reader.cursor();
            assert_eq!(copy, *[(number + 1).to_ne_bytes(); 2].concat(), "whole");
            reader.release();
            number
        }
        (found, _) => panic!("{found:?}"),
    };
    Some(number)
}

/// A reader takes what there is, beside a writer that publishes more than there is room for.
fn takes_beside(turn: Turn, is_awaited: bool, is_placed: bool) {
    let stream = stream(2, if is_placed { 16 } else { 0 });
    let payloads = is_placed.then(Accesses::new);
    let theirs = payloads.clone();
    let mut writer = StreamWriter::resume(stream.clone());
    let mut reader = begin(&stream, 0, is_awaited, 0);
    assert!(publish(&mut writer, payloads.as_ref()));
    let left = move || {
        (0..3).for_each(|_| {
            publish(&mut writer, payloads.as_ref());
        });
    };
    let right = move || {
        let mut next = 0;
        for _ in 0..2 {
            if let Some(number) = take(&mut reader, theirs.as_ref()) {
                let missed = reader.take_missed();
                assert_eq!(number, next + missed, "none is missed unseen");
                assert!(!is_awaited || missed == 0);
                next = number + 1;
            }
        }
    };
    side_by_side(turn, left, right);
}

#[test]
fn a_copy_of_a_short_message_is_whole_or_counts_for_nothing() {
    // The writer's fence is missed below: here the one that comes with `gone` would do.
    let mutants = [Release(Published), Acquire(Published), Acquire(Overwritten)];
    check(Some(3), &mutants, |turn| takes_beside(turn, false, false));
}

#[test]
fn what_a_reader_holds_is_not_overwritten() {
    let mutants = [Fence(Held), Fence(Overwritten), Release(Cursor), Acquire(Cursor)];
    check(Some(3), &mutants, |turn| takes_beside(turn, false, true));
}

#[test]
fn an_awaited_reader_misses_nothing() {
    check(Some(3), &[Release(Published), Acquire(Published)], |turn| takes_beside(turn, true, false));
}

#[test]
fn what_an_awaited_reader_has_is_not_overwritten() {
    check(Some(3), &[Release(Cursor)], |turn| takes_beside(turn, true, true));
}

/// A reader begins with the last message, beside a writer that needs its room.
fn begins_beside(turn: Turn, is_placed: bool) {
    let stream = stream(if is_placed { 4 } else { 2 }, if is_placed { 16 } else { 0 });
    let payloads = is_placed.then(Accesses::new);
    let theirs = payloads.clone();
    let mut writer = StreamWriter::resume(stream.clone());
    assert!(publish(&mut writer, payloads.as_ref()));
    let left = move || {
        (0..3).for_each(|_| {
            publish(&mut writer, payloads.as_ref());
        });
    };
    let right = move || {
        let mut reader = begin(&stream, 0, true, 1);
        if take(&mut reader, theirs.as_ref()).is_some() {
            assert_eq!(reader.take_missed(), 0);
        }
    };
    side_by_side(turn, left, right);
}

#[test]
fn an_awaited_reader_that_begins_is_awaited() {
    check(Some(3), &[Fence(Held), Fence(Overwritten)], |turn| begins_beside(turn, false));
}

#[test]
fn what_an_awaited_reader_that_begins_has_is_not_overwritten() {
    check(Some(3), &[Fence(Held), Fence(Overwritten)], |turn| begins_beside(turn, true));
}

#[test]
fn two_readers_and_a_successor() {
    check(Some(2), &[], |_: Turn| {
        let stream = stream(2, 0);
        let mut writer = StreamWriter::resume(stream.clone());
        let readers = [(0, true), (1, false)].map(|(rank, is_awaited)| {
            let mut reader = begin(&stream, rank, is_awaited, 0);
            thread::spawn(move || {
                let first = take(&mut reader, None);
                assert!(!is_awaited || first.is_none_or(|number| number == 0));
            })
        });
        publish(&mut writer, None);
        drop(writer);
        let mut successor = StreamWriter::resume(stream);
        assert_eq!(successor.next(), 1);
        (0..2).for_each(|_| {
            publish(&mut successor, None);
        });
        readers.into_iter().for_each(|reader| reader.join().expect("no panic"));
    });
}

/// Looks for room as a publisher does that waits for it.
fn look_for_room(writer: &mut StreamWriter, len: Option<u64>) -> Option<Place> {
    match writer.make_room(len, |_, _| true) {
        Ok(place) => Some(place),
        // The reader may have gone on before it was told.
        Err(behind) if writer.set_starved(behind.below) => writer.make_room(len, |_, _| true).ok(),
        Err(_) => None,
    }
}

/// Wakes the writer as a subscriber does, if it waits for what was just done.
fn tell(reader: &StreamReader, bell: Bell<'_>) {
    let ringer = Ringer::register();
    if !ringer.needs_no_ring(bell) {
        full_fence(RingerFence);
        if reader.is_waited_for() {
            ringer.ring(bell);
        }
    }
}

/// The sleeper's fence is missed elsewhere: here the one that comes with `starved` would do.
const HUNGRY: [Mutant; 4] = [Fence(RingerFence), Fence(Hungry), Clear, Blind];

/// A writer sleeps until there is room for one more message of this length, beside a reader that does something and tells it.
fn sleeps_beside(
    turn: Turn,
    (mut writer, mut reader): (StreamWriter, StreamReader),
    len: Option<u64>,
    does: fn(&mut StreamReader),
) {
    let bells = bells();
    let rung = bells.clone();
    let left = move || {
        let place = sleep(mail(&bells), || look_for_room(&mut writer, len));
        writer.set_starved(0);
        writer.write(place, &[7; 16]);
    };
    let right = move || {
        does(&mut reader);
        tell(&reader, mail(&rung));
    };
    side_by_side(turn, left, right);
}

/// A writer for which there is no more room, and an awaited reader that has read nothing.
fn full() -> (StreamWriter, StreamReader) {
    let stream = stream(2, 0);
    let reader = begin(&stream, 0, true, 0);
    let mut writer = StreamWriter::resume(stream);
    (0..2).for_each(|_| assert!(publish(&mut writer, None)));
    (writer, reader)
}

#[test]
fn a_writer_that_sleeps_is_woken_by_a_reader_that_goes_on() {
    check(Some(3), &HUNGRY, |turn| {
        sleeps_beside(turn, full(), None, |reader| assert!(reader.take().is_ok_and(|found| found.is_some())));
    });
}

#[test]
fn a_writer_that_sleeps_is_woken_by_a_reader_that_ends() {
    check(Some(3), &HUNGRY, |turn| sleeps_beside(turn, full(), None, StreamReader::end));
}

#[test]
fn a_writer_that_sleeps_is_woken_by_a_reader_that_lets_go() {
    check(Some(3), &HUNGRY, |turn| {
        let stream = stream(2, 16);
        let [mut one, mut other] = [0, 1].map(|rank| begin(&stream, rank, false, 0));
        let mut writer = StreamWriter::resume(stream);
        let payloads = Accesses::new();
        (0..2).for_each(|_| assert!(publish(&mut writer, Some(&payloads))));
        // Each has one of the two places.
        assert_eq!(take(&mut other, Some(&payloads)), Some(0));
        for reader in [&mut one, &mut other] {
            assert!(matches!(reader.take(), Ok(Some(Found::Placed(_)))));
        }
        // A model that found a mistake ends in the middle: what loom has an eye on must be gone by then.
        drop((payloads, other));
        sleeps_beside(turn, (writer, one), Some(16), StreamReader::release);
    });
}
