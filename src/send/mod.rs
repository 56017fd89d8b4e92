//! The sending side of an endpoint. Nothing here waits.
//!
//! An [`Outbox`] has the mailboxes to other ranks, each as an [`Outgoing`]: the writing end of a mail lane ([`Producer`]), the caller's
//! end of the call line ([`Caller`]), the answers that come back, and the transfers of announced messages. What the words of a lane
//! mean is in [`crate::ring`]; what a user calls is in [`crate::endpoint`], [`crate::call`] and [`crate::comm`]. This folder is between
//! them: it finds the mailbox, finds room in it, and rings.
//!
//! A small message goes to its cell at once, on the short path of [`Producer`]; a longer one, too, if it goes behind the last
//! one in the arena. Everything that may have to wait is an *operation*, which `wait::drive` polls:
//!
//! | what is sent | at once, if nothing else is to be done | otherwise | is over when |
//! |---|---|---|---|
//! | what lies in the mailbox as a whole | [`Outbox::send_at_once`] | [`Room`] | it lies there |
//! | a reference to a loan | – | [`Lending`] for the block, [`Room`] for the cell | the same |
//! | a message whose sender waits for the receiver | – | [`Synchronous`] | its acknowledgement came back |
//! | an announced message | – | [`Announcing`], and `transfer` for its bytes | the receiver has all of it |
//! | a call | [`Outgoing::ask`], [`Outgoing::ask_in_cell`] | `call` waits; `answers` reads for it | its answer came back |
//! | what was started | the same as above | `started`; each look of the endpoint goes on with it | as above |
//!
//! To one rank nothing overtakes what was started before ([`Turn`]).
//!
//! | file | what is in it |
//! |---|---|
//! | this one | [`Outbox`], [`Outgoing`]; the short paths; to open a mailbox; batches |
//! | `room` | waiting for room; how a wait for room ends |
//! | `answers`, `asked` | the return lane: answers and acknowledgements, and the *credits* of those that wait for one |
//! | `synchronous`, `transfer` | messages whose sender waits; announced ones |
//! | `loans`, `lending` | what this rank has on loan; waiting for room for more |
//! | `started`, `started/begin`, `turn` | sends that go on while the endpoint does other things |
//!
//! **Who writes what.** Of the mailbox from this rank to another, this side writes the cells, the arena and the producer line of the mail
//! lane; the call line while it is the caller's turn; the consumer line of the return lane; and the sender's words of the transfer
//! slot, with its ring. It hands out its rank's area for loans. Of the receiver's record it sets one bit in `opened`, and rings the
//! bell. ([`crate::half`] writes the word that says it is starved.)
//!
//! **If the process stops,** at any instruction: a message whose stamp is stored is sent (I8); any other was never sent, and its cell is
//! used again. [`Producer::recover`] finds both for the next holder of the rank. That one also takes the answers that nobody looked at,
//! and asks all lanes which loans are still referred to. An announced message ends with the life of its sender.
//!
//! **If a peer writes garbage,** that is in `head`, in a request for a reset, in cells of the return lane, or in what it says of a
//! transfer. Each is checked where it is read. What makes no sense ends in [`Broken::Corrupt`] with that rank, and all others go on.
//! A return lane that makes no sense is asked to start again, and calls under way in it end with an error. A `head` that does not move
//! looks like a receiver that does nothing: the sender waits until its deadline, or until that rank has ended.
//!
//! **What it costs.** The short path is inlined, has no fence and no locked instruction (but a fence to a receiver that sleeps often), and
//! reads one word of the receiver's record, its bell. To open a mailbox takes its memory from the system. A sender that waits
//! for room waits for a quarter of the mailbox first: each look takes the line of `head` away from the receiver.
//!
//! **Before you change it:**
//! - The short path goes only as far as the producer was permitted to (`grant`). What is rare, such as a batch that holds much or a send
//!   that was started, gives no permission, and so the next send takes the slow path.
//! - First publish, then ring. That a receiver has reset the mailbox is told once, by the next call that can
//!   ([`Outgoing::tell_reset`]).
//! - A batch may not hold back what somebody waits for: calls, announcements, and acknowledgements that a sender waits for, go
//!   at once.
#![cfg(not(loom))]

mod answers;
mod asked;
mod each;
mod lending;
mod loans;
mod room;
mod started;
mod synchronous;
mod transfer;
mod turn;

