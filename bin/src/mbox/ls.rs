//! `mbox ls`

use super::failure::Failure;
use super::size;
use super::standard;
use super::stat::{is_live, json};
use clap::Args;
use mailbox::{OpenOptions, Region};
use serde::Serialize;
use std::fmt::Write;

/// List the regions of this user
#[derive(Args)]
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
    memory: u64,
}

impl Ls {
    /// Lists.
    pub fn run(&self) -> Result<(), Failure> {
        let names = Region::list().map_err(|error| Failure::new(format_args!("/dev/shm: {error}")))?;
        let entries: Vec<Entry> = names.into_iter().filter_map(look).collect();
        standard::print(&if self.json { json(&entries) } else { table(&entries) })
    }
}

/// A region may go, or its name change hands, after the names were listed.
fn look(name: String) -> Option<Entry> {
    let region = OpenOptions::new().any_protocol().open(&name).ok()?;
    let seen = region.inspect();
    let live = seen.ranks.iter().filter(|rank| is_live(rank)).count();
    Some(Entry { name, ranks: seen.ranks.len(), live, memory: seen.memory })
}

fn table(entries: &[Entry]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0).max(4);
    let mut text = format!("{:width$}  {:>5}  {:>4}  {:>10}\n", "name", "ranks", "live", "memory");
    for Entry { name, ranks, live, memory } in entries {
        let memory = size::show(*memory);
        let _ = writeln!(text, "{name:width$}  {ranks:>5}  {live:>4}  {memory:>10}");
    }
    text
}
