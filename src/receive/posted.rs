//! Receives that were started and go on while the endpoint does other things.
//!
//! A mail goes to the receive that was started first of those that take it; receives that a thread waits in come after them.
//! So each call that receives offers what it takes to those that were started before. While there are any, no call takes
//! mail on the short path. And each look of each call looks for mail for them first.

use super::{Inbox, Incoming, NOBODY, Receive, Wanted};
use crate::abi::Filter;
use crate::error::{Broken, RecvError};
use crate::half::Member;
use crate::rank::Source;
use crate::ring::Descriptor;
use crate::wait::pace::BURST;
use crate::wait::{Operation, Step};
use core::cell::{Cell as Private, RefCell};
use std::collections::VecDeque;

/// The receives that were started and not asked for their result. In both queues numbers ascend, so that one is found fast; most
/// are added at the back and taken from the front.
#[derive(Default)]
pub struct Posted {
    /// Those that wait.
    waiting: RefCell<VecDeque<(u64, Wanted)>>,
    /// The mails of those that have one, which are taken, with their senders. Apart from failures, so that plain words are copied.
    mails: RefCell<VecDeque<(u64, (u32, Descriptor))>>,
    /// How others failed.
    failures: RefCell<VecDeque<(u64, RecvError)>>,
    /// How many wait.
    count: Private<usize>,
    next: Private<u64>,
}

impl Posted {
    /// Whether there are none that wait.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// The first of those that wait with this number or a higher one.
    fn waiting_from(&self, id: u64) -> Option<(u64, Wanted)> {
        let waiting = self.waiting.borrow();
        waiting.get(waiting.partition_point(|(one, _)| *one < id)).copied()
    }

    /// Whether the receive of this number waits.
    fn waits(&self, id: u64) -> bool {
        place_of(&self.waiting.borrow(), id).is_some()
    }

    /// Removes the receive of this number, if it waits. Whether it did.
    fn remove(&self, id: u64) -> bool {
        let is_removed = take(&self.waiting, id).is_some();
        self.count.set(self.waiting.borrow().len());
        is_removed
    }

    /// The first of those that wait.
    fn first(&self) -> Option<(u64, Wanted)> {
        self.waiting.borrow().front().copied()
    }

    /// The receive of this number has a mail, if it waits.
    fn end(&self, id: u64, from: u32, mail: Descriptor) {
        if self.remove(id) {
            add(&mut self.mails.borrow_mut(), id, (from, mail));
        }
    }

    /// The receive of this number failed, if it waits.
    fn fail(&self, id: u64, error: RecvError) {
        if self.remove(id) {
            add(&mut self.failures.borrow_mut(), id, error);
        }
    }
}

fn add<T>(queue: &mut VecDeque<(u64, T)>, id: u64, what: T) {
    if queue.back().is_none_or(|(last, _)| *last < id) {
        return queue.push_back((id, what));
    }
    let at = queue.partition_point(|(one, _)| *one < id);
    queue.insert(at, (id, what));
}

/// Removes what belongs to this number.
#[inline(always)]
fn take<T>(queue: &RefCell<VecDeque<(u64, T)>>, id: u64) -> Option<T> {
    let mut queue = queue.borrow_mut();
    if queue.front()?.0 == id {
        return queue.pop_front().map(|(_, what)| what);
    }
    let at = place_of(&queue, id)?;
    queue.remove(at).map(|(_, what)| what)
}

fn place_of<T>(queue: &VecDeque<(u64, T)>, id: u64) -> Option<usize> {
    if queue.front()?.0 > id {
        return None;
    }
    queue.binary_search_by_key(&id, |(one, _)| *one).ok()
}

impl Inbox {
    /// Starts a receive. Its number. What is there for it already, it gets at once, if none waits that was started before.
    #[inline(always)]
    pub fn post(&self, member: &Member, wanted: Wanted) -> u64 {
        let id = self.posted.next.get();
        self.posted.next.set(id + 1);
        if self.posted.is_empty()
            && let Some((peer, mail)) = self.recv_new(member, wanted)
        {
            self.posted.mails.borrow_mut().push_back((id, (peer.from, mail)));
        } else {
            self.post_waiting(member, id, wanted);
        }
        id
    }

    #[inline(never)]
    fn post_waiting(&self, member: &Member, id: u64, wanted: Wanted) {
        if self.posted.is_empty() && member.check().is_ok() {
            let mut receive = Receive::new(self, member, wanted);
            let step = match receive.look(false) {
                Ok(true) => receive.step().map(drop),
                result => result.map(drop),
            };
            if let Err(error) = step {
                return self.posted.failures.borrow_mut().push_back((id, error));
            }
            if let Some((peer, mail)) = receive.found {
                return self.posted.mails.borrow_mut().push_back((id, (peer.from, mail)));
            }
        }
        if self.posted.is_empty() {
            // No more is taken without asking.
            self.open_after(NOBODY).for_each(|peer| peer.consumer.grant(0));
        }
        self.posted.waiting.borrow_mut().push_back((id, wanted));
        self.posted.count.set(self.posted.count.get() + 1);
    }

    /// Whether there are receives that wait.
    #[inline(always)]
    pub fn has_posted(&self) -> bool {
        !self.posted.is_empty()
    }

