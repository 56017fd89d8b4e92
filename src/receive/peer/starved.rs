//! Senders that cannot send because of mails that are held here.

use super::Incoming;
use super::state::State;
use crate::half::Member;

impl Incoming {
    /// Whether the sender can send nothing more until a mail that is held here is acknowledged.
    pub fn is_held_up(&self, member: &Member) -> bool {
        self.held_up(member).is_some()
    }

    /// The number of that mail.
    pub fn held_up(&self, member: &Member) -> Option<u64> {
        self.held_up_by().filter(|_| self.may_send(member))
    }

    /// Like `is_held_up`; returns true only once for the same mail.
    pub fn take_held_up(&self, member: &Member) -> bool {
        let held = self.held_up_by();
        if self.reported_held.get() == held {
            return false;
        }
        let is_news = held.is_some() && self.may_send(member);
        self.reported_held.set(held.filter(|_| is_news));
        is_news
    }

    /// Whether the sender waits until a message is acknowledged that is here, held or unread, and does nothing else
    /// meanwhile.
    pub fn waits_for_us(&self, member: &Member) -> bool {
        let starved = self.consumer.starved();
        let is_so = starved.is_some_and(|starved| starved.is_alone && starved.is_of(self.life().epoch()));
        is_so && self.may_send(member)
    }

    /// The held mail that must be acknowledged before anything more can come. Either it is the oldest mail, and all
    /// cells of the mailbox are held. Or its sender says that it waits for it: the arena may be full, or the sender
    /// announces a message. (The sender's word may be a lie; then this is wrong, and nothing worse.) Or an
    /// announcement waits here until another message was fetched.
    fn held_up_by(&self) -> Option<u64> {
        if matches!(self.state.get(), State::Behind) {
            return self.consumer.next_unread();
        }
        if self.state.get().is_silent() || !self.consumer.holds_any() {
            return None;
        }
        if self.consumer.is_full() {
            return Some(self.consumer.head());
        }
        let starved = self.consumer.starved()?;
        // What was sent before that word is visible now, and is received first.
        let is_held = self.consumer.holds(starved.seq) && !self.is_ready();
        (is_held && starved.is_of(self.life().epoch())).then_some(starved.seq)
    }

    /// Whether the sender has not ended; its words outlive it. Asks the kernel.
    fn may_send(&self, member: &Member) -> bool {
        member.end_of(self.from, true).is_none()
    }
}
