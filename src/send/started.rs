//! Sends that were started and go on while the endpoint does other things.
//!
//! A message that finds room goes to its mailbox at once, and nothing of it is kept. One that finds none waits here, with its
//! bytes, and so does one whose receiver must acknowledge or receive it. Each look of each call of the endpoint tries again;
//! to start another goes on with that one, or with those before it, too, if it is long.
//! To one rank nothing overtakes what waits here: other calls wait for that first.

mod begin;

use super::synchronous::is_acknowledged;
use super::{Outbox, Outgoing, Room, ended, living_taker};
use crate::abi::{ANNOUNCEMENT, CallId, Kind, Label};
use crate::error::{Broken, SendError};
use crate::half::{Member, Starving, end_starving};
use crate::memory::Payload;
use crate::ring::{Slack, Slot};
use core::cell::{Cell as Private, RefCell};
use std::collections::VecDeque;

/// The sends that were started and are not over, or were not asked for their result.
#[derive(Default)]
pub struct Started {
    /// Their numbers ascend, so that one is found fast; most are added at the back and taken from the front.
    all: RefCell<VecDeque<Entry>>,
    /// How many have no result yet.
    under_way: Private<usize>,
    next: Private<u64>,
}

struct Entry {
    id: u64,
    to: u32,
    label: Label,
    /// Whether it is over only when its receiver has acknowledged it.
    is_sync: bool,
    len: usize,
    /// None of them if the caller that starts it has them.
    bytes: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// It waits for room, or until one more that is answered may be under way.
    Waits,
    /// It was sent as this message, for the receiver's life with this epoch, which is to acknowledge or receive it.
    Sent {
        seq: u64,
        epoch: u64,
        is_announced: bool,
    },
    Over(Result<(), SendError>),
}

impl Started {
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.under_way.get() == 0
    }
}

impl Outbox {
    /// Whether a message to this rank waits here, which no other overtakes.
    #[inline(always)]
    pub fn has_waiting(&self, to: u32) -> bool {
        !self.started.is_empty() && self.is_any_waiting(to)
    }

    #[inline(never)]
    fn is_any_waiting(&self, to: u32) -> bool {
        self.started.all.borrow().iter().any(|entry| entry.to == to && matches!(entry.state, State::Waits))
    }

    /// Whether there are sends that are under way.
    #[inline(always)]
    pub fn has_started(&self) -> bool {
        !self.started.is_empty()
    }

    /// Whether that send is over.
    pub fn is_over(&self, id: u64) -> bool {
        let all = self.started.all.borrow();
        place_of(&all, id).is_none_or(|at| matches!(all[at].state, State::Over(_)))
    }

    /// The result of that send, which is over and not kept any longer.
    pub fn take_outcome(&self, id: u64) -> Option<Result<(), SendError>> {
        let mut all = self.started.all.borrow_mut();
        let at = place_of(&all, id)?;
        let State::Over(outcome) = all[at].state else { return None };
        all.remove(at);
        Some(outcome)
    }

    /// Gives up that send: what was not sent is not sent, and an announced message that was not received is not delivered.
    /// Returns whether nothing was sent.
    pub fn abandon(&self, member: &Member, id: u64) -> bool {
        let mut all = self.started.all.borrow_mut();
        let Some(entry) = place_of(&all, id).and_then(|at| all.remove(at)) else { return false };
        drop(all);
        if !matches!(entry.state, State::Over(_)) {
            self.started.under_way.set(self.started.under_way.get() - 1);
        }
        self.end_entry(member, &entry);
        self.spare.keep(entry.bytes);
        matches!(entry.state, State::Waits)
    }

    /// Goes on with all that can. Does nothing if the rank is lost.
    ///
    /// Cost if there are none: one load.
    #[inline(always)]
    pub fn go_on(&self, member: &Member) {
        if !self.started.is_empty() {
            self.go_on_with_all(member);
        }
    }

    #[inline(never)]
    fn go_on_with_all(&self, member: &Member) {
        if member.check().is_err() {
            return;
        }
        let mut all = self.started.all.borrow_mut();
        // The ranks whose first waiting message finds no room.
        let (mut full, mut is_any_sent) = (Vec::<u32>::new(), false);
        for entry in all.iter_mut() {
            if matches!(entry.state, State::Waits) && full.contains(&entry.to) {
                continue;
            }
            is_any_sent |= self.go_on_with(member, entry);
            if matches!(entry.state, State::Waits) {
                full.push(entry.to);
            }
        }
        if is_any_sent {
            // A wait publishes what batches hold back only once, when it begins.
            self.flush(member);
        }
    }

