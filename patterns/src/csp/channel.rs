//! What both ends of a channel agree on.

use bytemuck::Pod;
use core::fmt;
use core::marker::PhantomData;
use std::borrow::Cow;

/// A channel: its name, the type of its values, and how many of them may be under way. Programs at both ends have the same one.
///
/// ```
/// # use mailbox_patterns::csp::Channel;
/// const ORDERS: Channel<[u32; 4]> = Channel::buffered("orders", 16);
/// const FORK: Channel<()> = Channel::rendezvous("fork");
/// let third = FORK.at(3); // `fork.3`, one of an array of channels
/// ```
pub struct Channel<T> {
    name: Cow<'static, str>,
    capacity: u32,
    of: PhantomData<fn() -> T>,
}

impl<T: Pod> Channel<T> {
    /// A send is over when the value was received. The name has 1 to 63 bytes and no NUL.
    pub const fn rendezvous(name: &'static str) -> Self {
        Self::buffered(name, 0)
    }

    /// The sender may be ahead by `capacity` values. With 0 it is a rendezvous.
    pub const fn buffered(name: &'static str, capacity: u32) -> Self {
        Self { name: Cow::Borrowed(name), capacity, of: PhantomData }
    }

    /// One of an array of such channels, with the name `NAME.INDEX`.
    pub fn at(&self, index: u32) -> Self {
        Self { name: format!("{}.{index}", self.name).into(), ..*self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many values the sender may be ahead; 0 for a rendezvous.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).field("capacity", &self.capacity).finish()
    }
}
