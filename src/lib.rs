//! Message passing between processes over shared memory.

mod error;

// Under the endpoint; public for model checks, property tests and benchmarks. No promise covers them.
#[doc(hidden)]
pub mod bell;
#[doc(hidden)]
pub mod cell;
#[doc(hidden)]
pub mod layout;
#[doc(hidden)]
pub mod memory;
#[doc(hidden)]
pub mod os;
#[doc(hidden)]
pub mod registry;
#[doc(hidden)]
pub mod ring;
#[doc(hidden)]
pub mod sync;

#[cfg(not(loom))]
mod draft;
#[cfg(not(loom))]
mod endpoint;
#[cfg(not(loom))]
mod inbox;
#[cfg(not(loom))]
mod mail;
#[cfg(not(loom))]
mod member;
#[cfg(not(loom))]
mod outbox;
#[cfg(not(loom))]
mod region;
#[cfg(not(loom))]
mod segment;

pub use bell::Wait;
pub use error::*;
pub use layout::{Config, Reserve};
pub use registry::Status;

#[cfg(not(loom))]
pub use {
    draft::Draft,
    endpoint::Endpoint,
    inbox::Source,
    mail::Mail,
    member::Interrupter,
    region::{Inspection, MailboxReport, OpenOptions, RankReport, Region},
};
