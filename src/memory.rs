//! The only place where mapped bytes become references, and the copying of payload.
//!
//! Everything above works on [`Shared`] values, whether they lie in a mapping or, for model checks and
//! property tests, on the heap.

use crate::cell::INLINE;
use crate::layout::{Cell, ConsumerLine, Geometry, Header, Lines, ProducerLine, Rank};
use crate::marks::index;
use crate::sync::{AtomicU64, Ordering::Relaxed};
use core::any::Any;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::Arc;

/// A mapped segment, unmapped when the last value in it is dropped.
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
    _owner: Box<dyn Any>,
}

// SAFETY: the bytes are only reached through atomics, and the owner is only kept to be dropped.
#[expect(unsafe_code, reason = "a pointer into a shared mapping")]
unsafe impl Send for Mapping {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a pointer into a shared mapping")]
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Takes over the mapping of `len` bytes at `base`, which lives as long as `owner`.
    ///
    /// # Safety
    /// - `base` points at `len` bytes, readable and writable for as long as `owner` is not dropped, and
    ///   page-aligned.
    /// - `owner` may be dropped on any thread.
    #[expect(unsafe_code, reason = "the caller answers for the pointer")]
    pub unsafe fn new(base: NonNull<u8>, len: usize, owner: Box<dyn Any>) -> Self {
        Self { base, len, _owner: owner }
    }
}

/// A type that is nothing but atomic integers, so that any bytes are a value of it.
///
/// # Safety
/// The type is `repr(C)` or an atomic, and all its fields are atomics or such types.
#[expect(unsafe_code, reason = "the promise that makes an overlay sound")]
unsafe trait Overlay {}

macro_rules! overlay {
    ($($name:ty),*) => {$(
        // SAFETY: see the definition; nothing but atomics.
        #[expect(unsafe_code, reason = "layout's types are made for this")]
        unsafe impl Overlay for $name {}
    )*};
}
overlay!(Header, Rank, Lines, Cell, AtomicU64);

/// A reference to shared words that keeps them where they are.
pub struct Shared<T: ?Sized> {
    target: NonNull<T>,
    _keeper: Arc<dyn Any + Send + Sync>,
}

// SAFETY: a `Shared` is a `&T` with an `Arc` beside it.
#[expect(unsafe_code, reason = "a reference in all but name")]
unsafe impl<T: ?Sized + Sync> Send for Shared<T> {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a reference in all but name")]
unsafe impl<T: ?Sized + Sync> Sync for Shared<T> {}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    #[inline(always)]
    #[expect(unsafe_code, reason = "the one pointer-to-reference cast")]
    fn deref(&self) -> &T {
        // SAFETY: both constructors point `target` at a value that `_keeper` keeps alive and in place.
        unsafe { self.target.as_ref() }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { target: self.target, _keeper: self._keeper.clone() }
    }
}

impl<T: Send + Sync + 'static> From<Arc<T>> for Shared<T> {
    fn from(value: Arc<T>) -> Self {
        Self { target: NonNull::from(&*value), _keeper: value }
    }
}

impl<T: Send + Sync + 'static> From<Vec<T>> for Shared<[T]> {
    fn from(values: Vec<T>) -> Self {
        let values: Arc<Box<[T]>> = Arc::new(values.into());
        Self { target: NonNull::from(&**values), _keeper: values }
    }
}

impl<T> Shared<[T]> {
    /// The value at `index`, by itself.
    pub fn item(&self, index: usize) -> Shared<T> {
        Shared { target: NonNull::from(&self[index]), _keeper: self._keeper.clone() }
    }
}

