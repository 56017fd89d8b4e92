//! Message passing between the processes of one machine, through one shared memory segment.
//!
//! A [`Region`] is a named segment, a file, or memory without a name. It holds a mailbox for every ordered pair of *ranks*: a
//! ring with one writer and one reader. A process joins a region as a rank and gets an [`Endpoint`], with which it sends
//! bytes and receives [`Mail`]. A mail is a received message, still in its mailbox. Dropping it acknowledges it.
//!
//! | to | there is |
//! |---|---|
//! | make a region, open it, remove it | [`Region`], [`Config`], [`Place`], [`OpenOptions`] |
//! | take part, wait until others do | [`Region::join`], [`Region::join_env`], [`JoinOptions`], [`Region::wait_for`] |
//! | send | [`Endpoint::send`]; [`Endpoint::to`], which says how long to wait, and for what |
//! | receive | [`Endpoint::recv`]; [`Endpoint::from`] and [`Endpoint::from_any`], which say from whom, and how long to wait |
//! | hear who joins, leaves and dies, and what topics have; receive until nobody else is left | [`Endpoint::next_event`], [`Endpoint::until_alone`] |
//! | receive in a loop; look at the next message and leave it | [`RecvFrom::iter`], [`RecvFrom::peek`] |
//! | receive by tag, and leave the rest | [`SendTo::tag`], [`RecvFrom::tag`], [`Endpoint::set_unread_budget`] |
//! | start sends and receives, and wait for them together | [`SendTo::start`], [`RecvFrom::start`], [`Request`] |
//! | exchange messages with neighbours; a group apart from others | [`SendTo::send_receive`], [`Comm`] |
//! | act together with all others: wait, spread, collect and combine values | [`Comm::barrier`], [`Comm::broadcast`], [`Comm::all_reduce`] and others |
//! | make groups of ranks; go on without those that have died | [`Comm::split`], [`Comm::shrink`] |
//! | publish the latest value of something, for any number of readers | [`Region::topic`], [`Topic`], [`LatestPublisher`], [`Latest`] |
//! | publish a stream, which each reader reads at its own pace | [`Topic::publisher`], [`Topic::subscriber`], [`Policy`] |
//! | send values, slices, or pieces as one message | [`SendTo::send_value`], [`SendTo::send_slice`], [`SendTo::send_vectored`] |
//! | write in place, once for several receivers | [`Endpoint::loan`], [`Block::send`] |
//! | ask, and get an answer | [`Endpoint::call`], [`SendTo::start_call`]; [`Mail::reply`] |
//! | send and receive large messages | the same; without waiting: [`SendTo::announce`]; in parts: [`Mail::fetch`] |
//! | send and receive many small ones | [`Endpoint::batch`], [`Endpoint::drain`] |
//! | leave, and know whether a file was closed | [`Endpoint::close`] |
//! | send in one thread, receive in another | [`Endpoint::into_split`] |
//! | send, receive and call in several threads | [`Endpoint::into_shared`]: [`Shared`]; [`OwnedMail`] |
//! | wait for several things in one thread: mail, room, answers, topics, times, of several ranks | [`Select`] |
//! | choose how to wait, end a wait | [`Endpoint::set_wait`], [`Endpoint::interrupter`] |
//! | see who lives, and what goes on | [`Region::status`], [`Region::inspect`] |
//!
//! Calls that begin with `try_` never wait. The others wait as long as what they wait for can come, or until the [`Deadline`]
//! that was given to [`SendTo::within`], [`RecvFrom::within`] or a method that ends in `_within`.
//!
//! What lies where in the segment is drawn in [`lab::abi`].
//!
//! # Example
//!
//! ```
//! use mailbox::{Config, Region};
//! # let name = format!("doc-lib-{}", std::process::id());
//! # let prices = name.as_str();
//!
//! // One process
//! let region = Region::create(prices, Config::ranks(2))?;
//! let me = region.join(0)?;
//! me.send(1, b"hello")?;
//!
//! // Another, unrelated
//! let other = Region::open(prices)?.join(1)?;
//! let mail = other.recv()?; // from anyone; in order for each sender, and senders take turns
//! assert_eq!((mail.from(), mail.to_vec()), (0, b"hello".to_vec()));
//! other.send(mail.from(), b"and to you")?; // while still holding it
//! # assert_eq!(me.recv()?.to_vec(), b"and to you");
//! # drop(mail);
//! # drop((me, other));
//! # Region::remove_at(prices)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - **Order.** Messages from one rank to another arrive in order and without a gap. A receive by tag takes the oldest with that
//!   tag.
//! - **At least once.** A message that is not acknowledged is there for the receiving rank's next holder, whichever process
//!   died. Once it is acknowledged, and so are all older ones of its sender to this rank, it is never seen again. If an older one is
//!   not, the next holder gets both, marked ([`Message::redelivered`]).
//! - **Large messages at most once.** A message longer than [`Region::eager_limit`], by default 1 MiB, goes when its receiver
//!   wants it. One holder of the rank receives it. Its sender is told if that holder ended first.
//! - **Calls at most once.** A call is carried out in one life of its server, or not at all. Its answer reaches no other call,
//!   neither after the caller gave up nor after a restart. If the server ends, the caller is told.
//! - **Together, or told.** An operation of all members of a [`Comm`] ends on each of them: with a result, which is the same to the
//!   bit in every run, or with an error that names the member that has ended.
//! - **Ends are told.** A process that waits for a rank that ended gets [`RecvError::Gone`] or [`SendError::Gone`], after the
//!   last mail. No timeout is involved: a stopped process is alive.
//! - **Lock-free.** As long as nobody sleeps, a message of up to 48 bytes costs one cache line, no fence, no locked instruction
//!   and no system call. If its receiver sleeps often, it costs a fence. Joining takes a kernel lock, by which the others
//!   learn of a death.
//! - **Peers are not trusted.** Nothing that a peer writes into the segment makes this process read or write outside it, panic,
//!   or loop for ever. Only [`Wait::Event`] trusts peers with more; only unsafe code can choose it.
//! - **No signals for want of memory.** Memory is taken for mailboxes when they are used. Where too little is left, calls
//!   return an error.
//!
//! # Trade-offs
//!
//! - Memory for a mailbox is taken at its first message and kept: by default 272 KiB, in a region of many ranks 80 KiB, and as
//!   much more as longer messages ever needed at once, some 5 MiB at most. An endpoint takes 1 KiB of private memory. Each
//!   peer adds less than 1.8 KiB in each direction, and the first peer 8 bytes for each rank of the region.
//! - A receiver that does not acknowledge stops its sender, one mailbox later.
//! - An endpoint is used by one thread at a time, and so is each of its halves. A [`Shared`] one takes a lock for each call; a
//!   program whose threads have much to send each joins as more ranks.
//! - Messages that a [`Batch`] holds back are seen when the batch is dropped, when its holder waits, or when much is held back.
//! - A process that shortens a named segment or a file ends its users with a signal. A region without a name is safe from that.
//! - A forked child has its parent's regions but not its ranks. `mlockall` locks what is used of the regions that are opened
//!   after it. It takes every page of those that are open, unless `MCL_ONFAULT` is set.
//! - All of this is for 64-bit Linux. Other Unixes have a path of their own, which lacks some of it. It has been run on Linux
//!   only.

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "mailbox needs a target with pointers of 64 bits: a region may be larger than 32 bits can address"
);

