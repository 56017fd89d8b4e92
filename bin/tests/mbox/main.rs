//! The binary `mbox`, driven as people and scripts drive it.

mod carry;
mod clean;
mod consistent;
mod dead;
mod end;
mod file;
mod large;
mod launch;
mod look;
mod program;
mod reading;
mod record;
mod refuse;
mod remedies;
mod run;
mod run_killed;
mod run_streams;
mod script;
mod signals;
mod streams;
mod tap;
mod topics;
mod user;
