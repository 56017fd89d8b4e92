//! An endpoint that arms are of.

use super::arm::Arm;
use super::row::Row;
use super::takers::Takers;
use crate::abi::Filter;
use crate::endpoint::Halves;
use crate::error::Lost;
use crate::half::Member;
use crate::rank::Source;
use crate::receive::{Inbox, Wanted};
use crate::wait::Deadline;
use core::cell::Cell as Private;
use core::ptr;

/// What this thread has of an endpoint, and what the arms of it receive.
pub struct Place<'a> {
    pub halves: Halves<'a>,
    /// How many of its arms are not over,
    pub live: usize,
    /// and how many of these wait for room,
    pub sends: usize,
    /// or are of requests.
    pub requests: usize,
    /// What they receive, with the arms' numbers.
    receives: Vec<(Wanted, usize)>,
    /// The same by what they take.
    takers: Takers,
    /// The ranks that some of them receive from alone.
    ranks: Vec<u32>,
    /// Whether some of them receive from anyone: those alone tell what is not of one rank.
    tells_all: bool,
    /// Takes all that they take, and perhaps more. `None` if nothing does.
    cover: Option<Wanted>,
    /// Where its next mail is expected, if there is a cover.
    expects: Option<(&'a Inbox, Source)>,
    /// Whether this look found nothing for any of them.
    is_silent: Private<bool>,
    /// Whether it was tried in this look to foresee which arm is told.
    is_tried: Private<bool>,
}

impl<'a> Place<'a> {
    pub fn new(halves: Halves<'a>) -> Self {
        let (is_silent, is_tried) = (false.into(), false.into());
        let takers = Takers::default();
        let (live, sends, requests) = (0, 0, 0);
        Self {
            halves,
            live,
            sends,
            requests,
            receives: vec![],
            ranks: vec![],
            tells_all: false,
            takers,
            cover: None,
            is_silent,
            is_tried,
            expects: None,
        }
    }

    /// Whether these are the same halves.
    pub fn is_of(&self, halves: Halves<'_>) -> bool {
        self.halves.members().map(ptr::from_ref).eq(halves.members().map(ptr::from_ref))
    }

    pub fn check(&self) -> Result<(), Lost> {
        self.halves.members().try_for_each(Member::check)
    }

    /// It has one more arm, of this number.
    pub fn add(&mut self, arm: &Arm<'_>, number: usize) {
        self.live += 1;
        match arm {
            Arm::Recv { wanted, .. } => self.receive(*wanted, number),
            Arm::Send { .. } => self.sends += 1,
            Arm::Request { .. } | Arm::Collective { .. } => self.requests += 1,
            _ => {}
        }
    }

    /// That arm is over.
    pub fn remove(&mut self, arm: &Arm<'_>, number: usize) {
        self.live -= 1;
        match arm {
            Arm::Recv { .. } => {
                let mut left = core::mem::take(&mut self.receives);
                left.retain(|(_, of)| *of != number);
                self.takers = Takers::default();
                self.ranks.clear();
                (self.cover, self.expects, self.tells_all) = (None, None, false);
                left.into_iter().for_each(|(wanted, arm)| self.receive(wanted, arm));
            }
            Arm::Send { .. } => self.sends -= 1,
            Arm::Request { .. } | Arm::Collective { .. } => self.requests -= 1,
            _ => {}
        }
    }

    /// One more arm receives this.
    fn receive(&mut self, wanted: Wanted, arm: usize) {
        self.receives.push((wanted, arm));
        self.takers.add(wanted, arm);
        if let Source::Rank(rank) = wanted.source
            && !self.ranks.contains(&rank)
        {
            self.ranks.push(rank);
        }
        self.tells_all |= wanted.is_from_anyone();
        self.cover = match (self.cover, self.receives.len()) {
            (_, 1) => Some(wanted),
            (cover, _) => cover.and_then(|cover| of_both(cover, wanted)),
        };
        self.expects =
            self.cover.and_then(|cover| self.halves.receiving.map(|(_, inbox)| (inbox, cover.source)));
    }

    /// Whether some arm receives.
    pub fn receives(&self) -> bool {
        !self.receives.is_empty()
    }

    /// Whose mail the arms receive.
    pub fn source(&self) -> Source {
        self.cover.map_or(Source::Anyone, |cover| cover.source)
    }

    /// The arm that receives the next mail, if that is there for certain, and nothing else is to be done first. `None` says
    /// nothing; also if an arm was told of this mail before, and it was not received. One look at one cell.
    pub fn foresee(&self) -> Option<usize> {
        let (inbox, source) = self.expects?;
        let peer = inbox.expected(source)?;
        let (seq, envelope) = peer.next_easy()?;
        if inbox.take_untold(peer, seq) {
            self.takers.find(peer.from, Filter::label_of(envelope))
        } else {
            None
        }
    }

    /// So many mails after the next one that may say which arm is told, if they can.
    pub fn row_of(&self, count: u64) -> Option<Row<'a>> {
        let (inbox, source) = self.expects?;
        let peer = inbox.expected(source)?;
        Some(Row::new(peer, count, self.takers.of_sender(peer.from)?))
    }

    /// The same of a mail that comes in a moment, as a receive of all waits for it.
    pub fn foresee_soon(&self, deadline: Deadline) -> Option<usize> {
        let (member, inbox) = self.halves.receiving?;
        if inbox.finds_soon(member, self.cover?, deadline) { self.foresee() } else { None }
    }

    /// How many of its mails may say in a row which arm is told, where all arms receive, and from here: no more than a receive of
    /// all would take before it looks at other senders.
    pub fn row(&self) -> u64 {
        self.expects.map_or(0, |(inbox, source)| inbox.row(source))
    }

    /// A look begins: one for all arms that receive. Where it finds nothing, they need not be looked at one by one.
    pub fn begin_look(&self, thorough: bool) {
        let is_silent = |(member, inbox): (&Member, &Inbox)| match self.cover {
            Some(cover) if self.receives.len() > 1 => {
                inbox.is_silent(member, cover, self.tells_all, thorough)
            }
            _ => false,
        };
        self.is_tried.set(false);
        self.is_silent.set(self.halves.receiving.is_some_and(is_silent));
    }

    /// The first time in a look: the same as `foresee`, however much is to be done for that.
    pub fn foresee_once(&self) -> Option<usize> {
        if self.is_silent.get() || self.is_tried.replace(true) {
            return None;
        }
        let (member, inbox) = self.halves.receiving?;
        let (from, label) = inbox.foresee(member, self.cover?, self.tells_all)?;
        self.takers.find(from, label)
    }

    /// Whether that look has said that there is nothing for any arm that receives.
    pub fn has_nothing(&self) -> bool {
        let is_troubled = |(_, inbox): (_, &Inbox)| self.ranks.iter().any(|rank| inbox.is_troubled(*rank));
        self.receives.is_empty() || self.is_silent.get() && !self.halves.receiving.is_some_and(is_troubled)
    }

    /// Whether that look has said that there is nothing for this arm.
    pub fn has_nothing_for(&self, inbox: &Inbox, wanted: Wanted) -> bool {
        self.is_silent.get()
            && match wanted.source {
                Source::Anyone => true,
                Source::Rank(rank) => !inbox.is_troubled(rank),
            }
    }
}

/// What takes all that these two take.
fn of_both(one: Wanted, other: Wanted) -> Option<Wanted> {
    let source = if one.source == other.source { one.source } else { Source::Anyone };
    Some(Wanted { source, filter: Filter::cover(one.filter, other.filter)?, epoch: None })
}
