//! A tuple space, as a process sees it.

use super::ask::{Found, Shards};
use super::message::{Request, Verb, Wanted};
use super::{Leased, Template, Tuple, TupleError, Value, code};
use core::fmt;
use core::ops::Range;
use mailbox::{Deadline, Endpoint};
use std::time::Duration;

/// A tuple space: what a process does with it.
///
/// It borrows its endpoint, which may be used for other things beside it, also by other spaces. It calls shards, and receives nothing else.
/// So it works from a rank that is no shard, or a shard of another space. It is used by one thread.
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
/// let space = Space::begin(&me, 0..1)?; // rank 0 has the tuples
/// space.out(("price", "milk", 1.29))?;
/// let milk = ("price", "milk", any::<f64>());
/// let (_, _, price): (String, String, f64) = space.rd(milk.clone())?.read()?;
/// space.take(milk.clone())?;
/// space.out(("price", "milk", price + 0.1))?;
/// assert_eq!(space.try_take(("price", "bread", any::<f64>()))?, None);
/// # drop(space);
/// # drop(me);
/// # other.join().expect("no panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Space<'a> {
    shards: Shards<'a>,
}

impl<'a> Space<'a> {
    /// The space that has these ranks as shards. All its processes name the same ranks ([`TupleError::OtherShards`] tells that a shard
    /// was given others). Asks nobody: the shards may come later, and are waited for. [`TupleError::NoShard`] if there is no such rank.
    pub fn begin(me: &'a Endpoint, shards: Range<u32>) -> Result<Self, TupleError> {
        Ok(Self { shards: Shards::begin(me, shards)? })
    }

    /// The rank of the shard that has the tuples with this key.
    pub fn rank_of(&self, key: impl Into<Value>) -> u32 {
        let mut bytes = vec![];
        _ = code::put_tuple(&mut bytes, &vec![key.into()].into());
        self.shards.rank(self.shards.of_key(&bytes).unwrap_or_default())
    }

