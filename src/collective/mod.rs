//! Operations of all members of a group: *collectives*. Poll only; nothing here waits.
//!
//! A [`Plan`] says what each member publishes in each round of an operation, and from whom it takes what. All members make the
//! same plan, from the operation, its root, and the length. A [`Group`] carries it out on the slots ([`crate::slot`]), as far
//! as it gets without waiting.
//!
//! | operation | rounds | in each of them |
//! |---|---|---|
//! | barrier | 1 | all publish nothing, and take from all |
//! | broadcast | one for each piece | the root publishes; the others take |
//! | gather | one for each piece | the others publish; the root takes from all |
//! | scatter | one for each piece | the root publishes a piece for each; each takes its own |
//! | all-gather | one for each piece | all publish, and take from all |
//! | all-to-all | one for each piece | all publish a piece for each, and take their own from all |
//! | reduce | one for each piece | the others publish; the root takes from all, and combines |
//! | all-reduce, short | one for each piece | all publish, take from all, and combine |
//! | all-reduce, long | two for each piece | all publish, and combine their share of what all have; all publish their share, and take those of all |
//! | scan | one for each piece | all publish, take from all before them, and combine |
//! | reduce-scatter | one for each piece | all publish a piece for each, take their own from all, and combine |
//!
//! Values are combined in the order of the members, so results are the same to the bit on every member and in every run,
//! no matter who comes when; an operation need not be commutative.
//!
//! **Why slots, and not messages.** What one member has for all is written once, and read by each where it lies. A round of all
//! members costs each of them one line written and one line read of each other member.
#![cfg(not(loom))]

mod fold;
mod group;
mod groups;
mod plan;
mod running;
mod stop;

pub use fold::Folding;
pub use group::{Group, Next, Seat};
pub use groups::{Groups, Started};
pub use plan::{Kind, Parts, Plan, Varied};
pub use running::{Data, Running};
pub use stop::Stop;
