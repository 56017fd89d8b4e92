//! A server that waits for its caller.

use crate::error::CallError;
use crate::half::Member;
use crate::send::Outgoing;
use crate::wait::pace::STARVED;
use std::time::Instant;

/// Since when a server was seen to wait for room in its mailbox to this rank, which receives nothing while it waits.
#[derive(Default)]
pub struct Starved(Option<Instant>);

impl Starved {
    /// Says so once that has lasted for a while. The server's word may lie; then this is wrong, and no more.
    pub fn check(&mut self, member: &Member, peer: &Outgoing) -> Result<(), CallError> {
        if !member.is_awaited_by(&peer.record) {
            self.0 = None;
            return Ok(());
        }
        let since = *self.0.get_or_insert_with(Instant::now);
        if since.elapsed() < STARVED { Ok(()) } else { Err(CallError::Held) }
    }
}
