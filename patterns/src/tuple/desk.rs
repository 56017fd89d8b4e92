//! What a shard does for each process: requests, their answers, and what is given back.

use super::guest::{Gift, Guest, State};
use super::leases::{Holder, Leases};
use super::message::{Answer, Asked, MOST_REQUEST, Note, Request, Verb};
use super::rules::Rules;
use super::store::{Sought, Store, Stored};
use mailbox::{Deadline, Mail};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::time::{Duration, Instant};

/// The time between two tries of an answer that found no room.
const RETRY: Duration = Duration::from_millis(1);

/// The desk of a shard: all that it knows.
#[derive(Debug)]
pub struct Desk<'a> {
    pub rules: Rules,
    store: Store,
    leases: Leases,
    /// By rank.
    guests: Vec<Guest<'a>>,
    /// The ranks that wait for a tuple, by ticket.
    waiting: BTreeMap<u64, u32>,
    next_ticket: u64,
    /// The ranks that an answer is owed to.
    owed: BTreeSet<u32>,
}

impl<'a> Desk<'a> {
    pub fn new(rules: Rules, ranks: u32) -> Self {
        Self {
            rules,
            store: Store::default(),
            leases: Leases::default(),
            guests: (0..ranks).map(|_| Guest::default()).collect(),
            waiting: BTreeMap::new(),
            next_ticket: 0,
            owed: BTreeSet::new(),
        }
    }

