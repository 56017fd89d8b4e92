//! The process of a chaos that overwrites the region of the others.

use super::sheet::{PAIR, Sheet, Tally};
use super::spared;
use crate::common::failure::Failure;
use crate::common::place::Where;
use crate::stress::journal::Journal;
use clap::Args;
use mailbox::lab::abi::{
    ARENA_ALIGN, Bells, CHUNK, Cell, ConsumerLine, Geometry, HEADER_BYTES, LaneLines, Lines, OPENED_WORDS,
    RETURN_CELLS, Rank, TransferLines,
};
use mailbox::lab::abi::{Kind, position};
use mailbox::lab::os;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread;
use std::time::{Duration, Instant};

/// Writes until one mailbox is all zeros again: there is always something left to break.
const WRITES_PER_WIPE: u32 = 500;
/// Of so many writes one stays; the others are undone after as many. Mailboxes that are corrupt for good carry
/// nothing that could be misread.
const WRITES_PER_STAY: u32 = 16;
/// Writes in a row, after which the others are to have made so many calls, or to have had so much time.
const ROUND: u64 = 4096;
const CALLS_PER_ROUND: u64 = 64;
const PAUSE: Duration = Duration::from_millis(100);

/// The epoch in the stamp of a call line, in place.
const EPOCHS: u64 = (1 << 23) - 1;

/// What is overwritten, each as often as any other.
#[derive(Debug, Clone, Copy)]
pub enum Class {
    Header,
    /// A rank's life, process, label and lock.
    Identity,
    Bells,
    Opened,
    /// Any word of a rank's record.
    Record,
    /// The head of a lane, of mail or of answers: as all words of lanes below.
    Head,
    /// Any word of its reader's.
    Consumer,
    /// Any word of its writer's: counters, and its part of a reset.
    Counters,
    Stamp,
    Envelope,
    Offset,
    Length,
    /// Any word of a cell.
    Cell,
    /// What a cell is of a message or a call.
    Kind,
    /// Which call a cell says it is about.
    CallId,
    Arena,
    CallStamp,
    CallEnvelope,
    /// Any word of a call line.
    CallLine,
    /// Any word of a transfer slot.
    Transfer,
    /// Any word of a rank's area for loans.
    Loan,
    /// Any word of the region, but of those that are spared.
    Any,
}

impl Class {
    pub const ALL: [Self; 22] = [
        Self::Header,
        Self::Identity,
        Self::Bells,
        Self::Opened,
        Self::Record,
        Self::Head,
        Self::Consumer,
        Self::Counters,
        Self::Stamp,
        Self::Envelope,
        Self::Offset,
        Self::Length,
        Self::Cell,
        Self::Kind,
        Self::CallId,
        Self::Arena,
        Self::CallStamp,
        Self::CallEnvelope,
        Self::CallLine,
        Self::Transfer,
        Self::Loan,
        Self::Any,
    ];

    /// What it is called.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

#[derive(Args)]
pub struct Vandal {
    #[command(flatten)]
    place: Where,
    /// How many ranks write down how they fare
    #[arg(long)]
    ranks: u32,
    #[arg(long)]
    writes: u64,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    journal: PathBuf,
}

impl Vandal {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.journal)?;
        let sheet = Sheet::new(&journal, self.ranks);
        let cannot_write = |error: io::Error| self.place.failure(error);
        let path = os::shm_path(&self.place.region);
        let file = File::options().read(true).write(true).open(path).map_err(cannot_write)?;
        let mut hand = Hand::new(file, self.ranks, self.seed).map_err(cannot_write)?;
        let mut calls = 0;
        for write in 0..self.writes {
            let class = hand.strike().map_err(cannot_write)?;
            let written = sheet.written(class as usize);
            written.store(written.load(Relaxed) + 1, Release);
            if write.is_multiple_of(ROUND) {
                let begin = Instant::now();
                while sheet.total(Tally::Calls) < calls && begin.elapsed() < PAUSE {
                    thread::sleep(Duration::from_micros(100));
                }
                calls = sheet.total(Tally::Calls) + CALLS_PER_ROUND;
            }
        }
        Ok(())
    }
}

/// What writes.
struct Hand {
    file: File,
    header: [u8; HEADER_BYTES],
    geometry: Geometry,
    /// How many ranks are not spared.
    ranks: u32,
    /// Where something else was before, and what.
    undo: VecDeque<(u64, u64)>,
    random: Xoshiro256PlusPlus,
}

