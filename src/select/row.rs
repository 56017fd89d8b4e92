//! Mails of one sender that say one after the other which arm is told.

use super::takers::OfSender;
use crate::abi::is_below;
use crate::receive::Incoming;

/// A row of mails of one sender. It has all that a look at the next one of them needs.
pub struct Row<'a> {
    peer: &'a Incoming,
    /// The number of the first mail after the row.
    end: u64,
    takers: OfSender,
}

impl<'a> Row<'a> {
    /// So many mails of this sender after its next one.
    pub fn new(peer: &'a Incoming, count: u64, takers: OfSender) -> Self {
        let end = peer.consumer.next().wrapping_add(1).wrapping_add(count);
        Self { peer, end, takers }
    }

    /// How many more mails it has.
    pub fn left(&self) -> u64 {
        let next = self.peer.consumer.next();
        if is_below(next, self.end) { self.end.wrapping_sub(next) } else { 0 }
    }

    /// The arm that alone receives the next mail, if that is there for certain, and nothing else is to be done first. `None` says
    /// nothing; also if an arm was told of this mail before, and it was not received. One look at one cell.
    #[inline(always)]
    pub fn next(&self) -> Option<usize> {
        let (seq, envelope) = self.peer.next_easy()?;
        if !is_below(seq, self.end) {
            return None;
        }
        let arm = self.takers.find_alone(envelope)?;
        self.peer.take_untold(seq).then_some(arm)
    }
}
