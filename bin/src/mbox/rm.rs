//! `mbox rm`

use super::access::Trust;
use super::remedy::removing;
use crate::common::failure::Failure;
use crate::common::place::place;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  mbox rm demo
  mbox rm ./jobs old older";

/// Remove regions with all their mail, unless a live process has joined them
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Rm {
    /// Names of regions; or, with a slash, paths of their files
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    trust: Trust,
}

impl Rm {
    /// Removes all that can be removed.
    pub fn run(&self) -> Result<(), Failure> {
        let remove = |name: &String| match self.trust.options().remove(place(name)) {
            Ok(()) => None,
            Err(error) => Some(removing(name, error)),
        };
        Failure::all(self.names.iter().filter_map(remove))
    }
}