    /// Goes on with the one that was started last, as [`Outbox::go_on`] does with all. Nothing to the same rank waits before it.
    fn go_on_with_last(&self, member: &Member) {
        if member.check().is_err() {
            return;
        }
        let mut all = self.started.all.borrow_mut();
        if all.back_mut().is_some_and(|entry| self.go_on_with(member, entry)) {
            self.flush(member);
        }
    }

    /// Goes on with one of them. Whether it was sent now.
    fn go_on_with(&self, member: &Member, entry: &mut Entry) -> bool {
        let (next, waits) = match entry.state {
            State::Over(_) => return false,
            State::Waits => (self.try_to_send(member, entry), true),
            State::Sent { seq, epoch, is_announced } => {
                (self.is_answered(member, entry.to, seq, epoch, is_announced), false)
            }
        };
        match next {
            Ok(Some(state)) => {
                self.enter(member, entry, state);
                waits
            }
            Ok(None) => false,
            Err(error) => {
                self.enter(member, entry, State::Over(Err(error)));
                false
            }
        }
    }

    fn enter(&self, member: &Member, entry: &mut Entry, state: State) {
        if let State::Over(_) = state {
            self.started.under_way.set(self.started.under_way.get() - 1);
            self.end_entry(member, entry);
            self.spare.keep(core::mem::take(&mut entry.bytes));
        }
        entry.state = state;
    }

    /// Nothing more is done for it.
    fn end_entry(&self, member: &Member, entry: &Entry) {
        let Some(peer) = self.peers.get(entry.to) else { return };
        if let State::Sent { seq, is_announced, .. } = entry.state {
            peer.answers.give_up(CallId::of_message(seq));
            if is_announced && member.check().is_ok() {
                let bytes = peer.transfers.end(peer, seq);
                self.spare.keep(bytes.unwrap_or_default());
                peer.ring(member);
            }
        }
    }

    fn is_answered(
        &self,
        member: &Member,
        to: u32,
        seq: u64,
        epoch: u64,
        is_announced: bool,
    ) -> Result<Option<State>, SendError> {
        let Some(peer) = self.peers.get(to) else { return Ok(None) };
        let id = CallId::of_message(seq);
        Ok(is_acknowledged(member, peer, epoch, id, is_announced)?.then_some(State::Over(Ok(()))))
    }

    /// Sends it, if there is room. What it is then.
    fn try_to_send(&self, member: &Member, entry: &mut Entry) -> Result<Option<State>, SendError> {
        let len = entry.len;
        let peer = self.peer(member, entry.to, len)?;
        let is_announced = len > member.whole;
        let epoch = if is_announced || entry.is_sync { Some(living_taker(member, entry.to)?) } else { None };
        if let Some(epoch) = epoch {
            if !peer.answers.has_credit(member, peer, epoch)? {
                return Ok(None);
            }
            if is_announced {
                peer.transfers.prepare(member, entry.to)?;
            }
            // What a batch holds back comes before it.
            self.flush(member);
        }
        let size = if is_announced { ANNOUNCEMENT } else { len };
        let Some(slot) = room(member, peer, size)? else { return Ok(None) };
        end_starving(member, &peer.producer);
        let slot = slot.labelled(entry.label);
        let seq = slot.seq;
        match epoch {
            None => {
                self.fill(member, peer, &slot, Payload::Whole(&entry.bytes))?;
                return Ok(Some(State::Over(Ok(()))));
            }
            Some(epoch) if is_announced => {
                self.announce(member, peer, &slot, len as u64)?;
                let bytes = Some(core::mem::take(&mut entry.bytes)).filter(|bytes| !bytes.is_empty());
                peer.transfers.add(seq, epoch, bytes);
                peer.answers.expect(seq, epoch);
                self.begin_tending(entry.to);
            }
            Some(epoch) => {
                let slot = slot.numbered(Kind::Sync, entry.label.number());
                self.ask(member, peer, &slot, Payload::Whole(&entry.bytes))?;
                peer.answers.expect(seq, epoch);
            }
        }
        let epoch = epoch.unwrap_or_default();
        Ok(Some(State::Sent { seq, epoch, is_announced }))
    }

