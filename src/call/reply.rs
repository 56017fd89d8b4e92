//! The answer to a call.

use crate::error::SizeError;
use crate::half::Bytes;
use bytemuck::Pod;
use core::fmt;
use core::ops::Deref;

/// The answer to a call, in memory of this process: bytes.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// # let server = std::thread::spawn(move || {
/// #     for _ in 0..2 { server.recv().unwrap().reply(&7u64.to_ne_bytes()).unwrap(); }
/// # });
/// let count: u64 = me.call(1, b"how many?")?.value()?;
/// assert_eq!(count, 7);
/// let reply = me.call(1, b"how many?")?;
/// println!("{} bytes, of which the first is {:?}", reply.len(), reply.first());
/// let kept: Vec<u8> = reply.into_vec();
/// # assert_eq!(kept, 7u64.to_ne_bytes());
/// # server.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Reply(pub(super) Bytes);

impl Reply {
    /// The bytes; not copied once more if they are more than 48.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let call = me.to(1).start_call(b"2 + 2")?;
    /// other.recv()?.reply(b"4")?;
    /// let kept: Vec<u8> = call.wait()?.into_vec();
    /// assert_eq!(kept, b"4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into_vec()
    }

    /// The value whose bytes it is; [`SizeError`] if it has another length than a `T`. Both processes must mean the same
    /// by `T`: nothing checks it.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SizeError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let call = me.to(1).start_call(b"how many?")?;
    /// other.recv()?.reply(&7u64.to_ne_bytes())?;
    /// let answer = call.wait()?;
    /// assert_eq!(answer.value::<u64>(), Ok(7));
    /// assert_eq!(answer.value::<u32>(), Err(SizeError { len: 8, size: 4 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value<T: Pod>(&self) -> Result<T, SizeError> {
        bytemuck::try_pod_read_unaligned(self)
            .map_err(|_| SizeError { len: self.len(), size: size_of::<T>() })
    }
}

impl Deref for Reply {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("len", &self.len()).finish_non_exhaustive()
    }
}
