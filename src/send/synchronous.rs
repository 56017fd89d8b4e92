//! A message whose sender waits until it is acknowledged or, if it was announced, received.
//!
//! Its cell has the kind `sync`; in all else it is an ordinary message. When the receiver acknowledges it, it writes
//! `ack` with the message's number to the return lane, and moves its head only after that. The sender is done when it
//! has seen the `ack`. If the receiver's life ends first, the sender is told, and the message stays for a successor;
//! whether the dead receiver had acknowledged it is not known. A batch never holds such an acknowledgement back.

use super::room::is_in_vain;
use super::{Answer, Outgoing, ended, living_taker};
use crate::abi::{CallId, Kind};
use crate::error::{Broken, SendError};
use crate::half::{Member, Starving};
use crate::memory::Payload;
use crate::rank::Source;
use crate::ring::count;
use crate::wait::{Looks, Operation, Step};
use core::mem::ManuallyDrop;

/// The wait for such a message: first until another one may be under way, then, after it was sent, for its
/// acknowledgement.
pub struct Synchronous<'a> {
    member: &'a Member,
    peer: &'a Outgoing,
    /// The epoch of the receiver's life that it waits for.
    epoch: u64,
    /// The message, after it was sent.
    sent: Option<Sent<'a>>,
    is_done: bool,
    looks: Looks,
    starving: Starving<'a>,
}

/// A wait for a message that was sent, which goes on later.
#[derive(Clone, Copy)]
pub struct Paused {
    epoch: u64,
    seq: u64,
    is_announced: bool,
}

/// A message that was sent.
#[derive(Clone, Copy)]
struct Sent<'a> {
    seq: u64,
    id: CallId,
    is_announced: bool,
    /// The bytes of an announced message, unless the table of announced messages has them.
    borrowed: Option<Payload<'a>>,
}

impl<'a> Synchronous<'a> {
    /// For a rank that can acknowledge it while this thread waits.
    pub fn new(member: &'a Member, peer: &'a Outgoing) -> Result<Self, SendError> {
        if is_in_vain(member, peer) {
            return Err(SendError::Full(peer.to));
        }
        let epoch = living_taker(member, peer.to)?;
        let (looks, starving) = (Looks::default(), Starving::default());
        Ok(Self { member, peer, epoch, sent: None, is_done: false, looks, starving })
    }

    /// Lets go of the half that waits. What its receiver was told holds until the wait is resumed, and given up or over. `None`
    /// if nothing was sent, or if it is over.
    pub fn pause(self) -> Option<Paused> {
        let wait = ManuallyDrop::new(self);
        wait.starving.pause();
        let Sent { seq, is_announced, .. } = wait.sent?;
        Some(Paused { epoch: wait.epoch, seq, is_announced })
    }

    /// Goes on with a wait of this half; for an announced message that consists of this, unless the table of announced messages
    /// has it.
    pub fn resume(
        member: &'a Member,
        peer: &'a Outgoing,
        paused: Paused,
        borrowed: Option<Payload<'a>>,
    ) -> Self {
        let Paused { epoch, seq, is_announced } = paused;
        let (looks, starving) = (Looks::default(), Starving::default());
        let sent = Sent { seq, id: CallId::of_message(seq), is_announced, borrowed };
        Self { member, peer, epoch, sent: Some(sent), is_done: false, looks, starving }
    }

    /// It was sent as message `seq`.
    pub fn expect(&mut self, seq: u64) {
        self.note(seq, false, None);
    }

    /// It was announced by cell `seq`.
    pub fn announced(&mut self, seq: u64, bytes: Announcing<'a>) {
        let (owned, borrowed) = match bytes {
            Announcing::Owned(bytes) => (Some(bytes), None),
            Announcing::Borrowed(payload) => (None, Some(payload)),
        };
        self.peer.transfers.add(seq, self.epoch, owned);
        self.note(seq, true, borrowed);
    }

    fn note(&mut self, seq: u64, is_announced: bool, borrowed: Option<Payload<'a>>) {
        self.peer.answers.expect(seq, self.epoch);
        self.sent = Some(Sent { seq, id: CallId::of_message(seq), is_announced, borrowed });
        self.is_done = false;
    }

    /// Its thread stops waiting for now. What it told its receiver is withdrawn.
    pub fn end_wait(&mut self) {
        self.starving = Starving::default();
    }

