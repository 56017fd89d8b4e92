//! How one thread waits for several things.
//!
//! A [`Select`] has *arms*. Each watches one thing: mail that a filter takes, room for a message, the answer to a
//! call, the end of a request or of an operation of a group, what is new in a topic, a time. It says which arm is *ready*: the call that does not wait would now
//! return something. The caller then makes that call. So there is no second set of verbs, no second copy of a protocol, and each
//! error is told by the verb whose error it is. An arm borrows its endpoint only, and has a copy of what else it needs to look, so the
//! caller may make the call while the select lives.
//!
//! ```text
//!  Select ── arms ──▶ Looking, an operation ──▶ wait::drive ──▶ Together: the bells of all halves that have arms
//!                        │ a look asks each arm in turn:
//!                        ├─ receive::Ready      mail, an end, an error; what it finds stays
//!                        ├─ send::Room          at once; tells the receiver that it starves, while the thread waits
//!                        ├─ Call, Request, Underway, topic::News, Timer
//!                        └─ what was started and announced goes on first
//! ```
//! # No wake-up is lost
//!
//! What makes an arm ready is a *publication* of a peer: a stamp, a `head`, an answer, a value's number. Each peer publishes, then
//! looks at one bell of this process, and rings it if the bit is set. Which bell and bit an arm needs follows from its kind:
//!
//! | arm | publication | the peer rings |
//! |---|---|---|
//! | mail | stamp of a cell or of the call line; a word about an announced message | the bit for mail of the receiving rank |
//! | room | `head` | the bit for room of the sending rank |
//! | answer | stamp of the call line or of a cell of the return lane | both bits |
//! | request | that of the send or receive that it is | as for these |
//! | operation of a group | the number of a round in a member's slot | the bit for mail |
//! | value of a topic | the value's number | the bit for mail, if the topic's bit for this rank is set |
//! | message of a topic | its stamp | the bit for mail |
//! | an end | the life, then the count of changes | both bits of all ranks |
//! | interrupt | a private flag | both bits |
//!
//! A thread that is about to sleep does this, in this order:
//!
//! 1. It sets the bits of the topics that arms watch, and says in its senders' words for which messages it starves (and rings,
//!    as a sender does).
//! 2. It sets its bits on all bells, each in that bell's own mode (`rank::bell::order`).
//! 3. It executes one barrier in all ringers, or one fence.
//! 4. It looks at *all* arms, thoroughly, whichever bell was rung before.
//! 5. It sleeps in one system call, if every word is as it was read, and was read with all its bits set.
//!
//! Take any arm that a peer makes ready, and the first publication that does so. *If the peer looked at the bell before the barrier*,
//! it had published before it, so the look in 4 sees that. *If it looks later*, it sees the bit, because all bits of all bells
//! were set before the barrier. (For a value it looks at the topic's bit first, which was set before, too.) It clears the bit, so
//! the word is not as the thread read it: the kernel does not let it fall asleep, or wakes it. Nothing in this
//! depends on how many bells and arms there are: 1 and 2 are done for all before 3, and 4 for all after it.
//!
//! After a wake-up, or one for nothing, it begins again at 1. It does not ask which bell was rung. So a ring for one arm that
//! clears a bit on which another arm depends costs that one nothing: the bit is set again before the look that follows. No other
//! thread sleeps on the same bits, because each half of an endpoint is used by one thread; [`Select`] borrows
//! it and is not `Send`.
//!
//! The look in 4 makes arms ready that no bell was rung for: a time, an end that the kernel knows of, what this thread did itself
//! before. A time bounds the sleep. All else is bounded by naps.
//!
//! Both bits of one rank are one word, and are slept on with one `FUTEX_WAIT`. Several words take one `FUTEX_WAITV`.
//!
//! # Turns
//!
//! A look begins after the arm that was told last ([`Turns`]), so each arm that stays ready is told before that one is again.
//! To look at many filters one by one costs more than a receive, and each look passes over mail that it does not take. So an
//! endpoint whose arms receive has a *cover*: a filter that takes all that they take. If a look with that finds nothing, none of
//! them needs a look. Where that is so for all endpoints, only the arms that do not receive are asked. If it finds a mail, that says
//! which arm is told: one that takes it. So arms of one endpoint are told as a receive of all would take their mails, and have that turn
//! together: the next look begins at the first arm after them that is none of them. That starves none as long as the mails are received. If one is not, the next look
//! asks each arm for itself.
//!
//! Where a receive would take the next mail at once, one look at its cell says which arm is told (`Place::foresee`): a table has the
//! arms by what they take (`Takers`). That is done for the endpoint that was told last, so many times in a row, and nothing else is
//! looked at meanwhile but the clock. The look after a row is always a full one, and so is one at which a time has come. A row is 32
//! looks. Where there are only arms that receive, all of one endpoint, it is as long as what is left of the sender's turn, at most 256:
//! then the full look finds what a receive of all would look for after that turn, and there is nothing else to find. A program may
//! make a new select for each wait. So each begins at a random place of a row of 32, and which mail was told last is remembered with
//! the mailboxes: one for all of them, so that a mail that is left has a turn again after others.
//!
//! The end of a peer that only a question to the kernel or a check finds would hide behind an arm that always has something. So the
//! first look of a wait asks about the peers of all arms, once in 75 ms (`Looking::ask`). Arms that tell of such ends take turns of
//! their own. It looks for no mail, so no sender has a turn for it, and it has a time of its own, so a receive from anyone asks
//! between its turns as ever.
//!
//! If one arm alone takes that mail, and there are no times, this is done in the caller's code ([`row`]). It does not
//! look whether the rank is lost: the receive of that mail says so. It goes on with the sender of the row, also if a receive that
//! no arm told of has made it another sender's turn meanwhile.
//!
//! Before a wait of such arms, of one endpoint alone, the thread looks for a moment at the one mailbox that a receive would look at
//! (`Inbox::finds_soon`), with nothing prepared. The row counts that as one look. A full look follows if that finds nothing.
//!
//! Loom runs a thread that waits for two bells and a value with the shipped driver, waiter and turns, and with mistakes that it must
//! notice: a bell that is not slept on, a value that is asked for too late, an arm that is not looked at.

#[cfg(not(loom))]
mod arm;
#[cfg(not(loom))]
mod finding;
#[cfg(not(loom))]
mod look;
#[cfg(not(loom))]
mod place;
#[cfg(not(loom))]
mod row;
#[cfg(not(loom))]
mod several;
#[cfg(not(loom))]
mod table;
#[cfg(not(loom))]
mod takers;
#[cfg(not(loom))]
mod timer;
mod turns;

#[cfg(not(loom))]
pub use several::Select;
pub use turns::Turns;
