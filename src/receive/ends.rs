//! How a receiver is told that its senders have ended.
//!
//! For each rank, a private word holds the last life whose end is not news. When an endpoint begins, that is the
//! present life if it is over, otherwise the one before. A claimer stores how the life before its own ended
//! (`former`), so that an end that is followed at once is still reported as what it was; of several ends between two
//! looks, only the last is reported. A process that claims or leaves stores `life`, then counts `changes`, then rings
//! (`Edge::Changes`). So a look at all lives is one load while nothing has changed.
//!
//! A death is reported only after one more empty look, made *after* the lock was seen free. Epochs are compared, not
//! only locks. A timeout alone never means death: a stopped process is alive. A receiver that leaves cleanly writes
//! into its line which ends it was told of, so that its successor is not told again. A receiver that dies writes
//! nothing, and its successor is told again.

use super::news::Ended;
use super::peer::Incoming;
use super::{Inbox, NOBODY, Wanted};
use crate::abi::Filter;
use crate::error::RecvError;
use crate::half::{Member, no_pages};
use crate::os;
use crate::rank::{Life, Source, Status};
use crate::sync::Ordering::Relaxed;
use crate::sync::{Mutant, mutated};
use crate::wait::pace::{FEW_RANKS, QUERIES, ROUND};
use core::cell::Cell as Private;

/// Added to an epoch: that life was over before this endpoint began, and its end is news as long as no life has
/// followed it. No rank is joined this many times.
const EARLIER: u64 = 1 << 63;

/// What a look for ends has found.
pub enum Found<'a> {
    /// This mailbox has something that comes before them.
    Mail(&'a Incoming),
    /// This is to be told next.
    End(Ended),
}

impl Found<'_> {
    fn is_end(&self) -> bool {
        matches!(self, Self::End(_))
    }
}

impl Inbox {
    /// The mailbox from `rank`, if it was opened.
    pub fn opened(&self, rank: u32) -> Option<&Incoming> {
        self.peers.get(rank)
    }

    /// Whether a receive may find something to do, were it to look now: mail, an end, or unread mail that it moves out of the way.
    pub fn has_news(&self, member: &Member, wanted: Wanted) -> bool {
        let is_ended = || match wanted.source {
            Source::Anyone => self.looked_for.get() != Some(member.region.registry.changes()),
            Source::Rank(rank) => member.end_of(rank, false).is_some(),
        };
        let can_make_room = || match wanted.source {
            Source::Anyone => self.open_after(NOBODY).any(|peer| peer.can_make_room(member, wanted.filter)),
            Source::Rank(rank) => {
                self.peers.get(rank).is_some_and(|peer| peer.can_make_room(member, wanted.filter))
            }
        };
        !matches!(self.look(member, wanted, true), Ok(None)) || is_ended() || can_make_room()
    }

    /// Reports that `rank` has ended, after one more look for mail that is wanted. It is made after the rank had ended.
    pub fn end(
        &self,
        member: &Member,
        rank: u32,
        wanted: Wanted,
        query: bool,
    ) -> Result<Option<&Incoming>, RecvError> {
        if query && let Some(peer) = self.peers.get(rank) {
            peer.check(member)?;
        }
        let end = match wanted.epoch {
            Some(epoch) => member.end_of_life(rank, epoch, query),
            None => member.end_of(rank, query),
        };
        let Some(end) = end else { return Ok(None) };
        if let Some(peer) = self.peers.get(rank) {
            peer.drop_of_gone(member, wanted.filter);
        }
        match self.look_at(member, rank, wanted.filter)? {
            Some(peer) => Ok(Some(peer)),
            None => {
                if self.lacks_memory(member, rank) {
                    // There may be mail of it in there.
                    return self.complete(member, rank).map(|()| None);
                }
                Err(ended(rank, end != Status::Left))
            }
        }
    }

