//! Finds out that all processes of a network wait for each other.

use super::ChannelError;
use super::end::{End, Found, Opening, Side};
use super::link::Link;
use bytemuck::{Pod, Zeroable};
use core::fmt;
use core::ops::Range;
use mailbox::{Endpoint, Inspection, Latest, LatestPublisher, PublisherError, Status, TopicError};
use std::collections::BTreeMap;

/// The most ends of a wait that others are told of.
const MOST: usize = 16;

/// Bytes of a channel's name, and zeros.
const NAME: usize = 64;

/// All processes of a network wait for each other, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlock {
    /// For what each of them waits.
    pub waits: Vec<Waits>,
}

/// For what a process waits: a message, or the opening of an end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waits {
    /// Its rank.
    pub rank: u32,
    /// The channel.
    pub channel: String,
    /// Whether it has the output end.
    pub sends: bool,
    /// Who has the other end; `None` if it was not opened.
    pub other: Option<u32>,
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deadlock")?;
        for (at, Waits { rank, channel, sends, other }) in self.waits.iter().enumerate() {
            let (comma, verb) =
                (if at == 0 { ":" } else { "," }, if *sends { "send to" } else { "receive from" });
            write!(f, "{comma} rank {rank} waits to {verb} ")?;
            match other {
                Some(other) => write!(f, "rank {other} on {channel:?}")?,
                None => write!(f, "the other end of {channel:?}, which is not open")?,
            }
        }
        Ok(())
    }
}

impl core::error::Error for Deadlock {}

/// What a process says of its wait, as the latest value of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct State {
    /// How often it has changed.
    changes: u64,
    /// In the life of this epoch.
    epoch: u64,
    /// For how many ends it waits; 0 if it runs.
    count: u32,
    /// 0 if it waits until a time, or for room in a mailbox.
    is_forever: u32,
    on: [On; MOST],
}

/// One of the ends that it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct On {
    /// The other end; none if it was not there.
    other: Opening,
    /// How many messages had come from that rank when there was none of those that it waits for.
    messages: u64,
    /// Whether it has the output end.
    sends: u64,
    channel: [u8; NAME],
}

impl On {
    fn new(link: &Link<'_>, me: u32, inspection: &Inspection) -> Self {
        let other = link.meeting().peer().map_or(Opening::default(), |peer| peer.opening);
        let mut channel = [0; NAME];
        let name = link.meeting().channel().as_bytes();
        let len = name.len().min(NAME);
        channel[..len].copy_from_slice(&name[..len]);
        let sends = (link.meeting().side() == Side::Output).into();
        Self { other, messages: messages(inspection, other.rank, me), sends, channel }
    }

    fn side(&self) -> Side {
        if self.sends != 0 { Side::Output } else { Side::Input }
    }

    fn channel(&self) -> String {
        let name = self.channel.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    fn told(&self, rank: u32) -> Waits {
        let other = self.other.is_some().then_some(self.other.rank);
        Waits { rank, channel: self.channel(), sends: self.sends != 0, other }
    }

    /// Whether what it waits for may have come to the process of this rank, or have ended.
    fn may_go_on(&self, me: &Endpoint, rank: u32, inspection: &Inspection) -> bool {
        let end = |side: Side| {
            let topic = me.region().topic(&side.topic(&self.channel())).ok()?;
            topic.latest(me).ok()?.value::<End>().ok()?
        };
        let theirs = end(self.side().other());
        if self.other.is_some() {
            let is_there = theirs.is_some_and(|end| end.opening == self.other && end.is_open != 0);
            return !is_there
                || !self.other.lives(me.region())
                || messages(inspection, self.other.rank, rank) != self.messages;
        }
        let (Some(ours), Some(theirs)) = (end(self.side()), theirs) else { return false };
        let comes = |found: Found| !found.is_open || found.has_met_us || found.opening.lives(me.region());
        ours.find(&theirs).is_some_and(comes)
    }
}

/// How many messages were ever sent from one rank to another.
fn messages(inspection: &Inspection, from: u32, to: u32) -> u64 {
    let mailbox = inspection.mailboxes.iter().find(|mail| (mail.from, mail.to) == (from, to));
    mailbox.map_or(0, |mailbox| mailbox.messages)
}

fn topic(rank: u32) -> String {
    format!("waits of rank {rank}")
}

/// What a process has said of its wait.
pub struct Told<'a> {
    rank: u32,
    publisher: LatestPublisher<'a>,
    state: State,
}

