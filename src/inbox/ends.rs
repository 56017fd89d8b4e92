//! What a receiver is told of the ends of its senders.

use super::{Inbox, NOBODY, QUERIES};
use crate::error::RecvError;
use crate::incoming::Incoming;
use crate::member::Member;
use crate::registry::Status;
use crate::ring::Consumer;
use crate::sync::Ordering::Relaxed;

impl Inbox {
    /// Says that `rank` has ended; only after one more look for mail, made after it had.
    pub fn end(&self, member: &Member, rank: u32, query: bool) -> Result<Option<&Incoming>, RecvError> {
        if query && let Some(peer) = self.peers.get(rank) {
            peer.check()?;
        }
        let Some(end) = member.end_of(rank, query) else { return Ok(None) };
        match self.look_at(member, rank)? {
            Some(peer) => Ok(Some(peer)),
            None => {
                if let Some(peer) = self.peers.get(rank) {
                    peer.drop_train();
                }
                Err(told(rank, end))
            }
        }
    }

    /// Says that one of those whose mailboxes are open has ended, once for each life.
    ///
    /// Those that left are seen by one load each. Whether the others live is asked of the kernel, a few at a
    /// time.
    pub fn ends(&self, member: &Member, query: bool) -> Result<Option<&Incoming>, RecvError> {
        if query {
            self.open_after(NOBODY).try_for_each(Incoming::check)?;
        }
        let registry = &member.region.registry;
        let is_news = |peer: &&Incoming| {
            // Not "later": who forges a life keeps no true one's end from being told.
            peer.from != member.rank() && registry.life(peer.from).epoch() != peer.told.get()
        };
        // A rank that says that it never joined has not ended, though it has sent.
        let has_left = |peer: &&Incoming| {
            let life = registry.life(peer.from);
            !life.joined() && life.epoch() != 0
        };
        let mut ended = self.open_after(NOBODY).filter(is_news).find(has_left);
        if ended.is_none() && query {
            ended = self.open_after(self.queried.get()).filter(is_news).take(QUERIES).find(|peer| {
                self.queried.set(peer.from);
                member.end_of(peer.from, true).is_some()
            });
        }
        let Some(peer) = ended else { return Ok(None) };
        let (end, life) = registry.status(peer.from);
        if matches!(end, Status::NeverJoined | Status::Live) {
            return Ok(None); // A successor came in between.
        }
        if peer.is_ready() {
            return Ok(Some(peer));
        }
        peer.told.set(life.epoch());
        peer.drop_train();
        Err(told(peer.from, end))
    }
}

/// The epoch of `from` whose end a former receiver was told, as far as a peer's word says; 0: none. Only that of a life
/// that is over, and has no successor yet: so the word withholds no end that is to come.
pub fn told_before(member: &Member, from: u32, consumer: &Consumer) -> u64 {
    let told = consumer.line().told.load(Relaxed);
    let is_last = member.region.registry.life(from).epoch() == told;
    if is_last && member.end_of(from, true).is_some() { told } else { 0 }
}

fn told(rank: u32, end: Status) -> RecvError {
    if end == Status::Left { RecvError::PeerLeft(rank) } else { RecvError::PeerDead(rank) }
}
