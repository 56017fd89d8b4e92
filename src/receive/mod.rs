//! The receiving side of an endpoint.
//!
//! A look finds a mailbox that has something; a step takes it. A receive from one rank looks only at that rank's
//! mailbox, one from anyone in the order of `fair`, up to 32 mails of one sender at a time, or 256 where others have
//! none. A call on the call line comes before the mail of its sender's turn, but never before mail that its caller had
//! sent earlier.
//!
//! A receive takes what its filter takes, and leaves the rest unread (`peer::unread`). Receives that were started are offered
//! mail before the one that took it (`posted`).
// A model check asks for events only.
#![cfg_attr(loom, allow(dead_code, unused_imports))]

mod assembled;
mod attendance;
mod bars;
mod drained;
mod ends;
mod fair;
mod fetch;
mod labels;
mod lacking;
mod news;
mod next;
mod operation;
mod peeked;
mod peer;
mod posted;
mod ready;
mod reset;
mod short;
mod spread;
mod told;
mod turn;
mod unread;
mod wanted;

pub use fetch::Fetch;
pub use news::{Ended, News};
pub use next::Next;
pub use operation::Receive;
pub use peer::{Answering, Incoming};
pub use ready::Ready;
pub use told::Told;
pub use wanted::Wanted;

use attendance::Attendance;
use fair::FairQueue;
use lacking::Lacking;
use posted::Posted;

use crate::abi::{Filter, MAX_RANKS, OPENED_WORDS};
#[cfg(not(loom))]
use crate::collective::Groups;
use crate::error::{Broken, RecvError};
use crate::half::{ByRank, Member};
use crate::rank::Source;
use crate::ring::{Consumer, Descriptor, Server};
use crate::sync::{Edge, acquire};
use crate::wait::pace::{self, BURST, LONG_TURN};
use core::cell::{Cell as Private, RefCell};
use core::time::Duration;

const NOBODY: u32 = u32::MAX;

/// The mailboxes to this rank, by sender. Each is opened when its bit in `opened` is first seen.
pub struct Inbox {
    peers: ByRank<Incoming>,
    /// Bit `from % 64` of word `from / 64`: the mailbox is open.
    known: [Private<u64>; OPENED_WORDS],
    /// Mailboxes that should be open, but for which there is no memory.
    lacking: Lacking,
    turns: RefCell<FairQueue>,
    /// The sender whose turn it is.
    current: Private<u32>,
    /// How many mails its turn has.
    turn: Private<u64>,
    /// When it began, if the turn before it was the same sender's.
    turn_began: Private<Duration>,
    /// The number of the first mail after its turn, less the mails of the turn that were taken a second time.
    turn_end: Private<u64>,
    /// Whether the next message of some sender lacks memory.
    bars: Private<bool>,
    /// Whether some sender was asked for a reset and has not given it yet.
    asks: Private<bool>,
    /// By rank: the epoch of the life whose end is no longer news.
    reported: Box<[Private<u64>]>,
    /// Which ranks are there, as far as was reported.
    attendance: Attendance,
    /// The rank whose life was looked at last, in rotation.
    looked_at: Private<u32>,
    /// The count of changes when all lives were last looked at.
    looked_for: Private<Option<u64>>,
    /// The rank that the kernel was last asked about, in rotation. Starts at its own rank, so that each process asks
    /// about others.
    queried: Private<u32>,
    /// When a receive from anyone last asked.
    asked_around: Private<Option<Duration>>,
    /// Whether announcements are returned as mails.
    pub by_hand: Private<bool>,
    /// What the next receive from anyone is to say: a wait has found it.
    kept_error: Private<Option<RecvError>>,
    /// Whose mail it was that a thread that waits for several things was told of last.
    told_of: Private<u32>,
    /// The receives that were started.
    posted: Posted,
    /// The groups that the rank is in.
    #[cfg(not(loom))]
    pub groups: Groups,
}

