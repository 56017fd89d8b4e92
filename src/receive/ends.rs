//! What a receiver is told of the ends of its senders.

use super::peer::{Incoming, no_pages};
use super::{Inbox, NOBODY};
use crate::error::RecvError;
use crate::half::Member;
use crate::os;
use crate::rank::{Life, Status};
use crate::sync::Ordering::Relaxed;
use crate::wait::pace::{FEW_RANKS, QUERIES, ROUND};
use core::cell::Cell as Private;

/// With an epoch: this life was over before this endpoint, and its end is news as long as nobody has followed it. No rank
/// is joined so often.
const EARLIER: u64 = 1 << 63;

impl Inbox {
    /// Says that `rank` has ended; only after one more look for mail, made after it had.
    pub fn end(&self, member: &Member, rank: u32, query: bool) -> Result<Option<&Incoming>, RecvError> {
        if query && let Some(peer) = self.peers.get(rank) {
            peer.check(member)?;
        }
        let Some(end) = member.end_of(rank, query) else { return Ok(None) };
        if let Some(peer) = self.peers.get(rank) {
            peer.drop_of_gone(member);
        }
        match self.look_at(member, rank)? {
            Some(peer) => Ok(Some(peer)),
            None => {
                if self.lacks_memory(member, rank) {
                    // Mail of it may be there.
                    return self.complete(member, rank).map(|()| None);
                }
                Err(told(rank, end))
            }
        }
    }

    /// Says that a rank has ended which was there while this endpoint was, or has mail for it: once for each life, after
    /// its last mail; but the end of a life that was followed by another at once perhaps after mail of that one.
    ///
    /// Those that left, or were followed, or are said to be dead, are seen by one load each, which is left out where
    /// nothing is said to have changed, but for a `query`. With that, the kernel is asked about the others, a few at a
    /// time.
    pub fn ends(&self, member: &Member, query: bool) -> Result<Option<&Incoming>, RecvError> {
        let changes = member.region.registry.changes();
        if !query && self.looked_for.get() == Some(changes) {
            return Ok(None);
        }
        self.open_after(NOBODY).try_for_each(|peer| peer.check(member))?;
        let (found, is_complete) = self.look_at_lives(member)?;
        if found.is_some() {
            return Ok(found);
        }
        self.looked_for.set(is_complete.then_some(changes));
        if !query || !self.may_ask_around() {
            return Ok(None);
        }
        let registry = &member.region.registry;
        let is_other = |rank: &u32| *rank != member.rank();
        let is_news = |rank: &u32| self.is_news(*rank, registry.life(*rank));
        for rank in self.ranks_after(self.queried.get()).filter(is_other).filter(is_news).take(QUERIES) {
            self.queried.set(rank);
            if member.end_of(rank, true).is_some()
                && let Some(peer) = self.tell_end(member, rank)?
            {
                return Ok(Some(peer));
            }
        }
        Ok(None)
    }

    /// Looks once at the life of each rank; says that one has ended, or has mail. Else also whether nobody is left whose
    /// end may not be told yet.
    fn look_at_lives(&self, member: &Member) -> Result<(Option<&Incoming>, bool), RecvError> {
        let registry = &member.region.registry;
        let ranks = self.peers.ranks();
        let (mut is_complete, mut questions, mut asked) = (true, QUERIES, None);
        // A plain loop: it is run for each change.
        for _ in 0..ranks {
            let next = self.looked_at.get().wrapping_add(1);
            let rank = if next < ranks { next } else { 0 };
            self.looked_at.set(rank);
            if rank == member.rank() {
                continue;
            }
            let (life, mut is_dead) = (registry.life(rank), false);
            if self.is_news(rank, life) && registry.is_said_dead(rank, life) && questions > 0 {
                // The next look begins behind it: peers that lie about many hide nobody.
                (questions, asked) = (questions - 1, Some(rank));
                is_dead = member.end_of(rank, true).is_some();
            }
            // A rank that says that it never joined has not ended, though it has sent.
            let has_left = !life.joined() && life.epoch() != 0 && self.is_news(rank, life);
            if is_dead || has_left || self.is_followed(rank, life) {
                if let Some(peer) = self.tell_end(member, rank)? {
                    return Ok((Some(peer), false));
                }
                // One that died is asked about again with the next query.
                is_complete &= is_dead;
            }
        }
        if let Some(rank) = asked {
            self.looked_at.set(rank);
        }
        Ok((None, is_complete))
    }

    /// Whether a receive from anyone is to ask about some ranks more than this one watches; notes that it does.
    fn may_ask_around(&self) -> bool {
        let now = os::uptime_lately();
        let is_due = self.peers.ranks() <= FEW_RANKS
            || self.asked_around.get().is_none_or(|asked| now.saturating_sub(asked) >= ROUND);
        if is_due {
            self.asked_around.set(Some(now));
        }
        is_due
    }