    /// Makes progress. Returns whether there was anything to do.
    fn go_on(&mut self, sent: Sent<'a>) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        let has_served = match sent.borrowed {
            Some(payload) => peer.transfers.serve(member, peer, Some((sent.seq, payload))),
            // It has gone on already, before this look, with all that this endpoint owns.
            None => sent.is_announced && peer.transfers.take_moved(),
        };
        self.is_done = self.is_acknowledged(sent)?;
        Ok(has_served || self.is_done)
    }

    fn is_acknowledged(&mut self, Sent { id, is_announced, .. }: Sent<'_>) -> Result<bool, SendError> {
        let is_so = is_acknowledged(self.member, self.peer, self.epoch, id, is_announced)?;
        if is_so {
            self.end();
        }
        Ok(is_so)
    }

    /// Ends the wait. An announced message that was not received is given up.
    pub fn end(&mut self) {
        let Some(Sent { seq, id, is_announced, .. }) = self.sent.take() else { return };
        self.peer.answers.give_up(id);
        // If the rank is lost, the mailbox belongs to a successor and is not touched.
        if is_announced && self.member.check().is_ok() {
            self.peer.transfers.end(self.peer, seq);
            self.peer.ring(self.member);
        }
    }
}

/// Whether the receiver's life with this epoch has said that it acknowledged the message of this id, or received the announced
/// one.
pub(super) fn is_acknowledged(
    member: &Member,
    peer: &Outgoing,
    epoch: u64,
    id: CallId,
    is_announced: bool,
) -> Result<bool, SendError> {
    match peer.answers.take(member, peer, id)? {
        Some(Answer { kind: Kind::Ack, .. }) => Ok(true),
        Some(Answer { kind: Kind::Dropped, .. }) if is_announced => {
            let is_followed = member.region.registry.life(peer.to).epoch() > epoch;
            // A later life refuses what was announced to the one before it.
            Err(if is_followed {
                SendError::Gone { rank: peer.to, died: true }
            } else {
                SendError::Refused(peer.to)
            })
        }
        None if peer.answers.expects(id) => {
            peer.tell_reset()?;
            Ok(false)
        }
        // The lane holds no answer, or another call found that it makes no sense.
        _ => Err(Broken::Corrupt(peer.to).into()),
    }
}

/// The bytes of a message that is announced.
pub enum Announcing<'a> {
    /// Sent while any call of the endpoint waits.
    Owned(Vec<u8>),
    /// Sent while the caller waits for this message.
    Borrowed(Payload<'a>),
}

impl Announcing<'_> {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Owned(bytes) => bytes.len(),
            Self::Borrowed(payload) => payload.len(),
        }
    }
}

impl Operation for Synchronous<'_> {
    type Error = SendError;

    fn look(&mut self, thorough: bool) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        let Some(sent) = self.sent else {
            self.is_done = peer.answers.has_credit(member, peer, self.epoch)?;
            if self.is_done {
                self.end_wait();
            } else if (thorough || self.looks.count_look())
                && let Some(last) = peer.answers.last_asked()
            {
                self.starving.tell_any(member, &peer.record, &peer.producer, last);
            }
            return Ok(self.is_done);
        };
        let is_any = self.go_on(sent)?;
        if !is_any && (thorough || self.looks.count_look()) {
            self.starving.tell(member, &peer.record, &peer.producer, sent.seq);
        }
        Ok(is_any)
    }

    fn check(&mut self, query: bool) -> Result<bool, SendError> {
        let Self { member, peer, .. } = *self;
        member.check()?;
        let place = member.check_place(query);
        let is_over = is_in_vain(member, peer);
        // An honest receiver says so before its head moves.
        let has_passed = match self.sent {
            Some(Sent { seq, .. }) => peer.is_acknowledged(seq)?,
            None => false,
        };
        let end = member.end_of_life(peer.to, self.epoch, query);
        if self.look(true)? {
            return Ok(true);
        }
        place?;
        if is_over {
            return Err(SendError::Full(peer.to));
        }
        match end {
            Some(end) => Err(ended(peer.to, end)),
            None if !has_passed => Ok(false),
            // The receiver did not say that it has received the message; perhaps it was discarded.
            None if self.sent.is_some_and(|sent| sent.is_announced) => Err(SendError::Refused(peer.to)),
            None => Err(Broken::Corrupt(self.peer.to).into()),
        }
    }

    fn step(&mut self) -> Result<Step, SendError> {
        Ok(if self.is_done { Step::Done } else { Step::Went })
    }

    fn begin_wait(&self) {
        self.starving.begin();
    }

    fn is_in_vain(&self) -> bool {
        is_in_vain(self.member, self.peer)
    }

    fn fall_asleep(&self) {
        let is_holder = self.member.announce(Source::Rank(self.peer.to));
        if is_holder && self.sent.is_some_and(|sent| sent.is_announced) {
            count(&self.peer.producer.counters().sleeps, 1);
        }
    }
}

impl Drop for Synchronous<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
