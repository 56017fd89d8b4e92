//! What was sent from one rank to another, and what of it arrived, over all their lives: written down by both, and
//! judged at each arrival.

use crate::stress::journal::GROUP;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The last numbers of which it is known what became of them: far more than are ever on their way.
const FATES: usize = 4096;
/// How many a receiver may find marked that its predecessor had not taken: those that it had got leave to take, and one
/// that it took and had no time to write down.
const GUESSES: u64 = 32 + 1;
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
    /// It was a long one, or a message whose sender waited for its acknowledgement, that ended in an error, or was never begun;
    /// it may come, or not.
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

    /// The number that a sender, which may have had predecessors, must begin with.
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
    /// Whole messages that should have come before it, or long ones whose sender was told that they had.
    pub lost: u64,
    /// It came after one that was sent later, or with the wrong place in the mailbox.
    pub disordered: bool,
    /// It was acknowledged, or is a long one that was taken.
    pub repeated: bool,
    /// Long ones that did not come, as may be.
    pub missing: u64,
    /// It was given back by this receiver, and comes again.
    pub again: bool,
    /// It was taken before, and does not say so.
    pub unmarked: bool,
    /// It says that it may have been taken before, and cannot have been.
    pub mismarked: bool,
}

/// A mail, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Its place in the mailbox.
    pub seq: u64,
    /// Whether it says that it may have been taken before.
    pub marked: bool,
    /// Whether it takes room in the mailbox until it is acknowledged.
    pub stays: bool,
    /// Whether this receiver gave it back before it knew its number.
    pub left: bool,
}

/// A receiver's view of one sender, in one life of its own.
pub struct Reader<'a> {
    ledger: Ledger<'a>,
    /// The last that came, and its place in the mailbox, in this life.
    last: Option<(u64, u64)>,
    /// What a predecessor took, and what of that it may have acknowledged.
    taken: u64,
    passed: u64,
    /// No predecessor can have taken what is beyond.
    old: u64,
    /// How many were marked that no predecessor says to have taken.
    guessed: u64,
    /// What came and is not acknowledged.
    held: BTreeSet<u64>,
    /// The last that was acknowledged.
    done: u64,
    /// What was given back and has to come again, before all others: its place, and its number.
    again: BTreeMap<u64, u64>,
}

impl<'a> Reader<'a> {
    /// A receiver that begins.
    pub fn new(ledger: Ledger<'a>) -> Self {
        let [taken, acknowledging, acknowledged] =
            [TAKEN, ACKNOWLEDGING, ACKNOWLEDGED].map(|at| ledger.0[at].load(Acquire));
        Self {
            ledger,
            last: None,
            taken,
            passed: acknowledging.max(acknowledged),
            old: u64::MAX,
            guessed: 0,
            held: BTreeSet::new(),
            done: 0,
            again: BTreeMap::new(),
        }
    }

    /// The receiver has looked into the mailbox: what is sent from now on is new to all.
    pub fn look(&mut self) {
        if self.old == u64::MAX {
            self.old = self.ledger.intent();
        }
    }

    /// The number of what was given back and was in this place.
    pub fn due(&self, seq: u64) -> Option<u64> {
        self.again.get(&seq).copied()
    }

    /// Message `number`, which was in this place, is given back.
    pub fn give_back(&mut self, number: u64, seq: u64) {
        self.again.insert(seq, number);
    }

    /// What is `due` in the place of this mail has come.
    pub fn come_again(&mut self, mail: Arrival) -> Verdict {
        let lost = self.skip(mail.seq);
        self.again.remove(&mail.seq);
        Verdict { again: true, lost, unmarked: !mail.marked, ..Verdict::default() }
    }

    /// How many were to come again before what is in this place, and have not; they are not waited for any more.
    fn skip(&mut self, seq: u64) -> u64 {
        let rest = self.again.split_off(&seq);
        std::mem::replace(&mut self.again, rest).len() as u64
    }

    /// The acknowledgement of message `number` begins.
    pub fn acknowledging(&mut self, number: u64) {
        self.held.remove(&number);
        self.done = self.done.max(number);
        self.ledger.acknowledging(self.reach());
    }

    /// All acknowledgements that began have come to pass.
    pub fn acknowledged(&self) {
        self.ledger.acknowledged(self.reach());
    }

    /// The last that is acknowledged, with all before it.
    fn reach(&self) -> u64 {
        self.held.first().map_or(self.done, |first| self.done.min(first - 1))
    }

    /// The number of the last that came, or that cannot come any more.
    pub fn last(&self) -> u64 {
        self.last.map_or(self.ledger.0[ACKNOWLEDGED].load(Relaxed), |(number, _)| number)
    }

    /// The number of the last that came, or of the last that may not come any more.
    pub fn passed(&self) -> u64 {
        self.last.map_or(self.passed, |(number, _)| number)
    }

