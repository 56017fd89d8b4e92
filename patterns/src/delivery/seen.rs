//! Which messages were handled: by sender, life and number, in bounded memory.
//!
//! Of each life there is the number up to which all were handled, and those beyond it. An honest sender numbers without a gap, and its
//! mailbox keeps the order. So there are numbers beyond only while a message before them waits to be tried again.
//!
//! Of each sender the lives that were used last are kept. One that is forgotten is never taken for a new one: no life that is
//! older than the latest forgotten one is new.

use super::Id;
use super::id::Fields;
use core::iter;
use std::collections::{BTreeMap, BTreeSet};

/// How many lives of a sender are remembered.
const LIVES: usize = 8;
/// How many numbers are remembered beyond one that was not handled.
const AHEAD: usize = 256;

/// What is known of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It was not handled.
    New,
    /// It was handled before.
    Repeated,
    /// Nobody can say whether it was handled: it is of a life that is older than the last 8 of its sender. Or it has
    /// the number 0, or a number that is not above [`Id::settled`]; no outbox gives these.
    Unknown,
    /// So many messages before it are missing, and so many behind those were handled, that no more can be remembered.
    TooFar,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Life {
    life: u64,
    upto: u64,
    beyond: BTreeSet<u64>,
}

impl Life {
    fn has(&self, number: u64) -> bool {
        number <= self.upto || self.beyond.contains(&number)
    }

    fn has_no_room_for(&self, id: Id) -> bool {
        let upto = self.upto.max(id.settled);
        // What the sender knows to be handled need not be remembered one by one.
        id.number - upto > 1 && self.beyond.range(upto + 1..).count() >= AHEAD
    }

    fn note(&mut self, id: Id) {
        self.upto = self.upto.max(id.settled);
        self.beyond.insert(id.number);
        self.beyond = self.beyond.split_off(&self.upto.saturating_add(1));
        while self.upto.checked_add(1).is_some_and(|next| self.beyond.remove(&next)) {
            self.upto += 1;
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sender {
    /// The latest life that was forgotten.
    forgotten: u64,
    /// The one used last is last.
    lives: Vec<Life>,
}

/// Which messages were handled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<u32, Sender>);

impl Seen {
    pub fn judge(&self, id: Id) -> Verdict {
        let sender = self.0.get(&id.sender);
        let life = sender.and_then(|sender| sender.lives.iter().find(|life| life.life == id.life));
        match life {
            _ if id.number <= id.settled => Verdict::Unknown,
            Some(life) if life.has(id.number) => Verdict::Repeated,
            Some(life) if life.has_no_room_for(id) => Verdict::TooFar,
            None if sender.is_some_and(|sender| id.life <= sender.forgotten) => Verdict::Unknown,
            _ => Verdict::New,
        }
    }

    /// It was handled. It is new.
    pub fn note(&mut self, id: Id) {
        if id.number == 0 {
            return;
        }
        let sender = self.0.entry(id.sender).or_default();
        let at = sender.lives.iter().position(|life| life.life == id.life);
        let mut life = at.map_or(Life { life: id.life, ..Life::default() }, |at| sender.lives.remove(at));
        life.note(id);
        sender.lives.push(life);
        if sender.lives.len() > LIVES {
            sender.forgotten = sender.forgotten.max(sender.lives.remove(0).life);
        }
    }

    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![];
        for (rank, sender) in &self.0 {
            bytes.extend(rank.to_le_bytes());
            bytes.extend(sender.forgotten.to_le_bytes());
            bytes.extend((sender.lives.len() as u32).to_le_bytes());
            for life in &sender.lives {
                bytes.extend(life.life.to_le_bytes());
                bytes.extend(life.upto.to_le_bytes());
                bytes.extend((life.beyond.len() as u32).to_le_bytes());
                bytes.extend(life.beyond.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
        bytes
    }

    /// What [`Seen::write`] has made; `None` if it has not.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let mut seen = Self::default();
        while !fields.0.is_empty() {
            let rank = fields.u32()?;
            let mut sender = Sender { forgotten: fields.u64()?, lives: vec![] };
            for _ in 0..fields.u32()? {
                let (life, upto) = (fields.u64()?, fields.u64()?);
                let count = fields.u32()?;
                // It ends at the first that is missing.
                let mut numbers = iter::from_fn(|| fields.u64()).take(count as usize);
                let beyond: BTreeSet<u64> = numbers.by_ref().collect();
                (beyond.len() == count as usize).then_some(())?;
                sender.lives.push(Life { life, upto, beyond });
            }
            seen.0.insert(rank, sender);
        }
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(life: u64, number: u64) -> Id {
        Id { sender: 3, life, number, settled: 0 }
    }

    #[test]
    fn what_the_sender_knows_to_be_handled_takes_no_memory() {
        let mut seen = Seen::default();
        // The receiver has lost its file, and the sender goes on.
        for number in 1000..3000 {
            let id = Id { settled: number - 1, ..id(5, number) };
            assert_eq!(seen.judge(id), Verdict::New);
            seen.note(id);
        }
        assert_eq!(seen.0[&3].lives, [Life { life: 5, upto: 2999, beyond: BTreeSet::new() }]);
        assert_eq!(seen.judge(id(5, 7)), Verdict::Repeated);
    }

    #[test]
    fn what_was_handled_is_known_in_any_order() {
        let mut seen = Seen::default();
        for number in [1, 2, 5, 4, 3, 9] {
            assert_eq!(seen.judge(id(7, number)), Verdict::New);
            seen.note(id(7, number));
            assert_eq!(seen.judge(id(7, number)), Verdict::Repeated);
        }
        assert_eq!(seen.judge(id(7, 6)), Verdict::New);
        assert_eq!(seen.judge(Id { sender: 4, ..id(7, 1) }), Verdict::New);
        assert_eq!(seen.judge(id(8, 1)), Verdict::New);
        assert_eq!(seen.judge(id(7, 0)), Verdict::Unknown);
        assert_eq!(Seen::read(&seen.write()), Some(seen));
    }

    #[test]
    fn memory_is_bounded_and_nothing_that_is_forgotten_is_new() {
        let mut seen = Seen::default();
        (0..AHEAD as u64).for_each(|at| seen.note(id(100, 10 + at)));
        assert_eq!(seen.judge(id(100, u64::MAX)), Verdict::TooFar);
        assert_eq!(seen.judge(id(100, 1)), Verdict::New);
        for life in 101..=100 + LIVES as u64 {
            seen.note(id(life, u64::MAX));
        }
        assert_eq!(seen.judge(id(100, 1)), Verdict::Unknown);
        assert_eq!(seen.judge(id(99, 1)), Verdict::Unknown);
        assert_eq!(seen.judge(id(101, u64::MAX)), Verdict::Repeated);
        assert_eq!(seen.judge(id(1000, 1)), Verdict::New);
        assert_eq!(Seen::read(&seen.write()[..20]), None);
    }

    #[test]
    fn no_bytes_make_a_panic() {
        let mut bytes = vec![0xFF; 64];
        bytes[12..16].copy_from_slice(&1_u32.to_le_bytes());
        assert_eq!(Seen::read(&bytes), None);
    }
}
