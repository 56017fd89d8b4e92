//! Receives that were started and go on while the endpoint does other things.
//!
//! A mail goes to the receive that was started first of those that take it; receives that a thread waits in come after them.
//! So each call that receives offers what it takes to those that were started before. While there are any, no call takes
//! mail on the short path. And each look of each call looks for mail for them first.

use super::{Inbox, Incoming, NOBODY, Receive, Wanted};
use crate::abi::Filter;
use crate::error::{Broken, RecvError};
use crate::half::{Member, Queue};
use crate::rank::Source;
use crate::ring::Descriptor;
use crate::wait::pace::BURST;
use crate::wait::{Operation, Step};
use core::cell::{Cell as Private, RefCell};

/// The receives that were started and not asked for their result.
#[derive(Default)]
pub struct Posted {
    /// Those that wait.
    waiting: RefCell<Queue<Wanted>>,
    /// The mails of those that have one, which are taken, with their senders.
    mails: RefCell<Queue<Taken>>,
    /// How others failed.
    failures: RefCell<Queue<RecvError>>,
    /// How many wait.
    count: Private<usize>,
    /// Whether all of them want the same.
    are_alike: Private<bool>,
    next: Private<u64>,
}

/// A mail that was taken, with its sender. In whole words: a processor waits for all that it has to store before it reads several
/// at once that were written one by one.
#[derive(Clone, Copy)]
struct Taken {
    from: u64,
    mail: [u64; 4],
}

impl Taken {
    #[inline(always)]
    fn new(from: u32, mail: Descriptor) -> Self {
        Self { from: from.into(), mail: mail.words() }
    }

    #[inline(always)]
    fn parts(self) -> (u32, Descriptor) {
        (self.from as u32, Descriptor::of_words(self.mail))
    }
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
        waiting.get(waiting.count_below(id)).copied()
    }

    /// Whether the receive of this number waits.
    fn waits(&self, id: u64) -> bool {
        self.waiting.borrow().find(id).is_some()
    }

    /// Removes the receive of this number, if it waits. Whether it did.
    fn remove(&self, id: u64) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let is_removed = waiting.take(id).is_some();
        self.count.set(waiting.len());
        is_removed
    }

    /// A receive of this number waits from now on.
    #[inline(always)]
    fn wait(&self, id: u64, wanted: Wanted) {
        let mut waiting = self.waiting.borrow_mut();
        let is_like = |(_, first): &(u64, Wanted)| self.are_alike.get() && *first == wanted;
        self.are_alike.set(waiting.front().is_none_or(is_like));
        waiting.add(id, wanted);
        self.count.set(waiting.len());
    }

    /// The first of those that wait.
    fn first(&self) -> Option<(u64, Wanted)> {
        self.waiting.borrow().front().copied()
    }

    /// The receive of this number has a mail, if it waits.
    fn end(&self, id: u64, from: u32, mail: Descriptor) {
        if self.remove(id) {
            self.mails.borrow_mut().add(id, Taken::new(from, mail));
        }
    }

    /// The receive of this number failed, if it waits.
    fn fail(&self, id: u64, error: RecvError) {
        if self.remove(id) {
            self.failures.borrow_mut().add(id, error);
        }
    }
}

impl Inbox {
    /// Starts a receive. Its number. What is there for it already, it gets at once, if none waits that was started before.
    #[inline(always)]
    pub fn post(&self, member: &Member, wanted: Wanted) -> u64 {
        let id = self.posted.next.get();
        self.posted.next.set(id + 1);
        if !self.posted.is_empty() {
            self.posted.wait(id, wanted);
        } else if let Some((peer, mail)) = self.recv_new(member, wanted) {
            self.posted.mails.borrow_mut().add(id, Taken::new(peer.from, mail));
        } else {
            self.post_first(member, id, wanted);
        }
        id
    }

