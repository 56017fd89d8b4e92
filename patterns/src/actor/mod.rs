//! Actors: what has an address, a mailbox and a behaviour, and fails alone.
//!
//! # The idea
//!
//! An *actor* is a piece of state that nobody else sees, with a *mailbox*. It handles one message at a time. While it does so it can send
//! messages to actors whose *addresses* it has, spawn actors, and say what to do with the next message. Nothing else happens between
//! actors, so there are no locks, and an actor that fails leaves nothing half done but itself (C. Hewitt, P. Bishop, R. Steiger, *A Universal
//! Modular ACTOR Formalism*, 1973; G. Agha, *Actors*, 1986). What watches over actors, and starts those again that fail, is an actor, too: a
//! *supervisor* (J. Armstrong, *Making reliable distributed systems in the presence of software errors*, 2003, where links, monitors
//! and restart limits come from).
//!
//! ```
//! use mailbox::{Config, Region};
//! use mailbox_patterns::actor::{Context, Limits, Next, Reply, System};
//! use mailbox_patterns::codec::Postcard;
//! use mailbox_patterns::protocol;
//! use std::time::Duration;
//! # use postcard_schema::Schema;
//! # use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Schema)]
//! enum Account {
//!     Deposit { cents: u64 },
//!     Balance { reply: Reply<Cents> },
//! }
//! #[derive(Serialize, Deserialize, Schema)]
//! struct Cents(u64);
//! protocol! { Account as "Account" in Postcard }
//! protocol! { Cents as "Cents" in Postcard }
//!
//! # let region = Region::create_unnamed(Config::ranks(2))?;
//! # let other = region.clone();
//! # let bank = std::thread::spawn(move || {
//! #     let region = other;
//! // One process starts accounts for others.
//! let mut system = System::new(region.join(1)?, Limits::default());
//! system.kind("account", |Cents(mut balance)| {
//!     move |message, cx: &mut Context<'_, Account>| {
//!         match message {
//!             Account::Deposit { cents } => balance += cents,
//!             Account::Balance { reply } => _ = cx.reply(reply, Cents(balance)), // the asker may be gone
//!         }
//!         Next::Same
//!     }
//! });
//! # system.run_until(Duration::from_secs(30), |system| system.endpoint().region().status(0).is_some_and(|(s, _)| s == mailbox::Status::Left))?;
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! # });
//! # region.wait_for(1, Duration::from_secs(30))?;
//!
//! // Another one uses an account.
//! let mut system = System::new(region.join(0)?, Limits::default());
//! let second = Duration::from_secs(1);
//! let account = system.spawn_on(1, "account", &Cents(100), second)?;
//! system.tell(account, Account::Deposit { cents: 20 })?;
//! let Cents(balance) = system.ask(account, second, |reply| Account::Balance { reply })?;
//! assert_eq!(balance, 120);
//! # drop(system);
//! # bank.join().expect("no panic").expect("no error");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What there is
//!
//! | to | there is |
//! |---|---|
//! | run the actors of a rank | [`System`], by one thread; actors have none of their own |
//! | say what an actor does | [`Actor`], or a closure; [`Next`] says what it does from then on |
//! | spawn an actor, here or on another rank | [`System::spawn`]; [`System::kind`], [`System::spawn_on`] |
//! | send | [`System::tell`], [`System::ask`]; the same of a [`Context`], within an actor |
//! | answer, also later, or from elsewhere | [`Reply`], [`Context::reply`] |
//! | send an address | [`Address`] in messages of `serde`, [`ActorId`] in plain data |
//! | find an actor by its name | [`System::register`], [`System::find`] |
//! | be told of an end; end together | [`Context::monitor`]; [`Context::link`], [`Context::trap_exits`] |
//! | have actors started again | [`Supervisor`] |
//!
//! What comes to an actor later, such as an answer, a time, an end or an actor on another rank, comes as a message of its own type, which
//! a closure makes. So an actor has one place where things happen to it, and never waits.
//!
//! # What is promised
//!
//! - **At most once, in order.** A message is handled once, or not at all. Those of one actor to another come in the order in which they
//!   were sent. (Those of a program outside of its actors are of one sender, too. What goes through a third actor may overtake.)
//! - **Told or counted.** To an actor of the same rank, `tell` returns an error or the message is in the mailbox. To one of another rank it
//!   may still be refused there: because the actor has ended, its mailbox is full, or it takes other messages. Then the sender's
//!   system counts a [dead letter](System::dead_letters), unless it has much unread mail of that rank already. What was on its way to a rank that ended is lost without that; monitors tell it.
//! - **A question ends.** Each ends once: with the answer, in time, or when it is told that its actor has ended before it was done with
//!   the question, or that the rank has. The actor's end is told if the question was in its mailbox or in hand. One that it had put aside
//!   ends in time. Numbers of questions do not come again, so a late answer is dropped, and is never taken for that of another question.
//! - **An address means one actor** of its region. It has the rank, the life of the rank, a place there, and how many had the place before. So nothing
//!   that was sent to an actor reaches another one: not one that has its place, and none of the next process of that rank, which
//!   refuses what its predecessor has left unread.
//! - **Ends are told once.** A [`Down`] is told for each monitor, with the [`Reason`]. That an actor has ended is told after all that it
//!   has sent; the death of a rank, for all of its actors that are watched or linked, after all that came from it.
//! - **Panics stay inside.** A panic of an actor ends that actor, with [`Reason::Panicked`] and its words. The others go on. So they do
//!   if its state or its mail panics when it is dropped. (Not if the program is built to abort, or if one value panics twice while it is
//!   dropped: Rust aborts then.)
//! - **Fair.** Actors that have messages take turns, of at most 32 messages each ([`Limits::turn`]). After 8 rounds at the latest
//!   as many mails are taken from other ranks, so that these fill no mailbox alone, and it is looked which timers are due.
//! - **One name, one actor.** Of all that register a name, on whichever ranks, one has it at a time.
//! - **Bounded.** Each mailbox, what waits for room at another rank, open questions, names that are asked for, and what another rank
//!   has watched here have [limits](Limits). What this system asks of a rank that does not listen leaves room for what it has to tell it. No bytes of a peer make a system panic. A peer that sends nonsense is [counted](System::garbage).
//!
//! # How it is built
//!
//! ```text
//!  rank 0: one thread                                     rank 1
//!  ┌ System ──────────────────────────────┐              ┌ System ───────────┐
//!  │ slots: actor, mailbox (VecDeque<M>)  │   mailbox    │                   │
//!  │ ready: those with messages, in turn  │ ───────────▶ │ life ok? slot ok? │
//!  │ questions, timers, watchers, names   │ ◀─────────── │ decoded, queued   │
//!  └──────────────────────────────────────┘              └───────────────────┘
//!  to an actor here: moved into its queue                to one there: life, place, and a frame of `codec`
//! ```
//!
//! *Within a rank* a message is moved into a queue of its type, and out of it again. Nothing is encoded, allocated or locked.
//!
//! *Between ranks* it is encoded by the codec of its [`Protocol`], and sent as a mail with the life of the rank that it is for, and the place of
//! the actor. What is sent in a turn goes out together. If the mailbox of a rank is full, up to 1024 messages wait for room
//! ([`Limits::backlog`]); after that `tell` returns [`TellError::RankFull`]. So a rank that is slow slows down those that send to it, and no
//! others.
//!
//! *Lives.* The mailbox tells each system who joins and ends, in order with the mail ([`Endpoint::next_event`](mailbox::Endpoint::next_event)).
//! So a system that was told of an end has received all that the process had sent.
//!
//! *Links* are kept at both ends, and so is who watches whom. One that ends tells the others. If its rank ends, each other
//! system tells its own actors. Actors end one after the other, not within each other, so that long chains of links take no stack.
//!
//! *Names.* The system of an actor has its names. One that wants a name asks all ranks that are there. Two that ask at once are decided by
//! the rank, the lower one first: G. Ricart and A. Agrawala, *An Optimal Algorithm for Mutual Exclusion in Computer Networks*, 1981. No rank
//! keeps all names, so none is needed for them.
//!
//! | while a rank dies | then |
//! |---|---|
//! | it had an actor that is told, asked, watched or linked | an error or [`Reason::RankGone`], within a second |
//! | it had a name | the name is free when its process has ended; who looks for it finds nobody |
//! | it was asked for a name | the others are enough, once its end is told |
//! | it was to start an actor | [`SpawnError::RankGone`], and a supervisor tries the next rank of that child |
//! | it has a supervisor | the children on other ranks end, because they are linked to it |
//! | it is back | it has another life, in which none of the old actors are |
//!
//! # Limits
//!
//! - An actor that waits or computes for long keeps all others of its rank, and their mail, waiting. Give such work a rank of its own.
//! - A mailbox that is full refuses messages. There is no way to wait for room but to be told of the error, and to send again.
//! - A stopped process is alive: questions to it end in time, and a name that it is asked for is [not given](NameError::Timeout) meanwhile. All
//!   ranks of the region should have a system for that reason.
//! - A supervisor that stops a child on a rank that does nothing waits 2 s for its end, and then starts another. The old one is ended by the
//!   first mail that its rank takes.
//! - If starting an actor on another rank times out, it may run for a moment, and is stopped then.
//! - A question whose asker has ended stays open until it is answered, or its time has come.
//! - Of two actors on two ranks, one may unlink the other while that one unlinks and links it again. Then only one of them may know of a
//!   link. Monitors have no such moment.
//! - Peers are kept from memory, not from actors: each can send to all, and end all. Types guard against mistakes, not against peers
//!   that mean ill.
//! - Messages to other ranks are no longer than [`Region::eager_limit`](mailbox::Region::eager_limit). At most 65 536 questions are open.
//! - Mailboxes are limited in messages, not in bytes. A message of 1 MiB counts as one.
//! - A rank whose mailbox makes no sense any more is not told from one that is silent: questions to it end in time.
//! - Nothing is kept on a disk. What must not be lost goes through [`delivery`](crate::delivery).
//! - Lives are told apart by 32 bits of their number: 4 billion joinings of one rank.

mod address;
mod asks;
mod behaviour;
mod context;
mod delivery;
mod ends;
mod error;
mod fields;
mod kinds;
mod limits;
mod names;
mod panics;
mod peers;
mod polls;
mod protocol;
mod queue;
mod reason;
mod receiving;
mod runner;
mod slots;
mod supervise;
mod supervisor;
mod system;
mod timers;
mod wire;

pub use address::{ActorId, Address, Reply, ReplyId};
pub use behaviour::{Actor, Next};
pub use context::{Context, Monitor};
pub use delivery::DeadLetter;
pub use error::{AskError, NameError, SpawnError, SystemError, TellError};
pub use limits::Limits;
pub use protocol::{InProcess, Protocol};
pub use reason::{Down, Reason};
pub use supervise::{Children, Supervise};
pub use supervisor::{Strategy, Supervisor};
pub use system::System;
