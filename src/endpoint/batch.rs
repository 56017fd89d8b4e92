//! Many messages, published and acknowledged with fewer stores.

use crate::half::Member;
use crate::receive::Inbox;
use crate::send::Outbox;
use core::fmt;

/// While it lives, an endpoint holds back what it does: what it sends is not yet seen, and what it acknowledges is not yet
/// known. Both happen at once when it is dropped. Dropping never waits.
///
/// They happen earlier when what is held back from a peer is a quarter of a mailbox, of its cells or of its arena; when a call
/// of the same half, or of an endpoint that was not split, would wait or finds nothing; and when a message is
/// announced. So the only process that waits for what a batch holds back is one that waits for an endpoint that does nothing:
/// keep a batch open no longer than it takes to send or receive it. If the process ends before, what was held back was not
/// sent, and what was not acknowledged comes again.
///
/// Batches may overlap. What they hold back is published when the last one is dropped.
///
/// Cost: for each peer one store, and a system call if it sleeps, instead of one for each message.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let name = format!("doc-batch-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let batch = me.batch();
/// for number in 0..100u64 {
///     me.send(1, &number.to_ne_bytes())?;
/// }
/// assert!(other.try_recv()?.is_none(), "not yet");
/// drop(batch);
///
/// let _batch = other.batch(); // one acknowledgement for all
/// for number in 0..100 {
///     assert_eq!(other.recv()?.value::<u64>()?, number);
/// }
/// # drop(_batch);
/// # drop((me, other));
/// # Region::remove_at(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a batch ends when this is dropped"]
pub struct Batch<'a> {
    sending: Option<(&'a Member, &'a Outbox)>,
    receiving: Option<(&'a Member, &'a Inbox)>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(
        sending: Option<(&'a Member, &'a Outbox)>,
        receiving: Option<(&'a Member, &'a Inbox)>,
    ) -> Self {
        sending.inspect(|(member, _)| member.begin_batch());
        receiving.inspect(|(member, _)| member.begin_batch());
        Self { sending, receiving }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if let Some((member, outbox)) = self.sending
            && member.end_batch()
        {
            outbox.flush(member);
        }
        if let Some((member, inbox)) = self.receiving
            && member.end_batch()
        {
            inbox.settle(member);
        }
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("sends", &self.sending.is_some())
            .field("receives", &self.receiving.is_some())
            .finish_non_exhaustive()
    }
}