    /// Message `number` has come, and is not `due` in its place.
    pub fn arrive(&mut self, number: u64, mail: Arrival, is_long: impl Fn(u64) -> bool) -> Verdict {
        let Arrival { seq, marked, stays, left } = mail;
        let mut verdict = Verdict { lost: self.skip(u64::MAX), ..Verdict::default() };
        let acknowledged = self.ledger.0[ACKNOWLEDGED].load(Relaxed);
        if number <= acknowledged || is_long(number) && number <= self.taken {
            verdict.repeated = true;
            return verdict;
        }
        if self.last.is_some_and(|(last, _)| number <= last) {
            verdict.disordered = true;
            return verdict;
        }
        verdict.redelivered = number <= self.taken;
        verdict.unmarked = verdict.redelivered && !marked;
        if marked && !verdict.redelivered && !left {
            self.guessed += 1;
            verdict.mismarked = number > self.old || self.guessed > GUESSES;
        }
        let known = self.last.map_or(self.passed, |(last, _)| last);
        let mut has_long = is_long(number);
        for skipped in known + 1..number {
            let fate = self.ledger.fate(skipped);
            if is_long(skipped) {
                has_long = true;
                // A predecessor may have had all of it, and died, with what came before it still in hand.
                let is_lost =
                    fate == Some(Fate::Sent) && self.last.is_some_and(|(last, _)| last > self.taken);
                *if is_lost { &mut verdict.lost } else { &mut verdict.missing } += 1;
            } else {
                verdict.lost += match fate {
                    Some(Fate::Given) => 0,
                    Some(Fate::Doubt(more)) if skipped + more < number => 0,
                    _ => 1,
                };
            }
        }
        // Only long ones take more than one place, and only calls and answers have places and no numbers.
        if let Some((last, before)) = self.last {
            let loose = self.ledger.loose(number).saturating_sub(self.ledger.loose(last));
            let latest = if has_long { u64::MAX } else { before + 1 + loose };
            verdict.disordered = !(before + 1..=latest).contains(&seq);
        }
        self.last = Some((number, seq));
        if stays {
            self.held.insert(number);
        }
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

    /// Numbers 10, 20, … are long ones.
    fn is_long(number: u64) -> bool {
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

    /// A mail in this place that is marked as the receiver must mark it.
    fn at(reader: &Reader<'_>, number: u64, seq: u64) -> Arrival {
        Arrival { seq, marked: number <= reader.taken, stays: !is_long(number), left: false }
    }

    /// Message `number` comes in this place.
    fn come(reader: &mut Reader<'_>, number: u64, seq: u64) -> Verdict {
        let mail = at(reader, number, seq);
        reader.arrive(number, mail, is_long)
    }

    /// These come, each in the place of its number.
    fn arrive(reader: &mut Reader<'_>, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            assert_eq!(come(reader, number, number), Verdict::default(), "{number}");
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
        assert_eq!(come(&mut reader, 6, 4), Verdict { lost: 2, ..Verdict::default() });
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
        let verdict = come(&mut reader, 4, 4);
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
            let verdict = come(&mut Reader::new(ledger), first, first);
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
        let verdict = come(&mut Reader::new(ledger), 4, 4);
        assert_eq!(verdict, Verdict { repeated: true, ..Verdict::default() });
    }

    #[test]
    fn a_long_one_that_was_taken_comes_no_more() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 12);
        arrive(&mut Reader::new(ledger), 1..=10);
        let verdict = come(&mut Reader::new(ledger), 10, 10);
        assert_eq!(verdict, Verdict { repeated: true, ..Verdict::default() });
    }

