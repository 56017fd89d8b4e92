//! From joining to leaving: what the header's boot word says of the disk.
//!
//! A region in a file is *clean* (0) when nobody is in it and the disk has all of it, else it names the boot
//! whose memory holds the rest. The disk must never say that a region is clean while it lacks a page:
//!
//! - Whoever joins a clean region stores its boot and waits for the disk before it writes to a mailbox: from
//!   then on a crash leaves the boot's name there. [`SETTLED`] in the word says that the disk has it; who does
//!   not find it there waits itself. Several joiners may do so at once: they store the same value, and the disk
//!   has one of its forms as soon as the first of them goes on. The claim of its rank comes before, and may
//!   reach the disk or not: it is in one line, and half a claim is what a claimer that is killed leaves, too.
//! - The last to leave locks the gate, lets the disk catch up, takes every other lock, so that nobody is in the
//!   region and nobody comes, and lets it catch up once more, on what somebody may have written who came and went
//!   meanwhile. Now nobody writes and the disk has everything, under the boot's name. Only then is the word
//!   cleared, and the locks are held until the disk has that. A crash before leaves the name, one after 0, and in
//!   both cases the pages are whole; a closer that is killed between leaves 0 in memory, which is as true.
//! - A disk that fails to take a page says so once; afterwards the system holds the page for written, and waiting
//!   for the disk succeeds. So whoever is told writes the boot's name into [`FAILED`](crate::layout::FAILED), and
//!   for the rest of this boot nobody clears the word. Nobody waits for the disk without a lock, and whoever has
//!   all locks sees what was written under any of them: no failure is overlooked because two closed, or joined, at
//!   once. But one that is killed while it waits may take with it what only it was told.
//!
//! What is not clean is no worse for a process that comes in the same boot: memory has it all.

use super::Segment;
use crate::abi::{GATE, MAX_RANKS, SETTLED, lock_byte};
use crate::error::CloseError;
use crate::os::{self, File};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use std::io;
use std::sync::{Arc, OnceLock};

/// How often a closer begins anew because somebody came meanwhile.
const TRIES: u32 = 16;

/// What a member of a region holds; dropped after its rank's lock. Does nothing unless the region is in a file.
pub struct CleanShutdown {
    segment: Arc<Segment>,
    process: u32,
    outcome: Outcome,
}

/// What came of closing the region, once that was tried.
pub type Outcome = Arc<OnceLock<Result<(), CloseError>>>;

impl CleanShutdown {
    /// Begins one, with a rank's lock held and before anything is written to a mailbox.
    ///
    /// The first in a region waits for the disk.
    pub fn begin(segment: &Arc<Segment>) -> io::Result<Self> {
        if segment.is_durable() {
            let boot = os::boot_id()?;
            if segment.boot().load(Acquire) != boot | SETTLED {
                segment.boot().store(boot, Relaxed);
                reach_disk(segment, boot)?;
                // Pairs with the load above.
                segment.boot().store(boot | SETTLED, Release);
            }
        }
        Ok(Self { segment: segment.clone(), process: os::process(), outcome: Outcome::default() })
    }

    /// Where it will be said what came of closing the region.
    pub fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }

    /// SeqSet the region clean unless somebody is in it.
    fn close(&self) -> Result<(), CloseError> {
        let (file, boot) = (self.segment.file(), os::boot_id()?);
        // Once more if somebody came: it may have gone again, and left the closing to who had the gate. Not for
        // ever: who comes and goes without end leaves the region as it is, and that is safe.
        for _ in 0..TRIES {
            if os::is_locked(file, lock_byte(0), MAX_RANKS)? {
                return Ok(());
            }
            let Some(_gate) = self.segment.locks().take(GATE, 1)? else {
                return Ok(()); // Somebody else closes the region, or removes it.
            };
            // Most of it is written before anybody has to wait for it.
            sync(&self.segment, file, boot)?;
            if let Some(_others) = self.segment.locks().take(lock_byte(0), MAX_RANKS)? {
                return self.mark(boot);
            }
        }
        Ok(())
    }

    /// SeqSet the region clean, with all locks held, if it can be.
    fn mark(&self, boot: u64) -> Result<(), CloseError> {
        let (file, word) = (self.segment.file(), self.segment.boot());
        if self.segment.failed().load(Relaxed) == boot {
            return Err(CloseError::Failed);
        }
        if !self.segment.is_bound() || self.segment.is_unlinked() {
            return Err(CloseError::Removed);
        }
        if word.load(Relaxed) == 0 {
            return Ok(());
        }
        sync(&self.segment, file, boot)?;
        word.store(0, Relaxed);
        Ok(sync(&self.segment, file, boot).inspect_err(|_| word.store(boot, Relaxed))?)
    }
}

impl From<io::Error> for CloseError {
    fn from(error: io::Error) -> Self {
        CloseError::Os(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// Waits until the disk has the boot's name.
fn reach_disk(segment: &Segment, boot: u64) -> io::Result<()> {
    // A description of its own: of several that wait on one, only the first is told of a failure.
    if let Ok(file) = os::reopen(segment.file()) {
        return sync(segment, &file, boot);
    }
    // There is none, or this user may not have one.
    sync(segment, segment.file(), boot)?;
    let is_told_another = segment.failed().load(Relaxed) == boot;
    if is_told_another { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
}

/// Lets the disk catch up, through `file`, with a lock held until what came of it is written down.
fn sync(segment: &Segment, file: &File, boot: u64) -> io::Result<()> {
    file.sync_data().inspect_err(|_| segment.failed().store(boot, Relaxed))
}

impl Drop for CleanShutdown {
    fn drop(&mut self) {
        // A forked child's is its parent's.
        if self.segment.is_durable() && os::process() == self.process {
            // A disk that fails leaves the region as a crash would, for good.
            let _ = self.outcome.set(self.close());
        }
    }
}
