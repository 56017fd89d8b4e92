//! The machine's atomics with every access counted, for tests that end a process before its k-th access.
//!
//! `--cfg stops` puts these in the place of the real ones. They have the same layout, and code above `sync` does not
//! know of them. So a test can stop the shipped code at every step that a peer could see, and no step needs a mark.

use core::sync::atomic::{self, Ordering};
use std::sync::OnceLock;

/// How many accesses are still to be made; zero if nobody counts.
static LEFT: atomic::AtomicU64 = atomic::AtomicU64::new(0);
/// The function that is called instead of the last one.
static STOP: OnceLock<fn() -> !> = OnceLock::new();

/// Has `stop` called instead of the `count`-th access from now on, by any thread; zero means never.
///
/// Later calls do not change the function.
pub fn arm(count: u64, stop: fn() -> !) {
    STOP.get_or_init(|| stop);
    LEFT.store(count, Ordering::Relaxed);
}

#[inline]
fn step() {
    if LEFT.load(Ordering::Relaxed) > 0
        && LEFT.fetch_sub(1, Ordering::Relaxed) == 1
        && let Some(stop) = STOP.get()
    {
        stop();
    }
}

macro_rules! counted {
    ($($name:ident $value:ty),*) => {$(
        /// The standard library's type, but counted.
        #[repr(transparent)]
        pub struct $name(atomic::$name);

        impl $name {
            /// A word.
            pub const fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            /// As in the standard library.
            #[inline]
            pub fn load(&self, order: Ordering) -> $value {
                step();
                self.0.load(order)
            }

            /// As in the standard library.
            #[inline]
            pub fn store(&self, value: $value, order: Ordering) {
                step();
                self.0.store(value, order);
            }

            /// As in the standard library.
            #[inline]
            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_or(value, order)
            }

            /// As in the standard library.
            #[inline]
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_add(value, order)
            }

            /// As in the standard library.
            #[inline]
            pub fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_and(value, order)
            }

            /// As in the standard library.
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
