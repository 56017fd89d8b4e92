//! `mbox-demo gateway`: an order gateway, whose traders call it.

use super::order::{Fill, Order};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::Config;
use measure::clock;
use std::time::Duration;

/// How long those who are told of a death have to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Run an order gateway: traders send it orders as calls, and it answers with fills. Draws how long the calls take
#[derive(Args)]
pub struct Gateway {
    /// How many traders there are; each sends its next order when the last one is answered
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    traders: u32,
    /// End after N orders of each trader
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    orders: Option<u64>,
    /// End after S seconds
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seed of the random orders
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

impl Gateway {
    /// Lets them trade, and checks that the sums hold.
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("gateway")?;
        let seed = self.seed.unwrap_or_else(|| clock().as_nanos() as u64 % 1_000_000);
        let end = match self.orders {
            Some(orders) => format!("--orders {orders}"),
            None => format!("--seconds {}", self.seconds),
        };
        let traders = if self.traders == 1 { "trader" } else { "traders" };
        show(&format!(
            "An order gateway and {} {traders}. An order is a call of {} bytes, a fill has {}",
            self.traders,
            size_of::<Order>(),
            size_of::<Fill>()
        ))?;
        let region = processes.region(Config::ranks(1 + self.traders))?;
        let references = processes.region(Config::ranks(2))?;
        let gateway = format!("gateway --traders {} --seed {seed} --references {references}", self.traders);
        let trader = |rank| format!("trader --rank {rank} --seed {seed} {end}");
        let parts: Vec<String> = [gateway].into_iter().chain((1..=self.traders).map(trader)).collect();
        processes.play_out(&region, &parts, LAST_WORDS)?;
        processes.leave().map(drop)
    }
}
