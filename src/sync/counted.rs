//! Atomics with every access counted, for tests that stop a process, or a thread of a model, before its k-th access.
//!
//! `--cfg stops` puts these in the place of the machine's, and `--cfg loom` in the place of loom's. They have the same
//! layout, and code above `sync` does not know of them. So a test can stop the shipped code at every step that a peer
//! could see, and no step needs a mark.

use super::Ordering;
#[cfg(stops)]
use super::stops::step;
#[cfg(loom)]
use super::threads::step;
#[cfg(stops)]
use core::sync::atomic;
#[cfg(loom)]
use loom::sync::atomic;

macro_rules! counted {
    ($($name:ident $value:ty),*) => {$(
        /// The usual type, but counted.
        #[repr(transparent)]
        pub struct $name(atomic::$name);

        impl $name {
            /// A word.
            #[cfg(stops)]
            pub const fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            /// A word.
            #[cfg(loom)]
            #[track_caller]
            pub fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            /// As in the standard library.
            #[inline]
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                step();
                self.0.load(order)
            }

            /// As in the standard library.
            #[inline]
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                step();
                self.0.store(value, order);
            }

            /// As in the standard library.
            #[inline]
            #[track_caller]
            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_or(value, order)
            }

            /// As in the standard library.
            #[inline]
            #[track_caller]
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_add(value, order)
            }

            /// As in the standard library.
            #[inline]
            #[track_caller]
            pub fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_and(value, order)
            }

            /// As in the standard library.
            #[cfg(stops)]
            pub const fn as_ptr(&self) -> *mut $value {
                self.0.as_ptr()
            }
        }

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
    )*};
}

counted!(AtomicU32 u32, AtomicU64 u64);
