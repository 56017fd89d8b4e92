//! Sends and receives that are started, given up and waited for at random: nothing is lost, and nothing comes twice.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use mailbox::{Config, Endpoint, Mail, RecvError, Region, Request, RequestError};
use std::array;
use std::collections::HashMap;

const RANKS: u64 = 3;
const TAGS: u64 = 3;

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
    /// By sender, receiver, tag: the last number that a plain receive of just that got.
    last: HashMap<(u32, u64, u32), u64>,
}

impl Ledger {
    fn came(&mut self, mail: &Mail<'_>) -> u64 {
        let bytes = mail.to_vec();
        let id = u64::from_ne_bytes(bytes[..8].try_into().expect("a number"));
        let fate = self.fates.insert(id, Fate::Over);
        assert!(matches!(fate, Some(Fate::Due | Fate::Doubtful)), "{id} came: {fate:?}");
        id
    }
}

/// What a receive says while a result that was not taken is in the way, or an unread message that is not moved.
fn held(error: RecvError) -> Result<(), RecvError> {
    if matches!(error, RecvError::Held(_) | RecvError::Crowded { .. }) { Ok(()) } else { Err(error) }
}

fn run(seed: u64) {
    let region = Region::create_unnamed(Config::ranks(RANKS as u32).cells(4).arena(2048)).expect("a region");
    let all: [Endpoint; RANKS as usize] = array::from_fn(|rank| region.join(rank as u32).expect("free"));
    all.iter().for_each(|one| one.set_unread_budget(1 << 20));
    let (mut dice, mut ledger) = (Dice(seed), Ledger::default());
    let mut sends: Vec<(u64, Request<'_>)> = vec![];
    let mut receives: Vec<Request<'_>> = vec![];
    for id in 0..400u64 {
        let (me, other, tag) = (dice.below(RANKS), dice.below(RANKS) as u32, dice.below(TAGS) as u32);
        let endpoint = &all[me as usize];
        match dice.below(6) {
            0 | 1 => {
                let len = [8, 48, 700, 5000][dice.below(4) as usize];
                let mut bytes = vec![0; len];
                bytes[..8].copy_from_slice(&id.to_ne_bytes());
                ledger.fates.insert(id, Fate::Due);
                let to = endpoint.to(other).tag(tag);
                let to = if dice.below(4) == 0 { to.sync() } else { to };
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
                        // A result that another receive has got is in the way, or an unread message that is not moved.
                        Err(error) => {
                            assert!(
                                matches!(
                                    error,
                                    RequestError::Recv(RecvError::Held(_) | RecvError::Crowded { .. })
                                ),
                                "{error:?}"
                            )
                        }
                    }
                }
            }
            4 if !sends.is_empty() => {
                let at = dice.below(sends.len() as u64) as usize;
                if dice.below(4) == 0 {
                    let (id, request) = sends.swap_remove(at);
                    let is_unsent = request.cancel();
                    let fate = ledger.fates.get_mut(&id).expect("it was started");
                    if *fate == Fate::Due {
                        *fate = if is_unsent { Fate::Over } else { Fate::Doubtful };
                    }
                } else if sends[at].1.test().expect("nobody ends") {
                    sends.swap_remove(at).1.wait().expect("nobody ends");
                }
            }
            _ => {
                let received = endpoint.from(other).tag(tag).try_recv();
                if let Some(mail) = received.or_else(|error| held(error).map(|()| None)).expect("nobody ends")
                {
                    let id = ledger.came(&mail);
                    let last = ledger.last.insert((other, me, tag), id);
                    assert!(last.is_none_or(|last| last < id), "{last:?} came before {id}");
                }
            }
        }
    }
    drop(receives);
    ledger.last.clear();
    // All that is left comes.
    let mut quiet = 0;
    while quiet < 50 {
        quiet += 1;
        for endpoint in &all {
            while let Some(mail) = endpoint.try_recv().expect("nobody ends") {
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
