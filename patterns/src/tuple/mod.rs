//! A tuple space: processes that meet through what they leave for each other.
//!
//! # The idea
//!
//! A *tuple* is a few values in order: `("task", 17, 0.5)`. A *space* is a bag of tuples that all processes see. They name no process and no
//! channel. They do three things:
//!
//! | | |
//! |---|---|
//! | `out` | puts a tuple |
//! | `rd` | copies a tuple that matches a *template*, and waits until there is one |
//! | `in` | takes one out; here `take`, because `in` is a word of Rust |
//!
//! A template says for each field either the value or the type: `("task", any::<i64>(), any::<f64>())`. It is matched by tuples with as
//! many fields. A tuple is never changed, only taken and put again, so a process that has taken it is alone with it. Locks, queues,
//! counters and pools of workers come of that: the process that puts a task and the one that takes it need not know each other, nor
//! live at the same time. A fourth thing, `eval`, puts a tuple that is still to be computed. (David Gelernter, *Generative communication
//! in Linda*, 1985. Leases are those of Cary Gray and David Cheriton, 1989, as JavaSpaces has them.)
//!
//! ```
//! use mailbox::{Config, Region};
//! use mailbox_patterns::tuple::{Limits, Shard, Space, any};
//! use std::time::Duration;
//!
//! # let region = Region::create_unnamed(Config::ranks(3))?;
//! # let [shard_region, worker_region] = [region.clone(), region.clone()];
//! # let shard = std::thread::spawn(move || {
//! #     let region = shard_region;
//! // One process has the tuples
//! let me = region.join(0)?;
//! Shard::begin(&me, 0..1, Limits::default())?.serve_until_alone()?;
//! #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! # });
//! # let worker = std::thread::spawn(move || {
//! #     let region = worker_region;
//!
//! // Any number of workers
//! let me = region.join(1)?;
//! let space = Space::begin(&me, 0..1)?;
//! let task = space.lease(("square", any::<i64>()), Duration::from_secs(10))?;
//! let (_, number): (String, i64) = task.tuple().clone().read()?;
//! task.replace(("square", number, number * number))?;
//! #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! # });
//!
//! // A master
//! let me = region.join(2)?;
//! let space = Space::begin(&me, 0..1)?;
//! space.out(("square", 12))?;
//! let (_, _, square): (String, i64, i64) = space.take(("square", 12, any::<i64>()))?.read()?;
//! assert_eq!(square, 144);
//! # drop(space);
//! # drop(me);
//! # worker.join().expect("no panic").expect("no error");
//! # shard.join().expect("no panic").expect("no error");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **Taken once.** A tuple is returned by one [`take`](Space::take) at most, whichever processes are killed. It leaves the space when
//!   `take` is about to return it. If the process ends before, or gives up at the same moment, the tuple is there again. So a tuple is
//!   lost only with a process that has it.
//! - **Lent, and back.** A tuple under [lease](Space::lease) comes back when its holder ends, drops it, or is late, and
//!   [counts that](Tuple::returns). Of all that lease it one after the other, one at most is told that it is [done](Leased::done). What
//!   it [puts in its place](Leased::replace) appears in the same step, so a task that is carried out twice has one result.
//! - **Oldest first.** Of the tuples with one key in one shard, the oldest that matches is found. One that comes back has its old age. Processes
//!   that wait are served in the order in which they came to the shard.
//! - **Seen at once.** When `out` returns, the tuple is there for all, or was given to one that waited for it.
//! - **Shape.** Reading a tuple as something else is [`TupleError::Arity`] or [`TupleError::Type`]. In Linda a template with one field too
//!   many waits for ever. Here a shard that was [told the shape](Shard::declare) of the tuples with a key refuses it with the same errors.
//! - **Deaths are told.** Tuples live in the memory of their shard's process. If it ends, those are lost. Each process that asks it
//!   gets [`TupleError::Gone`], or, if another one has its place, [`TupleError::Restarted`], once, before that one does anything
//!   for it. No request is carried out twice. The other shards go on.
//! - **Bounded.** Nothing that a process sends makes a shard panic, read beyond it, or grow beyond its [`Limits`], and a request and an
//!   answer for each process. Each process has one request at a shard at a time: a new one ends the one before. A tuple that no answer
//!   could carry is refused. A process whose mailbox makes no sense is served no more, and the others are.
//!
//! # Shards
//!
//! The first field of a tuple is its *key*. A hash of it says which of the shards has the tuple. An operation with a key is one call
//! to one shard. A template that takes any key (`(any::<String>(), 17)`) asks all shards: in turn, whether they have such a tuple now, and then,
//! if it waits, all at once. So it costs a call for each shard, and about three when it waits. `try_rd` and `try_take` of such a template
//! return `None` if no shard had one *when it was asked*; a tuple that is moved from shard to shard meanwhile may be missed. No second tuple
//! is taken for a moment, and the oldest is that of one shard. Choose a key that spreads what is much used, and that the process that
//! looks for it knows.
//!
//! # How it is built
//!
//! ```text
//!  process                                      shard
//!  Space ── call: put, find, done, renew ────▶ Desk: Store (tuples by key, by age), Leases (by time),
//!        ◀─ answer; at once, or when there is    a Guest for each rank: its one request, and what became of it
//!           such a tuple ─────────────────────
//!  take  ── message: received, or given up ──▶
//! ```
//! The argument for *once*, step by step. A shard has one thread, so its tuples change in one order. `take` is a call with a number. The
//! shard takes the tuple out and answers. From then on it keeps the tuple aside, until one of these comes:
//!
//! 1. *Received, with this number.* The process sends it before `take` returns. The tuple is dropped for good.
//! 2. *Given up, with this number*, or a request with a greater number. The process has returned an error from that `take`, or will. The
//!    tuple is there again. Messages are in order, and a call does not overtake messages. So "received" would have come first, if it was sent.
//! 3. *The end of the process*, which is told after its last message. If it had sent "received", that has come. It has not, so no
//!    `take` has returned the tuple, and none will. It is there again.
//!
//! "Given up" is a message and may overtake its own call. So a shard carries out no request whose number is not greater than the last that it
//! has heard of. A request of a process that has ended is not carried out either: nobody would give back what it gets. Calls are for one
//! life of the shard, and messages name the life that they are for. What the former shard was told, its successor does not hear.
//!
//! A shard never waits for a process. An answer that finds no room is kept, and tried again with each event and each millisecond, until it goes or
//! the process asks for something else. A process that is stopped keeps a tuple that was sent to it until it goes on or ends, and keeps one under lease until that is over.
//!
//! # Limits
//!
//! - Tuples are in memory, of one process for each shard. Nothing is replicated or written to a disk.
//! - A tuple has 1 to 16 fields and 64 KiB at most, and less if the region's [`eager_limit`](mailbox::Region::eager_limit) is smaller.
//! - A tuple is found by its key; those with the same key are looked through one by one, oldest first. With many under one key, and a template
//!   that fits few, this is slow, for all who ask that shard. A template that takes any key looks through all.
//! - A process has one request at a time. For several, join as several ranks.
//! - A shard's rank does nothing else. A process that is a shard and uses the space has two ranks and two threads.
//! - The processes are not kept apart: each may take all tuples. A [full](TupleError::Full) shard may have been filled by one of them.
//! - If the mailbox to a shard is full, which needs a process that sends it other things, too, then a `take` that timed out may keep a
//!   tuple out of sight until that process next asks this shard for something, and a `lease` until it is over.

mod all;
mod ask;
mod code;
mod desk;
mod error;
mod eval;
mod fields;
mod guest;
mod leased;
mod leases;
mod limits;
mod message;
mod rules;
mod shard;
mod space;
mod store;
mod value;

#[cfg(test)]
mod tests;

pub use error::TupleError;
pub use eval::Evaluator;
pub use fields::{Read, Template, Tuple};
pub use leased::Leased;
pub use limits::Limits;
pub use shard::Shard;
pub use space::Space;
pub use value::{Field, OneOf, Type, Value, any};
