//! The writing end of a mailbox without an endpoint before it: what it writes, no honest sender may.

use super::Scratch;
use mailbox::lab::abi::{ANNOUNCEMENT, Geometry, HEADER_BYTES, Kind, Rank};
use mailbox::lab::memory::{Mailbox, Mapping, Payload, Shared};
use mailbox::lab::ring::{Producer, PushError, Slack, Source};
use mailbox::lab::sync::Ordering::Relaxed;
use memmap2::MmapRaw;
use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::Arc;

pub struct Wire {
    pub mailbox: Mailbox,
    pub producer: Producer,
    pub source: Source,
    /// What was announced, each with its number.
    announced: RefCell<Vec<(u64, Vec<u8>)>>,
}

impl Wire {
    /// The writing end from `from` to `to`, at its tail, in that sender's present life, or in its first one. An endpoint
    /// of `from` that has written there before must not do so again.
    pub fn new(scratch: &Scratch, from: u32, to: u32) -> Self {
        let geometry = geometry(scratch);
        let file = File::options().read(true).write(true).open(scratch.path()).expect("a region");
        let map = MmapRaw::map_raw(&file).expect("a mapping");
        let base = NonNull::new(map.as_mut_ptr()).expect("a mapping");
        #[expect(unsafe_code, reason = "hands the mapping over")]
        // SAFETY: `map` maps that many bytes there until it is dropped, on any thread.
        let mapping = Arc::new(unsafe { Mapping::new(base, map.len(), Box::new(map)) });
        let ranks = Shared::<[Rank]>::mapped(&mapping, geometry.rank(0), geometry.ranks as usize);
        ranks[to as usize].opened[from as usize / 64].fetch_or(1 << (from % 64), Relaxed);
        let mut mailbox = Mailbox::mapped(&mapping, &geometry, from, to);
        // It takes what it touches.
        mailbox.mail.has_pages = true;
        let epoch = ranks[from as usize].identity.life.load(Relaxed) >> 1;
        let epoch = epoch.max(1);
        let producer = Producer::recover(mailbox.mail.clone(), epoch).expect("a mailbox");
        let source = Source::new(mailbox.transfer.clone());
        Self { producer, source, mailbox, announced: RefCell::default() }
    }

    /// Writes a cell of this kind, if there is room.
    pub fn try_push(&self, kind: Kind, bytes: &[u8]) -> Result<(), PushError> {
        let slot = self.producer.claim(bytes.len(), Slack::Any)?.of(kind);
        self.producer.fill(&slot, bytes);
        Ok(())
    }

    /// Writes a cell of this kind.
    pub fn push(&self, kind: Kind, bytes: &[u8]) {
        self.try_push(kind, bytes).expect("room");
    }

    /// Announces a message that claims to have so many bytes; the announcement's number.
    pub fn claim(&self, len: u64) -> u64 {
        let slot = self.producer.claim(ANNOUNCEMENT, Slack::Any).expect("room");
        self.producer.announce(&slot, len);
        slot.seq
    }

    /// Announces a message, for [`Wire::serve`].
    pub fn announce(&self, bytes: &[u8]) {
        let seq = self.claim(bytes.len() as u64);
        self.announced.borrow_mut().push((seq, bytes.to_vec()));
    }

    /// Puts in the ring what is wanted and has room; whether it was any.
    pub fn serve(&self) -> bool {
        let announced = self.announced.borrow();
        let Some(wanted) = self.source.wanted() else { return false };
        let Some((_, bytes)) = announced.iter().find(|(seq, _)| wanted.is_of(*seq)) else { return false };
        if self.source.serving() != Some(wanted) {
            self.source.begin(wanted);
        }
        let mut is_any = false;
        while self.source.put(Payload::Whole(bytes)) {
            is_any = true;
        }
        is_any
    }
}

/// The sizes of a region.
pub fn geometry(scratch: &Scratch) -> Geometry {
    let mut bytes = [0; HEADER_BYTES];
    File::open(scratch.path()).and_then(|file| file.read_exact_at(&mut bytes, 0)).expect("a header");
    Geometry::of_header(&bytes).expect("a geometry")
}
