//! The only place where mapped bytes become references, and where payload is copied to and from them.
//!
//! [`crate::abi`] says what lies where in a segment. [`crate::segment`] maps it, and takes its pages from the system. [`crate::ring`] and
//! its like say in which order words are read and written. Between them, this folder makes pointers into references:
//!
//! ```text
//!  an address, a length, and what unmaps it
//!      │ Mapping::new       unsafe: its caller, segment::backing, answers for the pointer
//!      ▼
//!  Mapping                  has no method that reads or writes
//!      │ Shared::mapped     so many of such a type at this offset; it panics if they are outside or not aligned
//!      ▼
//!  Shared<[Cell]>  Shared<[Rank]>  Shared<[AtomicU64]>  …         a `&T` that keeps its memory alive
//!      │ part, item         the address of a field, of an element
//!      ▼
//!  Mailbox  Lane  TransferSlot  GroupSlot  Value  Stream           what one protocol needs, found once
//! ```
//! In model checks and property tests the same parts lie on the heap (`on_heap`).
//!
//! | file | what is in it |
//! |---|---|
//! | this one | [`Mapping`], [`Shared`]; the parts of a mailbox |
//! | `group_slot`, `value`, `stream` | the parts of a slot of a group, and of a topic |
//! | `words` | bytes to words and back: of any length, few, at any offset; and borrowed in place |
//! | `payload` | what a message consists of before it is sent: one piece or several |
//! | `in_order` | `io::Write` for memory that is filled in place, such as a loan |
//!
//! **Why it is sound.** Only a type that consists of atomics can lie in a mapping (`Overlay`, a private trait). Any bytes are a value
//! of it, and other processes' writes meet atomics only (I4). So a safe caller can read nonsense here, and cannot cause undefined
//! behaviour. Copies go word by word, relaxed. On x86-64, longer ones are made by instructions that Rust does not see as accesses
//! (`words`), so they do not race either. [`borrow`] gives a slice of shared bytes and is `unsafe`: its caller trusts the peer.
//!
//! **Who writes what.** Nothing is written here on its own account. A copy stores where its caller says; [`crate::abi`] has each word's
//! writer.
//!
//! **If a process stops** in the middle of a copy, some words are new and some old. Nobody looks there: what says that the bytes are
//! there, such as a cell's stamp, is stored later, by the caller.
//!
//! **If a peer writes garbage,** the bytes are garbage. No offset and no length is read from the segment in this folder: offsets come
//! from the geometry, which was checked at the join, lengths from the caller, which has checked them. The index of a cell is masked.
//! Only a peer that makes the file shorter ends this process (by SIGBUS), and not every kind of region can be made shorter:
//! [`Region`](crate::Region) says which.
//!
//! **What it costs.** To use a `Shared` costs what a reference costs. To make one counts a user of the mapping, a locked instruction, so
//! parts are made when a mailbox is opened and not for each message. A copy costs what `memcpy` costs.
//!
//! **Before you change it:**
//! - A new type for the segment is `repr(C)`, has atomics only, and is named in `overlay!`. Its size is checked in [`crate::abi`].
//! - Loads and stores here order nothing. A caller that relies on an order uses an [`Edge`](crate::sync::Edge).

mod group_slot;
#[cfg(not(loom))]
mod in_order;
mod payload;
mod stream;
mod value;
mod words;

pub use group_slot::GroupSlot;
#[cfg(not(loom))]
pub(crate) use in_order::write_in_order;
pub use payload::{Mark, Payload};
pub use stream::Stream;
pub use value::{Value, topics};
pub use words::*;

use crate::abi::{
    CELL, Cell, ConsumerLine, Control, Geometry, Header, LaneLines, Lines, Padded, PoolLayout, ProducerLine,
    RETURN_CELLS, Rank, ReaderLine, Serving, SlotLines, TopicLines, Wanting, pack_bytes, position, shuffle,
};
use crate::sync::AtomicU64;
use core::any::Any;
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
    /// Takes over the mapping of `len` bytes at `base`, which lives until `owner` is dropped.
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

/// A type that consists of atomic integers only, so that any bytes are a valid value of it.
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
overlay!(Header, Rank, Lines, SlotLines, TopicLines, Padded<ReaderLine>, Cell, AtomicU64);

/// A reference to shared words that keeps their memory alive.
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

impl<T> Shared<T> {
    /// A part of the value, as a `Shared` of its own.
    pub fn part<U>(&self, part: impl FnOnce(&T) -> &U) -> Shared<U> {
        Shared { target: NonNull::from(part(self)), _keeper: self._keeper.clone() }
    }
}