    /// None waits before this one.
    #[inline(never)]
    fn post_first(&self, member: &Member, id: u64, wanted: Wanted) {
        if member.check().is_ok() {
            let mut receive = Receive::new(self, member, wanted);
            let step = match receive.look(false) {
                Ok(true) => receive.step().map(drop),
                result => result.map(drop),
            };
            if let Err(error) = step {
                return self.posted.failures.borrow_mut().add(id, error);
            }
            if let Some((peer, mail)) = receive.found {
                return self.posted.mails.borrow_mut().add(id, Taken::new(peer.from, mail));
            }
        }
        // No more is taken without asking.
        self.open_after(NOBODY).for_each(|peer| peer.consumer.grant(0));
        self.posted.wait(id, wanted);
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
    pub fn take_result(&self, id: u64) -> Option<Result<(&Incoming, Descriptor), RecvError>> {
        if let Some((from, descriptor)) = self.posted.mails.borrow_mut().take(id).map(Taken::parts) {
            return Some(Ok((self.peers.get(from)?, descriptor)));
        }
        self.posted.failures.borrow_mut().take(id).map(Err)
    }

    /// The mail of that receive, if it has one, and no other mail is kept for one that was started before.
    #[inline(always)]
    pub fn take_next_result(&self, id: u64) -> Option<(&Incoming, Descriptor)> {
        let (from, descriptor) = self.posted.mails.borrow_mut().take_front(id)?.parts();
        Some((self.peers.get(from)?, descriptor))
    }

    /// Gives up that receive. A mail that it has got is unread again. Returns whether it had none.
    pub fn withdraw(&self, id: u64) -> bool {
        if self.posted.remove(id) {
            return true;
        }
        let Some((from, descriptor)) = self.posted.mails.borrow_mut().take(id).map(Taken::parts) else {
            return self.posted.failures.borrow_mut().take(id).is_some();
        };
        if let Some(peer) = self.peers.get(from) {
            self.untake(peer, &descriptor);
        }
        false
    }

    /// Forgets the mails of this sender, whose mailbox begins anew: put back, they would be taken for some of the new one. None of their
    /// receives is asked for its result any more, or this endpoint would be borrowed.
    pub(super) fn forget_mails_of(&mut self, from: u32) {
        let mails = self.posted.mails.get_mut();
        let of_sender = mails.iter().filter(|(_, taken)| taken.parts().0 == from).map(|(id, _)| *id);
        let ids: Vec<u64> = of_sender.collect();
        ids.into_iter().for_each(|id| _ = mails.take(id));
    }

    /// Gives up all that were started and forgotten.
    pub fn withdraw_all(&self) {
        self.posted.failures.take();
        self.withdraw_those(|_| true, |_| true);
    }

    /// Gives up all that were started and forgotten in this context.
    pub fn withdraw_in(&self, context: u16) {
        let of_context = Filter::new(context, 0, 0);
        let takes = |(_, mail): (u32, Descriptor)| of_context.takes(mail.envelope_word());
        self.withdraw_those(|wanted| wanted.filter.context() == context, |taken| takes(taken.parts()));
    }

    fn withdraw_those(&self, is_wanted: impl Fn(&Wanted) -> bool, is_mail: impl Fn(&Taken) -> bool) {
        let mut ids: Vec<u64> = vec![];
        let (waiting, mails) = (self.posted.waiting.borrow(), self.posted.mails.borrow());
        ids.extend(waiting.iter().filter(|(_, wanted)| is_wanted(wanted)).map(|(id, _)| id));
        ids.extend(mails.iter().filter(|(_, taken)| is_mail(taken)).map(|(id, _)| id));
        drop((waiting, mails));
        ids.into_iter().for_each(|id| _ = self.withdraw(id));
    }

    /// Moves results of this sender out of its mailbox, if one of them keeps it from sending. Their receives were started by this
    /// program, so their number is its own choice, and no budget limits them. Returns whether it did.
    pub(super) fn move_results(&self, member: &Member, peer: &Incoming, filter: Filter) -> bool {
        let mut mails = self.posted.mails.borrow_mut();
        if mails.is_empty() {
            return false;
        }
        let Some(obstacle) = peer.obstacle(filter) else { return false };
        let is_obstacle = |(from, mail): (u32, Descriptor)| {
            from == peer.from && mail.seq == obstacle && mail.is_whole() && mail.is_in_lane()
        };
        let is_in_the_way = mails.iter().any(|(_, taken)| is_obstacle(taken.parts()));
        if is_in_the_way {
            mails.for_each(|taken| match taken.parts() {
                (from, mail) if from == peer.from => *taken = Taken::new(from, peer.move_result(mail)),
                _ => {}
            });
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
                if self.posted.are_alike.get() {
                    break;
                }
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
                peer.grant(member, BURST, self.posted.are_alike.get());
                take_new(filter)
            })
        };
        let (mut waiting, mut mails) = (self.posted.waiting.borrow_mut(), self.posted.mails.borrow_mut());
        while let Some((id, wanted)) = waiting.front()
            && wanted.source == Source::Rank(rank)
            && let Some(mail) = take(wanted.filter)
        {
            let id = *id;
            mails.add(id, Taken::new(rank, mail));
            waiting.take_front(id);
        }
        self.posted.count.set(waiting.len());
        drop((waiting, mails));
        peer.consumer.grant(0);
    }

    /// Finds out whether those that were started can still get what they wait for. With `query`, asks the kernel. One that only
    /// this rank could send to is over if that is said to be in vain.
    pub fn check_posted(&self, member: &Member, query: bool, is_in_vain: bool) {
        self.check_each(member, query, |receive, query| match receive.check(query) {
            Err(RecvError::Broken(Broken::Oneself)) if !is_in_vain => Ok(false),
            result => result,
        });
    }

    /// Asks the kernel whether they wait for somebody who has ended.
    pub fn ask_for_posted(&self, member: &Member) {
        self.check_each(member, true, Receive::find_end);
    }

    fn check_each<'a>(
        &'a self,
        member: &'a Member,
        query: bool,
        check: impl Fn(&mut Receive<'a>, bool) -> Result<bool, RecvError>,
    ) {
        let (mut next, mut asked) = (0, Vec::new());
        while let Some((id, wanted)) = self.posted.waiting_from(next) {
            next = id + 1;
            // A death that the kernel tells once is known to those that follow.
            let query = query && !asked.contains(&wanted.source);
            if query {
                asked.push(wanted.source);
            }
            self.advance(id, &mut Receive::new(self, member, wanted), |receive| check(receive, query));
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
