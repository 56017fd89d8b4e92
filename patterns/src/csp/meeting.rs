//! How the two ends of a channel find each other: each is told of in a topic of its own.

use super::ChannelError;
use super::end::{End, Found, Opening, Side, all_to, tag};
use core::cell::{Cell, RefCell};
use mailbox::{Endpoint, FindTopicError, Latest, LatestPublisher, PublisherError, ReadError, TopicError};

/// How many messages of former openings are looked for at most.
const STALE: u32 = 1 << 20;

/// An end that has been opened, and what it knows of the other.
pub struct Meeting<'a> {
    me: &'a Endpoint,
    channel: String,
    side: Side,
    /// The channel's number in its region.
    number: u32,
    end: Cell<End>,
    /// What says that; `None` once this end is closed.
    ours: RefCell<Option<LatestPublisher<'a>>>,
    theirs: RefCell<Latest<'a>>,
    /// The other end, once it has met it.
    peer: Cell<Option<Peer>>,
}

/// The other end.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    pub opening: Opening,
    /// Of all messages between the two, but for the bits that say in which direction they go, and whether they are poison.
    pub tag: u32,
}

/// How the other end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Dropped,
    Died,
}

impl<'a> Meeting<'a> {
    pub fn open<T>(me: &'a Endpoint, channel: &str, capacity: u32, side: Side) -> Result<Self, ChannelError> {
        let failed = |error| match error {
            TopicError::Publisher(PublisherError::Taken { rank }) => {
                ChannelError::Taken { channel: channel.into(), rank }
            }
            error => ChannelError::Topic { channel: channel.into(), error },
        };
        if channel.is_empty() {
            return Err(failed(FindTopicError::BadName { len: 0 }.into()));
        }
        let (len, limit) = (size_of::<T>() as u64, me.region().eager_limit());
        if len > limit {
            return Err(ChannelError::TooLong { channel: channel.into(), len, limit });
        }
        let topic =
            |side: Side| me.region().topic(&side.topic(channel)).map_err(|error| failed(error.into()));
        // Both ends do it in this order, so that the first topic is there.
        let (output, input) = (topic(Side::Output)?, topic(Side::Input)?);
        let names = me.region().topics().map_err(|error| failed(error.into()))?;
        let number = names.iter().position(|name| *name == output.name()).unwrap_or_default() as u32;
        let (ours, theirs) = if side == Side::Output { (output, input) } else { (input, output) };
        let theirs = theirs.latest(me).map_err(|error| failed(error.into()))?;
        let before = ours.latest(me).ok().and_then(|mut before| before.value::<End>().ok());
        let mut ours = ours.publish_latest(me, size_of::<End>()).map_err(|error| failed(error.into()))?;
        // From now on this end is nobody else's, and nobody sends to it before it is told of.
        drop_stale(me, all_to(side, number));
        let end = End::new::<T>(Opening::next(me), capacity, before.flatten());
        ours.publish_value(&end).map_err(|error| failed(error.into()))?;
        Ok(Self {
            me,
            channel: channel.into(),
            side,
            number,
            end: end.into(),
            ours: Some(ours).into(),
            theirs: theirs.into(),
            peer: None.into(),
        })
    }

    pub fn channel(&self) -> &str {
        &self.channel
    }

    pub fn side(&self) -> Side {
        self.side
    }

    /// The other end, once it was met.
    #[inline]
    pub fn peer(&self) -> Option<Peer> {
        self.peer.get()
    }

    pub fn theirs(&self) -> core::cell::Ref<'_, Latest<'a>> {
        self.theirs.borrow()
    }

    /// What the other end says, if it says something that can be read.
    fn read(&self) -> Result<Option<End>, ChannelError> {
        match self.theirs.borrow_mut().value::<End>() {
            // Garbage, or one that is written now.
            Err(ReadError::Misfit { .. } | ReadError::Busy) => Ok(None),
            end => end
                .map_err(|error| ChannelError::Topic { channel: self.channel.clone(), error: error.into() }),
        }
    }

    /// The other end, if it is there. An error if it is another kind of channel.
    pub fn meet(&self) -> Result<Option<Peer>, ChannelError> {
        if let Some(peer) = self.peer.get() {
            return Ok(Some(peer));
        }
        let ours = self.end.get();
        let Some(theirs) = self.read()? else { return Ok(None) };
        let Some(Found { opening, is_open, has_met_us }) = ours.find(&theirs) else { return Ok(None) };
        if opening.rank >= self.me.region().ranks() {
            return Ok(None);
        }
        if !ours.has_type_of(&theirs) {
            let (ours, theirs) = (ours.type_told(), theirs.type_told());
            return Err(ChannelError::OtherType { channel: self.channel.clone(), ours, theirs });
        }
        if ours.capacity != theirs.capacity {
            let (ours, theirs) = (ours.capacity, theirs.capacity);
            return Err(ChannelError::OtherCapacity { channel: self.channel.clone(), ours, theirs });
        }
        if is_open && !has_met_us && !opening.lives(self.me.region()) {
            // Another process may open it.
            return Ok(None);
        }
        let (output, input) = match self.side {
            Side::Output => (&ours.opening, &opening),
            Side::Input => (&opening, &ours.opening),
        };
        let tag = tag(self.number, output, input);
        self.peer.set(Some(Peer { opening, tag }));
        self.end.set(End { met: opening, ..ours });
        self.publish();
        Ok(self.peer.get())
    }

    /// How the other end, which was met, has ended, if it has.
    pub fn fate(&self, peer: Peer) -> Option<Fate> {
        let lives = peer.opening.lives(self.me.region());
        let is_dropped = |end: End| {
            if end.opening == peer.opening { end.is_open == 0 } else { lives }
        };
        match self.read() {
            Ok(Some(end)) if is_dropped(end) => Some(Fate::Dropped),
            _ => (!lives).then_some(Fate::Died),
        }
    }

    fn publish(&self) {
        if let Some(ours) = &mut *self.ours.borrow_mut() {
            // Without it the other end waits for this one, until it sees that this process has ended.
            _ = ours.publish_value(&self.end.get());
        }
    }

    /// Whether this end was dropped.
    pub fn is_closed(&self) -> bool {
        self.ours.borrow().is_none()
    }

    /// Tells that this end was dropped, and gives it free.
    pub fn close(&self) {
        self.end.set(End { is_open: 0, ..self.end.get() });
        self.publish();
        self.ours.take();
    }
}

/// Drops what was sent to former openings of an end of this rank.
fn drop_stale(me: &Endpoint, (tag, mask): (u32, u32)) {
    for rank in (0..me.region().ranks()).filter(|rank| me.region().has_mailbox(*rank, me.rank())) {
        for _ in 0..STALE {
            let Ok(Some(mail)) = me.from(rank).tag_masked(tag, mask).try_recv() else { break };
            mail.ack();
        }
    }
}
