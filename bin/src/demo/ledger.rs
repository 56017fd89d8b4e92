//! What was sent from one rank to another, and what of it arrived, over all their lives: written down by both, and
//! judged at each arrival.

use super::journal::GROUP;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The last numbers of which it is known what became of them: far more than are ever on their way.
const FATES: usize = 4096;
/// Words of a ledger.
pub const LEDGER: usize = 2 * GROUP + 2 * FATES;

// The sender's words: the last number that it began to send, the last of which it is known what came of it, and how
// many calls and answers it began.
const INTENT: usize = 0;
const DONE: usize = 1;
const LOOSE: usize = 2;
// The receiver's: the last number that it took, the last whose acknowledgement began, and the last that certainly is
// acknowledged, with all before it.
const TAKEN: usize = GROUP;
const ACKNOWLEDGING: usize = GROUP + 1;
const ACKNOWLEDGED: usize = GROUP + 2;

/// What became of a number, as its sender knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was sent.
    Sent,
    /// It was a train that ended in an error, or was never begun; it may come, or not.
    Given,
    /// Its sender died over it and those up to so many after it: they may come, but only those before one that does.
    Doubt(u64),
}

/// The ledger of one ordered pair of ranks.
#[derive(Clone, Copy)]
pub struct Ledger<'a>(&'a [AtomicU64]);

impl<'a> Ledger<'a> {
    /// Over these words.
    pub fn new(words: &'a [AtomicU64]) -> Self {
        Self(&words[..LEDGER])
    }

    /// The number that a sender, who may have had predecessors, has to begin with.
    pub fn resume(&self) -> u64 {
        let (done, intent) = (self.0[DONE].load(Acquire), self.0[INTENT].load(Acquire));
        for number in done + 1..=intent {
            if self.fate(number).is_none() {
                self.settle(number, Fate::Doubt(intent - number));
            }
        }
        self.close(intent);
        intent + 1
    }

    /// `number` is about to be sent.
    pub fn intend(&self, number: u64) {
        self.0[2 * GROUP + FATES + number as usize % FATES].store(self.0[LOOSE].load(Relaxed), Release);
        self.0[INTENT].store(number, Release);
    }

    /// What has no number, and may take a place in the mailbox, is about to be sent.
    pub fn loosen(&self) {
        self.0[LOOSE].store(self.0[LOOSE].load(Relaxed) + 1, Release);
    }

    /// How many such there were before `number`.
    fn loose(&self, number: u64) -> u64 {
        self.0[2 * GROUP + FATES + number as usize % FATES].load(Acquire)
    }

    /// The last number that anybody began to send.
    pub fn intent(&self) -> u64 {
        self.0[INTENT].load(Acquire)
    }

    /// It is known what became of `number`.
    pub fn settle(&self, number: u64, fate: Fate) {
        let code = match fate {
            Fate::Sent => 1,
            Fate::Given => 2,
            Fate::Doubt(more) => 3 + more,
        };
        self.0[2 * GROUP + number as usize % FATES].store(number << 16 | code, Release);
    }

    /// It is known what became of all up to `number`.
    pub fn close(&self, number: u64) {
        self.0[DONE].store(number, Release);
    }

    fn fate(&self, number: u64) -> Option<Fate> {
        let word = self.0[2 * GROUP + number as usize % FATES].load(Acquire);
        match word & 0xFFFF {
            0 => None,
            _ if word >> 16 != number => None,
            1 => Some(Fate::Sent),
            2 => Some(Fate::Given),
            code => Some(Fate::Doubt(code - 3)),
        }
    }

    /// The acknowledgement of all up to `number` begins.
    pub fn acknowledging(&self, number: u64) {
        self.0[ACKNOWLEDGING].fetch_max(number, Release);
    }

    /// All up to `number` are acknowledged.
    pub fn acknowledged(&self, number: u64) {
        self.0[ACKNOWLEDGED].fetch_max(number, Release);
    }
}

/// What an arrival says of those before it, and of itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// It was taken before, by a receiver that died.
    pub redelivered: bool,
    /// Whole messages that should have come before it, or trains whose sender was told that they had.
    pub lost: u64,
    /// It came after one that was sent later, or with the wrong place in the mailbox.
    pub disordered: bool,
    /// It was acknowledged, or is a train that was taken.
    pub repeated: bool,
    /// Trains that did not come, as may be.
    pub missing: u64,
}

