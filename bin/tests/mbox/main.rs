//! The binary `mbox`, driven as people and scripts drive it.

mod kit;

mod carry;
mod clean;
mod consistent;
mod end;
mod file;
mod large;
mod look;
mod reading;
mod refuse;
mod remedies;
mod script;
mod signals;
mod streams;
mod user;
