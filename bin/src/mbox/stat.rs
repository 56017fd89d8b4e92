//! `mbox stat`

use super::access::Trust;
use super::account;
use super::remedy::opening;
use super::table::Table;
use super::{size, standard};
use crate::common::failure::Failure;
use crate::common::place::place;
use clap::Args;
use mailbox::{Inspection, MailboxReport, RankReport, Source, Status, View};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

const COLUMNS: &str = "\
Of a rank:
  epoch   how often the rank was joined
  now     whether its process is awake, or sleeps until there is mail, or
          room in a mailbox
  sleeps  how often it slept because there was no mail, over all holders

Of a mailbox, since it was first used:
  messages, bytes  sent
  unread           not acknowledged; a large message counts as one
  full             how often the sender found no room
  sleeps           how often the sender slept because there was no room
  mail wakes       how often a message woke the receiver
  credit wakes     how often an acknowledgement woke the sender
  drops            large messages that were dropped before they had come

If unread messages have tags, a third table says how many have each; the most
frequent ten of each mailbox, and with --json all.

Examples:
  mbox stat demo
  mbox stat demo --json | jq '.mailboxes[].unread'";

/// The most tags of a mailbox that people are shown.
const TAGS: usize = 10;
/// The most of a label that people are shown.
const LABEL: usize = 40;

/// Show the ranks of a region, the messages in its mailboxes, and its memory; opens it for reading only
#[derive(Args)]
#[command(after_help = COLUMNS)]
pub struct Stat {
    /// The region's name; or, with a slash, the path of its file
    name: String,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

impl Stat {
    /// Looks and tells.
    pub fn run(&self) -> Result<(), Failure> {
        let failed = |error| opening(&self.name, error);
        let view = self.trust.options().look(place(&self.name)).map_err(failed)?;
        let seen = view.inspect();
        let text = if self.json {
            json(&Object::new(&self.name, &view, &seen))
        } else {
            page(&self.name, view.owner(), view.eager_limit(), &seen)
        };
        standard::print(&text)?;
        // It can be looked at, but not used.
        view.check_boot().map_err(failed)
    }
}

/// What scripts read: names here stay.
#[derive(Serialize)]
struct Object<'a> {
    name: &'a str,
    owner: u32,
    protocol: u64,
    cells: u32,
    arena: u64,
    loans: u64,
    groups: u32,
    topics: u32,
    value: u64,
    stream: u64,
    max_message: u64,
    eager_limit: u64,
    size: u64,
    memory: u64,
    ranks: usize,
    live: usize,
    unread: u64,
    joined: Vec<Rank<'a>>,
    mailboxes: Vec<Mailbox<'a>>,
}

#[derive(Serialize)]
struct Rank<'a> {
    rank: u32,
    status: &'static str,
    epoch: u64,
    pid: u32,
    label: &'a str,
    receiver_awaits: Option<Awaited>,
    sender_awaits: Option<Awaited>,
    sleeps: u64,
}

/// `"anyone"`, or a rank's number.
#[derive(Serialize)]
#[serde(untagged)]
enum Awaited {
    Anyone(&'static str),
    Rank(u32),
}

#[derive(Serialize)]
struct Mailbox<'a> {
    from: u32,
    to: u32,
    messages: u64,
    bytes: u64,
    unread: u64,
    tags: &'a BTreeMap<u32, u64>,
    full: u64,
    sleeps: u64,
    mail_wakes: u64,
    credit_wakes: u64,
    drops: u64,
}

impl<'a> Object<'a> {
    fn new(name: &'a str, view: &View, seen: &'a Inspection) -> Self {
        Self {
            name,
            owner: view.owner(),
            protocol: seen.protocol,
            cells: seen.cells,
            arena: seen.arena,
            loans: seen.loans,
            groups: seen.groups,
            topics: seen.topics,
            value: seen.value,
            stream: seen.stream,
            max_message: seen.max_message,
            eager_limit: view.eager_limit(),
            size: seen.size,
            memory: seen.memory,
            ranks: seen.ranks.len(),
            live: seen.ranks.iter().filter(|report| is_live(report)).count(),
            unread: seen.mailboxes.iter().map(|report| report.unread).sum(),
            joined: joined(seen).map(Rank::new).collect(),
            mailboxes: seen.mailboxes.iter().map(Mailbox::new).collect(),
        }
    }
}

impl<'a> Rank<'a> {
    fn new(report: &'a RankReport) -> Self {
        Self {
            rank: report.rank,
            status: name_of(report.status),
            epoch: report.epoch,
            pid: report.pid,
            label: &report.label,
            receiver_awaits: report.receiver_awaits.map(Awaited::new),
            sender_awaits: report.sender_awaits.map(Awaited::new),
            sleeps: report.sleeps,
        }
    }
}

impl Awaited {
    fn new(source: Source) -> Self {
        match source {
            Source::Rank(rank) => Self::Rank(rank),
            _ => Self::Anyone("anyone"),
        }
    }
}

