//! Mail that nobody will receive.

use super::{Endpoint, SendHalf};
use crate::error::{Broken, DiscardError};
use crate::ring::Corrupt;

impl SendHalf {
    /// Gives up what was sent to `rank`, which no process holds: it was never joined, has left, or is dead. Returns how many
    /// messages were not received. Their room is free at once. The rank's next holder gets what is sent from then on.
    ///
    /// [`DiscardError::Present`] if the rank is there, or joins at this very moment. A process that is about to leave, or that
    /// removes or closes the region, is waited for: half a second, or five at most; in practice far less than a millisecond.
    ///
    /// What a [batch](crate::Batch) held back is given up, too. A message that was [announced](crate::SendTo::announce) ends in
    /// [`SendError::Refused`](crate::SendError::Refused), and a call that went through the mailbox in
    /// [`CallError::Unanswered`](crate::CallError::Unanswered). A call on the call line stays.
    ///
    /// Cost: some system calls.
    ///
    /// ```
    /// # use mailbox::{Config, DiscardError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// while me.try_send(1, b"news").is_ok() {}
    /// // Nobody came for it.
    /// me.discard(1)?;
    /// me.try_send(1, b"the latest news")?;
    /// let late = region.join(1)?;
    /// assert_eq!(late.recv()?.to_vec(), b"the latest news");
    /// assert_eq!(me.discard(1), Err(DiscardError::Present(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn discard(&self, rank: u32) -> Result<u64, DiscardError> {
        let (member, outbox) = self.parts();
        let Some(peer) = outbox.used(member, rank)? else { return Ok(0) };
        outbox.flush(member);
        let _absence = member.region.keep_away(rank).map_err(|_| DiscardError::Present(rank))?;
        // This rank may have been lost while it waited.
        member.check().map_err(Broken::Lost)?;
        peer.producer.discard().map_err(|Corrupt| Broken::Corrupt(rank).into())
    }
}

impl Endpoint {
    /// Gives up what was sent to `rank`, which no process holds. The same as [`SendHalf::discard`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// me.send(1, b"one")?;
    /// me.send(1, b"two")?;
    /// // Nobody came for them.
    /// assert_eq!(me.discard(1)?, 2);
    /// let late = region.join(1)?;
    /// assert!(late.try_recv()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn discard(&self, rank: u32) -> Result<u64, DiscardError> {
        self.sender.discard(rank)
    }
}
