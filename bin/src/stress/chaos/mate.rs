//! One of several threads of a process of a chaos that share its endpoint: it makes calls, with any result.

use super::sheet::{Call, Pulse, Tally};
use super::whim::{TIME, is_lost};
use crate::common::failure::Failure;
use mailbox::{Broken, CallError, Event, OwnedMail, RecvError, ReplyError, RequestError, SendError, Shared};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// The mails that it has in hand, at most.
const HANDS: usize = 3;

/// One of the threads.
pub struct Mate<'a> {
    pub me: Shared,
    pub pulse: Pulse<'a>,
    random: Xoshiro256PlusPlus,
    /// The ranks of the region.
    ranks: u32,
    /// The lengths that it sends: up to what fits a mailbox as a whole, and beyond.
    whole: usize,
    held: Vec<OwnedMail>,
    /// Whose mailboxes it was told to be corrupt.
    corrupt: Vec<u32>,
}

impl<'a> Mate<'a> {
    pub fn new(
        me: Shared,
        pulse: Pulse<'a>,
        random: Xoshiro256PlusPlus,
        (ranks, whole): (u32, usize),
    ) -> Self {
        Self { me, pulse, random, ranks, whole, held: vec![], corrupt: vec![] }
    }

    /// So many calls, or fewer if the rank is lost; whose mailboxes were corrupt meanwhile.
    pub fn work(mut self, calls: u32) -> Result<Vec<u32>, Failure> {
        for _ in 0..calls {
            let goes_on = match self.random.random_range(0..10) {
                0..3 => self.send()?,
                3 => self.ask()?,
                4 => self.exchange()?,
                5..7 => self.hear()?,
                _ => self.receive()?,
            };
            if !goes_on {
                break;
            }
        }
        let Self { pulse, held, me, corrupt, .. } = self;
        pulse.act(Call::Acknowledge, || drop(held));
        pulse.act(Call::Leave, || drop(me));
        Ok(corrupt)
    }

    fn rank(&mut self) -> u32 {
        self.random.random_range(0..self.ranks)
    }

    fn some_bytes(&mut self) -> Vec<u8> {
        let longest = [48, 48, self.whole, 8 * self.whole][self.random.random_range(0..4)];
        vec![7; self.random.random_range(0..=longest)]
    }

    /// Some call that sends; whether the rank still is this one's.
    fn send(&mut self) -> Result<bool, Failure> {
        let (pulse, bytes, to) = (self.pulse, self.some_bytes(), self.rank());
        let send = self.me.to(to).tag(self.random.random_range(0..3));
        let sent = match self.random.random_range(0..8) {
            0 => pulse.call(Call::Send, || send.send(&bytes)),
            1 => pulse.call(Call::SendSync, || send.within(TIME).sync().send(&bytes)),
            2 => {
                let most = self.random.random_range(0..=self.me.region().max_loan() as usize);
                let waits = self.random.random();
                let begun = pulse.call(Call::Loan, || match waits {
                    true => self.me.loan_within(most, TIME),
                    false => self.me.loan(most),
                });
                match begun {
                    Ok(mut loan) => {
                        let len = if self.random.random() { most } else { most.min(bytes.len()) };
                        loan.write_at(0, &bytes[..len.min(bytes.len())]);
                        let sent = pulse.call(Call::SendLoan, || loan.commit(len).send_within(to, TIME));
                        sent.inspect(|()| pulse.count(Tally::Lent))
                    }
                    Err(error) => Err(error),
                }
            }
            3 => match pulse.call(Call::Announce, || send.within(TIME).announce(bytes)) {
                Ok(mut sending) => pulse.call(Call::Announce, || sending.wait_within(TIME)),
                Err(error) => Err(error),
            },
            4 | 5 => pulse.call(Call::TrySend, || send.try_send(&bytes)),
            _ => pulse.call(Call::SendTimeout, || send.within(TIME).send(&bytes)),
        };
        self.has_ended(sent.err().as_ref().and_then(of_send))
    }

    /// Asks a rank something.
    fn ask(&mut self) -> Result<bool, Failure> {
        let (pulse, bytes, to) = (self.pulse, self.some_bytes(), self.rank());
        let asked = if self.random.random() {
            pulse.call(Call::Ask, || self.me.call(to, &bytes))
        } else {
            pulse.call(Call::AskTimeout, || self.me.to(to).within(TIME).call(&bytes))
        };
        match asked {
            Ok(_) | Err(CallError::Refused(_)) => pulse.count(Tally::Answers),
            Err(error) => return self.has_ended(of_call(&error)),
        }
        Ok(true)
    }

    /// Sends and receives at the same time.
    fn exchange(&mut self) -> Result<bool, Failure> {
        let (pulse, bytes, [to, from]) = (self.pulse, self.some_bytes(), [self.rank(), self.rank()]);
        let from = self.me.from(from).within(TIME);
        match pulse.call(Call::Exchange, || self.me.to(to).send_receive(bytes, from)) {
            Ok(mail) => self.take(mail),
            Err(error) => self.has_ended(of_request(&error)),
        }
    }

