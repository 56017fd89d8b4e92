//! The next event: mail, or what else there is to tell.

use super::ends::Found;
use super::news::News;
use super::{Inbox, Incoming, Receive, Wanted};
use crate::abi::Filter;
use crate::error::RecvError;
use crate::half::Member;
use crate::ring::Descriptor;
use crate::wait::{Deadline, Operation, Step};

/// Takes the next mail from anyone, or what is to be told before it.
pub struct Next<'a> {
    inbox: &'a Inbox,
    member: &'a Member,
    receive: Receive<'a>,
    /// What is to be told.
    ready: Option<News>,
    /// What came of it, unless it is mail.
    pub news: Option<News>,
}

impl<'a> Next<'a> {
    /// One that has not looked yet.
    pub fn new(inbox: &'a Inbox, member: &'a Member) -> Self {
        let receive = Receive::new(inbox, member, Wanted::ANYTHING);
        Self { inbox, member, receive, ready: None, news: None }
    }

    /// The mail, taken, and the mailbox that it lies in, if that is what came of it.
    pub fn mail(&self) -> Option<(&'a Incoming, Descriptor)> {
        self.receive.found
    }

    /// That an end was found, or a mailbox with mail that comes before it.
    fn is_found(&mut self, found: Option<Found<'a>>) -> bool {
        self.receive.ready = found;
        self.receive.ready.is_some()
    }
}

impl Operation for Next<'_> {
    type Error = RecvError;

    fn look(&mut self, thorough: bool) -> Result<bool, RecvError> {
        let Self { inbox, member, .. } = *self;
        self.ready = inbox.joining(member);
        if self.ready.is_some() {
            return Ok(true);
        }
        // Once in a turn: where there is always mail, ends are told, too.
        if inbox.is_turn_over() && self.is_found(inbox.ends_between_turns(member, Filter::ANY, false)?) {
            return Ok(true);
        }
        // Who ended is told before those that are gone are waited for. One look where nothing is said to have changed.
        let is_found =
            self.receive.look(thorough)? || self.is_found(inbox.ends(member, Filter::ANY, false)?);
        // Mail may have been left unread, and a look that is not thorough may have missed it.
        if is_found || !inbox.attendance.is_deserted() || self.receive.look(true)? {
            return Ok(is_found || self.receive.ready.is_some());
        }
        self.ready = Some(News::Alone);
        Ok(true)
    }

    fn check(&mut self, query: bool) -> Result<bool, RecvError> {
        let Self { inbox, member, .. } = *self;
        if query {
            // What is said to have changed is a peer's word.
            inbox.attendance.set_looked_for(None);
        }
        if self.receive.check(query)? {
            return Ok(true);
        }
        // This may have been the last look of a wait.
        self.ready = inbox.joining(member);
        Ok(self.ready.is_some())
    }

    fn step(&mut self) -> Result<Step, RecvError> {
        let Self { inbox, member, .. } = *self;
        self.news = match (self.ready, &self.receive.ready) {
            (Some(news), _) => Some(news),
            (None, Some(Found::End(end))) => inbox.first_of(member, *end),
            (None, _) => {
                let step = self.receive.step()?;
                let Some((peer, mail)) = self.receive.found else { return Ok(step) };
                let news = inbox.news_before(member, peer, &mail);
                if news.is_none() {
                    return Ok(step);
                }
                inbox.untake(peer, &mail);
                self.receive.found = None;
                news
            }
        };
        self.news.inspect(|news| inbox.note(*news));
        Ok(if self.news.is_some() { Step::Done } else { Step::Went })
    }

    fn is_in_vain(&self) -> bool {
        self.receive.is_in_vain()
    }

    fn fall_asleep(&self) {
        self.receive.fall_asleep();
    }
}

impl Inbox {
    /// The mail that is the next event, if it is there, or comes in a moment, and nothing else is to be told. `None` says
    /// nothing.
    pub fn next_mail(&self, member: &Member, deadline: Deadline) -> Option<(&Incoming, Descriptor)> {
        let soon =
            || (!deadline.is_now()).then(|| self.recv_soon(member, Wanted::ANYTHING, deadline)).flatten();
        let (peer, mail) = self.recv_new(member, Wanted::ANYTHING).or_else(soon)?;
        if self.news_before(member, peer, &mail).is_none() {
            return Some((peer, mail));
        }
        self.untake(peer, &mail);
        None
    }
}