impl Inbox {
    /// Of a half that begins now.
    pub fn new(member: &Member) -> Self {
        Self {
            peers: ByRank::new(member.region.ranks()),
            known: Default::default(),
            lacking: Lacking::default(),
            turns: RefCell::default(),
            current: NOBODY.into(),
            turn: BURST.into(),
            turn_began: Duration::ZERO.into(),
            turn_end: 0.into(),
            bars: false.into(),
            asks: false.into(),
            reported: ends::reported_at_first(member),
            attendance: Attendance::new(member.region.ranks(), member.rank()),
            looked_at: NOBODY.into(),
            looked_for: None.into(),
            queried: member.rank().into(),
            asked_around: None.into(),
            by_hand: false.into(),
            kept_error: None.into(),
            told_of: NOBODY.into(),
            posted: Posted::default(),
            #[cfg(not(loom))]
            groups: Groups::default(),
        }
    }

    /// The call on the call line from `peer`, if there is one that may be received now.
    #[inline(always)]
    fn take_call(&self, peer: &Incoming, wanted: Wanted) -> Option<Descriptor> {
        if !wanted.filter.takes_calls() {
            return None;
        }
        let is_turn = wanted.is_from_anyone() && peer.from == self.current.get();
        if is_turn && self.left_of_turn(peer) == 0 {
            return None;
        }
        let descriptor = peer.take_call()?;
        self.turn_end.set(self.turn_end.get().wrapping_sub(u64::from(is_turn)));
        Some(descriptor)
    }

    /// The next mail of `peer`, which is ready and has no call. `None` if it was an announcement or a part of a
    /// message, or if the error for it was reported before.
    #[inline(always)]
    fn take(
        &self,
        member: &Member,
        wanted: Wanted,
        peer: &Incoming,
        by_hand: bool,
    ) -> Result<Option<Descriptor>, RecvError> {
        let is_current = peer.from == self.current.get();
        // A turn becomes longer only if nobody else has mail.
        let (turn, is_alone) = match wanted.source {
            Source::Anyone if is_current => (self.left_of_turn(peer).max(1), self.turn.get() > BURST),
            Source::Anyone => (BURST, false),
            // Nobody else is waited for.
            Source::Rank(_) => (LONG_TURN, true),
        };
        peer.grant(member, if self.posted.is_empty() { turn } else { 0 }, is_alone);
        if let Some(descriptor) = peer.consumer.take_new(member.limit, wanted.filter) {
            return Ok(Some(descriptor));
        }
        let next = peer.consumer.next();
        let taken = peer.take(member, wanted.filter, by_hand);
        if taken.is_err() && peer.is_barred() {
            self.bars.set(true);
            if wanted.is_from_anyone() && peer.reported_bar.replace(true) {
                return Ok(None);
            }
        }
        let descriptor = taken?;
        if peer.consumer.next() == next {
            self.count_again(peer);
        }
        Ok(descriptor)
    }

    #[inline(always)]
    fn look(&self, member: &Member, wanted: Wanted, thorough: bool) -> Result<Option<&Incoming>, RecvError> {
        match wanted.source {
            Source::Anyone => Ok(self.look_around(member, wanted.filter, thorough)),
            Source::Rank(rank) => self.look_at(member, rank, wanted.filter),
        }
    }

    /// The mailbox from `rank`, if it is open. Takes a reset that was asked for.
    fn peer(&self, member: &Member, rank: u32) -> Option<&Incoming> {
        if self.peers.get(rank).is_none() {
            self.discover(member);
        }
        self.take_reset(member);
        self.lift_bars(member);
        self.peers.get(rank)
    }

    /// Whether `rank` says that it can do nothing before this rank receives and acknowledges mail from it that is
    /// there.
    pub fn keeps_waiting(&self, member: &Member, rank: u32) -> bool {
        self.peer(member, rank).is_some_and(|peer| peer.waits_for_us(member))
    }

    /// The mailbox of `rank`, if it has mail that `filter` takes.
    fn look_at(&self, member: &Member, rank: u32, filter: Filter) -> Result<Option<&Incoming>, RecvError> {
        if !self.peers.reaches(rank) {
            return Err(Broken::NoSuchRank { rank, ranks: self.peers.ranks() }.into());
        }
        match self.peer(member, rank) {
            Some(peer) if peer.is_corrupt() => Err(Broken::Corrupt(rank).into()),
            // A receive from one rank returns the error every time.
            Some(peer) if peer.is_barred() => Ok(peer.lift_bar(true, true).then_some(peer)),
            found => Ok(found.filter(|peer| peer.finds(filter))),
        }
    }

