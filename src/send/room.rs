//! Waiting for room in a mailbox.

use super::{Outgoing, ended};
use crate::error::SendError;
use crate::half::{Member, Starving};
use crate::rank::Source;
use crate::ring::{Slack, Slot, count};
use crate::wait::Operation;
use crate::wait::pace::{PATIENT_POLLS, POLL_PAUSES};

/// Gets a slot for a message once there is room for it.
pub struct Room<'a> {
    member: &'a Member,
    peer: &'a Outgoing,
    /// Bytes of the message.
    len: usize,
    progress: Progress,
    /// The slot, once there is one.
    pub slot: Option<Slot>,
    starving: Starving<'a>,
}

/// How far a wait for room has gone.
#[derive(Clone, Copy, Default)]
pub struct Progress {
    /// Looks so far. The first ones wait for a quarter of the mailbox.
    looks: u32,
    /// Whether the mailbox was found full.
    is_full: bool,
}

impl Progress {
    /// Where any room is taken at once.
    pub const AT_ONCE: Self = Self { looks: PATIENT_POLLS + 1, is_full: false };
}

impl<'a> Room<'a> {
    pub fn new(member: &'a Member, peer: &'a Outgoing, len: usize) -> Self {
        Self::resume(member, peer, len, Progress::default())
    }

    /// Like `new`, for a call that does not wait: it takes any room at once.
    pub fn at_once(member: &'a Member, peer: &'a Outgoing, len: usize) -> Self {
        Self::resume(member, peer, len, Progress::AT_ONCE)
    }

    /// A wait that has gone so far.
    pub fn resume(member: &'a Member, peer: &'a Outgoing, len: usize, progress: Progress) -> Self {
        Self { member, peer, len, progress, slot: None, starving: Starving::default() }
    }

    /// Of a thread that waits for mail, too, and so goes on otherwise.
    pub fn beside_receives(self) -> Self {
        Self { starving: Starving::of_receiver(), ..self }
    }

    /// How far it has gone: it is resumed later, and what it has told its receiver holds until then.
    pub fn pause(self) -> Progress {
        self.starving.pause();
        self.progress
    }

    /// How much room the next look asks for. Counts the look.
    pub fn count_look(&mut self) -> Slack {
        if self.progress.looks > PATIENT_POLLS {
            return Slack::Any;
        }
        self.progress.looks += 1;
        Slack::Quarter
    }

    /// Whether a send that does not wait would return something else than that there is no room. It is told nothing that is
    /// told once.
    pub fn is_there(&mut self) -> bool {
        let was_reset = || self.peer.producer.was_reset();
        was_reset() || !matches!(self.find(Slack::Any), Ok(None)) || was_reset()
    }

    /// The same, after looks have found nothing for a while.
    pub fn check_there(&mut self, query: bool) -> bool {
        self.is_there() || self.has_ended(query)
    }

    /// Whether the receiver has ended.
    pub fn has_ended(&self, query: bool) -> bool {
        self.member.end_of(self.peer.to, query).is_some()
    }

    /// Claims the slot, if there is room. Returns whether there is.
    pub fn claim(&mut self, slack: Slack) -> Result<bool, SendError> {
        let slot = self.find(slack)?;
        if slot.is_some() {
            self.peer.tell_reset()?;
            self.slot = slot;
        }
        Ok(slot.is_some())
    }

    /// A slot, if there is room.
    fn find(&mut self, slack: Slack) -> Result<Option<Slot>, SendError> {
        let producer = &self.peer.producer;
        let known = if self.progress.is_full { None } else { producer.place(self.len) };
        if known.is_none() && !self.progress.is_full {
            self.member.review_order();
        }
        let slot = match known {
            Some(slot) => Some(slot),
            None => {
                let arena = self.member.region.geometry().arena_of_mail(self.member.rank(), self.peer.to);
                self.member.reclaim((producer, self.peer.to), arena, self.len, slack)?
            }
        };
        if slot.is_none() {
            if !self.progress.is_full {
                self.progress.is_full = true;
                count(&producer.counters().full, 1);
            }
            // While it waits for more, it may be about to take what there is.
            if slack == Slack::Any {
                self.starve();
            }
        }
        Ok(slot)
    }

    /// Tells the receiver that, as the mailbox was last seen, this sender cannot go on.
    pub fn starve(&self) {
        let producer = &self.peer.producer;
        self.starving.tell(self.member, &self.peer.record, producer, producer.seen_head());
    }
}

impl Operation for Room<'_> {
    type Error = SendError;

    fn look(&mut self, _: bool) -> Result<bool, SendError> {
        let slack = self.count_look();
        self.claim(slack)
    }

    #[cold]
    fn check(&mut self, query: bool) -> Result<bool, SendError> {
        check(self.member, self.peer, query, || self.claim(Slack::Any))
    }

    fn is_in_vain(&self) -> bool {
        is_in_vain(self.member, self.peer)
    }

    fn pauses(&self) -> u32 {
        if self.progress.looks > PATIENT_POLLS { 1 } else { POLL_PAUSES }
    }

    fn begin_wait(&self) {
        self.starving.begin();
    }

    fn fall_asleep(&self) {
        if self.member.announce(Source::Rank(self.peer.to)) {
            count(&self.peer.producer.counters().sleeps, 1);
        }
    }
}

/// Whether nobody could make room: in this rank's mailbox to itself, only the other half could.
pub(super) fn is_in_vain(member: &Member, peer: &Outgoing) -> bool {
    peer.to == member.rank() && member.finds_alone()
}

/// An error if the receiver will make no more room, or if the region has lost its name. First tries once more, after
/// that was seen.
pub(super) fn check(
    member: &Member,
    peer: &Outgoing,
    query: bool,
    mut attempt: impl FnMut() -> Result<bool, SendError>,
) -> Result<bool, SendError> {
    let place = member.check_place(query);
    let is_over = is_in_vain(member, peer);
    if attempt()? {
        return Ok(true);
    }
    place?;
    if is_over {
        return Err(SendError::Full(peer.to));
    }
    let Some(end) = member.end_of(peer.to, query) else { return Ok(false) };
    match attempt()? {
        true => Ok(true),
        false => Err(ended(peer.to, end)),
    }
}
