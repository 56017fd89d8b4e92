//! How one half of an endpoint depends on the other.

use super::member::{Half, Member};
use crate::segment::Outcome;
use core::sync::atomic::{Ordering, fence};
use std::sync::Arc;

impl Member {
    /// Allows the other half to go to another thread. Interrupters made so far belong to the receiver.
    pub fn split(&mut self) {
        self.share(true);
        if self.half == Half::Sender {
            self.interrupted = Arc::default();
        }
    }

    /// Says whether several threads use both halves from now on: then each of them finds itself never alone.
    pub fn share(&self, is_shared: bool) {
        self.split.set(is_shared);
    }

    /// Whether both are halves of one endpoint.
    pub fn is_with(&self, other: &Member) -> bool {
        matches!((&self.holder, &other.holder), (Some(mine), Some(its)) if Arc::ptr_eq(mine, its))
    }

    /// Takes the other half back into the same thread.
    pub fn unite(&mut self, other: &Member) {
        self.share(false);
        if self.half == Half::Sender {
            self.interrupted = other.interrupted.clone();
        }
    }

    /// Makes this endpoint end as if its process had died.
    pub fn abandon(&self) {
        if let Some(holder) = &self.holder {
            holder.died.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this half, which is being dropped, counts as dead.
    pub fn dies(&self) -> bool {
        std::thread::panicking()
            || self.holder.as_ref().is_some_and(|holder| holder.died.load(Ordering::Relaxed))
    }

    /// Whether no other thread can be using the other half. What that half did before is visible then, so the caller
    /// looks once more before it acts on this.
    pub fn finds_alone(&self) -> bool {
        let is_alone =
            !self.split.get() || self.holder.as_ref().is_none_or(|holder| Arc::strong_count(holder) == 1);
        // Pairs with the drop of the other half's reference; `strong_count` reads the count without an ordering.
        fence(Ordering::Acquire);
        is_alone
    }

    /// Parts from the other half, which may be waiting for this one. When the second half parts, the rank is left.
    pub fn part(&mut self) {
        let Some(holder) = self.holder.take() else { return };
        if std::thread::panicking() {
            holder.died.store(true, Ordering::Relaxed);
        }
        // First: the other half must find itself alone when it wakes.
        drop(holder);
        if self.split.get() && self.check().is_ok() {
            self.ring_mail(self.record());
            self.ring_credit(self.record());
        }
    }

    /// Where to read whether the region was closed after both halves parted.
    pub fn outcome(&self) -> Option<Outcome> {
        self.holder.as_ref().map(|holder| holder.shutdown.outcome())
    }
}
