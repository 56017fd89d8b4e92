//! What lies where in a region's segment; the drawing is in [`abi`](super). Pure functions on
//! checked values. The first page is in [`header`](super::header).
//!
//! # Why it lies like this
//!
//! - Mailboxes are ordered by receiver, then by sender. So the mailboxes of one receiver lie together, which takes a
//!   twentieth of the page tables that the other order takes.
//! - Each region has a *directory*: up to 16 sections with kind, version, offset and length. Every section begins at
//!   a page, and none overlaps another or the header. A program ignores sections of kinds that it does not know. A
//!   section that must not be ignored comes with a bit of the incompatible features.
//! - Mailboxes are staggered: the one from `from` begins `(from × 5 mod 32) × 128` bytes after its first page.
//!   Otherwise the lines that a receiver looks at would all fall into the same sets of a cache. This costs up to 4
//!   KiB for each mailbox.
//! - The default number of cells is 4096, and less if the cells of all mailboxes would take more than 24 MiB, because
//!   memory grows with the square of the ranks.

use super::{
    CELL, CHUNK, GROUPS, HEADER_WORDS, INLINE, Identity, LOANS, MAILBOXES, MAX_GROUPS, MAX_TOPICS, Padded,
    PoolLayout, RANKS, Rank, Section, TOPICS,
};
use crate::error::ConfigError;
use crate::sync::AtomicU64;

/// The most ranks that a region can have.
pub const MAX_RANKS: u32 = 1024;
/// Words of a rank's `opened` bitmap.
pub const OPENED_WORDS: usize = MAX_RANKS as usize / 64;
/// Arena payloads begin at multiples of this.
pub const ARENA_ALIGN: u64 = 64;
/// Calls to one rank that may be under way. A cell of the return lane is kept free for each.
pub const CREDITS: usize = 64;
/// Bytes of the ring through which announced messages travel from one rank to another. This much still lies in the
/// nearer caches when the receiver copies it; larger rings are no faster.
pub const TRANSFER_RING: u64 = 256 << 10;
/// Cells of a return lane: for the calls of the present life, and for answers to a former life that died.
pub const RETURN_CELLS: u32 = 2 * CREDITS as u32;

/// Bytes of a rank's record.
const RECORD: u64 = size_of::<Rank>() as u64;
/// Bytes of a page. Everything in a region that has memory of its own is made of pages.
pub const PAGE: u64 = 4096;
const MAX_SIZE: u64 = 1 << 46;
/// Bytes between the beginning of an arena's pages and the arena; also for an area for loans. Large private buffers
/// begin where a page does, and some processors copy ten times slower between addresses that are nearly the same
/// within their pages.
pub(super) const SKEW: u64 = PAGE / 2;
/// The most bytes between the beginning of a mailbox's pages and the mailbox.
const STAGGER: u64 = 31 * 128;

/// Offset of a lock's word, on platforms without file locks. The word is the process id of the holder, or 0. The
/// locks are numbered as in `rank`: the labels and the gate have the last words of the header, then come the ranks.
pub const fn lock_word(lock: u32) -> u64 {
    const FREE: u64 = HEADER_WORDS as u64 - 2;
    match lock {
        0 | 1 => 8 * (FREE + lock as u64),
        rank => PAGE + (rank as u64 - 2) * RECORD + core::mem::offset_of!(Identity, lock) as u64,
    }
}

/// The first lines of a mailbox.
#[repr(C)]
pub struct Lines {
    /// What the sender sends.
    pub mail: LaneLines,
    /// For calls: a request and its answer, in turns; see `ring::call_line`. Written by the sender; by the receiver
    /// while a call waits for its answer.
    pub call: Padded<Cell>,
    /// What the receiver answers.
    pub returns: LaneLines,
    /// For announced messages, one at a time.
    pub transfer: TransferLines,
}

/// The lines of a transfer slot: see `ring::transfer`.
#[repr(C)]
pub struct TransferLines {
    /// Written by the receiver.
    pub wanting: Padded<Wanting>,
    /// Written by the sender.
    pub serving: Padded<Serving>,
}

