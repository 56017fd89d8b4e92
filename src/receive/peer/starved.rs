//! Senders that cannot send because of mail that is held here, or left unread.

use super::Incoming;
use super::state::State;
use crate::abi::Filter;
use crate::error::RecvError;
use crate::half::Member;

impl Incoming {
    /// Moves unread mail out of the way of what `filter` takes, if the sender can send nothing more before that. An error if it
    /// cannot be moved, or if what is in the way is held here; with `once`, one for each message that is in the way. Called
    /// when nothing was found.
    pub fn make_room(&self, member: &Member, filter: Filter, once: bool) -> Result<(), RecvError> {
        let obstacle = self.obstacle(filter);
        let is_unread = obstacle.is_some_and(|seq| self.is_left(seq));
        let is_moved = is_unread && self.move_out(member);
        if is_moved || once && self.reported_held.get() == obstacle {
            return Ok(());
        }
        let obstacle = obstacle.filter(|_| self.may_send(member));
        if once {
            self.reported_held.set(obstacle);
        }
        match obstacle {
            None => Ok(()),
            Some(_) if is_unread => {
                let unread = self.consumer.unread() + self.kept.unread();
                Err(RecvError::Crowded { rank: self.from, unread })
            }
            Some(_) => Err(RecvError::Held(self.from)),
        }
    }

    /// Whether unread mail is in the way of what `filter` takes, and there is a budget for moving it.
    pub fn can_make_room(&self, member: &Member, filter: Filter) -> bool {
        member.aside.left() > 0 && self.obstacle(filter).is_some_and(|seq| self.is_left(seq))
    }

    /// The number of the held mail that must be acknowledged before the sender can send anything more.
    pub fn held_up(&self, member: &Member, filter: Filter) -> Option<u64> {
        self.obstacle(filter).filter(|seq| !self.is_left(*seq) && self.may_send(member))
    }

    /// Whether this message is in the lane and unread, and does not wait until another one was fetched.
    fn is_left(&self, seq: u64) -> bool {
        self.consumer.is_unread(seq) && !matches!(self.state.get(), State::Behind(behind) if behind == seq)
    }

    /// Whether the sender waits until a message is acknowledged that is here, held or unread, and does nothing else
    /// meanwhile.
    pub fn waits_for_us(&self, member: &Member) -> bool {
        let starved = self.consumer.starved();
        let is_so = starved.is_some_and(|starved| starved.is_alone && starved.is_of(self.life().epoch()));
        is_so && self.may_send(member)
    }

    /// The message that must be acknowledged before anything more can come that `filter` takes. Either it is the oldest one,
    /// and all cells of the mailbox are taken. Or its sender says that it waits for it: the arena may be full, or the
    /// sender announces a message. (The sender's word may be a lie; then this is wrong, and nothing worse.) Or an
    /// announcement waits here until another message was fetched.
    pub fn obstacle(&self, filter: Filter) -> Option<u64> {
        match self.state.get() {
            State::Behind(seq) if self.is_for(seq, filter) => return Some(seq),
            State::Arriving | State::Resetting | State::Corrupt => return None,
            // That is told.
            state if state.lacks().is_some_and(|seq| self.is_for(seq, filter)) => return None,
            _ => {}
        }
        if !self.consumer.holds_any() {
            return None;
        }
        if self.consumer.is_full() {
            return Some(self.consumer.head());
        }
        let starved = self.consumer.starved()?;
        // What was sent before that word is visible now, and is received first.
        let is_here = self.consumer.is_taken(starved.seq);
        (is_here && !self.finds(filter) && starved.is_of(self.life().epoch())).then_some(starved.seq)
    }

    /// Whether the sender has not ended; its words outlive it. Asks the kernel.
    fn may_send(&self, member: &Member) -> bool {
        member.end_of(self.from, true).is_none()
    }
}
