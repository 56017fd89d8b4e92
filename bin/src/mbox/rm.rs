//! `mbox rm`

use super::access::Trust;
use super::failure::{Failure, removing};
use clap::Args;

/// Remove regions with all their mail, unless a live process has joined them
#[derive(Args)]
pub struct Rm {
    /// The regions
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    trust: Trust,
}

impl Rm {
    /// Removes all that can be removed.
    pub fn run(&self) -> Result<(), Failure> {
        let remove = |name: &String| match self.trust.options().remove(name) {
            Ok(()) => None,
            Err(error) => Some(removing(name, error)),
        };
        Failure::all(self.names.iter().filter_map(remove))
    }
}
