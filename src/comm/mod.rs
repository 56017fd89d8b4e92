//! Programs of many ranks: communicators, requests, and operations of all members.
//!
//! A *communicator* is a group of ranks, each in one life, with a *slot* for each ([`crate::slot`]), and a *context*: a number in
//! every message's envelope beside its tag, so that no receive takes what is meant for another group. The context is made of
//! the slot's number, so two communicators of one rank have different ones. What is left unread in one that is over is dropped before
//! its slot is used again (`making`).
//!
//! A [`Request`] is a send or a receive that was started and goes on. Its state lies in the endpoint (`send::started`,
//! `receive::posted`), because every call of the endpoint that looks or waits makes it go on; a request has only its
//! number. So it is with operations of all members ([`crate::collective`]).
#![cfg(not(loom))]

mod agreement;
mod collectives;
mod communicator;
mod making;
mod request;
mod started;
mod started_varied;
mod taking_part;
mod varied;
mod waiting;

pub use communicator::Comm;
pub use request::Request;
pub use started::{CollectiveRequest, Underway};
