//! Actors.

mod address;
mod asks;
mod behaviour;
mod context;
mod delivery;
mod ends;
mod error;
mod kinds;
mod limits;
mod mailbox;
mod names;
mod peers;
mod polls;
mod protocol;
mod reason;
mod receiving;
mod slots;
mod supervisor;
mod system;
mod timers;
mod wire;

pub use address::{ActorId, Address, Reply, ReplyId};
pub use behaviour::{Actor, Next};
pub use context::{Context, Monitor};
pub use delivery::DeadLetter;
pub use error::{AskError, NameError, SpawnError, SystemError, TellError};
pub use limits::Limits;
pub use protocol::{InProcess, Protocol};
pub use reason::{Down, Reason};
pub use supervisor::{Children, Strategy, Supervise, Supervisor};
pub use system::System;
