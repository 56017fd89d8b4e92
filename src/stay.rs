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
//! - The last to leave lets the disk catch up, takes every lock, so that nobody is in the region and nobody
//!   comes, and lets it catch up once more, on what somebody may have written who came and went meanwhile.
//!   Now nobody writes and the disk has everything, under the boot's name. Only then is the word cleared, and
//!   the locks are held until the disk has that. A crash before leaves the name, one after 0, and in both
//!   cases the pages are whole; a closer that is killed between leaves 0 in memory, which is as true.
//!
//! What is not clean is no worse for a process that comes in the same boot: memory has it all.

use crate::layout::SETTLED;
use crate::os::{self, Lock};
use crate::segment::{ALL_LOCKS, Segment};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use std::io;
use std::sync::Arc;

/// What a member of a region holds; dropped after its rank's lock. Does nothing unless the region is in a file.
pub struct Stay {
    segment: Arc<Segment>,
}

impl Stay {
    /// Begins one, with a rank's lock held and before anything is written to a mailbox.
    ///
    /// The first in a region waits for the disk.
    pub fn begin(segment: &Arc<Segment>) -> io::Result<Self> {
        if segment.is_durable() {
            let boot = os::boot_id()?;
            if segment.boot().load(Acquire) != boot | SETTLED {
                segment.boot().store(boot, Relaxed);
                segment.file().sync_data()?;
                // Pairs with the load above.
                segment.boot().store(boot | SETTLED, Release);
            }
        }
        Ok(Self { segment: segment.clone() })
    }

    /// Marks the region clean unless somebody is in it.
    fn close(&self) -> io::Result<()> {
        let file = self.segment.file();
        // Most of it is written before anybody has to wait for it.
        if os::is_locked(file, 0, ALL_LOCKS)? {
            return Ok(());
        }
        file.sync_data()?;
        let Some(_locks) = Lock::take(file, 0, ALL_LOCKS)? else {
            return Ok(()); // Whoever came closes the region when it leaves.
        };
        if !self.segment.is_bound() || self.segment.boot().load(Relaxed) == 0 {
            return Ok(());
        }
        file.sync_data()?;
        self.segment.boot().store(0, Relaxed);
        file.sync_data()
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.segment.is_durable() {
            // A disk that fails leaves the region as a crash would.
            let _ = self.close();
        }
    }
}