    /// Finds out which of them can no longer be received. With `query`, asks the kernel. Called after a look.
    pub fn check_started(&self, member: &Member, query: bool) {
        let (mut all, mut asked) = (self.started.all.borrow_mut(), Vec::new());
        for entry in all.iter_mut() {
            // A death that the kernel tells once is known to those that follow.
            let query = query && !asked.contains(&entry.to);
            if query && !matches!(entry.state, State::Over(_)) {
                asked.push(entry.to);
            }
            let is_announced = matches!(entry.state, State::Sent { is_announced: true, .. });
            let mut has_passed = false;
            let end = match entry.state {
                State::Over(_) => continue,
                State::Waits => member.end_of(entry.to, query),
                State::Sent { seq, epoch, .. } => {
                    // An honest receiver says so before its head moves.
                    has_passed =
                        self.peers.get(entry.to).is_some_and(|peer| peer.is_acknowledged(seq) != Ok(false));
                    member.end_of_life(entry.to, epoch, query)
                }
            };
            let error = match end {
                Some(end) => ended(entry.to, end),
                // The receiver did not say that it has received the message; perhaps it was discarded.
                None if has_passed && is_announced => SendError::Refused(entry.to),
                None if has_passed => Broken::Corrupt(entry.to).into(),
                None => continue,
            };
            // It may have made room, or answered, before that.
            let last = match entry.state {
                State::Sent { seq, epoch, is_announced } => {
                    self.is_answered(member, entry.to, seq, epoch, is_announced)
                }
                _ => self.try_to_send(member, entry),
            };
            let state = last.unwrap_or_else(|error| Some(State::Over(Err(error))));
            self.enter(member, entry, state.unwrap_or(State::Over(Err(error))));
        }
        drop(all);
        self.flush(member);
    }

    /// A thread waits: tells the receivers for whose mailboxes something waits (I10), each of the last message that is to be
    /// acknowledged. It is said once. Whether it `receives` meanwhile is said, too.
    pub fn tell_starved(&self, member: &Member, receives: bool) {
        let mut told: Vec<u32> = vec![];
        for entry in self.started.all.borrow().iter().rev() {
            let seq = |peer: &Outgoing| match entry.state {
                State::Waits => Some(peer.producer.seen_head()),
                State::Sent { seq, .. } => Some(seq),
                State::Over(_) => None,
            };
            let Some(peer) = self.peers.get(entry.to).filter(|_| !told.contains(&entry.to)) else { continue };
            let Some(seq) = seq(peer) else { continue };
            told.push(entry.to);
            let starving = if receives { Starving::of_receiver() } else { Starving::default() };
            starving.begin();
            starving.tell(member, &peer.record, &peer.producer, seq);
            starving.pause();
        }
    }

    /// The thread waits no longer: takes that back.
    pub fn end_telling(&self, member: &Member) {
        for entry in self.started.all.borrow().iter() {
            if let Some(peer) = self.peers.get(entry.to) {
                end_starving(member, &peer.producer);
            }
        }
    }

    /// Gives up all that was started and forgotten.
    pub fn abandon_all(&self, member: &Member) {
        self.abandon_those(member, |_| true);
    }

    /// Gives up all that was started and forgotten in this context.
    pub fn abandon_in(&self, member: &Member, context: u16) {
        self.abandon_those(member, |entry| entry.label.context == context);
    }

    fn abandon_those(&self, member: &Member, is_one: impl Fn(&Entry) -> bool) {
        let all = self.started.all.borrow();
        let ids: Vec<u64> = all.iter().filter(|entry| is_one(entry)).map(|entry| entry.id).collect();
        drop(all);
        ids.into_iter().for_each(|id| _ = self.abandon(member, id));
    }
}

fn place_of(all: &VecDeque<Entry>, id: u64) -> Option<usize> {
    all.binary_search_by_key(&id, |entry| entry.id).ok()
}

/// A slot for `len` bytes, if there is room.
fn room(member: &Member, peer: &Outgoing, len: usize) -> Result<Option<Slot>, SendError> {
    let mut room = Room::at_once(member, peer, len);
    room.claim(Slack::Any)?;
    Ok(room.slot.take())
}
