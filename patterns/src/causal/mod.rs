//! Broadcast in a group, with causes before effects.
//!
//! # The idea
//!
//! One member asks, another answers, and a third hears the answer before the question. Each link was in order, and the answer was still
//! too early. *Causal order* rules that out: if the sender of a message had sent or received another message before, that other
//! one *may have caused* it, and everybody receives it first. Messages of which neither may have caused the other are *concurrent*. They
//! come in any order, and in different ones at different members: nobody waits for a message that has nothing to do with it.
//!
//! Each message carries a *vector clock*: for each rank, how many of its messages the sender knew. A receiver that has not taken all
//! of these yet takes them first. (L. Lamport, *Time, Clocks, and the Ordering of Events in a Distributed System*, 1978; K. Birman, A.
//! Schiper and P. Stephenson, *Lightweight Causal and Atomic Group Multicast*, 1991.)
//!
//! ```
//! use mailbox::{Config, Region};
//! use mailbox_patterns::causal::{Event, Group, Member};
//!
//! const DESK: Group = Group::new("desk", 0..3);
//!
//! # let region = Region::create_unnamed(Config::ranks(3))?;
//! # let (me, second, third) = (region.join(0)?, region.join(1)?, region.join(2)?);
//! # let mut next = |member: &mut Member<'_>| loop {
//! #     if let Event::Message(message) = member.next_event()? {
//! #         return Ok::<_, Box<dyn std::error::Error>>(message);
//! #     }
//! # };
//! // Three processes
//! let mut asks = Member::join(&me, &DESK)?;
//! let mut answers = Member::join(&second, &DESK)?;
//! let mut listens = Member::join(&third, &DESK)?;
//!
//! let question = asks.broadcast(b"who has order 7?")?;
//! // The second: its answer is after what it was told before.
//! assert_eq!(next(&mut answers)?.bytes(), b"who has order 7?");
//! answers.broadcast(b"I have")?;
//! // The third, however slow it is:
//! assert_eq!(next(&mut listens)?.bytes(), b"who has order 7?");
//! let answer = next(&mut listens)?;
//! assert!(answer.bytes() == b"I have" && answer.is_after(question));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **Causes first.** A member is told a message after all that may have caused it, each once. So the messages of one member come in
//!   order, too. A member is not told its own messages: it knows them when [`Member::broadcast`] returns.
//! - **All or none.** A message is sent to all members or to none, also if its sender is killed in the middle of it. All members that
//!   stay, and had joined before, are told the same messages of a member that has died. Nobody is told a message that one of those who
//!   stay is not told.
//! - **Who comes starts with the clock of the group.** A new member is told all that is sent after its start, which is
//!   [`Member::clock`] when it joins, and nothing from before. It does not wait for what caused a message before its start.
//! - **Who comes and goes is told**, in order: [`Event::Joined`] before the first message of a member, [`Event::Left`] and
//!   [`Event::Died`] after the last. A rank that is joined again is another member, with another epoch. So is one that leaves the
//!   group and joins it again; then the epoch is the same. From [`Event::Joined`] on, that member is told all that this
//!   one sends. A death is told some 100 ms after it, and no time limit decides it: a process that is stopped lives.
//! - **Who lies is told, and left out.** [`Event::Lied`] names the member, the message, and what was wrong with it ([`Lie`]). Neither
//!   that message nor a later one of this member is told. (What is said in the topic of a rank that is no member is told of once, too, and
//!   passed over until somebody joins.) The others go on, and so do those that have received earlier messages of it
//!   and built on them. Each member finds out by itself, and no member is believed about another.
//! - **No buffer grows.** A member keeps at most one message of each other member that waits for its causes; while it looks for one that
//!   has lied, up to 1024 more, or 16 MiB. All others wait in the stream of their sender, and the sender waits when that is full, as long
//!   as it wants ([`CausalError::Behind`]). Two members that broadcast never wait for each other for ever ([`CausalError::Crowded`]).
//! - **It can be checked.** [`check`](check()) tells of recorded histories whether they are in causal order, and [`agree`] whether members were
//!   told the same. They follow what was sent and told, and believe no clock.
//!
//! # How it is built
//!
//! | of a group | here |
//! |---|---|
//! | what a member sends | a stream: a topic `NAME.RANK`, of which all others read [every](mailbox::Policy::every) message |
//! | the number of a message | its number in the stream, which goes on over all lives of the rank |
//! | joined, has left | the first message of a member, and the last |
//! | a vector clock | before the payload of each message: a count for each rank |
//! | the clock of the group | where the streams are when a new member begins to read them |
//! | who is there | the last message of each stream before that |
//! | a message that waits for its causes | the next one of its stream; those behind it stay where they are |
//! | a death | a stream that was read to its end, and whose publisher does not live |
//!
//! A member looks at the next message of each stream. It takes one, in turn, whose clock has no count above what was taken of that rank.
//! There is always such a message, unless one has lied: what a message knows was in the streams before it. So if the next message of each
//! stream waits for another stream that has no more messages, then it knows what was never sent.
//!
//! # What if a process stops or dies here for ever
//!
//! - *While it joins.* It reads the streams of others from some point on, and has said nothing. Others are not told of it. Its first
//!   message is its last step: then it reads all streams already.
//! - *While it broadcasts.* The stamp of the message is its last store, to memory that all members read. Without the stamp there is no
//!   message; with it, all have it. Nothing is to be passed on.
//! - *While it receives.* It has changed nothing but how far it has read. If it is dead, no sender waits for it. If it is stopped, it is a
//!   member that does not read.
//! - *While it leaves.* Without the last message its end is seen from its topic, which nobody publishes.
//!
//! # Lies
//!
//! A lie is found if it can be: a message of a wrong form, length, rank or life; a clock whose own entry is not the number of the
//! message, or that knows less than before; one that knows messages which are not there when it is read ([`Lie::Ahead`]); and messages
//! that know each other in a circle ([`Lie::Circle`]). A member that reads a message late may see there what was not there when it was
//! sent. It tells nothing, and only waits a little longer for the message. A clock that says less than its sender knew cannot be told from
//! one that is right.
//!
//! A circle is seen only by a member that reads late; the others have left the liar out before. It says that somebody has lied, and not always
//! who. Then the one is left out of whom others have received later messages, but not this one; or the one that a new member has not
//! received; or all of the circle. One liar alone never has a third member left out in that way, unless it lies in the first message of a
//! member, and its rank does not join again behind that. Two that lie together may.
//!
//! # Limits
//!
//! - All ranks that may be members are named at first: at most those of the region. Each takes a topic of the region
//!   ([`Config::topics`](mailbox::Config::topics), 64 by default), with 64 KiB, 128 bytes a rank, and its payloads. Names of topics are
//!   never freed.
//! - A message has 16 bytes, and 8 for each rank of the group, beside its own. It is at most half a stream long
//!   ([`Config::stream`](mailbox::Config::stream)), less these: 2 MiB by default.
//! - A member that does not read, but lives, keeps others from sending when it is a whole stream behind: 768 to 1024 messages, or fewer if
//!   they fill [`Config::stream`](mailbox::Config::stream). A sender that waits is told which rank it is. The group cannot remove it;
//!   somebody must end its process. This is so for one that was left out, too.
//! - A rank's topic is protected as long as its member lives. A stream does not say who has written a message. So a process that takes the
//!   topic of a rank that is no member is told of ([`Lie::Publisher`]) only if it still has the topic when its first message is read.
//!   Otherwise it can speak in the name of that rank until that rank joins. One that takes the topic of a member that has just died can
//!   speak in its name until the death is told. One that publishes the topic of a rank as its latest value, before that rank was ever
//!   a member, keeps that rank out for good, and nobody else ([`Lie::NoStream`]).
//! - What was sent stays as it was. A process that overwrites the shared memory of its own stream can make messages disappear that others
//!   have received. One that has not received them then leaves those out that have.
//! - The order is that of what members tell each other in this group. A message that goes another way is not part of it.
//! - Concurrent messages come in different orders at different members. A program that needs one order for all needs a sequencer.

mod check;
mod clock;
mod error;
mod event;
mod frame;
mod group;
mod history;
mod member;
mod stream;
mod told;

pub use check::{Violation, agree, check};
pub use clock::{Clock, Id};
pub use error::CausalError;
pub use event::{Event, Lie, Message};
pub use group::Group;
pub use history::{History, Step};
pub use member::Member;