/// A receiver's view of one sender, in one life of its own.
pub struct Reader<'a> {
    ledger: Ledger<'a>,
    /// The last that came, and its place in the mailbox, in this life.
    last: Option<(u64, u64)>,
    /// What a predecessor took, and what of that it may have acknowledged.
    taken: u64,
    passed: u64,
}

impl<'a> Reader<'a> {
    /// A receiver that begins.
    pub fn new(ledger: Ledger<'a>) -> Self {
        let [taken, acknowledging, acknowledged] =
            [TAKEN, ACKNOWLEDGING, ACKNOWLEDGED].map(|at| ledger.0[at].load(Acquire));
        Self { ledger, last: None, taken, passed: acknowledging.max(acknowledged) }
    }

    /// The number of the last that came, or that cannot come any more.
    pub fn last(&self) -> u64 {
        self.last.map_or(self.ledger.0[ACKNOWLEDGED].load(Relaxed), |(number, _)| number)
    }

    /// The number of the last that came, or of the last that may not come any more.
    pub fn passed(&self) -> u64 {
        self.last.map_or(self.passed, |(number, _)| number)
    }

    /// Message `number` has come, with the mailbox's own number `seq`.
    pub fn arrive(&mut self, number: u64, seq: u64, is_train: impl Fn(u64) -> bool) -> Verdict {
        let mut verdict = Verdict::default();
        let acknowledged = self.ledger.0[ACKNOWLEDGED].load(Relaxed);
        if number <= acknowledged || is_train(number) && number <= self.taken {
            verdict.repeated = true;
            return verdict;
        }
        if self.last.is_some_and(|(last, _)| number <= last) {
            verdict.disordered = true;
            return verdict;
        }
        verdict.redelivered = number <= self.taken;
        let known = self.last.map_or(self.passed, |(last, _)| last);
        let mut has_train = is_train(number);
        for skipped in known + 1..number {
            let fate = self.ledger.fate(skipped);
            if is_train(skipped) {
                has_train = true;
                // A predecessor may have been told all of it, and died.
                let is_lost = fate == Some(Fate::Sent) && self.last.is_some();
                *if is_lost { &mut verdict.lost } else { &mut verdict.missing } += 1;
            } else {
                verdict.lost += match fate {
                    Some(Fate::Given) => 0,
                    Some(Fate::Doubt(more)) if skipped + more < number => 0,
                    _ => 1,
                };
            }
        }
        // Only trains take more than one place, and only calls and answers have places and no numbers.
        if let Some((last, before)) = self.last {
            let loose = self.ledger.loose(number).saturating_sub(self.ledger.loose(last));
            let latest = if has_train { u64::MAX } else { before + 1 + loose };
            verdict.disordered = !(before + 1..=latest).contains(&seq);
        }
        self.last = Some((number, seq));
        self.ledger.0[TAKEN].fetch_max(number, Release);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<AtomicU64> {
        (0..LEDGER).map(|_| AtomicU64::new(0)).collect()
    }

    /// Numbers 10, 20, … are trains.
    fn is_train(number: u64) -> bool {
        number.is_multiple_of(10)
    }

    /// A sender sent all up to `number`.
    fn send(ledger: Ledger<'_>, number: u64) {
        for number in ledger.resume()..=number {
            ledger.intend(number);
            ledger.settle(number, Fate::Sent);
            ledger.close(number);
        }
    }

    /// These come, each in the place of its number.
    fn arrive(reader: &mut Reader<'_>, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            assert_eq!(reader.arrive(number, number, is_train), Verdict::default(), "{number}");
        }
    }

