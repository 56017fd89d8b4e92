//! What waits for the program.

use super::{Event, Id};
use std::collections::VecDeque;

/// What a broadcast that waits for room may receive meanwhile: messages, and bytes of them.
const UNREAD: (usize, usize) = (1024, 16 << 20);

/// What was received, and the program was not told of.
#[derive(Default)]
pub struct Told {
    events: VecDeque<(Option<Id>, Event)>,
    /// Of all messages.
    bytes: usize,
}

impl Told {
    pub fn push(&mut self, id: Option<Id>, event: Event) {
        self.bytes += bytes(&event);
        self.events.push_back((id, event));
    }

    pub fn pop(&mut self) -> Option<(Option<Id>, Event)> {
        let next = self.events.pop_front()?;
        self.bytes -= bytes(&next.1);
        Some(next)
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether a broadcast that waits for room receives no more.
    pub fn is_full(&self) -> bool {
        self.events.len() >= UNREAD.0 || self.bytes >= UNREAD.1
    }
}

fn bytes(event: &Event) -> usize {
    if let Event::Message(message) = event { message.bytes().len() } else { 0 }
}
