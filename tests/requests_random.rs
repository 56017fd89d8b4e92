//! Sends and receives that are started, given up and waited for at random: nothing is lost, and nothing comes twice. In half of the
//! runs one more rank does the same, forgets what it has started, and dies again and again.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use mailbox::{Config, Endpoint, Mail, RecvError, Region, Request, RequestError, SendError};
use std::array;
use std::collections::HashMap;
use std::mem::forget;

const RANKS: u64 = 3;
/// The rank that dies.
const MORTAL: u32 = RANKS as u32;
const TAGS: u64 = 3;
/// The length of an announced message.
const LONG: usize = 5000;

/// What is known of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is to come.
    Due,
    /// It may come.
    Doubtful,
    /// It came, or is not to come.
    Over,
}

#[derive(Default)]
struct Ledger {
    fates: HashMap<u64, Fate>,
    /// The messages to the mortal.
    to_mortal: Vec<u64>,
    /// By sender, receiver, tag: the last number that a plain receive of just that got.
    last: HashMap<(u32, u64, u32), u64>,
}

impl Ledger {
    fn came(&mut self, mail: &Mail<'_>) -> u64 {
        let bytes = mail.to_vec();
        let id = u64::from_ne_bytes(bytes[..8].try_into().expect("a number"));
        let fate = self.fates.insert(id, Fate::Over);
        // What was received from behind unread mail comes again to the next life.
        let is_again = self.to_mortal.contains(&id) && mail.redelivered() > 0;
        assert!(matches!(fate, Some(Fate::Due | Fate::Doubtful)) || is_again, "{id} came: {fate:?}");
        id
    }

    /// It is not known any more whether this message comes.
    fn doubt(&mut self, id: u64) {
        let fate = self.fates.get_mut(&id).expect("it was started");
        if *fate == Fate::Due {
            *fate = Fate::Doubtful;
        }
    }

    /// What became of a message that was given up, or could not be sent.
    fn given_up(&mut self, id: u64, is_unsent: bool) {
        self.doubt(id);
        if is_unsent {
            self.fates.insert(id, Fate::Over);
        }
    }
}

/// The message of this number, of one of these lengths.
fn message(id: u64, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = vec![0; [8, 48, 700, LONG][dice.below(4) as usize]];
    bytes[..8].copy_from_slice(&id.to_ne_bytes());
    bytes
}

/// What a receive may say: that a result that was not taken is in the way, or an unread message that is not moved, or that the
/// mortal has died.
fn is_expected(error: RecvError) -> bool {
    matches!(
        error,
        RecvError::Held(_) | RecvError::Crowded { .. } | RecvError::Gone { rank: MORTAL, died: true }
    )
}

/// What the mortal does. It forgets what it starts.
fn live(
    mortal: &Endpoint,
    (id, other, tag): (u64, u32, u32),
    dice: &mut Dice,
    ledger: &mut Ledger,
    receives: bool,
) {
    match dice.below(4) {
        0 | 1 => {
            let bytes = message(id, dice);
            let is_long = bytes.len() == LONG;
            let mut send = mortal.to(other).tag(tag).start(bytes);
            // What is in its mailbox comes.
            let is_sent = !is_long && send.test().expect("it lives");
            forget(send);
            ledger.fates.insert(id, if is_sent { Fate::Due } else { Fate::Doubtful });
            if other == MORTAL {
                ledger.to_mortal.push(id);
            }
        }
        2 if receives => forget(mortal.from(other).tag(tag).start()),
        _ => match mortal.from(other).tag(tag).try_recv() {
            Ok(mail) => _ = mail.map(|mail| ledger.came(&mail)),
            Err(error) => assert!(is_expected(error), "{error:?}"),
        },
    }
}

/// The mortal dies, and is there again. Of what came to it, `receives` that it had started and forgotten may have taken some.
fn die(mortal: Endpoint, region: &Region, ledger: &mut Ledger, receives: bool) -> Endpoint {
    mortal.abandon();
    if receives {
        ledger.to_mortal.clone().into_iter().for_each(|id| ledger.doubt(id));
    }
    region.join(MORTAL).expect("free")
}

