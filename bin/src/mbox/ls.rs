//! `mbox ls`

use super::failure::Failure;
use super::stat::{is_live, json};
use super::table::Table;
use super::{size, standard};
use clap::Args;
use mailbox::{OpenOptions, RankReport, Region, Status, os};
use serde::Serialize;

const STATES: &str = "\
States:
  live   somebody alive has joined
  idle   nobody has joined yet, or all have left
  stale  nobody is alive, and who died did not leave; mbox clean removes the region if all its mail was read

Regions in files are not listed; see: mbox stat PATH

Examples:
  mbox ls
  mbox ls --json | jq -r '.[] | select(.state == \"stale\") | .name'";

/// List the regions of this user, in memory
#[derive(Args)]
#[command(after_help = STATES)]
pub struct Ls {
    /// A JSON array of objects
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    ranks: usize,
    live: usize,
    state: &'static str,
    memory: u64,
}

impl Ls {
    /// Lists.
    pub fn run(&self) -> Result<(), Failure> {
        let names = Region::list()
            .map_err(|error| Failure::new(format_args!("{}: {error}", os::shm_folder().display())))?;
        let entries: Vec<Entry> = names.into_iter().filter_map(|listed| look(listed.name)).collect();
        standard::print(&if self.json { json(&entries) } else { table(&entries) })
    }
}

/// A region may go, or its name change hands, after the names were listed.
fn look(name: String) -> Option<Entry> {
    let region = OpenOptions::new().any_protocol().open(&name).ok()?;
    let seen = region.inspect();
    let live = seen.ranks.iter().filter(|rank| is_live(rank)).count();
    Some(Entry { name, ranks: seen.ranks.len(), live, state: state(&seen.ranks), memory: seen.memory })
}

/// What all ranks together are.
fn state(ranks: &[RankReport]) -> &'static str {
    if ranks.iter().any(is_live) {
        "live"
    } else if ranks.iter().any(|rank| rank.status == Status::Dead) {
        "stale"
    } else {
        "idle"
    }
}

fn table(entries: &[Entry]) -> String {
    let mut table = Table::new(&["<name", "ranks", "live", "<state", "memory"]);
    for Entry { name, ranks, live, state, memory } in entries {
        table.add([name.clone(), ranks.to_string(), live.to_string(), (*state).into(), size::show(*memory)]);
    }
    table.text()
}
