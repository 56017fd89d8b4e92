//! Messages that their receiver will not have.

use super::{LANE, Producer};
use crate::ring::Corrupt;
use crate::sync::{Edge, Ordering::Relaxed, release};

impl Producer {
    /// Gives up all that is published and not acknowledged, in the place of the consumer: there is none, and none comes
    /// before this has returned. How many messages that were. None is held back.
    ///
    /// It is done with one store, of a word that the next consumer begins at: a process that stops before it has given up
    /// nothing. Who keeps consumers away orders it: what the last one read was read before, and the next one sees it.
    pub fn discard(&self) -> Result<u64, Corrupt> {
        let (lane, tail) = (&self.lane, self.tail.get());
        let is_resetting = self.answer();
        self.refresh()?;
        let messages = tail.wrapping_sub(self.head.get());
        if is_resetting {
            // The last consumer asked for a reset and has not taken it: the next one begins where that says.
            lane.producer.reset_from.store(tail, Relaxed);
            self.head.set(tail);
            self.pool.borrow_mut().free_below(LANE, tail);
        } else {
            lane.consumer.head.store(tail, release(Edge::Head));
            self.refresh()?;
        }
        Ok(messages)
    }
}