    /// Whether that receive has a result.
    #[inline(always)]
    pub fn has_result(&self, id: u64) -> bool {
        self.posted.is_empty() || !self.posted.waits(id)
    }

    /// The result of that receive, which is not kept any longer.
    #[inline(always)]
    pub fn take_result(&self, id: u64) -> Option<Result<(&Incoming, Descriptor), RecvError>> {
        if let Some((from, descriptor)) = take(&self.posted.mails, id) {
            return Some(Ok((self.peers.get(from)?, descriptor)));
        }
        take(&self.posted.failures, id).map(Err)
    }

    /// Gives up that receive. A mail that it has got is unread again. Returns whether it had none.
    pub fn withdraw(&self, id: u64) -> bool {
        if self.posted.remove(id) {
            return true;
        }
        let Some((from, descriptor)) = take(&self.posted.mails, id) else {
            return take(&self.posted.failures, id).is_some();
        };
        if let Some(peer) = self.peers.get(from) {
            self.untake(peer, &descriptor);
        }
        false
    }

    /// Gives up all that were started and forgotten.
    pub fn withdraw_all(&self) {
        let waiting: Vec<u64> = self.posted.waiting.borrow().iter().map(|(id, _)| *id).collect();
        let mails: Vec<u64> = self.posted.mails.borrow().iter().map(|(id, _)| *id).collect();
        self.posted.failures.borrow_mut().clear();
        waiting.into_iter().chain(mails).for_each(|id| _ = self.withdraw(id));
    }

    /// Moves results of this sender out of its mailbox, if one of them keeps it from sending. Their receives were started by this
    /// program, so their number is its own choice, and no budget limits them. Returns whether it did.
    pub(super) fn move_results(&self, member: &Member, peer: &Incoming, filter: Filter) -> bool {
        let mut mails = self.posted.mails.borrow_mut();
        if mails.is_empty() {
            return false;
        }
        let Some(obstacle) = peer.obstacle(filter) else { return false };
        let of_peer = mails.iter_mut().map(|(_, mail)| mail).filter(|(from, _)| *from == peer.from);
        let mut results: Vec<&mut Descriptor> = of_peer.map(|(_, mail)| mail).collect();
        let is_in_the_way =
            results.iter().any(|mail| mail.seq == obstacle && mail.is_whole() && mail.is_in_lane());
        if is_in_the_way {
            results.iter_mut().for_each(|mail| **mail = peer.move_result(**mail));
            peer.settle(member);
        }
        is_in_the_way
    }

    /// Whether mail of this sender is unread that a receive waits for which was started.
    pub(super) fn has_unread_for_posted(&self, peer: &Incoming) -> bool {
        let waiting = self.posted.waiting.borrow();
        let mut of_peer = waiting.iter().map(|(_, wanted)| wanted).filter(|wanted| wanted.is_from(peer.from));
        of_peer.any(|wanted| peer.has_unread(wanted.filter))
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
        let takes = |(_, wanted): &&(u64, Wanted)| wanted.takes(peer.from, mail);
        let Some((id, _)) = self.posted.waiting.borrow().iter().find(takes).copied() else { return false };
        if mail.is_announcement() && !self.by_hand.get() {
            // It was taken by hand, and this one takes it in.
            self.untake(peer, mail);
        } else {
            self.posted.end(id, peer.from, *mail);
        }
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
        self.take_for_first(member);
        let (mut next, mut in_vain) = (0, None);
        while let Some((id, wanted)) = self.posted.waiting_from(next) {
            next = id + 1;
            // What the one before it has not found is not there.
            if in_vain == Some(wanted) {
                continue;
            }
            self.advance(id, &mut Receive::new(self, member, wanted), |receive| receive.look(false));
            in_vain = self.posted.waits(id).then_some(wanted);
        }
    }

    /// Takes new whole mail for the receive that was started first, as long as there is some: nobody else may take it.
    fn take_for_first(&self, member: &Member) {
        let Some((_, Wanted { source: Source::Rank(rank), .. })) = self.posted.first() else { return };
        let Some(peer) = self.peers.get(rank) else { return };
        let take_new = |filter| peer.consumer.take_new(member.limit, filter);
        let take = |filter| {
            take_new(filter).or_else(|| {
                peer.grant(member, BURST);
                take_new(filter)
            })
        };
        while let Some((id, wanted)) = self.posted.first()
            && wanted.source == Source::Rank(rank)
            && let Some(mail) = take(wanted.filter)
        {
            self.posted.end(id, rank, mail);
        }
        peer.consumer.grant(0);
    }

    /// Finds out whether those that were started can still get what they wait for. With `query`, asks the kernel. One that only
    /// this rank could send to is over if that is said to be in vain.
    pub fn check_posted(&self, member: &Member, query: bool, is_in_vain: bool) {
        let (mut next, mut asked) = (0, Vec::new());
        while let Some((id, wanted)) = self.posted.waiting_from(next) {
            next = id + 1;
            // A death that the kernel tells once is known to those that follow.
            let query = query && !asked.contains(&wanted.source);
            if query {
                asked.push(wanted.source);
            }
            let check = |receive: &mut Receive<'_>| match receive.check(query) {
                Err(RecvError::Broken(Broken::Oneself)) if !is_in_vain => Ok(false),
                result => result,
            };
            self.advance(id, &mut Receive::new(self, member, wanted), check);
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
