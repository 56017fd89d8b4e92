//! Where a region is, as people write it.

use super::failure::Failure;
use clap::Args;
use mailbox::{Endpoint, Place, Region};
use std::fmt::Display;
use std::path::Path;

/// The place that `name` means: with a slash in it, a file; else a name.
pub fn place(name: &str) -> Place<'_> {
    if name.contains('/') { Path::new(name).into() } else { name.into() }
}

/// The region in which a process plays.
#[derive(Args)]
pub struct Where {
    #[arg(long)]
    pub region: String,
}

impl Where {
    /// Joins as `rank`.
    pub fn join(&self, rank: u32) -> Result<Endpoint, Failure> {
        let region = Region::open(place(&self.region)).map_err(|error| self.failure(error))?;
        region.join(rank).map_err(|error| self.failure(error))
    }

    /// Something that happened there.
    pub fn failure(&self, what: impl Display) -> Failure {
        Failure::of_region(&self.region, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_a_path() {
        for path in ["./prices", "/tmp/prices", "a/b", "prices/", "/"] {
            assert_eq!(place(path), Place::File(Path::new(path)));
        }
        for name in ["prices", ".", "prices.mbox", ""] {
            assert_eq!(place(name), Place::Name(name));
        }
    }
}
