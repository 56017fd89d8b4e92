//! The writing end.

use super::{Payload, Places};
use crate::abi::{Registration, is_below, next_of_stamps};
use crate::memory::{Stream, store, store_small};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{AtomicU64, Edge, acquire, fence, full_fence, release};
use core::ops::Range;

/// The one end that writes a stream.
pub struct StreamWriter {
    stream: Stream,
    /// The number of the next message.
    next: u64,
    /// The cells of messages below this number may be written.
    claimed: u64,
    /// What was stored last: messages below this number may be overwritten, once all readers agree.
    oldest: u64,
    /// They agree below this number.
    clear: u64,
    places: Places,
}

/// Where the payload of the next message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Option<Range<u64>>);

impl Place {
    /// Its bytes among the payloads; `None` for the cell.
    pub fn bytes(&self) -> Option<Range<u64>> {
        self.0.clone()
    }
}

/// Why there is no room yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The rank that needs what must be overwritten.
    pub rank: u32,
    /// Messages below this number must go.
    pub below: u64,
}

impl StreamWriter {
    /// Goes on where the last writer stopped. Its own side wrote the cells. The caller has seen that this writer died, or with an
    /// Acquire that it has ended.
    pub fn resume(stream: Stream) -> Self {
        let next = next(&stream);
        let cells = stream.cells.len() as u64;
        // One that makes no sense is cut to what the cells can hold.
        let kept = |word: &AtomicU64| next - next.wrapping_sub(word.load(Relaxed)).min(cells).min(next);
        // The last writer may have stopped while it waited for readers of the messages between them.
        let (oldest, clear) = (kept(&stream.line.oldest), kept(&stream.line.gone));
        // Pairs with the fence of a reader that holds a message: one that holds an older message does so since before this.
        full_fence(Edge::Overwritten);
        let mut places = Places::new(size_of_val(&*stream.payloads) as u64);
        for number in clear..next {
            let cell = stream.cells.at(number);
            let is_here = cell.stamp.load(Relaxed) == number + 1;
            let payload = Payload::of(cell.envelope.load(Relaxed), size_of_val(&*stream.payloads) as u64);
            if let Some(Payload::Placed(bytes)) = payload.filter(|_| is_here) {
                places.take(number, bytes);
            }
        }
        let mut writer = Self { stream, next, claimed: next, oldest, clear, places };
        writer.look_at_held(&mut |_, _| true);
        writer
    }

    /// The number of the next message.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The most bytes of a message's payload among the payloads.
    pub fn longest(&self) -> u64 {
        size_of_val(&*self.stream.payloads) as u64 / 2
    }

    /// Makes room for the next message, with a payload of `len` bytes, at most the longest, that goes to its cell or among the
    /// payloads. `lives` says whether a rank still lives in the life of this epoch, as far as is known.
    pub fn make_room(
        &mut self,
        len: Option<u64>,
        mut lives: impl FnMut(u32, u64) -> bool,
    ) -> Result<Place, Behind> {
        // What is held may have been let go, or taken, since it was looked at: once for each place that turns out to be held.
        for _ in 0..=self.stream.readers.len() {
            let (mut below, mut place) = (self.clear_for_cells(), None);
            if let Some(len) = len {
                let (found, gone) = self.find_place(len, &mut lives)?;
                below = gone.map_or(below, |gone| latest(below, gone + 1));
                place = Some(found);
            }
            if is_below(self.clear, below) {
                self.clear_below(below, &mut lives)?;
            }
            if place.as_ref().is_none_or(|place| self.places.holder(place).is_none()) {
                if self.claimed == self.next {
                    self.claimed += self.step();
                }
                return Ok(Place(place));
            }
        }
        Err(Behind { rank: 0, below: self.next })
    }

