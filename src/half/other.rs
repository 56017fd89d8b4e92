//! What one half of an endpoint has to do with the other.

use super::member::{Half, Member};
use crate::segment::Outcome;
use core::sync::atomic::{Ordering, fence};
use std::sync::Arc;

impl Member {
    /// Says that the other half may go to another thread. Interrupters made so far are the receiver's.
    pub fn split(&mut self) {
        self.split = true;
        if self.half == Half::Sender {
            self.interrupted = Arc::default();
        }
    }

    /// Whether both are halves of one endpoint.
    pub fn is_with(&self, other: &Member) -> bool {
        matches!((&self.holder, &other.holder), (Some(mine), Some(its)) if Arc::ptr_eq(mine, its))
    }

    /// Says that the other half is in the same thread again.
    pub fn unite(&mut self, other: &Member) {
        self.split = false;
        if self.half == Half::Sender {
            self.interrupted = other.interrupted.clone();
        }
    }

    /// This endpoint is to end as if its process had died.
    pub fn abandon(&self) {
        if let Some(holder) = &self.holder {
            holder.died.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this half, which is dropped now, ends as dead.
    pub fn dies(&self) -> bool {
        std::thread::panicking()
            || self.holder.as_ref().is_some_and(|holder| holder.died.load(Ordering::Relaxed))
    }

    /// Whether nobody but this thread could be at work on the other half. What that did before is visible then:
    /// who acts on it looks once more.
    pub fn finds_alone(&self) -> bool {
        let is_alone =
            !self.split || self.holder.as_ref().is_none_or(|holder| Arc::strong_count(holder) == 1);
        // Pairs with the drop of the other half's reference; the count is read without an order of its own.
        fence(Ordering::Acquire);
        is_alone
    }

    /// Takes leave of the other half, which may wait for this one; with the second, the rank is left.
    pub fn part(&mut self) {
        let Some(holder) = self.holder.take() else { return };
        if std::thread::panicking() {
            holder.died.store(true, Ordering::Relaxed);
        }
        // First, or the other half would not find itself alone when it wakes.
        drop(holder);
        if self.split && self.check().is_ok() {
            self.ring_mail(self.record());
            self.ring_credit(self.record());
        }
    }

    /// Where it is said what came of closing the region, once both halves have parted and it was to be closed.
    pub fn outcome(&self) -> Option<Outcome> {
        self.holder.as_ref().map(|holder| holder.shutdown.outcome())
    }
}