    pub(super) fn shards(&self) -> &Shards<'a> {
        &self.shards
    }

    /// Puts a tuple. When it returns, the tuple is there, or was given to one that waited for it. On [`TupleError::Gone`] and
    /// [`TupleError::Restarted`] it is lost, or was not put.
    ///
    /// Cost: a call to the shard of its key, here and below: up to some 35 bytes of tuple in one cache line there and back.
    pub fn out(&self, tuple: impl Into<Tuple>) -> Result<(), TupleError> {
        self.out_within(tuple, Deadline::Never)
    }

    /// The same; [`TupleError::Timeout`] if the shard has not answered before `deadline`. Then it is not known whether the tuple was
    /// put.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::tuple::{Limits, Shard, Space};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(1)?, region.join(0)?);
    /// # let other = std::thread::spawn(move || Shard::begin(&other, 0..1, Limits::default())?.serve_until_alone());
    /// let space = Space::begin(&me, 0..1)?;
    /// space.out_within(("price", 1.29), Duration::from_secs(10))?;
    /// # drop(space);
    /// # drop(me);
    /// # other.join().expect("no panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn out_within(
        &self,
        tuple: impl Into<Tuple>,
        deadline: impl Into<Deadline>,
    ) -> Result<(), TupleError> {
        self.put(&tuple.into(), None, deadline.into())
    }

    /// Puts a tuple that is not complete: a process that has a function of this name ([`Evaluator`](super::Evaluator)) runs it with these
    /// values and appends what it returns. Until then no template takes the tuple. If that process ends, another one runs the function
    /// once more; one tuple comes of it all the same. If no process has such a function, it stays as it is.
    ///
    /// A process cannot send code. So the function has a name, and the programs that run it have it.
    pub fn eval(&self, function: &str, tuple: impl Into<Tuple>) -> Result<(), TupleError> {
        super::eval::check_name(function)?;
        self.put(&tuple.into(), Some(function), Deadline::Never)
    }

    fn put(&self, tuple: &Tuple, function: Option<&str>, deadline: Deadline) -> Result<(), TupleError> {
        let bytes = self.shards.encode(tuple)?;
        let shard = self.shards.of_key(&bytes).unwrap_or_default();
        self.shards.order(shard, Request::Put { function, tuple: &bytes }, None, deadline)
    }

    /// A copy of the oldest tuple that matches. Waits until there is one.
    pub fn rd(&self, template: impl Into<Template>) -> Result<Tuple, TupleError> {
        self.rd_within(template, Deadline::Never)
    }

    /// The same; [`TupleError::Timeout`] if there is none before `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::tuple::{Limits, Shard, Space, TupleError, any};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(1)?, region.join(0)?);
    /// # let other = std::thread::spawn(move || Shard::begin(&other, 0..1, Limits::default())?.serve_until_alone());
    /// let space = Space::begin(&me, 0..1)?;
    /// let price = space.rd_within(("price", any::<f64>()), Duration::from_millis(1));
    /// assert_eq!(price.err(), Some(TupleError::Timeout), "nobody has put one");
    /// # drop(space);
    /// # drop(me);
    /// # other.join().expect("no panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rd_within(
        &self,
        template: impl Into<Template>,
        deadline: impl Into<Deadline>,
    ) -> Result<Tuple, TupleError> {
        Ok(self.find(Verb::Read, &template.into(), true, deadline.into())?.ok_or(TupleError::Timeout)?.tuple)
    }

    /// A copy of the oldest tuple that matches, if there is one now. Waits for the answer of the shard, but for no tuple.
    pub fn try_rd(&self, template: impl Into<Template>) -> Result<Option<Tuple>, TupleError> {
        Ok(self.find(Verb::Read, &template.into(), false, Deadline::Never)?.map(|found| found.tuple))
    }

    /// Takes the oldest tuple that matches: Linda's `in`, which is a word of Rust. Waits until there is one. No other process gets it.
    ///
    /// The tuple leaves the space when this returns it, and not before: if this process ends, or the wait does, it is there again.
    ///
    /// Cost: a call, and a message that the tuple was received.
    pub fn take(&self, template: impl Into<Template>) -> Result<Tuple, TupleError> {
        self.take_within(template, Deadline::Never)
    }

    /// The same; [`TupleError::Timeout`] if there is none before `deadline`. Then none was taken. With [`Deadline::Now`], here as in the
    /// other calls that look for a tuple, it waits for no tuple, but for the answer of the shard.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::tuple::{Limits, Shard, Space, TupleError, any};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(1)?, region.join(0)?);
    /// # let other = std::thread::spawn(move || Shard::begin(&other, 0..1, Limits::default())?.serve_until_alone());
    /// let space = Space::begin(&me, 0..1)?;
    /// let price = space.take_within(("price", any::<f64>()), Duration::from_millis(1));
    /// assert_eq!(price.err(), Some(TupleError::Timeout), "nobody has put one");
    /// # drop(space);
    /// # drop(me);
    /// # other.join().expect("no panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_within(
        &self,
        template: impl Into<Template>,
        deadline: impl Into<Deadline>,
    ) -> Result<Tuple, TupleError> {
        Ok(self.find(Verb::Take, &template.into(), true, deadline.into())?.ok_or(TupleError::Timeout)?.tuple)
    }

    /// Takes the oldest tuple that matches, if there is one now. Waits for the answer of the shard, but for no tuple.
    pub fn try_take(&self, template: impl Into<Template>) -> Result<Option<Tuple>, TupleError> {
        Ok(self.find(Verb::Take, &template.into(), false, Deadline::Never)?.map(|found| found.tuple))
    }

    /// Takes the oldest tuple that matches for so long: unless it is [done](Leased::done) by then, it comes back, and
    /// [says so](Tuple::returns). It comes back at once when this process ends or drops the lease. Waits until there is one.
    pub fn lease(
        &self,
        template: impl Into<Template>,
        length: Duration,
    ) -> Result<Leased<'_, 'a>, TupleError> {
        self.lease_within(template, length, Deadline::Never)
    }

    /// The same; [`TupleError::Timeout`] if there is none before `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::tuple::{Limits, Shard, Space, TupleError, any};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(1)?, region.join(0)?);
    /// # let other = std::thread::spawn(move || Shard::begin(&other, 0..1, Limits::default())?.serve_until_alone());
    /// let space = Space::begin(&me, 0..1)?;
    /// let (length, time) = (Duration::from_secs(1), Duration::from_millis(1));
    /// let job = space.lease_within(("job", any::<u64>()), length, time);
    /// assert_eq!(job.err(), Some(TupleError::Timeout), "nobody has put one");
    /// # drop(space);
    /// # drop(me);
    /// # other.join().expect("no panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lease_within(
        &self,
        template: impl Into<Template>,
        length: Duration,
        deadline: impl Into<Deadline>,
    ) -> Result<Leased<'_, 'a>, TupleError> {
        let found = self.find(lend(length), &template.into(), true, deadline.into())?;
        self.lent(found.ok_or(TupleError::Timeout)?)
    }

    /// Takes the oldest tuple that matches for so long, if there is one now. Waits for the answer of the shard, but for no tuple.
    pub fn try_lease(
        &self,
        template: impl Into<Template>,
        length: Duration,
    ) -> Result<Option<Leased<'_, 'a>>, TupleError> {
        let found = self.find(lend(length), &template.into(), false, Deadline::Never)?;
        found.map(|found| self.lent(found)).transpose()
    }

    pub(super) fn lent(&self, found: Found) -> Result<Leased<'_, 'a>, TupleError> {
        Leased::new(&self.shards, found)
    }

    fn find(
        &self,
        verb: Verb,
        template: &Template,
        waits: bool,
        deadline: Deadline,
    ) -> Result<Option<Found>, TupleError> {
        let mut bytes = vec![];
        code::put_template(&mut bytes, template)?;
        self.shards.check_len(&bytes)?;
        self.shards.find(verb, Wanted::Matching(&bytes), waits, deadline)
    }
}

pub(super) fn lend(length: Duration) -> Verb {
    Verb::Lease(micros(length))
}

pub(super) fn micros(length: Duration) -> u64 {
    length.as_micros().try_into().unwrap_or(u64::MAX)
}

impl fmt::Debug for Space<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("shards", &self.shards.ranks()).finish_non_exhaustive()
    }
}
