//! The distance between words of different writers.

use core::ops::Deref;
use crossbeam_utils::CachePadded;

/// A value that lies 128 bytes from its neighbours on every machine; `CachePadded` uses less on some.
#[repr(C, align(128))]
pub struct Padded<T>(CachePadded<T>);

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Padded<T> {
    fn from(inner: T) -> Self {
        Self(inner.into())
    }
}
