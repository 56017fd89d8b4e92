//! What all who use a register agree on.

use super::RegisterError;
use bytemuck::Pod;
use core::any::type_name;
use core::fmt;
use core::marker::PhantomData;
use mailbox::Endpoint;
use std::borrow::Cow;

/// A register: its name, and the type of its value. All programs that use it have the same one.
///
/// ```
/// # use mailbox_patterns::register::Register;
/// const PRICE: Register<u64> = Register::new("price");
/// const POSITION: Register<[f32; 3]> = Register::new("position");
/// let third = POSITION.at(3); // `position.3`, one of an array of registers
/// ```
pub struct Register<T> {
    name: Cow<'static, str>,
    of: PhantomData<fn() -> T>,
}

impl<T: Pod> Register<T> {
    /// A register with this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), of: PhantomData }
    }

    /// One of an array of such registers, with the name `NAME.INDEX`.
    pub fn at(&self, index: u32) -> Self {
        Self { name: format!("{}.{index}", self.name).into(), of: PhantomData }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What requests bear: a hash of the name, and of the name and size of the type.
    pub(super) fn key(&self) -> u64 {
        let size = (size_of::<T>() as u64).to_ne_bytes();
        hash([self.name.as_bytes(), &[0], type_name::<T>().as_bytes(), &size])
    }

    /// Whether a request or an answer with `more` bytes beside this many values can be sent.
    pub(super) fn check_len(&self, me: &Endpoint, values: usize, more: usize) -> Result<(), RegisterError> {
        let (len, limit) = ((values * size_of::<T>() + more) as u64, me.region().eager_limit());
        if len <= limit {
            return Ok(());
        }
        Err(RegisterError::TooLong { register: self.name.to_string(), len, limit })
    }
}

impl<T> Clone for Register<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), of: PhantomData }
    }
}

impl<T> fmt::Debug for Register<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The same in every program: FNV-1a, with 64 bits.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    parts.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}