pub use answers::Answer;
pub use lending::Lending;
pub use room::{Progress, Room};
pub use synchronous::{Announcing, Paused, Synchronous};
pub use transfer::Transfers;
pub use turn::Turn;

use answers::Answers;
use loans::Loans;
use started::Started;

use crate::abi::{INLINE, Kind, Label, Rank};
use crate::error::{Broken, SendError};
use crate::half::{ByRank, Member, Spare};
use crate::memory::{Payload, Shared};
use crate::rank::{Life, Status};
use crate::ring::{Caller, Corrupt, Producer, Slot, count};
use crate::sync::{Edge, acquire, release};
use core::cell::{OnceCell, RefCell};

/// Memory of messages that were started and sent that is kept for later ones.
const SPARE: usize = 256 << 20;

/// A mailbox that this endpoint writes to.
pub struct Outgoing {
    pub to: u32,
    /// The receiver's record.
    pub record: Shared<Rank>,
    pub producer: Producer,
    /// Sends calls through the call line.
    pub caller: Caller,
    /// The answers that come through the return lane.
    pub answers: Answers,
    /// The messages for the transfer ring.
    pub transfers: Transfers,
}

/// Mailboxes by receiver, each opened at the first message.
pub struct Outbox {
    peers: ByRank<Outgoing>,
    /// The receivers for which a batch holds something back.
    held: RefCell<Vec<u32>>,
    /// The receivers of announced messages whose bytes this endpoint owns.
    tended: RefCell<Vec<u32>>,
    /// Made at the first loan.
    loans: OnceCell<Loans>,
    started: Started,
    /// Memory for messages that were started.
    spare: Spare,
}

impl Outbox {
    pub fn new(ranks: u32) -> Self {
        let (held, tended) = (RefCell::default(), RefCell::default());
        let (loans, started, spare) = (OnceCell::new(), Started::default(), Spare::new(SPARE));
        Self { peers: ByRank::new(ranks), held, tended, loans, started, spare }
    }

    /// Sends `bytes` to `to` if there is room for them and nothing else needs to be done. `false` means nothing. Apart from the
    /// rest, so that the common case of few bytes costs its caller no call.
    #[inline(always)]
    pub fn send_at_once(&self, member: &Member, to: u32, label: Label, bytes: &[u8]) -> bool {
        if bytes.len() > INLINE {
            return self.send_longer(member, to, label, bytes);
        }
        let Some(peer) = self.peers.get(to) else { return false };
        if member.check().is_err() {
            return false;
        }
        let held = member.is_in_batch();
        // What was lost just now is reported by the slow path, which then sends nothing.
        peer.producer.push_small(bytes, label, held) && (held || !peer.ring(member))
    }

    /// The same for `bytes` that are too many for a cell. A function, so that it has all registers: what it keeps on the
    /// stack, it stores between the lines that travel.
    #[inline(never)]
    fn send_longer(&self, member: &Member, to: u32, label: Label, bytes: &[u8]) -> bool {
        let Some(peer) = self.peers.get(to) else { return false };
        if bytes.len() > member.whole || member.check().is_err() {
            return false;
        }
        let held = member.is_in_batch();
        if !peer.producer.push_longer(bytes, label, held) {
            return false;
        }
        if held {
            // It may be much by its bytes.
            self.note_held_back(member, peer);
        }
        held || !peer.ring(member)
    }

    /// Writes a whole message to `slot`, and publishes it, now or with its batch.
    #[inline(always)]
    pub fn fill(
        &self,
        member: &Member,
        peer: &Outgoing,
        slot: &Slot,
        payload: Payload<'_>,
    ) -> Result<(), SendError> {
        if member.is_in_batch() {
            peer.producer.write(slot, payload);
            self.publish(member, peer, slot);
        } else {
            peer.producer.fill_with(slot, payload);
            peer.ring(member);
        }
        peer.tell_reset()?;
        self.grant(member, peer);
        Ok(())
    }

    /// Allows the short path from now on.
    #[inline(always)]
    fn grant(&self, member: &Member, peer: &Outgoing) {
        // What was started comes first.
        if member.limit >= INLINE && self.started.is_empty() {
            peer.producer.grant(peer.producer.holds_before_much());
        }
    }

    /// Writes to `slot` what its receiver answers, and publishes it. Never held back.
    #[inline(always)]
    pub fn ask(
        &self,
        member: &Member,
        peer: &Outgoing,
        slot: &Slot,
        payload: Payload<'_>,
    ) -> Result<(), SendError> {
        peer.producer.fill_with(slot, payload);
        peer.ring(member);
        peer.tell_reset()?;
        self.grant(member, peer);
        Ok(())
    }

