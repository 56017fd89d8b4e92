//! Receives that were started and go on while the endpoint does other things.
//!
//! A mail goes to the receive that was started first of those that take it; receives that a thread waits in come after them.
//! So each call that receives offers what it takes to those that were started before. While there are any, no call takes
//! mail on the short path. And each look of each call looks for mail for them first.

use super::{Inbox, Incoming, NOBODY, Receive, Wanted};
use crate::abi::Filter;
use crate::error::RecvError;
use crate::half::Member;
use crate::ring::Descriptor;
use crate::wait::pace::BURST;
use crate::wait::{Operation, Step};
use core::cell::{Cell as Private, RefCell};

/// The receives that were started and not asked for their result.
#[derive(Default)]
pub struct Posted {
    all: RefCell<Vec<Entry>>,
    /// How many have no result yet.
    waiting: Private<usize>,
    next: Private<u64>,
}

struct Entry {
    id: u64,
    wanted: Wanted,
    /// The sender and the mail, which is taken.
    outcome: Option<Result<(u32, Descriptor), RecvError>>,
}

impl Posted {
    /// Whether there are none that wait.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.waiting.get() == 0
    }

    /// What the receives at `at` or behind it wait for, of those that wait: its place, and its number.
    fn waiting_from(&self, at: usize) -> Option<(usize, u64, Wanted)> {
        let all = self.all.borrow();
        let (ahead, entry) = all.iter().skip(at).enumerate().find(|(_, entry)| entry.outcome.is_none())?;
        Some((at + ahead, entry.id, entry.wanted))
    }

    /// Whether the receive of this number waits.
    fn waits(&self, id: u64) -> bool {
        self.all.borrow().iter().any(|entry| entry.id == id && entry.outcome.is_none())
    }

    fn end(&self, entry: &mut Entry, outcome: Result<(u32, Descriptor), RecvError>) {
        entry.outcome = Some(outcome);
        self.waiting.set(self.waiting.get() - 1);
    }

    fn fail(&self, id: u64, error: RecvError) {
        let mut all = self.all.borrow_mut();
        if let Some(entry) = all.iter_mut().find(|entry| entry.id == id && entry.outcome.is_none()) {
            self.end(entry, Err(error));
        }
    }
}

impl Inbox {
    /// Starts a receive. Its number.
    pub fn post(&self, wanted: Wanted) -> u64 {
        let id = self.posted.next.get();
        self.posted.next.set(id + 1);
        self.posted.all.borrow_mut().push(Entry { id, wanted, outcome: None });
        self.posted.waiting.set(self.posted.waiting.get() + 1);
        self.open_after(NOBODY).for_each(|peer| peer.consumer.grant(0));
        id
    }

    /// Whether that receive has a result.
    pub fn has_result(&self, id: u64) -> bool {
        !self.posted.waits(id)
    }

    /// The result of that receive, which is not kept any longer.
    pub fn take_result(&self, id: u64) -> Option<Result<(&Incoming, Descriptor), RecvError>> {
        let mut all = self.posted.all.borrow_mut();
        let at = all.iter().position(|entry| entry.id == id && entry.outcome.is_some())?;
        Some(match all.remove(at).outcome? {
            Ok((from, descriptor)) => Ok((self.peers.get(from)?, descriptor)),
            Err(error) => Err(error),
        })
    }

    /// Gives up that receive. A mail that it has got is unread again. Returns whether it had none.
    pub fn withdraw(&self, id: u64) -> bool {
        let mut all = self.posted.all.borrow_mut();
        let Some(at) = all.iter().position(|entry| entry.id == id) else { return false };
        let Entry { outcome, .. } = all.remove(at);
        drop(all);
        match outcome {
            None => {
                self.posted.waiting.set(self.posted.waiting.get() - 1);
                true
            }
            Some(Err(_)) => true,
            Some(Ok((from, descriptor))) => {
                if let Some(peer) = self.peers.get(from) {
                    self.untake(peer, &descriptor);
                }
                false
            }
        }
    }

