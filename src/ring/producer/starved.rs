//! A producer that waits for its consumer, and says so.

use super::Producer;
use crate::abi::Starved;
use crate::sync::{Edge, Mutant, Ordering::Relaxed, mutated, release};

impl Producer {
    /// The `head` that the last claim found. If that claim found no room, there is none until the message with this
    /// number is acknowledged.
    pub fn seen_head(&self) -> u64 {
        if mutated(Mutant::FreshHead) {
            return self.lane.consumer.head.load(Relaxed);
        }
        self.head.get()
    }

    /// Tells the consumer that this producer waits. The caller rings the consumer's bell afterwards.
    pub fn starve(&self, starved: Starved) {
        self.starving.set(Some((starved.seq, starved.is_any)));
        // Pairs with the consumer's load: the consumer sees all that was sent, and does not think that it had taken
        // everything.
        self.lane.producer.starved.store(starved.pack(), release(Edge::Starved));
    }

    /// The message that the consumer was told this producer waits for, and whether it waits for any up to that, if it was told
    /// so.
    pub fn starving(&self) -> Option<(u64, bool)> {
        self.starving.get()
    }

    /// Withdraws that.
    pub fn end_starving(&self) {
        self.starving.set(None);
        self.lane.producer.starved.store(0, Relaxed);
    }
}
