//! Payload, copied to and from shared words.

use crate::abi::INLINE;
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Asks the processor to fetch the line of `value`, on processors that can be asked.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "an intrinsic that takes a pointer")]
    // SAFETY: a prefetch touches nothing, and the pointer is valid.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Copies the beginning of `len` bytes, a multiple of 8, in larger steps than words, if that is worth it. Returns how many bytes
/// it copied.
///
/// Its loads come after earlier loads and its stores before later stores, as the processor guarantees. Among each
/// other they have no order, and neither have those of relaxed words.
///
/// # Safety
/// `from` is valid for loads of `len` bytes, `to` for stores. Either may be memory that other processes write: what
/// an instruction does to it is no data race of this program.
#[inline(always)]
#[expect(unsafe_code, reason = "instructions that take pointers")]
unsafe fn copy_much(from: *const u8, to: *mut u8, len: usize) -> usize {
    // For shorter ones other loops are faster. For longer ones it helps that the instruction writes lines without
    // fetching them first.
    #[cfg(all(target_arch = "x86_64", not(any(loom, stops))))]
    if len >= 2048 {
        // SAFETY: as the caller says; the direction flag is clear, as it always is in Rust.
        unsafe {
            core::arch::asm!(
                "rep movsb",
                inout("rcx") len => _, inout("rsi") from => _, inout("rdi") to => _,
                options(nostack, preserves_flags)
            );
        }
        return len;
    }
    // Stores 16 bytes at once: a processor has room for only so many stores that wait for lines. Loads words, because a
    // sender has probably just stored words: a load of what two stores wrote waits for these, and for all before them.
    #[cfg(all(target_arch = "x86_64", not(any(loom, stops))))]
    if len >= 64 {
        // SAFETY: as the caller says; each of the `len / 64` turns loads and stores 64 bytes.
        unsafe {
            core::arch::asm!(
                "2:",
                "movq {a}, qword ptr [{from}]",
                "movhps {a}, qword ptr [{from} + 8]",
                "movq {b}, qword ptr [{from} + 16]",
                "movhps {b}, qword ptr [{from} + 24]",
                "movups xmmword ptr [{to}], {a}",
                "movq {a}, qword ptr [{from} + 32]",
                "movhps {a}, qword ptr [{from} + 40]",
                "movups xmmword ptr [{to} + 16], {b}",
                "movq {b}, qword ptr [{from} + 48]",
                "movhps {b}, qword ptr [{from} + 56]",
                "movups xmmword ptr [{to} + 32], {a}",
                "movups xmmword ptr [{to} + 48], {b}",
                "add {from}, 64",
                "add {to}, 64",
                "dec {turns}",
                "jnz 2b",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                turns = inout(reg) len / 64 => _,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                options(nostack)
            );
        }
        return len / 64 * 64;
    }
    let _ = (from, to, len);
    0
}

