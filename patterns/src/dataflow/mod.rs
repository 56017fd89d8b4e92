//! Dataflow: a graph of operators on several ranks, whose outcome is that of one thread, and which goes on after deaths.
//!
//! # The idea
//!
//! A program says which *operators* records go through, from *sources* to *sinks*, and on which ranks the operators are. Operators share
//! nothing; they are joined by channels. An operator *fires* when it has input, and room for what it makes. So whatever can be done at the
//! same time is, and nobody writes a lock or a loop that receives. (G. Kahn, *The Semantics of a Simple Language for Parallel
//! Programming*, 1974, shows that such a graph has one outcome, however fast its parts are, if each operator does the same with the same.)
//!
//! | operator | makes of its input |
//! |---|---|
//! | [`Graph::source`], [`Graph::sources`] | (has none) records with times, from a number on |
//! | [`Stream::map`], [`Stream::filter`], [`Stream::flat_map`] | one record of each, one or none, any number |
//! | [`Stream::union`] | the records of both streams |
//! | [`Stream::key_by`] | a key and a value of each record |
//! | [`Keyed::fold`] | of all values of a key one, when the input ends |
//! | [`Keyed::window`], [`Windowed::fold`] | of the values of a key in each [`Window`], by count or by time, one |
//! | [`Stream::to_file`], [`Stream::to_function`] | nothing: they are sinks |
//!
//! ```
//! use mailbox::{Config, Region};
//! use mailbox_patterns::dataflow::{Graph, Options};
//! use mailbox_patterns::delivery::Durability;
//! # use std::{env, fs, process, thread};
//!
//! # let folder = env::temp_dir().join(format!("doc-dataflow-{}", process::id()));
//! # fs::create_dir(&folder)?;
//! // Each process builds the same graph,
//! let build = || {
//!     let graph = Graph::new();
//!     let lines = graph.source("lines", |from| {
//!         (0..).zip("to be or not to be".lines()).skip(from as usize).map(|(at, line)| (at, line.to_string()))
//!     });
//!     let words = lines.flat_map("words", |line| {
//!         line.split(' ').map(String::from).collect::<Vec<_>>()
//!     });
//!     let counts = words.key_by("word", |word| (word, ())).parts(1).fold("count", 0, |count, ()| *count += 1_u64);
//!     let text = |(word, count): &(String, u64)| format!("{word}: {count}\n");
//!     _ = counts.on([1]).to_file("out", folder.join("counts"), Durability::Process, text);
//!     graph
//! };
//! // and runs its rank's part of it. Here the two ranks are threads.
//! # let region = Region::create_unnamed(Config::ranks(2))?;
//! # thread::scope(|scope| {
//! #     for rank in 0..2 {
//! #         let (me, build, folder) = (region.join(rank).expect("free"), &build, &folder);
//! #         scope.spawn(move || {
//! let report = build().run(&me, &Options::new(folder.join("checkpoints")))?;
//! #             assert_eq!(report.went_back, 0);
//! #             Ok::<(), mailbox_patterns::dataflow::RunError>(())
//! #         });
//! #     }
//! # });
//! assert_eq!(fs::read_to_string(folder.join("counts"))?, "be: 2\nnot: 1\nor: 1\nto: 2\n");
//! # fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **One outcome.** It is that of one thread which reads one record of each source in turns, and takes each through the whole graph
//!   before it reads the next. That is so for each byte of each sink, whatever the placement, the speed of the ranks, the capacity of the
//!   channels, and the deaths. (The parts of a source count as sources. The parts of a fold, [`Keyed::parts`], are read in their order;
//!   their number is said by the program and not by the placement.) The program keeps its side: functions of operators do the same with
//!   the same, and a source gives the same records again.
//! - **Bounded, with backpressure.** A channel holds as many records as [`Options::channel`] says, and as many again on the sender's side
//!   if it leads to another rank. If it is full, the operator in front of it does not fire, and so on back to the sources. What one
//!   record of a source makes goes through as a whole, on top of that: a window that closes for many keys. No rank writes more than four
//!   checkpoints that are not complete, and its operators wait then.
//! - **Exactly once.** A process may be killed at any moment, several may, all may. The graph goes back to the last checkpoint, and each
//!   record has its effect on each sink once. A sink of a file is cut back to its length at the checkpoint. A function is given the
//!   records of each checkpoint once that is complete, perhaps twice, with the same number and the same records: it commits both
//!   together.
//! - **Deaths are told, not guessed.** While a rank has no process, the others wait for the next one, for as long as
//!   [`Options::patience`] says; then the error is [`RunError::Missing`]. To start it is up to the program, as `mbox run` or a parent
//!   does. A process that is stopped is alive.
//! - **An operator that panics** ends the run on all ranks, with [`RunError::Operator`]: its name and its text. Before that the graph goes
//!   back a few times ([`Options::retries`]). A function of a sink that fails with the last records fails when the others may have
//!   returned: only its rank returns that error, and is given them again in its next run.
//! - **A rank that returns an error is not waited for.** All return one: its own words, if it could not write a checkpoint or its
//!   mailboxes do not work ([`RunError::Other`]).
//! - **A damaged checkpoint is not used.** Each file has a check. Without [`Options::strict`] the complete checkpoint before it is used;
//!   two are kept. If none is whole, that is [`CheckpointError::Garbled`]: a graph begins at the beginning only if there never was a
//!   complete checkpoint.
//! - **One graph.** Processes that have built another graph, or have checkpoints or channels of other sizes, are told
//!   ([`RunError::Differs`]), and those that look for checkpoints in another folder ([`CheckpointError::Elsewhere`]). What functions do
//!   cannot be compared. A graph in which operators wait for each other is refused ([`GraphError::Cycle`]), with their names. A folder of
//!   checkpoints is of one run at a time ([`CheckpointError::InUse`]).
//! - **Peers are not trusted.** A message that makes no sense is left out. If it is of a channel, the graph goes back, as often as for a
//!   panic. A process that has a part and lies can hold the graph up or end it, and does no other harm.
//!
//! # Time
//!
//! Each record has a time, which its source gives it: a number, in whatever unit. A *watermark* says that no earlier one is expected. A
//! source makes one every 32 records: its latest time less the lateness that it was given. An operator's watermark is the least of its
//! inputs' (those that have ended do not count). A window by time closes when the watermark has come to its end. A record that comes
//! later is dropped and counted ([`Rate::late`]); which ones are late is part of the one outcome. (T. Akidau and others, *The Dataflow
//! Model*, 2015.)
//!
//! # How it is built
//!
//! *Order.* Each event in a channel has a stamp: the number of its turn in that reading of all sources. Stamps rise in each channel. Of
//! several channels an operator takes the event with the lowest stamp, and of those with the same the one of the first channel, once no
//! channel can bring a lower one: each says how far it is, with its events and without any. (R. Chandy and J. Misra, *Distributed
//! Simulation*, 1979.) An operator whose output is full goes on with events that have the stamp of the last. So the lowest stamp of all
//! is always somewhere taken, and no bounded channel makes a deadlock.
//!
//! *Ranks.* One thread for each rank fires its operators in turn. Between operators of a rank records move as they are; between ranks
//! they are messages of up to 64 KiB, if there is so much. The receiver says how many it has taken out, and the sender sends no more than
//! there is room for.
//!
//! *Checkpoints.* Each time that a source has given so many records ([`Options::checkpoint_every`]), it sends a *marker*. An operator
//! that has the marker from all its channels, and all that was before it, keeps its state and hands the marker on. Then nothing is in the
//! channels that belongs to the checkpoint. (K. M. Chandy and L. Lamport, *Distributed Snapshots*, 1985; P. Carbone and others,
//! *Lightweight Asynchronous Snapshots for Distributed Dataflows*, 2015. Here the stamps align the markers, so that nothing has to be
//! held back for them.) Each rank writes the state of its operators to a file. The lowest rank, the *coordinator*, notes when all have.
//!
//! | a process dies | then |
//! |---|---|
//! | before all have written a checkpoint | the one before it counts; files are cut back to it |
//! | after that, before a function was given the records | the next process gives them |
//! | while a function has them, or after | the next process gives them again, with the same number |
//! | the coordinator | its next life finds in the folder what is complete, and all begin again from there |
//! | all | the same, also in another region: the folder is enough |
//! | after the end was noted | a process that comes later finds that, gives functions what they may not have, and returns |
//!
//! *Attempts.* When a member ends, the coordinator stops the attempt. Each member forgets its operators and says Hello. When all are
//! there the next attempt begins, with a higher number, from the newest checkpoint that is whole. Messages have the number of their
//! attempt; others are left out.
//!
//! # Limits
//!
//! - A union, and a graph as a whole, goes at the pace of its slowest source: the order says whose turn it is. A source that waits, such
//!   as for a device, keeps its rank from all else meanwhile.
//! - One thread for each rank: an operator that is slow keeps the others of its rank waiting.
//! - A checkpoint is made of all the state each time, in memory first. There is none while the slowest source gives nothing.
//! - A graph does not change while it runs. Its checkpoints are for the same placement and options.
//! - No feedback: a graph has no cycles. No joins, no sessions, no early results of windows.
//! - A stopped process is waited for without end while the graph runs. While the graph goes back or begins, a rank counts as missing after
//!   the patience also if its process is stopped, does something else, or does not come out of an operator.
//! - A record is no longer than a message may be ([`Region::eager_limit`](mailbox::Region::eager_limit)) where it goes to another rank.
//! - A file that a sink writes to is read safely when the run is over. Before that it may have records that will be cut off. A program that wants
//!   only what is committed uses a function.
//! - The number of retries is counted by the coordinator, and begins again when that dies.

mod channel;
mod each;
mod error;
mod fold;
mod folder;
mod graph;
mod lead;
mod member;
mod meter;
mod note;
mod operator;
mod options;
mod output;
mod plan;
mod post;
mod rates;
mod record;
mod run;
mod sink;
mod source;
mod stream;
mod wiring;
mod worker;

pub use error::{CheckpointError, GraphError, RunError};
pub use fold::Window;
pub use graph::{Graph, Later};
pub use options::Options;
pub use rates::{Rate, Rates, Report};
pub use record::{Reader, Record};
pub use stream::{Keyed, Stream, Windowed};
