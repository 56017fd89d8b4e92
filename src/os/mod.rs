//! Every system call, one file per platform. Loom's model of a system is a platform like the others.

#[cfg(all(target_os = "linux", not(loom)))]
mod linux;
#[cfg(all(target_os = "linux", not(loom)))]
pub use linux::*;

#[cfg(all(unix, not(loom)))]
mod event;
#[cfg(all(unix, not(loom)))]
pub use event::Event;

#[cfg(loom)]
mod model;
#[cfg(loom)]
pub use model::*;

#[cfg(not(any(target_os = "linux", loom)))]
compile_error!("mailbox runs on Linux only so far");
