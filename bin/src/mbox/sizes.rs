//! How large a region is to be.

use super::{number, size};
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{Config, ConfigError, Reserve};

/// The sizes of a region. What is not said is left to the library's defaults.
#[derive(Args)]
pub struct Sizes {
    /// How many messages fit a mailbox, a power of two [default: 4096, fewer for more than 9 ranks]
    #[arg(long, value_name = "N", value_parser = number::cells)]
    pub cells: Option<u32>,
    /// Room for the bytes of messages in a mailbox, e.g. 1M. The bytes of a message larger than half of it stay
    /// with the sender until the receiver takes them [default: 2M]
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    pub arena: Option<u64>,
    /// Room for the loans of each rank, e.g. 256M; 0 for none [default: 64M, less for more than 64 ranks]
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    loans: Option<u64>,
    /// How many communicators a rank can be a member of at a time, up to 62 [default: 32]
    #[arg(long, value_name = "N")]
    groups: Option<u32>,
    /// How many topics there can be, up to 1024 [default: 64]
    #[arg(long, value_name = "N")]
    topics: Option<u32>,
    /// The longest value of a topic [default: 4K]
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    value: Option<u64>,
    /// Bytes of messages that a topic keeps for those that read its stream; the longest such message has half of it [default: 4M]
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    stream: Option<u64>,
    /// The longest message [default: 1G]
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    max_message: Option<u64>,
    /// Take all memory now, instead of when a mailbox is first used
    #[arg(long)]
    reserve: bool,
}

impl Sizes {
    /// Those of a region of so many ranks.
    pub fn config(&self, ranks: u32) -> Config {
        let mut config = Config::ranks(ranks);
        config = self.cells.map_or(config, |cells| config.cells(cells));
        config = self.arena.map_or(config, |bytes| config.arena(bytes));
        config = self.loans.map_or(config, |bytes| config.loans(bytes));
        config = self.groups.map_or(config, |groups| config.groups(groups));
        config = self.topics.map_or(config, |topics| config.topics(topics));
        config = self.value.map_or(config, |bytes| config.value(bytes));
        config = self.stream.map_or(config, |bytes| config.stream(bytes));
        config = self.max_message.map_or(config, |bytes| config.max_message(bytes));
        if self.reserve { config.reserve(Reserve::AtCreation) } else { config }
    }
}

/// That no region has such sizes, with the option that says it.
pub fn impossible(error: ConfigError, command: &str) -> Failure {
    let option = match error {
        ConfigError::Ranks(_) => "--ranks: ",
        ConfigError::Cells(_) => "--cells: ",
        ConfigError::Arena(_) => "--arena: ",
        ConfigError::Loans(_) => "--loans: ",
        ConfigError::Groups(_) => "--groups: ",
        ConfigError::Topics(_) => "--topics: ",
        ConfigError::Stream(_) => "--stream: ",
        ConfigError::Value(_) => "--value: ",
        ConfigError::Mode(_) => "--mode: ",
        _ => "",
    };
    Failure::usage(format_args!("{option}{error}; see: mbox {command} --help"))
}
