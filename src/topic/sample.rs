//! A message of a stream.

use super::Subscriber;
use crate::error::SizeError;
use crate::memory;
use crate::stream::Found;
use bytemuck::{Pod, bytes_of, bytes_of_mut};
use core::fmt;

/// A message of a stream, read in place: what [`Subscriber::recv`] returns. The publisher does not overwrite it before it is dropped.
///
/// One of up to 48 bytes was copied already, and keeps nothing.
///
/// ```
/// # use mailbox::{Config, Policy, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let topic = region.topic("frames")?;
/// let mut frames = topic.subscriber(&me, Policy::skip())?;
/// # let mut publisher = topic.publisher(&other)?;
/// # for number in 0..2000u32 { publisher.publish(&[&number.to_ne_bytes()[..], &[7; 200]].concat())?; }
/// let frame = frames.recv()?;
/// if frame.missed() > 0 {
///     println!("{} frames before number {} were too fast", frame.missed(), frame.number());
/// }
/// // Only the head is copied.
/// let mut head = [0; 4];
/// frame.read_at(0, &mut head);
/// # assert_eq!(u64::from(u32::from_ne_bytes(head)), frame.number());
/// # assert!(frame.missed() > 0 && frame.missed() == frame.number());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sample<'s, 'a> {
    subscriber: &'s mut Subscriber<'a>,
    found: Found,
    number: u64,
    missed: u64,
}

impl<'s, 'a> Sample<'s, 'a> {
    #[inline(always)]
    pub(super) fn new(subscriber: &'s mut Subscriber<'a>, (found, missed): (Found, u64)) -> Self {
        // One in place is still the next.
        let is_short = matches!(found, Found::Short(..));
        let number = subscriber.position().wrapping_sub(u64::from(is_short));
        Self { subscriber, found, number, missed }
    }

    /// Its number among all messages of the stream, from 0 on. [`Sample::read_at`] has an example.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many messages this reader has missed between the one before and this one. [`Sample::read_at`] has an example.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Its length in bytes. [`Sample::read_at`] has an example.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.found {
            Found::Short(_, len) => *len,
            Found::Placed(bytes) => (bytes.end - bytes.start) as usize,
        }
    }

    /// Whether it has no bytes. [`Sample::read_at`] has an example.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies what begins at `offset` to the front of `buffer`, as much as there is and fits, and returns how many bytes that
    /// are.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("words")?;
    /// # let mut publisher = topic.publisher(&me)?;
    /// let mut words = topic.subscriber(&other, Policy::skip())?;
    /// for _ in 0..2000 {
    ///     publisher.publish(b"hello world")?; // more than stay
    /// }
    /// let word = words.recv()?;
    /// assert!(word.missed() > 0);
    /// assert_eq!(word.number(), word.missed(), "all before it");
    /// assert_eq!((word.len(), word.is_empty()), (11, false));
    /// let mut buffer = [0; 8];
    /// assert_eq!((word.read_at(6, &mut buffer), &buffer[..5]), (5, &b"world"[..]));
    /// assert_eq!((word.copy_to(&mut buffer), &buffer), (8, b"hello wo"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let offset = offset.min(self.len());
        let len = (self.len() - offset).min(buffer.len());
        match &self.found {
            Found::Short(words, _) => buffer[..len].copy_from_slice(&bytes_of(words)[offset..offset + len]),
            Found::Placed(bytes) => {
                memory::load_at(self.subscriber.reader().words(bytes), offset, &mut buffer[..len]);
            }
        }
        len
    }

    /// Copies it to the front of `buffer`, as much as fits, and returns how many bytes that are.
    /// [`Sample::read_at`] has an example.
    #[inline]
    pub fn copy_to(&self, buffer: &mut [u8]) -> usize {
        self.read_at(0, buffer)
    }

    /// Its bytes, copied to new memory.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("prices")?;
    /// let mut prices = topic.subscriber(&other, Policy::every())?;
    /// topic.publisher(&me)?.publish(b"17.2")?;
    /// let price = prices.recv()?;
    /// assert_eq!((price.to_vec(), price.len(), price.number()), (b"17.2".to_vec(), 4, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        self.copy_to(&mut bytes);
        bytes
    }

    /// The value whose bytes it is, copied. [`SizeError`] if a `T` has another length. Publisher and subscriber must mean the same
    /// type: nothing checks that.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region, SizeError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("prices")?;
    /// let mut prices = topic.subscriber(&other, Policy::every())?;
    /// topic.publisher(&me)?.publish_value(&17.2f64)?;
    /// let price = prices.recv()?;
    /// assert_eq!(price.value::<f64>(), Ok(17.2));
    /// assert_eq!(price.value::<f32>(), Err(SizeError { len: 8, size: 4 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn value<T: Pod>(&self) -> Result<T, SizeError> {
        if self.len() != size_of::<T>() {
            return Err(SizeError { len: self.len(), size: size_of::<T>() });
        }
        let mut value = T::zeroed();
        self.copy_to(bytes_of_mut(&mut value));
        Ok(value)
    }

    /// Its bytes in place.
    ///
    /// # Safety
    /// The caller trusts the publisher, and all processes with access to the segment, not to write to this message before it is
    /// dropped. No endpoint does. A forked child must not use the slice: its parent may let the message go.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("images")?;
    /// let mut images = topic.subscriber(&other, Policy::every())?;
    /// topic.publisher(&me)?.publish(&[7; 1000])?;
    /// let image = images.recv()?;
    /// // SAFETY: all processes of this region are this program, and none forks.
    /// let pixels = unsafe { image.as_slice() };
    /// assert_eq!(pixels, [7; 1000]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(unsafe_code, reason = "the caller trusts the peer")]
    pub unsafe fn as_slice(&self) -> &[u8] {
        match &self.found {
            Found::Short(words, len) => &bytes_of(words)[..*len],
            // SAFETY: kept as long as `self` lives; the caller answers for the peers (I4).
            Found::Placed(bytes) => unsafe {
                memory::borrow(self.subscriber.reader().words(bytes), self.len())
            },
        }
    }
}

impl Drop for Sample<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.found, Found::Placed(_)) {
            self.subscriber.release();
        }
    }
}

impl fmt::Debug for Sample<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample")
            .field("number", &self.number)
            .field("missed", &self.missed)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
