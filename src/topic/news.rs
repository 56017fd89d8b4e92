//! Whether a reader of a topic has something new, for a thread that waits for several things.

use super::Topic;
use crate::endpoint::{Endpoint, Halves};
use crate::memory::Stream;
use crate::stream::has_message;
use crate::value::ValueReader;
use core::cell::{Cell, OnceCell};
use std::rc::Rc;

/// Tells whether there is something that a reader has not read. It keeps what it needs, and may outlive the reader.
pub struct News<'a> {
    me: &'a Endpoint,
    topic: Topic,
    /// How far the reader is: the number of the value that it has read, or of the message that it reads next.
    position: Rc<Cell<u64>>,
    kind: Kind,
}

enum Kind {
    /// A value, and its reading end once somebody has said how long values can be.
    Value(OnceCell<ValueReader>),
    Stream(Stream),
}

impl<'a> News<'a> {
    pub(super) fn of_value(me: &'a Endpoint, topic: Topic, position: Rc<Cell<u64>>) -> Self {
        Self { me, topic, position, kind: Kind::Value(OnceCell::new()) }
    }

    pub(super) fn of_stream(me: &'a Endpoint, topic: Topic, position: Rc<Cell<u64>>) -> Self {
        let stream = topic.region().segment.stream(topic.index());
        Self { me, topic, position, kind: Kind::Stream(stream) }
    }

    /// Whether there is something new, or an error to tell.
    pub fn is_there(&self) -> bool {
        let position = self.position.get();
        match &self.kind {
            Kind::Stream(stream) => has_message(stream, position),
            Kind::Value(reader) => match reader.get() {
                Some(reader) => is_new(reader, position),
                None => self.topic.reader().map_or(true, |found| {
                    found.is_some_and(|found| is_new(reader.get_or_init(|| found), position))
                }),
            },
        }
    }

    /// Asks the publisher to ring this rank, or not to any more, where it does not do so anyway.
    pub fn ask_for_rings(&self, asks: bool) {
        if let Kind::Value(_) = self.kind {
            self.topic.ask_for_rings(self.me.member(), asks);
        }
    }

    /// What this thread has of the endpoint.
    pub fn halves(&self) -> Halves<'a> {
        self.me.both()
    }
}

fn is_new(reader: &ValueReader, seen: u64) -> bool {
    ![0, seen].contains(&reader.newest())
}