impl Hand {
    fn new(file: File, talkers: u32, seed: u64) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let geometry = Geometry::of_header(&header).ok_or(io::ErrorKind::InvalidData)?;
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Ok(Self { file, header, geometry, ranks: talkers + 1, undo: VecDeque::new(), random })
    }

    /// Overwrites one word; of which class.
    fn strike(&mut self) -> io::Result<Class> {
        let class = Class::ALL[self.random.random_range(0..Class::ALL.len())];
        let offset = self.place(class)?;
        let old = self.read(offset)?;
        let word = self.word(class, old);
        self.write(offset, word)?;
        if !self.random.random_ratio(1, WRITES_PER_STAY) {
            self.undo.push_back((offset, old));
        }
        if self.undo.len() > WRITES_PER_STAY as usize
            && let Some((offset, old)) = self.undo.pop_front()
        {
            self.write(offset, old)?;
        }
        if offset < self.header.len() as u64 {
            // Processes that open or join meet it for a moment. If it stayed, no process would be left.
            self.file.write_all_at(&self.header, 0)?;
        }
        if self.random.random_ratio(1, WRITES_PER_WIPE) {
            let zeros = vec![0; self.geometry.stride() as usize];
            let (from, to) = self.pair();
            self.file.write_all_at(&zeros, self.geometry.pages(from, to))?;
        }
        Ok(class)
    }

    fn read(&self, offset: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn write(&self, offset: u64, word: u64) -> io::Result<()> {
        self.file.write_all_at(&word.to_ne_bytes(), offset)
    }

    /// Some sender, and some receiver.
    fn pair(&mut self) -> (u32, u32) {
        (self.random.random_range(0..self.ranks), self.random.random_range(0..self.ranks))
    }

    /// The offset of some word of this class.
    fn place(&mut self, class: Class) -> io::Result<u64> {
        const CELL: u64 = size_of::<Cell>() as u64;
        let rank = self.random.random_range(0..self.ranks);
        let record = self.geometry.rank(rank);
        let (from, to) = self.pair();
        let mailbox = self.geometry.mailbox(from, to);
        let (lines, first_cell, cells, arena) = if self.random.random_ratio(3, 4) {
            let arena = self.geometry.arena_of_mail(from, to);
            (offset_of!(Lines, mail), Geometry::CELLS, self.geometry.cells, arena)
        } else {
            let first_cell = self.geometry.return_cells();
            let arena = self.geometry.arena_of_returns(from, to);
            (offset_of!(Lines, returns), first_cell, RETURN_CELLS, arena)
        };
        let consumer = mailbox + (lines + offset_of!(LaneLines, consumer)) as u64;
        let producer = mailbox + (lines + offset_of!(LaneLines, producer)) as u64;
        // Mostly one that is about to be read.
        let mut seq = self.random.random_range(0..u64::from(cells));
        if self.random.random_ratio(3, 4) {
            seq = self.read(consumer)?.wrapping_add(seq / 4);
        }
        let some_cell = mailbox + first_cell + CELL * position(seq, cells.into());
        let line = mailbox + offset_of!(Lines, call) as u64;
        let payload = some_cell + offset_of!(Cell, payload) as u64;
        let (first, words) = match class {
            Class::Header => (0, HEADER_BYTES as u64 / 8),
            Class::Identity => (record + offset_of!(Rank, identity) as u64, 9),
            Class::Bells => (record + offset_of!(Rank, bells) as u64, size_of::<Bells>() as u64 / 8),
            Class::Opened => (record + offset_of!(Rank, opened) as u64, OPENED_WORDS as u64),
            Class::Record => (record, size_of::<Rank>() as u64 / 8),
            Class::Head => (consumer, 1),
            Class::Consumer => (consumer, size_of::<ConsumerLine>() as u64 / 8),
            Class::Counters => (producer, 8),
            Class::Stamp => (some_cell, 1),
            Class::Envelope | Class::Kind | Class::CallId => {
                (some_cell + offset_of!(Cell, envelope) as u64, 1)
            }
            Class::Offset => (payload, 1),
            Class::Length => (payload + 8, 1),
            Class::Cell => (some_cell, CELL / 8),
            Class::CallStamp => (line, 1),
            Class::CallEnvelope => (line + offset_of!(Cell, envelope) as u64, 1),
            Class::CallLine => (line, CELL / 8),
            Class::Transfer => {
                let lines = mailbox + offset_of!(Lines, transfer) as u64;
                let side = self.random.random_range(0..2) * size_of::<TransferLines>() as u64 / 2;
                (lines + side, 2)
            }
            Class::Arena => (arena, self.geometry.payloads().len() / 8),
            Class::Loan => (self.geometry.loans_of(rank), self.geometry.loans / 8),
            Class::Any => return Ok(self.anywhere()),
        };
        Ok(first + 8 * self.random.random_range(0..words))
    }

    /// The offset of some word that is not of those that are spared, nor of the mailboxes between them.
    fn anywhere(&mut self) -> u64 {
        let geometry = self.geometry;
        let pair = || (0..PAIR).map(|seat| spared::rank(self.ranks - 1, seat));
        let records = pair().map(|rank| (geometry.rank(rank), size_of::<Rank>() as u64));
        let mailboxes = pair().flat_map(|from| pair().map(move |to| (from, to)));
        let mailboxes = mailboxes.map(|(from, to)| (geometry.pages(from, to), geometry.stride()));
        let spared: Vec<_> = records.chain(mailboxes).map(|(start, len)| start..start + len).collect();
        loop {
            let offset = 8 * self.random.random_range(0..geometry.size() / 8);
            if !spared.iter().any(|range| range.contains(&offset)) {
                return offset;
            }
        }
    }

    /// What to write where `old` is: mostly what is near, or at some limit.
    fn word(&mut self, class: Class, old: u64) -> u64 {
        let Geometry { cells, loans, .. } = self.geometry;
        let (cells, arena, chunks) = (u64::from(cells), self.geometry.payloads().len(), loans / CHUNK);
        let random = &mut self.random;
        match random.random_range(0..10) {
            // In the arena, or not far beyond it.
            0..5 if matches!(class, Class::Offset) => {
                ARENA_ALIGN * random.random_range(0..2 * arena / ARENA_ALIGN)
            }
            0..5 if matches!(class, Class::Length) => random.random_range(0..2 * arena),
            // The same with the area for loans, where `old` may be that of a loan.
            5 | 6 if matches!(class, Class::Offset) => CHUNK * random.random_range(0..2 * chunks),
            5 | 6 if matches!(class, Class::Length) => random.random_range(0..2 * CHUNK * chunks),
            // Of the call that is there, or one near it, for this life of the server or one near it.
            0..7 if matches!(class, Class::CallStamp) => {
                let near = |word: u64, step: u64| word.wrapping_add(step).wrapping_sub(1);
                let [number, epoch] =
                    [old >> 24, old >> 1 & EPOCHS].map(|word| near(word, random.random_range(0..3)));
                number << 24 | (epoch & EPOCHS) << 1 | random.random_range(0..2)
            }
            0..7 if matches!(class, Class::CallEnvelope | Class::Kind) => {
                let kinds = [Kind::Call, Kind::Answer, Kind::Refusal, Kind::Dropped, Kind::Whole];
                let len = if random.random() { old & 63 } else { random.random_range(0..64) };
                old & !1023 | (kinds[random.random_range(0..kinds.len())] as u64) << 6 | len
            }
            // One near it, an epoch, a place in the mailbox, or a stamp.
            0..2 if matches!(class, Class::CallId) => old.wrapping_add(1 << 16),
            2 if matches!(class, Class::CallId) => old & 0xFFFF | random.random_range(0..64) << 16,
            3..6 if matches!(class, Class::CallId) => {
                let stamp = random.random_range(0..32) << 24 | random.random_range(0..16) << 1 | 1;
                old & 0xFFFF | (stamp << 1 | 1) << 16
            }
            0 => random.next_u64(),
            1 => random.random_range(0..64),
            2 => u64::MAX - random.random_range(0..3),
            3 => 1 << random.random_range(0..64),
            4 => 0,
            5 => old.wrapping_add(1),
            6 => old.wrapping_sub(1),
            7 => old.wrapping_add(cells),
            8 => old.wrapping_sub(cells),
            _ => old ^ 1 << random.random_range(0..64),
        }
    }
}