    /// Announces a message of `len` bytes in `slot`. Never held back.
    pub fn announce(&self, member: &Member, peer: &Outgoing, slot: &Slot, len: u64) -> Result<(), SendError> {
        peer.producer.announce(slot, len);
        peer.ring(member);
        Ok(peer.tell_reset()?)
    }

    /// Publishes a slot that is written, now or with its batch. If messages were lost by then, that is reported
    /// later.
    pub fn publish(&self, member: &Member, peer: &Outgoing, slot: &Slot) {
        if member.is_in_batch() {
            peer.producer.hold_back(slot);
            self.note_held_back(member, peer);
        } else {
            peer.producer.publish(slot);
            peer.ring(member);
        }
    }

    /// After a message to this peer was held back.
    fn note_held_back(&self, member: &Member, peer: &Outgoing) {
        if peer.producer.held_back() == 1 {
            self.held.borrow_mut().push(peer.to);
        }
        if peer.producer.holds_back_much() {
            self.flush(member);
        }
    }

    /// Publishes what batches hold back.
    #[inline(never)]
    pub fn flush(&self, member: &Member) {
        if self.held.borrow().is_empty() || member.check().is_err() {
            return;
        }
        let mut held = self.held.borrow_mut();
        for to in &*held {
            if let Some(peer) = self.peers.get(*to) {
                peer.producer.reveal();
                peer.ring(member);
            }
        }
        held.clear();
    }

    /// The mailbox to `to`, if it was opened.
    pub fn opened(&self, to: u32) -> Option<&Outgoing> {
        self.peers.get(to)
    }

    /// The open mailbox to `to`, ready for `len` bytes.
    #[inline(always)]
    pub fn peer(&self, member: &Member, to: u32, len: usize) -> Result<&Outgoing, SendError> {
        member.check()?;
        let peer = match self.peers.get(to) {
            Some(peer) if len <= member.limit => peer,
            _ => self.check_or_open(member, to, len)?,
        };
        peer.tell_reset()?;
        Ok(peer)
    }

    /// The open mailbox to `to`. It is told nothing that is told once.
    pub fn open_quietly(&self, member: &Member, to: u32) -> Result<&Outgoing, Broken> {
        member.check()?;
        self.check_rank(to)?;
        self.find_or_open(member, to)
    }

    /// The open mailbox to `to`, if this life of the rank or an earlier one has ever used it.
    pub fn used(&self, member: &Member, to: u32) -> Result<Option<&Outgoing>, Broken> {
        member.check()?;
        self.check_rank(to)?;
        if !member.region.is_opened(member.rank(), to) {
            return Ok(None);
        }
        let peer = self.find_or_open(member, to)?;
        peer.tell_reset()?;
        Ok(Some(peer))
    }

    fn check_rank(&self, to: u32) -> Result<(), Broken> {
        let ranks = self.peers.ranks();
        if self.peers.reaches(to) { Ok(()) } else { Err(Broken::NoSuchRank { rank: to, ranks }) }
    }

    /// Like `peer`, if the mailbox is not open yet or the message is too long.
    #[cold]
    fn check_or_open(&self, member: &Member, to: u32, len: usize) -> Result<&Outgoing, SendError> {
        self.check_rank(to)?;
        if len > member.limit {
            return Err(SendError::TooLarge { len: len as u64, limit: member.limit as u64 });
        }
        Ok(self.find_or_open(member, to)?)
    }

    fn find_or_open(&self, member: &Member, to: u32) -> Result<&Outgoing, Broken> {
        self.peers.get(to).map_or_else(|| self.open(member, to), Ok)
    }

    /// Reserves the pages that small messages need. Tells the receiver, unless an earlier holder of this rank has.
    /// Goes on where that holder stopped.
    fn open(&self, member: &Member, to: u32) -> Result<&Outgoing, Broken> {
        let (region, me) = (&member.region, member.rank());
        let record = region.registry.record(to);
        if region.is_opened(me, to) {
            // By a former life, or by another process that may write there.
            region.segment.complete(me, to).map_err(|_| Broken::NoSpace(to))?;
        } else {
            region.segment.reserve(me, to).map_err(|_| Broken::NoSpace(to))?;
            let word = &record.opened[me as usize / 64];
            // Pairs with the receiver's load: from here on the receiver may touch the pages.
            word.fetch_or(1 << (me % 64), release(Edge::Opened));
        }
        let mailbox = region.segment.mailbox(me, to);
        let producer =
            Producer::recover(mailbox.mail, member.epoch()).map_err(|Corrupt| Broken::Corrupt(to))?;
        let caller = Caller::resume(mailbox.call);
        let answers = Answers::resume(mailbox.returns, member);
        let transfers = Transfers::new(mailbox.transfer);
        let new = || Outgoing { to, record, producer, caller, answers, transfers };
        let peer = self.peers.get_or_make(to, new);
        // Answers that former lives did not look at are no longer wanted, and they occupy cells that this life's
        // calls need.
        let _ = peer.answers.take_in(member, peer);
        Ok(peer)
    }
}