impl<T> Shared<[T]> {
    /// The value at `index`, as a `Shared` of its own.
    pub fn item(&self, index: usize) -> Shared<T> {
        Shared { target: NonNull::from(&self[index]), _keeper: self._keeper.clone() }
    }
}

impl Shared<Header> {
    /// What concerns all ranks, as a `Shared` of its own.
    pub fn control(&self) -> Shared<Control> {
        Shared { target: NonNull::from(&*self.control), _keeper: self._keeper.clone() }
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
pub struct Ring {
    cells: Shared<[Cell]>,
    /// The offset of the last one in bytes. The index of a cell and its offset are then one value for the compiler.
    mask: u64,
}

impl Ring {
    /// # Panics
    /// If their number is not a power of two.
    fn new(cells: Shared<[Cell]>) -> Self {
        assert!(cells.len().is_power_of_two(), "a checked geometry");
        Self { mask: (cells.len() as u64 - 1) * CELL as u64, cells }
    }

    /// The cell of message `seq`.
    #[inline(always)]
    pub fn at(&self, seq: u64) -> &Cell {
        self.find(seq).1
    }

    /// The index of the cell of message `seq`, and the cell.
    #[inline(always)]
    pub fn find(&self, seq: u64) -> (usize, &Cell) {
        self.by_value().find(seq)
    }

    /// The same ring, for a loop that keeps where it lies in registers.
    #[inline(always)]
    pub fn by_value(&self) -> RingRef<'_> {
        RingRef { cells: &self.cells, mask: self.mask }
    }

    /// The cell with this index; one beyond the last begins again with the first.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a check that cannot fail, several times a message")]
    pub fn cell(&self, index: usize) -> &Cell {
        // SAFETY: the mask is the offset of the last one.
        unsafe { self.cells.get_unchecked((index.wrapping_mul(CELL) & self.mask as usize) / CELL) }
    }
}

/// A borrowed [`Ring`].
#[derive(Clone, Copy)]
pub struct RingRef<'a> {
    cells: &'a [Cell],
    mask: u64,
}

impl<'a> RingRef<'a> {
    /// The index of the cell of message `seq`, and the cell.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a check that cannot fail, several times a message")]
    pub fn find(self, seq: u64) -> (usize, &'a Cell) {
        let index = (shuffle(seq).wrapping_mul(CELL as u64) & self.mask) as usize / CELL;
        // SAFETY: the mask is the offset of the last one.
        (index, unsafe { self.cells.get_unchecked(index) })
    }
}

impl Deref for Ring {
    type Target = [Cell];

    #[inline(always)]
    fn deref(&self) -> &[Cell] {
        &self.cells
    }
}

/// The parts of a lane, all shared.
#[derive(Clone)]
pub struct Lane {
    /// The reading end's words.
    pub consumer: Shared<ConsumerLine>,
    /// The writing end's words.
    pub producer: Shared<ProducerLine>,
    /// The ring.
    pub cells: Ring,
    /// The payloads that do not fit a cell.
    pub arena: Shared<[AtomicU64]>,
    /// What lies where in the arena.
    pub layout: PoolLayout,
    /// The area for loans of the writing end, to which cells may refer; empty for a return lane.
    pub loans: Shared<[AtomicU64]>,
    /// Whether the whole arena and the whole area for loans have memory. If not, each writer and reader first makes
    /// sure of the part that it touches.
    pub has_pages: bool,
}

impl Lane {
    /// The lane in a mapping with `cells` cells and an arena of this layout, whose parts lie at these offsets.
    fn mapped(
        mapping: &Arc<Mapping>,
        lines: &Shared<LaneLines>,
        (cells, count): (u64, u32),
        (arena, layout): (u64, PoolLayout),
    ) -> Self {
        Self {
            consumer: lines.part(|lines| &*lines.consumer),
            producer: lines.part(|lines| &*lines.producer),
            cells: Ring::new(Shared::<[Cell]>::mapped(mapping, cells, count as usize)),
            arena: Shared::<[AtomicU64]>::mapped(mapping, arena, (layout.len() / 8) as usize),
            layout,
            loans: Shared::<[AtomicU64]>::mapped(mapping, 0, 0),
            has_pages: false,
        }
    }

