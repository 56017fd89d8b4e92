//! Mail that nobody will receive.

use super::{Endpoint, Sender};
use crate::error::SendError;

impl Sender {
    /// Gives up what was sent to `rank`, which nobody holds: it never joined, has left, or is dead. How many messages were
    /// not received; their room is free at once. The rank's next holder gets what is sent from then on, or, if it joins at
    /// this very moment, all that was sent: then this is [`SendError::Present`].
    ///
    /// [`SendError::Present`] if the rank is there. One that is about to leave, and a process that removes or closes
    /// the region, are waited for: half a second, or five at most, in practice far less than a millisecond. Other
    /// errors as of [`Sender::try_send`], but it is never full.
    ///
    /// What a [batch](crate::Batch) held back is given up, too. A [call](crate::Endpoint::try_call) that went through the
    /// mailbox ends in [`CallError::Dropped`](crate::CallError::Dropped); one on the call line stays.
    ///
    /// A message that was [announced](Sender::announce) ends in [`SendError::Refused`].
    ///
    /// Cost: some system calls.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// while me.try_send(1, b"news").is_ok() {}
    /// // Nobody came for it.
    /// me.discard(1)?;
    /// me.try_send(1, b"the latest news")?;
    /// let late = region.join(1)?;
    /// assert_eq!(late.recv()?.to_vec(), b"the latest news");
    /// assert_eq!(me.discard(1), Err(SendError::Present(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn discard(&self, rank: u32) -> Result<u64, SendError> {
        let (member, outbox) = self.parts();
        let Some(peer) = outbox.used(member, rank)? else { return Ok(0) };
        outbox.flush(member);
        let _absence = member.region.keep_away(rank).map_err(|_| SendError::Present(rank))?;
        // This rank may have been lost while it waited.
        member.check()?;
        Ok(peer.producer.discard()?)
    }
}

impl Endpoint {
    /// Gives up what was sent to `rank`, which nobody holds. As [`Sender::discard`].
    pub fn discard(&self, rank: u32) -> Result<u64, SendError> {
        self.sender.discard(rank)
    }
}
