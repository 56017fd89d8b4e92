//! The litmus test of store buffering: each of two processes writes its word, and then reads the other's. If each read the other's
//! old value, then both writes came after both reads, as if time ran backward. The test is in Owens, Sarkar and Sewell, "A Better
//! x86 Memory Model: x86-TSO", 2009, as "SB".

use super::counter_messages::OWNER;
use super::line::Line;
use super::lock::LIMIT;
use super::outcome::Outcome;
use bytemuck::Zeroable;
use mailbox::Endpoint;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::thread;
use std::time::Instant;

/// How often it is done.
pub const ROUNDS: u64 = 100_000;
pub const CALLED_ROUNDS: u64 = 2_000;
/// How often a process looks before it lets others run.
const LOOKS: u32 = 2_000;
/// How much later one of the two may begin, in steps.
const SKEW: u64 = 64;

/// Words in memory.
#[derive(Zeroable)]
#[repr(C)]
pub struct Plane {
    /// By process: its word. A round writes its number, so that no word must be reset.
    words: [Line; 2],
    /// By process: the round that it is about to begin.
    ready: [Line; 2],
}

/// The rounds, a bit each, in which a process read an old value.
pub struct Missed(pub Vec<u64>);

impl Missed {
    fn new() -> Self {
        Self(vec![])
    }

    fn add(&mut self, round: u64, is_missed: bool) {
        let at = (round / 64) as usize;
        self.0.resize(self.0.len().max(at + 1), 0);
        self.0[at] |= u64::from(is_missed) << (round % 64);
    }
}

/// In how many rounds both did.
pub fn both(one: &[u64], other: &[u64]) -> u64 {
    one.iter().zip(other).map(|(one, other)| u64::from((one & other).count_ones())).sum()
}

/// Process `place`, 0 or 1, writes and reads with this ordering.
pub fn in_memory(plane: &Plane, place: usize, orderings: [Ordering; 2]) -> Outcome<Missed> {
    let [mine, other] = [&plane.words[place].0, &plane.words[1 - place].0];
    let [write, read] = orderings;
    let mut missed = Missed::new();
    for round in 1..=ROUNDS {
        plane.ready[place].0.store(round, Release);
        let start = Instant::now();
        let mut looks = 0;
        while plane.ready[1 - place].0.load(Acquire) < round {
            looks += 1;
            if looks < LOOKS {
                spin_loop();
                continue;
            }
            thread::yield_now();
            if start.elapsed() > LIMIT {
                return Err("the other process does not come".into());
            }
        }
        // The two leave at slightly different times, and who is first changes.
        let skew = round % SKEW * u64::from(round / SKEW % 2 == place as u64);
        (0..skew).for_each(|step| _ = black_box(step));
        mine.store(round, write);
        missed.add(round, other.load(read) < round);
    }
    Ok(missed)
}

/// A process asks the owner of the words to write, and then to read.
pub fn by_calls(me: &Endpoint, place: u64) -> Outcome<Missed> {
    let mut missed = Missed::new();
    let ask = |round: u64, word: u64, value: u64| -> Outcome<bool> {
        let old: u64 = me.call(OWNER, bytemuck::bytes_of(&[word, value]))?.value()?;
        Ok(old < round)
    };
    for round in 1..=CALLED_ROUNDS {
        ask(round, place, round)?;
        missed.add(round, ask(round, 1 - place, 0)?);
    }
    Ok(missed)
}

/// Owns the words. A call raises one to a value, and is answered with what it is then.
pub fn own(me: &Endpoint) -> Outcome<()> {
    let mut words = [0; 2];
    for mail in me.until_alone() {
        let mail = mail?;
        let [word, value] = mail.value::<[u64; 2]>()?;
        let word = words.get_mut(word as usize).ok_or("there is no such word")?;
        *word = value.max(*word);
        mail.reply(&word.to_ne_bytes())?;
    }
    Ok(())
}

/// Orderings of the write and of the read.
pub const RELAXED: [Ordering; 2] = [Relaxed, Relaxed];
pub const ORDERED: [Ordering; 2] = [Ordering::SeqCst, Ordering::SeqCst];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rounds_that_both_missed_count() {
        let [mut one, mut other] = [Missed::new(), Missed::new()];
        for round in 1..=200 {
            one.add(round, round % 2 == 0);
            other.add(round, round % 3 == 0);
        }
        assert_eq!(both(&one.0, &other.0), 200 / 6);
        assert_eq!(both(&one.0, &[]), 0);
    }
}
