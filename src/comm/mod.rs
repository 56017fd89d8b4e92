//! Programs of many ranks: communicators, and requests.
//!
//! A *communicator* is a group of ranks, each in one life, and a *context*: a number in every message's envelope beside its
//! tag, so that no receive takes what is meant for another group. A [`Request`] is a send or a receive that was started and
//! goes on. Its state lies in the endpoint (`send::started`, `receive::posted`), because every call of the endpoint makes it
//! go on; a request has only its number.
#![cfg(not(loom))]

mod request;
mod waiting;
mod world;

pub use request::Request;
pub use world::Comm;
