//! A tuple that a process has for a while.

use super::ask::{Found, Shards};
use super::message::{Note, Request};
use super::space::micros;
use super::{Tuple, TupleError, code};
use core::fmt;
use mailbox::Deadline;
use std::time::Duration;

/// A tuple under lease: what [`Space::lease`](super::Space::lease) returns. Dropping it gives the tuple back.
///
/// While the lease lasts no other process sees the tuple. It ends with [`Leased::done`] or [`Leased::replace`]. If neither comes in time, or the process
/// ends, the tuple comes back: it is there again, in its old place, and [counts that](Tuple::returns). Of all that ever lease one
/// tuple, one at most gets `Ok` from these two.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::tuple::{Limits, Shard, Space, any};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let other_region = region.clone();
/// # let other = std::thread::spawn(move || {
/// #     let me = other_region.join(0).expect("free");
/// #     Shard::begin(&me, 0..1, Limits::default())?.serve_until_alone()
/// # });
/// # let me = region.join(1)?;
/// let space = Space::begin(&me, 0..1)?;
/// space.out(("square", "of", 12))?;
/// let task = space.lease(("square", "of", any::<i64>()), Duration::from_secs(60))?;
/// let (_, _, number): (String, String, i64) = task.tuple().clone().read()?;
/// task.replace(("square", "is", number * number))?; // in one step: nobody sees both, or none
/// assert_eq!(space.take(("square", "is", any::<i64>()))?.read(), Ok(("square".to_string(), "is".to_string(), 144_i64)));
/// # drop(space);
/// # drop(me);
/// # other.join().expect("no panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it gives the tuple back"]
pub struct Leased<'s, 'a> {
    shards: &'s Shards<'a>,
    shard: u32,
    /// The life of the shard, and the number of the lease.
    lease: (u64, u64),
    tuple: Tuple,
    function: Option<String>,
    is_over: bool,
}

impl<'s, 'a> Leased<'s, 'a> {
    pub(super) fn new(shards: &'s Shards<'a>, found: Found) -> Result<Self, TupleError> {
        let Found { shard, tuple, lease, function } = found;
        let lease = lease.ok_or(TupleError::Garbled { rank: shards.rank(shard) })?;
        Ok(Self { shards, shard, lease, tuple, function, is_over: false })
    }

    /// The tuple.
    pub fn tuple(&self) -> &Tuple {
        &self.tuple
    }

    /// The rank of the shard that lent it.
    pub(super) fn rank(&self) -> u32 {
        self.shards.rank(self.shard)
    }

    /// The function that is to complete it.
    pub(super) fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }

    /// The tuple is used up: it never comes back. [`TupleError::Expired`] if it has come back before. After
    /// [`TupleError::Gone`] or [`TupleError::Restarted`] it is lost. After [`TupleError::Call`], as when the wait was interrupted, it is not
    /// known whether it is used up; if not, it comes back when the lease is over.
    pub fn done(mut self) -> Result<(), TupleError> {
        self.is_over = true;
        self.order(Request::Done { lease: self.lease.1, tuple: None })
    }

    /// The tuple is used up, and this one is there in its place, in one step.
    ///
    /// Its key is the same, or another one of the same shard: otherwise [`TupleError::OtherKey`]. [`TupleError::Expired`] if the tuple
    /// has come back before; then this one was not put. After [`TupleError::Gone`] and [`TupleError::Restarted`] both are lost. After
    /// [`TupleError::Call`], as when the wait was interrupted, it is not known which of both is there; one is. On every other error this
    /// one was not put, and the tuple comes back.
    pub fn replace(mut self, tuple: impl Into<Tuple>) -> Result<(), TupleError> {
        let bytes = self.shards.encode(&tuple.into())?;
        if self.shards.of_key(&bytes) != Some(self.shard) {
            let key = code::key(&bytes).map(code::told).unwrap_or_default();
            return Err(TupleError::OtherKey { rank: self.rank(), key });
        }
        let replaced = self.order(Request::Done { lease: self.lease.1, tuple: Some(&bytes) });
        self.is_over = matches!(
            replaced,
            Ok(()) | Err(TupleError::Expired { .. } | TupleError::Gone { .. } | TupleError::Restarted { .. })
        );
        replaced
    }

    /// The lease lasts for so long from now. [`TupleError::Expired`] if the tuple has come back before.
    pub fn renew(&self, length: Duration) -> Result<(), TupleError> {
        self.order(Request::Renew { lease: self.lease.1, micros: micros(length) })
    }

    fn order(&self, request: Request<'_>) -> Result<(), TupleError> {
        self.shards.order(self.shard, request, Some(self.lease), Deadline::Never)
    }
}

impl Drop for Leased<'_, '_> {
    fn drop(&mut self) {
        if !self.is_over {
            let (epoch, lease) = self.lease;
            // Without room it comes back when the lease is over.
            _ = self.shards.note_to(self.shard, epoch, Note::GivenBack, lease, Deadline::Now);
        }
    }
}

impl fmt::Debug for Leased<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased")
            .field("tuple", &self.tuple)
            .field("lease", &self.lease.1)
            .finish_non_exhaustive()
    }
}
