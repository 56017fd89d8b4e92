//! `mbox clean`

use super::access::Trust;
use super::failure::{Failure, removing};
use super::standard::Output;
use super::stat::json;
use crate::place::place;
use clap::Args;
use mailbox::{OpenError, Place, Region, RemoveError, os};
use serde::Serialize;
use std::io;
use std::path::Path;

const WHAT: &str = "\
Without a NAME, removed are in memory, if they are this user's:
  regions that mbox ls calls stale, if all their mail was read
  with --idle: all others that nobody has joined, with their mail
  what was being created or removed by a process that was killed

With NAMEs, removed are those regions, stale or idle; those that a live process has joined are kept, those that
are not there are no failure. With a slash in it, a NAME is the path of a region in a file; beside it, what was
being created by a process that was killed is removed, too.

Examples:
  mbox clean
  mbox clean demo ./jobs";

/// Remove what processes that ended left behind, and say what
#[derive(Args)]
#[command(after_help = WHAT)]
pub struct Clean {
    /// Regions; with a slash in it, the path of one in a file
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Also the regions in memory that nobody has joined, or that all have left
    #[arg(long, conflicts_with = "names")]
    idle: bool,
    /// A JSON array of objects
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    removed: bool,
}

impl Clean {
    /// Removes what can be removed.
    pub fn run(&self) -> Result<(), Failure> {
        // What is removed is to be told.
        let mut output = Output::open()?;
        let mut entries = Vec::new();
        let mut failures = Vec::new();
        if self.names.is_empty() {
            failures.extend(self.memory(&mut entries).err());
        }
        for name in &self.names {
            failures.extend(self.named(name, &mut entries).err());
        }
        // What was removed is told, whatever else failed.
        let told = if self.json { json(&entries) } else { text(&entries) };
        output.write_all(told.as_bytes())?;
        Failure::all(failures)
    }

    fn memory(&self, entries: &mut Vec<Entry>) -> Result<(), Failure> {
        let folder = os::shm_folder();
        let failed = |error: io::Error| Failure::new(format_args!("{}: {error}", folder.display()));
        entries.extend(Region::clean().map_err(failed)?.into_iter().map(Entry::removed));
        if self.idle {
            let listed = Region::list().map_err(failed)?.into_iter();
            let mut names: Vec<String> = listed.map(|listed| listed.name).collect();
            // Whoever has joined keeps it, and what cannot be removed is nobody's leftover.
            names.retain(|name| self.trust.options().remove(name).is_ok());
            entries.extend(names.into_iter().map(Entry::removed));
        }
        Ok(())
    }

    fn named(&self, name: &str, entries: &mut Vec<Entry>) -> Result<(), Failure> {
        match self.trust.options().remove(place(name)) {
            Ok(()) => entries.push(Entry::removed(name.to_owned())),
            Err(RemoveError::InUse) => {
                entries.push(Entry { name: name.to_owned(), kind: "region", removed: false });
            }
            Err(RemoveError::Open(OpenError::NotFound)) => {}
            Err(error) => return Err(removing(name, error)),
        }
        let Place::File(path) = place(name) else { return Ok(()) };
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        // A folder that is not there has no leftovers.
        let names = Region::clean_folder(folder).unwrap_or_default();
        let path = |name: String| folder.join(name).to_string_lossy().into_owned();
        entries.extend(names.into_iter().map(|name| Entry {
            name: path(name),
            kind: "half-built",
            removed: true,
        }));
        Ok(())
    }
}

impl Entry {
    fn removed(name: String) -> Self {
        let kind = if name.starts_with(".mailbox-") { "half-built" } else { "region" };
        Self { name, kind, removed: true }
    }
}

fn text(entries: &[Entry]) -> String {
    let line = |Entry { name, kind, removed }: &Entry| match (*removed, *kind) {
        (true, "region") => format!("removed {name:?}\n"),
        (true, kind) => format!("removed {name:?}, {kind}\n"),
        (false, _) => format!("kept {name:?}: a live process has joined it\n"),
    };
    entries.iter().map(line).collect()
}
