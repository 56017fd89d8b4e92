//! Gives up messages in place of their receiver.
//!
//! *The lock decides.* The sender takes the absent receiver's lock for a moment, after the gate. If a process has
//! joined already, it holds that lock, and nothing changes. A process that joins later begins at the new head. So a
//! successor gets all of the mail or none. A process that is about to join meanwhile finds the gate held as well as
//! the lock, knows that nobody is there, and tries again.

use super::{LANE, Producer};
use crate::ring::Corrupt;
use crate::sync::{Edge, Ordering::Relaxed, release};

impl Producer {
    /// Gives up all that is published and not acknowledged, in place of the consumer. The caller makes sure that
    /// there is no consumer, and that none comes before this has returned. Returns how many messages were given up.
    /// None may be held back.
    ///
    /// One store does it, to a word that the next consumer begins at. A process that stops before the store has given
    /// up nothing. The lock that keeps consumers away also orders it: what the last consumer read was read earlier,
    /// and the next one sees the store.
    pub fn discard(&self) -> Result<u64, Corrupt> {
        let (lane, tail) = (&self.lane, self.tail.get());
        let is_resetting = self.answer();
        self.refresh()?;
        let messages = tail.wrapping_sub(self.head.get());
        if is_resetting {
            // The last consumer asked for a reset and has not taken it. The next one begins where this word says.
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
