//! `mbox ls`

use super::access::Trust;
use super::account;
use super::remedy::listing;
use super::stat::{is_live, json};
use super::table::Table;
use super::{size, standard};
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{Listed, Mismatch, OpenError, RankReport, Region, Status};
use serde::Serialize;

const STATES: &str = "\
States:
  live           a live process has joined
  idle           no process has joined yet, or all have left
  stale          all its processes ended, and one of them did not leave;
                 mbox clean removes the region once all its mail is read
  other user     to look at it: mbox stat NAME --owner USER
  denied         this user may not read it; it may not be a region
  other version  programs with another layout use it; mbox rm removes it
  damaged        it does not have the length that it was created with

ls opens regions for reading only. It does not list regions in files; see: mbox stat PATH

Examples:
  mbox ls
  mbox ls --json | jq -r '.[] | select(.unread > 0) | .name'";

/// List the regions in memory, their owners and their messages
#[derive(Args)]
#[command(after_help = STATES)]
pub struct Ls {
    /// Print a JSON array of objects
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

/// What scripts read: names here stay. Of a region that is not looked into, the rest is not known.
#[derive(Serialize)]
struct Entry {
    name: String,
    owner: u32,
    ranks: Option<usize>,
    live: Option<usize>,
    state: &'static str,
    unread: Option<u64>,
    memory: u64,
}

impl Ls {
    /// Lists.
    pub fn run(&self) -> Result<(), Failure> {
        let listed = Region::list().map_err(listing)?;
        let entries: Vec<Entry> = listed.into_iter().filter_map(|listed| self.look(listed)).collect();
        standard::print(&if self.json { json(&entries) } else { table(&entries) })
    }

    /// A region may go, or its name change hands, after the names were listed.
    fn look(&self, listed: Listed) -> Option<Entry> {
        let Listed { name, owner, memory, .. } = listed;
        let refused =
            |state| Entry { name: name.clone(), owner, ranks: None, live: None, state, unread: None, memory };
        let seen = match self.trust.options().look(&*name) {
            Ok(view) => view.inspect(),
            Err(OpenError::NotFound(_) | OpenError::Mismatch(Mismatch::Foreign)) => return None,
            Err(OpenError::Mismatch(Mismatch::Owner { .. })) => return Some(refused("other user")),
            Err(
                OpenError::Mismatch(Mismatch::Version { .. })
                | OpenError::Mismatch(Mismatch::Features { .. }),
            ) => {
                return Some(refused("other version"));
            }
            Err(OpenError::Mismatch(Mismatch::Length { .. })) => return Some(refused("damaged")),
            Err(_) => return Some(refused("denied")),
        };
        Some(Entry {
            ranks: Some(seen.ranks.len()),
            live: Some(seen.ranks.iter().filter(|rank| is_live(rank)).count()),
            state: state(&seen.ranks),
            unread: Some(seen.mailboxes.iter().map(|mailbox| mailbox.unread).sum()),
            memory: seen.memory,
            name,
            owner,
        })
    }
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
    let mut table = Table::new(&["<name", "<owner", "ranks", "live", "<state", "unread", "memory"]);
    for Entry { name, owner, ranks, live, state, unread, memory } in entries {
        table.add([
            name.clone(),
            account::user_name(*owner).unwrap_or_else(|| owner.to_string()),
            ranks.map_or(String::new(), |ranks| ranks.to_string()),
            live.map_or(String::new(), |live| live.to_string()),
            (*state).into(),
            unread.map_or(String::new(), |unread| unread.to_string()),
            size::show(*memory),
        ]);
    }
    table.text()
}
