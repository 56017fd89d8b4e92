//! Every system call, one file per platform. Loom's model of a system is a platform like the others.
//!
//! With `--cfg portable`, Linux runs the code of the other Unixes, so that it can be tested: see `portable`.

#[cfg(all(target_os = "linux", not(any(portable, loom))))]
mod linux;
#[cfg(all(target_os = "linux", not(any(portable, loom))))]
pub use linux::*;

#[cfg(all(unix, any(portable, not(target_os = "linux")), not(loom)))]
mod portable;
#[cfg(all(unix, any(portable, not(target_os = "linux")), not(loom)))]
pub use portable::*;

// Shared by all platforms.
#[cfg(all(unix, not(loom)))]
mod cause;
#[cfg(all(unix, not(loom)))]
mod event;
#[cfg(all(unix, not(loom)))]
mod files;
#[cfg(all(unix, not(loom)))]
mod pause;
mod trust;
pub use trust::TrustedEvents;
#[cfg(all(unix, not(loom)))]
pub use {
    cause::{Cause, error_number, is_out_of_space},
    event::Event,
    files::*,
    pause::pause_until,
};

#[cfg(loom)]
mod model;
#[cfg(loom)]
pub use model::*;

#[cfg(not(any(unix, loom)))]
compile_error!("mailbox runs on Unix only so far");