    #[test]
    fn another_order_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 8);
        let mut reader = Reader::new(ledger);
        arrive(&mut reader, 1..=2);
        assert_eq!(come(&mut reader, 4, 3).lost, 1);
        assert!(come(&mut reader, 3, 4).disordered);
    }

    #[test]
    fn a_place_that_was_left_out_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 8);
        let mut reader = Reader::new(ledger);
        arrive(&mut reader, 1..=2);
        assert!(come(&mut reader, 3, 4).disordered);
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
            let verdict = come(&mut reader, 3, seq);
            assert_eq!(verdict, Verdict { disordered, ..Verdict::default() }, "{seq}");
        }
    }

    #[test]
    fn a_long_one_may_be_missing_unless_its_sender_was_told_otherwise() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 9);
        ledger.intend(10);
        ledger.settle(10, Fate::Given);
        ledger.close(10);
        send(ledger, 21);
        let mut reader = Reader::new(ledger);
        arrive(&mut reader, 1..=9);
        assert_eq!(come(&mut reader, 11, 13), Verdict { missing: 1, ..Verdict::default() });
        for number in 12..=19 {
            assert_eq!(come(&mut reader, number, number + 2), Verdict::default());
        }
        assert_eq!(come(&mut reader, 21, 30), Verdict { lost: 1, ..Verdict::default() });
        // A predecessor may have had all of it.
        ledger.acknowledging(19);
        let verdict = come(&mut Reader::new(ledger), 21, 30);
        assert_eq!(verdict, Verdict { redelivered: true, missing: 1, ..Verdict::default() });
    }

    #[test]
    fn of_what_a_sender_died_over_the_first_may_come() {
        // Which of 4, 5, 6 come, and what is lost before 7.
        for (arrivals, lost) in
            [(&[][..], 0), (&[4], 0), (&[4, 5], 0), (&[4, 5, 6], 0), (&[6], 2), (&[4, 6], 1)]
        {
            let words = words();
            let ledger = Ledger::new(&words);
            send(ledger, 3);
            (4..=6).for_each(|number| ledger.intend(number));
            send(ledger, 8);
            let mut reader = Reader::new(ledger);
            arrive(&mut reader, 1..=3);
            let numbers = arrivals.iter().copied().chain([7]);
            let found = numbers.zip(4..).map(|(number, seq)| come(&mut reader, number, seq));
            let total = found.fold(0, |total, verdict| {
                assert!(!verdict.disordered && !verdict.repeated);
                total + verdict.lost
            });
            assert_eq!(total, lost, "{arrivals:?}");
        }
    }

    /// A receiver that has looked, and has these in hand, of 20 that were sent.
    fn holding<'a>(ledger: Ledger<'a>, numbers: impl IntoIterator<Item = u64>) -> Reader<'a> {
        send(ledger, 20);
        let mut reader = Reader::new(ledger);
        reader.look();
        arrive(&mut reader, numbers);
        reader
    }

    fn again(seq: u64, marked: bool) -> Arrival {
        Arrival { seq, marked, stays: true, left: false }
    }

    #[test]
    fn what_was_in_hand_in_a_panic_comes_again_in_order() {
        let words = words();
        let ledger = Ledger::new(&words);
        let mut reader = holding(ledger, 1..=4);
        reader.acknowledging(1);
        (2..=4).for_each(|number| reader.give_back(number, number));
        for number in 2..=4 {
            assert_eq!(reader.due(number), Some(number));
            let verdict = reader.come_again(again(number, true));
            assert_eq!(verdict, Verdict { again: true, ..Verdict::default() });
            assert_eq!(reader.due(number), None);
            reader.acknowledging(number);
        }
        arrive(&mut reader, [5]);
    }

    #[test]
    fn what_does_not_come_again_after_a_panic_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        let mut reader = holding(ledger, 1..=4);
        (2..=4).for_each(|number| reader.give_back(number, number));
        // Each before the next that comes again, and all before another.
        let verdict = reader.come_again(again(3, true));
        assert_eq!(verdict, Verdict { again: true, lost: 1, ..Verdict::default() });
        assert_eq!(come(&mut reader, 5, 5), Verdict { lost: 1, ..Verdict::default() });
    }

    #[test]
    fn what_comes_again_without_its_mark_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        let mut reader = holding(ledger, 1..=4);
        reader.give_back(4, 4);
        assert!(reader.come_again(again(4, false)).unmarked);
        let verdict = Reader::new(ledger).arrive(1, again(1, false), is_long);
        assert_eq!(verdict, Verdict { redelivered: true, unmarked: true, ..Verdict::default() });
    }

    #[test]
    fn what_comes_again_though_it_was_done_before_the_panic_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        let mut reader = holding(ledger, 1..=4);
        reader.acknowledging(1);
        reader.acknowledging(3);
        reader.give_back(2, 2);
        reader.give_back(4, 4);
        reader.acknowledged();
        assert!(reader.come_again(again(2, true)).again);
        assert_eq!(reader.due(3), None);
        assert!(come(&mut reader, 3, 3).disordered);
        assert!(come(&mut reader, 1, 1).repeated);
    }

    #[test]
    fn a_mark_on_what_nobody_can_have_taken_is_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 2);
        let mut reader = Reader::new(ledger);
        reader.look();
        send(ledger, 3);
        for (number, mismarked) in [(1, false), (2, false), (3, true)] {
            let verdict = reader.arrive(number, again(number, true), is_long);
            assert_eq!(verdict, Verdict { mismarked, ..Verdict::default() }, "{number}");
        }
    }

    #[test]
    fn more_marks_than_a_predecessor_got_leave_for_are_seen() {
        let words = words();
        let ledger = Ledger::new(&words);
        send(ledger, 100);
        let mut reader = Reader::new(ledger);
        reader.look();
        let found = (1..=GUESSES + 1).map(|number| reader.arrive(number, again(number, true), is_long));
        let found: Vec<_> = found.map(|verdict| verdict.mismarked).collect();
        assert_eq!(found.iter().position(|mismarked| *mismarked), Some(GUESSES as usize));
    }

    #[test]
    fn what_is_acknowledged_behind_what_is_held_may_come_again() {
        let words = words();
        let ledger = Ledger::new(&words);
        let mut reader = holding(ledger, 1..=3);
        reader.acknowledging(1);
        reader.acknowledging(3);
        reader.acknowledged();
        assert_eq!(ledger.0[ACKNOWLEDGED].load(Relaxed), 1);
        let mut successor = Reader::new(ledger);
        assert_eq!(come(&mut successor, 3, 3), Verdict { redelivered: true, lost: 1, ..Verdict::default() });
    }
}
