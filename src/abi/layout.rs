//! What lies where in a region's segment; the drawing is in [`abi`](super). Pure functions on checked values.
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

use super::{CELL, CHUNK, DIRECTORY_WORDS, INLINE, LOANS, MAILBOXES, Padded, PoolLayout, RANKS, Section};
use crate::error::ConfigError;
use crate::sync::{AtomicU32, AtomicU64};

/// The version of this layout.
pub const ABI: u64 = 17;
/// The first word of a region.
pub const MAGIC: u64 = u64::from_ne_bytes(*b"mailbox\x01");
/// The first word of a region that is being removed.
pub const WIPED: u64 = u64::from_ne_bytes(*b"mailbox\x00");
/// The most ranks that a region can have.
pub const MAX_RANKS: u32 = 1024;
/// Words of a rank's `opened` bitmap.
pub const OPENED_WORDS: usize = MAX_RANKS as usize / 64;
/// Bytes of a label.
pub const LABEL: usize = 48;
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
const SKEW: u64 = PAGE / 2;
/// The most bytes between the beginning of a mailbox's pages and the mailbox.
const STAGGER: u64 = 31 * 128;

/// Words of the header. The creator writes all of them once. Two are written later as well: the magic, which a
/// remover wipes, and the pair that says what the disk has.
pub const HEADER_WORDS: usize = 16;
/// Bytes of the header that say something.
pub const HEADER_BYTES: usize = 2 * 128 + 8 * DIRECTORY_WORDS;
/// The word of the header that says in which boot of the machine the region is in use; 0 means that it was closed.
/// Written by joiners and by the last process to leave, see `segment::durable`.
pub const BOOT: usize = 8;
/// The bit of that word which says that the disk has the word, too. The other bits are the boot's number.
pub const SETTLED: u64 = 1;
/// The word of the header that says in which boot of the machine the disk failed to store a part of the region; 0
/// means in none. Written by the process that saw the failure, see `segment::durable`.
pub const FAILED: usize = 9;

/// The first of the header's three words of features, one bit for each feature. A program that does not know a bit
/// may ignore it in the first word; in the second, it may still look at the region; in the third, it must refuse the
/// region. The creator writes them.
pub const FEATURES: usize = 10;
/// The last word of the header that the creator writes: the bytes of each rank's area for loans. The words after it
/// may be locks.
pub const LAST_WORD: usize = FEATURES + 3;

/// The first page of a region: see [`Geometry::to_words`] for the order of its words.
#[repr(C)]
pub struct Header {
    /// The header, word by word; the magic first.
    pub words: [AtomicU64; HEADER_WORDS],
    /// What concerns all ranks.
    pub control: Padded<Control>,
    /// What lies where: see [`from_directory`](super::from_directory). The creator writes it.
    pub directory: [AtomicU64; DIRECTORY_WORDS],
}

/// What concerns all ranks. Any rank may write it.
#[repr(C)]
pub struct Control {
    /// How many times a rank was claimed, left, or found dead. A hint: a process that finds it changed looks at the
    /// lives of all ranks.
    pub changes: AtomicU64,
    /// Not 0: all waits shall end. Nothing writes or reads it yet.
    pub abort: AtomicU64,
}

/// Offset of a lock's word, on platforms without file locks. The word is the process id of the holder, or 0. The
/// locks are numbered as in `rank`: the labels and the gate have the last words of the header, then come the ranks.
pub const fn lock_word(lock: u32) -> u64 {
    const FREE: u64 = HEADER_WORDS as u64 - 2;
    match lock {
        0 | 1 => 8 * (FREE + lock as u64),
        rank => PAGE + (rank as u64 - 2) * RECORD + core::mem::offset_of!(Identity, lock) as u64,
    }
}

/// Where the header says how many ranks there are.
pub const RANKS_WORD: u64 = 4 * 8;

/// What everybody knows of a rank. The rank's holder writes it, except for the bells and `opened`.
#[repr(C)]
pub struct Rank {
    /// The holder of the rank.
    pub identity: Padded<Identity>,
    /// What its holder sleeps on.
    pub bells: Padded<Bells>,
    /// Bit `from % 64` of word `from / 64`: the pages of the mailbox from `from` to this rank are reserved, except
    /// for its arena. Senders set bits; nobody clears them.
    pub opened: Padded<[AtomicU64; OPENED_WORDS]>,
    /// What the holder does, and on which processors.
    pub activity: Padded<Activity>,
    /// Unused; fields that are added here change no offset.
    pub reserved: [Padded<AtomicU64>; 4],
}

/// What a rank's holder does, and on which processors. Written by the holder, for people and as hints to peers.
#[repr(C)]
pub struct Activity {
    /// What the receiver and the sender (in this order) wait for while they sleep: 0 nothing, 1 anyone, `2 + rank`
    /// that rank. For people.
    pub awaited: [AtomicU64; 2],
    /// How many times a receiver of this rank fell asleep because there was no mail.
    pub sleeps: AtomicU64,
    /// The processors on which the receiver and the sender (in this order) may run: see `wait::crowd`. 0 means any. A
    /// peer that finds the holder dead writes it, too.
    pub processors: [AtomicU64; 2],
}

