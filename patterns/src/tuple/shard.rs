//! A process that has the tuples of a shard.

use super::code;
use super::desk::Desk;
use super::message::longest;
use super::rules::Rules;
use super::{Limits, TupleError, Type, Value};
use core::fmt;
use core::ops::Range;
use mailbox::{Broken, Deadline, Endpoint, Event, RecvError, Status};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Within this time a joining is told.
const NEWS: Duration = Duration::from_millis(100);

/// How many events [`Shard::serve_within`] handles at least without a look at the clock: with [`Deadline::Now`] at most.
const BURST: u32 = 4096;

/// A shard of a tuple space: a rank whose process has the tuples of some keys, and answers those that ask for them.
///
/// The rank is the shard's alone: other mail to it is refused, or dropped. It answers while its process is in one of the `serve`
/// calls. When its process ends, all its tuples are lost, and those that ask are told ([`TupleError::Gone`]).
///
/// An endpoint is a shard once. Drop it with the shard: the tuples are lost then, those that wait are told that this rank is
/// [no shard](TupleError::NoShard), and others that ask wait until the endpoint ends, too.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::tuple::{Limits, Shard, Space};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let other_region = region.clone();
/// # let other = std::thread::spawn(move || {
/// #     let me = other_region.join(1)?;
/// #     Space::begin(&me, 0..1)?.out(("greeting", "hello"))?;
/// #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # });
/// let me = region.join(0)?;
/// Shard::begin(&me, 0..1, Limits::default())?.serve_until_alone()?;
/// # other.join().expect("no panic").expect("no error");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Shard<'a> {
    me: &'a Endpoint,
    shards: Range<u32>,
    pub(super) desk: Desk<'a>,
    /// The ranks that are there and are no shards; whether there was any.
    live: BTreeSet<u32>,
    has_had_any: bool,
}

impl<'a> Shard<'a> {
    /// `me` is one of the shards of a space, which has these ranks as shards. It begins without tuples. All processes of the space name
    /// the same ranks. [`TupleError::NoShard`] if `me` is none of them.
    ///
    /// Announced messages to `me` are refused from then on: no peer has this process take memory for them.
    pub fn begin(me: &'a Endpoint, shards: Range<u32>, limits: Limits) -> Result<Self, TupleError> {
        let shards = shards.start..shards.end.min(me.region().ranks());
        if !shards.contains(&me.rank()) {
            return Err(TupleError::NoShard { rank: me.rank() });
        }
        me.set_by_hand(true);
        let place = (me.rank() - shards.start, shards.end - shards.start);
        let (longest, shapes) = (longest(me.region()), HashMap::new());
        let rules = Rules { place, epoch: me.epoch(), limits, longest, shapes };
        let desk = Desk::new(rules, me.region().ranks());
        Ok(Self { me, shards, desk, live: BTreeSet::new(), has_had_any: false })
    }

    /// Declares that tuples with this key have fields of these types, the key included. A tuple or template with this key that has
    /// others is refused from then on, with [`TupleError::Arity`] or [`TupleError::Type`], instead of waiting for what never comes. A
    /// key may have several shapes. A key that was not declared has any, and so has a template that takes any key. Only the shard
    /// that has the key looks at it; to declare it at all does no harm.
    #[must_use]
    pub fn declare(mut self, key: impl Into<Value>, fields: &[Type]) -> Self {
        let mut bytes = vec![];
        if code::put_tuple(&mut bytes, &vec![key.into()].into()).is_ok() {
            self.desk.rules.shapes.entry(bytes[1..].into()).or_default().push(fields.into());
        }
        self
    }

    /// Serves until it is interrupted ([`mailbox::Interrupter`]), or its endpoint does not work: returns why.
    pub fn serve(&mut self) -> TupleError {
        loop {
            if let Err(error) = self.step(Deadline::Never) {
                return error;
            }
        }
    }

    /// Serves until there was a process that is no shard, now or earlier, and none is left. One that comes only then finds the shard
    /// [gone](TupleError::Gone).
    pub fn serve_until_alone(&mut self) -> Result<(), TupleError> {
        while !self.has_had_any {
            // One may have come and gone without a word, or before: that is not told.
            if self.others().any(|(_, epoch)| epoch > 0) {
                break;
            }
            self.step(NEWS.into())?;
        }
        loop {
            while !self.live.is_empty() {
                self.step(Deadline::Never)?;
            }
            // One may have joined that this was not told of yet.
            if !self.others().any(|(status, _)| status == Status::Live) {
                return Ok(());
            }
            self.step(NEWS.into())?;
        }
    }

    /// How it stands with the ranks that are no shards.
    fn others(&self) -> impl Iterator<Item = (Status, u64)> {
        let region = self.me.region();
        let others = (0..region.ranks()).filter(|rank| !self.shards.contains(rank));
        others.filter_map(|rank| region.status(rank))
    }

    /// Serves until `deadline`. With [`Deadline::Now`] it does what there is to do, and never waits: for a loop of the program's own,
    /// which calls it often.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::tuple::{Limits, Shard};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// let mut shard = Shard::begin(&me, 0..1, Limits::default())?;
    /// shard.serve_within(Duration::from_millis(1))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn serve_within(&mut self, deadline: impl Into<Deadline>) -> Result<(), TupleError> {
        let deadline = deadline.into();
        for step in 1.. {
            let is_idle = self.step(deadline)?;
            let is_enough = if deadline.is_now() { is_idle || step == BURST } else { is_idle };
            if is_enough && deadline.has_passed(Instant::now) {
                break;
            }
            if !deadline.is_now() && step % 64 == 0 && deadline.has_passed(Instant::now) {
                break;
            }
        }
        Ok(())
    }

    /// Handles one event, or what is due. Whether no event has come before the time.
    fn step(&mut self, deadline: Deadline) -> Result<bool, TupleError> {
        let until = match (self.desk.next_time(), deadline) {
            (None, deadline) => deadline,
            (Some(time), Deadline::Never) => Deadline::At(time),
            (Some(time), Deadline::At(other)) => Deadline::At(time.min(other)),
            (_, Deadline::Now) => Deadline::Now,
        };
        let mut is_idle = false;
        match self.me.next_event_within(until) {
            Ok(Event::Mail(mail)) if mail.is_call() => self.desk.call(mail),
            Ok(Event::Mail(mail)) => self.desk.note(&mail),
            Ok(Event::Joined { rank, epoch }) => {
                if !self.shards.contains(&rank) {
                    self.has_had_any = true;
                    self.live.insert(rank);
                }
                self.desk.begin(rank, epoch);
            }
            Ok(Event::Left { rank, epoch } | Event::Died { rank, epoch }) => {
                self.live.remove(&rank);
                self.desk.end(rank, epoch);
            }
            Ok(_) => {}
            Err(RecvError::Timeout) => is_idle = true,
            Err(error @ (RecvError::Interrupted | RecvError::Broken(Broken::Lost(_) | Broken::Oneself))) => {
                return Err(error.into());
            }
            Err(RecvError::Broken(Broken::Corrupt(rank))) => self.desk.distrust(rank),
            // Of one mailbox, and told once. The others go on.
            Err(_) => {}
        }
        self.desk.expire();
        self.desk.retry();
        Ok(is_idle)
    }
}

impl fmt::Debug for Shard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("rank", &self.me.rank())
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}
