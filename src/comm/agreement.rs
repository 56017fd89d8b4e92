//! How all ranks of a region agree on a communicator, before they have one: by messages.

use super::making::free_slots;
use crate::abi::MAX_GROUPS;
use crate::endpoint::{Endpoint, Mail, RecvFrom, SendTo};
use crate::error::{CommError, Lost, WaitError};
use crate::wait::Deadline;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

/// The context of these messages.
const AGREEING: u16 = 1;
/// So many messages that say nothing new are passed over at once.
const REPEATED: u64 = 64;
/// In place of a slot: none is free.
const NO_SLOT: u64 = u64::MAX;

/// Tells the attempts of this process apart, so that the answer to one that timed out is not taken for that to a later one.
static ATTEMPTS: AtomicU64 = AtomicU64::new(1);

/// What all ranks have agreed on.
pub struct Agreed {
    /// By rank.
    pub epochs: Vec<u64>,
    /// The slot of their group; `None` if none is free in all.
    pub slot: Option<u32>,
    /// The number of their group.
    pub id: u64,
}

/// How the members agree: each gives rank 0 its word, and then rank 0 tells each the epochs of all, and which word of each it
/// has taken.
pub struct Agreement<'a> {
    pub endpoint: &'a Endpoint,
    pub deadline: Deadline,
}

impl<'a> Agreement<'a> {
    pub fn reach(self) -> Result<Agreed, CommError> {
        if self.endpoint.rank() == 0 { self.gather() } else { self.be_told() }
    }

