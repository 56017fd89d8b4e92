//! Functions that complete tuples.

use super::code::put_bytes;
use super::message::{MOST_FUNCTIONS, MOST_NAME, Wanted};
use super::space::lend;
use super::{Space, Tuple, TupleError};
use core::fmt;
use mailbox::Deadline;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn check_name(name: &str) -> Result<(), TupleError> {
    let (len, limit) = (name.len(), MOST_NAME);
    (len <= limit).then_some(()).ok_or(TupleError::TooLong { len, limit })
}

type Function<'f> = Box<dyn FnMut(&Tuple) -> Tuple + 'f>;

/// A process that completes tuples of [`Space::eval`].
///
/// It takes such a tuple under a lease, runs the function with its values, and replaces the tuple with one that has the values of the
/// function's behind its own. If it ends before, or is slower than the lease, the tuple comes back, and another process runs the function. So
/// a function may run more than once, and its tuple appears once. A function that ends each process that runs it can see by
/// [`Tuple::returns`] that this was so.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::tuple::{Evaluator, Limits, Shard, Space, any};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let other_region = region.clone();
/// # let other = std::thread::spawn(move || {
/// #     let me = other_region.join(0).expect("free");
/// #     Shard::begin(&me, 0..1, Limits::default())?.serve_until_alone()
/// # });
/// # let me = region.join(1)?;
/// let space = Space::begin(&me, 0..1)?;
/// space.eval("length", ("length of", "tuple"))?;
///
/// // Another process, or the same
/// let mut evaluator = Evaluator::new(&space, Duration::from_secs(10));
/// evaluator.register("length", |tuple| {
///     let (_, text) = tuple.clone().read::<(String, String)>().unwrap_or_default();
///     (text.len() as u64,).into()
/// })?;
/// evaluator.run_one(Duration::from_secs(1))?;
/// assert_eq!(space.take(("length of", "tuple", any::<u64>()))?, ("length of", "tuple", 5_u64).into());
/// # drop(evaluator);
/// # drop(space);
/// # drop(me);
/// # other.join().expect("no panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Evaluator<'s, 'a> {
    space: &'s Space<'a>,
    functions: BTreeMap<String, Function<'s>>,
    length: Duration,
}

impl<'s, 'a> Evaluator<'s, 'a> {
    /// Without functions. `length`: for how long it leases a tuple; longer than any function runs.
    pub fn new(space: &'s Space<'a>, length: Duration) -> Self {
        Self { space, functions: BTreeMap::new(), length }
    }

    /// Has tuples with this function completed by it. It gets the tuple, and returns the values that are appended. A name has at most 64
    /// bytes ([`TupleError::TooLong`]), and there are at most 64 of them ([`TupleError::Functions`]).
    pub fn register(
        &mut self,
        name: &str,
        function: impl FnMut(&Tuple) -> Tuple + 's,
    ) -> Result<(), TupleError> {
        check_name(name)?;
        if self.functions.len() == MOST_FUNCTIONS && !self.functions.contains_key(name) {
            return Err(TupleError::Functions { most: MOST_FUNCTIONS });
        }
        self.functions.insert(name.into(), Box::new(function));
        Ok(())
    }

    /// Completes a tuple, the oldest of a shard. Waits until there is one; [`TupleError::Timeout`] if none is there before `deadline`. All
    /// shards are asked, in turns.
    ///
    /// [`TupleError::Expired`]: it took longer than the lease, so another one completes it. Other errors, as that the tuple has too many
    /// fields now: it comes back.
    pub fn run_one(&mut self, deadline: impl Into<Deadline>) -> Result<(), TupleError> {
        let mut names = vec![self.functions.len() as u8];
        self.functions.keys().for_each(|name| put_bytes(&mut names, name.as_bytes()));
        let (verb, shards) = (lend(self.length), self.space.shards());
        let found = shards.find(verb, Wanted::Calling(&names), true, deadline.into())?;
        let lent = self.space.lent(found.ok_or(TupleError::Timeout)?)?;
        let function = lent.function().and_then(|name| self.functions.get_mut(name));
        let Some(function) = function else { return Err(TupleError::Garbled { rank: lent.rank() }) };
        let mut values = lent.tuple().values().to_vec();
        values.extend(function(lent.tuple()).into_values());
        lent.replace(values)
    }

    /// Completes tuples until an error other than [`TupleError::Expired`]: returns that.
    pub fn run(&mut self) -> TupleError {
        loop {
            match self.run_one(Deadline::Never) {
                Ok(()) | Err(TupleError::Expired { .. }) => {}
                Err(error) => return error,
            }
        }
    }
}

impl fmt::Debug for Evaluator<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluator").field("functions", &self.functions.keys()).finish_non_exhaustive()
    }
}
