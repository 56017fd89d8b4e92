//! A rank that several threads share, beside a peer whose words make no sense: errors of that peer alone, in time, and the others go on.
//!
//! `GARBAGE_SEED` says with which words, `GARBAGE_ROUNDS` how often they begin anew.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::wire::geometry;
use common::{GUARD, Scratch, record};
use mailbox::lab::abi::{Control, Geometry, Header, Rank};
use mailbox::{
    Broken, CallError, Config, Deadline, Endpoint, Event, OwnedMail, RecvError, RequestError, SendError,
    Shared,
};
use std::collections::VecDeque;
use std::mem::offset_of;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// The rank of the threads, that of the peer whose words are overwritten, and that of an honest one.
const ME: u32 = 0;
const LIAR: u32 = 1;
const HONEST: u32 = 2;
const THREADS: u64 = 4;
/// How long each call may take, and what takes longer hangs.
const TIME: Duration = Duration::from_millis(5);
const WRITES: u32 = 1500;
/// Of so many words one stays; the others are put back after as many.
const PER_STAY: u64 = 16;

/// Does something that may fail, and must not take long.
fn bounded<R>(what: impl FnOnce() -> R) -> R {
    let begun = Instant::now();
    let result = what();
    assert!(begun.elapsed() < GUARD, "it hangs");
    result
}

/// A thread of the rank.
struct Mate<'a> {
    me: Shared,
    dice: Dice,
    /// What came from the honest one.
    heard: &'a Mutex<Vec<u64>>,
}

impl Mate<'_> {
    /// One call, with any result that names the liar, or nobody.
    fn act(&mut self) {
        let me = &self.me;
        let bytes = vec![7; [8, 48, 600, 5000][self.dice.below(4) as usize]];
        let to = me.to(LIAR).within(TIME).tag(self.dice.below(2) as u32);
        match self.dice.below(10) {
            0 => self.send(bounded(|| to.send(&bytes))),
            1 => self.send(bounded(|| to.sync().send(&bytes))),
            2 => match bounded(|| to.call(&bytes)) {
                Err(CallError::Broken(broken)) => expect_liar(broken),
                Err(CallError::Request(error)) => self.send(Err(error)),
                Err(CallError::Unanswered { rank, .. }) => assert_eq!(rank, LIAR),
                _ => {}
            },
            3 => match bounded(|| to.send_receive(&bytes, me.from(LIAR).within(TIME))) {
                Ok(mail) => self.take(mail),
                Err(RequestError::Broken(broken)) => expect_liar(broken),
                Err(RequestError::Send(error)) => self.send(Err(error)),
                Err(RequestError::Recv(error)) => self.fail(&error),
                _ => {}
            },
            4..7 => match bounded(|| me.next_event_within(TIME)) {
                Ok(Event::Mail(mail)) => self.take(mail),
                Ok(Event::Left { rank, .. } | Event::Died { rank, .. }) => assert_eq!(rank, LIAR),
                Ok(Event::Alone) => panic!("the honest one is there"),
                Ok(_) => {}
                Err(error) => self.fail(&error),
            },
            7 => self.receive(bounded(|| me.from(LIAR).within(TIME).recv())),
            8 => self.receive(bounded(|| me.from_any().within(TIME).tag_masked(0, 0).recv())),
            _ => self.receive(bounded(|| me.from_any().within(TIME).recv())),
        }
    }

    fn send(&self, sent: Result<(), SendError>) {
        match sent {
            Err(SendError::Broken(broken)) => expect_liar(broken),
            Err(SendError::Gone { rank, .. } | SendError::Refused(rank)) => assert_eq!(rank, LIAR),
            _ => {}
        }
    }

    fn receive(&self, received: Result<OwnedMail, RecvError>) {
        match received {
            Ok(mail) => self.take(mail),
            Err(error) => self.fail(&error),
        }
    }

    fn take(&self, mail: OwnedMail) {
        assert_eq!(mail.to_vec().len(), mail.len());
        if mail.from() != HONEST {
            assert_eq!(mail.from(), LIAR);
            if mail.is_call() {
                let _ = bounded(|| mail.reply_within(b"whatever", TIME));
            }
            return;
        }
        let number: u64 = mail.value().expect("a number");
        if mail.is_call() {
            mail.reply(&(number + 1).to_ne_bytes()).expect("it waits");
        } else {
            self.heard.lock().unwrap().push(number);
        }
    }

    fn fail(&self, error: &RecvError) {
        match *error {
            RecvError::Broken(broken) => expect_liar(broken),
            RecvError::Gone { rank, .. } | RecvError::Held(rank) => {
                assert_eq!(rank, LIAR);
            }
            _ => {}
        }
    }
}

fn expect_liar(broken: Broken) {
    let is_of_liar = matches!(
        broken,
        Broken::Corrupt(LIAR)
            | Broken::Reset(LIAR)
            | Broken::NoSpace(LIAR)
            | Broken::NoMemory { rank: LIAR, .. }
    );
    assert!(is_of_liar, "{broken:?}");
}

/// What writes the words of the liar, in its own mailboxes and its record, and how many ranks have changed.
struct Hand<'a> {
    scratch: &'a Scratch,
    geometry: Geometry,
    dice: Dice,
    undo: VecDeque<(u64, u64)>,
}

