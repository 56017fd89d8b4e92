//! Memory of long messages that are over, kept for the next ones.
//!
//! Fresh memory costs more than the copy into it: each of its pages is a fault, and the system clears it.

use core::cell::RefCell;

/// The shortest buffer that is kept. The allocator keeps shorter ones itself.
const LEAST: usize = 64 << 10;

/// Buffers of messages that are over.
pub struct Spare {
    /// What is kept in all.
    most: usize,
    buffers: RefCell<Buffers>,
}

#[derive(Default)]
struct Buffers {
    all: Vec<Vec<u8>>,
    /// Their capacities together.
    bytes: usize,
}

impl Spare {
    /// Keeps no more than so many bytes; and never more than were in use at a time.
    pub fn new(most: usize) -> Self {
        Self { most, buffers: RefCell::default() }
    }

    /// An empty buffer for `len` bytes, kept or new. `None` if the system does not have that much.
    pub fn take(&self, len: usize) -> Option<Vec<u8>> {
        if let Some(mut buffer) = self.take_kept(len) {
            buffer.clear();
            return Some(buffer);
        }
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(len).ok()?;
        Some(buffer)
    }

    /// A buffer of `len` bytes, kept or new, to be overwritten: they are of some message, or zero.
    pub fn take_full(&self, len: usize) -> Vec<u8> {
        let Some(mut buffer) = self.take_kept(len) else { return vec![0; len] };
        buffer.resize(len, 0);
        buffer
    }

    /// A buffer with room for `len` bytes, if one is kept.
    fn take_kept(&self, len: usize) -> Option<Vec<u8>> {
        let mut kept = self.buffers.borrow_mut();
        let fits = |buffer: &Vec<u8>| buffer.capacity() >= len;
        // The last one probably lies in a cache.
        let at = kept.all.iter().rposition(fits).filter(|_| len >= LEAST)?;
        let buffer = kept.all.swap_remove(at);
        kept.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Keeps a buffer, if there is room for it.
    pub fn keep(&self, buffer: Vec<u8>) {
        let mut kept = self.buffers.borrow_mut();
        if buffer.capacity() >= LEAST && kept.bytes.saturating_add(buffer.capacity()) <= self.most {
            kept.bytes += buffer.capacity();
            kept.all.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_was_kept_is_the_next_one_that_it_is_large_enough_for() {
        let spare = Spare::new(8 * LEAST);
        let place = |len| spare.take(len).map(|buffer| buffer.as_ptr());
        let buffers = [LEAST, 4 * LEAST].map(|len| spare.take(len).expect("memory"));
        let [small, large] = buffers.each_ref().map(|buffer| buffer.as_ptr());
        buffers.into_iter().for_each(|buffer| spare.keep(buffer));
        assert_eq!(place(3 * LEAST), Some(large));
        assert_ne!(place(2 * LEAST), Some(small));
        assert_eq!(place(LEAST), Some(small));
    }

    #[test]
    fn a_full_buffer_has_its_length_whatever_was_in_it() {
        let spare = Spare::new(8 * LEAST);
        spare.keep(vec![7; 2 * LEAST]);
        for len in [LEAST + 1, 2 * LEAST, 3 * LEAST] {
            let buffer = spare.take_full(len);
            assert_eq!(buffer.len(), len);
            spare.keep(buffer);
        }
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let spare = Spare::new(8 * LEAST);
        let all: Vec<Vec<u8>> = (0..6).map(|_| Vec::with_capacity(2 * LEAST)).collect();
        all.into_iter().for_each(|buffer| spare.keep(buffer));
        spare.keep(Vec::with_capacity(LEAST - 1));
        let kept = spare.buffers.borrow();
        assert_eq!((kept.bytes, kept.all.len()), (8 * LEAST, 4));
    }

    #[test]
    fn what_the_system_does_not_have_is_not_taken() {
        assert!(Spare::new(0).take(1 << 62).is_none());
    }
}
