//! What tests and measurements of processes share: names of regions and folders that go away with their test, processes that
//! cannot outlive it, waiting that does not hang, and the project's own source files.

mod alone;
mod child;
mod dice;
mod folder;
mod fork;
mod name;
mod patience;
mod process;
mod sources;

pub use alone::alone;
pub use child::{Child, Collected, Lines};
pub use dice::Dice;
pub use folder::Folder;
pub use fork::{Forked, fork, kill, status_of, wait_for};
pub use libc::{SIGABRT, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGSTOP, SIGTERM};
pub use name::Name;
pub use patience::{PATIENCE, happens, wait_until};
pub use process::{
    die_with_parent, end_quietly, end_within, exit_at_once, exit_with, hear_signals, kill_oneself, signal,
    try_signal,
};
pub use sources::sources;
