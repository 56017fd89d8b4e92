//! How the threads of a shared endpoint wait, and what memory their mail may take.

use super::handle::Shared;
use crate::rank::Wait;

/// # Settings
///
/// They are one endpoint's, so each of them counts for all threads. A forked child changes nothing.
impl Shared {
    /// Chooses how threads wait that begin to wait from now on. As [`Endpoint::set_wait`](crate::Endpoint::set_wait).
    ///
    /// ```
    /// # use mailbox::{Config, Region, Wait};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// # let me = region.join(0)?.into_shared();
    /// me.set_wait(Wait::Block); // none of them polls
    /// me.set_unread_budget(64 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_wait(&self, wait: Wait) {
        let _ = self.handle.with(|joint| joint.endpoint.set_wait(wait));
    }

    /// How much private memory announced messages may take. As [`Endpoint::set_budget`](crate::Endpoint::set_budget).
    ///
    /// ```
    /// # use mailbox::{Broken, Config, RecvError, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// me.set_budget(4 << 20);
    /// let long = other.to(0).announce(vec![7; 8 << 20])?;
    /// let error = me.from(1).within(Duration::from_secs(1)).recv().err();
    /// assert_eq!(error, Some(RecvError::Broken(Broken::NoMemory { rank: 1, len: 8 << 20, left: 4 << 20 })));
    /// # drop(long);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_budget(&self, bytes: u64) {
        // A thread may wait for a message that did not fit.
        let _ = self.handle.stir(|joint| joint.endpoint.set_budget(bytes));
    }

    /// How much private memory unread mail may take. As [`Endpoint::set_unread_budget`](crate::Endpoint::set_unread_budget).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// while other.to(0).tag(1).try_send(b"fills the mailbox").is_ok() {}
    /// let sender = std::thread::spawn(move || other.to(0).tag(2).send(b"wanted first"));
    /// me.set_unread_budget(64 << 10); // what fills it has room there
    /// assert_eq!(me.from(1).tag(2).recv()?.to_vec(), b"wanted first");
    /// # sender.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_unread_budget(&self, bytes: u64) {
        let _ = self.handle.stir(|joint| joint.endpoint.set_unread_budget(bytes));
    }
}
