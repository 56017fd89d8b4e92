//! What one rank asked of another, and what came of it, over all their lives: written down by both, and judged at each
//! word of either.

use crate::stress::journal::GROUP;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

/// The last requests of which it is known what became of them: far more than are ever under way.
const REQUESTS: usize = 1024;
/// Words of a docket.
pub const DOCKET: usize = GROUP + REQUESTS;

/// The caller's word: the last number that it began to ask.
const INTENT: usize = 0;

const NUMBER_SHIFT: u32 = 32;
const EPOCH_SHIFT: u32 = 8;
const EPOCH_MASK: u64 = (1 << 24) - 1;
/// Beside the words: its caller may give it up.
const LOOSE: u64 = 128;

/// What somebody says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Its server, in the life of this epoch, carries it out, and has said nothing to the caller.
    CarriedOut(u64),
    /// Its server has answered, or refused it.
    Answered,
    /// Its server has dropped it.
    Dropped,
    /// Its caller has an answer.
    HasAnswer,
    /// Its caller was told that it was dropped.
    ToldDropped,
    /// Its caller was told that nothing was asked.
    ToldUnasked,
    /// Its caller was told that the server's life is over.
    ToldOver,
}

/// What is wrong with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It is of no request.
    Unknown,
    /// It is carried out a second time.
    Twice,
    /// Something else was said before.
    Belied,
}

impl Word {
    const fn bit(self) -> u64 {
        match self {
            Self::CarriedOut(_) => 1,
            Self::Answered => 2,
            Self::Dropped => 4,
            Self::HasAnswer => 8,
            Self::ToldDropped => 16,
            Self::ToldUnasked => 32,
            Self::ToldOver => 64,
        }
    }

    /// The words that may not have been said before.
    const fn belied_by(self) -> u64 {
        const ANSWERED: u64 = Word::Answered.bit();
        const DROPPED: u64 = Word::Dropped.bit();
        const HAS_ANSWER: u64 = Word::HasAnswer.bit();
        const TOLD_DROPPED: u64 = Word::ToldDropped.bit();
        const TOLD_UNASKED: u64 = Word::ToldUnasked.bit();
        const TOLD_OVER: u64 = Word::ToldOver.bit();
        const TOLD: u64 = HAS_ANSWER | TOLD_DROPPED | TOLD_UNASKED | TOLD_OVER;
        match self {
            Self::CarriedOut(_) => TOLD,
            // A life that is over says nothing any more, and what it said before is there.
            Self::Answered => TOLD_DROPPED | TOLD_OVER,
            Self::Dropped => HAS_ANSWER | TOLD_OVER,
            Self::HasAnswer => TOLD | DROPPED,
            Self::ToldDropped | Self::ToldOver => TOLD | ANSWERED,
            Self::ToldUnasked => TOLD | Self::CarriedOut(0).bit(),
        }
    }

    const fn needs_carrying_out(self) -> bool {
        !matches!(self, Self::CarriedOut(_) | Self::ToldUnasked | Self::ToldOver)
    }
}

/// The docket of one ordered pair of ranks.
#[derive(Clone, Copy)]
pub struct Docket<'a>(&'a [AtomicU64]);

impl<'a> Docket<'a> {
    /// Over these words.
    pub fn new(words: &'a [AtomicU64]) -> Self {
        Self(&words[..DOCKET])
    }

    /// The number of the next request, over all lives of the caller, which is about to ask it.
    pub fn begin(&self) -> u64 {
        let number = self.0[INTENT].load(Acquire) + 1;
        self.request(number).store(number << NUMBER_SHIFT, Release);
        self.0[INTENT].store(number, Release);
        number
    }

    /// Says something of request `number`.
    pub fn say(&self, number: u64, word: Word) -> Result<(), Wrong> {
        if number == 0 || number > self.0[INTENT].load(Acquire) {
            return Err(Wrong::Unknown);
        }
        let add = |old: u64| {
            let epoch =
                if let Word::CarriedOut(epoch) = word { (epoch & EPOCH_MASK) << EPOCH_SHIFT } else { 0 };
            (old >> NUMBER_SHIFT == number).then_some(old | epoch | word.bit())
        };
        let old = self.request(number).fetch_update(AcqRel, Acquire, add).map_err(|_| Wrong::Unknown)?;
        let is_carried_out = old & Word::CarriedOut(0).bit() != 0;
        if matches!(word, Word::CarriedOut(_)) && is_carried_out {
            return Err(Wrong::Twice);
        }
        if old & word.belied_by() != 0 || word.needs_carrying_out() && !is_carried_out {
            return Err(Wrong::Belied);
        }
        Ok(())
    }

    /// The epoch of the life of the server that carried request `number` out.
    pub fn server(&self, number: u64) -> u64 {
        self.request(number).load(Acquire) >> EPOCH_SHIFT & EPOCH_MASK
    }

