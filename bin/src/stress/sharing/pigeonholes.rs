//! What became of each message and each call between two ranks, in the journal.

use super::roll::Roll;
use crate::stress::journal::{GROUP, Journal};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Messages and calls of a pair that are known at a time: many more than fit its mailbox.
const MESSAGES: u64 = 2048;
const CALLS: u64 = 512;
/// How many holes a sender looks at for one that is free.
const TRIES: u32 = 16;
const PAIR: usize = GROUP + 2 * MESSAGES as usize + CALLS as usize;
/// Messages that a mailbox has room for.
pub const CELLS: u32 = 64;
/// How long, in ns, a mail may wait for a thread that waits for it: most waits that nobody ends are longer.
const LATE: u64 = 10_000_000;

/// Of a message: the number in the upper half; 12 bits of the epochs of the life that sent it and of the one that has it, or for
/// which it was announced; and what became of it.
const NUMBER: u32 = 32;
const SENDER: u32 = 20;
const HOLDER: u32 = 8;
const EPOCH: u64 = 0xfff;
/// Its sender was told that it was sent, or that it was not.
const SENT: u64 = 1;
const GIVEN_UP: u64 = 2;
/// It is for one life.
const ANNOUNCED: u64 = 4;
/// Some life was given it; its holder has it; acknowledges it; has done so.
const TOLD: u64 = 8;
const HELD: u64 = 16;
const ENDING: u64 = 32;
const DONE: u64 = 64;
/// Of a call: a server carries it out; drops it, though it should not.
const CARRIED: u64 = 1;
const DROPPED: u64 = 2;

/// The messages and calls of one rank to another.
#[derive(Clone, Copy)]
pub struct Pigeonholes<'a> {
    roll: Roll<'a>,
    from: u32,
    to: u32,
    words: &'a [AtomicU64],
}

impl<'a> Pigeonholes<'a> {
    /// Words for all pairs.
    pub fn words(ranks: u32) -> usize {
        (ranks * ranks) as usize * PAIR
    }

    /// Those of a pair.
    pub fn new(journal: &'a Journal, roll: Roll<'a>, ranks: u32, (from, to): (u32, u32)) -> Self {
        let at = Roll::words(ranks) + (from * ranks + to) as usize * PAIR;
        Self { roll, from, to, words: &journal.words()[at..at + PAIR] }
    }

    /// What a message of this number says.
    pub fn key(&self, number: u64) -> u64 {
        u64::from(self.from) << 56 | u64::from(self.to) << 48 | number
    }

    /// The number of a message that says this.
    pub fn number(&self, key: u64) -> Option<u64> {
        let number = key & ((1 << NUMBER) - 1);
        (self.key(number) == key && number > 0).then_some(number)
    }

    /// What became of a message, and when it was sent.
    fn message(&self, number: u64) -> [&'a AtomicU64; 2] {
        let at = GROUP + 2 * (number % MESSAGES) as usize;
        [0, 1].map(|word| &self.words[at + word])
    }

