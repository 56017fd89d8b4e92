//! Delivery: at most once, at least once and exactly once, dead letters, and a queue of jobs for workers that may die.
//!
//! # The idea
//!
//! A process can die at any moment: also after it has done what a message says and before it has said so. A sender that sends the
//! message again risks that it is done twice. One that does not risks that it is never done. What is right depends on the message:
//!
//! | promise | the receiver | if it dies in between | for |
//! |---|---|---|---|
//! | *at most once*: [`Consumer::at_most_once`] | acknowledges, and then handles | the message is lost | a reading that the next one replaces |
//! | *at least once*: [`Consumer::at_least_once`] | handles, and then acknowledges | it comes again, marked | what may be done twice: "the light is on" |
//! | *exactly once*: [`Consumer::exactly_once`] | writes the effect and the message's number in one piece, and then acknowledges | it comes again, and its number is known | a transfer |
//!
//! Nobody can *deliver* exactly once; that was shown with the problem of the two generals (J. Gray, *Notes on Data Base Operating
//! Systems*, 1978). But what comes twice can have its *effect* once, if the receiver commits both together (P. Bernstein, M. Hsu,
//! B. Mann, *Implementing Recoverable Requests Using Queues*, 1990). The effect is then what is in the receiver's file, the [`Ledger`].
//! What a handler does elsewhere, such as a print, may be done twice.
//!
//! # Which message it is
//!
//! The mailbox redelivers a message that its receiver did not acknowledge, and numbers it ([`Message::seq`](mailbox::Message::seq)).
//! That number does not do here: a sender that dies does not know whether its last message was handled, so its next life sends it
//! once more, and then it has another number. So the number comes from the sender's own file, the [`Outbox`]: a message gets it
//! before it is sent, and keeps it. The receiver knows a message by the sender's *rank*, which the mailbox says, the *life* of
//! the outbox, and that *number*. An application that has such numbers of its own can put its own [`Id`] together, and use the [`Ledger`]
//! alone.
//!
//! ```
//! # use mailbox::{Config, Region};
//! use mailbox_patterns::delivery::{Consumer, DeadLetters, Durability, Ledger, Outbox, Replay, Retry};
//! use std::time::Duration;
//! # let folder = std::env::temp_dir().join(format!("doc-delivery-{}", std::process::id()));
//! # std::fs::create_dir(&folder)?;
//! # let region = Region::create_unnamed(Config::ranks(2))?;
//! # let (me, other) = (region.join(0)?, region.join(1)?);
//! # let path = folder.clone();
//! # let other = std::thread::spawn(move || {
//! #     let (me, folder) = (other, path);
//! // One process
//! let mut outbox = Outbox::open(&me, folder.join("outbox"), Durability::Process)?.0;
//! outbox.post(0, &100_u64.to_le_bytes())?;
//! outbox.deliver(Duration::from_secs(5))?;
//! #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! # });
//!
//! // Another
//! let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).map_err(|_| "no number");
//! let mut balance = 0;
//! let (mut ledger, _) = Ledger::open(folder.join("ledger"), Durability::Process, |replay| {
//!     let (Replay::State(bytes) | Replay::Effect(bytes)) = replay;
//!     balance = number(bytes).unwrap_or_default(); // what it was before this process began
//! })?;
//! let mut consumer = Consumer::new(&me, Retry::new(5), DeadLetters::open(folder.join("dead"))?);
//! let done = consumer.exactly_once(&mut ledger, Duration::from_secs(5), |letter| {
//!     balance += number(&letter.body)?;
//!     Ok(balance.to_le_bytes().to_vec()) // the effect: the new balance
//! })?;
//! assert_eq!((done.handled, balance), (1, 100));
//! if ledger.wants_compaction() {
//!     ledger.compact(&balance.to_le_bytes())?;
//! }
//! # other.join().expect("no panic").expect("no error");
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **Exactly once.** A message that [`Outbox::commit`] has written has its effect in the receiver's ledger once, or is set aside as
//!   a dead letter, wherever and however often each process dies. With [`Durability::Power`] in both files that is so after a loss of
//!   power, too. With [`Durability::Process`] it costs no wait for the disk.
//! - **At least once, marked.** A message that its receiver did not acknowledge comes again, to the rank's next holder, and says so:
//!   [`Letter::redelivered`].
//! - **Retries, then dead letters.** A message whose handler fails is tried again, later each time ([`Retry`]). Meanwhile others are
//!   handled, until 32 messages wait to be tried again: then each new one waits for one of these. One that fails for the last time, or that ends each process that handles it, goes to the [`DeadLetters`] with the reason. So does what
//!   cannot be handled once. `mbox dead` lists, shows, sends again and drops them.
//! - **A queue of jobs.** [`Queue`] gives each job to one [`Worker`]. If that ends before it says that it is done, another gets the job,
//!   marked: [`Job::redelivered`]. Without that mark each attempt is begun once: a job is begun again only if it failed. A worker goes on
//!   while the queue is dead, and what it has done counts for the queue's next life.
//! - **A damaged file is told.** A write that was not finished is cut off, and counted: [`Recovered::cut_bytes`]. Any other damage is
//!   [`JournalError::Garbled`], which says how many records are whole, and [`Journal::salvage`] keeps these. Nothing is replayed that
//!   was not written.
//! - **Bounded.** Of each sender a ledger remembers its last 8 lives, and of each of these one number, and at most 256 beyond it. A peer
//!   that floods or lies fills its own mailbox, its own part of that memory and, up to its limit, the dead-letter box.
//!
//! # How it is built
//!
//! ```text
//!  sender                                            receiver
//!  1. outbox: number, message ──▶ write, (fsync)
//!  2. sends, and waits  ─────────────mailbox───────▶ 3. number known? then 6
//!                                                    4. handles it
//!                                                    5. ledger: number, effect ──▶ one write, (fsync)
//!  7. notes that it was handled ◀────────────────── 6. acknowledges
//! ```
//!
//! | a process dies | then |
//! |---|---|
//! | the sender, before 1 is written | the message was never posted: [`Outbox::last`] says which was the last |
//! | the sender, after 1 | its next life sends it, perhaps once more; the receiver knows the number |
//! | the receiver, before 5 is written | nothing has happened; the mailbox has the message for the next holder of the rank |
//! | the receiver, between 5 and 6 | the message comes again; the ledger knows the number; it is acknowledged |
//! | the receiver, after 6 | it is over |
//! | the sender, before 7 is on the disk | it sends the message once more, which is acknowledged at once |
//!
//! *One write.* All records of a commit are one frame, with a length and two checks (CRC-32), written with one system call at the end of
//! the file. What a process hands to the kernel survives its death, so SIGKILL leaves all of a frame, or a beginning of it. The next
//! [`Journal::open`] cuts off a beginning.
//!
//! *Power.* `fdatasync` comes after the write and before the acknowledgement. A frame is begun when the one before it is on the disk. So
//! after a loss of power only the last frame can be incomplete, in whichever of its pages. Its checks tell. A damaged frame with a whole one
//! behind it is therefore no unfinished write, but damage. The checks contain a number of the file that no peer knows, and the place of the
//! frame, so nothing in a payload looks like a frame.
//!
//! *Compaction.* The new file is written beside the old one, and then takes the old one's name. With [`Durability::Power`] the file is
//! synchronised before that, and the folder after it. Each step leaves the old file or the new one under the name. A process that opens
//! the file synchronises both once more, since the one before it may have died between two steps.
//!
//! *Dead letters* are files of a folder, as mail is in a maildir (D. J. Bernstein, 1995): written beside, synchronised, and then
//! linked. A receiver that dies between the letter and the ledger finds the letter by its name, which is made of the message's
//! numbers.
//!
//! # Limits
//!
//! - Messages are no longer than [`Region::eager_limit`](mailbox::Region::eager_limit), by default 1 MiB. Longer ones are delivered at
//!   most once by the mailbox.
//! - An outbox belongs to a rank. Another outbox of the same rank is a new life. A clock that goes back between two lives
//!   makes the later one look old: if its receiver has forgotten lives, its messages may be dead letters, and are not handled twice.
//! - If a receiver loses its ledger, it has lost what was handled. If it dies between the dead letter and the ledger, and somebody sends the
//!   letter again before it is back, the message may be handled twice.
//! - After `fdatasync` has failed, nobody knows what the disk has (A. Rebello and others, *Can Applications Recover from fsync
//!   Failures?*, 2020). A journal then refuses all, and what was not synchronised is cut off as far as the system does it.
//! - Damage of the last frame alone looks like a write that was not finished, and is cut off.
//! - A forked child shares the lock of a journal that its parent has open. The lock belongs to a path: two paths of one file, such as a
//!   symbolic link and its target, have two locks, and a compaction puts a new file in the place of the link.
//! - A new [`Worker`] of the same endpoint does not know what the one before it has done, and may begin a job once more, without the mark.
//! - A sender whose letters are set aside and have one name, with other bytes each, makes each further one slower: they are compared.

mod consumer;
mod dead_error;
mod dead_letters;
mod delivery_error;
mod done;
mod frame;
mod id;
mod job;
mod jobs;
mod journal;
mod journal_error;
mod lane;
mod ledger;
mod letter;
mod outbox;
mod outbox_error;
mod queue;
mod retry;
mod seen;
mod worker;

pub use consumer::Consumer;
pub use dead_error::DeadError;
pub use dead_letters::DeadLetters;
pub use delivery_error::DeliveryError;
pub use done::Done;
pub use id::Id;
pub use job::Job;
pub use journal::{Durability, Journal, Recovered};
pub(crate) use journal::{make_folder, sync_folder_of};
pub use journal_error::JournalError;
pub use ledger::{Ledger, Replay};
pub use letter::{DeadLetter, Letter};
pub use outbox::Outbox;
pub use outbox_error::OutboxError;
pub use queue::{Progress, Queue};
pub use retry::Retry;
pub use seen::Verdict;
pub use worker::Worker;
