//! What is fetched by hand in a torture.

use super::collector::Collector;
use crate::common::failure::Failure;
use mailbox::{FetchError, Mail};
use rand::RngExt;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

/// Bytes that are fetched at once, at most.
const PART: usize = 4000;

impl Collector<'_> {
    /// Fetches an announced message, or refuses it half-way, and judges it.
    pub(super) fn fetch(&mut self, mail: Mail<'_>) -> Result<(), Failure> {
        let (from, seq, marked) = (mail.from(), mail.seq(), mail.redelivered() > 0);
        let mut arrival = mail.fetch();
        self.bytes.clear();
        let enough = self.random.random_ratio(1, 16).then(|| self.random.random_range(0..arrival.len()));
        let mut part = [0; PART];
        loop {
            if enough.is_some_and(|enough| arrival.left() <= enough) {
                arrival.refuse();
                return Ok(());
            }
            self.call.store(u64::from(from) << 32, Relaxed);
            let most = self.random.random_range(1..=part.len());
            let result = arrival.fetch_within(&mut part[..most], Duration::from_millis(20));
            self.beat.fetch_add(1, Release);
            match result {
                Ok(0) => break,
                Ok(count) => self.bytes.extend_from_slice(&part[..count]),
                Err(FetchError::Timeout(_)) => {}
                Err(FetchError::Broken(broken)) => return self.fail(broken.into()),
                Err(FetchError::Gone { .. } | FetchError::Cut(_) | FetchError::Held(_)) => return Ok(()),
                Err(error) => {
                    return Err(Failure::new(format_args!("rank {} cannot fetch: {error}", self.rank)));
                }
            }
        }
        if let Some(number) = self.judge(from, seq, marked) {
            let reader = &mut self.lines[from as usize].reader;
            reader.acknowledging(number);
            drop(arrival);
        }
        Ok(())
    }
}