    fn call(&self, number: u64) -> &'a AtomicU64 {
        &self.words[GROUP + 2 * MESSAGES as usize + (number % CALLS) as usize]
    }

    /// The number of a message that is about to be sent; `None`: the next ones would take the place of what is not settled.
    pub fn begin(&self, is_announced: bool) -> Option<u64> {
        for _ in 0..TRIES {
            let number = self.words[0].fetch_add(1, AcqRel) + 1;
            let [hole, time] = self.message(number);
            let before = hole.load(Acquire);
            if !self.is_settled(before, false) {
                continue;
            }
            let (sender, receiver) = (self.roll.present(self.from).0, self.roll.present(self.to).0);
            let announced = u64::from(is_announced) * ANNOUNCED;
            let word =
                number << NUMBER | (sender & EPOCH) << SENDER | (receiver & EPOCH) << HOLDER | announced;
            time.store(0, Relaxed);
            if hole.compare_exchange(before, word, AcqRel, Acquire).is_ok() {
                return Some(number);
            }
        }
        None
    }

    /// A message was sent at this time, or was not.
    pub fn end(&self, number: u64, is_sent: bool, now: u64) {
        let [hole, time] = self.message(number);
        time.store(if is_sent { now } else { 0 }, Relaxed);
        hole.fetch_or(if is_sent { SENT } else { GIVEN_UP }, AcqRel);
    }

    /// A life was given a message at this place in the mailbox, with this mark of being given again. Whether it was given before; an
    /// error if that cannot be.
    pub fn take(&self, number: u64, epoch: u64, seq: u64, marked: bool) -> Result<bool, String> {
        let [hole, ..] = self.message(number);
        // All that is before such a place was acknowledged.
        let is_far = self.words[2].fetch_max(seq, AcqRel) >= seq + u64::from(CELLS);
        let mut word = hole.load(Acquire);
        loop {
            let wrong = |what: &str| {
                Err(format!("{} {what}, to life {epoch}; marked: {marked}", self.describe(number, word)))
            };
            let has = |bits| word & bits != 0;
            let age = epoch.wrapping_sub(word >> HOLDER) & EPOCH;
            // What was acknowledged before its turn came is not known to be when its holder dies.
            let is_exact = self.roll.is_exact(self.to, epoch - age);
            let is_done = has(DONE) && (age == 0 || is_far || is_exact);
            if word >> NUMBER > number && marked {
                // It was acknowledged before its turn, and its holder has died.
                return Ok(true);
            }
            if word >> NUMBER != number {
                return wrong("comes, though it was done with long ago");
            }
            if is_done {
                return wrong(&format!(
                    "comes, though it was acknowledged {age} lives before, at place {seq}"
                ));
            }
            if has(GIVEN_UP) && !has(ANNOUNCED) {
                return wrong("comes, though it was not sent");
            }
            if has(HELD) && age == 0 {
                return wrong("comes, though this life has it");
            }
            if has(TOLD) && !marked {
                return wrong("comes again without a mark");
            }
            let taken = word & !(EPOCH << HOLDER | ENDING | DONE) | (epoch & EPOCH) << HOLDER | TOLD | HELD;
            match hole.compare_exchange_weak(word, taken, AcqRel, Acquire) {
                Ok(_) => return Ok(has(TOLD)),
                Err(now) => word = now,
            }
        }
    }

    /// Whether a thread that waited since then was given a message late.
    pub fn is_late(&self, number: u64, since: u64, now: u64) -> bool {
        let [hole, time] = self.message(number);
        let sent = time.load(Relaxed);
        hole.load(Acquire) >> NUMBER == number && sent != 0 && now > sent.max(since) + LATE
    }

    /// The holder of a message leaves it unread.
    pub fn requeue(&self, number: u64) {
        note(self.message(number)[0], number, |word| word & !HELD);
    }

    /// The holder of a message acknowledges it.
    pub fn acknowledge<T>(&self, number: u64, act: impl FnOnce() -> T) -> T {
        let [hole, _] = self.message(number);
        note(hole, number, |word| word | ENDING);
        let result = act();
        note(hole, number, |word| word | DONE);
        result
    }

    /// Whether nothing more has to become of a message, nor of any once all that would send it `is_over`.
    fn is_settled(&self, word: u64, is_over: bool) -> bool {
        let is_past = |rank, bits: u32| {
            let (epoch, lives) = self.roll.present(rank);
            !lives || epoch & EPOCH != word >> bits & EPOCH
        };
        let has = |bits| word & bits != 0;
        let is_forgotten = || is_over && self.roll.may_have_forgotten(self.to, word >> HOLDER & EPOCH);
        if word == 0 || has(DONE) || is_forgotten() {
            return true;
        }
        if has(TOLD) {
            return (has(ENDING) || has(ANNOUNCED)) && is_past(self.to, HOLDER);
        }
        if has(SENT) {
            return has(ANNOUNCED) && is_past(self.to, HOLDER);
        }
        // One that was about to be sent may come, but not behind as many as there are holes.
        has(GIVEN_UP) || is_over || is_past(self.from, SENDER)
    }

    /// A message that is not settled, once nobody sends any more.
    pub fn unsettled(&self) -> Option<String> {
        (0..MESSAGES).find_map(|at| {
            let word = self.message(at)[0].load(Acquire);
            (!self.is_settled(word, true)).then(|| self.describe(word >> NUMBER, word))
        })
    }

    fn describe(&self, number: u64, word: u64) -> String {
        let known = word >> NUMBER;
        let names =
            ["sent", "given up", "announced", "told", "held", "about to be acknowledged", "acknowledged"];
        let told = names.iter().enumerate().filter(|(bit, _)| word >> bit & 1 != 0);
        let told: Vec<_> = told.map(|(_, name)| *name).collect();
        format!(
            "message {number} from {} to {} (its place has {known}: {}; lives {} and {})",
            self.from,
            self.to,
            told.join(", "),
            word >> SENDER & EPOCH,
            word >> HOLDER & EPOCH,
        )
    }

    /// The number of a call that is about to be made.
    pub fn ask(&self) -> u64 {
        let number = self.words[1].fetch_add(1, AcqRel) + 1;
        self.call(number).store(number << NUMBER, Release);
        number
    }

    /// A server is about to carry a call out. An error if it was carried out before.
    pub fn carry_out(&self, number: u64) -> Result<(), String> {
        if note(self.call(number), number, |word| word | CARRIED) & CARRIED == 0 {
            return Ok(());
        }
        Err(format!("call {number} from {} to {} comes, though it was carried out", self.from, self.to))
    }

    /// A server drops a call that it was to answer.
    pub fn drop_call(&self, number: u64) {
        note(self.call(number), number, |word| word | DROPPED);
    }

    /// Whether a call was carried out, and whether it was dropped though it was to be answered.
    pub fn outcome(&self, number: u64) -> [bool; 2] {
        let word = self.call(number).load(Acquire);
        [CARRIED, DROPPED].map(|bit| word & bit != 0)
    }
}

