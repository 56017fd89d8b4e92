//! The answer to a call.

use crate::abi::INLINE;
use crate::error::SizeError;
use bytemuck::Pod;
use core::fmt;
use core::ops::Deref;

/// The answer to a call, in memory of this process: bytes.
#[derive(Clone)]
pub struct Reply(Bytes);

#[derive(Clone)]
enum Bytes {
    Few { bytes: [u8; INLINE], len: usize },
    Many(Vec<u8>),
}

impl Reply {
    /// The first `len` of these bytes.
    #[inline(always)]
    pub(crate) fn few(bytes: [u8; INLINE], len: usize) -> Self {
        Self(Bytes::Few { bytes, len })
    }

    pub(crate) fn many(bytes: Vec<u8>) -> Self {
        Self(Bytes::Many(bytes))
    }

    /// The bytes; not copied once more if they are more than 48.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Bytes::Many(bytes) => bytes,
            Bytes::Few { bytes, len } => bytes[..len].to_vec(),
        }
    }

    /// The value whose bytes it is; [`SizeError`] if it has another length than a `T`. Both processes must mean the same
    /// by `T`: nothing checks it.
    pub fn read<T: Pod>(&self) -> Result<T, SizeError> {
        bytemuck::try_pod_read_unaligned(self)
            .map_err(|_| SizeError { len: self.len(), size: size_of::<T>() })
    }
}

impl Deref for Reply {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Few { bytes, len } => &bytes[..*len],
            Bytes::Many(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("len", &self.len()).finish_non_exhaustive()
    }
}
