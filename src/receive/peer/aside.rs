//! Unread mail that is moved out of the way.
//!
//! A mailbox gives its room back in order. So unread mail that a receive passed over can fill it, and then what the receive
//! waits for cannot come. If the endpoint has a budget for that, the oldest unread mail is moved to private memory, and the
//! sender is told that it is acknowledged: from then on it ends with this process. An announced message is taken in. A call
//! stays, and so does a message whose sender waits until it is acknowledged: that sender sends nothing more meanwhile.

use super::Incoming;
use crate::abi::Filter;
use crate::half::Member;
use crate::memory;
use crate::ring::Descriptor;

/// What is counted for a moved message in addition to its bytes.
const ENTRY: u64 = 128;

impl Incoming {
    /// Moves unread mail out of the mailbox, beginning with the oldest. Returns whether some was moved, or is on its way.
    pub(super) fn move_out(&self, member: &Member) -> bool {
        if member.aside.left() == 0 {
            return false;
        }
        let mut is_moved = false;
        while let Some(oldest) = self.next_to_move(member) {
            if oldest.is_announcement() {
                // It is in the way until it has come, or cannot.
                is_moved |= self.take_in(member, oldest.seq);
                break;
            }
            if !self.move_one(member, &oldest) {
                break;
            }
            is_moved = true;
        }
        if is_moved {
            self.mark_mixed();
            self.settle(member);
        }
        is_moved
    }

    /// The oldest message of the mailbox, if it is unread and can be moved.
    fn next_to_move(&self, member: &Member) -> Option<Descriptor> {
        let seq = self.consumer.head();
        let oldest = self.consumer.peek(seq).filter(|_| self.consumer.is_unread(seq))?;
        let is_message = oldest.is_whole() || oldest.is_announcement();
        let is_sound = oldest.len <= member.limit || oldest.is_loan();
        (is_message && is_sound).then_some(oldest)
    }

    fn move_one(&self, member: &Member, message: &Descriptor) -> bool {
        let cost = message.len as u64 + ENTRY;
        if !member.aside.charge(cost) {
            return false;
        }
        let has_pages = self.complete_pages(member, message).is_ok();
        let Some(bytes) = has_pages.then(|| self.copy_of(message)).flatten() else {
            member.aside.give_back(cost);
            return false;
        };
        let handed = self.redeliveries(message);
        let _ = self.consumer.take_or_next(Some(message.seq));
        self.kept.move_in(message.moved_out(), bytes, cost, handed);
        self.consumer.retire(message);
        true
    }

    /// Moves a whole message that was taken to private memory, if it lies in the mailbox. It is acknowledged there. What it is
    /// then.
    pub(in crate::receive) fn move_result(&self, message: Descriptor) -> Descriptor {
        let bytes = if message.is_whole() && message.is_in_lane() { self.copy_of(&message) } else { None };
        let Some(bytes) = bytes else { return message };
        let moved = message.moved_out();
        self.kept.add(moved, bytes, 0, self.redeliveries(&message));
        self.consumer.retire(&message);
        moved
    }

    /// Moves a message that was taken out of the way, if it keeps its sender from sending, and its receiver waits for something
    /// else meanwhile. What it is then. As of results, their number is the program's own choice, and no budget limits them.
    pub fn move_taken(&self, member: &Member, message: Descriptor) -> Descriptor {
        if self.obstacle(Filter::ANY) != Some(message.seq) {
            return message;
        }
        let moved = self.move_result(message);
        self.settle(member);
        moved
    }

    fn copy_of(&self, message: &Descriptor) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(message.len).ok()?;
        memory::append(self.consumer.words(message), message.len, &mut bytes);
        Some(bytes)
    }

    /// Asks for the announced message, and takes it in as for a receive.
    fn take_in(&self, member: &Member, seq: u64) -> bool {
        if self.arriving().is_some() {
            // After that one, which is awaited, unless it is fetched by hand.
            return self.is_taken_in();
        }
        let announcement = self.consumer.take_or_next(Some(seq));
        // An error bars the mailbox for the receives that want this message, and is told by them.
        matches!(announcement, Ok(Some(announcement)) if self.begin(member, announcement, false).is_ok())
    }
}