/// Notes something of the message or call of this number, unless its place was given to another one; what was noted before.
fn note(hole: &AtomicU64, number: u64, change: impl Fn(u64) -> u64) -> u64 {
    let is_it = |word: u64| (word >> NUMBER == number).then(|| change(word));
    hole.fetch_update(AcqRel, Acquire, is_it).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missing of a message that was sent to the first life of rank 1 and never came, when a second life goes on.
    fn missing(first_forgets: bool, second_forgets: bool) -> Option<String> {
        let journal = Journal::new(Roll::words(2) + Pigeonholes::words(2)).expect("a journal");
        let roll = Roll::new(&journal, 2);
        let holes = Pigeonholes::new(&journal, roll, 2, (0, 1));
        roll.begin(0, 1);
        for (epoch, forgets) in [(1, first_forgets), (2, second_forgets)] {
            roll.begin(1, epoch);
            if forgets {
                roll.note_forgetful(1, epoch);
            }
            if epoch == 1 {
                let number = holes.begin(false).expect("all are free");
                holes.end(number, true, 1);
            }
        }
        holes.unsettled()
    }

    #[test]
    fn what_was_sent_comes_unless_a_life_that_has_ended_may_have_forgotten_it() {
        assert!(missing(false, false).is_some() && missing(false, true).is_some());
        assert_eq!(missing(true, false), None);
    }

    #[test]
    fn what_a_life_has_acknowledged_does_not_come_to_it_again() {
        let journal = Journal::new(Roll::words(2) + Pigeonholes::words(2)).expect("a journal");
        let roll = Roll::new(&journal, 2);
        let holes = Pigeonholes::new(&journal, roll, 2, (0, 1));
        [0, 1].into_iter().for_each(|rank| roll.begin(rank, 1));
        let number = holes.begin(false).expect("all are free");
        holes.end(number, true, 1);
        assert_eq!(holes.take(number, 1, 0, false), Ok(false));
        assert!(holes.take(number, 1, 0, true).is_err(), "this life has it");
        holes.requeue(number);
        assert!(holes.take(number, 1, 0, false).is_err(), "without a mark");
        assert_eq!(holes.take(number, 1, 0, true), Ok(true));
        holes.acknowledge(number, || ());
        assert!(holes.take(number, 1, 0, true).is_err(), "acknowledged");
        // The next life may be given what was acknowledged before its turn, unless that is known to be impossible.
        roll.note_exact(1, 1);
        assert!(holes.take(number, 2, 0, true).is_err(), "certainly acknowledged");
    }
}
