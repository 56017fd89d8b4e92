//! Registers: shared memory made of messages. Processes read and write values that other processes keep.
//!
//! # The idea
//!
//! Programs for shared memory read and write *registers*. Where there is no shared memory, a register can be a process: a writer sends it
//! a message and waits for the answer, and so does a reader. One process is one register, and nothing is read while it is written. If the
//! process dies, the value is lost. So several processes keep copies, and it matters what a reader may see while the copies differ.
//!
//! | register | a reader sees | goes on without | a read costs | a write costs |
//! |---|---|---|---|---|
//! | [`Remote`], kept by an [`Owner`] | *linearizable*: each operation happens at one moment between its beginning and its end | nobody: the end of the owner ends it | 1 call | 1 call; a compare-and-swap, too |
//! | [`Replicated`], kept by [`Replica`]s | *linearizable* | fewer than half of the replicas | a call to each, a second one while copies differ | 2 calls to each |
//! | the same, [`Replicated::read_regular`] | *regular*: the last write that was over, or one that goes on; perhaps first the new value, then the old one | fewer than half | a call to each | |
//! | [`Gossip`], one register | *causal*: what it has not heard of is missing; never a value after one that follows it | all others | nothing | nothing; a message in each round |
//! | [`Gossip`], several registers | *eventual*: of each register the same as all others, once all is quiet; an effect perhaps before its cause | all others | nothing | as above |
//!
//! The linearizable ones look like one memory. The others are cheaper and never wait, and a program that uses them must do with less.
//!
//! # What is promised
//!
//! **An owned register.**
//! - Reads, writes and compare-and-swaps of one life of the owner are linearizable. Each is carried out at most once.
//! - The end of the owner is told: [`RegisterError::Gone`]. Its value is lost. A later life of the rank is another register, and a handle
//!   that has used the former one is told: [`RegisterError::OtherLife`].
//! - An operation that fails says whether it may have taken effect, then or later: [`RegisterError::may_have_happened`]. One that was
//!   asked of an owner that is stopped is carried out when the owner goes on.
//!
//! **A replicated register.**
//! - Reads and writes are linearizable, whatever any number of replicas and clients do over time: stop, die, come back.
//! - They end as long as more than half of the replicas run and have the value. A replica does not have it that has died, and whose next
//!   life has not heard from a majority. If half of them are without it at a time, operations are
//!   [`RegisterError::NoMajority`] from then on, and never wrong. The error says who is missing, and why.
//! - A write that fails, or whose process dies, may have taken effect, or may do so later: then all see it from then on. Otherwise nobody
//!   ever does.
//! - There is no compare-and-swap. It needs consensus (M. Herlihy, *Wait-free synchronization*, 1991), and so do locks and counters that
//!   all agree on. An owned register has one, since its owner decides.
//!
//! **A register that is spread by gossip.**
//! - Reads and writes never wait. A write is later than all that its member has heard of. A member never goes back to an earlier value, as
//!   long as it lives.
//! - Once nobody writes, all members that run have the same value after as many rounds as there are other members. That is the last one,
//!   unless its writer died before it told anybody.
//!
//! **All of them.** What makes no sense is told ([`Served::Nonsense`], [`RegisterError::Garbled`], [`Why::Garbled`], [`Heard::Nonsense`]),
//! and changes nothing. Nobody waits for one that asks and takes no answer.
//!
//! # How it is built
//!
//! *Owned.* An operation is a call ([`Endpoint::call`](mailbox::Endpoint::call)): at most once, and its server's end is told. The request
//! names the life of the owner that the handle has used, and another life refuses it.
//!
//! *Replicated.* This is the register of H. Attiya, A. Bar-Noy and D. Dolev, *Sharing memory robustly in message-passing systems*, 1995,
//! for several writers as in N. Lynch and A. Shvartsman, *Robust emulation of shared memory using dynamic quorum-acknowledged broadcasts*,
//! 1997. Each copy has a stamp: a number, and who has written it.
//! 1. The client asks all replicas for their copies, and waits for a majority. Any two majorities have a replica in common. So one of these
//!    has the last write that was over.
//! 2. It sends all of them a copy, and waits until a majority has it or a later one. A writer sends its value with a greater number. A
//!    reader sends the latest copy that it was told, so that nobody sees an earlier one afterwards. Where a majority has that already, this
//!    is left out.
//!
//! A client that dies in between has told its copy to some or to none. A reader either hears of it, and then spreads it, or does not. A
//! client never uses a number twice, also after it gave up.
//!
//! *A replica that comes back* has lost what its former life has promised to keep. It asks as in 1, and does not count before a majority of
//! all members has answered. That is not enough: a client may count the promise of the former life, and one that the new life has not heard
//! of. (E. Michael, D. Ports, N. Sharma and A. Szekeres, *Recovering shared objects without stable storage*, 2017.) So each answer names
//! its life, and a client that has all the promises it needs asks the region whether those lives still hold their ranks. The kernel says so
//! for certain. One that does not is asked again. Then each later life of any of them begins to ask after that moment, and hears of the
//! copy.
//!
//! *Gossip.* A. Demers and others, *Epidemic algorithms for replicated database maintenance*, 1987: a member sends its copy to another one,
//! and one that has a later copy sends that back. Each takes its turns in order, so it takes no luck until all have heard. Stamps are
//! hybrid: the time of day, or one more than what was heard. Of two values with one stamp all keep the same one.
//!
//! # Limits
//!
//! - Consensus and Byzantine agreement are out of scope: a replica that lies well is believed. Two that have different values of one write
//!   are told ([`RegisterError::Conflict`]), until the next write.
//! - Values are plain data ([`Pod`](bytemuck::Pod)), and go with their stamp in one call: by default 1 MiB at most. Those of 8 bytes travel
//!   in one cache line.
//! - All members are given the same members in the same order. A register has at most 64, and they never change.
//! - The first life of a member's rank begins with the initial value, and each later one asks. So these ranks are joined by replicas
//!   only, and a region in which they have died is not used for a new replicated register.
//! - A process remembers a number for each replicated register that it has written, some 50 bytes, as long as it runs.
//! - Each rank that keeps a register keeps one. A process that keeps several holds several ranks.
//! - A clock that is put back makes a later write beside others look earlier. One that a member has heard of stays earlier. If it is put
//!   back by more than a day, what a member with a value from before says is nonsense to others until it is that time again.

mod asking;
mod error;
mod gossip;
mod members;
mod name;
mod operation;
mod owner;
mod remote;
mod replica;
mod replicated;
mod serving;
#[cfg(test)]
mod simulation;
mod stamp;
mod wire;

pub use error::{Missing, RegisterError, Why};
pub use gossip::{Gossip, Heard};
pub use name::Register;
pub use owner::Owner;
pub use remote::Remote;
pub use replica::Replica;
pub use replicated::Replicated;
pub use serving::Served;

use std::time::Duration;

/// After this time an operation gives up, unless it is told otherwise.
const LIMIT: Duration = Duration::from_secs(10);
