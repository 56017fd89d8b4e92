//! A message in fragments, as it arrives in a mailbox.

use super::Incoming;
use super::bar::Bar;
use crate::abi::epoch_of;
use crate::error::RecvError;
use crate::half::{Member, Train};
use crate::memory;
use crate::receive::reassembly::Content;
use crate::ring::{Letter, count};

impl Incoming {
    /// Whether nothing is read ahead: whoever takes a message in pieces is to be told if it ends, and then what ended it
    /// comes first.
    pub(super) fn is_to_be_received(&self) -> bool {
        self.cutting.get().is_some() || self.has_begun()
    }

    /// Whether pieces of a message were passed on, and more are to come.
    pub fn has_begun(&self) -> bool {
        self.train.borrow().as_ref().is_some_and(Train::is_known)
    }

    /// A message follows: what is under way never ends. Whoever takes it in pieces is told first.
    /// A mail from before it that had been left ends nothing.
    pub(super) fn end_train(&self, member: &Member, next: &Letter) -> Result<(), RecvError> {
        let is_older = |train: &Train| (next.seq.wrapping_sub(train.first) as i64) < 0;
        if self.train.borrow().as_ref().is_some_and(is_older) {
            return Ok(());
        }
        self.stray.set(false);
        if self.drop_train(member) {
            self.consumer.put_back(next.seq);
            self.cutting.set(Some(next.seq));
            return Err(RecvError::Cut(self.from));
        }
        Ok(())
    }

    /// Drops what is under way if its sender's life is over and a successor has come, which may be silent for ever. A
    /// receiver that takes it in pieces is told.
    pub(super) fn check_train(&self, member: &Member) -> Result<(), RecvError> {
        let Some(epoch) = self.train.borrow().as_ref().map(|train| train.epoch) else { return Ok(()) };
        // All that a life before this one sent is visible from here on.
        let is_over = member.region.registry.life(self.from).epoch() != epoch;
        if is_over && !self.silent.get() && !self.has_mail() && self.drop_train(member) {
            return Err(RecvError::Cut(self.from));
        }
        Ok(())
    }

    /// Drops what is under way, which is counted; whether pieces of it were taken.
    pub fn drop_train(&self, member: &Member) -> bool {
        self.stray.set(false);
        let Some(train) = self.train.take() else { return false };
        count(&self.consumer.line().drops, 1);
        member.budget.give_back(train.memory());
        train.is_known()
    }

    pub(super) fn begin(
        &self,
        member: &Member,
        letter: &Letter,
        in_pieces: bool,
    ) -> Result<Option<Letter>, RecvError> {
        let mut total = [0; 8];
        if letter.len != total.len() {
            return Err(self.corrupted(member));
        }
        memory::load(self.consumer.words(letter), &mut total);
        let total = u64::from_ne_bytes(total);
        if total > member.limit as u64 {
            return Err(self.corrupted(member));
        }
        let bytes = match (!in_pieces).then(|| member.budget.take(total)) {
            None => None,
            Some(Some(bytes)) => Some(bytes),
            Some(None) => {
                let error = RecvError::NoMemory { rank: self.from, len: total, left: member.budget.left() };
                return Err(self.bar(letter, Bar::Budget, error));
            }
        };
        let epoch = epoch_of(letter.envelope().epoch, member.region.registry.life(self.from).epoch());
        self.train.replace(Some(Train::new(letter.seq, epoch, total, bytes)));
        self.pass(member, letter.seq);
        Ok(None)
    }

    pub(super) fn go_on(
        &self,
        member: &Member,
        letter: Letter,
        is_last: bool,
    ) -> Result<Option<Letter>, RecvError> {
        if self.piece(letter.seq).is_some() {
            return Ok(Some(letter)); // It was left unread.
        }
        let mut slot = self.train.borrow_mut();
        let Some(train) = slot.as_mut() else {
            // The predecessor of this receiver, or of its sender, had the beginning.
            if !self.stray.replace(!is_last) {
                count(&self.consumer.line().drops, 1);
            }
            self.pass(member, letter.seq);
            return Ok(None);
        };
        let Some(piece) = train.advance(letter.len, is_last) else {
            drop(slot);
            return Err(self.corrupted(member));
        };
        if let Some(bytes) = &mut train.bytes {
            memory::append(self.consumer.words(&letter), letter.len, bytes);
            self.pass(member, letter.seq);
        }
        let content = match &mut train.bytes {
            None => Content::Piece(piece),
            Some(_) if !is_last => return Ok(None),
            Some(bytes) => Content::Message { bytes: core::mem::take(bytes), is_returned: false },
        };
        let letter = match &content {
            Content::Piece(_) => letter,
            Content::Message { bytes, .. } => letter.assembled(bytes.len()),
        };
        self.kept.add(letter, content);
        if is_last {
            *slot = None;
        }
        Ok(Some(letter))
    }
}