    /// Finds the end of a rank that was there while this endpoint was, or the mailbox of one that has mail that `filter`
    /// takes. Each end comes after the last such mail of that life; if another life followed at once, perhaps after some mail of that
    /// one. It is found again until [`Inbox::note`] says that it was reported.
    ///
    /// A rank that has left, was followed, or is reported dead is found with one load. The loads are left out if
    /// nothing has changed since the last time, except with `query`. With `query`, the kernel is asked about the
    /// other ranks, a few at a time.
    #[inline(always)]
    pub fn ends(&self, member: &Member, filter: Filter, query: bool) -> Result<Option<Found<'_>>, RecvError> {
        let changes = member.region.registry.changes();
        if !query && self.looked_for.get() == Some(changes) {
            return Ok(None);
        }
        self.look_for_end(member, filter, query, changes)
    }

    /// As [`Inbox::ends`], between the turns of two senders. Mail that comes before an end waits for its sender's turn: one whose
    /// turn is over gives none, and would be found again and again.
    pub(super) fn ends_between_turns(
        &self,
        member: &Member,
        filter: Filter,
        query: bool,
    ) -> Result<Option<Found<'_>>, RecvError> {
        Ok(self.ends(member, filter, query)?.filter(Found::is_end))
    }

    #[inline(never)]
    fn look_for_end(
        &self,
        member: &Member,
        filter: Filter,
        query: bool,
        changes: u64,
    ) -> Result<Option<Found<'_>>, RecvError> {
        self.open_after(NOBODY).try_for_each(|peer| peer.check(member))?;
        let (found, is_complete) = self.look_at_lives(member, filter)?;
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
                && let Some(found) = self.find_end(member, rank, filter)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Looks once at the life of each rank. Returns a rank that has ended, or one that has mail. If there is none,
    /// also returns whether no end is left that may not be reported yet.
    fn look_at_lives(&self, member: &Member, filter: Filter) -> Result<(Option<Found<'_>>, bool), RecvError> {
        let registry = &member.region.registry;
        let ranks = self.peers.ranks();
        let (mut is_complete, mut questions, mut asked) = (true, QUERIES, None);
        // A plain loop, because it runs at every change.
        for _ in 0..ranks {
            let next = self.looked_at.get().wrapping_add(1);
            let rank = if next < ranks { next } else { 0 };
            self.looked_at.set(rank);
            if rank == member.rank() {
                continue;
            }
            let (life, mut is_dead) = (registry.life(rank), false);
            if self.is_news(rank, life) && registry.is_said_dead(rank, life) && questions > 0 {
                // The next look begins after this rank, so peers that lie about many ranks hide none.
                (questions, asked) = (questions - 1, Some(rank));
                is_dead = member.end_of(rank, true).is_some();
            }
            // A rank that never joined, by its word, has not ended, even if it has sent something.
            let has_left = !life.joined() && life.epoch() != 0 && self.is_news(rank, life);
            if is_dead || has_left || self.is_followed(rank, life) {
                if let Some(found) = self.find_end(member, rank, filter)? {
                    return Ok((Some(found), false));
                }
                // A rank that died is asked about again with the next query.
                is_complete &= is_dead;
            }
        }
        if let Some(rank) = asked {
            self.looked_at.set(rank);
        }
        Ok((None, is_complete))
    }

    /// Whether a receive from anyone is to ask about more ranks than this one watches. Notes that it does.
    fn may_ask_around(&self) -> bool {
        let now = os::uptime_lately();
        let is_due = self.peers.ranks() <= FEW_RANKS
            || self.asked_around.get().is_none_or(|asked| now.saturating_sub(asked) >= ROUND);
        if is_due {
            self.asked_around.set(Some(now));
        }
        is_due
    }

    /// Finds the end of this rank, which seems to be news, or returns its mailbox if mail comes first. `None` if
    /// the end may not be reported yet; others may.
    fn find_end(&self, member: &Member, rank: u32, filter: Filter) -> Result<Option<Found<'_>>, RecvError> {
        let registry = &member.region.registry;
        let (status, life) = registry.status(rank);
        let (end, epoch) = match status {
            Status::Left | Status::Dead => (status, life.epoch()),
            Status::Live if self.is_followed(rank, life) => {
                // If this is unknown, the end of the present life will be reported in time.
                let Some(end) = registry.former(rank, life.epoch()) else { return Ok(None) };
                (end, life.epoch().wrapping_sub(1))
            }
            _ => return Ok(None), // A successor came in between.
        };
        // What it sent before its end is visible now, and so is its bit in `opened`.
        if let Some(peer) = self.peer(member, rank) {
            if status != Status::Live {
                peer.drop_of_gone(member, filter);
            }
            if !mutated(Mutant::Hasty) && peer.finds(filter) {
                return Ok(Some(Found::Mail(peer)));
            }
            if peer.is_barred() {
                return Ok(None); // Mail of it is there.
            }
        }
        if self.lacks_memory(member, rank) {
            // There may be mail of it in there.
            if self.lacking.is_news(rank) {
                self.complete(member, rank)?;
            }
            return Ok(None);
        }
        Ok(Some(Found::End(Ended { rank, epoch, died: end != Status::Left })))
    }

    /// Whether the mailbox from `rank` has its bit in `opened` but could not be opened for want of memory.
    fn lacks_memory(&self, member: &Member, rank: u32) -> bool {
        let word = &member.record().opened[rank as usize / 64];
        word.load(Relaxed) & 1 << (rank % 64) != 0 && self.lacking.has(rank)
    }

    /// Tries again to open the mailbox from `rank`, which lacked memory. An error if it still does.
    fn complete(&self, member: &Member, rank: u32) -> Result<(), RecvError> {
        let completed = member.region.segment.complete(rank, member.rank());
        completed.map_err(|error| no_pages(rank, &error).into())
    }

    /// The end of the life with this epoch is no news any more.
    pub(super) fn set_reported(&self, rank: u32, epoch: u64) {
        self.reported[rank as usize].set(epoch);
    }

    /// Whether the end of this life would be news.
    pub(super) fn is_news(&self, rank: u32, life: Life) -> bool {
        // Not "later than": a peer that forges a life must not hide the end of a real one.
        self.reported[rank as usize].get() != life.epoch()
    }

    /// Whether this life goes on, and the end of the one before it is news.
    pub(super) fn is_followed(&self, rank: u32, life: Life) -> bool {
        let told = self.reported[rank as usize].get() & !EARLIER;
        life.joined() && ![life.epoch(), life.epoch().wrapping_sub(1)].contains(&told)
    }

    /// All ranks, beginning after `rank`.
    pub(super) fn ranks_after(&self, rank: u32) -> impl Iterator<Item = u32> + use<> {
        let (first, ranks) = (rank.wrapping_add(1), self.peers.ranks());
        (first..ranks).chain(0..first)
    }

    /// Called when this mailbox is opened. Finds out whether a former receiver was told of the end of its sender. If
    /// not, an end before this endpoint began is news, too, and is reported after the mail, even for a life that sent
    /// nothing.
    ///
    /// This relies on a word that a peer could write. The word counts only if it names the last life of the sender
    /// and that life is over. So it cannot hide an end that is still to come. Nor does it hide the end of a life whose joining
    /// was told, before this mailbox could be opened.
    pub(super) fn recall_end(&self, member: &Member, peer: &Incoming) {
        if self.attendance.epoch(peer.from) != 0 {
            return;
        }
        let told = &self.reported[peer.from as usize];
        let life = member.region.registry.life(peer.from);
        let (epoch, word) = (life.epoch(), peer.consumer.line().reported.load(Relaxed));
        // A successor may join between two looks.
        let is_over =
            || member.end_of(peer.from, true).is_some() || member.region.registry.life(peer.from) != life;
        if word == epoch && is_over() {
            told.set(epoch);
        } else if word != 0 && word == epoch.wrapping_sub(1) && life.joined() {
            // It names the life before the present one.
            told.set(word);
        } else if told.get() == epoch {
            told.set(EARLIER | epoch);
        }
    }

    /// Leaves notes for the next holder of this rank: which ends were reported, and which mails were handed out.
    pub fn leave(&self) {
        for peer in self.open_after(NOBODY) {
            // The end comes after the mail that a receive by tag has left.
            let is_read = peer.consumer.unread() == 0;
            let told = if is_read { self.reported[peer.from as usize].get() } else { 0 };
            peer.consumer.line().reported.store(told, Relaxed);
            peer.consumer.settle_claim();
        }
    }
}

/// By rank: the lives whose ends are not news for an endpoint that begins now, because they are over. For a rank that
/// is held, that is the life before. Also for a rank whose holder died, because nobody has asked the kernel yet.
pub fn reported_at_first(member: &Member) -> Box<[Private<u64>]> {
    let registry = &member.region.registry;
    let told = |life: Life| life.epoch().saturating_sub(u64::from(life.joined()));
    (0..registry.count()).map(|rank| told(registry.life(rank)).into()).collect()
}

/// What a receive says of the end of this rank.
pub fn ended(rank: u32, died: bool) -> RecvError {
    RecvError::Gone { rank, died }
}