    /// Moves results of this sender out of its mailbox, if one of them keeps it from sending. Their receives were started by this
    /// program, so their number is its own choice, and no budget limits them. Returns whether it did.
    pub(super) fn move_results(&self, member: &Member, peer: &Incoming, filter: Filter) -> bool {
        let mut all = self.posted.all.borrow_mut();
        if all.len() == self.posted.waiting.get() {
            return false;
        }
        let Some(obstacle) = peer.obstacle(filter) else { return false };
        let results = all.iter_mut().filter_map(|entry| match &mut entry.outcome {
            Some(Ok((from, mail))) if *from == peer.from => Some(mail),
            _ => None,
        });
        let mut results: Vec<&mut Descriptor> = results.collect();
        let is_in_the_way =
            results.iter().any(|mail| mail.seq == obstacle && mail.is_whole() && mail.is_in_lane());
        if is_in_the_way {
            results.iter_mut().for_each(|mail| **mail = peer.move_result(**mail));
            peer.settle(member);
        }
        is_in_the_way
    }

    /// Gives a mail that was taken to the receive that was started first of those that take it. `None` if one has it.
    #[inline(always)]
    pub(super) fn offer<'a>(
        &self,
        peer: &'a Incoming,
        mail: Descriptor,
    ) -> Option<(&'a Incoming, Descriptor)> {
        if self.posted.is_empty() || !self.give(peer, &mail) { Some((peer, mail)) } else { None }
    }

    #[inline(never)]
    fn give(&self, peer: &Incoming, mail: &Descriptor) -> bool {
        let mut all = self.posted.all.borrow_mut();
        let takes = |entry: &&mut Entry| entry.outcome.is_none() && entry.wanted.takes(peer.from, mail);
        let Some(entry) = all.iter_mut().find(takes) else { return false };
        if mail.is_announcement() && !self.by_hand.get() {
            // It was taken by hand, and this one takes it in.
            drop(all);
            self.untake(peer, mail);
            return true;
        }
        self.posted.end(entry, Ok((peer.from, *mail)));
        true
    }

    /// Looks for mail for the receives that were started. Does nothing if the rank is lost.
    ///
    /// Cost if there are none: one load.
    #[inline(always)]
    pub fn tend(&self, member: &Member) {
        if !self.posted.is_empty() {
            self.tend_posted(member);
        }
    }

    #[inline(never)]
    fn tend_posted(&self, member: &Member) {
        if member.check().is_err() {
            return;
        }
        let (mut at, mut in_vain) = (0, None);
        while let Some((place, id, wanted)) = self.posted.waiting_from(at) {
            at = place + 1;
            // What the one before it has not found is not there.
            if in_vain == Some(wanted) {
                continue;
            }
            self.advance(id, &mut Receive::new(self, member, wanted), |receive| receive.look(false));
            in_vain = self.posted.waits(id).then_some(wanted);
        }
    }

    /// Finds out whether those that were started can still get what they wait for. With `query`, asks the kernel.
    pub fn check_posted(&self, member: &Member, query: bool) {
        let mut at = 0;
        while let Some((place, id, wanted)) = self.posted.waiting_from(at) {
            at = place + 1;
            self.advance(id, &mut Receive::new(self, member, wanted), |receive| receive.check(query));
        }
    }

    /// Goes on with the receive of this number as long as it finds something, and no longer than a sender's turn.
    fn advance<'a>(
        &self,
        id: u64,
        receive: &mut Receive<'a>,
        find: impl Fn(&mut Receive<'a>) -> Result<bool, RecvError>,
    ) {
        for _ in 0..BURST {
            // What a step takes is given to the one that was started first, perhaps this one.
            let step =
                find(receive).and_then(|is_found| if is_found { receive.step().map(Some) } else { Ok(None) });
            match step {
                Ok(None) => return,
                Ok(Some(Step::Done)) => {
                    // Nobody wants what this found: a peer changed it meanwhile.
                    if let Some((peer, mail)) = receive.found.take() {
                        self.untake(peer, &mail);
                    }
                    return;
                }
                Ok(Some(Step::Went)) if !self.posted.waits(id) => return,
                Ok(Some(Step::Went)) => {}
                Err(error) => return self.posted.fail(id, error),
            }
        }
    }
}
