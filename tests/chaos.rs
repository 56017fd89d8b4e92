//! A process that overwrites the region while others use it: what they read may be garbled, but none of them
//! panics, touches what is not the region's, or stays in a call beyond its time.
//!
//! `CHAOS_WRITES` says how many words are overwritten, `CHAOS_SEED` with which numbers.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::{Child, GUARD, Scratch, command, record, reply, wire};
use mailbox::layout::{BOOT, Geometry, HEADER_WORDS, Rank};
use mailbox::{Config, Endpoint, JoinError, Lost, Receiver, RecvError, Region, SendError, Sender, Wait};
use std::fs::File;
use std::mem::offset_of;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "vandal" => overwrite(&region),
        Some((_, region)) => live(&region),
        None => {}
    }
}

const RANKS: u32 = 4;
const VICTIMS: u32 = 3;
const CELLS: u32 = 16;
const ARENA: u64 = 2048;
const CONFIG: Config = Config::ranks(RANKS).cells(CELLS).arena(ARENA).max_message(1 << 16);
/// How long a call that takes a time is given.
const TIME: Duration = Duration::from_millis(5);
/// The longest that a call may be in addition: a nap, and as long as others have the processors.
const BOUND: Duration = Duration::from_secs(10);

// --- Who overwrites ----------------------------------------------------------------------------------------

struct Vandal {
    file: File,
    geometry: Geometry,
    header: [u8; HEADER_WORDS * 8],
    dice: Dice,
}

impl Vandal {
    fn at(&self, offset: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, offset).expect("a word");
        u64::from_ne_bytes(bytes)
    }

    fn write(&self, offset: u64, word: u64) {
        self.file.write_all_at(&word.to_ne_bytes(), offset).expect("a word");
    }

    /// A place, of every class as often as of any other.
    fn place(&mut self) -> u64 {
        let dice = &mut self.dice;
        let (from, to) = (dice.below(RANKS.into()) as u32, dice.below(RANKS.into()) as u32);
        let mailbox = self.geometry.mailbox(from, to);
        let cell = mailbox + Geometry::CELLS + 64 * dice.below(CELLS.into());
        let rank = record(to);
        match dice.below(16) {
            0 => 8 * dice.below(HEADER_WORDS as u64),
            1 => rank + (offset_of!(Rank, identity) as u64) + 8 * dice.below(9),
            2 | 3 => rank + (offset_of!(Rank, bells) as u64) + 8 * dice.below(2),
            4 => rank + (offset_of!(Rank, opened) as u64) + 8 * dice.below(16),
            5 => rank + 8 * dice.below(128),
            6 => mailbox,
            7 => mailbox + 8 * dice.below(5),
            8 => mailbox + 128 + 8 * dice.below(8),
            9 => cell,
            10 => cell + 8,
            11 => cell + 16,
            12 => cell + 24,
            13 => cell + 8 * dice.below(8),
            14 => mailbox + Geometry::CELLS + 64 * u64::from(CELLS) + 8 * dice.below(ARENA / 8),
            _ => 8 * dice.below(self.geometry.size() / 8),
        }
    }

    fn value(&mut self, old: u64) -> u64 {
        let dice = &mut self.dice;
        match dice.below(10) {
            0 => dice.next(),
            1 => dice.below(64),
            2 => u64::MAX - dice.below(3),
            3 => 1 << dice.below(64),
            4 => 0,
            5 => old.wrapping_add(1),
            6 => old.wrapping_sub(1),
            7 => old.wrapping_add(u64::from(CELLS)),
            8 => old.wrapping_sub(u64::from(CELLS)),
            _ => old ^ (1 << dice.below(64)),
        }
    }

    /// One word, or, so that there is always something left to break, a mailbox or the header as it was.
    fn strike(&mut self) {
        let offset = self.place();
        let value = self.value(self.at(offset));
        self.write(offset, value);
        if offset < self.header.len() as u64 {
            // Who joins meets it for a moment; nobody would be left if it stayed.
            thread::yield_now();
            self.file.write_all_at(&self.header, 0).expect("the header");
        }
        if self.dice.below(200) == 0 {
            let (from, to) = (self.dice.below(RANKS.into()) as u32, self.dice.below(RANKS.into()) as u32);
            let zeros = vec![0; self.geometry.stride() as usize];
            self.file.write_all_at(&zeros, self.geometry.mailbox(from, to)).expect("a mailbox");
        }
    }
}

fn overwrite(name: &str) {
    let scratch = std::mem::ManuallyDrop::new(Scratch::at(name));
    let file = File::options().read(true).write(true).open(scratch.path()).expect("a region");
    let mut header = [0; HEADER_WORDS * 8];
    file.read_exact_at(&mut header, 0).expect("a header");
    assert_ne!(header[8 * BOOT], 0, "not closed");
    let seed = command().expect("a command").parse().expect("a number");
    let mut vandal = Vandal { file, geometry: wire::geometry(&scratch), header, dice: Dice(seed) };
    while let Some(command) = command() {
        let writes: u64 = command.parse().expect("a number");
        for write in 0..writes {
            vandal.strike();
            // The others are to go on in between.
            if write.is_multiple_of(8) {
                thread::yield_now();
            }
        }
        reply("ok");
    }
}