    /// The current sender until its turn is over, then the next sender that has mail, whose turn begins. Only a
    /// thorough look finds all senders that were silent for a long time.
    fn look_around(&self, member: &Member, filter: Filter, thorough: bool) -> Option<&Incoming> {
        let current = self.peers.get(self.current.get());
        let is_over = current.is_some_and(|peer| self.left_of_turn(peer) == 0);
        if let (Some(peer), false) = (current, is_over)
            && peer.finds(filter)
        {
            return Some(peer);
        }
        self.discover(member);
        self.take_reset(member);
        self.lift_bars(member);
        let is_overdue = Private::new(false);
        let is_ready = |rank| {
            let Some(peer) = self.peers.get(rank) else { return false };
            let is_ready = peer.finds(filter);
            if !is_ready && peer.take_woken() {
                is_overdue.set(true);
            }
            is_ready
        };
        let next = self.turns.borrow_mut().next(thorough, is_ready);
        let found = next.and_then(|rank| self.peers.get(rank));
        if let Some(peer) = found.or(current.filter(|_| is_over)) {
            self.begin_turn(peer);
        }
        if found.is_some() && is_overdue.get() {
            // A sender that was woken and has not sent yet may wait for this very processor. Senders on other
            // processors would leave it behind.
            pace::let_others_run();
        }
        found
    }

    /// How many words of the bitmaps contain ranks of this region.
    #[inline(always)]
    fn words(&self) -> usize {
        self.peers.ranks().div_ceil(64) as usize
    }

    /// Every open mailbox once, beginning with the ranks after `after`.
    fn open_after(&self, after: u32) -> impl Iterator<Item = &Incoming> {
        let first = after.wrapping_add(1) as usize % MAX_RANKS as usize;
        let above = u64::MAX << (first % 64);
        // The first word is used twice: its upper part first, the rest at the end.
        let words = self.words();
        (0..=words).flat_map(move |step| {
            let at = (first / 64 + step) % words;
            let mask = match step {
                0 => above,
                last if last == words => !above,
                _ => u64::MAX,
            };
            let mut bits = self.known[at].get() & mask;
            core::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                self.peers.get(at as u32 * 64 + bit)
            })
        })
    }

    /// Opens the mailboxes whose bits were set since the last look. Never touches any other.
    #[inline(always)]
    fn discover(&self, member: &Member) {
        let opened = &member.record().opened[..self.words()];
        for (at, (word, known)) in opened.iter().zip(&self.known).enumerate() {
            // Pairs with the sender's `fetch_or`: the pages are reserved, except for the arena's.
            let new = word.load(acquire(Edge::Opened)) & !known.get();
            if new != 0 {
                self.open(member, at as u32 * 64, new, known);
            }
        }
    }

    /// Opens the mailboxes with these bits, for ranks from `first` on. Notes those that have memory.
    #[cold]
    fn open(&self, member: &Member, first: u32, mut bits: u64, known: &Private<u64>) {
        bits = self.lacking.may_try(first, bits);
        while bits != 0 {
            let at = bits.trailing_zeros();
            bits &= bits - 1;
            let from = first + at;
            if !self.peers.reaches(from) {
                known.set(known.get() | 1 << at);
                continue;
            }
            if member.region.segment.complete(from, member.rank()).is_err() {
                self.lacking.note(from);
                continue;
            }
            self.lacking.forget(from);
            known.set(known.get() | 1 << at);
            let mailbox = member.region.segment.mailbox(from, member.rank());
            let server = Server::new(mailbox.call.clone(), member.epoch());
            let consumer = Consumer::resume(mailbox.mail.clone());
            if consumer.is_resetting() {
                // A former life asked for it.
                self.asks.set(true);
                member.set_resetting(true);
            }
            let record = member.region.registry.record(from);
            let peer = self
                .peers
                .get_or_make(from, || Incoming::new(member, from, record, mailbox, consumer, server));
            self.recall_end(member, peer);
            self.turns.borrow_mut().add(from);
        }
    }

    /// Tells senders what a batch or a drain acknowledged.
    pub fn settle(&self, member: &Member) {
        if member.check().is_ok() {
            self.open_after(NOBODY).for_each(|peer| peer.settle(member));
        }
    }
}
