//! The receiving side of an endpoint.

use crate::bell::Bell;
use crate::error::RecvError;
use crate::layout::{OPENED_WORDS, Rank};
use crate::member::{Interrupted, Member, Patience};
use crate::memory::Shared;
use crate::registry::Status;
use crate::ring::{Consumer, Letter};
use crate::sync::{Edge, Ordering::Relaxed, acquire};
use core::cell::{Cell as Private, OnceCell};

/// The most mails of one sender that a receive from anyone takes while another sender's wait.
pub(crate) const BURST: u32 = 32;
/// Pauses that a receiver makes to let the writer of a stream go ahead.
const LEAD_PAUSES: u32 = 64;
/// Peers that one look for deaths asks the kernel about, in rotation.
const QUERIES: usize = 4;
const NOBODY: u32 = u32::MAX;

/// Whom to receive from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Whoever has sent something: in order for each sender, in turn between them.
    Anyone,
    /// This rank.
    Rank(u32),
}

impl From<u32> for Source {
    fn from(rank: u32) -> Self {
        Source::Rank(rank)
    }
}

/// A mailbox that this endpoint reads from.
pub(crate) struct Incoming {
    pub from: u32,
    /// The sender's record.
    pub record: Shared<Rank>,
    pub consumer: Consumer,
    /// The next in the circle of opened mailboxes.
    next: Private<u32>,
    /// The sender's last epoch whose end was told.
    told: Private<u64>,
    corrupt: Private<bool>,
}

impl Incoming {
    /// Whether there is mail, or news of corruption. A mailbox that was once found corrupt is silent: others
    /// go on.
    #[inline(always)]
    fn is_ready(&self) -> bool {
        self.consumer.is_ready() && !self.corrupt.get()
    }

    /// The mail that `is_ready` saw.
    #[inline(never)]
    fn take(&self) -> Result<Letter, RecvError> {
        match self.consumer.take() {
            Ok(Some(letter)) => Ok(letter),
            // `Ok(None)`: a stamp that was there is gone.
            _ => Err(self.corrupted()),
        }
    }

    #[cold]
    fn corrupted(&self) -> RecvError {
        self.corrupt.set(true);
        RecvError::Corrupt(self.from)
    }
}

/// Mailboxes by sender, each opened when its bit in `opened` is first seen, and linked in a circle.
pub(crate) struct Inbox {
    peers: Box<[OnceCell<Box<Incoming>>]>,
    known: [Private<u64>; OPENED_WORDS],
    /// The sender whose turn it is.
    current: Private<u32>,
    /// How many mails in a row it gave.
    burst: Private<u32>,
    /// The sender last asked about in the rotation of queries.
    queried: Private<u32>,
}

impl From<Interrupted> for RecvError {
    fn from(_: Interrupted) -> Self {
        RecvError::Interrupted
    }
}

impl Inbox {
    pub fn new(ranks: u32) -> Self {
        Self {
            peers: (0..ranks).map(|_| OnceCell::new()).collect(),
            known: Default::default(),
            current: NOBODY.into(),
            burst: 0.into(),
            queried: NOBODY.into(),
        }
    }

    /// The next mail from `source`, taken, and the mailbox that it lies in.
    #[inline(always)]
    pub fn recv(
        &self,
        member: &Member,
        source: Source,
        patience: Patience,
    ) -> Result<(&Incoming, Letter), RecvError> {
        member.check()?;
        // A small mail that is there costs its receiver no call.
        let (peer, letter) = if source == Source::Anyone
            && let Some(peer) = self.peer(self.current.get())
            && self.burst.get() < BURST
            && !peer.corrupt.get()
            && let Some(letter) = peer.consumer.take_small()
        {
            (peer, letter)
        } else {
            let peer = self.find(member, source, patience)?;
            (peer, peer.take()?)
        };
        if source == Source::Anyone {
            self.burst.set(self.burst.get() + 1);
        }
        // No endpoint sends more than the region carries.
        if letter.len > member.limit { Err(peer.corrupted()) } else { Ok((peer, letter)) }
    }

    /// A sender that has mail, waited for if need be.
    #[inline(never)]
    fn find(&self, member: &Member, source: Source, patience: Patience) -> Result<&Incoming, RecvError> {
        match self.look(member, source)? {
            Some(peer) => Ok(peer),
            None => self.wait(member, source, patience),
        }
    }

    #[inline(always)]
    fn look(&self, member: &Member, source: Source) -> Result<Option<&Incoming>, RecvError> {
        match source {
            Source::Anyone => Ok(self.look_around(member)),
            Source::Rank(rank) => self.look_at(member, rank),
        }
    }

    /// `rank`, if it has mail.
    fn look_at(&self, member: &Member, rank: u32) -> Result<Option<&Incoming>, RecvError> {
        let slot = self.peers.get(rank as usize).ok_or(RecvError::NoSuchRank)?;
        if slot.get().is_none() {
            self.discover(member);
        }
        match slot.get() {
            Some(peer) if peer.corrupt.get() => Err(RecvError::Corrupt(rank)),
            Some(peer) if peer.is_ready() => Ok(Some(peer)),
            _ => Ok(None),
        }
    }