    /// A lane on the heap whose next sequence number is `start`, with an arena for `arena` bytes of payloads.
    pub fn on_heap(cells: usize, arena: u64, start: u64) -> Self {
        let layout = PoolLayout::new(0, 1, arena, arena / 2);
        let atomic = || AtomicU64::new(0);
        let consumer = ConsumerLine {
            head: AtomicU64::new(start),
            handed: AtomicU64::new(start),
            reported: atomic(),
            redelivered: atomic(),
            wakes: atomic(),
            drops: atomic(),
            reset_request: atomic(),
        };
        let producer = ProducerLine {
            bytes: pack_bytes(0, start, cells as u64).into(),
            counted: start.into(),
            full: atomic(),
            sleeps: atomic(),
            wakes: atomic(),
            reset_answer: atomic(),
            reset_from: atomic(),
            starved: atomic(),
        };
        let mut stamps = vec![0; cells];
        if start > 0 {
            // The stamps that a longer past would have left: those of the lap before.
            for seq in (0..cells as u64).map(|back| start.wrapping_sub(back + 1)) {
                stamps[position(seq, cells as u64) as usize] = seq.wrapping_add(1);
            }
        }
        Self {
            consumer: Arc::new(consumer).into(),
            producer: Arc::new(producer).into(),
            cells: Ring::new(stamps.into_iter().map(cell).collect::<Vec<_>>().into()),
            arena: (0..layout.len() / 8).map(|_| atomic()).collect::<Vec<_>>().into(),
            layout,
            loans: Vec::new().into(),
            has_pages: true,
        }
    }
}

/// A cell on the heap, empty except for this stamp.
pub fn cell(stamp: u64) -> Cell {
    let atomic = || AtomicU64::new(0);
    Cell { stamp: stamp.into(), envelope: atomic(), payload: core::array::from_fn(|_| atomic()) }
}

/// The parts of a transfer slot, all shared.
#[derive(Clone)]
pub struct TransferSlot {
    /// The receiver's words.
    pub wanting: Shared<Wanting>,
    /// The sender's words.
    pub serving: Shared<Serving>,
    /// The ring that the messages go through.
    pub ring: Shared<[AtomicU64]>,
}

impl TransferSlot {
    /// A slot on the heap that was never used, with a ring of `ring` bytes.
    pub fn on_heap(ring: u64) -> Self {
        let atomic = || AtomicU64::new(0);
        Self {
            wanting: Arc::new(Wanting { id: atomic(), consumed: atomic() }).into(),
            serving: Arc::new(Serving { id: atomic(), produced: atomic() }).into(),
            ring: (0..ring / 8).map(|_| atomic()).collect::<Vec<_>>().into(),
        }
    }
}

/// The parts of a mailbox, all shared.
#[derive(Clone)]
pub struct Mailbox {
    /// The messages of its sender.
    pub mail: Lane,
    /// The answers of its receiver.
    pub returns: Lane,
    /// For one call at a time.
    pub call: Shared<Cell>,
    /// For one announced message at a time.
    pub transfer: TransferSlot,
}

impl Mailbox {
    /// The mailbox from `from` to `to` in a mapping of this geometry.
    pub fn mapped(mapping: &Arc<Mapping>, geometry: &Geometry, from: u32, to: u32) -> Self {
        let base = geometry.mailbox(from, to);
        let lines = Shared::<[Lines]>::mapped(mapping, base, 1).item(0);
        let lane = |lines: Shared<LaneLines>, (cells, count), arena| {
            Lane::mapped(mapping, &lines, (base + cells, count), (arena, geometry.payloads()))
        };
        let mail_cells = (Geometry::CELLS, geometry.cells);
        let return_cells = (geometry.return_cells(), RETURN_CELLS);
        Self {
            mail: Lane {
                loans: loans(mapping, geometry, from),
                ..lane(lines.part(|lines| &lines.mail), mail_cells, geometry.arena_of_mail(from, to))
            },
            returns: lane(
                lines.part(|lines| &lines.returns),
                return_cells,
                geometry.arena_of_returns(from, to),
            ),
            call: lines.part(|lines| &*lines.call),
            transfer: TransferSlot {
                wanting: lines.part(|lines| &*lines.transfer.wanting),
                serving: lines.part(|lines| &*lines.transfer.serving),
                ring: Shared::<[AtomicU64]>::mapped(
                    mapping,
                    geometry.transfer(from, to),
                    (geometry.transfer_ring() / 8) as usize,
                ),
            },
        }
    }
}

/// The area for the loans of `rank` in a mapping of this geometry.
pub fn loans(mapping: &Arc<Mapping>, geometry: &Geometry, rank: u32) -> Shared<[AtomicU64]> {
    let (offset, bytes) =
        if geometry.loans == 0 { (0, 0) } else { (geometry.loans_of(rank), geometry.loans) };
    Shared::<[AtomicU64]>::mapped(mapping, offset, (bytes / 8) as usize)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

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
