//! The program `mbox`: regions and their mailboxes from the command line.

pub mod access;
pub mod account;
pub mod batch;
pub mod clean;
pub mod cli;
pub mod create;
pub mod framing;
pub mod ls;
pub mod number;
pub mod recv;
pub mod remedy;
pub mod rm;
pub mod run;
pub mod send;
pub mod senders;
pub mod size;
pub mod sizes;
pub mod span;
pub mod standard;
pub mod stat;
pub mod stop;
pub mod table;