/// Stores `bytes` at the beginning of `words`. Bytes that share the last word with them become zero.
///
/// Cost: what `memcpy` costs.
#[inline(always)]
pub fn store(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    let (words, last) = words.split_at(whole.len());
    // SAFETY: they are that long; the words are atomics, which may be stored to.
    #[expect(unsafe_code, reason = "instructions that take pointers")]
    let copied =
        unsafe { copy_much(whole.as_ptr().cast(), words.as_ptr().cast_mut().cast(), size_of_val(whole)) };
    for (word, bytes) in words.iter().zip(whole).skip(copied / 8) {
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
/// Cost: what `memcpy` costs.
#[inline(always)]
pub fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    // SAFETY: they are that long.
    #[expect(unsafe_code, reason = "bytes that are there already")]
    unsafe {
        load_to(words, bytes.as_mut_ptr(), bytes.len());
    }
}

/// Appends the first `len` bytes of `words` to `bytes`.
///
/// Cost: what `memcpy` costs.
#[inline(always)]
pub fn append(words: &[AtomicU64], len: usize, bytes: &mut Vec<u8>) {
    let old = bytes.len();
    bytes.reserve(len);
    // SAFETY: reserved, and all of them just written.
    #[expect(unsafe_code, reason = "the bytes need not be zeroed first")]
    unsafe {
        load_to(words, bytes.as_mut_ptr().add(old), len);
        bytes.set_len(old + len);
    }
}

/// Loads `len` bytes from the beginning of `words` to `to`, which may be uninitialized.
///
/// # Safety
/// `to` is valid to store that many bytes to.
#[inline(always)]
#[expect(unsafe_code, reason = "bytes that may not be there yet")]
unsafe fn load_to(words: &[AtomicU64], to: *mut u8, len: usize) {
    let (whole, rest) = words[..len.div_ceil(8)].split_at(len / 8);
    // SAFETY: `words` has `len` bytes; the caller vouches for `to`.
    unsafe {
        let copied = copy_much(whole.as_ptr().cast(), to, size_of_val(whole));
        for (at, word) in whole.iter().enumerate().skip(copied / 8) {
            to.add(8 * at).cast::<[u8; 8]>().write(word.load(Relaxed).to_ne_bytes());
        }
        if let [last] = rest {
            let last = last.load(Relaxed).to_ne_bytes();
            to.add(size_of_val(whole)).copy_from_nonoverlapping(last.as_ptr(), len % 8);
        }
    }
}

/// Like [`store`], for a payload that fits a cell: tuned for few instructions.
#[inline(always)]
pub fn store_small(words: &[AtomicU64; INLINE / 8], bytes: &[u8]) {
    // One word and a whole cell, which are common, cost one comparison each.
    if let Ok(only) = bytes.try_into() {
        return words[0].store(u64::from_ne_bytes(only), Relaxed);
    }
    if let Ok(all) = <&[u8; INLINE]>::try_from(bytes) {
        let (all, _) = all.as_chunks();
        return words
            .iter()
            .zip(all)
            .for_each(|(word, bytes)| word.store(u64::from_ne_bytes(*bytes), Relaxed));
    }
    let (whole, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let Some(first) = whole.get(at) else {
            if !rest.is_empty() {
                // Byte by byte: a call that copies seven bytes would make every caller save its registers.
                let byte = |value, (at, byte): (usize, &u8)| value | u64::from(*byte) << (8 * at);
                word.store(rest.iter().enumerate().fold(0, byte).to_le(), Relaxed);
            }
            return;
        };
        word.store(u64::from_ne_bytes(*first), Relaxed);
    }
}

/// Like [`load`], for a payload that fits a cell.
#[inline(always)]
pub fn load_small(words: &[AtomicU64; INLINE / 8], bytes: &mut [u8]) {
    if let Ok(only) = <&mut [u8; 8]>::try_from(&mut *bytes) {
        *only = words[0].load(Relaxed).to_ne_bytes();
        return;
    }
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

/// Splits a byte range that need not begin at a word boundary: the bytes before the first whole word, and the index
/// of that word.
fn unaligned(offset: usize, len: usize) -> (usize, usize) {
    ((offset.next_multiple_of(8) - offset).min(len), offset.div_ceil(8))
}

/// Stores `bytes` at byte `offset` of `words` and leaves all other bytes as they are. The caller must be the only
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
    fn payload_is_copied_whatever_its_length() {
        for len in (0..300_usize).chain(2040..2060).chain([4095, 4096, 65_536 + 7]) {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + at / 37) as u8).collect();
            let words: Vec<_> = (0..len / 8 + 2).map(|_| AtomicU64::new(u64::MAX)).collect();
            store(&words, &bytes);
            assert_eq!(words[len.div_ceil(8)].load(Relaxed), u64::MAX, "{len}: the next word");
            let mut back = vec![1; len];
            load(&words, &mut back);
            assert!(back == bytes, "{len}: loaded");
            let mut both = vec![9];
            append(&words, len, &mut both);
            assert!(both[0] == 9 && both[1..] == bytes, "{len}: appended");
            // From and to places of any alignment.
            let Some((_, bytes)) = bytes.split_first() else { continue };
            store(&words[1..], bytes);
            let mut back = vec![1; len + 2];
            load(&words[1..], &mut back[1..len]);
            assert!(back[1..len] == *bytes && back[0] == 1 && back[len..] == [1, 1], "{len}: elsewhere");
        }
    }

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
}
