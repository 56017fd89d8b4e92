//! A word of loom's model.

use super::Ordering;

/// Loom's word, but with a place for each store behind all earlier ones.
///
/// Loom leaves a store and a swap that have not seen each other unordered and lets later loads take either
/// for the newer one. No machine does: the swap returns what comes just before it. A bell has both.
pub struct AtomicU32(loom::sync::atomic::AtomicU32);

impl AtomicU32 {
    /// A word.
    #[track_caller]
    pub fn new(value: u32) -> Self {
        Self(loom::sync::atomic::AtomicU32::new(value))
    }

    /// As of the standard library.
    #[track_caller]
    pub fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    /// As of the standard library.
    #[track_caller]
    pub fn store(&self, value: u32, order: Ordering) {
        self.0.swap(value, order);
    }

    /// As of the standard library.
    #[track_caller]
    pub fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.0.swap(value, order)
    }
}