#[expect(private_bounds, reason = "only layout's types lie in a mapping")]
impl<T: Overlay + 'static> Shared<[T]> {
    /// The `count` values at `offset` of `mapping`.
    ///
    /// # Panics
    /// If they do not lie in the mapping, aligned: the offsets come from a checked geometry.
    #[expect(unsafe_code, reason = "the one pointer-to-reference cast")]
    pub fn mapped(mapping: &Arc<Mapping>, offset: u64, count: usize) -> Self {
        let bytes = size_of::<T>().checked_mul(count).expect("a checked geometry");
        let offset = usize::try_from(offset).expect("a checked geometry");
        assert!(offset.checked_add(bytes).is_some_and(|end| end <= mapping.len), "outside the mapping");
        // SAFETY: just checked to lie within the mapping.
        let first = unsafe { mapping.base.add(offset) }.cast::<T>();
        assert!(first.is_aligned(), "misaligned");
        // Any bytes are a `T`, and other processes' writes meet atomics only (`Overlay`, I4); `_keeper`
        // keeps the mapping.
        Self { target: NonNull::slice_from_raw_parts(first, count), _keeper: mapping.clone() }
    }
}

/// The cells of a mailbox; their number is a power of two.
#[derive(Clone)]
pub struct Ring(Shared<[Cell]>);

impl Ring {
    /// # Panics
    /// If their number is not a power of two.
    fn new(cells: Shared<[Cell]>) -> Self {
        assert!(cells.len().is_power_of_two(), "a checked geometry");
        Self(cells)
    }

    /// The cell of message `seq`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a check that cannot fail, several times a message")]
    pub fn at(&self, seq: u64) -> &Cell {
        let index = index(seq, self.0.len());
        // SAFETY: `new` saw that the length is a power of two, and the index is less.
        unsafe { self.0.get_unchecked(index) }
    }
}

impl Deref for Ring {
    type Target = [Cell];

    #[inline(always)]
    fn deref(&self) -> &[Cell] {
        &self.0
    }
}

/// A mailbox's parts, all shared.
#[derive(Clone)]
pub struct Mailbox {
    /// Consumer, producer and call line, control lane.
    pub lines: Shared<Lines>,
    /// The ring.
    pub cells: Ring,
    /// Payloads that do not fit a cell.
    pub arena: Shared<[AtomicU64]>,
}

impl Mailbox {
    /// The mailbox from `from` to `to` in a mapping of this geometry.
    pub fn mapped(mapping: &Arc<Mapping>, geometry: &Geometry, from: u32, to: u32) -> Self {
        let base = geometry.mailbox(from, to);
        let cells = base + Geometry::CELLS;
        Self {
            lines: Shared::<[Lines]>::mapped(mapping, base, 1).item(0),
            cells: Ring::new(Shared::<[Cell]>::mapped(mapping, cells, geometry.cells as usize)),
            arena: Shared::<[AtomicU64]>::mapped(
                mapping,
                cells + 64 * geometry.cells as u64,
                (geometry.arena / 8) as usize,
            ),
        }
    }

    /// A mailbox on the heap whose next sequence number is `start`.
    pub fn on_heap(cells: usize, arena_words: usize, start: u64) -> Self {
        let mask = cells as u64 - 1;
        let atomic = || AtomicU64::new(0);
        let cell = |stamp| Cell {
            stamp: AtomicU64::new(stamp),
            envelope: atomic(),
            payload: core::array::from_fn(|_| atomic()),
        };
        let lines = Lines {
            consumer: ConsumerLine {
                head: AtomicU64::new(start),
                told: atomic(),
                wakes: atomic(),
                drops: atomic(),
                reset: atomic(),
            }
            .into(),
            producer: ProducerLine {
                bytes: atomic(),
                counted: start.into(),
                fragments: atomic(),
                full: atomic(),
                sleeps: atomic(),
                wakes: atomic(),
                answered: atomic(),
                start: atomic(),
            }
            .into(),
            call: atomic().into(),
            control: core::array::from_fn(|_| cell(0)),
        };
        // A cell that a longer past would have left: stamped one lap ago.
        let past = |index: u64| {
            let seq = start.wrapping_add(index.wrapping_sub(start) & mask);
            if start == 0 { 0 } else { seq.wrapping_add(1).wrapping_sub(cells as u64) }
        };
        Self {
            lines: Arc::new(lines).into(),
            cells: Ring::new((0..cells as u64).map(|index| cell(past(index))).collect::<Vec<_>>().into()),
            arena: (0..arena_words).map(|_| atomic()).collect::<Vec<_>>().into(),
        }
    }
}