    fn to(&self, rank: u32) -> SendTo<'a> {
        self.endpoint.to(rank).in_context(AGREEING).within(self.deadline)
    }

    fn from(&self, rank: u32) -> RecvFrom<'a> {
        self.endpoint.from(rank).in_context(AGREEING).within(self.deadline)
    }

    fn epoch_of(&self, rank: u32) -> u64 {
        self.endpoint.region().registry.life(rank).epoch()
    }

    /// Waits until this rank is there.
    fn await_rank(&self, rank: u32) -> Result<(), CommError> {
        match self.endpoint.region().wait_for(rank, self.deadline.left()) {
            Err(WaitError::Timeout { .. }) => Err(self.missing(|one| one == rank)),
            Err(_) => Err(Lost::Removed.into()),
            Ok(_) => Ok(()),
        }
    }

    fn missing(&self, is_missing: impl Fn(u32) -> bool) -> CommError {
        let mut missing = (0..self.endpoint.region().ranks()).filter(|rank| is_missing(*rank));
        CommError::Missing { missing: missing.next().unwrap_or_default(), others: missing.count() as u32 }
    }

    /// Rank 0 waits for the word of all others.
    fn gather(&self) -> Result<Agreed, CommError> {
        let ranks = self.endpoint.region().ranks();
        // Acknowledged when all are there. If that is not so in time, the next attempt finds them again.
        let mut words: Vec<Option<Mail<'a>>> = (0..ranks).map(|_| None).collect();
        // One that gave its word may have ended meanwhile.
        while let Some(rank) = (1..ranks).find(|rank| !self.has_word(&words, *rank)) {
            match self.word_of(rank, &words) {
                Ok(word) => words[rank as usize] = Some(word),
                Err(error) => {
                    words.into_iter().flatten().for_each(Mail::requeue);
                    return Err(error);
                }
            }
        }
        let own = (self.endpoint.epoch(), [0, self.free()]);
        let given = |word: &Option<Mail<'_>>| {
            word.as_ref().map_or(own, |word| (word.epoch(), word.value().unwrap_or_default()))
        };
        let (epochs, mut words): (Vec<u64>, Vec<Word>) = words.iter().map(given).unzip();
        for rank in 1..ranks {
            let word = &mut words[rank as usize];
            *word = self.last_word(rank, epochs[rank as usize]).unwrap_or(*word);
        }
        let free = words.iter().fold(u64::MAX, |all, [_, free]| all & free);
        let agreed = Agreed { epochs, slot: first_of(free), id: new_id() };
        let attempts: Vec<u64> = words.iter().map(|[attempt, _]| *attempt).collect();
        let list =
            [agreed.epochs.as_slice(), &attempts, &[agreed.slot.map_or(NO_SLOT, u64::from), agreed.id]]
                .concat();
        for rank in 1..ranks {
            match self.to(rank).send_slice(&list) {
                // The others are told all the same, and find out.
                Err(error) if error.is_gone() => {}
                result => result?,
            }
        }
        Ok(agreed)
    }

    /// The slots that this rank could use.
    fn free(&self) -> u64 {
        free_slots(self.endpoint)
    }

    /// Whether this rank is there and has given its word in this life.
    fn has_word(&self, words: &[Option<Mail<'_>>], rank: u32) -> bool {
        let life = self.endpoint.region().registry.life(rank);
        life.joined() && words[rank as usize].as_ref().is_some_and(|word| word.epoch() == life.epoch())
    }

    /// A rank gave its word more than once, if it tried more than once: the last word of this life. The word of a later life is
    /// for the next communicator.
    fn last_word(&self, rank: u32, epoch: u64) -> Option<Word> {
        let mut last = None;
        for _ in 0..REPEATED {
            match self.from(rank).try_recv() {
                Ok(Some(word)) if word.epoch() == epoch => last = word.value().ok().or(last),
                Ok(Some(word)) => {
                    word.requeue();
                    break;
                }
                _ => break,
            }
        }
        last
    }

    /// The word of the present life of this rank. `words` are those that were given before.
    fn word_of(&self, rank: u32, words: &[Option<Mail<'_>>]) -> Result<Mail<'a>, CommError> {
        let missing = || {
            let has_come = |one: u32| self.from(one).peek().is_ok_and(|word| word.is_some());
            self.missing(|one| one != 0 && !self.has_word(words, one) && !has_come(one))
        };
        for passed in 0u64.. {
            match self.from(rank).recv() {
                // What a life that is over has said counts no more.
                Ok(word) if word.epoch() != self.epoch_of(rank) => {}
                Ok(word) => return Ok(word),
                Err(error) if error.is_timeout() => break,
                // It may come back.
                Err(error) if error.is_gone() => self.await_rank(rank)?,
                Err(error) => return Err(error.into()),
            }
            if self.is_out_of_patience(passed) {
                break;
            }
        }
        Err(missing())
    }

    /// Whether so many messages that say nothing have come that it is time to look at the deadline.
    fn is_out_of_patience(&self, passed: u64) -> bool {
        passed >= REPEATED && self.deadline.has_passed(Instant::now)
    }

    /// Gives rank 0 the word, and waits until that tells the epochs of all.
    fn be_told(&self) -> Result<Agreed, CommError> {
        let attempt = ATTEMPTS.fetch_add(1, Relaxed);
        let mut zero = self.give_word(attempt)?;
        for passed in 0u64.. {
            match self.from(0).of_life(zero).recv() {
                Ok(list) => {
                    let told = numbers_of(&list);
                    if list.epoch() == self.epoch_of(0)
                        && let Some(agreed) = self.answer(told, attempt)
                    {
                        return Ok(agreed);
                    }
                }
                Err(error) if error.is_timeout() => break,
                Err(error) if error.is_gone() => {
                    // The life that comes next may not find the word that this one gave.
                    self.await_rank(0)?;
                    zero = self.give_word(attempt)?;
                }
                Err(error) => return Err(error.into()),
            }
            if self.is_out_of_patience(passed) {
                break;
            }
        }
        let is_absent = |rank: u32| !self.endpoint.region().registry.life(rank).joined();
        let is_any = (0..self.endpoint.region().ranks()).any(is_absent);
        Err(self.missing(|rank| if is_any { is_absent(rank) } else { rank == 0 }))
    }

    /// Gives rank 0 the word: that this is such an attempt, and which slots are free. The epoch of the life that is to answer.
    fn give_word(&self, attempt: u64) -> Result<u64, CommError> {
        let life = self.endpoint.region().registry.life(0);
        self.to(0).send_value(&[attempt, self.free()])?;
        Ok(life.epoch() + u64::from(!life.joined()))
    }

    /// What a list of epochs and attempts says, if it answers this attempt of this life. One without it answers a former one:
    /// others may have agreed without this rank since.
    fn answer(&self, mut list: Vec<u64>, attempt: u64) -> Option<Agreed> {
        let (me, ranks) = (self.endpoint.rank() as usize, self.endpoint.region().ranks() as usize);
        let is_for_me = |list: &[u64]| list[me] == self.endpoint.epoch() && list[ranks + me] == attempt;
        if list.len() != 2 * ranks + 2 || !is_for_me(&list) {
            return None;
        }
        let (slot, id) = (list[2 * ranks], list[2 * ranks + 1]);
        list.truncate(ranks);
        // A slot that cannot be is none, and so is one that this rank uses for something else.
        let is_slot = slot < u64::from(MAX_GROUPS) && self.free() >> slot & 1 == 1;
        Some(Agreed { epochs: list, slot: is_slot.then_some(slot as u32), id })
    }
}

/// What a rank gives rank 0: which attempt of this rank it is, and the slots that it could use, one bit for each.
type Word = [u64; 2];

/// The first of these slots, if there is one.
pub fn first_of(free: u64) -> Option<u32> {
    (free != 0).then(|| free.trailing_zeros())
}

/// A number that no other group has.
pub fn new_id() -> u64 {
    // Not in the bits that tell contexts apart.
    RandomState::new().hash_one(std::process::id()) | 1 << 63
}

fn numbers_of(list: &Mail<'_>) -> Vec<u64> {
    list.to_vec()
        .chunks_exact(8)
        .map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap_or_default()))
        .collect()
}