    fn guest(&mut self, rank: u32) -> &mut Guest<'a> {
        &mut self.guests[rank as usize]
    }

    fn holder(&self, rank: u32) -> Holder {
        (rank, self.guests[rank as usize].epoch)
    }

    /// A process is there. Its predecessor is not.
    pub fn begin(&mut self, rank: u32, epoch: u64) {
        if epoch >= self.guest(rank).epoch {
            self.close(rank);
            *self.guest(rank) = Guest { epoch, ..Guest::default() };
        }
    }

    /// What this process sends cannot be read any more. So it is not known whether it has received a tuple that was sent to it: that one
    /// is gone. Nothing is done for it from now on.
    pub fn distrust(&mut self, rank: u32) {
        let Some(guest) = self.guests.get_mut(rank as usize) else { return };
        if let State::Sent(Gift::Tuple(stored)) = take(&mut guest.state) {
            self.store.dismiss(stored);
        }
        let epoch = self.guest(rank).epoch;
        self.end(rank, epoch);
    }

    /// A life of this rank has ended.
    pub fn end(&mut self, rank: u32, epoch: u64) {
        if epoch >= self.guest(rank).epoch {
            self.close(rank);
            *self.guest(rank) = Guest { epoch, is_over: true, ..Guest::default() };
        }
    }

    /// Takes back all that this process has.
    fn close(&mut self, rank: u32) {
        self.supersede(rank);
        let holder = self.holder(rank);
        for lease in self.leases.of(holder) {
            self.take_back(lease, holder, 1);
        }
    }

    /// Ends the last request of this process. A tuple that it has not received is there again: it will never receive it.
    fn supersede(&mut self, rank: u32) {
        match take(&mut self.guest(rank).state) {
            State::Over | State::Sent(Gift::Nothing | Gift::Lease(_)) => {}
            State::Waits { ticket, .. } => _ = self.waiting.remove(&ticket),
            State::Owed { gift, .. } => {
                self.owed.remove(&rank);
                self.keep(rank, gift);
            }
            State::Sent(gift) => self.keep(rank, gift),
        }
    }

    /// What was not received is there again, as if it had never been out.
    fn keep(&mut self, rank: u32, gift: Gift) {
        match gift {
            Gift::Nothing => {}
            Gift::Tuple(stored) => self.arrive(stored),
            Gift::Lease(lease) => self.take_back(lease, self.holder(rank), 0),
        }
    }

    /// A lease is over, and what was lent is there again.
    fn take_back(&mut self, lease: u64, holder: Holder, returns: u32) {
        if let Some(stored) = self.leases.end(lease, holder) {
            self.come_back(stored, holder, returns);
        }
    }

    fn come_back(&mut self, mut stored: Stored, holder: Holder, returns: u32) {
        self.count_down(holder.0);
        stored.returns = stored.returns.saturating_add(returns);
        self.arrive(stored);
    }

    fn count_down(&mut self, rank: u32) {
        let leases = &mut self.guest(rank).leases;
        *leases = leases.saturating_sub(1);
    }

    /// Takes back what was lent until now.
    pub fn expire(&mut self) {
        if self.leases.next_end().is_none() {
            return;
        }
        let now = Instant::now();
        while let Some((stored, holder)) = self.leases.expire(now) {
            self.come_back(stored, holder, 1);
        }
    }

    /// When there is something to do, even if nobody asks.
    pub fn next_time(&self) -> Option<Instant> {
        let retry = (!self.owed.is_empty()).then(|| Instant::now() + RETRY);
        self.leases.next_end().into_iter().chain(retry).min()
    }

    /// Tries the answers once more that found no room.
    pub fn retry(&mut self) {
        for rank in self.owed.clone() {
            match take(&mut self.guest(rank).state) {
                State::Owed { call, answer, gift } => self.send(rank, call, answer, gift),
                state => self.guest(rank).state = state,
            }
        }
    }

    fn answer(&mut self, rank: u32, call: Mail<'a>, answer: &Answer<'_>, gift: Gift) {
        let answer = answer.encode(self.rules.epoch);
        self.send(rank, call, answer, gift);
    }

    fn send(&mut self, rank: u32, call: Mail<'a>, answer: Vec<u8>, gift: Gift) {
        self.guest(rank).state = match call.reply_within(&answer, Deadline::Now) {
            Ok(()) => {
                self.owed.remove(&rank);
                State::Sent(gift)
            }
            Err(unanswered) => {
                self.owed.insert(rank);
                State::Owed { call: unanswered.into_call(), answer, gift }
            }
        };
    }

    /// A tuple is there: it goes to those who wait for it, or stays.
    fn arrive(&mut self, stored: Stored) {
        if self.waiting.is_empty() {
            return self.store.insert(stored);
        }
        let waiting: Vec<_> = self.waiting.iter().map(|(ticket, rank)| (*ticket, *rank)).collect();
        let mut watching = vec![];
        for (ticket, rank) in waiting {
            let State::Waits { verb, sought, .. } = &self.guest(rank).state else { continue };
            if !stored.is_wanted(sought) {
                continue;
            }
            let verb = *verb;
            if verb == Verb::Watch {
                watching.push((ticket, rank));
                continue;
            }
            let Some(call) = self.end_wait(ticket, rank) else { continue };
            if verb != Verb::Read {
                return self.hand_out(rank, call, verb, stored);
            }
            let found = Answer::Found { returns: stored.returns, tuple: &stored.bytes };
            self.answer(rank, call, &found, Gift::Nothing);
        }
        self.store.insert(stored);
        for (ticket, rank) in watching {
            if let Some(call) = self.end_wait(ticket, rank) {
                self.answer(rank, call, &Answer::There, Gift::Nothing);
            }
        }
    }

    fn end_wait(&mut self, ticket: u64, rank: u32) -> Option<Mail<'a>> {
        self.waiting.remove(&ticket);
        match take(&mut self.guest(rank).state) {
            State::Waits { call, .. } => Some(call),
            _ => None,
        }
    }

    /// Gives a tuple that is out to this process.
    fn hand_out(&mut self, rank: u32, call: Mail<'a>, verb: Verb, stored: Stored) {
        let Verb::Lease(micros) = verb else {
            let answer =
                Answer::Found { returns: stored.returns, tuple: &stored.bytes }.encode(self.rules.epoch);
            return self.send(rank, call, answer, Gift::Tuple(stored));
        };
        let lent = stored.clone();
        let lease = self.leases.lend(stored, self.holder(rank), micros);
        self.guest(rank).leases += 1;
        let function = lent.function.as_deref();
        let answer = Answer::Lent { lease, returns: lent.returns, function, tuple: &lent.bytes };
        self.answer(rank, call, &answer, Gift::Lease(lease));
    }

    /// Something that wants no answer.
    pub fn note(&mut self, mail: &Mail<'a>) {
        let (rank, epoch) = (mail.from(), mail.epoch());
        let mut bytes = [0; 32];
        let len = mail.copy_to(&mut bytes);
        let Some((note, life, number)) = Note::decode(&bytes[..len]) else { return };
        // One that has never had an answer does not know whose life it gives up.
        let is_ours = life == self.rules.epoch || (life == 0 && note == Note::GivenUp);
        if !self.guest(rank).lives(epoch) || !is_ours || mail.len() > len {
            return;
        }
        let last = self.guest(rank).last;
        match note {
            Note::Received if number == last => match take(&mut self.guest(rank).state) {
                State::Sent(Gift::Tuple(stored)) => self.store.dismiss(stored),
                state => self.guest(rank).state = state,
            },
            Note::GivenUp if number == last => match take(&mut self.guest(rank).state) {
                State::Sent(gift) => self.keep(rank, gift),
                state => {
                    self.guest(rank).state = state;
                    self.supersede(rank);
                }
            },
            // It has overtaken the request.
            Note::GivenUp if number > last => {
                self.supersede(rank);
                self.guest(rank).last = number;
            }
            Note::GivenBack => self.take_back(number, (rank, epoch), 1),
            _ => {}
        }
    }

    /// Something that wants an answer.
    pub fn call(&mut self, call: Mail<'a>) {
        let (rank, epoch) = (call.from(), call.epoch());
        let bytes = if call.len() <= MOST_REQUEST { call.to_vec() } else { vec![] };
        let asked = Asked::decode(&bytes).filter(|asked| self.rules.can_be_answered(asked));
        let Some(asked) = asked else {
            _ = call.refuse_within(b"no request to a tuple space", Deadline::Now);
            return;
        };
        let guest = self.guest(rank);
        // Its process has ended, or does not wait any more. What it would be given now, nobody would give back.
        if !guest.lives(epoch) || asked.number <= guest.last {
            return;
        }
        guest.last = asked.number;
        self.supersede(rank);
        let leases = self.guest(rank).leases;
        match self.rules.refusal(&asked, leases) {
            Some(refusal) => self.answer(rank, call, &refusal, Gift::Nothing),
            None => self.carry_out(rank, call, asked.request),
        }
    }

    fn carry_out(&mut self, rank: u32, call: Mail<'a>, request: Request<'_>) {
        match request {
            Request::Put { function, tuple } => {
                let answer = match self.store.admit(function, tuple, &self.rules.limits) {
                    Some(stored) => {
                        self.arrive(stored);
                        Answer::Done
                    }
                    None => Answer::Full,
                };
                self.answer(rank, call, &answer, Gift::Nothing);
            }
            Request::Find { verb, waits, wanted } => self.find(rank, call, verb, waits, wanted.into()),
            Request::Done { lease, tuple } => {
                let answer = self.done(rank, lease, tuple);
                self.answer(rank, call, &answer, Gift::Nothing);
            }
            Request::Renew { lease, micros } => {
                let is_there = self.leases.renew(lease, self.holder(rank), micros);
                let answer = if is_there { Answer::Done } else { Answer::Expired };
                self.answer(rank, call, &answer, Gift::Nothing);
            }
        }
    }

    fn find(&mut self, rank: u32, call: Mail<'a>, verb: Verb, waits: bool, sought: Sought) {
        if matches!(verb, Verb::Take | Verb::Lease(_)) {
            if let Some(stored) = self.store.take(&sought) {
                return self.hand_out(rank, call, verb, stored);
            }
        } else if let Some(stored) = self.store.find(&sought) {
            let found = Answer::Found { returns: stored.returns, tuple: &stored.bytes };
            let answer = if verb == Verb::Watch { Answer::There } else { found };
            let answer = answer.encode(self.rules.epoch);
            return self.send(rank, call, answer, Gift::Nothing);
        }
        if !waits {
            return self.answer(rank, call, &Answer::None, Gift::Nothing);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting.insert(ticket, rank);
        self.guest(rank).state = State::Waits { ticket, call, verb, sought };
    }

    fn done(&mut self, rank: u32, lease: u64, tuple: Option<&[u8]>) -> Answer<'static> {
        let holder = self.holder(rank);
        let Some(until) = self.leases.until(lease, holder) else { return Answer::Expired };
        let Some(stored) = self.leases.end(lease, holder) else { return Answer::Expired };
        let Some(tuple) = tuple else {
            self.count_down(rank);
            self.store.dismiss(stored);
            return Answer::Done;
        };
        match self.store.exchange(stored, tuple, &self.rules.limits) {
            Ok(new) => {
                self.count_down(rank);
                self.arrive(new);
                Answer::Done
            }
            Err(old) => {
                self.leases.resume(lease, old, holder, until);
                Answer::Full
            }
        }
    }
}
