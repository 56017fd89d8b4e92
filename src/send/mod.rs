//! The sending side of an endpoint.
#![cfg(not(loom))]

mod draft;

pub use draft::Draft;

use crate::abi::{INLINE, Kind, Rank, Ticket};
use crate::error::SendError;
use crate::half::{Interrupted, Member, Patience, Peers, cut};
use crate::memory::Shared;
use crate::rank::{Life, Source, Status};
use crate::ring::{Asker, Corrupt, Producer, PushError, Slack, Slot, count};
use crate::sync::{Edge, release};
use core::cell::{Cell as Private, RefCell};
use std::time::Instant;

/// Polls of a full mailbox that insist on a quarter of it; the next take any room.
const PATIENT_POLLS: u32 = 64;
/// Pauses before each of these polls.
const POLL_PAUSES: u32 = 64;

/// A mailbox that this endpoint writes to.
pub struct Outgoing {
    pub to: u32,
    /// The receiver's record.
    pub record: Shared<Rank>,
    pub producer: Producer,
    /// Where calls go.
    pub asker: Asker,
    /// The longest message, in bytes, for which the mailbox has memory: what fits a cell, until its arena is reserved.
    limit: Private<usize>,
    /// Whether a draft holds the next slot.
    pub drafting: Private<bool>,
}

/// Mailboxes by receiver, each opened at the first message, its arena reserved at the first that does not fit a cell.
pub struct Outbox {
    peers: Peers<Outgoing>,
    /// The receivers for whom a batch holds something back.
    held: RefCell<Vec<u32>>,
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

/// What a call to send has beside the message.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub member: &'a Member,
    pub patience: Patience,
    /// Called before it waits or finds no room.
    pub idle: &'a dyn Fn(),
}

impl Outbox {
    pub fn new(ranks: u32) -> Self {
        Self { peers: Peers::new(ranks), held: RefCell::default() }
    }

    /// Sends `bytes` to `to` if they are few and there is nothing to do but that. `false` says nothing. Apart, so that
    /// this common case costs its caller no call.
    #[inline(always)]
    pub fn send_small(&self, member: &Member, to: u32, bytes: &[u8]) -> bool {
        let Some(peer) = self.peers.get(to) else { return false };
        if bytes.len() > INLINE || member.check().is_err() {
            return false;
        }
        if member.is_in_batch() {
            return peer.producer.hold_small(bytes);
        }
        // What was lost just now is told by the slow path, which sends nothing then.
        peer.producer.push_small(bytes) && !peer.ring(member)
    }

    /// Sends `bytes` to `to`.
    #[inline(never)]
    pub fn send(&self, terms: Terms<'_>, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        let member = terms.member;
        let peer = self.peer(member, to, bytes.len())?;
        if bytes.len() > member.whole {
            return self.send_train(terms, peer, bytes);
        }
        let slot = self.claim(terms, peer, bytes.len())?;
        if member.is_in_batch() {
            peer.producer.write(&slot, bytes);
            self.publish(member, peer, &slot);
        } else {
            peer.producer.fill(&slot, bytes);
            peer.ring(member);
        }
        peer.tell_loss()?;
        if member.limit >= INLINE {
            peer.producer.ease(peer.producer.holds_before_much());
        }
        Ok(())
    }

    /// Sends what says something of a call; its sequence number. Never in fragments, never held back.
    pub fn send_ticketed(
        &self,
        terms: Terms<'_>,
        to: u32,
        (kind, ticket): (Kind, Ticket),
        bytes: &[u8],
    ) -> Result<u64, SendError> {
        let member = terms.member;
        if bytes.len() > member.whole {
            return Err(SendError::TooLarge { limit: member.whole as u64 });
        }
        // In the arena however short it is: the cell has the ticket.
        let room = bytes.len().max(INLINE + 1);
        let peer = self.peer(member, to, bytes.len())?;
        // Each time where no message is so long: the limit does not say then whether it was done.
        if peer.limit.get() <= INLINE {
            self.enlarge_arena(member, peer)?;
        }
        self.flush(member);
        // What the batch has lost: said later, it would be said of this, too, which is not.
        peer.tell_loss()?;
        let slot = self.claim(terms, peer, room)?.of(kind).shortened(bytes.len());
        peer.producer.fill_ticketed(&slot, ticket, bytes);
        peer.ring(member);
        peer.tell_loss()?;
        Ok(slot.seq)
    }