    /// Waits for what comes next: mail, or who comes and goes.
    fn hear(&mut self) -> Result<bool, Failure> {
        let (pulse, me) = (self.pulse, &self.me);
        let event = match self.random.random_range(0..4) {
            0 => pulse.call(Call::Event, || me.next_event()),
            1 => {
                let mail = pulse.call(Call::Event, || me.until_alone().within(TIME).next().transpose());
                mail.map(|mail| mail.map_or(Event::Alone, Event::Mail))
            }
            _ => pulse.call(Call::Event, || me.next_event_within(TIME)),
        };
        match event {
            Ok(Event::Mail(mail)) => self.take(mail),
            Ok(_) => {
                pulse.count(Tally::Events);
                Ok(true)
            }
            Err(error) => self.has_ended(of_recv(&error)),
        }
    }

    fn receive(&mut self) -> Result<bool, Failure> {
        let (pulse, from, tag) = (self.pulse, self.rank(), self.random.random_range(0..3));
        let me = &self.me;
        let [one, any] = [me.from(from), me.from_any()].map(|way| way.within(TIME));
        let received = match self.random.random_range(0..8) {
            0 => pulse.call(Call::Recv, || me.recv().map(Some)),
            1 => pulse.call(Call::RecvFromTimeout, || one.recv().map(Some)),
            2 => pulse.call(Call::RecvFromTimeout, || one.tag(tag).recv().map(Some)),
            3 => pulse.call(Call::RecvTimeout, || any.tag_masked(tag, 1).recv().map(Some)),
            4 => pulse.call(Call::RecvTimeout, || any.recv().map(Some)),
            5 => pulse.call(Call::Peek, || match any.peek()? {
                Some(seen) => any.recv_peeked(&seen),
                None => Ok(None),
            }),
            6 => pulse.call(Call::TryRecvFrom, || one.try_recv()),
            _ => pulse.call(Call::TryRecv, || me.try_recv()),
        };
        match received {
            Ok(Some(mail)) => self.take(mail),
            Ok(None) => Ok(true),
            Err(error) => self.has_ended(of_recv(&error)),
        }
    }

    /// Does something with a mail.
    fn take(&mut self, mail: OwnedMail) -> Result<bool, Failure> {
        let pulse = self.pulse;
        if mail.to_vec().len() != mail.len() {
            return Err(Failure::new("a mail has another length than it says"));
        }
        if mail.len() as u64 > self.me.region().max_message() {
            pulse.count(Tally::Read);
        }
        if mail.is_call() && self.random.random_ratio(3, 4) {
            let (bytes, waits) = (self.some_bytes(), self.random.random());
            let answered = pulse.call(Call::Answer, || match waits {
                false => mail.refuse(&bytes),
                true => Ok(mail.reply_within(&bytes, TIME)?),
            });
            let broken = if let Err(ReplyError::Send(error)) = &answered { of_send(error) } else { None };
            return self.has_ended(broken);
        }
        match self.random.random_range(0..5) {
            0 => pulse.act(Call::Acknowledge, || mail.requeue()),
            1 => drop(pulse.act(Call::Acknowledge, || mail.into_vec())),
            2 | 3 => pulse.act(Call::Acknowledge, || mail.ack()),
            _ => self.held.push(mail),
        }
        if self.held.len() > HANDS {
            let at = self.random.random_range(0..self.held.len());
            let done = self.held.swap_remove(at);
            pulse.act(Call::Acknowledge, || drop(done));
        }
        Ok(true)
    }

    /// Whether the rank still is this one's, after such an error or none. Fails if the error is of nobody.
    fn has_ended(&mut self, broken: Option<Broken>) -> Result<bool, Failure> {
        match broken {
            Some(Broken::Lost(lost)) => is_lost(lost),
            Some(Broken::Corrupt(rank)) => {
                self.pulse.count(Tally::Corrupt);
                self.corrupt.push(rank);
                let is_rank = rank < self.ranks;
                if is_rank { Ok(true) } else { Err(Failure::new("a mailbox of no rank is corrupt")) }
            }
            _ => Ok(true),
        }
    }
}

fn of_send(error: &SendError) -> Option<Broken> {
    if let SendError::Broken(broken) = error { Some(*broken) } else { None }
}

fn of_recv(error: &RecvError) -> Option<Broken> {
    if let RecvError::Broken(broken) = error { Some(*broken) } else { None }
}

fn of_call(error: &CallError) -> Option<Broken> {
    match error {
        CallError::Broken(broken) => Some(*broken),
        CallError::Request(error) => of_send(error),
        _ => None,
    }
}

fn of_request(error: &RequestError) -> Option<Broken> {
    match error {
        RequestError::Broken(broken) => Some(*broken),
        RequestError::Send(error) => of_send(error),
        RequestError::Recv(error) => of_recv(error),
        _ => None,
    }
}