/// What the receiver says of the transfer under way.
#[repr(C)]
pub struct Wanting {
    /// 1 + the number of the announcement that the receiver wants; 0 if it never wanted one.
    pub id: AtomicU64,
    /// Bytes of that message that it has copied.
    pub consumed: AtomicU64,
}

/// What the sender says of the transfer under way.
#[repr(C)]
pub struct Serving {
    /// 1 + the number of the announcement whose bytes go through the ring; 0 if none ever did.
    pub id: AtomicU64,
    /// Bytes of that message that were put in the ring.
    pub produced: AtomicU64,
}

/// The lines of a lane's two ends.
#[repr(C)]
pub struct LaneLines {
    /// Written by the end that reads.
    pub consumer: Padded<ConsumerLine>,
    /// Written by the end that writes.
    pub producer: Padded<ProducerLine>,
}

/// The receiver's words. A sender writes them for a moment if it holds the lock of a receiver that is absent.
#[repr(C)]
pub struct ConsumerLine {
    /// Sequence number of the oldest message that is not acknowledged.
    pub head: AtomicU64,
    /// The last epoch of the sender whose end was reported to a receiver that then left cleanly.
    pub reported: AtomicU64,
    /// Times that an acknowledgement woke the sender.
    pub wakes: AtomicU64,
    /// Announced messages that were dropped: their sender gave them up or ended, or a former receiver had begun to
    /// receive them.
    pub drops: AtomicU64,
    /// Odd while the receiver asks for a reset; it grows with each request.
    pub reset_request: AtomicU64,
    /// Messages below this sequence number may have been handed out by a receiver that died before it acknowledged
    /// them.
    pub handed: AtomicU64,
    /// Mail lanes only: the last message that the receiver handed out a second time or more, and how many times: see
    /// [`pack_redelivery`](super::pack_redelivery).
    pub redelivered: AtomicU64,
}

/// The sender's words. All but the last three are counters for people. Only differences mean anything: a sender that
/// dies may leave one too small.
#[repr(C)]
pub struct ProducerLine {
    /// Payload bytes of the messages below `counted`, and which update of both words this is: see
    /// [`pack_bytes`](super::pack_bytes).
    pub bytes: AtomicU64,
    /// A sequence number, at most [`COUNTED`](super::COUNTED) less than the last one.
    pub counted: AtomicU64,
    /// Times that the mailbox was full.
    pub full: AtomicU64,
    /// How many times the sender fell asleep because there was no room.
    pub sleeps: AtomicU64,
    /// Times that a message woke the receiver.
    pub wakes: AtomicU64,
    /// The receiver's last request for a reset that was answered.
    pub reset_answer: AtomicU64,
    /// The answer: the mailbox makes sense from this sequence number on.
    pub reset_from: AtomicU64,
    /// Not 0: the sender waits until a message is acknowledged. The word is a packed [`Starved`](super::Starved).
    pub starved: AtomicU64,
}

/// One slot of a lane; see `envelope` for its words. Written by the sender.
#[repr(C, align(64))]
pub struct Cell {
    /// `seq + 1` of the message in the cell; published last.
    pub stamp: AtomicU64,
    /// A packed [`Envelope`](super::Envelope).
    pub envelope: AtomicU64,
    /// Payload, or where in the arena it lies.
    pub payload: [AtomicU64; INLINE / 8],
}

#[cfg(not(loom))]
const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(align_of::<Padded<AtomicU64>>() == 128, "mailbox needs cache lines of at most 128 bytes");
    assert!(RECORD == 1024);
    assert!(size_of::<Cell>() == CELL && offset_of!(Cell, payload) == CELL - INLINE);
    assert!(size_of::<LaneLines>() == 256 && offset_of!(LaneLines, producer) == 128);
    assert!(offset_of!(Lines, call) == 256 && size_of::<Padded<Cell>>() == 128);
    assert!(offset_of!(Lines, returns) == 384 && offset_of!(Lines, transfer) == 640);
    assert!(size_of::<Lines>() == 896);
};

