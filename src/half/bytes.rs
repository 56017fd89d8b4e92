//! Bytes in private memory.

use crate::abi::INLINE;
use crate::memory;
use crate::sync::{AtomicU64, Ordering::Relaxed};
use core::ops::Deref;
use std::collections::TryReserveError;

/// Bytes in private memory. As many as fit a cell need no heap.
#[derive(Clone)]
pub enum Bytes {
    /// The first `len` of these.
    Few { bytes: [u8; INLINE], len: usize },
    /// All of these.
    Many(Vec<u8>),
}

impl Bytes {
    /// Copies the first `len` bytes of these words of a segment.
    pub fn copy(words: &[AtomicU64], len: usize) -> Result<Self, TryReserveError> {
        if let (Some(words), true) = (words.first_chunk::<{ INLINE / 8 }>(), len <= INLINE) {
            // All of the cell, word by word: what is behind `len` is never shown.
            return Ok(Self::Few {
                bytes: bytemuck::cast(words.each_ref().map(|word| word.load(Relaxed))),
                len,
            });
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len)?;
        memory::append(words, len, &mut bytes);
        Ok(Self::Many(bytes))
    }

    /// The bytes. They are not copied if they are on the heap.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Many(bytes) => bytes,
            Self::Few { bytes, len } => bytes[..len].to_vec(),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Few { bytes, len } => &bytes[..*len],
            Self::Many(bytes) => bytes,
        }
    }
}