/// Asks the processor to fetch the line of `value`, where it can be asked.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "an intrinsic that takes a pointer")]
    // SAFETY: a prefetch touches nothing; the pointer is valid besides.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Stores `bytes` from the beginning of `words`; bytes that share the last word with them become zero.
///
/// Cost: what `memcpy` costs; each word is stored once, relaxed.
#[inline(always)]
pub fn store(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    let (words, last) = words.split_at(whole.len());
    for (word, bytes) in words.iter().zip(whole) {
        word.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
    if !rest.is_empty() {
        let mut bytes = [0; 8];
        bytes[..rest.len()].copy_from_slice(rest);
        last[0].store(u64::from_ne_bytes(bytes), Relaxed);
    }
}

/// Loads `bytes` from the beginning of `words`.
///
/// Cost: what `memcpy` costs; each word is loaded once, relaxed.
#[inline(always)]
pub fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut::<8>();
    let (words, last) = words.split_at(whole.len());
    for (word, bytes) in words.iter().zip(whole) {
        *bytes = word.load(Relaxed).to_ne_bytes();
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&last[0].load(Relaxed).to_ne_bytes()[..rest.len()]);
    }
}

/// Appends the first `len` bytes of `words` to `bytes`.
///
/// Cost: what `memcpy` costs; each word is loaded once, relaxed.
pub fn append(words: &[AtomicU64], len: usize, bytes: &mut Vec<u8>) {
    let old = bytes.len();
    bytes.reserve(len);
    let spare = &mut bytes.spare_capacity_mut()[..len];
    let (whole, rest) = spare.as_chunks_mut::<8>();
    let (words, last) = words.split_at(whole.len());
    for (word, bytes) in words.iter().zip(whole) {
        *bytes = word.load(Relaxed).to_ne_bytes().map(MaybeUninit::new);
    }
    if !rest.is_empty() {
        for (byte, value) in rest.iter_mut().zip(last[0].load(Relaxed).to_ne_bytes()) {
            byte.write(value);
        }
    }
    // SAFETY: reserved, and all of them just written.
    #[expect(unsafe_code, reason = "the bytes need not be zeroed first")]
    unsafe {
        bytes.set_len(old + len);
    }
}

/// As [`store`], for a payload that fits a cell: few instructions rather than many words.
#[inline(always)]
pub fn store_small(words: &[AtomicU64; INLINE / 8], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let Some(first) = whole.get(at) else {
            if !rest.is_empty() {
                // Byte by byte: a call to copy seven bytes would have every caller save its registers.
                let byte = |value, (at, byte): (usize, &u8)| value | u64::from(*byte) << (8 * at);
                word.store(rest.iter().enumerate().fold(0, byte).to_le(), Relaxed);
            }
            return;
        };
        word.store(u64::from_ne_bytes(*first), Relaxed);
    }
}

/// As [`load`], for a payload that fits a cell.
#[inline(always)]
pub fn load_small(words: &[AtomicU64; INLINE / 8], bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut();
    for (at, word) in words.iter().enumerate() {
        let Some(first) = whole.get_mut(at) else {
            if !rest.is_empty() {
                let value = word.load(Relaxed).to_le();
                rest.iter_mut().enumerate().for_each(|(at, byte)| *byte = (value >> (8 * at)) as u8);
            }
            return;
        };
        *first = word.load(Relaxed).to_ne_bytes();
    }
}

/// Splits a byte range that need not begin at a word: the bytes up to the first whole word, and that word.
fn unaligned(offset: usize, len: usize) -> (usize, usize) {
    ((offset.next_multiple_of(8) - offset).min(len), offset.div_ceil(8))
}