    /// Publishes a slot that is written, now or with its batch. What is lost by then is to be told.
    pub fn publish(&self, member: &Member, peer: &Outgoing, slot: &Slot) {
        if member.is_in_batch() {
            peer.producer.hold(slot);
            self.note_held(member, peer);
        } else {
            peer.producer.publish(slot);
            peer.ring(member);
        }
    }

    /// After a message to this peer was held back.
    fn note_held(&self, member: &Member, peer: &Outgoing) {
        if peer.producer.held() == 1 {
            self.held.borrow_mut().push(peer.to);
        }
        if peer.producer.holds_much() {
            self.flush(member);
        }
    }

    /// Publishes what batches hold back.
    #[inline(never)]
    pub fn flush(&self, member: &Member) {
        if self.held.borrow().is_empty() || member.check().is_err() {
            return;
        }
        for to in self.held.borrow_mut().drain(..) {
            if let Some(peer) = self.peers.get(to) {
                peer.producer.reveal();
                peer.ring(member);
            }
        }
    }

    /// Sends `bytes`, which are above half the arena, while the receiver takes them.
    fn send_train(&self, terms: Terms<'_>, peer: &Outgoing, bytes: &[u8]) -> Result<(), SendError> {
        let Terms { member, patience, .. } = terms;
        // Nobody takes it while this call waits.
        let is_in_vain = peer.to == member.rank() && member.is_alone();
        if is_in_vain || matches!(patience, Patience::Never) {
            return Err(SendError::TooLarge { limit: member.whole as u64 });
        }
        self.flush(member);
        let journey = Journey::begin(member, peer);
        let push = |kind, bytes: &[u8]| -> Result<u64, SendError> {
            let slot = self.claim(terms, peer, bytes.len())?.of(kind);
            // A receiver that keeps up makes nobody wait, and many fragments are one call.
            member.check()?;
            member.interruption()?;
            if matches!(patience, Patience::Until(Some(deadline)) if Instant::now() >= deadline) {
                return Err(SendError::Timeout);
            }
            journey.check()?;
            peer.producer.fill(&slot, bytes);
            peer.ring(member);
            peer.tell_loss()?;
            Ok(slot.seq)
        };
        let wait = |seq| {
            self.wait(terms, peer, |_| Ok(peer.producer.is_acknowledged(seq)?.then_some(())))?;
            journey.check()
        };
        let (body, last) = cut(bytes, member.region.geometry().fragment() as usize);
        let body = || {
            let mut seq = push(Kind::First, &(bytes.len() as u64).to_ne_bytes())?;
            for fragment in body {
                seq = push(Kind::More, fragment)?;
            }
            wait(seq)
        };
        body().inspect_err(|error| {
            // The receiver need not keep what it has. Where there is no room, the next message tells it.
            let is_mine = !matches!(error, SendError::Lost(_) | SendError::Corrupt);
            if is_mine
                && member.check().is_ok()
                && let Ok(slot) = peer.producer.claim(0, Slack::Any)
            {
                peer.producer.fill(&slot.of(Kind::Cut), &[]);
                peer.ring(member);
            }
        })?;
        // It is delivered from here on, unless the receiver dies.
        wait(push(Kind::Last, last)?)
    }

    /// A slot for `len` bytes, waited for if need be.
    #[inline(always)]
    fn claim(&self, terms: Terms<'_>, peer: &Outgoing, len: usize) -> Result<Slot, SendError> {
        match peer.producer.place(len, Slack::Any) {
            Some(slot) => Ok(slot),
            None => self.reclaim(terms, peer, len),
        }
    }

    /// As `claim`, where what was last seen of the mailbox leaves no room.
    #[inline(never)]
    fn reclaim(&self, terms: Terms<'_>, peer: &Outgoing, len: usize) -> Result<Slot, SendError> {
        terms.member.review_order();
        let slack = if matches!(terms.patience, Patience::Never) { Slack::Any } else { Slack::Quarter };
        let slot = match peer.producer.reclaim(len, slack) {
            Ok(slot) => slot,
            Err(PushError::Corrupt) => return Err(SendError::Corrupt),
            Err(PushError::Full) => {
                count(&peer.producer.counters().full, 1);
                self.wait(terms, peer, |slack| match peer.producer.reclaim(len, slack) {
                    Ok(slot) => Ok(Some(slot)),
                    Err(PushError::Full) => Ok(None),
                    Err(PushError::Corrupt) => Err(Corrupt),
                })?
            }
        };
        peer.tell_loss()?;
        Ok(slot)
    }

