//! What a drain gives in a torture.

use super::book::Count;
use super::collector::{Collector, Whim};
use super::verb::Fetch;
use crate::common::failure::Failure;
use rand::RngExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::Release;

/// The most messages that a drain gives.
const DRAINED: u32 = 60;

impl Collector<'_> {
    /// Receives a few more by a drain, which now and then ends in a panic.
    pub(super) fn drain(&mut self, fetch: &impl Fetch) -> Result<(), Failure> {
        let (_, source) = self.verb(true);
        self.was_by_tag = false;
        let mut drain = fetch.drain(source);
        for _ in 0..self.random.random_range(1..=DRAINED) {
            if self.has_ended() {
                return Ok(());
            }
            let result = drain.next();
            self.beat.fetch_add(1, Release);
            self.lines.iter_mut().for_each(|line| line.reader.look());
            let message = match result {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                Err(error) => return self.fail(error),
            };
            let (from, seq) = (message.from() as usize, message.seq());
            let Some(number) = self.read(&message) else { continue };
            if self.random.random_ratio(1, 256) {
                self.book.count(self.rank, Count::Panics, 1);
                self.lines[from].reader.give_back(number, seq);
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    let _drain = drain;
                    resume_unwind(Box::new(Whim));
                }));
                debug_assert!(panicked.is_err());
                return Ok(());
            }
            // Done with by the next step, or when the drain ends.
            self.lines[from].reader.acknowledging(number);
        }
        Ok(())
    }
}