    /// The caller of request `number` may give it up from now on.
    pub fn loosen(&self, number: u64) {
        let add = |old: u64| (old >> NUMBER_SHIFT == number).then_some(old | LOOSE);
        // Another is in its place: it is forgotten.
        let _ = self.request(number).fetch_update(AcqRel, Acquire, add);
    }

    /// Whether the caller of request `number` waits for its answer, if it goes on.
    pub fn is_awaited(&self, number: u64) -> bool {
        let word = self.request(number).load(Acquire);
        word >> NUMBER_SHIFT == number && word & LOOSE == 0 && !self.is_settled(number)
    }

    /// Whether the caller of request `number` was told that it was dropped, or answered.
    pub fn is_settled(&self, number: u64) -> bool {
        let word = self.request(number).load(Acquire);
        word >> NUMBER_SHIFT == number && word & (Word::ToldDropped.bit() | Word::HasAnswer.bit()) != 0
    }

    fn request(&self, number: u64) -> &'a AtomicU64 {
        &self.0[GROUP + number as usize % REQUESTS]
    }
}

#[cfg(test)]
mod tests {
    use super::Word::*;
    use super::*;

    /// What comes of the last of these words, said of one request; those before are well said.
    fn last_of(said: &[Word]) -> Result<(), Wrong> {
        let words: Vec<_> = (0..DOCKET).map(|_| AtomicU64::new(0)).collect();
        let docket = Docket::new(&words);
        let number = docket.begin();
        let (last, others) = said.split_last().expect("a word");
        others.iter().for_each(|word| assert_eq!(docket.say(number, *word), Ok(()), "{said:?}"));
        docket.say(number, *last)
    }

    #[test]
    fn a_faultless_call_has_no_fault() {
        let first = CarriedOut(3);
        let ways: [&[Word]; 8] = [
            &[first, Answered, HasAnswer],
            &[first, HasAnswer, Answered],
            &[first, Dropped, ToldDropped],
            &[first, ToldDropped, Dropped],
            &[first, ToldOver],
            &[first, HasAnswer],
            &[ToldUnasked],
            &[ToldOver],
        ];
        ways.iter().for_each(|said| assert_eq!(last_of(said), Ok(()), "{said:?}"));
    }

    #[test]
    fn what_is_carried_out_twice_is_seen() {
        assert_eq!(last_of(&[CarriedOut(3), CarriedOut(4)]), Err(Wrong::Twice));
        assert_eq!(last_of(&[CarriedOut(3), HasAnswer, CarriedOut(3)]), Err(Wrong::Twice));
    }

    #[test]
    fn a_word_that_another_belies_is_seen() {
        let first = CarriedOut(3);
        let ways: [&[Word]; 12] = [
            &[HasAnswer],
            &[ToldDropped],
            &[ToldUnasked, first],
            &[ToldOver, first],
            &[first, ToldUnasked],
            &[first, Answered, ToldDropped],
            &[first, Answered, ToldOver],
            &[first, ToldOver, Answered],
            &[first, ToldDropped, Answered],
            &[first, Dropped, HasAnswer],
            &[first, HasAnswer, Dropped],
            &[first, HasAnswer, HasAnswer],
        ];
        ways.iter().for_each(|said| assert_eq!(last_of(said), Err(Wrong::Belied), "{said:?}"));
    }

    #[test]
    fn what_was_in_hand_in_a_panic_and_is_told_to_be_dropped_is_seen() {
        let words: Vec<_> = (0..DOCKET).map(|_| AtomicU64::new(0)).collect();
        let docket = Docket::new(&words);
        let number = docket.begin();
        assert_eq!(docket.say(number, CarriedOut(1)), Ok(()));
        assert!(!docket.is_settled(number) && docket.is_awaited(number));
        assert_eq!(docket.say(number, ToldDropped), Ok(()));
        assert!(docket.is_settled(number) && !docket.is_awaited(number));
        let number = docket.begin();
        docket.loosen(number);
        assert!(!docket.is_awaited(number));
    }

    #[test]
    fn a_request_that_nobody_asked_is_seen() {
        let words: Vec<_> = (0..DOCKET).map(|_| AtomicU64::new(0)).collect();
        let docket = Docket::new(&words);
        assert_eq!(docket.say(1, CarriedOut(1)), Err(Wrong::Unknown));
        (0..REQUESTS).for_each(|_| assert!(docket.begin() > 0));
        assert_eq!(docket.say(1, CarriedOut(1)), Ok(()));
        assert_eq!(docket.server(1), 1);
        docket.begin();
        assert_eq!(docket.say(1, CarriedOut(1)), Err(Wrong::Unknown), "too long ago");
    }
}
