//! Regions of arbitrary bytes: a valid one with some words changed, or a valid header before nothing but garbage,
//! is opened, looked at, joined, read and written. Each of these returns a result, in time.
//!
//! `GARBAGE_COUNT` says how many, `GARBAGE_SEED` with which numbers.
#![cfg(not(loom))]

mod common;

use common::Scratch;
use common::dice::{Dice, number};
use common::wire::{Wire, geometry};
use mailbox::lab::abi::{CHUNK, Geometry, HEADER_BYTES, Lines};
use mailbox::{Config, Deadline, Endpoint, Event, OpenOptions, Region, Source};
use std::fs;
use std::time::{Duration, Instant};

const CONFIG: Config = Config::ranks(2)
    .cells(8)
    .arena(1024)
    .max_message(1 << 14)
    .loans(2 * CHUNK)
    .groups(2)
    .topics(2)
    .stream(4096);
/// For a call that takes a time.
const TIME: Duration = Duration::from_millis(1);
/// For all that is done with one region; most of it is what a busy machine or valgrind needs.
const BOUND: Duration = Duration::from_secs(30);

/// The bytes of a region in which each mailbox was used: wrapped, with whole messages in cells and in the arena
/// that nobody has read, and an announced message that is half-way.
fn used() -> (Vec<u8>, Geometry) {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let all = [region.join(0).expect("free"), region.join(1).expect("free")];
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for len in (0..60).map(|at| at * 8) {
            all[from].send(to, &vec![at_len(len); len]).expect("room");
            drop(all[to as usize].from(from as u32).recv().expect("mail"));
        }
        for len in [5, 48, 100, 300] {
            all[from].send(to, &vec![1; len]).expect("room");
        }
        all[from].loan(1000).expect("room").commit(700).send(to).expect("room");
    }
    drop(all);
    let wire = Wire::new(&scratch, 0, 1);
    wire.announce(&[2; 1000]);
    let b = region.join(1).expect("free");
    while b.from(0).try_recv().is_ok_and(|mail| mail.is_some()) {}
    assert!(wire.serve());
    drop(b);
    (fs::read(scratch.path()).expect("bytes"), geometry(&scratch))
}

fn at_len(len: usize) -> u8 {
    (len % 251) as u8
}

fn change(bytes: &mut [u8], geometry: &Geometry, dice: &mut Dice) {
    let words = bytes.len() as u64 / 8;
    let header = HEADER_BYTES as u64 / 8;
    if dice.below(8) == 0 {
        let first = if dice.below(2) == 0 { geometry.rank(0) } else { geometry.mailbox(0, 0) } as usize;
        bytes[first..].as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = dice.next().to_ne_bytes());
        return;
    }
    for _ in 0..=dice.below(12) {
        let mailbox = geometry.mailbox(dice.below(2) as u32, dice.below(2) as u32) / 8;
        let cell = mailbox + Geometry::CELLS / 8 + 8 * dice.below(geometry.cells.into());
        let at = match dice.below(16) {
            0 => dice.below(header),
            1 => dice.below(words),
            2 => geometry.rank(dice.below(2) as u32) / 8 + dice.below(128),
            3..6 => mailbox + dice.below(4),
            6 => mailbox + 16 + dice.below(6),
            7 => {
                mailbox
                    + std::mem::offset_of!(Lines, transfer) as u64 / 8
                    + 16 * dice.below(2)
                    + dice.below(2)
            }
            8 => cell,
            9..12 => cell + 1,
            _ => cell + 2 + dice.below(2),
        };
        let word = &mut bytes[8 * at as usize..][..8];
        let old = u64::from_ne_bytes(word.try_into().expect("a word"));
        let new = match dice.below(10) {
            0 => dice.next(),
            1 => dice.below(2048),
            2 => u64::MAX - dice.below(64),
            3 => 1 << dice.below(64),
            4 => old.wrapping_add(64),
            5 => old.wrapping_sub(64),
            6 => old.wrapping_add(1),
            7 => old.wrapping_sub(1),
            8 => old.wrapping_add(8),
            _ => old ^ (1 << dice.below(64)),
        };
        word.copy_from_slice(&new.to_ne_bytes());
    }
}

