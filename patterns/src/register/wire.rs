//! What requests, answers and messages look like.

use super::name::hash;
use bytemuck::{Pod, Zeroable, bytes_of};
use mailbox::{Deadline, Mail};

/// What is asked or said.
pub const READ: u32 = 1;
pub const WRITE: u32 = 2;
pub const SWAP: u32 = 3;
pub const QUERY: u32 = 4;
pub const UPDATE: u32 = 5;
pub const PUSH: u32 = 6;
pub const RETURN: u32 = 7;

/// How a request was answered.
pub const DONE: u32 = 1;
pub const NOT_SWAPPED: u32 = 2;
pub const UNKNOWN: u32 = 3;
pub const OTHER_LIFE: u32 = 4;
pub const OTHER_MEMBERS: u32 = 5;
pub const EMPTY: u32 = 6;
pub const NONSENSE: u32 = 7;

/// What each request and message begins with. With a stamp and a value of 8 bytes it has 48 bytes, which travel in one cache line.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Head {
    /// Of the register.
    pub key: u64,
    /// The life of the owner that it is for, where 0 is any; or a hash of the members.
    pub context: u64,
    pub what: u32,
    pub reserved: u32,
}

/// What each answer begins with.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Answer {
    /// The life that answers.
    pub life: u64,
    pub code: u32,
    pub reserved: u32,
}

impl Head {
    pub fn new(key: u64, context: u64, what: u32) -> Self {
        Self { key, context, what, reserved: 0 }
    }

    /// A request of this head and these parts.
    pub fn with(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = bytes_of(&self).to_vec();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }
}

/// The first value in these bytes, and the rest of them.
pub fn split<T: Pod>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (first, rest) = bytes.split_at_checked(size_of::<T>())?;
    Some((bytemuck::pod_read_unaligned(first), rest))
}

/// The value that these bytes are, all of them.
pub fn only<T: Pod>(bytes: &[u8]) -> Option<T> {
    split(bytes).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// The bytes of a mail, if they are no more than `most`.
pub fn bytes_of_mail(mail: &Mail<'_>, most: usize) -> Option<Vec<u8>> {
    (mail.len() <= most).then(|| mail.to_vec())
}

/// Answers a call, without waiting for a caller that takes no answers. It is told if there was no room.
pub fn answer(call: Mail<'_>, life: u64, code: u32, parts: &[&[u8]]) {
    let mut bytes = bytes_of(&Answer { life, code, reserved: 0 }).to_vec();
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    // Otherwise the call is dropped, and its caller asks again or is told.
    _ = call.reply_within(&bytes, Deadline::Now);
}

/// A hash of the members, by which those that were given other ones are known.
pub fn hash_of_members(members: &[u32]) -> u64 {
    hash([bytemuck::cast_slice(members)])
}
