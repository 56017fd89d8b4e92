//! Which of several processes one is.

use crate::common::place::Where;
use clap::Args;
use std::path::PathBuf;

/// A rank of a region, among so many that play.
#[derive(Args)]
pub struct Seat {
    #[command(flatten)]
    pub place: Where,
    #[arg(long)]
    pub rank: u32,
    /// How many ranks play; the region may have more
    #[arg(long)]
    pub ranks: u32,
    #[arg(long)]
    pub seed: u64,
    /// Where it writes down what it does
    #[arg(long)]
    pub journal: PathBuf,
}