/// Stores `bytes` at byte `offset` of `words` and leaves all other bytes as they are. The caller is the only
/// writer of these words.
pub fn store_at(words: &[AtomicU64], offset: usize, bytes: &[u8]) {
    let patch = |index: usize, at: usize, bytes: &[u8]| {
        let mut word = words[index].load(Relaxed).to_ne_bytes();
        word[at..at + bytes.len()].copy_from_slice(bytes);
        words[index].store(u64::from_ne_bytes(word), Relaxed);
    };
    let (head, next) = unaligned(offset, bytes.len());
    let (head, body) = bytes.split_at(head);
    let (body, tail) = body.split_at(body.len() / 8 * 8);
    if !head.is_empty() {
        patch(offset / 8, offset % 8, head);
    }
    if !body.is_empty() {
        store(&words[next..], body);
    }
    if !tail.is_empty() {
        patch(next + body.len() / 8, 0, tail);
    }
}

/// Loads `bytes` from byte `offset` of `words`.
pub fn load_at(words: &[AtomicU64], offset: usize, bytes: &mut [u8]) {
    let (head, next) = unaligned(offset, bytes.len());
    let (head, rest) = bytes.split_at_mut(head);
    if !head.is_empty() {
        let word = words[offset / 8].load(Relaxed).to_ne_bytes();
        head.copy_from_slice(&word[offset % 8..offset % 8 + head.len()]);
    }
    if !rest.is_empty() {
        load(&words[next..], rest);
    }
}

/// The first `len` bytes of `words`, in place.
///
/// # Safety
/// Nobody writes these words while the slice lives: the peer is trusted to keep to the protocol.
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "what a caller who trusts its peer asks for")]
pub unsafe fn borrow(words: &[AtomicU64], len: usize) -> &[u8] {
    assert!(len <= size_of_val(words));
    // SAFETY: in bounds; the caller answers for the absence of writers.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), len) }
}

/// The first `len` bytes of `words`, in place, to be written.
///
/// # Safety
/// Nobody else reads or writes these words while the slice lives: the peer is trusted to keep to the
/// protocol, and the caller has the only access.
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "what a caller who trusts its peer asks for")]
#[expect(clippy::mut_from_ref, reason = "the words are atomics; the caller answers for exclusivity")]
pub unsafe fn borrow_mut(words: &[AtomicU64], len: usize) -> &mut [u8] {
    assert!(len <= size_of_val(words));
    // SAFETY: in bounds, and behind an `UnsafeCell`; the caller answers for exclusive access.
    unsafe { core::slice::from_raw_parts_mut(words.as_ptr().cast_mut().cast(), len) }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn any_byte_range_is_stored_and_loaded() {
        for offset in 0..20 {
            for len in 0..40 {
                let words: Vec<_> = (0..8).map(|_| AtomicU64::new(u64::MAX)).collect();
                let bytes: Vec<u8> = (1..=len as u8).collect();
                store_at(&words, offset, &bytes);
                let mut all = [0; 64];
                load(&words, &mut all);
                let mut expected = [255; 64];
                expected[offset..offset + len].copy_from_slice(&bytes);
                assert_eq!(all, expected);
                let mut back = vec![0; len];
                load_at(&words, offset, &mut back);
                assert_eq!(back, bytes);
                let mut both = vec![9];
                append(&words[..], offset + len, &mut both);
                assert_eq!(both[1 + offset..], bytes);
            }
        }
    }

    #[test]
    #[should_panic(expected = "outside the mapping")]
    fn a_reference_never_leaves_the_mapping() {
        let mut page = vec![0u64; 512];
        let base = NonNull::new(page.as_mut_ptr().cast()).unwrap();
        #[expect(unsafe_code, reason = "a mapping made of a vector")]
        // SAFETY: the vector is that long and becomes the owner.
        let mapping = unsafe { Mapping::new(base, 4096, Box::new(page)) };
        Shared::<[AtomicU64]>::mapped(&Arc::new(mapping), 4000, 13);
    }
}
