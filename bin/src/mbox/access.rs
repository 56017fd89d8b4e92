//! Which region a command works on.

use super::account;
use super::number;
use super::remedy::opening;
use crate::common::failure::Failure;
use crate::common::place::place;
use clap::Args;
use mailbox::{OpenOptions, Region, View};

/// A region whose mail is not read: its protocol does not matter.
#[derive(Args)]
pub struct Trust {
    /// Also accept a region of this user, a number or a name in /etc/passwd. Its owner can make mbox fail
    #[arg(long, value_name = "USER", value_parser = account::user)]
    owner: Option<u32>,
}

impl Trust {
    /// What this allows, of any protocol.
    pub fn options(&self) -> OpenOptions {
        let options = OpenOptions::new().any_protocol();
        self.owner.map_or(options, |uid| options.owner(uid))
    }
}

/// A region whose mail is read or written.
#[derive(Args)]
pub struct Access {
    /// The region's name; or, with a slash, the path of its file
    pub name: String,
    /// The protocol that the region must have
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = number::protocol)]
    protocol: u64,
    #[command(flatten)]
    trust: Trust,
}

impl Access {
    /// Looks at the region, for reading only.
    pub fn look(&self) -> Result<View, Failure> {
        self.trust.options().look(place(&self.name)).map_err(|error| opening(&self.name, error))
    }

    /// Opens the region.
    pub fn open(&self) -> Result<Region, Failure> {
        let options = self.trust.options().protocol(self.protocol);
        options.open(place(&self.name)).map_err(|error| opening(&self.name, error))
    }
}