    /// The current sender until its burst is over, else the next in the circle that has mail: its burst
    /// begins.
    #[inline(always)]
    fn look_around(&self, member: &Member) -> Option<&Incoming> {
        let is_over = self.burst.get() >= BURST;
        if !is_over
            && let Some(peer) = self.peer(self.current.get())
            && peer.is_ready()
        {
            return Some(peer);
        }
        self.discover(member);
        self.burst.set(0);
        let start = self.peer(self.current.get())?;
        let peer = self.circle(start).find(|peer| peer.is_ready())?;
        if is_over && peer.from == start.from && !peer.consumer.is_behind() {
            // A stream, and we are at its writer's heels: the two would fight for each line. Let it go ahead.
            (0..LEAD_PAUSES).for_each(|_| core::hint::spin_loop());
        }
        self.current.set(peer.from);
        Some(peer)
    }

    #[inline(always)]
    fn peer(&self, rank: u32) -> Option<&Incoming> {
        Some(self.peers.get(rank as usize)?.get()?)
    }

    /// Every opened mailbox once: those after `start`, then `start`.
    fn circle<'a>(&'a self, start: &'a Incoming) -> impl Iterator<Item = &'a Incoming> {
        let mut at = Some(start);
        core::iter::from_fn(move || {
            let peer = self.peer(at?.next.get())?;
            at = (peer.from != start.from).then_some(peer);
            Some(peer)
        })
    }

    /// Opens the mailboxes whose bits were set since the last look. Never touches any other.
    #[inline(always)]
    fn discover(&self, member: &Member) {
        let words = (member.region.ranks() as usize).div_ceil(64);
        let opened = &member.record().opened[..words];
        for (at, (word, known)) in opened.iter().zip(&self.known).enumerate() {
            // Pairs with the sender's `fetch_or`: the pages are reserved.
            let new = word.load(acquire(Edge::Opened)) & !known.get();
            if new != 0 {
                known.set(known.get() | new);
                self.open(member, at as u32 * 64, new);
            }
        }
    }

    #[cold]
    fn open(&self, member: &Member, first: u32, mut bits: u64) {
        while bits != 0 {
            let from = first + bits.trailing_zeros();
            bits &= bits - 1;
            let Some(slot) = self.peers.get(from as usize) else { return };
            let consumer = Consumer::resume(member.region.segment.mailbox(from, member.rank()));
            let told = consumer.told().load(Relaxed).into();
            let next = match self.peer(self.current.get()) {
                Some(current) => current.next.replace(from),
                None => {
                    self.current.set(from);
                    from
                }
            };
            slot.get_or_init(|| {
                let record = member.region.registry.record(from);
                Box::new(Incoming { from, record, consumer, next: next.into(), told, corrupt: false.into() })
            });
        }
    }

    #[cold]
    fn wait(&self, member: &Member, source: Source, patience: Patience) -> Result<&Incoming, RecvError> {
        let check = |query| {
            member.check()?;
            match source {
                Source::Anyone => self.ends(member, query),
                Source::Rank(rank) => self.end(member, rank, query),
            }
        };
        let deadline = match patience {
            // Nobody but this endpoint could send what it waits for.
            _ if source == Source::Rank(member.rank()) || member.region.ranks() == 1 => {
                return Err(RecvError::Empty);
            }
            Patience::Never => {
                return check(member.is_time_to_query())?.ok_or(RecvError::Empty);
            }
            Patience::Until(deadline) => deadline,
        };
        let bell = Bell::mail(member.record());
        let found = member.wait(bell, deadline, || self.look(member, source), || check(true))?;
        found.ok_or(RecvError::Timeout)
    }

    /// Says that `rank` has ended; only after one more look for mail, made after it had.
    fn end(&self, member: &Member, rank: u32, query: bool) -> Result<Option<&Incoming>, RecvError> {
        let Some(end) = member.end_of(rank, query) else { return Ok(None) };
        match self.look_at(member, rank)? {
            Some(peer) => Ok(Some(peer)),
            None => Err(told(rank, end)),
        }
    }

    /// Says that one of those whose mailboxes are open has ended, once for each life.
    ///
    /// Those that left are seen by one load each. Whether the others live is asked of the kernel, a few at a
    /// time.
    fn ends(&self, member: &Member, query: bool) -> Result<Option<&Incoming>, RecvError> {
        let registry = &member.region.registry;
        let is_news = |peer: &&Incoming| {
            peer.from != member.rank() && registry.life(peer.from).epoch() > peer.told.get()
        };
        let Some(start) = self.peer(self.current.get()) else { return Ok(None) };
        let mut ended = self.circle(start).filter(is_news).find(|peer| !registry.life(peer.from).joined());
        if ended.is_none() && query {
            let start = self.peer(self.queried.get()).unwrap_or(start);
            ended = self.circle(start).filter(is_news).take(QUERIES).find(|peer| {
                self.queried.set(peer.from);
                member.end_of(peer.from, true).is_some()
            });
        }
        let Some(peer) = ended else { return Ok(None) };
        let (end, life) = registry.status(peer.from);
        if matches!(end, Status::NeverJoined | Status::Live) {
            return Ok(None); // A successor came in between.
        }
        if peer.is_ready() {
            return Ok(Some(peer));
        }
        peer.told.set(life.epoch());
        Err(told(peer.from, end))
    }

    /// Leaves word for the next holder of this rank of whose end this one was told.
    pub fn leave(&self) {
        let Some(start) = self.peer(self.current.get()) else { return };
        for peer in self.circle(start) {
            peer.consumer.told().store(peer.told.get(), Relaxed);
        }
    }
}

fn told(rank: u32, end: Status) -> RecvError {
    if end == Status::Left { RecvError::PeerLeft(rank) } else { RecvError::PeerDead(rank) }
}