    /// Where the next payload would lie, and the newest message that must go for that. What is held is looked at once more before
    /// it is said to leave no room.
    fn find_place(
        &mut self,
        len: u64,
        lives: &mut impl FnMut(u32, u64) -> bool,
    ) -> Result<(Range<u64>, Option<u64>), Behind> {
        self.places.find(len).or_else(|_| {
            self.look_at_held(lives);
            self.places.find(len).map_err(|rank| Behind { rank, below: self.next })
        })
    }

    /// How many cells are claimed at a time.
    fn step(&self) -> u64 {
        (self.stream.cells.len() as u64 / 4).max(1)
    }

    /// Below which number messages must go so that there is a cell for the next one.
    fn clear_for_cells(&self) -> u64 {
        let cells = self.stream.cells.len() as u64;
        let claimed = if self.claimed == self.next { self.next + self.step() } else { self.claimed };
        claimed.saturating_sub(cells)
    }

    /// Says that the messages below this number may be overwritten, if no reader needs them.
    fn clear_below(&mut self, below: u64, lives: &mut impl FnMut(u32, u64) -> bool) -> Result<(), Behind> {
        if is_below(self.oldest, below) {
            // Otherwise readers that may miss messages would miss these for nothing.
            self.find_behind(below, lives)?;
            self.oldest = below;
            self.stream.line.oldest.store(below, Relaxed);
            // Pairs with the fences of readers.
            full_fence(Edge::Overwritten);
        }
        self.find_behind(below, lives)?;
        self.look_at_held(lives);
        self.stream.line.gone.store(below, Relaxed);
        // Pairs with the fence of an awaited reader, which was taken for dead.
        fence(Release);
        self.clear = below;
        // Not before: a later look must find that these messages have to go.
        self.places.forget(below - 1);
        Ok(())
    }

    /// An error if an awaited reader needs a message below this number.
    fn find_behind(&self, below: u64, lives: &mut impl FnMut(u32, u64) -> bool) -> Result<(), Behind> {
        let behind = self.readers().find(|(rank, registration)| {
            let cursor = || self.stream.readers[*rank as usize].cursor.load(acquire(Edge::Cursor));
            registration.is_awaited && is_below(cursor(), below) && lives(*rank, registration.epoch)
        });
        behind.map_or(Ok(()), |(rank, _)| Err(Behind { rank, below }))
    }

    /// Finds out what is held.
    fn look_at_held(&mut self, lives: &mut impl FnMut(u32, u64) -> bool) {
        let bytes = size_of_val(&*self.stream.payloads) as u64;
        let held = self.readers().filter_map(|(rank, registration)| {
            let word = self.stream.readers[rank as usize].held.load(acquire(Edge::Cursor));
            match Payload::of(word, bytes) {
                Some(Payload::Placed(place)) if lives(rank, registration.epoch) => Some((place, rank)),
                _ => None,
            }
        });
        let held = held.collect();
        self.places.set_held(held);
    }

    /// The ranks that read the stream.
    fn readers(&self) -> impl Iterator<Item = (u32, Registration)> {
        let registration = |rank: u32| {
            let word = self.stream.readers[rank as usize].registration.load(acquire(Edge::Cursor));
            Some((rank, Registration::of(word)?))
        };
        self.ranks().filter_map(registration)
    }

    /// The ranks whose bits are set.
    #[inline(always)]
    pub fn ranks(&self) -> impl Iterator<Item = u32> {
        ranks(&*self.stream.bits, self.stream.readers.len() as u32)
    }

    /// Tells readers below which number messages must go before this end goes on; 0 if it does not wait. Whether that is news.
    pub fn set_starved(&self, below: u64) -> bool {
        let is_new = self.stream.line.starved.load(Relaxed) != below;
        if is_new {
            self.stream.line.starved.store(below, Relaxed);
            // Pairs with the fence of a reader that rings.
            full_fence(Edge::Hungry);
        }
        is_new
    }

    /// The words of a place.
    pub fn words(&self, place: &Range<u64>) -> &[AtomicU64] {
        &self.stream.payloads[(place.start / 8) as usize..place.end.div_ceil(8) as usize]
    }

