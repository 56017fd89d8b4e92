//! What lies between two operators.
//!
//! Every event has a *stamp*, and events of a channel come with rising stamps. Sources are read in turns: one record of each is a
//! *round*. Stamps count the places in that order. So events of several channels have one order, however fast each is: that of their stamps,
//! and of the channels' numbers where these are the same.

use super::record::{Reader, Record};
use core::any::Any;
use core::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// What goes through a channel.
#[derive(Debug, Clone)]
pub enum Event<T> {
    /// A record, and its time.
    Record { time: u64, value: T },
    /// No record with an earlier time is expected.
    Watermark(u64),
    /// The checkpoint with this number is between what came before and what comes after it.
    Marker(u64),
    /// No more comes.
    End,
}

/// Beyond all stamps.
pub const NO_STAMP: u64 = u64::MAX;

const RECORD: u8 = 0;
const WATERMARK: u8 = 1;
const MARKER: u8 = 2;
const END: u8 = 3;

/// Events that one operator has handed on, and the next has not taken.
pub struct Channel<T> {
    pub events: VecDeque<(u64, Event<T>)>,
    /// No event with a lower stamp comes behind those that are here.
    pub progress: u64,
}

/// A channel that both operators have, or one of them and what sends or receives for the other.
pub type Link<T> = Rc<RefCell<Channel<T>>>;

impl<T> Channel<T> {
    pub fn new() -> Self {
        Self { events: VecDeque::new(), progress: 0 }
    }

    /// The lowest stamp that the next event can have.
    pub fn next(&self) -> u64 {
        self.events.front().map_or(self.progress, |(stamp, _)| *stamp)
    }
}

/// A channel of any records, as those see it that carry events between ranks.
pub trait Wire: Any {
    /// How many events are in it.
    fn len(&self) -> usize;

    /// The lowest stamp that the next event can have.
    fn next(&self) -> u64;

    /// Takes events out and appends them as bytes: no more than `most`, and none behind the one that makes it `bytes` long. How many.
    fn take(&self, most: usize, long: usize, bytes: &mut Vec<u8>) -> usize;

    /// Puts in what `take` has written: so many events. `None` if it makes no sense, and then some of them are in.
    fn put(&self, count: usize, progress: u64, bytes: &mut Reader<'_>) -> Option<()>;
}

impl<T: Record> Wire for RefCell<Channel<T>> {
    fn len(&self) -> usize {
        self.borrow().events.len()
    }

    fn next(&self) -> u64 {
        self.borrow().next()
    }

    fn take(&self, most: usize, long: usize, bytes: &mut Vec<u8>) -> usize {
        let mut channel = self.borrow_mut();
        let mut count = 0;
        while count < most && bytes.len() < long {
            let before = bytes.len();
            let Some((stamp, event)) = channel.events.front() else { break };
            write(*stamp, event, bytes);
            if bytes.len() > long && count > 0 {
                bytes.truncate(before);
                break;
            }
            channel.events.pop_front();
            count += 1;
        }
        count
    }

    fn put(&self, count: usize, progress: u64, bytes: &mut Reader<'_>) -> Option<()> {
        let mut channel = self.borrow_mut();
        for _ in 0..count {
            let (stamp, event) = read(bytes)?;
            // Nothing comes behind the end.
            (stamp >= channel.progress && channel.progress != NO_STAMP).then_some(())?;
            channel.progress = if matches!(event, Event::End) { NO_STAMP } else { stamp };
            channel.events.push_back((stamp, event));
        }
        (progress >= channel.progress && bytes.rest().is_empty()).then_some(())?;
        channel.progress = progress;
        Some(())
    }
}

fn write<T: Record>(stamp: u64, event: &Event<T>, bytes: &mut Vec<u8>) {
    let (kind, number) = match event {
        Event::Record { time, .. } => (RECORD, *time),
        Event::Watermark(time) => (WATERMARK, *time),
        Event::Marker(number) => (MARKER, *number),
        Event::End => (END, 0),
    };
    kind.write(bytes);
    stamp.write(bytes);
    number.write(bytes);
    if let Event::Record { value, .. } = event {
        value.write(bytes);
    }
}

fn read<T: Record>(bytes: &mut Reader<'_>) -> Option<(u64, Event<T>)> {
    let (kind, stamp, number) = (u8::read(bytes)?, u64::read(bytes)?, u64::read(bytes)?);
    let event = match kind {
        RECORD => Event::Record { time: number, value: T::read(bytes)? },
        WATERMARK => Event::Watermark(number),
        MARKER => Event::Marker(number),
        END => Event::End,
        _ => return None,
    };
    Some((stamp, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link<String> {
        Rc::new(RefCell::new(Channel::new()))
    }

    fn filled() -> Link<String> {
        let link = link();
        let value = "word".to_string();
        let events = [(3, Event::Record { time: 9, value }), (4, Event::Watermark(8)), (5, Event::Marker(1))];
        link.borrow_mut().events.extend(events);
        link.borrow_mut().events.push_back((6, Event::End));
        link
    }

    #[test]
    fn events_come_through() {
        let (from, to) = (filled(), link());
        let mut bytes = vec![];
        assert_eq!(from.take(9, 1 << 10, &mut bytes), 4);
        assert_eq!(to.put(4, NO_STAMP, &mut Reader::new(&bytes)), Some(()));
        assert_eq!(format!("{:?}", to.borrow().events), format!("{:?}", filled().borrow().events));
    }

    #[test]
    fn no_more_is_taken_than_there_is_room_for() {
        let mut bytes = vec![];
        assert_eq!(filled().take(2, 1 << 10, &mut bytes), 2);
        let from = filled();
        for count in [1, 2, 1] {
            bytes.clear();
            // One that is longer than the limit goes alone.
            assert_eq!(from.take(9, if count == 1 { 1 } else { 40 }, &mut bytes), count);
        }
    }

    #[test]
    fn whatever_comes_is_events_or_an_error() {
        let mut bytes = vec![];
        filled().take(9, 1 << 10, &mut bytes);
        for len in 0..bytes.len() {
            assert_eq!(link().put(4, NO_STAMP, &mut Reader::new(&bytes[..len])), None);
        }
        // An end, and something behind it; less progress than events; stamps that fall; bytes behind the last.
        assert_eq!(link().put(4, 5, &mut Reader::new(&bytes)), None);
        assert_eq!(link().put(3, NO_STAMP, &mut Reader::new(&bytes)), None);
        let (late, ended) = (link(), link());
        late.borrow_mut().progress = 4;
        assert_eq!(late.put(4, NO_STAMP, &mut Reader::new(&bytes)), None);
        assert_eq!(ended.put(4, NO_STAMP, &mut Reader::new(&bytes)), Some(()));
        assert_eq!(ended.put(4, NO_STAMP, &mut Reader::new(&bytes)), None);
    }
}
