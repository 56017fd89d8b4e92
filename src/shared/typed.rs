//! Values and slices of plain data, through a shared endpoint.

use super::from::SharedFrom;
use super::to::SharedTo;
use crate::error::{RecvError, SendError};
use bytemuck::Pod;

/// # Values
///
/// As with an endpoint: see [`SendTo::send_value`](crate::SendTo::send_value).
impl SharedTo<'_> {
    /// Sends a value. As [`SendTo::send_value`](crate::SendTo::send_value).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let [me, other] = [region.join(0)?.into_shared(), region.join(1)?.into_shared()];
    /// me.to(1).send_value(&[7.5, -1.0])?;
    /// assert_eq!(other.from(0).recv_value::<[f64; 2]>()?, [7.5, -1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send_value<T: Pod>(self, value: &T) -> Result<(), SendError> {
        self.send(bytemuck::bytes_of(value))
    }

    /// Sends the values of a slice, as one message. As [`SendTo::send_slice`](crate::SendTo::send_slice).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let [me, other] = [region.join(0)?.into_shared(), region.join(1)?.into_shared()];
    /// me.to(1).send_slice(&[1u32, 2, 3])?;
    /// let mut numbers = [0u32; 8];
    /// assert_eq!(other.from(0).recv_into_slice(&mut numbers)?, (0, 3));
    /// assert_eq!(numbers[..3], [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send_slice<T: Pod>(self, values: &[T]) -> Result<(), SendError> {
        self.send(bytemuck::cast_slice(values))
    }
}

/// # Copied mail
///
/// These receive a mail, copy it, and acknowledge it. One that does not fit is [`RecvError::Misfit`]: it is put back, and any
/// thread may receive it. A call is dropped when it was copied. Errors as for [`SharedFrom::recv`].
impl SharedFrom<'_> {
    /// Copies the next mail to the front of `buffer`; its sender and its length. As
    /// [`RecvFrom::recv_into`](crate::RecvFrom::recv_into), but an announced message takes private memory on its way.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # other.send(0, b"hello world")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(me.from(1).recv_into(&mut buffer[..5]), Err(RecvError::Misfit { rank: 1, len: 11 }));
    /// assert_eq!(me.from(1).recv_into(&mut buffer)?, (1, 11));
    /// assert_eq!(&buffer[..11], b"hello world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into(self, buffer: &mut [u8]) -> Result<(u32, usize), RecvError> {
        let mail = self.recv()?;
        let fits = mail.len() <= buffer.len();
        mail.take_into(buffer, fits)
    }

    /// The next mail as a value. As [`RecvFrom::recv_value`](crate::RecvFrom::recv_value).
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).send_value(&7u64)?;
    /// assert_eq!(me.from(1).recv_value::<u32>(), Err(RecvError::Misfit { rank: 1, len: 8 }));
    /// assert_eq!(me.from(1).recv_value::<u64>(), Ok(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn recv_value<T: Pod>(self) -> Result<T, RecvError> {
        let mail = self.recv()?;
        let fits = mail.len() == size_of::<T>();
        let mut value = T::zeroed();
        mail.take_into(bytemuck::bytes_of_mut(&mut value), fits)?;
        Ok(value)
    }

    /// Copies the next mail to the front of `values`; its sender, and how many values it has. As
    /// [`RecvFrom::recv_into_slice`](crate::RecvFrom::recv_into_slice), but an announced message takes private memory on its way.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).send_slice(&[1u32, 2, 3])?;
    /// let mut numbers = [0u32; 8];
    /// assert_eq!(me.from(1).recv_into_slice(&mut numbers[..2]), Err(RecvError::Misfit { rank: 1, len: 12 }));
    /// assert_eq!(me.from(1).recv_into_slice(&mut numbers), Ok((1, 3)));
    /// assert_eq!(numbers[..4], [1, 2, 3, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into_slice<T: Pod>(self, values: &mut [T]) -> Result<(u32, usize), RecvError> {
        let mail = self.recv()?;
        let fits = mail.len() <= size_of_val(values) && mail.len().is_multiple_of(size_of::<T>());
        let (rank, len) = mail.take_into(bytemuck::cast_slice_mut(values), fits)?;
        Ok((rank, len.checked_div(size_of::<T>()).unwrap_or(0)))
    }
}
