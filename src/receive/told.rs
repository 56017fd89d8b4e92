//! The next event, for one of several threads that use a rank together. Each event is told to one of them. That nobody is left is
//! told to each that says how many times it has heard that.

use super::news::News;
use super::{Inbox, Next, Wanted};
use crate::error::RecvError;
use crate::half::Member;
use crate::ring::Descriptor;
use crate::sync::{Mutant, mutated};
use crate::wait::{Deadline, Found, Operation};

/// What a thread is told.
pub enum Told {
    /// The mail, taken, and from whom it is.
    Mail(u32, Descriptor),
    /// What is no mail.
    News(News),
}

impl Inbox {
    /// How many times it was told that nobody is left.
    pub fn times_alone(&self) -> u64 {
        self.attendance.times_alone()
    }

    /// Whether a thread has not heard each time that nobody is left: it knows of so many.
    fn is_behind(&self, since: Option<u64>) -> bool {
        !mutated(Mutant::Discreet) && since.is_some_and(|since| since != self.times_alone())
    }

    /// Whether there may be an event to tell a thread that knows `since` when nobody is left, were it to look now.
    pub fn has_event(&self, member: &Member, since: Option<u64>) -> bool {
        let is_news = || self.joining(member).is_some() || self.attendance.is_deserted();
        !mutated(Mutant::Deaf)
            && (is_news() || self.is_behind(since) || self.has_news(member, Wanted::ANYTHING))
    }

    /// One look for the next event and, where there is something, one step. `is_found`: whether the thread finds something to do.
    #[inline]
    pub fn look_for_event<'a>(
        &'a self,
        member: &'a Member,
        since: Option<u64>,
        is_found: impl FnOnce(&mut Next<'a>) -> Result<bool, RecvError>,
    ) -> Result<Found<Told>, RecvError> {
        if self.is_behind(since) {
            return Ok(Found::All(Told::News(News::Alone)));
        }
        let mut next = Next::new(self, member);
        let mail = match self.next_mail(member, Deadline::Now) {
            Some(mail) => Some(mail),
            None if !is_found(&mut next)? => return Ok(Found::Nothing),
            None => {
                next.step()?;
                next.mail()
            }
        };
        Ok(match (next.news, mail) {
            (Some(news), _) => Found::All(Told::News(news)),
            (None, Some((peer, mail))) => Found::All(Told::Mail(peer.from, mail)),
            (None, None) => Found::Some,
        })
    }
}
