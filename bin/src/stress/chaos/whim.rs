//! Calls of an endpoint and of its halves, with any result.

use super::sheet::{Call, Pulse, Tally};
use crate::common::failure::Failure;
use mailbox::{
    Broken, CallError, Deadline, Endpoint, Event, FetchError, Lost, Mail, RecvError, RecvHalf, Reply,
    ReplyError, SendError, SendHalf,
};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::time::Duration;

/// How long a call that takes a time is given, and how often those that take none are interrupted.
pub const TIME: Duration = Duration::from_millis(5);

/// What makes the calls of an endpoint or a half.
pub struct Whim<'a> {
    pub pulse: Pulse<'a>,
    pub random: Xoshiro256PlusPlus,
    /// The ranks of the region.
    pub ranks: u32,
    /// The lengths that it sends: up to what fits a mailbox as a whole, and beyond.
    pub whole: usize,
}

impl Whim<'_> {
    /// Some call of the sending half; whether it still is one.
    pub fn send(&mut self, me: &SendHalf) -> Result<bool, Failure> {
        let pulse = self.pulse;
        let to = self.random.random_range(0..self.ranks);
        let len = match self.random.random_range(0..8) {
            0..4 => self.random.random_range(0..=48),
            4..7 => self.random.random_range(0..=self.whole),
            _ => self.random.random_range(0..16 * self.whole),
        };
        let bytes = vec![7; len];
        let send = me.to(to).tag(self.random.random_range(0..3));
        match self.random.random_range(0..10) {
            9 => self.start_sends(send, &bytes),
            0 => {
                let batch = me.batch();
                for _ in 0..self.random.random_range(0..12) {
                    if !self.sent(pulse.call(Call::TrySend, || send.try_send(&bytes)))? {
                        return Ok(false);
                    }
                }
                pulse.act(Call::Flush, || drop(batch));
                Ok(true)
            }
            1 => self.lend(me, to, &bytes),
            2 => self.sent(pulse.call(Call::Send, || send.send(&bytes))),
            3 => self.sent(pulse.call(Call::SendSync, || send.within(TIME).sync().send(&bytes))),
            4 if self.random.random() => {
                match pulse.call(Call::Announce, || send.within(Deadline::Now).announce(bytes)) {
                    Ok(mut sending) => self.sent(pulse.call(Call::Announce, || sending.wait_within(TIME))),
                    Err(error) => self.sent(Err(error)),
                }
            }
            4 | 5 => self.sent(pulse.call(Call::TrySend, || send.try_send(&bytes))),
            _ => self.sent(pulse.call(Call::SendTimeout, || send.within(TIME).send(&bytes))),
        }
    }

    pub(super) fn sent(&self, result: Result<(), SendError>) -> Result<bool, Failure> {
        match result {
            Err(SendError::Broken(Broken::Corrupt(_))) => self.pulse.count(Tally::Corrupt),
            Err(SendError::Broken(Broken::Lost(lost))) => return is_lost(lost),
            _ => {}
        }
        Ok(true)
    }

    /// Some calls of the receiving half; whether it still is one.
    pub fn receive(&mut self, me: &mut RecvHalf, ills: &mut Ills) -> Result<bool, Failure> {
        let pulse = self.pulse;
        let from = self.random.random_range(0..self.ranks);
        me.set_by_hand(self.random.random_ratio(1, 4));
        me.set_unread_budget(if self.random.random() { 0 } else { 1 << 20 });
        if self.random.random_ratio(1, if ills.has(from) { 4 } else { 32 }) {
            let _ = pulse.call(Call::Reset, || me.reset(from));
            ills.reset(from, pulse);
        }
        let mut held = Vec::new();
        let batch = self.random.random_ratio(1, 4).then(|| me.batch());
        for _ in 0..self.random.random_range(1..=6) {
            let (tag, mask) = (self.random.random_range(0..3), self.random.random_range(0..4));
            let (one, any) = (me.from(from).tag_masked(tag, mask), me.from_any().tag_masked(tag, mask));
            if self.random.random_ratio(1, 8) {
                let way = [me.from(from), me.from_any(), one, any][self.random.random_range(0..4)];
                if !self.start_receives(way, ills)? {
                    return Ok(false);
                }
            }
            let result = match self.random.random_range(0..12) {
                10 => self.peek(one),
                11 => self.peek(any),
                0 => pulse.call(Call::Recv, || me.recv().map(Some)),
                1 => pulse.call(Call::RecvFrom, || me.from(from).recv().map(Some)),
                2 => pulse.call(Call::RecvFromTimeout, || me.from(from).within(TIME).recv().map(Some)),
                3 => pulse.call(Call::TryRecvFrom, || me.from(from).try_recv()),
                4 => pulse.call(Call::RecvTimeout, || me.from_any().within(TIME).recv().map(Some)),
                5 => pulse.call(Call::RecvFromTimeout, || one.within(TIME).recv().map(Some)),
                6 => pulse.call(Call::RecvTimeout, || any.within(TIME).recv().map(Some)),
                7 => pulse.call(Call::TryRecv, || any.try_recv()),
                _ => pulse.call(Call::TryRecv, || me.try_recv()),
            };
            let mail = match result {
                Ok(Some(mail)) => mail,
                Ok(None) => continue,
                Err(RecvError::Broken(Broken::Lost(lost))) => return is_lost(lost),
                Err(RecvError::Broken(Broken::Corrupt(from))) => {
                    pulse.count(Tally::Corrupt);
                    ills.fall(from);
                    continue;
                }
                Err(_) => continue,
            };
            ills.hear(mail.from(), pulse);
            if mail.len() as u64 > me.region().max_message() {
                pulse.count(Tally::Read);
            }
            let mut buffer = [0; 100];
            let offset = self.random.random_range(0..200);
            let copied = mail.read_at(offset, &mut buffer);
            if mail.to_vec().len() != mail.len() || copied > mail.len().saturating_sub(offset) {
                return Err(Failure::new("a mail has another length than it says"));
            }
            let _ = (mail.epoch(), mail.value::<[u64; 2]>());
            if mail.announced().is_some() && self.random.random_ratio(3, 4) {
                self.fetch(mail);
                continue;
            }
            if mail.is_call() && self.random.random_ratio(3, 4) {
                if !self.answer(mail)? {
                    return Ok(false);
                }
                continue;
            }
            match self.random.random_range(0..6) {
                0 => pulse.act(Call::Acknowledge, || mail.requeue()),
                1 => drop(pulse.act(Call::Acknowledge, || mail.into_vec())),
                2 => held.push(mail),
                3 if !held.is_empty() => {
                    pulse.act(Call::Acknowledge, || drop(std::mem::replace(&mut held[0], mail)));
                }
                _ => pulse.act(Call::Acknowledge, || drop(mail)),
            }
        }
        pulse.act(Call::Acknowledge, || drop(held));
        pulse.act(Call::Settle, || drop(batch));
        Ok(true)
    }

    /// Fetches some of an announced message.
    fn fetch(&mut self, mail: Mail<'_>) {
        let pulse = self.pulse;
        let mut arrival = mail.fetch();
        let mut buffer = vec![0; self.random.random_range(1..=2 * self.whole)];
        for _ in 0..self.random.random_range(0..24) {
            let result = if self.random.random() {
                pulse.call(Call::Fetch, || arrival.fetch_within(&mut buffer, Deadline::Now))
            } else {
                pulse.call(Call::Fetch, || arrival.fetch_within(&mut buffer, TIME))
            };
            if matches!(result, Ok(0) | Err(FetchError::Cut(_) | FetchError::Held(_))) {
                break;
            }
        }
        pulse.act(Call::Acknowledge, || drop(arrival));
    }

    /// Asks a rank something, and serves others until there is an answer or not; whether it still is an endpoint.
    pub fn converse(&mut self, me: &Endpoint) -> Result<bool, Failure> {
        let pulse = self.pulse;
        let to = self.random.random_range(0..self.ranks);
        let bytes = self.some_bytes();
        let asked = match self.random.random_range(0..4) {
            0 => pulse.call(Call::Ask, || me.call(to, &bytes)).map(|reply| (Some(reply), None)),
            1 => {
                let asked = pulse.call(Call::AskTimeout, || me.to(to).within(TIME).call(&bytes));
                asked.map(|reply| (Some(reply), None))
            }
            _ => pulse
                .call(Call::TryAsk, || me.to(to).within(Deadline::Now).start_call(&bytes))
                .map(|call| (None, Some(call))),
        };
        let (reply, call) = match asked {
            Ok(asked) => asked,
            Err(error) => return self.heard(Err(error)),
        };
        if !self.heard(Ok(reply))? {
            return Ok(false);
        }
        for _ in 0..self.random.random_range(0..6) {
            // Mail is before a call.
            for _ in 0..self.random.random_range(0..24) {
                if !self.serve(me)? {
                    return Ok(false);
                }
            }
            let Some(call) = &call else { continue };
            let heard = if self.random.random() {
                pulse.call(Call::Hear, || call.wait_within(TIME)).map(Some)
            } else {
                pulse.call(Call::Hear, || call.try_wait())
            };
            if !self.heard(heard)? {
                return Ok(false);
            }
        }
        pulse.act(Call::Hear, || drop(call));
        Ok(true)
    }

    fn some_bytes(&mut self) -> Vec<u8> {
        let longest = if self.random.random_ratio(2, 3) { 48 } else { self.whole };
        vec![7; self.random.random_range(0..=longest)]
    }

    fn heard(&self, result: Result<Option<Reply>, CallError>) -> Result<bool, Failure> {
        match result {
            Ok(Some(_)) | Err(CallError::Refused(_)) => self.pulse.count(Tally::Answers),
            Err(CallError::Broken(Broken::Corrupt(_))) => self.pulse.count(Tally::Corrupt),
            Err(CallError::Broken(Broken::Lost(lost))) => return is_lost(lost),
            _ => {}
        }
        Ok(true)
    }

    fn serve(&mut self, me: &Endpoint) -> Result<bool, Failure> {
        let pulse = self.pulse;
        let received = match self.random.random_range(0..64) {
            0 => pulse.call(Call::RecvTimeout, || me.from_any().within(TIME).recv().map(Some)),
            1 => pulse.call(Call::Event, || me.next_event_within(TIME)).map(|event| match event {
                Event::Mail(mail) => Some(mail),
                _ => {
                    pulse.count(Tally::Events);
                    None
                }
            }),
            _ => pulse.call(Call::TryRecv, || me.try_recv()),
        };
        match received {
            Ok(Some(mail)) if mail.is_call() => return self.answer(mail),
            Ok(Some(mail)) => pulse.act(Call::Acknowledge, || drop(mail)),
            Err(RecvError::Broken(Broken::Lost(lost))) => return is_lost(lost),
            Err(RecvError::Broken(Broken::Corrupt(_))) => pulse.count(Tally::Corrupt),
            Ok(None) | Err(_) => {}
        }
        Ok(true)
    }

    /// Does something with a call; whether the endpoint still is one.
    fn answer(&mut self, call: Mail<'_>) -> Result<bool, Failure> {
        let bytes = self.some_bytes();
        let whim = self.random.random_range(0..6);
        let answered = self.pulse.call(Call::Answer, || match whim {
            0 => call.reply(&bytes),
            1 => call.refuse(&bytes),
            2 => Ok(call.reply_within(&bytes, Deadline::Now)?),
            3 => Ok(call.reply_within(&bytes, TIME)?),
            4 => {
                call.requeue();
                Ok(())
            }
            _ => {
                drop(call);
                Ok(())
            }
        });
        if let Err(ReplyError::Send(error)) = answered { self.sent(Err(error)) } else { Ok(true) }
    }
}

