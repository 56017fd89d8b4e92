//! A message that shows whether it is whole.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// Bytes of the shortest: the number, the length, and 32 random bits.
pub const SHORTEST: usize = 16;

/// The message of this number, in `len` bytes. No two of the same number are the same.
pub fn write(number: u64, len: usize, random: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    fill(number, len as u64 | u64::from(random.random::<u32>()) << 32)
}

/// The number of a message that is whole.
pub fn read(bytes: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let (number, mark) = (word(0)?, word(8)?);
    (bytes.len() == mark as u32 as usize && bytes == fill(number, mark)).then_some(number)
}

fn fill(number: u64, mark: u64) -> Vec<u8> {
    let len = mark as u32 as usize;
    let key = (number ^ mark.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(len + 8);
    for at in 0..len.div_ceil(8) as u64 {
        let word = match at {
            0 => number,
            1 => mark,
            _ => (key ^ at).wrapping_mul(0xbf58_476d_1ce4_e5b9),
        };
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