impl Hand<'_> {
    fn strike(&mut self) {
        let dice = &mut self.dice;
        let (from, to) = [(LIAR, ME), (ME, LIAR)][dice.below(2) as usize];
        let mailbox = self.geometry.mailbox(from, to);
        let offset = match dice.below(8) {
            0 => record(LIAR) + 8 * dice.below(size_of::<Rank>() as u64 / 8),
            1 => (offset_of!(Header, control) + offset_of!(Control, changes)) as u64,
            // Lines and the first cells.
            2..6 => mailbox + 8 * dice.below(512),
            6 => self.geometry.arena_of_mail(from, to) + 8 * dice.below(256),
            _ => self.geometry.pages(from, to) + 8 * dice.below(self.geometry.stride() / 8),
        };
        let old = u64::from_ne_bytes(self.scratch.peek::<8>(offset));
        let near = dice.below(64);
        let word = match dice.below(8) {
            0 => dice.next(),
            1 => near,
            2 => u64::MAX - near,
            3 => 1 << near,
            4 => old ^ 1 << near,
            5 => old.wrapping_sub(near % 17),
            _ => old.wrapping_add(near % 17),
        };
        self.write(offset, word);
        if self.dice.below(PER_STAY) > 0 {
            self.undo.push_back((offset, old));
        }
        if self.undo.len() as u64 > PER_STAY
            && let Some((offset, old)) = self.undo.pop_front()
        {
            self.write(offset, old);
        }
    }

    fn write(&self, offset: u64, word: u64) {
        self.scratch.patch(offset, &word.to_ne_bytes());
    }
}

/// What the liar's own endpoint does meanwhile, so that there is something to be overwritten.
fn go_on(me: &Endpoint, dice: &mut Dice) {
    let bytes = vec![9; [8, 48, 600, 5000][dice.below(4) as usize]];
    let to = me.to(ME).within(Deadline::Now);
    match dice.below(5) {
        0 => drop(to.announce(bytes)),
        1 => drop(to.start_call(&bytes)),
        2 => drop(me.next_event_within(Deadline::Now)),
        3 => match me.try_recv() {
            Ok(Some(mail)) if mail.is_call() => drop(mail.reply_within(&bytes, Deadline::Now)),
            received => drop(received),
        },
        _ => drop(me.try_send(ME, &bytes)),
    }
}

/// The honest one sends and asks; how many messages it has sent.
fn be_honest(me: &Endpoint, is_over: &AtomicBool) -> u64 {
    let mut sent = 0u64;
    while !is_over.load(Relaxed) {
        me.to(ME).within(GUARD).send_value(&sent).expect("room");
        sent += 1;
        if sent.is_multiple_of(8) {
            let answer = me.to(ME).within(GUARD).call(&sent.to_ne_bytes()).expect("an answer");
            assert_eq!(answer.value::<u64>(), Ok(sent + 1));
        }
        thread::sleep(Duration::from_micros(50));
    }
    sent
}

#[test]
fn a_peer_that_writes_garbage_harms_the_threads_of_a_rank_in_what_they_have_to_do_with_it_alone() {
    let seed = number("GARBAGE_SEED", 7);
    for round in 0..number("GARBAGE_ROUNDS", 12) {
        let scratch = Scratch::new();
        let config = Config::ranks(3).cells(16).arena(2048).max_message(1 << 16).loans(0);
        let region = scratch.create(config);
        let [me, liar, honest] = common::join(&region, [ME, LIAR, HONEST]);
        let me = me.into_shared();
        let (heard, is_over, is_silent) =
            (Mutex::new(vec![]), AtomicBool::new(false), AtomicBool::new(false));
        let seed = seed.wrapping_mul(1000) + round * 10;
        let mut hand =
            Hand { scratch: &scratch, geometry: geometry(&scratch), dice: Dice(seed), undo: VecDeque::new() };
        let sent = thread::scope(|scope| {
            let mates: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let mut mate = Mate { me: me.clone(), dice: Dice(seed + 1 + thread), heard: &heard };
                    let is_silent = &is_silent;
                    scope.spawn(move || {
                        while !is_silent.load(Relaxed) {
                            mate.act();
                        }
                    })
                })
                .collect();
            let is_over = &is_over;
            // It stays until all have heard what it sent.
            let sending = scope.spawn(move || (be_honest(&honest, is_over), honest));
            for write in 0..WRITES {
                hand.strike();
                if write % 8 == 0 {
                    go_on(&liar, &mut hand.dice);
                    thread::yield_now();
                }
            }
            is_over.store(true, Relaxed);
            let (sent, _honest) = sending.join().expect("an honest one that goes on");
            common::wait_until("all came that the honest one sent", || {
                heard.lock().unwrap().len() as u64 >= sent
            });
            is_silent.store(true, Relaxed);
            mates.into_iter().for_each(|mate| mate.join().expect("no panic"));
            sent
        });
        let mut heard = heard.into_inner().unwrap();
        heard.sort_unstable();
        assert!(heard == (0..sent).collect::<Vec<_>>() && sent > 0, "{sent}, round {round}");
    }
}