/// A rank's life and name; written by the holder of the rank's lock.
#[repr(C)]
pub struct Identity {
    /// `epoch << 1 | joined`: how many times the rank was claimed, and whether its holder has not left yet.
    pub life: AtomicU64,
    /// The holder's process id in its own PID namespace. For display only; never trusted.
    pub pid: AtomicU64,
    /// The label, padded with NULs.
    pub label: [AtomicU64; LABEL / 8],
    /// On platforms without file locks: the process id of the holder of the rank's lock, or 0.
    pub lock: AtomicU64,
    /// The value of `life` when the rank was last claimed. It says how the previous life ended.
    pub former: AtomicU64,
    /// The value of `life` when a peer last found the holder dead; written by that peer. A hint: others ask the
    /// kernel, too.
    pub found_dead: AtomicU64,
}

/// The bit of a bell's mode that asks ringers to check whether the receiver asks for a reset. The bit outlives its
/// rank's holder, because the request does, too.
pub const RESET: u32 = 8;

/// The bit of a rank's bell that is set while its receiver sleeps until there is mail.
pub const MAIL: u32 = 1;
/// The bit of a rank's bell that is set while its sender sleeps until there is room.
pub const ROOM: u32 = 2;
/// The bit of a rank's bell that several threads of it have for themselves: set while the one that sleeps for all has seen
/// what the others sleep for. Peers leave it as it is.
pub const LED: u32 = 8;

/// What a rank sleeps on.
#[repr(C)]
pub struct Bells {
    /// The bell: one bit for each thing that a thread of the rank sleeps for, [`MAIL`] and [`ROOM`]. The sleeper sets
    /// its bit. The sleeper, a ringer, or a process that claims the rank clears it. Nobody stores to the whole word.
    /// [`LED`] besides.
    pub word: AtomicU32,
    /// What a ringer must do beyond reading the bell, for mail and for room: see `rank::bell`. Written by the half
    /// that sleeps.
    pub modes: [AtomicU32; 2],
    /// The events that a rank sleeps on if it has chosen events, for mail and for room. Only the platform knows what
    /// is in them.
    pub events: [AtomicU32; 2],
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
    assert!(offset_of!(Header, control) == 128 && offset_of!(Header, directory) == 256);
    assert!(size_of::<Header>() == HEADER_BYTES && HEADER_BYTES as u64 <= PAGE);
    assert!(RECORD == 1024);
    assert!(offset_of!(Rank, bells) == 128 && offset_of!(Rank, opened) == 256);
    assert!(offset_of!(Rank, activity) == 384 && offset_of!(Rank, reserved) == 512);
    assert!(offset_of!(Identity, label) == 16 && size_of::<Identity>() <= 128);
    assert!(size_of::<Bells>() == 20 && offset_of!(Bells, events) == 12);
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
        // At most 2^20 mailboxes of at most 2 x 2^42 + 2^36 + 2^14 bytes, and 2^10 areas for loans of 2^40: no product or
        // sum overflows.
        if self.size() > MAX_SIZE {
            return Err(ConfigError::TooLarge {
                size: self.size(),
                ranks: self.most_ranks(|size| size <= MAX_SIZE),
            });
        }
        Ok(())
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
    pub fn sections(&self) -> [Section; 3] {
        let (table, loans) = (self.table(), self.end_of_mailboxes());
        [
            Section { kind: RANKS, version: 1, offset: PAGE, len: table - PAGE },
            Section { kind: MAILBOXES, version: 1, offset: table, len: loans - table },
            Section { kind: LOANS, version: 1, offset: loans, len: self.size() - loans },
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

    /// Bytes of the whole region.
    pub fn size(&self) -> u64 {
        self.end_of_mailboxes() + self.ranks as u64 * self.loan_pages()
    }

    /// The header of a region of this geometry that is in use in no boot, in the order of its words.
    pub fn to_words(self, nonce: u64) -> [u64; HEADER_WORDS] {
        let mut words = [0; HEADER_WORDS];
        words[..8].copy_from_slice(&[
            MAGIC,
            ABI,
            self.protocol,
            nonce,
            self.ranks as u64,
            self.cells as u64,
            self.arena,
            self.max_message,
        ]);
        words[LAST_WORD] = self.loans;
        words
    }

    /// The geometry and the nonce that a header names; `None` if it does not describe a region. The caller checks
    /// magic and ABI first.
    pub fn from_words(words: &[u64; HEADER_WORDS]) -> Option<(Self, u64)> {
        let [_, _, protocol, nonce, ranks, cells, arena, max_message, ..] = *words;
        let geometry = Self {
            protocol,
            ranks: ranks.try_into().ok()?,
            cells: cells.try_into().ok()?,
            arena,
            max_message,
            loans: words[LAST_WORD],
        };
        geometry.check().ok()?;
        Some((geometry, nonce))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
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
            assert_eq!(ends, [g.table(), loans, g.size()]);
            let none = Geometry { loans: 0, ..g };
            assert_eq!((none.size(), none.check()), (loans, Ok(())));
        }
    }

    #[test]
    fn a_header_says_what_was_written() {
        let geometry = Config::ranks(9).cells(64).arena(4096).protocol(77).loans(3 * CHUNK).geometry;
        let mut words = geometry.to_words(5);
        assert_eq!(Geometry::from_words(&words), Some((geometry, 5)));
        words[4] = u64::MAX;
        assert_eq!(Geometry::from_words(&words), None);
    }
}
