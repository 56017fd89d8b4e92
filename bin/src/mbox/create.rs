//! `mbox create`

use super::remedy::{creating, folder};
use super::sizes::{Sizes, impossible};
use super::{account, number, size};
use crate::common::failure::Failure;
use crate::common::place::place;
use clap::Args;
use mailbox::{Config, CreateError, Region};
use rustix::fs::statvfs;

const EXAMPLES: &str = "\
Sizes may be written like this: 4096, 64K, 1.5M, \"2 MiB\".

Examples:
  mbox create demo --ranks 2
  mbox create video --ranks 2 --arena 64M
  mbox create ./jobs --ranks 16 --group staff";

/// What is larger is no configuration.
const MAX_ARENA: u64 = 1 << 40;

/// Create a region. It stays until it is removed
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Create {
    /// The region's name, 1 to 200 of A-Z a-z 0-9 . _ -; or, with a slash, the path of a file on a disk of this
    /// machine
    name: String,
    /// How many processes can join, 1 to 1024
    #[arg(long, value_name = "N", value_parser = number::ranks)]
    ranks: u32,
    #[command(flatten)]
    sizes: Sizes,
    /// Which users may use the region, as in chmod. Users other than its owner must also give --owner [default:
    /// 600; with --group, 660]
    #[arg(long, value_name = "OCTAL", value_parser = octal)]
    mode: Option<u32>,
    /// The region's group, a number or a name in /etc/group. You must be in it
    #[arg(long, value_name = "GROUP", value_parser = account::group)]
    group: Option<u32>,
    /// A number that keeps programs with different protocols apart [default: 0]
    #[arg(long, value_name = "N", value_parser = number::protocol)]
    protocol: Option<u64>,
}

impl Create {
    /// Creates the region.
    pub fn run(&self) -> Result<(), Failure> {
        self.check_room()?;
        match Region::create(place(&self.name), self.config()) {
            Ok(_) => Ok(()),
            Err(CreateError::Config(error)) => Err(impossible(error, "create")),
            Err(error @ CreateError::Denied(_)) if self.group.is_some() => {
                let hint = "this user must be able to write there, and be in the group";
                Err(Failure::of_region(&self.name, error).hint(hint))
            }
            Err(error) => Err(creating(&self.name, error)),
        }
    }

    /// A mailbox that can never have memory is refused now, not when its first message is sent.
    fn check_room(&self) -> Result<(), Failure> {
        let folder = folder(&self.name);
        // A file system that is not there, or that does not say how large it is, refuses by itself.
        let Some(room) = statvfs(&folder).ok().map(|facts| facts.f_blocks.saturating_mul(facts.f_frsize))
        else {
            return Ok(());
        };
        let cells = self.sizes.cells.map(|cells| 64 * u64::from(cells));
        for (option, bytes) in [("--arena", self.sizes.arena), ("--cells", cells)] {
            let Some(bytes) = bytes.filter(|bytes| room > 0 && *bytes > room && *bytes <= MAX_ARENA) else {
                continue;
            };
            let [bytes, room] = [bytes, room].map(size::show);
            let what =
                format!("a mailbox would take {bytes}, and the file system of {folder:?} has {room} in all");
            return Err(Failure::of_region(&self.name, what).hint(&format!("make {option} smaller")));
        }
        Ok(())
    }

    /// What is not said is left to the library's defaults.
    fn config(&self) -> Config {
        let mut config = self.sizes.config(self.ranks);
        config = self.group.map_or(config, |gid| config.group(gid).mode(0o660));
        config = self.mode.map_or(config, |mode| config.mode(mode));
        self.protocol.map_or(config, |protocol| config.protocol(protocol))
    }
}

fn octal(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).map_err(|_| "a mode is octal, as in chmod: 600, 660".into())
}
