//! An end of a channel, for values of any type: its messages to and from the other end.

use super::ChannelError;
use super::end::{POISON, Side, tag_to};
use super::meeting::{Fate, Meeting, Peer};
use super::process::{LOOKS, Seat};
use bytemuck::bytes_of;
use core::cell::Cell;
use mailbox::{Deadline, Mail, RecvError, RecvFrom, Select, SendError, SendTo};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a receive waits for a message alone, before it waits as one that has time.
const SOON: Duration = Duration::from_millis(1);

/// An end.
pub struct Link<'a> {
    seat: Rc<Seat<'a>>,
    meeting: Meeting<'a>,
    /// 0 for a rendezvous.
    capacity: u32,
    /// For how many more values the other end has room, as far as it has said; 0 if this is an input, or a rendezvous.
    room: Cell<u32>,
    /// How many values were received that the other end was not told of; 0 if this is an output.
    owed: Cell<u32>,
    /// Why nothing more will come.
    over: Cell<Option<Over>>,
    /// When an alternative has last looked for an end that no message tells.
    looked: Cell<Instant>,
}

/// How a channel has ended.
#[derive(Debug, Clone, Copy)]
enum Over {
    Ended(Fate),
    Garbled,
}

impl<'a> Link<'a> {
    pub fn open<T>(
        seat: Rc<Seat<'a>>,
        channel: &str,
        capacity: u32,
        side: Side,
    ) -> Result<Self, ChannelError> {
        let meeting = Meeting::open::<T>(seat.me, channel, capacity, side)?;
        let room = if side == Side::Output { capacity } else { 0 };
        let (room, looked) = (room.into(), Instant::now().into());
        Ok(Self { seat, meeting, capacity, room, owed: 0.into(), over: None.into(), looked })
    }