/// Does everything that can be done with a region. Returns how many mails there were.
fn use_it(region: &Region, dice: &mut Dice) -> u32 {
    let mut mails = 0;
    let _ = (region.inspect(), region.find("x"), region.status(0));
    for rank in [1, 0] {
        let Ok(me) = region.join(rank) else { continue };
        me.set_by_hand(dice.below(2) == 0);
        mails += receive(&me, dice);
        for to in 0..2 {
            for len in [0, 48, 49, 512, 3000] {
                let _ = me.to(to).within(TIME).send(&vec![3; len]);
            }
            let block = me.loan(CHUNK as usize).map(|loan| loan.commit(CHUNK as usize - 7));
            let _ = block.map(|block| block.send_within(to, Deadline::Now));
            let batch = me.batch();
            let _ = (me.try_send(to, b"x"), me.try_send(to, &[5; 90]));
            drop(batch);
        }
        mails += receive(&me, dice);
    }
    let _ = region.inspect();
    mails
}

fn receive(me: &Endpoint, dice: &mut Dice) -> u32 {
    let mut mails = 0;
    let mut held = None;
    for from in [None, Some(0), Some(1)] {
        for _ in 0..12 {
            let source = from.map_or(Source::Anyone, Source::Rank);
            let next = if dice.below(2) == 0 { me.from(source).peek().ok().flatten() } else { None };
            let mail = match from {
                None if dice.below(2) == 0 => match me.next_event_within(Deadline::Now) {
                    Ok(Event::Mail(mail)) => Ok(Some(mail)),
                    Ok(_) => continue,
                    Err(error) => Err(error),
                },
                None => me.try_recv(),
                Some(from) => me.from(from).try_recv(),
            };
            let Ok(Some(mail)) = mail else { continue };
            mails += 1;
            assert!(next.is_none_or(|next| (next.from, next.seq) == (mail.from(), mail.seq())), "{next:?}");
            assert_eq!(mail.to_vec().len(), mail.len());
            let mut buffer = [0; 30];
            mail.read_at(mail.len() / 2, &mut buffer);
            let _ = (mail.epoch(), mail.value::<u64>());
            if mail.announced().is_some() && dice.below(2) == 0 {
                let _ = mail.fetch().fetch_within(&mut buffer, TIME);
                continue;
            }
            match mails % 4 {
                0 => mail.requeue(),
                1 => held = Some(mail),
                2 => drop(mail.into_vec()),
                _ => drop(mail),
            }
        }
    }
    drop(held);
    for mut drain in [me.drain(), me.from(0).drain(), me.from(1).drain()] {
        for _ in 0..40 {
            let Ok(Some(message)) = drain.next() else { continue };
            mails += 1;
            assert_eq!(message.to_vec().len(), message.len());
        }
    }
    mails
}

#[test]
fn whatever_the_bytes_of_a_region_are_it_gives_results() {
    let (bytes, geometry) = used();
    let (seed, count) = (number("GARBAGE_SEED", 1), number("GARBAGE_COUNT", 1000));
    let scratch = Scratch::new();
    let (mut opened, mut mails) = (0, 0);
    for at in 0..count {
        let mut dice = Dice(seed.wrapping_mul(1 << 32).wrapping_add(at));
        let mut bytes = bytes.clone();
        change(&mut bytes, &geometry, &mut dice);
        fs::write(scratch.path(), &bytes).expect("a file");
        let begin = Instant::now();
        if let Ok(region) = OpenOptions::new().any_protocol().open(scratch.name()) {
            opened += 1;
            mails += use_it(&region, &mut dice);
        }
        assert!(begin.elapsed() < BOUND, "region {at} takes {:?}", begin.elapsed());
    }
    eprintln!("{opened} of {count} opened, {mails} mails");
    assert!(opened > count / 2 && u64::from(mails) > count, "{opened} of {count}, {mails} mails");
}