// --- Who goes on -------------------------------------------------------------------------------------------

/// What a thread of a victim is at: the start of its present call, in milliseconds since the process began, or 0.
struct Watch {
    begin: Instant,
    entered: AtomicU64,
    calls: AtomicU64,
    good: AtomicU64,
}

impl Watch {
    fn new() -> &'static Self {
        let [entered, calls, good] = [const { AtomicU64::new(0) }; 3];
        Box::leak(Box::new(Self { begin: Instant::now(), entered, calls, good }))
    }

    fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.entered.store(self.begin.elapsed().as_millis() as u64 + 1, Relaxed);
        let result = call();
        self.entered.store(0, Relaxed);
        self.calls.fetch_add(1, Relaxed);
        if result.is_ok() {
            self.good.fetch_add(1, Relaxed);
        }
        result
    }

    fn check(&self) {
        let entered = self.entered.load(Relaxed);
        let now = self.begin.elapsed().as_millis() as u64 + 1;
        if entered != 0 && now.saturating_sub(entered) > BOUND.as_millis() as u64 {
            eprintln!("a call hangs");
            std::process::abort();
        }
    }
}

/// Whether the endpoint is one no more.
#[derive(PartialEq)]
enum Fate {
    Stays,
    Lost,
}

fn sent(result: Result<(), SendError>) -> Fate {
    match result {
        Err(SendError::Lost(lost)) => {
            assert_eq!(lost, Lost::Rank);
            Fate::Lost
        }
        _ => Fate::Stays,
    }
}

/// Some call of the sending half.
fn send(me: &Sender, dice: &mut Dice, watch: &Watch) -> Fate {
    let to = dice.below(RANKS.into()) as u32;
    let len = match dice.below(8) {
        0..4 => dice.below(49),
        4..7 => dice.below(ARENA / 2 + 1),
        _ => dice.below(8 * ARENA),
    } as usize;
    let bytes = vec![7; len];
    sent(match dice.below(8) {
        0 => {
            let batch = me.batch();
            for _ in 0..dice.below(12) {
                let _ = watch.call(|| me.try_send(to, &bytes));
            }
            watch.call(|| {
                drop(batch);
                Ok(())
            })
        }
        1 => watch.call(|| {
            let mut draft = me.reserve_timeout(to, len.min(ARENA as usize / 2), TIME)?;
            let half = draft.len() / 2;
            draft.write_at(half, &bytes[..draft.len() - half]);
            draft.commit()
        }),
        2 => watch.call(|| me.send(to, &bytes)),
        3 | 4 => watch.call(|| me.try_send(to, &bytes)),
        _ => watch.call(|| me.send_timeout(to, &bytes, TIME)),
    })
}

/// Some call of the receiving half; mails are held, copied, left and dropped.
fn receive(me: &mut Receiver, dice: &mut Dice, watch: &Watch) -> Fate {
    let from = dice.below(RANKS.into()) as u32;
    me.set_pieces(dice.below(4) == 0);
    if dice.below(16) == 0 {
        let _ = watch.call(|| me.reset(from));
    }
    let mut held = Vec::new();
    let batch = (dice.below(4) == 0).then(|| me.batch());
    for _ in 0..dice.below(6) + 1 {
        let result = watch.call(|| match dice.below(8) {
            0 => me.recv(),
            1 => me.recv_from(from),
            2 => me.recv_from_timeout(from, TIME),
            3 => me.try_recv_from(from),
            4 => me.recv_timeout(TIME),
            _ => me.try_recv(),
        });
        let mail = match result {
            Ok(mail) => mail,
            Err(RecvError::Lost(lost)) => {
                assert_eq!(lost, Lost::Rank);
                return Fate::Lost;
            }
            Err(_) => continue,
        };
        let mut buffer = [0; 100];
        let offset = dice.below(200) as usize;
        assert_eq!(mail.to_vec().len(), mail.len());
        assert!(mail.copy_from(offset, &mut buffer) <= mail.len().saturating_sub(offset));
        let _ = (mail.piece(), mail.epoch(), mail.tag(), mail.read::<[u64; 2]>());
        match dice.below(6) {
            0 => mail.leave(),
            1 => drop(mail.into_vec()),
            2 => held.push(mail),
            3 if !held.is_empty() => drop(std::mem::replace(&mut held[0], mail)),
            _ => drop(mail),
        }
    }
    drop(batch);
    Fate::Stays
}