    /// Claims a slot for `len` bytes to `to`, which stays claimed until it is published or `drafting` ends.
    pub fn reserve(&self, terms: Terms<'_>, to: u32, len: usize) -> Result<(&Outgoing, Slot), SendError> {
        if len > terms.member.whole {
            return Err(SendError::TooLarge { limit: terms.member.whole as u64 });
        }
        let peer = self.peer(terms.member, to, len)?;
        let slot = self.claim(terms, peer, len)?;
        peer.producer.complicate();
        Ok((peer, slot))
    }

    /// The open mailbox to `to`, ready for `len` bytes.
    #[inline(always)]
    pub fn peer(&self, member: &Member, to: u32, len: usize) -> Result<&Outgoing, SendError> {
        member.check()?;
        let peer = match self.peers.get(to) {
            Some(peer) if len <= peer.limit.get() => peer,
            _ => self.enlarge(member, to, len)?,
        };
        if peer.drafting.get() {
            return Err(SendError::Drafting);
        }
        peer.tell_loss()?;
        Ok(peer)
    }

    /// The mailbox to `to`, with memory for `len` bytes: opened if it is not, and its arena reserved if they do not fit
    /// a cell. Where there is no room for that, smaller messages go all the same.
    #[cold]
    fn enlarge(&self, member: &Member, to: u32, len: usize) -> Result<&Outgoing, SendError> {
        if !self.peers.reaches(to) {
            return Err(SendError::NoSuchRank { rank: to, ranks: self.peers.ranks() });
        }
        if len > member.limit {
            return Err(SendError::TooLarge { limit: member.limit as u64 });
        }
        let peer = match self.peers.get(to) {
            Some(peer) => peer,
            None => self.open(member, to)?,
        };
        if len > INLINE {
            self.enlarge_arena(member, peer)?;
        }
        Ok(peer)
    }

    /// Reserves the mailbox's arena.
    #[cold]
    fn enlarge_arena(&self, member: &Member, peer: &Outgoing) -> Result<(), SendError> {
        let reserved = member.region.segment.complete_arena(member.rank(), peer.to);
        reserved.map_err(|_| SendError::NoSpace)?;
        peer.limit.set(member.limit);
        Ok(())
    }

    /// Reserves what small messages need of the mailbox's pages, says so to the receiver unless an earlier holder of
    /// this rank did, and goes on where that holder stopped.
    fn open(&self, member: &Member, to: u32) -> Result<&Outgoing, SendError> {
        let (region, me) = (&member.region, member.rank());
        let record = region.registry.record(to);
        if region.is_opened(me, to) {
            // By a predecessor, or by whoever may write there.
            region.segment.complete(me, to).map_err(|_| SendError::NoSpace)?;
        } else {
            region.segment.reserve(me, to).map_err(|_| SendError::NoSpace)?;
            let word = &record.opened[me as usize / 64];
            // Pairs with the receiver's load: from here on it may touch the pages.
            word.fetch_or(1 << (me % 64), release(Edge::Opened));
        }
        let mailbox = region.segment.mailbox(me, to);
        let asker = Asker::resume(&mailbox);
        let producer = Producer::recover(mailbox, member.epoch())?;
        let limit = INLINE.min(member.limit).into();
        let drafting = false.into();
        Ok(self.peers.get_or_make(to, || Outgoing { to, record, producer, asker, limit, drafting }))
    }

