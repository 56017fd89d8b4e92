//! Senders, and a receiver that takes by tag, do at random what they may, against an oracle.
//!
//! One thread does it all. So it is known what a receive finds: of one rank the oldest message that it takes, of anyone the oldest
//! that it takes of some rank. `TAGS_COUNT` says how many scripts are run, `TAGS_SEED` from which number on.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::oracle::{Kind, Numbered, Oracle, SENDERS, Sent, TAGS, Wish, one_of};
use common::{GUARD, Scratch, kill_endpoint};
use mailbox::{Call, Config, Deadline, Endpoint, Event, Mail, RecvError, Sending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

const RECEIVER: u32 = SENDERS as u32;
const ARENA: u64 = 2048;
/// Messages to one rank that a receiver has not answered.
const UNDER_WAY: usize = 40;

/// All that goes on between two ends.
struct Act<'a> {
    me: &'a Endpoint,
    senders: Vec<Option<&'a Endpoint>>,
    sendings: Vec<(u32, u64, Sending<'a>)>,
    calls: Vec<Call<'a>>,
    held: Vec<(u64, Mail<'a>)>,
}

impl<'a> Act<'a> {
    fn messages(&self, rank: usize) -> u64 {
        let all = self.me.region().inspect().mailboxes;
        all.iter()
            .find(|mailbox| (mailbox.from, mailbox.to) == (rank as u32, RECEIVER))
            .map_or(0, |mailbox| mailbox.messages)
    }

    fn send(&mut self, dice: &mut Dice, oracle: &mut Oracle) {
        let rank = dice.below(SENDERS as u64) as usize;
        let Some(sender) = self.senders[rank] else { return };
        let batch = (dice.below(5) == 0).then(|| sender.batch());
        for _ in 0..=dice.below(6) {
            self.send_one(dice, oracle, rank, sender, batch.is_some());
        }
    }

    fn send_one(
        &mut self,
        dice: &mut Dice,
        oracle: &mut Oracle,
        rank: usize,
        sender: &'a Endpoint,
        is_batch: bool,
    ) {
        let under_way =
            oracle.sent[rank].iter().filter(|sent| !sent.is_over && sent.kind != Kind::Whole).count();
        let kind = if is_batch || under_way >= UNDER_WAY { 0 } else { dice.below(9) };
        let (tag, number) = (one_of(dice, &TAGS), oracle.next);
        let len = 8 + if dice.below(4) == 0 { dice.below(500) as usize } else { dice.below(40) as usize };
        let to = sender.to(RECEIVER).tag(tag).within(Deadline::Now);
        let before = if kind < 6 { 0 } else { self.messages(rank) };
        let bytes = |len| Sent::bytes(number, len);
        let (mut tag, mut len) = (tag, len);
        let kind = match kind {
            0..5 => to.send(&bytes(len)).is_ok().then_some(Kind::Whole),
            5 => sender.loan(len).ok().and_then(|mut loan| {
                loan.write_at(0, &bytes(len));
                let block = loan.commit(len).tag(tag);
                block.send_within(RECEIVER, Deadline::Now).is_ok().then_some(Kind::Whole)
            }),
            6 => {
                let _ = to.within(Duration::from_micros(20)).sync().send(&bytes(len));
                (self.messages(rank) > before).then_some(Kind::Sync)
            }
            7 => {
                len = 8 + dice.below(40_000) as usize;
                to.announce(bytes(len)).ok().map(|sending| {
                    self.sendings.push((rank as u32, number, sending));
                    Kind::Announced
                })
            }
            _ => {
                tag = 0;
                to.start_call(&bytes(len)).ok().map(|call| {
                    self.calls.push(call);
                    if self.messages(rank) > before { Kind::Call } else { Kind::OnLine }
                })
            }
        };
        let Some(kind) = kind else { return };
        oracle.next += 1;
        let seq = oracle.seqs[rank];
        oracle.seqs[rank] += u64::from(kind != Kind::OnLine);
        if !is_batch {
            assert_eq!(oracle.seqs[rank], self.messages(rank), "{kind:?}");
        }
        let (handed, life, is_held, is_over, is_maybe) = (0, oracle.ends[rank], false, false, false);
        oracle.sent[rank].push(Sent {
            number,
            tag,
            kind,
            len,
            seq,
            handed,
            life,
            is_held,
            is_over,
            is_maybe,
        });
    }

    fn poke(&mut self) {
        for (rank, number, sending) in &mut self.sendings {
            let is_received = sending.is_received();
            assert!(is_received.is_ok(), "{number} of {rank}: {is_received:?}");
        }
    }

    fn keep(&mut self, dice: &mut Dice, oracle: &mut Oracle, wish: Wish, mail: Mail<'a>) {
        oracle.check(wish, &mail);
        self.held.push((mail.read_number(), mail));
        while !self.held.is_empty() && (self.held.len() > 8 || dice.below(2) == 0) {
            self.put_down(dice, oracle);
        }
    }

    fn put_down(&mut self, dice: &mut Dice, oracle: &mut Oracle) {
        let at = dice.below(self.held.len() as u64) as usize;
        let (number, mail) = self.held.swap_remove(at);
        let rank = mail.from();
        match dice.below(6) {
            0 => {
                oracle.again(rank, number);
                mail.requeue();
            }
            1 => {
                oracle.again(rank, number);
                let result = catch_unwind(AssertUnwindSafe(|| {
                    let _mail = mail;
                    resume_unwind(Box::new("on purpose"));
                }));
                assert!(result.is_err());
            }
            2 => {
                oracle.over(rank, number);
                drop(mail.into_vec());
            }
            _ => {
                oracle.over(rank, number);
                if mail.is_call() && dice.below(2) == 0 {
                    mail.reply(b"yes").expect("room")
                } else {
                    mail.ack()
                }
            }
        }
    }

    fn receive(&mut self, dice: &mut Dice, oracle: &mut Oracle) {
        let wish = Wish::roll(dice);
        let from = wish.of(self.me);
        match dice.below(10) {
            0 => {
                let next = from.peek().expect("sound");
                assert!(next.is_some() || !oracle.must_find(wish), "{wish:?}");
                let Some(next) = next else { return };
                let all = &oracle.sent[next.from as usize];
                if !next.is_call {
                    let sent = all.iter().find(|sent| sent.seq == next.seq && sent.kind != Kind::OnLine);
                    let sent = sent.expect("it was sent");
                    assert_eq!((next.tag, next.len), (sent.tag, sent.len as u64), "{wish:?} {sent:?}");
                    let number = sent.number;
                    let _ = oracle.took(wish, next.from, number);
                }
            }
            1 => {
                let mut drain = from.drain();
                for _ in 0..dice.below(20) {
                    let Some(message) = drain.next().expect("sound") else { break };
                    let bytes = message.to_vec();
                    let number = u64::from_ne_bytes(bytes[..8].try_into().expect("a number"));
                    let sent = oracle.took(wish, message.from(), number);
                    assert!(sent.kind == Kind::Whole && bytes == Sent::bytes(number, sent.len), "{sent:?}");
                    assert_eq!((message.seq(), message.tag()), (sent.seq, sent.tag));
                    oracle.over(message.from(), number);
                }
            }
            2 if self.sendings.is_empty() => {
                let mut buffer = vec![0; if dice.below(3) == 0 { 20 } else { 50_000 }];
                match from.within(Deadline::Now).recv_into(&mut buffer) {
                    Ok((rank, len)) => {
                        let number = u64::from_ne_bytes(buffer[..8].try_into().expect("a number"));
                        assert_eq!(oracle.took(wish, rank, number).len, len);
                        assert!(buffer[..len] == Sent::bytes(number, len));
                        oracle.over(rank, number);
                    }
                    Err(RecvError::Misfit { len, .. }) => assert!(len > 20 && buffer.len() == 20),
                    Err(error) => {
                        assert!(error != RecvError::Timeout || !oracle.must_find(wish), "{wish:?}");
                        oracle.check_error(wish, error);
                    }
                }
            }
            3 => match self.me.next_event_within(Deadline::Now) {
                Ok(Event::Mail(mail)) => self.keep(dice, oracle, Wish::ANYTHING, mail),
                Ok(Event::Left { rank, epoch } | Event::Died { rank, epoch }) => {
                    oracle.check_end(rank, epoch)
                }
                Ok(_) => {}
                Err(error) => {
                    assert!(error != RecvError::Timeout || !oracle.must_find(Wish::ANYTHING));
                    oracle.check_error(Wish::ANYTHING, error);
                }
            },
            4 => {
                for mail in from.within(Deadline::Now).iter().take(3) {
                    match mail {
                        Ok(mail) => self.keep(dice, oracle, wish, mail),
                        Err(error) => oracle.check_error(wish, error),
                    }
                }
            }
            5..7 => {
                // What can come does.
                let guard = Instant::now() + GUARD;
                while oracle.can_come(wish) {
                    self.poke();
                    match from.try_recv() {
                        Ok(Some(mail)) => return self.keep(dice, oracle, wish, mail),
                        Ok(None) => assert!(!oracle.must_find(wish), "{wish:?}"),
                        Err(error) => {
                            oracle.check_error(wish, error);
                            if matches!(error, RecvError::Held(_) | RecvError::Crowded { .. }) {
                                return;
                            }
                        }
                    }
                    assert!(Instant::now() < guard, "{wish:?}");
                }
            }
            _ => {
                let patience = Duration::from_micros(dice.below(2) * 20);
                match from.within(patience).recv() {
                    Ok(mail) => self.keep(dice, oracle, wish, mail),
                    Err(error) => {
                        // One step of something else may have taken all the time.
                        oracle.check_error(wish, error);
                    }
                }
            }
        }
    }

    fn end(mut self, dice: &mut Dice, oracle: &mut Oracle) {
        while !self.held.is_empty() {
            self.put_down(dice, oracle);
        }
        for (rank, number, mut sending) in self.sendings.drain(..) {
            let is_received = sending.is_received().expect("a receiver");
            if let Some(sent) = oracle.sent[rank as usize].iter_mut().find(|sent| sent.number == number) {
                sent.is_maybe |= !is_received;
            }
        }
    }
}

fn run(seed: u64) {
    let dice = &mut Dice(seed);
    let scratch = Scratch::new();
    let cells = one_of(dice, &[8, 16, 64, 256]);
    let config = Config::ranks(RECEIVER + 1).cells(cells).arena(ARENA).loans(4 << 20);
    let region = scratch.create(config);
    let budget = one_of(dice, &[0, 0, 2000, 1 << 30]);
    let join = |rank| region.join(rank).expect("free");
    let receive = || {
        let me = join(RECEIVER);
        me.set_unread_budget(budget);
        Some(me)
    };
    let (mut oracle, mut me) = (Oracle::default(), receive());
    let mut senders: [Option<Endpoint>; SENDERS] = Default::default();
    for _ in 0..4 {
        for (at, sender) in senders.iter_mut().enumerate().filter(|(_, sender)| sender.is_none()) {
            *sender = (dice.below(4) > 0).then(|| join(at as u32));
            oracle.is_there[at] = sender.is_some();
        }
        let me_now = me.get_or_insert_with(|| receive().expect("free"));
        let mut act = Act {
            me: me_now,
            senders: senders.iter().map(Option::as_ref).collect(),
            sendings: vec![],
            calls: vec![],
            held: vec![],
        };
        for _ in 0..dice.below(150) {
            match dice.below(3) {
                0 => act.send(dice, &mut oracle),
                1 => act.poke(),
                _ => {}
            }
            let batch = (dice.below(8) == 0).then(|| act.me.batch());
            act.receive(dice, &mut oracle);
            drop(batch);
        }
        act.end(dice, &mut oracle);
        for (at, sender) in senders.iter_mut().enumerate() {
            if dice.below(3) == 0 && sender.is_some() {
                sender.take().into_iter().for_each(|sender| end(dice, sender));
                (oracle.ends[at], oracle.is_there[at]) = (oracle.ends[at] + 1, false);
                oracle.sent[at].iter_mut().for_each(|sent| {
                    sent.is_maybe |= matches!(sent.kind, Kind::Call | Kind::OnLine);
                });
            }
        }
        if budget == 0 && dice.below(3) == 0 {
            me.take().into_iter().for_each(|me| end(dice, me));
            oracle.succeed();
        }
    }
    // All that is left comes, in order.
    let me = me.unwrap_or_else(|| receive().expect("free"));
    let mut act = Act { me: &me, senders: vec![], sendings: vec![], calls: vec![], held: vec![] };
    let guard = Instant::now() + GUARD;
    while oracle.can_come(Wish::ANYTHING) {
        match me.try_recv() {
            Ok(Some(mail)) => {
                oracle.check(Wish::ANYTHING, &mail);
                oracle.over(mail.from(), mail.read_number());
            }
            Ok(None) => assert!(!oracle.must_find(Wish::ANYTHING)),
            Err(error) => oracle.check_error(Wish::ANYTHING, error),
        }
        assert!(Instant::now() < guard, "something is lost");
    }
    act.calls.clear();
}

fn end(dice: &mut Dice, endpoint: Endpoint) {
    if dice.below(2) == 0 { kill_endpoint(endpoint) } else { drop(endpoint) }
}

#[test]
fn each_receive_takes_the_oldest_of_its_kind_and_nothing_is_lost_or_comes_twice() {
    let first = number("TAGS_SEED", 1);
    for seed in first..first + number("TAGS_COUNT", 150) {
        let result = catch_unwind(|| run(seed));
        assert!(result.is_ok(), "TAGS_SEED={seed} TAGS_COUNT=1");
    }
}
