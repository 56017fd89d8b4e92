//! The payload of a mail.

use super::Incoming;
use crate::memory;
use crate::ring::Descriptor;
use crate::sync::AtomicU64;
use core::cell::Ref;

impl Incoming {
    /// The bytes of an assembled descriptor.
    pub fn message(&self, seq: u64) -> Ref<'_, [u8]> {
        self.kept.message(seq)
    }

    /// The payload words of a descriptor that is not assembled.
    pub fn words(&self, descriptor: &Descriptor) -> &[AtomicU64] {
        if descriptor.is_on_line() { self.server.words() } else { self.consumer.words(descriptor) }
    }

    /// Copies the payload of a descriptor from `offset` on to `buffer`, which is not longer than the rest of the
    /// payload.
    #[inline(always)]
    pub fn copy(&self, descriptor: &Descriptor, offset: usize, buffer: &mut [u8]) {
        if let (Some(index), 0) = (descriptor.cell(), offset) {
            self.consumer.copy_small(index, buffer);
        } else if descriptor.is_on_line() && offset == 0 {
            memory::load_small(self.server.words(), buffer);
        } else {
            self.copy_beyond(*descriptor, offset, buffer);
        }
    }

    // Takes the descriptor, not a reference to it, as `mail::finish` does.
    #[inline(never)]
    fn copy_beyond(&self, descriptor: Descriptor, offset: usize, buffer: &mut [u8]) {
        if descriptor.is_on_line() {
            memory::load_at(self.server.words(), offset, buffer);
        } else if descriptor.is_assembled() {
            buffer.copy_from_slice(&self.message(descriptor.seq)[offset..offset + buffer.len()]);
        } else if offset == 0 {
            memory::load(self.consumer.words(&descriptor), buffer);
        } else {
            memory::load_at(self.consumer.words(&descriptor), offset, buffer);
        }
    }
}
