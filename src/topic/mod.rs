//! Topics: what one rank publishes, and any rank may read.
//!
//! A topic has a name, and an entry in the region's table (`abi::topic`), which is made when the name is first used and stays until
//! the region ends. It has one writer at a time, which is registered in the entry. A writer that has died is replaced by the next
//! process that wants to write: the kernel says whether it lives. Entries are made, and writers registered, under the lock of
//! labels.
//!
//! *Latest*: readers see the newest whole value ([`crate::value`]). A reader that waits for the next one says so by a bit in the topic's
//! lines and sleeps on its rank's bell; the writer makes a fence after each value and rings those whose bits are set.
//!
//! *Stream*: each reader sees each message, or knows how many it has missed ([`crate::stream`]). Readers say by a bit that they are there, and
//! then make a barrier in all processes, so a publisher that runs sees the bit. From then on the publisher looks at the bell of
//! that rank after each message, as a sender does: it makes a fence only if the bell asks for one.
#![cfg(not(loom))]

mod draft;
mod find;
mod latest;
mod latest_publisher;
mod news;
mod payloads;
mod publisher;
mod sample;
mod subscriber;

pub use draft::Draft;
pub use find::Topic;
pub use latest::Latest;
pub use latest_publisher::LatestPublisher;
pub use news::News;
pub use publisher::Publisher;
pub use sample::Sample;
pub use subscriber::{Policy, Subscriber};