fn run(seed: u64) {
    let region =
        Region::create_unnamed(Config::ranks(RANKS as u32 + 1).cells(4).arena(2048)).expect("a region");
    let all: [Endpoint; RANKS as usize] = array::from_fn(|rank| region.join(rank as u32).expect("free"));
    all.iter().for_each(|one| one.set_unread_budget(1 << 20));
    let (mut dice, mut ledger) = (Dice(seed), Ledger::default());
    let mut mortal = region.join(MORTAL).expect("free");
    let (deaths, receives_too) = (seed.is_multiple_of(2), seed.is_multiple_of(4));
    let ranks = if deaths { RANKS + 1 } else { RANKS };
    let mut sends: Vec<(u64, Request<'_>)> = vec![];
    let mut receives: Vec<Request<'_>> = vec![];
    for id in 0..400u64 {
        let (me, other, tag) = (dice.below(RANKS), dice.below(ranks) as u32, dice.below(TAGS) as u32);
        let endpoint = &all[me as usize];
        match dice.below(if deaths { 8 } else { 6 }) {
            6 if dice.below(4) == 0 => mortal = die(mortal, &region, &mut ledger, receives_too),
            6 | 7 => live(&mortal, (id, other, tag), &mut dice, &mut ledger, receives_too),
            0 | 1 => {
                let (bytes, is_sync) = (message(id, &mut dice), dice.below(4) == 0);
                ledger.fates.insert(id, Fate::Due);
                if other == MORTAL {
                    ledger.to_mortal.push(id);
                    // What waits for an answer is for one life.
                    if is_sync || bytes.len() == LONG {
                        ledger.doubt(id);
                    }
                }
                let to = endpoint.to(other).tag(tag);
                let to = if is_sync { to.sync() } else { to };
                sends.push((id, to.start(bytes)));
            }
            2 => receives.push(match dice.below(3) {
                0 => endpoint.from_any().start(),
                1 => endpoint.from(other).tag(tag).start(),
                _ => endpoint.from_any().tag(tag).start(),
            }),
            3 if !receives.is_empty() => {
                let at = dice.below(receives.len() as u64) as usize;
                if dice.below(3) == 0 {
                    receives.swap_remove(at).cancel();
                    // What it had got comes later than what was sent after that.
                    ledger.last.clear();
                } else if receives[at].test().expect("nobody ends") {
                    match receives.swap_remove(at).wait() {
                        Ok(mail) => _ = ledger.came(&mail.expect("a mail")),
                        Err(RequestError::Recv(error)) => assert!(is_expected(error), "{error:?}"),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            4 if !sends.is_empty() => {
                let at = dice.below(sends.len() as u64) as usize;
                if dice.below(4) == 0 {
                    let (id, request) = sends.swap_remove(at);
                    ledger.given_up(id, request.cancel());
                } else if sends[at].1.test().expect("it lives") {
                    let (id, request) = sends.swap_remove(at);
                    match request.wait() {
                        Ok(mail) => assert!(mail.is_none()),
                        Err(RequestError::Send(SendError::Gone { rank: MORTAL, died: true })) => {
                            ledger.given_up(id, false);
                        }
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            _ => match endpoint.from(other).tag(tag).try_recv() {
                Ok(None) => {}
                Ok(Some(mail)) => {
                    let id = ledger.came(&mail);
                    let last = ledger.last.insert((other, me, tag), id);
                    assert!(last.is_none_or(|last| last < id), "{last:?} came before {id}");
                }
                Err(error) => assert!(is_expected(error), "{error:?}"),
            },
        }
    }
    drop(receives);
    ledger.last.clear();
    let mortal = die(mortal, &region, &mut ledger, receives_too);
    // All that is left comes.
    let mut quiet = 0;
    while quiet < 50 {
        quiet += 1;
        for endpoint in all.iter().chain([&mortal]) {
            while let Some(mail) = endpoint.try_recv().unwrap_or_else(|error| {
                assert!(is_expected(error), "{error:?}");
                None
            }) {
                quiet = 0;
                ledger.came(&mail);
            }
        }
        for (_, send) in &mut sends {
            send.test().expect("nobody ends");
        }
    }
    for (id, mut send) in sends {
        assert_eq!(send.test(), Ok(true), "{id} is over");
    }
    let due: Vec<_> = ledger.fates.iter().filter(|(_, fate)| **fate == Fate::Due).collect();
    assert!(due.is_empty(), "seed {seed}: {due:?}");
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    let first = number("SEED", 1);
    (first..first + number("ROUNDS", 100)).for_each(run);
}