/// Joins until it can; the header may be in pieces.
fn join(region: &Region, rank: u32, watch: &Watch) -> Endpoint {
    let begin = Instant::now();
    loop {
        match watch.call(|| region.join(rank)) {
            Ok(me) => return me,
            Err(JoinError::Removed) => thread::yield_now(),
            Err(error) => panic!("{error:?}"),
        }
        assert!(begin.elapsed() < GUARD, "never joined");
    }
}

/// Joins, goes on for some calls, leaves, looks; again and again. The first command says as whom.
fn live(name: &str) {
    let words = command().expect("a command");
    let (rank, seed) = words.split_once(' ').expect("two numbers");
    let (rank, seed): (u32, u64) = (rank.parse().expect("a rank"), seed.parse().expect("a seed"));
    static STOPPED: AtomicBool = AtomicBool::new(false);
    let watches = [Watch::new(), Watch::new()];
    let region = Region::open(name).expect("a region");
    reply("ok");
    let name = name.to_string();
    let life = thread::spawn(move || {
        let mut dice = Dice(seed);
        let mut region = region;
        while !STOPPED.load(Relaxed) {
            // A header that is whole again comes soon.
            if let Ok(opened) = watches[0].call(|| Region::open(&*name)) {
                region = opened;
            }
            live_once(&region, rank, &mut dice, watches);
            let _ = watches[0].call(|| Ok::<_, ()>(region.inspect()));
            let _ = (region.find("nobody"), Region::list().expect("a list"));
        }
    });
    while let Some(command) = command() {
        assert_eq!(command, "tell");
        watches.iter().for_each(|watch| watch.check());
        assert!(!life.is_finished(), "a panic");
        let sum =
            |of: fn(&Watch) -> &AtomicU64| watches.iter().map(|watch| of(watch).load(Relaxed)).sum::<u64>();
        reply(&format!("{} {}", sum(|watch| &watch.calls), sum(|watch| &watch.good)));
    }
    STOPPED.store(true, Relaxed);
    life.join().expect("no panic");
}

fn live_once(region: &Region, rank: u32, dice: &mut Dice, watches: [&'static Watch; 2]) {
    let me = join(region, rank, watches[0]);
    me.set_wait([Wait::Adaptive, Wait::Block, Wait::Spin][dice.below(3) as usize]);
    let calls = dice.below(300);
    let (sender, mut receiver) = me.split();
    let interrupters = [sender.interrupter(), receiver.interrupter()];
    let mut other = Dice(dice.next());
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            (0..calls).any(|_| send(&sender, &mut other, watches[1]) == Fate::Lost);
        });
        let ended = &ended;
        // Ends the calls that have no time of their own.
        scope.spawn(move || {
            while !ended.load(Relaxed) {
                thread::sleep(TIME);
                interrupters.iter().for_each(|interrupter| interrupter.interrupt());
            }
        });
        let lost = (0..calls).any(|_| receive(&mut receiver, dice, watches[0]) == Fate::Lost);
        drop(receiver);
        let _ = (lost, sending.join().expect("no panic"));
        ended.store(true, Relaxed);
    });
}

// --- Both --------------------------------------------------------------------------------------------------

fn chaos(writes: u64) {
    const ROUND: u64 = 20_000;
    let seed = number("CHAOS_SEED", 1);
    let scratch = Scratch::new();
    scratch.create(CONFIG);
    let mut victims: Vec<Child> = (0..VICTIMS).map(|_| Child::start("victim", &scratch)).collect();
    for (rank, victim) in (0..).zip(&mut victims) {
        assert_eq!(victim.does(&format!("{rank} {}", seed + rank)), "ok");
    }
    let mut vandal = Child::start("vandal", &scratch);
    vandal.starts(&seed.to_string());
    let mut told = vec![(0, 0); victims.len()];
    let begin = Instant::now();
    for round in 0..writes.div_ceil(ROUND) {
        assert_eq!(vandal.does(&ROUND.to_string()), "ok");
        for (victim, told) in victims.iter_mut().zip(&mut told) {
            let answer = victim.does("tell");
            let (calls, good) = answer.split_once(' ').expect("two numbers");
            let now: (u64, u64) = (calls.parse().expect("calls"), good.parse().expect("calls"));
            *told = now;
        }
        if round % 50 == 49 {
            eprintln!(
                "{} writes, {:?}: (calls, of which did something) {told:?}",
                (round + 1) * ROUND,
                begin.elapsed()
            );
        }
    }
    // Those that go on do so without the vandal, too; and none of them stayed in its last call.
    vandal.kill();
    for (victim, (calls, good)) in victims.iter_mut().zip(told) {
        assert!(calls > 100 && good > 10, "{calls} calls, {good} of which did something");
        assert!(victim.finish().success(), "a victim that ended in good order");
    }
}

#[test]
#[cfg_attr(portable, ignore = "locks and events are words of the region")]
fn whatever_is_overwritten_nobody_crashes_or_hangs() {
    chaos(number("CHAOS_WRITES", 200_000));
}

#[test]
#[ignore = "takes minutes"]
fn ten_million_words_are_overwritten() {
    chaos(10_000_000);
}
