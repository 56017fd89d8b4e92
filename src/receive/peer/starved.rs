//! A sender that the mails held here keep from sending.

use super::state::State;
use super::{Incoming, STARVED};
use crate::half::Member;
use std::time::Instant;

impl Incoming {
    /// Where it is not ready: whether that is so because this endpoint holds mails of it, and its sender can send no more
    /// before they are acknowledged. Remembers since when, and that it is to be told again where it is not so.
    pub fn note_held_up(&self, member: &Member) -> bool {
        let is_full = self.consumer.is_full() && self.may_send(member);
        let is_held = is_full || matches!(self.state.get(), State::Behind) || self.note_starved(member);
        // What a receive takes in comes whatever is held.
        let is_held_up = is_held && !self.is_barred() && !matches!(self.state.get(), State::Arriving);
        if !is_held_up {
            self.reported_held.set(false);
        }
        is_held_up
    }

    /// Whether the sender has said for a while that it waits for room, and mails that are held or unread take some. They
    /// need not fill the cells: they may keep the arena full, or be what it waits for. The sender's word may lie; then this is wrong, and no more. Remembers since when.
    pub fn note_starved(&self, member: &Member) -> bool {
        let held = self.consumer.head()..self.consumer.next();
        if held.start == held.end || !member.is_awaited_by(&self.record) {
            self.starved.set(None);
            return false;
        }
        match self.starved.get() {
            Some((since, start, end)) if held == (start..end) => {
                // The word outlives a sender that was killed.
                since.elapsed() >= STARVED && self.may_send(member)
            }
            _ => {
                self.starved.set(Some((Instant::now(), held.start, held.end)));
                false
            }
        }
    }

    /// Whether its sender has not ended; asks the kernel.
    fn may_send(&self, member: &Member) -> bool {
        member.end_of(self.from, true).is_none()
    }
}