    #[test]
    fn a_faultless_history_has_no_fault() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 30);
        arrive(&mut Reader::new(ledger), 1..=30);
    }

    #[test]
    fn a_lost_message_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 8);
        let mut reader = Reader::new(ledger);
        arrive(&mut reader, 1..=3);
        assert_eq!(reader.arrive(6, 4, is_train), Verdict { lost: 2, ..Verdict::default() });
    }

    #[test]
    fn a_message_lost_with_its_receiver_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 8);
        arrive(&mut Reader::new(ledger), 1..=5);
        ledger.acknowledging(2);
        ledger.acknowledged(2);
        let mut reader = Reader::new(ledger);
        let verdict = reader.arrive(4, 4, is_train);
        assert_eq!(verdict, Verdict { redelivered: true, lost: 1, ..Verdict::default() });
    }

    #[test]
    fn what_was_being_acknowledged_may_come_or_not() {
        for first in 3..=5 {
            let words = words();
            let ledger = Ledger::new(&words);
            send(ledger, 8);
            arrive(&mut Reader::new(ledger), 1..=4);
            ledger.acknowledging(4);
            ledger.acknowledged(2);
            let verdict = Reader::new(ledger).arrive(first, first, is_train);
            assert_eq!(verdict, Verdict { redelivered: first <= 4, ..Verdict::default() });
        }
    }

    #[test]
    fn a_message_that_comes_after_it_was_acknowledged_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 8);
        arrive(&mut Reader::new(ledger), 1..=4);
        ledger.acknowledging(4);
        ledger.acknowledged(4);
        let verdict = Reader::new(ledger).arrive(4, 4, is_train);
        assert_eq!(verdict, Verdict { repeated: true, ..Verdict::default() });
    }

    #[test]
    fn a_train_that_was_taken_comes_no_more() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 12);
        arrive(&mut Reader::new(ledger), 1..=10);
        let verdict = Reader::new(ledger).arrive(10, 10, is_train);
        assert_eq!(verdict, Verdict { repeated: true, ..Verdict::default() });
    }

    #[test]
    fn another_order_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 8);
        let mut reader = Reader::new(ledger);
        arrive(&mut reader, 1..=2);
        assert_eq!(reader.arrive(4, 3, is_train).lost, 1);
        assert!(reader.arrive(3, 4, is_train).disordered);
    }

    #[test]
    fn a_place_that_was_left_out_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 8);
        let mut reader = Reader::new(ledger);
        arrive(&mut reader, 1..=2);
        assert!(reader.arrive(3, 4, is_train).disordered);
    }

    #[test]
    fn a_place_without_a_number_is_that_of_a_call_or_an_answer() {
        for (seq, disordered) in [(2, true), (3, false), (5, false), (6, true)] {
            let words = words();
            let ledger = Ledger::new(&words);
            send(ledger, 2);
            (0..2).for_each(|_| ledger.loosen());
            send(ledger, 8);
            let mut reader = Reader::new(ledger);
            arrive(&mut reader, 1..=2);
            let verdict = reader.arrive(3, seq, is_train);
            assert_eq!(verdict, Verdict { disordered, ..Verdict::default() }, "{seq}");
        }
    }

    #[test]
    fn a_train_may_be_missing_unless_its_sender_was_told_otherwise() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 9);
        ledger.intend(10);
        ledger.settle(10, Fate::Given);
        ledger.close(10);
        send(ledger, 21);
        let mut reader = Reader::new(ledger);
        arrive(&mut reader, 1..=9);
        assert_eq!(reader.arrive(11, 13, is_train), Verdict { missing: 1, ..Verdict::default() });
        for number in 12..=19 {
            assert_eq!(reader.arrive(number, number + 2, is_train), Verdict::default());
        }
        assert_eq!(reader.arrive(21, 30, is_train), Verdict { lost: 1, ..Verdict::default() });
        // A predecessor may have had all of it.
        ledger.acknowledging(19);
        let verdict = Reader::new(ledger).arrive(21, 30, is_train);
        assert_eq!(verdict, Verdict { redelivered: true, missing: 1, ..Verdict::default() });
    }

    #[test]
    fn of_what_a_sender_died_over_the_first_may_come() {
        // Which of 4, 5, 6 come, and what is lost before 7.
        for (come, lost) in [(&[][..], 0), (&[4], 0), (&[4, 5], 0), (&[4, 5, 6], 0), (&[6], 2), (&[4, 6], 1)]
        {
            let words = words();
            let ledger = Ledger::new(&words);
            send(ledger, 3);
            (4..=6).for_each(|number| ledger.intend(number));
            send(ledger, 8);
            let mut reader = Reader::new(ledger);
            arrive(&mut reader, 1..=3);
            let numbers = come.iter().copied().chain([7]);
            let found = numbers.zip(4..).map(|(number, seq)| reader.arrive(number, seq, is_train));
            let total = found.fold(0, |total, verdict| {
                assert!(!verdict.disordered && !verdict.repeated);
                total + verdict.lost
            });
            assert_eq!(total, lost, "{come:?}");
        }
    }
}
