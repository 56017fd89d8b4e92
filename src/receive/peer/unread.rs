//! What a receive finds in a mailbox, and the mail that it leaves unread.
//!
//! Unread is what was put back, and what a receive that does not take it passed over. It stays where it is, in the lane or in
//! private memory, and keeps its place: each receive takes the oldest that it takes. `receive::unread` finds it.
//!
//! An announced message is taken in for one receive, and others may look at what is behind it meanwhile. Only other announced
//! messages wait for it, because one message of a sender is taken in at a time.

use super::Incoming;
use super::state::State;
use crate::abi::{Filter, INLINE, is_below};
use crate::half::Member;
use crate::ring::{Descriptor, New};

/// What a receive takes next from a mailbox.
#[derive(Clone, Copy)]
pub(super) enum Sought {
    /// This message, which is unread and in private memory.
    Kept(u64),
    /// This message, which is unread and in the lane.
    Unread(u64),
    /// The next message of the lane.
    New,
    /// A part of the message that is taken in.
    Arriving,
}

impl Incoming {
    /// Whether there is something for a receive with this filter: mail, a part of an announced message, a call, or an error to
    /// report. Leaves unread what is new and not wanted. A mailbox that was found corrupt reports nothing more, except
    /// for calls, so that others go on.
    #[inline(always)]
    pub fn finds(&self, filter: Filter) -> bool {
        self.finds_mail(filter) || filter.takes_calls() && self.has_call()
    }

    /// Like `finds`, without calls.
    #[inline(always)]
    pub fn finds_mail(&self, filter: Filter) -> bool {
        if self.state.get().is_plain() && self.consumer.unread() == 0 {
            match self.consumer.new_for(filter) {
                New::Nothing => return false,
                New::Wanted => return true,
                New::Other => {}
            }
        }
        self.seek(filter).is_some()
    }

    /// What a receive with this filter takes next. Leaves unread what is new and not wanted.
    #[inline(never)]
    pub(super) fn seek(&self, filter: Filter) -> Option<Sought> {
        let state = self.state.get();
        if matches!(state, State::Resetting | State::Corrupt) {
            return None;
        }
        let is_arriving = matches!(state, State::Arriving);
        let arriving = || (is_arriving && self.has_news()).then_some(Sought::Arriving);
        let due = if is_arriving { self.arriving_for(filter) } else { None };
        if let Some(seq) = self.unread_for(filter) {
            if state.lacks() == Some(seq) {
                return None;
            }
            if due.is_none_or(|due| is_below(seq, due)) {
                if self.kept.unread_one(seq).is_some() {
                    return Some(Sought::Kept(seq));
                }
                let must_wait = is_arriving && self.is_announcement(seq);
                return if must_wait { arriving() } else { Some(Sought::Unread(seq)) };
            }
        }
        // Nothing of its kind comes before it.
        if due.is_some() || !self.pass_over(filter) {
            return arriving();
        }
        let must_wait = is_arriving && self.is_announcement(self.consumer.next());
        if must_wait { arriving() } else { Some(Sought::New) }
    }

    /// Where unread message `seq` is, if it is unread and may be taken now.
    pub(super) fn sought(&self, seq: u64) -> Option<Sought> {
        let is_arriving = match self.state.get() {
            State::Resetting | State::Corrupt => return None,
            state => matches!(state, State::Arriving),
        };
        if self.kept.unread_one(seq).is_some() {
            return Some(Sought::Kept(seq));
        }
        let may_be_taken = self.consumer.is_unread(seq) && !(is_arriving && self.is_announcement(seq));
        may_be_taken.then_some(Sought::Unread(seq))
    }

    /// Takes the oldest unread message that `filter` takes, in the common case only: it is whole, and lies in its cell and was never
    /// handed out, or lies in private memory. `None` where a message in its cell may be longer than any may be.
    #[inline(never)]
    pub fn take_easy_unread(&self, member: &Member, filter: Filter) -> Option<Descriptor> {
        if member.limit < INLINE {
            return None;
        }
        if self.state.get().is_plain() {
            let take = |seq| self.consumer.take_unread(seq, filter);
            let taken = self.unread.borrow_mut().take_only(filter, take);
            if taken.is_some() {
                return taken;
            }
        }
        self.take_less_easy_unread(filter)
    }

    /// The same where its label may have more mail, or mail in private memory, which it may be, too.
    #[inline(never)]
    fn take_less_easy_unread(&self, filter: Filter) -> Option<Descriptor> {
        if self.is_silent() {
            return None;
        }
        let is_taken = |kept: &Descriptor| filter.takes(kept.envelope_word());
        let taken = self.unread.borrow_mut().take_oldest(filter, |seq| {
            let taken = self.consumer.take_unread(seq, filter);
            taken.or_else(|| self.kept.take_unread_if(seq, is_taken))
        })?;
        self.settle_state();
        Some(taken)
    }