impl<'a> Told<'a> {
    pub fn begin(me: &'a Endpoint) -> Result<Self, ChannelError> {
        let name = topic(me.rank());
        let begin = || {
            let mut publisher = me.region().topic(&name)?.publish_latest(me, size_of::<State>())?;
            let state = State { epoch: me.epoch(), ..State::zeroed() };
            publisher.publish_value(&state)?;
            Ok(Self { rank: me.rank(), publisher, state })
        };
        begin().map_err(|error| match error {
            TopicError::Publisher(PublisherError::Taken { rank }) => ChannelError::Begun { rank },
            error => ChannelError::Topic { channel: name.clone(), error },
        })
    }

    /// A reader of it that has read it all. Only this process itself has news for it.
    pub fn read(&self, me: &'a Endpoint) -> Result<Latest<'a>, ChannelError> {
        let name = topic(self.rank);
        let read = || {
            let mut latest = me.region().topic(&name)?.latest(me)?;
            latest.value::<State>()?;
            Ok(latest)
        };
        read().map_err(|error| ChannelError::Topic { channel: name.clone(), error })
    }

    /// It waits for these, of which none had a message after this inspection.
    pub fn waits(&mut self, links: &[&Link<'a>], inspection: &Inspection, is_forever: bool) {
        if links.len() > MOST {
            return;
        }
        let mut on = [On::zeroed(); MOST];
        on.iter_mut().zip(links).for_each(|(on, link)| *on = On::new(link, self.rank, inspection));
        self.tell(State { count: links.len() as u32, is_forever: is_forever.into(), on, ..self.state });
    }

    /// It runs.
    #[inline]
    pub fn runs(&mut self) {
        if self.state.count > 0 {
            self.tell(State { count: 0, ..self.state });
        }
    }

    fn tell(&mut self, state: State) {
        if state != self.state {
            self.state = State { changes: self.state.changes + 1, ..state };
            // Without it, others think that nothing has changed, and see that messages were sent or received.
            _ = self.publisher.publish_value(&self.state);
        }
    }
}

/// Looks at all processes of a network, time after time.
#[derive(Default)]
pub struct Detector<'a> {
    states: BTreeMap<u32, Latest<'a>>,
    before: Option<Look>,
}

/// What a look has found: that all wait, and how much was sent and received.
#[derive(Clone, PartialEq, Eq)]
struct Look {
    waits: Vec<(u32, State)>,
    /// Messages, and how many of them are unread, from rank to rank.
    messages: Vec<(u32, u32, u64, u64)>,
}

impl<'a> Detector<'a> {
    /// The deadlock, if this look finds the same one as the look before. The inspection is from before this look and after the last. A
    /// process that has not run between two looks has sent nothing between them. What it sent before is in this inspection.
    pub fn look(
        &mut self,
        me: &'a Endpoint,
        members: &Range<u32>,
        inspection: &Inspection,
    ) -> Option<Deadlock> {
        let now = self.find(me, members, inspection);
        let is_same = now.is_some() && self.before == now;
        self.before = now;
        let look = self.before.as_ref().filter(|_| is_same)?;
        let told = |(rank, state): &(u32, State)| {
            let rank = *rank;
            state.on.into_iter().take(state.count as usize).map(move |on| on.told(rank))
        };
        Some(Deadlock { waits: look.waits.iter().flat_map(told).collect() })
    }

    /// The processes, if all wait for ever, and none for something that is there.
    fn find(&mut self, me: &'a Endpoint, members: &Range<u32>, inspection: &Inspection) -> Option<Look> {
        let mut waits = vec![];
        for rank in members.clone() {
            match me.region().status(rank)? {
                (Status::Live, epoch) => waits.push((rank, self.state(me, rank, epoch)?)),
                (Status::NeverJoined, _) => return None,
                // What it has sent is unread or not, as that of others.
                _ => {}
            }
        }
        let may_go_on = |(rank, state): &(u32, State)| {
            let on = &state.on[..state.count as usize];
            on.iter().any(|on| on.may_go_on(me, *rank, inspection))
        };
        if waits.iter().any(may_go_on) {
            return None;
        }
        let is_member = |rank| members.contains(rank);
        let of_them = inspection.mailboxes.iter().filter(|mail| is_member(&mail.from) && is_member(&mail.to));
        let messages = of_them.map(|mail| (mail.from, mail.to, mail.messages, mail.unread)).collect();
        Some(Look { waits, messages })
    }

    /// The wait of a process, if it waits for ever.
    fn state(&mut self, me: &'a Endpoint, rank: u32, epoch: u64) -> Option<State> {
        let latest = match self.states.entry(rank) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(me.region().topic(&topic(rank)).ok()?.latest(me).ok()?)
            }
        };
        let state = latest.value::<State>().ok()??;
        let waits = state.epoch == epoch && state.is_forever != 0;
        (waits && (1..=MOST as u32).contains(&state.count)).then_some(state)
    }
}