/// Nobody forks here.
pub(super) fn is_lost(lost: Lost) -> Result<bool, Failure> {
    match lost {
        Lost::Rank => Ok(false),
        Lost::Forked => Err(Failure::new("a process that has not forked is told that it has")),
        Lost::Removed => Err(Failure::new("somebody removed the region of this run")),
    }
}

/// What ails the mailboxes of a receiver.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ill {
    Well,
    Corrupt,
    Reset,
}

/// The same, by sender.
pub struct Ills(Vec<Ill>);

impl Ills {
    /// Nothing, with so many senders.
    pub fn new(ranks: u32) -> Self {
        Self(vec![Ill::Well; ranks as usize])
    }

    fn has(&self, from: u32) -> bool {
        self.0[from as usize] == Ill::Corrupt
    }

    pub(super) fn fall(&mut self, from: u32) {
        self.0[from as usize] = Ill::Corrupt;
    }

    fn reset(&mut self, from: u32, pulse: Pulse<'_>) {
        if self.has(from) {
            pulse.count(Tally::Resets);
            self.0[from as usize] = Ill::Reset;
        }
    }

    pub(super) fn hear(&mut self, from: u32, pulse: Pulse<'_>) {
        if std::mem::replace(&mut self.0[from as usize], Ill::Well) == Ill::Reset {
            pulse.count(Tally::Revived);
        }
    }
}