impl Outgoing {
    /// Whether the receiver has acknowledged the message of this number.
    pub fn is_acknowledged(&self, seq: u64) -> Result<bool, Broken> {
        self.producer.is_acknowledged(seq).map_err(|Corrupt| Broken::Corrupt(self.to))
    }

    /// The epoch of the receiver's life, if it has joined and not left.
    #[inline(always)]
    pub fn present(&self) -> Option<u64> {
        let life = Life::from_word(self.record.identity.life.load(acquire(Edge::Life)));
        life.joined().then(|| life.epoch())
    }

    /// Sends a call on the call line to the receiver's life with this epoch, if the line is free and `bytes` fit it. Leaves it free where
    /// calls follow each other, as long as they find room in the mailbox at once. Returns the call's stamp.
    #[inline(always)]
    pub fn ask(&self, member: &Member, epoch: u64, bytes: &[u8]) -> Option<u64> {
        let goes_elsewhere = || self.answers.follow_each_other() && self.producer.may_push();
        if bytes.len() > INLINE || goes_elsewhere() || !self.caller.is_free(epoch) {
            return None;
        }
        if self.answers.has_stray.take() {
            // If the lane makes no sense, the next call that looks there returns the error.
            let _ = self.answers.take_in(member, self);
        }
        let stamp = self.caller.ask(epoch, self.producer.tail(), member.epoch() as u8, bytes);
        self.ring(member);
        Some(stamp)
    }

    /// Sends a call through the mailbox to the receiver's life with this epoch, if `bytes` fit a cell and nothing else needs to be
    /// done. Returns the request's number. `None` means nothing.
    #[inline(never)]
    pub fn ask_in_cell(&self, member: &Member, epoch: u64, bytes: &[u8]) -> Option<u64> {
        if bytes.len() > INLINE || !self.answers.knows_credit() {
            return None;
        }
        let seq = self.producer.tail();
        let is_sent = self.producer.push_numbered(Kind::Call, epoch, bytes);
        // What was lost just now is reported by the slow path, which then sends nothing.
        if !is_sent || self.ring(member) {
            return None;
        }
        self.answers.expect(seq, epoch);
        Some(seq)
    }

    /// Tells the receiver that there is mail. Returns whether it has given up messages that must be reported as lost.
    #[inline(always)]
    fn ring(&self, member: &Member) -> bool {
        !member.mail_needs_no_ring(&self.record) && self.ring_aloud(member)
    }

    #[cold]
    fn ring_aloud(&self, member: &Member) -> bool {
        let rung = member.ring_mail(&self.record);
        if rung.woken {
            count(&self.producer.counters().wakes, 1);
        }
        if rung.wants_reset {
            self.producer.answer();
        }
        self.producer.was_reset()
    }

    /// Reports, once, that the receiver gave up what it had not received.
    #[inline(always)]
    pub fn tell_reset(&self) -> Result<(), Broken> {
        if self.producer.was_reset() && self.producer.take_was_reset() {
            Err(Broken::Reset(self.to))
        } else {
            Ok(())
        }
    }
}

/// The epoch of the life that takes what is sent to `to` for one life only. An error if the rank has left.
pub fn living_taker(member: &Member, to: u32) -> Result<u64, SendError> {
    let life = member.region.registry.life(to);
    if !life.joined() && life.epoch() != 0 {
        Err(SendError::Gone { rank: to, died: false })
    } else {
        Ok(taker(life))
    }
}

/// The error for a rank whose life has ended like this.
pub fn ended(to: u32, end: Status) -> SendError {
    SendError::Gone { rank: to, died: end != Status::Left }
}

/// The epoch of the holder that takes what is sent to a rank in this life.
pub fn taker(life: Life) -> u64 {
    life.epoch() + u64::from(!life.joined())
}
