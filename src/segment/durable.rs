//! What the header's boot word says about the disk, from the first join to the last leave.
//!
//! A region in a file is *clean* (boot word 0) when no process is in it and the disk has all of it. Otherwise the
//! word names the boot whose memory holds the rest. The disk must never say that a region is clean while it lacks a
//! page.
//!
//! - A process that joins a clean region stores its boot and waits for the disk before it writes to a mailbox. From
//!   then on, a crash leaves the boot's name there. The bit [`SETTLED`] says that the disk has the word; a joiner
//!   that does not find the bit waits for the disk itself. Several joiners may do so at once: they store the same
//!   value, and the disk has it, with or without the bit, when the first of them goes on. The claim of the rank comes
//!   earlier and may or may not reach the disk. It lies in one line, and half a claim is also what a process leaves
//!   that is killed while it claims.
//! - The last process to leave locks the gate and waits for the disk. Then it takes every other lock, so that no
//!   process is in the region and none can come, and waits for the disk once more, because a process may have come,
//!   written and gone meanwhile. Now nobody writes, and the disk has everything, under the boot's name. Only then
//!   does it clear the word, and it holds the locks until the disk has that. A crash before that leaves the name, a
//!   crash after it leaves 0; the pages are whole in both cases. A closer that is killed in between leaves 0 in
//!   memory, which is true as well.
//! - A disk that fails to store a page reports that only once. Afterwards the system regards the page as written, and
//!   waiting for the disk succeeds. So the process that is told writes the boot's name into
//!   [`FAILED`](crate::abi::FAILED), and for the rest of this boot nobody clears the word. Nobody waits for the
//!   disk without a lock, and a process that has all locks sees what was written under any of them. So no failure is
//!   overlooked when two processes close or join at once. One gap remains: if a process is killed while it waits, a
//!   failure that only it was told of is lost.
//!
//! A region that is not clean is as good as any other for a process of the same boot, because memory has all of it.

use super::Segment;
use crate::abi::{GATE, MAX_RANKS, SETTLED, lock_byte};
use crate::error::CloseError;
use crate::os::{self, File};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use std::io;
use std::sync::{Arc, OnceLock};

/// How many times a closer starts again because another process came meanwhile.
const TRIES: u32 = 16;

/// What a member of a region holds; dropped after its rank's lock. It does nothing unless the region is in a file.
pub struct CleanShutdown {
    segment: Arc<Segment>,
    process: u32,
    outcome: Outcome,
}

/// The result of closing the region, once that was tried.
pub type Outcome = Arc<OnceLock<Result<(), CloseError>>>;

impl CleanShutdown {
    /// Begins one. The caller holds a rank's lock and has not written to a mailbox yet.
    ///
    /// The first process in a region waits for the disk.
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

    /// Where the result of closing the region will be.
    pub fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }

    /// Marks the region clean unless a process is in it.
    fn close(&self) -> Result<(), CloseError> {
        let (file, boot) = (self.segment.file(), os::boot_id()?);
        // Try again if another process came: it may have gone already, and left the closing to the process that had
        // the gate. Not for ever: if processes come and go without end, the region stays unclean, which is safe.
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

    /// Marks the region clean, if possible. The caller holds all locks.
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
    // Through a description of its own: if several threads wait on one, only the first is told of a failure.
    if let Ok(file) = os::reopen(segment.file()) {
        return sync(segment, &file, boot);
    }
    // No descriptor is left, or this user may not open one.
    sync(segment, segment.file(), boot)?;
    let is_told_another = segment.failed().load(Relaxed) == boot;
    if is_told_another { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
}

/// Waits for the disk, through `file`. The caller holds a lock until the result is stored.
fn sync(segment: &Segment, file: &File, boot: u64) -> io::Result<()> {
    file.sync_data().inspect_err(|_| segment.failed().store(boot, Relaxed))
}

impl Drop for CleanShutdown {
    fn drop(&mut self) {
        // A forked child's copy belongs to its parent.
        if self.segment.is_durable() && os::process() == self.process {
            // If the disk fails, the region stays as after a crash, for good.
            let _ = self.outcome.set(self.close());
        }
    }
}