/// The sizes that fix the place of everything in a region. A private copy, checked once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// The application's protocol.
    pub protocol: u64,
    /// Participants.
    pub ranks: u32,
    /// Cells of a mail lane.
    pub cells: u32,
    /// Bytes of payloads that may be live in each of a mailbox's two lanes, in addition to those in cells.
    pub arena: u64,
    /// The longest message, in bytes.
    pub max_message: u64,
    /// Bytes of each rank's area for loans.
    pub loans: u64,
    /// How many groups there can be.
    pub groups: u32,
    /// How many topics there can be.
    pub topics: u32,
    /// The most bytes of a topic's value.
    pub value: u64,
    /// Bytes of the payloads that a topic's stream keeps.
    pub stream: u64,
}

impl Geometry {
    /// Whether a region can have these sizes.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_RANKS).contains(&self.ranks) {
            return Err(ConfigError::Ranks(self.ranks));
        }
        if !self.cells.is_power_of_two() || !(2..=1 << 30).contains(&self.cells) {
            return Err(ConfigError::Cells(self.cells));
        }
        if !self.arena.is_multiple_of(2 * ARENA_ALIGN) || !(128..=1 << 40).contains(&self.arena) {
            return Err(ConfigError::Arena(self.arena));
        }
        if !self.loans.is_multiple_of(CHUNK) || self.loans > 1 << 40 {
            return Err(ConfigError::Loans(self.loans));
        }
        if self.groups > MAX_GROUPS {
            return Err(ConfigError::Groups(self.groups));
        }
        if self.topics > MAX_TOPICS {
            return Err(ConfigError::Topics(self.topics));
        }
        if !self.value.is_multiple_of(ARENA_ALIGN) || self.value > 1 << 30 {
            return Err(ConfigError::Value(self.value));
        }
        if !self.stream.is_multiple_of(PAGE) || self.stream > 1 << 32 {
            return Err(ConfigError::Stream(self.stream));
        }
        // At most 2^20 mailboxes of at most 2 x 2^42 + 2^36 + 2^14 bytes, and 2^10 areas for loans of 2^40, and
        // 2^16 slots of 2^21, and 2^10 topics of 2^34: no product or sum overflows.
        if self.size() > MAX_SIZE {
            return Err(ConfigError::TooLarge {
                size: self.size(),
                ranks: self.most_ranks(|size| size <= MAX_SIZE),
            });
        }
        Ok(())
    }

    /// The first size in which another one differs: what it is called, what it is here, and what there.
    pub fn difference(&self, other: &Self) -> Option<(&'static str, u64, u64)> {
        let differs = |((name, here), (_, there))| (here != there).then_some((name, here, there));
        self.sizes().into_iter().zip(other.sizes()).find_map(differs)
    }

    /// All but the protocol, as the methods of [`Config`](crate::Config) are called.
    fn sizes(&self) -> [(&'static str, u64); 9] {
        let Self { protocol: _, ranks, cells, arena, max_message, loans, groups, topics, value, stream } =
            *self;
        [
            ("ranks", ranks.into()),
            ("cells", cells.into()),
            ("arena", arena),
            ("max_message", max_message),
            ("loans", loans),
            ("groups", groups.into()),
            ("topics", topics.into()),
            ("value", value),
            ("stream", stream),
        ]
    }

    /// The longest message that lies in a mailbox as a whole: at most half the arena, so that there is room for two.
    pub fn whole(&self) -> u64 {
        self.max_message.min((self.arena / 2).max(INLINE as u64))
    }

    /// Bytes of the ring through which longer messages travel; 0 if the region has no longer ones.
    pub fn transfer_ring(&self) -> u64 {
        if self.max_message > self.whole() { TRANSFER_RING } else { 0 }
    }

    /// What lies where in the arena of a lane.
    pub fn payloads(&self) -> PoolLayout {
        PoolLayout::new(0, 1, self.arena, self.whole())
    }

    /// Bytes that are reserved at creation: header and rank table.
    pub fn table(&self) -> u64 {
        PAGE + (self.ranks as u64 * RECORD).next_multiple_of(PAGE)
    }

    /// Offset of the record of `rank`.
    pub fn rank(&self, rank: u32) -> u64 {
        PAGE + rank as u64 * RECORD
    }

    /// Bytes from the beginning of a mailbox's pages up to the arenas. Messages that fit their cells need no other
    /// memory.
    pub fn small(&self) -> u64 {
        (STAGGER + self.end_of_cells()).next_multiple_of(PAGE)
    }

    /// Bytes of the pages of an arena.
    fn arena_pages(&self) -> u64 {
        (SKEW + self.payloads().len()).next_multiple_of(PAGE)
    }

    /// Bytes of the pages of a transfer ring.
    fn transfer_pages(&self) -> u64 {
        match self.transfer_ring() {
            0 => 0,
            ring => (SKEW + ring).next_multiple_of(PAGE),
        }
    }

    /// Bytes from the pages of one mailbox to those of the next.
    pub fn stride(&self) -> u64 {
        self.small() + 2 * self.arena_pages() + self.transfer_pages()
    }

    /// Offset of the pages of the mailbox in which `from` writes and `to` reads: those of a receiver lie together.
    pub fn pages(&self, from: u32, to: u32) -> u64 {
        self.table() + (to as u64 * self.ranks as u64 + from as u64) * self.stride()
    }

    /// Offset of that mailbox. It does not begin at the beginning of its pages: a receiver looks at the same few
    /// lines of each mailbox, and a cache has few places for lines whose addresses end in the same bits.
    pub fn mailbox(&self, from: u32, to: u32) -> u64 {
        self.pages(from, to) + from as u64 * 5 % 32 * 128
    }

    /// Offset of the cells of the mail lane in a mailbox.
    pub const CELLS: u64 = size_of::<Lines>() as u64;

    /// Offset of the cells of the return lane in a mailbox.
    pub fn return_cells(&self) -> u64 {
        Self::CELLS + self.cells_size()
    }

    /// Offset of what follows the cells of the return lane in a mailbox.
    fn end_of_cells(&self) -> u64 {
        self.return_cells() + RETURN_CELLS as u64 * CELL as u64
    }

    /// Offset of the arena of that mailbox's mail lane, in pages of its own.
    pub fn arena_of_mail(&self, from: u32, to: u32) -> u64 {
        self.pages(from, to) + self.small() + SKEW
    }

    /// Offset of the arena of that mailbox's return lane, in pages of its own.
    pub fn arena_of_returns(&self, from: u32, to: u32) -> u64 {
        self.arena_of_mail(from, to) + self.arena_pages()
    }

    /// Offset of that mailbox's transfer ring, in pages of its own.
    pub fn transfer(&self, from: u32, to: u32) -> u64 {
        let pages = if self.transfer_ring() == 0 { 0 } else { self.arena_pages() };
        self.arena_of_returns(from, to) + pages
    }

    /// The most ranks for which the region's size fits, everything else unchanged. Fewer ranks fit as well.
    pub fn most_ranks(&self, fits: impl Fn(u64) -> bool) -> u32 {
        let (mut most, mut too_many) = (0, MAX_RANKS + 1);
        while too_many - most > 1 {
            let ranks = most.midpoint(too_many);
            if fits(Self { ranks, ..*self }.size()) {
                most = ranks;
            } else {
                too_many = ranks;
            }
        }
        most
    }

    /// Bytes of the cells of a mail lane.
    pub fn cells_size(&self) -> u64 {
        self.cells as u64 * CELL as u64
    }

    /// The parts of the region after its first page, in this order.
    pub fn sections(&self) -> [Section; 5] {
        let (table, loans, groups) = (self.table(), self.end_of_mailboxes(), self.end_of_loans());
        let topics = self.end_of_groups();
        [
            Section { kind: RANKS, version: 1, offset: PAGE, len: table - PAGE },
            Section { kind: MAILBOXES, version: 1, offset: table, len: loans - table },
            Section { kind: LOANS, version: 1, offset: loans, len: groups - loans },
            Section { kind: GROUPS, version: 1, offset: groups, len: topics - groups },
            Section { kind: TOPICS, version: 1, offset: topics, len: self.size() - topics },
        ]
    }

    fn end_of_mailboxes(&self) -> u64 {
        self.table() + self.ranks as u64 * self.ranks as u64 * self.stride()
    }

    /// Offset of the area for the loans of `rank`, in pages of its own. Only `rank` writes there.
    pub fn loans_of(&self, rank: u32) -> u64 {
        self.end_of_mailboxes() + rank as u64 * self.loan_pages() + SKEW
    }

    /// Bytes of the pages of an area for loans.
    fn loan_pages(&self) -> u64 {
        if self.loans == 0 { 0 } else { (SKEW + self.loans).next_multiple_of(PAGE) }
    }

    /// Offset of what follows the areas for loans.
    pub(super) fn end_of_loans(&self) -> u64 {
        self.end_of_mailboxes() + self.ranks as u64 * self.loan_pages()
    }

    /// Bytes of the whole region.
    pub fn size(&self) -> u64 {
        self.end_of_topics()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::{SlotLines, WINDOW};
    use super::*;
    use crate::config::Config;

    #[test]
    fn parts_do_not_overlap() {
        for ranks in [1, 2, 3, 7, 1024] {
            let g = Config::ranks(ranks).cells(2).arena(128).loans(CHUNK).geometry;
            assert_eq!(g.check(), Ok(()));
            assert!(g.rank(ranks - 1) + RECORD <= g.table());
            assert_eq!((g.pages(0, 0), g.mailbox(0, 0)), (g.table(), g.table()));
            let loans = g.loans_of(0) - SKEW;
            assert_eq!(g.pages(ranks - 1, ranks - 1) + g.stride(), loans);
            for from in 0..ranks {
                let (pages, mailbox) = (g.pages(from, 0), g.mailbox(from, 0));
                assert!(pages <= mailbox && mailbox.is_multiple_of(128));
                assert!(mailbox + g.end_of_cells() <= g.arena_of_mail(from, 0));
                assert!(g.arena_of_mail(from, 0) + g.payloads().len() <= g.arena_of_returns(from, 0));
                assert!(g.arena_of_returns(from, 0) + g.payloads().len() <= g.transfer(from, 0));
                assert!(g.transfer(from, 0) + g.transfer_ring() <= pages + g.stride());
            }
            for rank in 1..ranks {
                assert!(g.loans_of(rank - 1) + g.loans <= g.loans_of(rank) - SKEW);
            }
            assert!(g.loans_of(ranks - 1) + g.loans <= g.size());
            let ends = g.sections().map(|section| section.offset + section.len);
            assert_eq!(ends, [g.table(), loans, g.end_of_loans(), g.end_of_groups(), g.size()]);
            assert!(g.topic(0).is_multiple_of(128) && g.topic(g.topics) <= g.buffers(0));
            assert!(g.buffers(g.topics - 1) + super::super::BUFFERS as u64 * g.value <= g.readers(0));
            assert!(g.stream_cells(0).is_multiple_of(64) && g.stream_payloads(0).is_multiple_of(64));
            assert!(g.stream_payloads(0) + g.stream <= g.readers(1));
            assert!(g.stream_payloads(g.topics - 1) + g.stream <= g.size());
            let last = (g.groups - 1, ranks - 1);
            assert!(g.slot(last.0, last.1) + size_of::<SlotLines>() as u64 <= g.window(0, 0));
            assert!(g.slot(0, 0).is_multiple_of(128) && g.window(0, 0).is_multiple_of(64));
            assert!(g.window(last.0, last.1) + WINDOW <= g.size());
            let none = Geometry { loans: 0, groups: 0, topics: 0, ..g };
            assert_eq!((none.size(), none.check()), (loans, Ok(())));
        }
    }
}