/// The programs of that page are compiled with the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../docs/coming-from-mpi.md")]
mod coming_from_mpi {}

/// And those of this one.
#[cfg(doctest)]
#[doc = include_str!("../docs/collectives.md")]
mod collectives {}

/// And those of these two.
#[cfg(doctest)]
#[doc = include_str!("../docs/publish-and-subscribe.md")]
mod publish_and_subscribe {}
#[cfg(doctest)]
#[doc = include_str!("../docs/coming-from-iceoryx2.md")]
mod coming_from_iceoryx2 {}

/// And that of this one.
#[cfg(doctest)]
#[doc = include_str!("../docs/real-time.md")]
mod real_time {}

mod abi;
mod call;
mod collective;
mod comm;
mod config;
mod endpoint;
mod error;
mod half;
mod memory;
mod os;
mod pool;
mod rank;
mod receive;
#[cfg(not(loom))]
mod region;
// A model check has a region on the heap.
#[cfg(loom)]
#[path = "region/model.rs"]
mod region;
mod ring;
#[cfg(not(loom))]
mod segment;
#[cfg(loom)]
#[path = "segment/model.rs"]
mod segment;
mod select;
mod send;
mod shared;
mod slot;
mod stream;
mod sync;
mod topic;
mod value;
mod wait;

pub mod lab;

pub use abi::TopicKind;
/// The crate that [`Message::value`] takes its bound from, so that a program needs no dependency of its own.
pub use bytemuck;
pub use config::{Config, Reserve};
pub use error::*;
pub use os::TrustedEvents;
pub use rank::{Source, Status, Wait};

// A model check has no endpoints, and nothing that stands on them.
#[cfg(not(loom))]
pub use {
    call::{Call, Reply},
    comm::{CollectiveRequest, Comm, Request},
    endpoint::{
        Arrival, Batch, Block, Drain, Endpoint, Envelope, Event, Iter, JoinOptions, Loan, Mail, Message,
        RecvFrom, RecvHalf, SendHalf, SendTo, Sending, Unanswered, UntilAlone,
    },
    half::Interrupter,
    region::{
        Inspection, MAILBOX_FD, MAILBOX_RANK, MailboxReport, OpenOptions, RankReport, ReaderReport, Region,
        Tap, Tapped, TappedKind, TappedMail, TopicReport, View,
    },
    segment::{Leftover, LeftoverKind, Listed, Place},
    select::Select,
    shared::{
        OwnedBlock, OwnedLoan, OwnedMail, OwnedSending, Shared, SharedFrom, SharedIter, SharedTo,
        SharedUntilAlone,
    },
    topic::{Draft, Latest, LatestPublisher, Policy, Publisher, Sample, Subscriber, Topic},
    wait::Deadline,
};
