//! The sending side of an endpoint.

use crate::bell::Bell;
use crate::cell::INLINE;
use crate::error::SendError;
use crate::layout::Rank;
use crate::member::{Interrupted, Member, Patience};
use crate::memory::Shared;
use crate::registry::Status;
use crate::ring::{Corrupt, Producer, PushError, Slack, Slot};
use crate::sync::{Edge, release};
use core::cell::{Cell as Private, OnceCell};

/// Polls of a full mailbox that insist on a quarter of it; the next take any room.
const PATIENT_POLLS: u32 = 64;
/// Pauses before each of these polls.
const POLL_PAUSES: u32 = 64;

/// A mailbox that this endpoint writes to.
pub(crate) struct Outgoing {
    pub to: u32,
    /// The receiver's record.
    pub record: Shared<Rank>,
    pub producer: Producer,
    /// Whether a draft holds the next slot.
    pub drafting: Private<bool>,
}

/// Mailboxes by receiver, each opened at the first message.
pub(crate) struct Outbox {
    peers: Box<[OnceCell<Box<Outgoing>>]>,
}

impl From<Interrupted> for SendError {
    fn from(_: Interrupted) -> Self {
        SendError::Interrupted
    }
}

impl From<Corrupt> for SendError {
    fn from(_: Corrupt) -> Self {
        SendError::Corrupt
    }
}

impl Outbox {
    pub fn new(ranks: u32) -> Self {
        Self { peers: (0..ranks).map(|_| OnceCell::new()).collect() }
    }

    /// Sends `bytes` to `to`.
    #[inline(always)]
    pub fn send(&self, member: &Member, to: u32, bytes: &[u8], patience: Patience) -> Result<(), SendError> {
        let peer = self.peer(member, to, bytes.len())?;
        // Apart, so that a small message with room for it costs its caller no call.
        if bytes.len() <= INLINE
            && let Some(slot) = peer.producer.place(bytes.len(), Slack::Any)
        {
            peer.producer.fill(&slot, bytes);
            member.ring_mail(&peer.record);
            return Ok(());
        }
        Self::send_beyond(member, peer, bytes, patience)
    }

    /// Sends what is large, or must look for room.
    #[inline(never)]
    fn send_beyond(
        member: &Member,
        peer: &Outgoing,
        bytes: &[u8],
        patience: Patience,
    ) -> Result<(), SendError> {
        let slot = Self::claim(member, peer, bytes.len(), patience)?;
        peer.producer.fill(&slot, bytes);
        member.ring_mail(&peer.record);
        Ok(())
    }

    /// A slot for `len` bytes, waited for if need be.
    fn claim(member: &Member, peer: &Outgoing, len: usize, patience: Patience) -> Result<Slot, SendError> {
        let slack = if matches!(patience, Patience::Never) { Slack::Any } else { Slack::Quarter };
        match peer.producer.claim(len, slack) {
            Ok(slot) => Ok(slot),
            Err(PushError::Corrupt) => Err(SendError::Corrupt),
            Err(PushError::Full) => Self::wait_for_room(member, peer, len, patience),
        }
    }

    /// Claims a slot for `len` bytes to `to`, which stays claimed until it is published or `drafting` ends.
    pub fn reserve(
        &self,
        member: &Member,
        to: u32,
        len: usize,
        patience: Patience,
    ) -> Result<(&Outgoing, Slot), SendError> {
        let peer = self.peer(member, to, len)?;
        Ok((peer, Self::claim(member, peer, len, patience)?))
    }

    /// The open mailbox to `to`, ready for `len` bytes.
    #[inline(always)]
    fn peer(&self, member: &Member, to: u32, len: usize) -> Result<&Outgoing, SendError> {
        member.check()?;
        let slot = self.peers.get(to as usize).ok_or(SendError::NoSuchRank)?;
        if len > member.limit {
            return Err(SendError::TooLarge { limit: member.limit as u64 });
        }
        let peer = match slot.get() {
            Some(peer) => peer,
            None => Self::open(slot, member, to)?,
        };
        if peer.drafting.get() { Err(SendError::Drafting) } else { Ok(peer) }
    }

    /// Reserves the mailbox's pages unless an earlier holder of this rank did, says so to the receiver, and
    /// goes on where that holder stopped.
    #[cold]
    fn open<'a>(
        slot: &'a OnceCell<Box<Outgoing>>,
        member: &Member,
        to: u32,
    ) -> Result<&'a Outgoing, SendError> {
        let (region, me) = (&member.region, member.rank());
        let record = region.registry.record(to);
        if !region.is_opened(me, to) {
            region.segment.reserve(me, to).map_err(|_| SendError::NoSpace)?;
            let word = &record.opened[me as usize / 64];
            // Pairs with the receiver's load: from here on it may touch the pages.
            word.fetch_or(1 << (me % 64), release(Edge::Opened));
        }
        let producer = Producer::recover(region.segment.mailbox(me, to), member.claim.epoch())?;
        Ok(slot.get_or_init(|| Box::new(Outgoing { to, record, producer, drafting: false.into() })))
    }

    #[cold]
    fn wait_for_room(
        member: &Member,
        peer: &Outgoing,
        len: usize,
        patience: Patience,
    ) -> Result<Slot, SendError> {
        let claim = |slack| match peer.producer.reclaim(len, slack) {
            Ok(slot) => Ok(Some(slot)),
            Err(PushError::Full) => Ok(None),
            Err(PushError::Corrupt) => Err(SendError::Corrupt),
        };
        // Whoever has waited for a while takes any room. What is told of the receiver is told only after one
        // more look for some, made after it ended.
        let check = |query| {
            member.check()?;
            if let Some(slot) = claim(Slack::Any)? {
                return Ok(Some(slot));
            }
            let Some(end) = member.end_of(peer.to, query) else { return Ok(None) };
            match claim(Slack::Any)? {
                Some(slot) => Ok(Some(slot)),
                None if end == Status::Left => Err(SendError::PeerLeft),
                None => Err(SendError::PeerDead),
            }
        };
        let deadline = match patience {
            // Nobody but this endpoint could make room in its mailbox to itself.
            _ if peer.to == member.rank() => return Err(SendError::Full),
            Patience::Never => {
                return check(member.is_time_to_query())?.ok_or(SendError::Full);
            }
            Patience::Until(deadline) => deadline,
        };
        let mut polls = 0;
        let look = || {
            if polls == PATIENT_POLLS {
                return claim(Slack::Any);
            }
            polls += 1;
            // Each poll takes the line of `head` from a receiver that writes it with each message.
            (0..POLL_PAUSES).for_each(|_| core::hint::spin_loop());
            claim(Slack::Quarter)
        };
        let slot = member.wait(Bell::credit(member.record()), deadline, look, || check(true))?;
        slot.ok_or(SendError::Timeout)
    }
}
