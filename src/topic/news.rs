//! Whether a reader of a topic has something new, for a thread that waits for several things.

use super::Topic;
use crate::endpoint::{Endpoint, Halves, Subject};
use crate::half::Member;
use crate::memory::Stream;
use crate::stream::has_message;
use crate::value::ValueReader;
use core::cell::OnceCell;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

/// How far a reader is: the number of the value that it has read, or of the message that it reads next. Only its thread uses it; but an
/// endpoint that keeps it may go to another thread.
#[derive(Clone)]
pub struct Position(Arc<AtomicU64>);

impl Position {
    pub fn new(number: u64) -> Self {
        Self(Arc::new(number.into()))
    }

    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    #[inline(always)]
    pub fn set(&self, number: u64) {
        self.0.store(number, Relaxed);
    }
}

/// Tells whether there is something that a reader has not read. It keeps what it needs, and may outlive the reader.
pub struct News<'a> {
    me: &'a Endpoint,
    unread: Unread,
}

/// The same without the endpoint.
pub struct Unread {
    topic: Topic,
    position: Position,
    kind: Kind,
}

enum Kind {
    /// A value, and its reading end once somebody has said how long values can be.
    Value(OnceCell<ValueReader>),
    Stream(Stream),
}

impl Unread {
    pub(super) fn of_value(topic: Topic, position: Position) -> Self {
        Self { topic, position, kind: Kind::Value(OnceCell::new()) }
    }

    pub(super) fn of_stream(topic: Topic, position: Position) -> Self {
        let stream = topic.region().segment.stream(topic.number());
        Self { topic, position, kind: Kind::Stream(stream) }
    }
}

impl Subject for Unread {
    fn is_there(&self) -> bool {
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

    fn ask_for_rings(&self, member: &Member, asks: bool) {
        if let Kind::Value(_) = self.kind {
            self.topic.ask_for_rings(member, asks);
        }
    }
}

impl<'a> News<'a> {
    pub(super) fn new(me: &'a Endpoint, unread: Unread) -> Self {
        Self { me, unread }
    }

    /// Whether there is something new, or no memory to look at it.
    pub fn is_there(&self) -> bool {
        self.unread.is_there()
    }

    /// Asks the publisher to ring this rank, or no longer to do so. Nothing where publishers ring without being asked.
    pub fn ask_for_rings(&self, asks: bool) {
        self.unread.ask_for_rings(self.me.member(), asks);
    }

    /// What this thread has of the endpoint.
    pub fn halves(&self) -> Halves<'a> {
        self.me.both()
    }
}

fn is_new(reader: &ValueReader, seen: u64) -> bool {
    ![0, seen].contains(&reader.newest())
}
