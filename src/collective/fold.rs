//! How values are combined.

use crate::abi::{LINE, LINE_WORDS};
use bytemuck::{Pod, cast_slice_mut};

/// Bytes that are copied from another's window at once before they are combined: they stay in the nearest cache.
const BLOCK: usize = 4096;

/// Copies bytes of what a member has, from an offset, a multiple of 8, on.
pub type Copying<'a> = dyn FnMut(usize, &mut [u8]) + 'a;

/// Combines what comes from one member after the other.
pub trait Fold {
    /// Takes `len` bytes of the next member before this one.
    fn take_before(&mut self, is_first: bool, len: usize, copy: &mut Copying<'_>);

    /// Combines what was taken before with this member's own values, which lie in `to`.
    fn take_own(&mut self, to: &mut [u8]);

    /// Combines what is in `to` with what the next member after this one has.
    fn take_after(&mut self, to: &mut [u8], copy: &mut Copying<'_>);

    /// What was taken before, combined.
    fn copy_before(&mut self, to: &mut [u8]);
}

/// Combines elements by a function.
pub struct Folding<T, F> {
    combine: F,
    /// What was taken before.
    before: Room<T>,
    next: Room<T>,
}

/// Private memory for elements. Those of a line need no allocation.
struct Room<T> {
    short: [u64; LINE_WORDS],
    long: Vec<T>,
}

impl<T> Room<T> {
    fn new() -> Self {
        Self { short: [0; LINE_WORDS], long: vec![] }
    }
}

impl<T: Pod> Room<T> {
    /// Room for so many elements, with those that are there.
    #[inline(always)]
    fn of(&mut self, count: usize) -> &mut [T] {
        let bytes = count * size_of::<T>();
        if bytes <= LINE && align_of::<T>() <= align_of::<u64>() {
            let all: &mut [u8] = cast_slice_mut(&mut self.short);
            return cast_slice_mut(&mut all[..bytes]);
        }
        if self.long.len() < count {
            self.long.resize(count, T::zeroed());
        }
        &mut self.long[..count]
    }
}

impl<T, F> Folding<T, F> {
    pub fn new(combine: F) -> Self {
        Self { combine, before: Room::new(), next: Room::new() }
    }
}

/// Combines each of these with what the next member has.
#[inline(always)]
fn combine_all<T: Pod>(
    combine: &mut impl FnMut(T, T) -> T,
    all: &mut [T],
    next: &mut Room<T>,
    copy: &mut Copying<'_>,
) {
    // A multiple of 8 elements begins at a multiple of 8 bytes.
    let block = (BLOCK / size_of::<T>().max(1) / 8 * 8).max(8);
    for (at, all) in all.chunks_mut(block).enumerate() {
        let next = next.of(all.len());
        copy(at * block * size_of::<T>(), cast_slice_mut(next));
        for (one, other) in all.iter_mut().zip(next) {
            *one = combine(*one, *other);
        }
    }
}

impl<T: Pod, F: FnMut(T, T) -> T> Fold for Folding<T, F> {
    fn take_before(&mut self, is_first: bool, len: usize, copy: &mut Copying<'_>) {
        let all = self.before.of(len / size_of::<T>().max(1));
        match is_first {
            true => copy(0, cast_slice_mut(all)),
            false => combine_all(&mut self.combine, all, &mut self.next, copy),
        }
    }

    fn take_own(&mut self, to: &mut [u8]) {
        let own: &mut [T] = cast_slice_mut(to);
        for (before, own) in self.before.of(own.len()).iter().zip(own) {
            *own = (self.combine)(*before, *own);
        }
    }

    fn take_after(&mut self, to: &mut [u8], copy: &mut Copying<'_>) {
        combine_all(&mut self.combine, cast_slice_mut(to), &mut self.next, copy);
    }

    fn copy_before(&mut self, to: &mut [u8]) {
        let to: &mut [T] = cast_slice_mut(to);
        to.copy_from_slice(self.before.of(to.len()));
    }
}
