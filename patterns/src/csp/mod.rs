//! Communicating sequential processes: programs of processes joined by channels.
//!
//! # The idea
//!
//! A *process* is a plain sequential program. It shares nothing with others. It has *ends* of *channels*: a channel leads from the
//! one process that has its output end to the one that has its input end. Two kinds of them:
//!
//! - *Rendezvous*: a send is over when the other has received. The process that comes first waits for the other. After that each knows
//!   how far the other is. Nothing is ever in between.
//! - *Buffered*: the sender may be ahead by so many values, and then waits.
//!
//! A process that has several ends waits for any of them with an *alternative* ([`Alt`]), with guards and a time.
//! A network of processes is itself like a process: it can be understood from its parts, because they touch nothing but their
//! channels. (C. A. R. Hoare, *Communicating Sequential Processes*, 1978 and 1985.)
//!
//! ```
//! use mailbox::{Config, Region};
//! use mailbox_patterns::csp::{Channel, ChannelError, Process};
//!
//! const NUMBERS: Channel<u64> = Channel::rendezvous("numbers");
//! const SUM: Channel<u64> = Channel::buffered("sum", 1);
//!
//! # let region = Region::create_unnamed(Config::ranks(2))?;
//! # let other_region = region.clone();
//! # let other = std::thread::spawn(move || {
//! #     let region = other_region;
//! // One process
//! let me = region.join(1)?;
//! let process = Process::begin(&me, 0..2)?;
//! let (mut numbers, mut sum) = (process.input(&NUMBERS)?, process.output(&SUM)?);
//! let mut total = 0;
//! let end = loop {
//!     match numbers.recv() {
//!         Ok(number) => total += number,
//!         Err(end) => break end,
//!     }
//! };
//! assert!(end.is_poisoned()); // the other has ended its output
//! sum.send(&total)?;
//! #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! # });
//!
//! // Another
//! let me = region.join(0)?;
//! let process = Process::begin(&me, 0..2)?;
//! let (mut numbers, mut sum) = (process.output(&NUMBERS)?, process.input(&SUM)?);
//! for number in 1..=10 {
//!     numbers.send(&number)?;
//! }
//! drop(numbers);
//! assert_eq!(sum.recv()?, 55);
//! # other.join().expect("no panic").expect("no error");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **Order, once.** Values arrive in order, each once. A process receives all that was sent to it before the other one ended, unless it
//!   ends first.
//! - **One process an end.** An end is found by the channel's name. A second process that wants the same end gets
//!   [`ChannelError::Taken`]. Ends are opened in any order; the first send and receive wait until the other end is open. A process
//!   may drop an end and open it again. That end then waits until the other end was opened again, too.
//! - **One type.** Both ends say the type of the values, its size, and the capacity. If they differ, both get an error that has both.
//! - **Poison.** An end that is dropped poisons its channel. The process at the other end receives what was sent before, and then
//!   gets [`ChannelError::Poisoned`]. If it lets that end it, too, its other ends are dropped, and so the whole network ends, in order.
//!   An end that is dropped before the other was opened poisons each later opening of the other, until it is itself opened again.
//! - **Deaths are told.** If the process at the other end is killed, a send or receive is [`ChannelError::Gone`]. If the two ends have not
//!   met yet, another process may come in its place, and is waited for.
//! - **Deadlocks are told.** If all processes of a network wait for each other for ever, [`ChannelError::Deadlock`] says for what each
//!   waits, a few hundred milliseconds later. The network is closed: only the ranks that [`Process::begin`] is told of use its
//!   channels. In no deadlock is a process that waits until a time, for more than 16 ends at once, for room in a mailbox that is full, or for
//!   something else than a channel. The first that sees the deadlock is told. If it ends, the others are poisoned.
//!
//! # How it is built
//!
//! | of CSP | here |
//! |---|---|
//! | the ends of a channel, found by name | a latest value each, of topics `NAME!` and `NAME?` |
//! | a value | a message with a tag of this channel and these two ends |
//! | "received", "so many more" | a message with the same tag back |
//! | poison | a message with that tag + 1, and a note in the value of the end |
//! | an alternative | [`Select`](mailbox::Select) |
//! | for what a process waits | a latest value, of a topic for each rank, written when the wait has lasted for a while |
//!
//! So a channel takes two topics of the region ([`Config::topics`](mailbox::Config::topics)), and a process one. Names of topics are
//! never freed: a network that is built again with the same names takes no more.
//!
//! A deadlock is what two looks find, 100 ms apart: all processes of the network wait without a time; from no rank that one waits for has a
//! message come since it found none; no end that one waits for was opened, dropped, or has lost its process; and in the second look each is
//! in the same wait, and nothing was sent or received since. Only a process that runs changes any of this, and each says that it
//! runs before it receives. So none of them ever goes on. One that was woken and has not run since is found by what woke it.
//!
//! # Limits
//!
//! - Values are plain data ([`Pod`](bytemuck::Pod)), no longer than [`Region::eager_limit`](mailbox::Region::eager_limit), by default
//!   1 MiB.
//! - The endpoint of a process can be used beside its channels, with tags below 4 194 304 (2²²); those above are the channels'. Receives
//!   from anyone take messages of channels, too.
//! - A send of a rendezvous cannot be taken back. So [`Output::send_within`] and an alternative are for buffered channels only, as in
//!   occam; otherwise they are [`ChannelError::Committed`].
//! - The sender of a buffered channel learns that it is poisoned when it needs room, not before.
//! - All channels from one process to another share a mailbox. One that is wider than that, or values that fill it, make the sender
//!   wait earlier.

mod alt;
mod channel;
mod deadlock;
mod end;
mod error;
mod input;
mod link;
mod meeting;
mod output;
mod process;

pub use alt::Alt;
pub use channel::Channel;
pub use deadlock::{Deadlock, Waits};
pub use error::ChannelError;
pub use input::Input;
pub use output::Output;
pub use process::Process;