    /// Whether it is time to look round because the sender whose turn it is had it for long.
    #[inline(always)]
    pub fn is_turn_over(&self) -> bool {
        self.peers.get(self.current.get()).is_some_and(|peer| self.left_of_turn(peer) == 0)
    }

    /// Says that this rank has ended, whose end seems to be news; or which mailbox has something that comes before.
    /// `None` if its end may not be told yet: there may be ends of others.
    fn tell_end(&self, member: &Member, rank: u32) -> Result<Option<&Incoming>, RecvError> {
        let registry = &member.region.registry;
        let (status, life) = registry.status(rank);
        let (end, epoch) = match status {
            Status::Left | Status::Dead => (status, life.epoch()),
            Status::Live if self.is_followed(rank, life) => {
                // Without it, the end of the life that goes on will be told.
                let Some(end) = registry.former(rank, life.epoch()) else { return Ok(None) };
                (end, life.epoch().wrapping_sub(1))
            }
            _ => return Ok(None), // A successor came in between.
        };
        // What it sent before is visible now, and that it opened its mailbox.
        if let Some(peer) = self.peer(member, rank) {
            if status != Status::Live {
                peer.drop_of_gone(member);
            }
            if peer.is_ready() {
                return Ok(Some(peer));
            }
            if peer.is_barred() {
                return Ok(None); // Mail of it is there.
            }
        }
        if self.lacks_memory(member, rank) {
            // Mail of it may be there.
            if self.lacking.is_news(rank) {
                self.complete(member, rank)?;
            }
            return Ok(None);
        }
        self.reported[rank as usize].set(epoch);
        Err(told(rank, end))
    }

    /// Whether the mailbox from `rank` is said to be open, and is not, for want of memory.
    fn lacks_memory(&self, member: &Member, rank: u32) -> bool {
        let word = &member.record().opened[rank as usize / 64];
        word.load(Relaxed) & 1 << (rank % 64) != 0 && self.lacking.has(rank)
    }

    /// Says why the mailbox from `rank`, which lacked memory when it was last to be opened, lacks it still.
    fn complete(&self, member: &Member, rank: u32) -> Result<(), RecvError> {
        let completed = member.region.segment.complete(rank, member.rank());
        completed.map_err(|error| no_pages(rank, &error))
    }

    /// Whether the end of this life would be news.
    fn is_news(&self, rank: u32, life: Life) -> bool {
        // Not "later": a peer that forges a life keeps no true one's end from being told.
        self.reported[rank as usize].get() != life.epoch()
    }

    /// Whether this life goes on, and the end of the one before it is news.
    fn is_followed(&self, rank: u32, life: Life) -> bool {
        let told = self.reported[rank as usize].get() & !EARLIER;
        life.joined() && ![life.epoch(), life.epoch().wrapping_sub(1)].contains(&told)
    }

    /// All ranks, those above `rank` first.
    fn ranks_after(&self, rank: u32) -> impl Iterator<Item = u32> + use<> {
        let (first, ranks) = (rank.wrapping_add(1), self.peers.ranks());
        (first..ranks).chain(0..first)
    }

    /// Takes over, as this mailbox is opened, whether a former receiver was told of its sender's end. If it was not, an end
    /// from before this endpoint is news, too, also of a life that had nothing to send: after the mail.
    ///
    /// As far as a peer's word says. Only that of a life that is over counts, and of those the last: so the word withholds
    /// no end that is to come.
    pub(super) fn recall_end(&self, member: &Member, peer: &Incoming) {
        let told = &self.reported[peer.from as usize];
        let life = member.region.registry.life(peer.from);
        let (epoch, word) = (life.epoch(), peer.consumer.line().reported.load(Relaxed));
        // A successor may come between two looks.
        let is_over =
            || member.end_of(peer.from, true).is_some() || member.region.registry.life(peer.from) != life;
        if word == epoch && is_over() {
            told.set(epoch);
        } else if word != 0 && word == epoch.wrapping_sub(1) && life.joined() {
            // Of the life before the one that goes on.
            told.set(word);
        } else if told.get() == epoch {
            told.set(EARLIER | epoch);
        }
    }
}

/// By rank: the lives whose ends are no news for an endpoint that begins now: those that are over. Of a rank that is held
/// that is the life before; and of one whose holder died, too, for nobody has asked the kernel.
pub fn reported_at_first(member: &Member) -> Box<[Private<u64>]> {
    let registry = &member.region.registry;
    let told = |life: Life| life.epoch().saturating_sub(u64::from(life.joined()));
    (0..registry.count()).map(|rank| told(registry.life(rank)).into()).collect()
}

fn told(rank: u32, end: Status) -> RecvError {
    RecvError::Gone { rank, died: end != Status::Left }
}
