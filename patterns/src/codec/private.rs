//! Private memory, in which values are written and read.

use super::{Codec, DecodeError, EncodeError, Frame, Message};

/// The limit of a receiver that is given none, in bytes: what is sent at once by default.
const LIMIT: usize = 1 << 20;
/// So much memory is kept for the next message.
const KEPT: usize = 64 << 10;

/// Memory for one message at a time.
pub struct Private {
    bytes: Vec<u8>,
    /// The longest message that is read.
    pub limit: usize,
}

impl Private {
    pub fn new() -> Self {
        Self { bytes: vec![], limit: LIMIT }
    }

    /// Reads a message of so many bytes once it is copied. No peer can change it from then on.
    #[inline]
    pub fn read<T: Message, C: Codec<T>>(
        &mut self,
        frame: &Frame<T, C>,
        len: usize,
        copy: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<T, DecodeError> {
        if len > self.limit {
            return Err(DecodeError::TooLong { expected: frame.schema().clone(), len, limit: self.limit });
        }
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        let len = copy(&mut self.bytes[..len]);
        let value = frame.read(&self.bytes[..len]);
        self.forget();
        value
    }

    /// Writes a message, which is given to `send`.
    #[inline]
    pub fn write<T: Message, C: Codec<T>, R, E: From<EncodeError>>(
        &mut self,
        frame: &Frame<T, C>,
        value: &T,
        send: impl FnOnce(&[u8]) -> Result<R, E>,
    ) -> Result<R, E> {
        self.bytes.clear();
        frame.append(value, &mut self.bytes)?;
        let result = send(&self.bytes);
        self.forget();
        result
    }

    #[inline]
    fn forget(&mut self) {
        if self.bytes.capacity() > KEPT {
            self.bytes = vec![];
        }
    }
}