    /// Writes the payload of the next message, for which there is room, and publishes it.
    #[inline(always)]
    pub fn write(&mut self, place: Place, bytes: &[u8]) {
        match place.0 {
            None => {
                store_small(&self.stream.cells.at(self.next).payload, bytes);
                self.publish(&Payload::Short(bytes.len()));
            }
            Some(place) => {
                store(self.words(&place), bytes);
                self.publish_placed(place);
            }
        }
    }

    /// Publishes the next message, whose payload was written to this place, or to the front of a place that was found.
    pub fn publish_placed(&mut self, place: Range<u64>) {
        self.places.take(self.next, place.clone());
        self.publish(&Payload::Placed(place));
    }

    #[inline(always)]
    fn publish(&mut self, payload: &Payload) {
        let cell = self.stream.cells.at(self.next);
        cell.envelope.store(payload.pack(), Relaxed);
        self.next += 1;
        // Pairs with the load in `StreamReader::look`.
        cell.stamp.store(self.next, release(Edge::Published));
    }
}

/// The number of the next message, as the cells say.
pub(super) fn next(stream: &Stream) -> u64 {
    next_of_stamps(stream.cells.iter().map(|cell| cell.stamp.load(acquire(Edge::Published))))
}

/// The ranks below `count` whose bits are set.
#[inline(always)]
pub fn ranks(words: &[AtomicU64], count: u32) -> impl Iterator<Item = u32> {
    let words = words.iter().take(count.div_ceil(64) as usize);
    (0..).step_by(64).zip(words).flat_map(move |(first, word)| {
        let mut bits = word.load(Relaxed);
        core::iter::from_fn(move || {
            let rank = (bits != 0).then(|| first + bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
            rank.filter(|rank| *rank < count)
        })
    })
}

fn latest(one: u64, other: u64) -> u64 {
    if is_below(one, other) { other } else { one }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::StreamReader;
    use super::*;

    const EVERY: Registration = Registration { epoch: 1, is_awaited: true };

    /// A stream with two payloads, for which there is no more room, and a reader that needs the first.
    fn full() -> (StreamWriter, StreamReader) {
        let stream = Stream::on_heap(1, 8, 16);
        let reader = StreamReader::begin(stream.clone(), 0, EVERY, 0);
        let mut writer = StreamWriter::resume(stream);
        for _ in 0..2 {
            let place = writer.make_room(Some(64), |_, _| true).expect("room");
            writer.write(place, &[7; 64]);
        }
        (writer, reader)
    }

    /// Looks for room while the reader begins: it is seen only when `oldest` is stored.
    fn look_while_it_begins(writer: &mut StreamWriter) {
        let mut is_seen = false;
        let behind = writer.make_room(Some(64), |_, _| core::mem::replace(&mut is_seen, true));
        assert_eq!(behind, Err(Behind { rank: 0, below: 1 }));
        assert_eq!(writer.stream.line.oldest.load(Relaxed), 1);
    }

    #[test]
    fn a_reader_that_begins_is_awaited_at_each_look() {
        let (mut writer, mut reader) = full();
        look_while_it_begins(&mut writer);
        assert_eq!(writer.make_room(Some(64), |_, _| true), Err(Behind { rank: 0, below: 1 }));
        assert!(reader.take().is_ok_and(|found| found.is_some()));
        reader.release();
        assert_eq!(writer.make_room(Some(64), |_, _| true).map(|place| place.bytes()), Ok(Some(0..64)));
    }

    #[test]
    fn a_reader_that_begins_is_awaited_by_a_successor() {
        let (mut writer, mut reader) = full();
        look_while_it_begins(&mut writer);
        let mut successor = StreamWriter::resume(writer.stream);
        assert_eq!(successor.make_room(Some(64), |_, _| true), Err(Behind { rank: 0, below: 1 }));
        assert!(reader.take().is_ok_and(|found| found.is_some()));
        reader.release();
        assert_eq!(successor.make_room(Some(64), |_, _| true).map(|place| place.bytes()), Ok(Some(0..64)));
    }
}
