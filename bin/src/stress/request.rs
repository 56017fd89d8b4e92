//! What a request and its answer are, known from the request's number and who asks it when.

use crate::common::random::mix;
use mailbox::Mail;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

/// The number, the caller's epoch, the last message before it, and a checksum of these.
const HEAD: usize = 32;
/// What fits a line.
const SMALL: usize = 48;

/// The requests from one rank to another.
pub struct Requests {
    key: u64,
    /// The longest.
    whole: usize,
}

/// A request that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub number: u64,
    /// The life of the caller that asked it.
    pub epoch: u64,
    /// The number of the last whole message that this life sent before it; 0: none.
    pub after: u64,
}

/// What a server does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    Answer(Vec<u8>),
    Refuse(Vec<u8>),
    Drop,
}

impl Requests {
    /// Those `from` one rank `to` another, in a run of this seed, in a region with this limit of a whole message.
    pub fn new(seed: u64, from: u32, to: u32, whole: usize) -> Self {
        Self { key: mix(seed, u64::from(from) << 16 | u64::from(to) | 1 << 41), whole }
    }

    fn random(&self, number: u64, is_answer: bool) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(mix(self.key, number << 1 | u64::from(is_answer)))
    }

    /// The bytes of a request.
    pub fn pack(&self, request: Request) -> Vec<u8> {
        let mut random = self.random(request.number, false);
        let longest = if random.random_ratio(2, 3) { SMALL } else { self.whole };
        let mut bytes = vec![0; random.random_range(HEAD..=longest)];
        random.fill_bytes(&mut bytes);
        let Request { number, epoch, after } = request;
        let words = [number, epoch, after, mix(mix(self.key ^ number, epoch), after)];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The request that a call is, if it is one, all of it.
    pub fn open(&self, call: &Mail<'_>) -> Option<Request> {
        let request = self.parse(&call.to_vec())?;
        (call.epoch() == request.epoch).then_some(request)
    }

    /// The request that these bytes are, if they are one.
    pub fn parse(&self, bytes: &[u8]) -> Option<Request> {
        let head = bytes.first_chunk::<HEAD>()?;
        let [number, epoch, after] = [0, 8, 16]
            .map(|at| u64::from_le_bytes(*head[at..].first_chunk().expect("eight bytes in its head")));
        let request = Request { number, epoch, after };
        (self.pack(request) == bytes).then_some(request)
    }

    /// What is done with request `number`.
    pub fn deed(&self, number: u64) -> Deed {
        let mut random = self.random(number, true);
        let longest = if random.random_ratio(2, 3) { SMALL } else { self.whole };
        // One so short that it may be like another is rare.
        let shortest = if random.random_ratio(1, 16) { 0 } else { 16 };
        let mut bytes = vec![0; random.random_range(shortest..=longest)];
        random.fill_bytes(&mut bytes);
        match random.random_range(0..16) {
            0 => Deed::Drop,
            1..4 => Deed::Refuse(bytes),
            _ => Deed::Answer(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_opened_and_a_changed_byte_is_seen() {
        let requests = Requests::new(1, 0, 1, 512);
        for number in 1..500 {
            let request = Request { number, epoch: number % 7, after: number * 3 };
            let mut bytes = requests.pack(request);
            assert_eq!(requests.parse(&bytes), Some(request));
            let at = number as usize % bytes.len();
            bytes[at] ^= 1;
            assert_eq!(requests.parse(&bytes), None, "torn");
            bytes[at] ^= 1;
            bytes.pop();
            assert_eq!(requests.parse(&bytes), None, "cut");
        }
    }

    #[test]
    fn another_pair_or_number_has_another_answer() {
        let long = |deed: &Deed| matches!(deed, Deed::Answer(bytes) if bytes.len() >= 16);
        let [one, other] = [(0, 1), (1, 0)].map(|(from, to)| Requests::new(1, from, to, 512));
        for number in (1..500).filter(|number| long(&one.deed(*number))) {
            assert_ne!(one.deed(number), other.deed(number));
            assert_ne!(one.deed(number), one.deed(number + 1));
        }
    }
}
