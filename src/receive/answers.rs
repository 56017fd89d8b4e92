//! Answers to calls that come in a mailbox, among mail.

use super::Inbox;
use crate::abi::{CallId, Kind};
use crate::error::RecvError;
use crate::half::Member;

impl Inbox {
    /// The answer from `rank` to a call, if it has come in the mailbox. Mail before it stays unread:
    /// [`RecvError::Held`] if that is full of it, or where mail must be received first.
    pub fn seek(
        &self,
        member: &Member,
        rank: u32,
        call_id: CallId,
    ) -> Result<Option<(Kind, Vec<u8>)>, RecvError> {
        let Some(peer) = self.peer(member, rank) else { return Ok(None) };
        let is_barred = peer.seek(member, &self.answers, self.in_pieces.get());
        self.bars.set(self.bars.get() || peer.is_barred());
        match self.answers.take(rank, call_id) {
            None if peer.is_corrupt() => Err(RecvError::Corrupt(rank)),
            None if is_barred => Err(RecvError::Held(rank)),
            answer => Ok(answer),
        }
    }

    /// Whether something from `rank` is there that was never looked at: an answer, perhaps.
    #[inline(always)]
    pub fn has_news(&self, rank: u32) -> bool {
        self.peers.get(rank).is_none_or(|peer| peer.consumer.is_new())
    }

    /// Whether `rank` waits for room that its mails take which are unread, or held.
    pub fn note_starved(&self, member: &Member, rank: u32) -> bool {
        self.peers.get(rank).is_some_and(|peer| peer.note_starved(member))
    }
}
