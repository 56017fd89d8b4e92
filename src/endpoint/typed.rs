//! Values and slices of plain data, as messages.

use super::mail::Mail;
use super::recv_from::RecvFrom;
use super::send_to::SendTo;
use crate::error::{RecvError, SendError};
use bytemuck::Pod;

/// # Values
///
/// Plain data ([`bytemuck::Pod`]) is sent as its bytes. The receiver gets it with [`RecvFrom::recv_value`], with
/// [`RecvFrom::recv_into_slice`], or from a mail with [`Message::value`](crate::Message::value). Sender and receiver must mean
/// the same type: its size is checked, and nothing else.
impl SendTo<'_> {
    /// Sends a value. Otherwise as [`SendTo::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.to(1).send_value(&[7.5, -1.0])?;
    /// assert_eq!(other.from(0).recv_value::<[f64; 2]>()?, [7.5, -1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn send_value<T: Pod>(self, value: &T) -> Result<(), SendError> {
        self.send(bytemuck::bytes_of(value))
    }

    /// Sends the values of a slice, as one message. Otherwise as [`SendTo::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.to(1).send_slice(&[1u32, 2, 3])?;
    /// let mut numbers = [0u32; 8];
    /// assert_eq!(other.from(0).recv_into_slice(&mut numbers)?, (0, 3));
    /// assert_eq!(numbers[..3], [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn send_slice<T: Pod>(self, values: &[T]) -> Result<(), SendError> {
        self.send(bytemuck::cast_slice(values))
    }
}

/// # Values
///
/// See [`SendTo::send_value`].
impl<'a> RecvFrom<'a> {
    /// The next mail as a value, copied, and acknowledges it. Waits until there is one.
    ///
    /// [`RecvError::Misfit`] if a `T` has another length: the mail stays, and is received next. Otherwise as
    /// [`RecvFrom::recv_into`]; but unless announced messages are fetched by hand, one is taken in as by [`RecvFrom::recv`].
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"seven")?;
    /// # other.to(0).send_value(&7u64)?;
    /// let numbers = me.from(1);
    /// assert_eq!(numbers.recv_value::<u64>(), Err(RecvError::Misfit { rank: 1, len: 5 }));
    /// assert_eq!(numbers.recv()?.to_vec(), b"seven");
    /// assert_eq!(numbers.recv_value::<u64>(), Ok(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn recv_value<T: Pod>(self) -> Result<T, RecvError> {
        let mail = self.recv()?;
        match mail.value() {
            // A mail without bytes may be an announcement that is fetched by hand.
            Ok(value) if size_of::<T>() > 0 => Ok(value),
            _ => self.fetch_value(mail),
        }
    }

    /// Copies the next mail to the front of `values`, also an announced message, and acknowledges it. Returns its sender, and
    /// how many values it has. Waits for all of it.
    ///
    /// [`RecvError::Misfit`] if it has more than there is room for, or bytes beyond the last whole value: it stays, and is
    /// received next. Otherwise as [`RecvFrom::recv_into`].
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.to(0).send_slice(&[1u32, 2, 3])?;
    /// let mut numbers = [0u32; 8];
    /// assert_eq!(me.from(1).recv_into_slice(&mut numbers[..2]), Err(RecvError::Misfit { rank: 1, len: 12 }));
    /// assert_eq!(me.from(1).recv_into_slice(&mut numbers), Ok((1, 3)));
    /// assert_eq!(numbers[..4], [1, 2, 3, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into_slice<T: Pod>(self, values: &mut [T]) -> Result<(u32, usize), RecvError> {
        let room = size_of_val(values) as u64;
        let fits = |len: u64| len <= room && len.is_multiple_of(size_of::<T>() as u64);
        let buffer = bytemuck::cast_slice_mut(values);
        let (rank, len) =
            self.receiver.receive_into(self.wanted, (buffer, fits), self.deadline, self.sender)?;
        Ok((rank, len.checked_div(size_of::<T>()).unwrap_or(0)))
    }

    /// The value, also of a message that is to be fetched. Any other mail is put back. Goes on with the next mail if the
    /// message is given up meanwhile.
    #[cold]
    fn fetch_value<T: Pod>(self, mut mail: Mail<'a>) -> Result<T, RecvError> {
        let mut value = T::zeroed();
        let buffer = bytemuck::bytes_of_mut(&mut value);
        let fits = |len| len == size_of::<T>() as u64;
        let mut passed = 0;
        while mail.fetch().copy_all((&mut *buffer, fits), self.deadline)?.is_none() {
            passed += 1;
            self.receiver.check_patience(self.deadline, passed)?;
            mail = self.recv()?;
        }
        Ok(value)
    }
}
