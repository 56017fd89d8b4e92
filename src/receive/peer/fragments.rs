//! A message in fragments, as it arrives in a mailbox.

use super::Incoming;
use super::state::State;
use crate::abi::epoch_of;
use crate::error::RecvError;
use crate::half::{Fragments, Member};
use crate::memory;
use crate::receive::reassembly::Content;
use crate::ring::{Descriptor, count};

impl Incoming {
    /// Whether pieces of a message were passed on, and more are to come.
    pub fn has_begun(&self) -> bool {
        self.fragments.borrow().as_ref().is_some_and(Fragments::is_known)
    }

    /// A message follows: what is under way never ends. A receiver that takes it in pieces is told first.
    /// A mail from before it that had been left ends nothing.
    pub(super) fn end_fragments(&self, member: &Member, next: &Descriptor) -> Result<(), RecvError> {
        let is_older = |fragments: &Fragments| (next.seq.wrapping_sub(fragments.first) as i64) < 0;
        if self.fragments.borrow().as_ref().is_some_and(is_older) {
            return Ok(());
        }
        self.stray.set(false);
        if self.drop_fragments(member) {
            self.consumer.put_back(next.seq);
            self.cutting.set(Some(next.seq));
            return Err(RecvError::Cut(self.from));
        }
        Ok(())
    }

    /// Drops what is under way if its sender's life is over and a successor has come, which may be silent for ever. A
    /// receiver that takes it in pieces is told.
    pub(super) fn check_fragments(&self, member: &Member) -> Result<(), RecvError> {
        let Some(epoch) = self.fragments.borrow().as_ref().map(|fragments| fragments.epoch) else {
            return Ok(());
        };
        // All that a life before this one sent is visible from here on.
        let is_over = member.region.registry.life(self.from).epoch() != epoch;
        if is_over && !self.state.get().is_silent() && !self.has_mail() && self.drop_fragments(member) {
            return Err(RecvError::Cut(self.from));
        }
        Ok(())
    }

    /// Drops what is under way, which is counted; whether pieces of it were taken.
    pub fn drop_fragments(&self, member: &Member) -> bool {
        self.stray.set(false);
        let Some(fragments) = self.fragments.take() else { return false };
        count(&self.consumer.line().drops, 1);
        member.budget.give_back(fragments.memory());
        fragments.is_known()
    }

    pub(super) fn begin(
        &self,
        member: &Member,
        descriptor: &Descriptor,
        in_pieces: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        let mut total = [0; 8];
        if descriptor.len != total.len() {
            return Err(self.corrupted(member));
        }
        memory::load(self.consumer.words(descriptor), &mut total);
        let total = u64::from_ne_bytes(total);
        if total > member.limit as u64 {
            return Err(self.corrupted(member));
        }
        let bytes = match (!in_pieces).then(|| member.budget.take(total)) {
            None => None,
            Some(Some(bytes)) => Some(bytes),
            Some(None) => {
                let error = RecvError::NoMemory { rank: self.from, len: total, left: member.budget.left() };
                return Err(self.bar(descriptor, State::LacksMemory, error));
            }
        };
        let epoch = epoch_of(descriptor.envelope().epoch, member.region.registry.life(self.from).epoch());
        self.fragments.replace(Some(Fragments::new(descriptor.seq, epoch, total, bytes)));
        self.pass(member, descriptor.seq);
        Ok(None)
    }

    pub(super) fn go_on(
        &self,
        member: &Member,
        descriptor: Descriptor,
        is_last: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        if self.piece(descriptor.seq).is_some() {
            return Ok(Some(descriptor)); // It was left unread.
        }
        let mut slot = self.fragments.borrow_mut();
        let Some(fragments) = slot.as_mut() else {
            // The predecessor of this receiver, or of its sender, had the beginning.
            if !self.stray.replace(!is_last) {
                count(&self.consumer.line().drops, 1);
            }
            self.pass(member, descriptor.seq);
            return Ok(None);
        };
        let Some(piece) = fragments.advance(descriptor.len, is_last) else {
            drop(slot);
            return Err(self.corrupted(member));
        };
        if let Some(bytes) = &mut fragments.bytes {
            memory::append(self.consumer.words(&descriptor), descriptor.len, bytes);
            self.pass(member, descriptor.seq);
        }
        let content = match &mut fragments.bytes {
            None => Content::Piece(piece),
            Some(_) if !is_last => return Ok(None),
            Some(bytes) => Content::Message { bytes: core::mem::take(bytes), is_returned: false },
        };
        let descriptor = match &content {
            Content::Piece(_) => descriptor,
            Content::Message { bytes, .. } => descriptor.assembled(bytes.len()),
        };
        self.kept.add(descriptor, content);
        if is_last {
            *slot = None;
        }
        Ok(Some(descriptor))
    }
}