    /// Waits until `attempt`, which may ask for some slack, gives something.
    #[cold]
    fn wait<T>(
        &self,
        terms: Terms<'_>,
        peer: &Outgoing,
        attempt: impl Fn(Slack) -> Result<Option<T>, Corrupt>,
    ) -> Result<T, SendError> {
        let Terms { member, patience, idle } = terms;
        // Who is waited for may wait for what a batch holds back.
        self.flush(member);
        idle();
        // Nobody else could make room in this rank's mailbox to itself.
        let is_in_vain = peer.to == member.rank();
        // Whoever has waited for a while takes any room. What is told of the receiver is told only after one
        // more look for some, made after it ended.
        let check = |query| {
            member.check_place(query)?;
            let is_over = is_in_vain && member.is_alone();
            if let Some(found) = attempt(Slack::Any)? {
                return Ok(Some(found));
            }
            if is_over {
                return Err(SendError::Full);
            }
            let Some(end) = member.end_of(peer.to, query) else { return Ok(None) };
            match attempt(Slack::Any)? {
                Some(found) => Ok(Some(found)),
                None if end == Status::Left => Err(SendError::PeerLeft(peer.to)),
                None => Err(SendError::PeerDead(peer.to)),
            }
        };
        let deadline = match patience {
            Patience::Never => {
                return check(member.is_time_to_query())?.ok_or(SendError::Full);
            }
            Patience::Until(_) if is_in_vain && member.is_alone() => {
                return check(false)?.ok_or(SendError::Full);
            }
            Patience::Until(deadline) => deadline,
        };
        let mut polls = 0;
        let look = |_| {
            if polls == PATIENT_POLLS {
                return Ok(attempt(Slack::Any)?);
            }
            polls += 1;
            // Each poll takes the line of `head` from a receiver that writes it with each message.
            (0..POLL_PAUSES).for_each(|_| core::hint::spin_loop());
            Ok(attempt(Slack::Quarter)?)
        };
        let sleeps = &peer.producer.counters().sleeps;
        member.announce(Source::Rank(peer.to));
        let found = member.wait(Source::Rank(peer.to), sleeps, deadline, look, || check(true))?;
        // Whoever was stopped while it waited may have been replaced meanwhile; the room is its successor's.
        member.check()?;
        found.ok_or(SendError::Timeout)
    }
}

impl Outgoing {
    /// Asks the receiver's life of this epoch on the call line, if that is free and `bytes` fit it; the call's stamp.
    #[inline(always)]
    pub fn ask(&self, member: &Member, epoch: u64, bytes: &[u8]) -> Option<u64> {
        if bytes.len() > INLINE || !self.asker.is_free(epoch) {
            return None;
        }
        let stamp = self.asker.ask(epoch, self.producer.tail(), member.epoch() as u8, bytes);
        self.ring(member);
        Some(stamp)
    }

    /// Tells the receiver that there is mail; whether it has given up what is to be told as lost.
    #[inline(always)]
    fn ring(&self, member: &Member) -> bool {
        !member.is_mail_heard(&self.record) && self.ring_aloud(member)
    }

    #[cold]
    fn ring_aloud(&self, member: &Member) -> bool {
        let rung = member.ring_mail(&self.record);
        if rung.woken {
            count(&self.producer.counters().wakes, 1);
        }
        if rung.is_asked {
            self.producer.answer();
        }
        self.producer.has_lost()
    }

    /// Says, once, that the receiver gave up what it had not received.
    #[inline(always)]
    pub fn tell_loss(&self) -> Result<(), SendError> {
        if self.producer.has_lost() && self.producer.take_loss() { Err(SendError::Reset) } else { Ok(()) }
    }
}

/// A train under way to a receiver: all of it must be taken in one life of that rank.
struct Journey<'a> {
    member: &'a Member,
    peer: &'a Outgoing,
    /// Its first cell.
    first: u64,
    /// The epoch of the receiver that is to take it: the present one, or the next.
    epoch: Private<u64>,
}

/// The epoch of whoever takes what is sent to a rank that is in this life.
pub fn taker(life: Life) -> u64 {
    life.epoch() + u64::from(!life.joined())
}

impl<'a> Journey<'a> {
    fn begin(member: &'a Member, peer: &'a Outgoing) -> Self {
        let epoch = taker(member.region.registry.life(peer.to));
        Self { member, peer, first: peer.producer.tail(), epoch: epoch.into() }
    }

    /// Whether the receiver that took the beginning is still there.
    fn check(&self) -> Result<(), SendError> {
        let life = self.member.region.registry.life(self.peer.to);
        self.peer.tell_loss()?;
        // Below it: nobody has joined yet.
        if life.epoch() <= self.epoch.get() {
            return Ok(());
        }
        // What the rank's former holder acknowledged is visible with its successor's life.
        if self.peer.producer.tail() != self.first && self.peer.producer.is_acknowledged(self.first)? {
            return Err(SendError::PeerDead(self.peer.to));
        }
        self.epoch.set(taker(life));
        Ok(())
    }
}