    /// Leaves unread what is new and small, up to the first message that is another, or that `filter` takes.
    fn pass_over_small(&self, filter: Filter) {
        let kept = self.kept.unread();
        let mut unread = self.unread.borrow_mut();
        while let Some((seq, envelope)) = self.consumer.leave_other(filter) {
            // No call is small.
            let label = envelope & Filter::LABEL;
            unread.add(seq, label, self.consumer.unread() + kept, |seq| self.is_unread(seq));
        }
    }

    /// Leaves unread what is new, up to the first that `filter` takes. Returns whether there is one.
    fn pass_over(&self, filter: Filter) -> bool {
        loop {
            self.pass_over_small(filter);
            match self.consumer.new_for(filter) {
                New::Nothing => return false,
                New::Wanted => return true,
                New::Other => match self.consumer.leave_next() {
                    Some((seq, envelope)) => self.note_unread(seq, envelope),
                    // A peer changed it. The receive finds out how.
                    None => return true,
                },
            }
        }
    }

    /// Leaves a descriptor of the lane unread that was taken.
    pub(super) fn leave(&self, descriptor: &Descriptor) {
        if descriptor.is_redelivered() {
            self.consumer.put_back(descriptor.seq);
        } else {
            self.consumer.leave(descriptor.seq);
        }
        self.note_unread(descriptor.seq, descriptor.envelope_word());
    }

    /// After this message was left unread.
    pub(super) fn note_unread(&self, seq: u64, envelope: u64) {
        let live = self.consumer.unread() + self.kept.unread();
        let is_live = |seq| self.is_unread(seq);
        self.unread.borrow_mut().add(seq, Filter::label_of(envelope), live, is_live);
    }

    /// Whether message `seq` is unread.
    pub(super) fn is_unread(&self, seq: u64) -> bool {
        self.consumer.is_unread(seq) || self.kept.unread_one(seq).is_some()
    }

    /// Whether there may be unread mail for a receive with this filter, before which nothing comes.
    #[inline(always)]
    pub fn may_have_unread(&self, filter: Filter) -> bool {
        !filter.takes_calls() && (self.consumer.unread() > 0 || !self.state.get().is_plain())
    }

    /// Whether nothing can be taken from the lane.
    pub fn is_silent(&self) -> bool {
        self.state.get().is_silent()
    }

    /// Whether there is an unread message that `filter` takes.
    pub fn has_unread(&self, filter: Filter) -> bool {
        self.unread_for(filter).is_some()
    }

    /// The oldest unread message that `filter` takes.
    #[inline(always)]
    pub(super) fn unread_for(&self, filter: Filter) -> Option<u64> {
        let is_plain = self.state.get().is_plain();
        if self.consumer.unread() == 0 && (is_plain || self.kept.unread() == 0) {
            return None;
        }
        self.search_unread(filter)
    }

    #[inline(never)]
    fn search_unread(&self, filter: Filter) -> Option<u64> {
        let mut unread = self.unread.borrow_mut();
        if !unread.knows(filter) {
            let (lane, kept) = (self.consumer.next_unread(), self.kept.oldest_unread());
            let oldest = match (lane, kept) {
                (Some(lane), Some(kept)) => Some(if is_below(kept, lane) { kept } else { lane }),
                (lane, kept) => lane.or(kept),
            };
            if oldest.is_some_and(|seq| self.is_unread_for(seq, filter)) {
                return oldest;
            }
        }
        let all = || {
            let lane = self.consumer.all_unread().filter_map(|seq| Some((seq, self.consumer.envelope(seq)?)));
            let kept = self.kept.all_unread().into_iter();
            kept.map(|descriptor| (descriptor.seq, descriptor.envelope_word())).chain(lane)
        };
        // A peer may have changed what it was.
        unread.first(filter, |seq| self.is_unread_for(seq, filter), all)
    }

    /// Whether message `seq` is unread, and `filter` takes it.
    fn is_unread_for(&self, seq: u64, filter: Filter) -> bool {
        if self.consumer.is_unread(seq) {
            return self.is_for(seq, filter);
        }
        self.kept.unread_one(seq).is_some_and(|kept| filter.takes(kept.envelope_word()))
    }

    /// Whether `filter` takes message `seq` of the lane, or that makes no sense.
    pub(super) fn is_for(&self, seq: u64, filter: Filter) -> bool {
        self.consumer.envelope(seq).is_none_or(|word| filter.takes(word))
    }

    fn is_announcement(&self, seq: u64) -> bool {
        self.consumer.peek(seq).is_some_and(|descriptor| descriptor.is_announcement())
    }

    /// Unread message `seq`, which is in private memory.
    pub(super) fn take_kept(&self, seq: u64) -> Option<Descriptor> {
        self.kept.take_unread(seq)
    }
}
