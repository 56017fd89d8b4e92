//! Ways to build programs of processes that only talk, each on the public face of [`mailbox`] alone.
//!
//! | module | processes |
//! |---|---|
//! | [`actor`] | are made of actors, which send each other messages, end, and are started again |
//! | [`causal`] | broadcast in a group, and receive causes before effects |
//! | [`codec`] | exchange typed values, in one of five formats |
//! | [`csp`] | are joined by typed channels, and meet there |
//! | [`dataflow`] | run a graph of operators together, with one outcome, whichever of them die |
//! | [`delivery`] | send each other mail that must not be lost or handled twice, and are killed |
//! | [`register`] | read and write shared values, which other processes keep |
//! | [`mod@tuple`] | leave tuples for each other in a space, and take them |
//!
//! Each module says first what the idea is, then what it promises here. Processes are those of the operating system: each holds a
//! rank of a [`Region`](mailbox::Region). Several ranks held by threads of one process do as well.

pub mod actor;
pub mod causal;
pub mod codec;
pub mod csp;
pub mod dataflow;
pub mod delivery;
pub mod register;
pub mod tuple;
