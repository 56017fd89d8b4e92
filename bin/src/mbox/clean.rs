//! `mbox clean`

use super::access::Trust;
use super::remedy::{command_for, listing, removing};
use super::standard::Output;
use super::stat::json;
use crate::common::failure::Failure;
use crate::common::place::place;
use clap::Args;
use mailbox::{Leftover, LeftoverKind, Mismatch, OpenError, Place, Region, RemoveError, Status};
use serde::Serialize;
use std::path::Path;

const WHAT: &str = "\
Without a NAME, mbox clean removes, in memory, what belongs to this user and has no unread mail:
  regions that mbox ls calls stale
  with --idle: also regions that are idle
  parts of regions whose creation or removal was interrupted by a kill

With NAMEs, it removes those regions if they are stale or idle. A region that a live process has joined stays. A region \
that does not exist is no failure. A NAME with a slash is the path of a region in a file; parts that a killed creator \
left beside it are removed, too.

A region with unread mail stays, and is reported, unless --unread is given. So does a region of another version, because \
its mail cannot be counted.

Examples:
  mbox clean --dry-run
  mbox clean demo ./jobs
  mbox clean --idle --unread";

/// Remove what ended processes left behind, and report it
#[derive(Args)]
#[command(after_help = WHAT)]
pub struct Clean {
    /// Names of regions; or, with a slash, paths of their files
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Also remove regions in memory that are idle
    #[arg(long, conflicts_with = "names")]
    idle: bool,
    /// Also remove regions with unread mail; the mail is lost
    #[arg(long)]
    unread: bool,
    /// Report what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON array of objects
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

/// What scripts read: names here stay.
#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    /// `None`: nobody can say.
    unread: Option<u64>,
    removed: bool,
    /// Why it was not removed.
    kept: Option<Kept>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kept {
    /// A live process has joined it.
    Live,
    /// It has unread mail, or may have.
    Unread,
    /// It is another than it was a moment before.
    Changed,
    /// It would have been removed.
    #[serde(rename = "dry run")]
    DryRun,
}

impl Clean {
    /// Removes what can be removed.
    pub fn run(&self) -> Result<(), Failure> {
        // What is removed is to be told.
        let mut output = Output::open()?;
        let mut entries = Vec::new();
        let mut failures = Vec::new();
        if self.names.is_empty() {
            let leftovers = Region::leftovers().map_err(listing)?;
            failures
                .extend(leftovers.iter().filter_map(|leftover| self.leftover(leftover, &mut entries).err()));
        }
        for name in &self.names {
            failures.extend(self.named(name, &mut entries).err());
        }
        // What was removed is reported, even if something else failed.
        let told = if self.json { json(&entries) } else { text(&entries, failures.is_empty()) };
        output.write_all(told.as_bytes())?;
        Failure::all(failures)
    }

    /// Whether what has so many unread messages stays.
    fn keeps(&self, unread: Option<u64>) -> bool {
        unread != Some(0) && !self.unread
    }

    fn leftover(&self, leftover: &Leftover, entries: &mut Vec<Entry>) -> Result<(), Failure> {
        let kind = match leftover.kind {
            LeftoverKind::Stale => "region",
            LeftoverKind::Idle if self.idle => "region",
            // It may be idle.
            LeftoverKind::OtherVersion { .. } if self.idle || !self.unread => "other version",
            LeftoverKind::HalfBuilt => "half-built",
            LeftoverKind::HalfRemoved => "half-removed",
            _ => return Ok(()),
        };
        let kept = if self.keeps(leftover.unread) {
            Some(Kept::Unread)
        } else if self.dry_run {
            Some(Kept::DryRun)
        } else {
            let removed = leftover.remove().map_err(|error| removing(&leftover.name, error))?;
            (!removed).then_some(Kept::Changed)
        };
        entries.push(Entry::new(leftover.name.clone(), kind, leftover.unread, kept));
        Ok(())
    }

    fn named(&self, name: &str, entries: &mut Vec<Entry>) -> Result<(), Failure> {
        let (kind, unread, is_live) = match self.trust.options().look(place(name)) {
            Ok(view) => {
                let is_live = (0..view.ranks())
                    .any(|rank| view.status(rank).is_some_and(|(status, _)| status == Status::Live));
                ("region", Some(view.unread()), is_live)
            }
            Err(
                OpenError::Mismatch(Mismatch::Version { .. })
                | OpenError::Mismatch(Mismatch::Features { .. }),
            ) => ("other version", None, false),
            Err(OpenError::NotFound(_)) => return self.beside(name, entries),
            Err(error) => return Err(removing(name, error.into())),
        };
        let kept = if is_live {
            Some(Kept::Live)
        } else if self.keeps(unread) {
            Some(Kept::Unread)
        } else if self.dry_run {
            Some(Kept::DryRun)
        } else {
            match self.trust.options().remove(place(name)) {
                Ok(()) => None,
                Err(RemoveError::InUse(_)) => Some(Kept::Live),
                Err(RemoveError::Open(OpenError::NotFound(_))) => Some(Kept::Changed),
                Err(error) => return Err(removing(name, error)),
            }
        };
        entries.push(Entry::new(name.to_owned(), kind, unread, kept));
        self.beside(name, entries)
    }

    /// Removes what was being created beside a file.
    fn beside(&self, name: &str, entries: &mut Vec<Entry>) -> Result<(), Failure> {
        let Place::File(path) = place(name) else { return Ok(()) };
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        // A folder that is not there has no leftovers.
        for leftover in Region::leftovers_in(folder).unwrap_or_default() {
            let path = folder.join(&leftover.name).to_string_lossy().into_owned();
            let kept = if self.dry_run {
                Some(Kept::DryRun)
            } else {
                let removed = leftover.remove().map_err(|error| removing(&path, error))?;
                (!removed).then_some(Kept::Changed)
            };
            entries.push(Entry::new(path, "half-built", leftover.unread, kept));
        }
        Ok(())
    }
}

impl Entry {
    fn new(name: String, kind: &'static str, unread: Option<u64>, kept: Option<Kept>) -> Self {
        Self { name, kind, unread, removed: kept.is_none(), kept }
    }

    fn line(&self) -> String {
        let Self { name, kind, unread, kept, .. } = self;
        let what = if *kind == "region" { String::new() } else { format!(", {kind}") };
        let mail = match unread {
            Some(0) => String::new(),
            Some(1) => ", with 1 unread message".into(),
            Some(count) => format!(", with {count} unread messages"),
            None => ", with all its mail".into(),
        };
        match kept {
            None => format!("removed {name:?}{what}{mail}\n"),
            Some(Kept::DryRun) => format!("would remove {name:?}{what}{mail}\n"),
            Some(Kept::Live) => format!("kept {name:?}: a live process has joined it\n"),
            Some(Kept::Changed) => format!("kept {name:?}: it is being used or removed\n"),
            Some(Kept::Unread) => {
                let mail = match unread {
                    None => "it is of another version, and may have unread mail".into(),
                    Some(1) => "it has 1 unread message".into(),
                    Some(count) => format!("it has {count} unread messages"),
                };
                format!("kept {name:?}: {mail}; remove it with: {}\n", command_for("rm", name))
            }
        }
    }
}

/// What people read; says also that there is nothing, unless that is for a failure.
fn text(entries: &[Entry], is_all: bool) -> String {
    match entries {
        [] if is_all => "nothing to remove\n".into(),
        _ => entries.iter().map(Entry::line).collect(),
    }
}