impl<'a> Mailbox<'a> {
    fn new(report: &'a MailboxReport) -> Self {
        let &MailboxReport { from, to, messages, bytes, unread, ref tags, full, sleeps, .. } = report;
        let &MailboxReport { mail_wakes, credit_wakes, drops, .. } = report;
        Self { from, to, messages, bytes, unread, tags, full, sleeps, mail_wakes, credit_wakes, drops }
    }
}

/// What people read of a region that belongs to this user, and in whose mailboxes messages up to `whole` lie.
pub fn page(name: &str, owner: u32, whole: u64, seen: &Inspection) -> String {
    let (ranks, joined_count) = (seen.ranks.len(), joined(seen).count());
    let [arena, limit, loans] = [seen.arena, seen.max_message, seen.loans].map(size::show);
    let announced = if whole < seen.max_message {
        format!(", above {} announced", size::show(whole))
    } else {
        String::new()
    };
    let mut text = String::new();
    let (name, owner) = (name.escape_debug(), account::show(owner));
    let _ = writeln!(text, "region    {name}, of user {owner}, protocol {}", seen.protocol);
    let _ = writeln!(text, "memory    {} in use, at most {}", size::show(seen.memory), size::show(seen.size));
    let _ =
        writeln!(text, "mailbox   {} cells, arena of {arena}, messages up to {limit}{announced}", seen.cells);
    let _ = writeln!(text, "loans     at most {loans} a rank");
    let _ = writeln!(text, "groups    at most {} of each rank", seen.groups);
    let (value, stream) = (size::show(seen.value), size::show(seen.stream));
    let _ =
        writeln!(text, "topics    at most {}, with values up to {value}, streams of {stream}", seen.topics);
    let _ = writeln!(text, "ranks     {ranks}, of which {} never joined", ranks - joined_count);
    if joined_count > 0 {
        let _ = write!(text, "\n{}", table_of_ranks(seen));
    }
    if !seen.mailboxes.is_empty() {
        let _ = write!(text, "\n{}", table_of_mailboxes(seen));
    }
    if seen.mailboxes.iter().any(|report| report.tags.keys().any(|tag| *tag != 0)) {
        let _ = write!(text, "\n{}", table_of_tags(seen));
    }
    text
}

fn table_of_ranks(seen: &Inspection) -> String {
    let mut table = Table::new(&["rank", "<status", "epoch", "pid", "<now", "sleeps", "<label"]);
    for report in joined(seen) {
        let RankReport { rank, status, epoch, pid, sleeps, .. } = report;
        table.add([
            rank.to_string(),
            name_of(*status).into(),
            epoch.to_string(),
            pid.to_string(),
            now(report),
            sleeps.to_string(),
            shown(&report.label),
        ]);
    }
    table.text()
}

/// What a rank's holder does, if it lives.
fn now(report: &RankReport) -> String {
    let mail = report.receiver_awaits.map(|source| match source {
        Source::Rank(rank) => format!("mail of {rank}"),
        _ => "anyone".into(),
    });
    // A sender waits for room in one mailbox.
    let room = report.sender_awaits.map(|source| match source {
        Source::Rank(rank) => format!("room at {rank}"),
        _ => "room".into(),
    });
    match (mail, room) {
        _ if !is_live(report) => String::new(),
        (None, None) => "awake".into(),
        (Some(awaited), None) | (None, Some(awaited)) => format!("asleep for {awaited}"),
        (Some(mail), Some(room)) => format!("asleep for {mail}, for {room}"),
    }
}

/// A label may have any bytes that its rank wrote. Escaped, it cannot control a terminal.
fn shown(label: &str) -> String {
    let escaped = label.escape_debug().to_string();
    if escaped.chars().count() <= LABEL {
        return escaped;
    }
    escaped.chars().take(LABEL - 1).chain(['…']).collect()
}

fn table_of_mailboxes(seen: &Inspection) -> String {
    let headings = [
        "from",
        "to",
        "messages",
        "bytes",
        "unread",
        "full",
        "sleeps",
        "mail wakes",
        "credit wakes",
        "drops",
    ];
    let mut table = Table::new(&headings);
    for report in &seen.mailboxes {
        let &MailboxReport { from, to, messages, unread, full, sleeps, .. } = report;
        let &MailboxReport { mail_wakes, credit_wakes, drops, .. } = report;
        let (ends, first) = ([from, to].map(|rank| rank.to_string()), [messages.to_string()]);
        let others = [unread, full, sleeps, mail_wakes, credit_wakes, drops].map(|count| count.to_string());
        table.add(ends.into_iter().chain(first).chain([size::show(report.bytes)]).chain(others));
    }
    table.text()
}

/// The tags that most unread messages have.
fn table_of_tags(seen: &Inspection) -> String {
    let mut table = Table::new(&["from", "to", "tag", "unread"]);
    for report in &seen.mailboxes {
        let mut tags: Vec<(u32, u64)> = report.tags.iter().map(|(tag, unread)| (*tag, *unread)).collect();
        tags.sort_by_key(|(tag, unread)| (Reverse(*unread), *tag));
        for (tag, unread) in tags.into_iter().take(TAGS) {
            table.add(
                [report.from, report.to, tag]
                    .map(|number| number.to_string())
                    .into_iter()
                    .chain([unread.to_string()]),
            );
        }
    }
    table.text()
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
