//! A sender that the mails held here keep from sending.

use super::Incoming;
use super::state::State;
use crate::half::Member;

impl Incoming {
    /// Whether its sender can send no more before a mail that is held here is acknowledged.
    pub fn is_held_up(&self, member: &Member) -> bool {
        self.held_up_by().is_some() && self.may_send(member)
    }

    /// As `is_held_up`; said once as long as it is that mail.
    pub fn take_held_up(&self, member: &Member) -> bool {
        let held = self.held_up_by();
        if self.reported_held.get() == held {
            return false;
        }
        let is_news = held.is_some() && self.may_send(member);
        self.reported_held.set(held.filter(|_| is_news));
        is_news
    }

    /// Whether its sender waits, and does nothing else meanwhile, until a message is acknowledged, be it held here or
    /// unread.
    pub fn waits_for_us(&self, member: &Member) -> bool {
        let starved = self.consumer.starved();
        let is_so = starved.is_some_and(|starved| starved.is_alone && starved.is_of(self.life().epoch()));
        is_so && self.may_send(member)
    }

    /// The mail held here before whose acknowledgement nothing more comes: it is the oldest of a mailbox of which all cells
    /// are held, or the one that its sender says it waits for. That need not fill the cells: the arena may be full, or it
    /// announces a message. The sender's word may lie; then this is wrong, and no more. Or an announcement waits here until
    /// another message was fetched.
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
        // What was sent before the word is visible now, and comes first.
        let is_held = self.consumer.holds(starved.seq) && !self.is_ready();
        (is_held && starved.is_of(self.life().epoch())).then_some(starved.seq)
    }

    /// Whether its sender has not ended, whose words outlive it; asks the kernel.
    fn may_send(&self, member: &Member) -> bool {
        member.end_of(self.from, true).is_none()
    }
}
