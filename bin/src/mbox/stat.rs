//! `mbox stat`

use super::access::Trust;
use super::failure::{Failure, opening};
use super::{size, standard};
use clap::Args;
use mailbox::{Inspection, MailboxReport, RankReport, Status};
use serde::Serialize;
use std::fmt::Write;

/// Show who has joined a region, what waits in its mailboxes, and what it costs
#[derive(Args)]
pub struct Stat {
    /// The region
    name: String,
    /// A JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

impl Stat {
    /// Looks and tells.
    pub fn run(&self) -> Result<(), Failure> {
        let region = self.trust.options().open(&self.name).map_err(|error| opening(&self.name, error))?;
        let seen = region.inspect();
        let text = if self.json { json(&Object::new(&self.name, &seen)) } else { page(&self.name, &seen) };
        standard::print(&text)
    }
}

/// What scripts read: names here stay.
#[derive(Serialize)]
struct Object<'a> {
    name: &'a str,
    protocol: u64,
    cells: u32,
    arena: u64,
    max_message: u64,
    size: u64,
    memory: u64,
    ranks: usize,
    live: usize,
    joined: Vec<Rank<'a>>,
    mailboxes: Vec<Mailbox>,
}

#[derive(Serialize)]
struct Rank<'a> {
    rank: u32,
    status: &'static str,
    epoch: u64,
    pid: u32,
    label: &'a str,
}

#[derive(Serialize)]
struct Mailbox {
    from: u32,
    to: u32,
    unread: u64,
}

impl<'a> Object<'a> {
    fn new(name: &'a str, seen: &'a Inspection) -> Self {
        let rank = |report: &'a RankReport| Rank {
            rank: report.rank,
            status: name_of(report.status),
            epoch: report.epoch,
            pid: report.pid,
            label: &report.label,
        };
        let mailbox = |&MailboxReport { from, to, unread, .. }: &_| Mailbox { from, to, unread };
        Self {
            name,
            protocol: seen.protocol,
            cells: seen.cells,
            arena: seen.arena,
            max_message: seen.max_message,
            size: seen.size,
            memory: seen.memory,
            ranks: seen.ranks.len(),
            live: seen.ranks.iter().filter(|report| is_live(report)).count(),
            joined: joined(seen).map(rank).collect(),
            mailboxes: seen.mailboxes.iter().map(mailbox).collect(),
        }
    }
}

/// What people read.
fn page(name: &str, seen: &Inspection) -> String {
    let (ranks, joined_count) = (seen.ranks.len(), joined(seen).count());
    let mut text = String::new();
    let _ = writeln!(text, "region    {name}, protocol {}", seen.protocol);
    let _ = writeln!(text, "memory    {} in use, at most {}", size::show(seen.memory), size::show(seen.size));
    let _ = writeln!(
        text,
        "mailbox   {} cells, arena of {}, messages up to {}",
        seen.cells,
        size::show(seen.arena),
        size::show(seen.max_message)
    );
    let _ = writeln!(text, "ranks     {ranks}, of which {} never joined", ranks - joined_count);
    if joined_count > 0 {
        let _ = writeln!(text, "\nrank  status  epoch      pid  label");
    }
    for RankReport { rank, status, epoch, pid, label, .. } in joined(seen) {
        // A label is whatever its rank wrote: escaped, it cannot drive a terminal.
        let (status, label) = (name_of(*status), label.escape_debug().to_string());
        let line = format!("{rank:>4}  {status:6}  {epoch:>5}  {pid:>7}  {label}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if !seen.mailboxes.is_empty() {
        let _ = writeln!(text, "\nfrom    to  unread");
    }
    for MailboxReport { from, to, unread, .. } in &seen.mailboxes {
        let _ = writeln!(text, "{from:>4}  {to:>4}  {unread:>6}");
    }
    text
}

fn joined(seen: &Inspection) -> impl Iterator<Item = &RankReport> {
    seen.ranks.iter().filter(|report| report.status != Status::NeverJoined)
}

/// Whether a live process holds the rank.
pub fn is_live(report: &RankReport) -> bool {
    report.status == Status::Live
}

fn name_of(status: Status) -> &'static str {
    match status {
        Status::NeverJoined => "never joined",
        Status::Live => "live",
        Status::Left => "left",
        Status::Dead => "dead",
    }
}

/// A value as a line of JSON.
pub fn json(value: &impl Serialize) -> String {
    // Structures of numbers and strings always can be written.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}
