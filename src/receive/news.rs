//! What a receiver is told beside mail: which rank has joined, which has ended, and that no other is left.
//!
//! Nothing is queued. What is news follows from two private words a rank and from its present life: the last life whose end
//! is not news (`ends`), and the life that is there, as far as was reported (`attendance`). So lives that begin and end
//! between two looks are merged, and joinings and ends of a rank take turns:
//!
//! | reported | the rank is now | is reported next |
//! |---|---|---|
//! | not there | in a life whose end is news, which goes on or is over | its joining |
//! | there | in the same life, which is over | its end |
//! | there | in a later life, which is over | the end of that one |
//! | there | in a later life, which goes on | the end of the life before it, then its joining |
//!
//! *A joining comes before the mail of that life, an end after it.* A mail that was taken is compared with the present life
//! of its sender. The holder stored that life before the stamp, so a receiver that sees the mail sees the life (`Edge::Stamp`,
//! then `Edge::Life`). If the life was not reported, the mail is put back, and the joining is reported first. If the mail is
//! that of a successor, all mail of the former life was taken, and its end is reported now, even if the mailbox never gets
//! empty. A cell has six bits of the epoch: if 64 lives begin while a mail lies unread, it may be taken for that of another.
//!
//! *Joinings are seen by `changes`*, one load a look. A claim rings nobody: if it rang every bell, 64 ranks that start would
//! wake each sleeper 64 times. So a sleeper is told of a joining when its nap ends, or by the first mail. With each question
//! to the kernel all lives are read in any case, because the count is a peer's word; the same is true of a claimer that stops
//! between its life and the count.
//!
//! *Garbage* in `life`, `former`, `found_dead` or `changes` causes events that are not true, at most one a call. An end is
//! reported only of a rank that is there. No word becomes an index.

use super::{Inbox, Incoming};
use crate::half::Member;
use crate::rank::{Life, Status};
use crate::ring::Descriptor;
use crate::sync::{Mutant, mutated};

/// What is told that is no mail.
#[derive(Clone, Copy)]
pub enum News {
    /// A life of this rank has begun.
    Joined {
        /// The rank.
        rank: u32,
        /// The life's epoch.
        epoch: u64,
    },
    /// A life has ended.
    Ended(Ended),
    /// The last that was there has ended.
    Alone,
}

/// A life that has ended, and all mail of which was received.
#[derive(Clone, Copy)]
pub struct Ended {
    /// Whose it was.
    pub rank: u32,
    /// Its epoch.
    pub epoch: u64,
    /// Whether its holder died; otherwise it left.
    pub died: bool,
}

impl Inbox {
    /// The next joining of another rank that is to be told. One load where nothing is said to have changed.
    #[inline(always)]
    pub(super) fn joining(&self, member: &Member) -> Option<News> {
        let changes = member.region.registry.changes();
        if self.attendance.has_looked_for(changes) { None } else { self.look_for_joining(member, changes) }
    }

    #[inline(never)]
    fn look_for_joining(&self, member: &Member, changes: u64) -> Option<News> {
        let joining = |rank| self.joining_of(member, rank, member.region.registry.life(rank));
        let news = self.ranks_after(self.attendance.last.get()).find_map(|rank| {
            joining(rank)?;
            // A former holder of this rank may have left word there that it was told of this life, and of its end.
            self.peer(member, rank);
            joining(rank)
        });
        self.attendance.set_looked_for(news.is_none().then_some(changes));
        news
    }

    /// The joining of `rank`, which is in this life, if it is to be told next of that rank.
    fn joining_of(&self, member: &Member, rank: u32, life: Life) -> Option<News> {
        let epoch = life.epoch();
        let is_news = self.attendance.epoch(rank) == 0 && epoch != 0 && self.is_news(rank, life);
        (is_news && rank != member.rank()).then_some(News::Joined { rank, epoch })
    }

    /// What is to be told before this mail of `peer`, which was taken.
    #[inline(always)]
    pub(super) fn news_before(
        &self,
        member: &Member,
        peer: &Incoming,
        descriptor: &Descriptor,
    ) -> Option<News> {
        let life = peer.life();
        let is_known = self.attendance.epoch(peer.from) == life.epoch();
        if is_known || mutated(Mutant::Abrupt) {
            None
        } else {
            self.news_before_mail(member, peer.from, life, descriptor)
        }
    }

    #[cold]
    fn news_before_mail(
        &self,
        member: &Member,
        rank: u32,
        life: Life,
        descriptor: &Descriptor,
    ) -> Option<News> {
        if self.attendance.epoch(rank) == 0 {
            return self.joining_of(member, rank, life);
        }
        let epoch = life.epoch();
        let is_of_this_life = descriptor.envelope().epoch == (epoch % 64) as u8;
        if !is_of_this_life || !self.is_followed(rank, life) {
            return None;
        }
        // All mail of the life before was received.
        let status = member.region.registry.former(rank, epoch)?;
        Some(News::Ended(Ended { rank, epoch: epoch.wrapping_sub(1), died: status != Status::Left }))
    }

    /// What is told at an end that was found: first the joining of that life, if nobody was there. `None` if there was none
    /// either: a peer wrote a life that makes no sense.
    pub(super) fn first_of(&self, member: &Member, end: Ended) -> Option<News> {
        if self.attendance.epoch(end.rank) != 0 {
            return Some(News::Ended(end));
        }
        let joining = self.joining_of(member, end.rank, member.region.registry.life(end.rank));
        if joining.is_none() {
            self.note(News::Ended(end));
        }
        joining
    }

    /// It is told: it is no news any more.
    pub(super) fn note(&self, news: News) {
        match news {
            News::Joined { rank, epoch } => {
                self.attendance.arrive(rank, epoch);
                // Lives before it are one with it. Its own end is news.
                self.set_reported(rank, epoch.wrapping_sub(1));
                self.looked_for.set(None);
            }
            News::Ended(end) => {
                if !mutated(Mutant::Forgetful) {
                    self.set_reported(end.rank, end.epoch);
                }
                self.attendance.depart(end.rank);
                // Its successor's joining may be next.
                self.attendance.set_looked_for(None);
            }
            News::Alone => self.attendance.be_alone(),
        }
    }
}