    pub fn meeting(&self) -> &Meeting<'a> {
        &self.meeting
    }

    pub fn seat(&self) -> &Seat<'a> {
        &self.seat
    }

    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    pub fn has_met(&self) -> bool {
        self.meeting.peer().is_some()
    }

    pub fn is_over(&self) -> bool {
        self.over.get().is_some()
    }

    /// Why nothing more comes, if that is so.
    fn check(&self) -> Result<(), ChannelError> {
        let Some(over) = self.over.get() else { return Ok(()) };
        let channel = self.meeting.channel().into();
        let rank = self.meeting.peer().map_or(u32::MAX, |peer| peer.opening.rank);
        Err(match over {
            Over::Ended(Fate::Dropped) => ChannelError::Poisoned { channel },
            Over::Ended(Fate::Died) => ChannelError::Gone { channel, rank },
            Over::Garbled => ChannelError::Garbled { channel, rank },
        })
    }

    fn end_with(&self, over: Over) -> ChannelError {
        self.over.set(Some(over));
        self.check().expect_err("it is over")
    }

    /// The other end has sent what no end sends.
    pub fn garbled(&self) -> ChannelError {
        self.end_with(Over::Garbled)
    }

    fn from(&self, peer: Peer) -> RecvFrom<'a> {
        self.seat.me.from(peer.opening.rank).tag_masked(tag_to(self.meeting.side(), peer.tag), !POISON)
    }

    fn to(&self, peer: Peer) -> SendTo<'a> {
        self.seat.me.to(peer.opening.rank).tag(tag_to(self.meeting.side().other(), peer.tag))
    }

    /// The other end, if it is there.
    fn meet(&self) -> Result<Option<Peer>, ChannelError> {
        self.check()?;
        self.meeting.meet()
    }

    /// Looks for the other end, if it has not met it yet. Whether it is there now, or an error is to be told.
    pub fn has_come(&self) -> bool {
        !self.has_met() && !matches!(self.meet(), Ok(None))
    }

    /// Adds what this end waits for: the other end, or a message from it.
    pub fn arm(&self, select: &mut Select<'a>) {
        match self.meeting.peer() {
            Some(peer) => select.recv(self.from(peer)),
            None => select.latest(&self.meeting.theirs()),
        };
    }

    /// Adds that there is room for a message of `len` bytes.
    pub fn arm_room(&self, select: &mut Select<'a>, len: usize) {
        if let Some(peer) = self.meeting.peer() {
            select.send(self.to(peer), len);
        }
    }

    /// Whether a receive or send at this end would return something else than that it timed out.
    pub fn is_ready(&self) -> bool {
        match self.meet() {
            Ok(None) => false,
            Ok(Some(_)) => self.room.get() > 0 || self.has_news(),
            Err(_) => true,
        }
    }

    /// Whether there is a message, or an error that a receive would tell.
    pub fn has_news(&self) -> bool {
        let Some(peer) = self.meeting.peer() else { return false };
        self.from(peer).peek().map_or(true, |envelope| envelope.is_some())
    }

    /// Whether the other end has ended, also if no message says so. What it sent before comes first.
    pub fn has_lost_its_other(&self) -> bool {
        let Some(peer) = self.meeting.peer() else { return false };
        let fate = self.meeting.fate(peer);
        if let Some(fate) = fate.filter(|_| !self.has_news()) {
            self.end_with(Over::Ended(fate));
        }
        fate.is_some()
    }

    /// The same, asked by an alternative with each of its looks: it finds out now and then only.
    pub fn look_for_end(&self, now: Instant) {
        if now.saturating_duration_since(self.looked.get()) >= LOOKS {
            self.looked.set(now);
            self.has_lost_its_other();
        }
    }

    /// Waits until the other end is there.
    #[inline]
    fn await_other(&self, deadline: Deadline) -> Result<Peer, ChannelError> {
        match self.meeting.peer() {
            Some(peer) if !self.is_over() => Ok(peer),
            _ => self.await_opening(deadline),
        }
    }

    #[cold]
    fn await_opening(&self, deadline: Deadline) -> Result<Peer, ChannelError> {
        loop {
            if let Some(peer) = self.meet()? {
                return Ok(peer);
            }
            self.seat.wait(&[self], None, deadline)?;
        }
    }

    /// Sends to the other end. Waits until that is there, and there is room in its mailbox.
    #[inline]
    pub fn send(&self, bytes: &[u8], deadline: Deadline) -> Result<(), ChannelError> {
        loop {
            let peer = self.await_other(deadline)?;
            match self.to(peer).try_send(bytes) {
                Ok(()) => return Ok(()),
                Err(SendError::Full(_)) => {}
                // It may have said before that it ends.
                Err(error) if error.is_gone() => return Err(self.await_end()),
                Err(error) => return Err(error.into()),
            }
            if deadline.is_now() {
                return Err(ChannelError::Timeout);
            }
            self.seat.wait(&[self], Some(bytes.len()), deadline)?;
            if self.has_news() {
                self.take_word()?;
            }
        }
    }

    /// The process at the other end has ended. Why nothing more comes: what it said before it did is read first.
    fn await_end(&self) -> ChannelError {
        for _ in 0..=self.capacity.saturating_add(1) {
            match self.receive(Deadline::Now) {
                Ok(mail) => mail.ack(),
                Err(ChannelError::Timeout) => break,
                Err(error) => return error,
            }
        }
        self.end_with(Over::Ended(Fate::Died))
    }

    /// Sends a value to a channel that has a buffer. Waits until the other end has room for it.
    #[inline]
    pub fn send_buffered(&self, bytes: &[u8], deadline: Deadline) -> Result<(), ChannelError> {
        while self.room.get() == 0 {
            let mail = self.receive(deadline)?;
            self.note_room(&mail)?;
        }
        self.send(bytes, deadline)?;
        self.room.set(self.room.get() - 1);
        Ok(())
    }

    /// Takes a message that came while this end waited to send.
    fn take_word(&self) -> Result<(), ChannelError> {
        match self.receive(Deadline::Now) {
            Ok(mail) => self.note_room(&mail),
            Err(ChannelError::Timeout) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The other end has said for how many more values it has room.
    fn note_room(&self, mail: &Mail<'_>) -> Result<(), ChannelError> {
        let more = mail.value::<u32>().ok().filter(|more| *more > 0);
        let room = more.and_then(|more| self.room.get().checked_add(more));
        self.room.set(room.filter(|room| *room <= self.capacity).ok_or_else(|| self.garbled())?);
        Ok(())
    }

    /// A value was received. The other end is told of that, now or when there is room.
    #[inline]
    pub fn owe(&self) {
        self.owed.set(self.owed.get().saturating_add(1));
        self.pay();
    }

    /// Tells the other end what was received, if that is due and there is room. Whether nothing is due any more.
    #[inline]
    pub fn pay(&self) -> bool {
        let owed = self.owed.get();
        if owed == 0 || owed < self.capacity.div_ceil(2) {
            return true;
        }
        let Some(peer) = self.meeting.peer() else { return true };
        let word = if self.capacity == 0 { &[] } else { bytes_of(&owed) };
        // That it has ended is told when all that it has sent was received.
        let is_paid = !matches!(self.to(peer).try_send(word), Err(SendError::Full(_)));
        if is_paid {
            self.owed.set(0);
        }
        is_paid
    }

    /// The next message of the other end. Waits until there is one; not with [`Deadline::Now`].
    #[inline]
    pub fn receive(&self, deadline: Deadline) -> Result<Mail<'a>, ChannelError> {
        let peer = self.await_other(deadline)?;
        let is_paid = self.pay();
        let mail = match self.from(peer).try_recv() {
            Ok(Some(mail)) => mail,
            Ok(None) if deadline.is_now() => {
                self.has_lost_its_other();
                self.check()?;
                return Err(ChannelError::Timeout);
            }
            Ok(None) => self.await_message(peer, is_paid, deadline)?,
            Err(error) => return Err(self.failed(peer, error)),
        };
        if mail.tag() & POISON == 0 {
            return Ok(mail);
        }
        Err(self.end_with(Over::Ended(Fate::Dropped)))
    }

    fn await_message(&self, peer: Peer, is_paid: bool, deadline: Deadline) -> Result<Mail<'a>, ChannelError> {
        let end = Instant::now() + SOON;
        // Mostly it comes soon.
        let mut soon = match deadline {
            Deadline::At(time) => Deadline::At(time.min(end)),
            Deadline::Never if is_paid => Deadline::At(end),
            _ => Deadline::Now,
        };
        loop {
            match self.from(peer).within(soon).recv() {
                Err(RecvError::Timeout) => {}
                mail => return mail.map_err(|error| self.failed(peer, error)),
            }
            self.seat.wait(&[self], None, deadline)?;
            self.check()?;
            soon = Deadline::Now;
        }
    }

    fn failed(&self, peer: Peer, error: RecvError) -> ChannelError {
        match error {
            RecvError::Gone { .. } => {
                self.end_with(Over::Ended(self.meeting.fate(peer).unwrap_or(Fate::Died)))
            }
            error => error.into(),
        }
    }

    /// Ends the channel from this side. Alternatives that have this end leave it out from now on.
    pub fn close(&self) {
        // One that has not looked for the other end yet must tell it all the same.
        if let (Ok(Some(peer)), false) = (self.meet(), self.meeting.is_closed()) {
            self.pay();
            // After what was sent, and before the value that says the same. Without room, that is seen a little later.
            let to = self.seat.me.to(peer.opening.rank);
            _ = to.tag(tag_to(self.meeting.side().other(), peer.tag) | POISON).try_send(&[]);
        }
        self.meeting.close();
    }
}
