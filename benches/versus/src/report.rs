//! What came of it: rows, a table of them, Markdown.

use crate::job::Case;
use crate::outcome::{Answer, Figures, Outcome};
use crate::run::{Group, Runs, best};
use crate::systems::{self, Role};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// One system in one case: medians over the rounds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// The system.
    pub system: String,
    /// Its sides, and how they wait.
    pub how: String,
    /// What is measured.
    pub case: String,
    /// The length of each message.
    pub bytes: usize,
    /// Half of the round trips took no longer.
    pub p50_ns: Option<f64>,
    /// Of a hundred 99.
    pub p99_ns: Option<f64>,
    /// Of a thousand 999.
    pub p999_ns: Option<f64>,
    /// Half of the broadcasts took no longer from the root's call until the last rank had returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ns: Option<f64>,
    /// The same over that of the best peer, round by round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_last: Option<f64>,
    /// From one call of all ranks to the next, the barrier between them included; half of the rows took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_ns: Option<f64>,
    /// The same over that of the best peer, round by round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_period: Option<f64>,
    /// Messages a second.
    pub per_s: Option<f64>,
    /// Gigabytes of payload a second.
    pub gb_s: Option<f64>,
    /// The share of the sender that got least, then most; 1 is equal.
    pub shares: Option<[f64; 2]>,
    /// Part of a processor that was in use.
    pub cpu: Option<f64>,
    /// Memory in use.
    pub kib: Option<f64>,
    /// The figure of merit over that of the limit, round by round.
    pub ratio_limit: Option<f64>,
    /// The limit.
    pub limit: Option<String>,
    /// The figure of merit of a call over that of one line, round by round: at best 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_one_line: Option<f64>,
    /// The figure of merit over that of the best peer, round by round.
    pub ratio_peer: Option<f64>,
    /// The best peer.
    pub peer: Option<String>,
    /// Rounds that count.
    pub rounds: usize,
    /// Why there are no figures, or what else is to be said.
    pub note: Option<String>,
    /// The distribution, at the shares that the program names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quantiles_ns: Vec<f64>,
}

impl Row {
    fn has_failed(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.starts_with(FAILED))
    }
}

/// What the note of a failure begins with.
const FAILED: &str = "failed: ";

/// The middle one.
fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<f64> = values.flatten().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What a case is about, and whether less of it is better.
fn merit(figures: &Figures) -> Option<(f64, bool)> {
    let less = |value: Option<f64>| value.map(|value| (value, true));
    let more = figures.per_s.map(|rate| (rate, false));
    more.or(less(figures.kib)).or(less(figures.cpu)).or(less(figures.quantile(0.5)))
}

impl Runs {
    fn figures(&self) -> impl Iterator<Item = &Figures> {
        self.answers.iter().filter_map(Answer::figures)
    }

    /// The median of the figure of merit, signed so that less is better.
    pub fn rank(&self) -> Option<f64> {
        let signed = |figures| merit(figures).map(|(value, less)| if less { value } else { -value });
        median(self.figures().map(signed))
    }

    /// The median of the ratios to another, round by round.
    fn ratio(&self, others: &[Answer]) -> Option<f64> {
        self.ratio_of(others, |figures| Some(merit(figures)?.0))
    }

    /// The same of another figure.
    fn ratio_of(&self, others: &[Answer], of: fn(&Figures) -> Option<f64>) -> Option<f64> {
        let ratios = self.figures().zip(others.iter().filter_map(Answer::figures));
        median(ratios.map(|(ours, theirs)| {
            let ratio = of(ours)? / of(theirs)?;
            ratio.is_finite().then_some(ratio)
        }))
    }

    fn row(&self, limit: Option<&Self>, peer: Option<&Self>) -> Row {
        let of = |value: fn(&Figures) -> Option<f64>| median(self.figures().map(value));
        let least = of(|figures| figures.shares.map(|shares| shares[0]));
        let most = of(|figures| figures.shares.map(|shares| shares[1]));
        let per_s = of(|figures| figures.per_s);
        let is_idle = matches!(self.case, Case::Idle | Case::IdleTogether);
        let limit = limit.filter(|_| !is_idle);
        let peer = peer.filter(|_| !is_idle);
        let note = match self.answers.last() {
            Some(Answer::Declined(why)) => Some(why.clone()),
            Some(Answer::Failed(why)) => Some(format!("{FAILED}{why}")),
            Some(Answer::Measured(Figures { left: left @ 1.., .. })) => {
                Some(format!("files left behind in /dev/shm, removed: {left}"))
            }
            _ => None,
        };
        let quantiles_ns = match self.case {
            Case::RoundTrip | Case::Asleep => (0..crate::outcome::SHARES.len())
                .filter_map(|at| median(self.figures().map(|figures| figures.quantiles.get(at).copied())))
                .collect(),
            _ => Vec::new(),
        };
        Row {
            system: self.entry.name.to_owned(),
            how: self.entry.how.to_owned(),
            case: self.case.to_string(),
            bytes: self.bytes,
            p50_ns: of(|figures| figures.quantile(0.5)),
            p99_ns: of(|figures| figures.quantile(0.99)),
            p999_ns: of(|figures| figures.quantile(0.999)),
            last_ns: of(|figures| figures.last),
            ratio_last: peer.and_then(|peer| self.ratio_of(&peer.answers, |figures| figures.last)),
            period_ns: of(|figures| figures.period),
            ratio_period: peer.and_then(|peer| self.ratio_of(&peer.answers, |figures| figures.period)),
            per_s,
            gb_s: per_s.map(|rate| rate * self.bytes as f64 / 1e9),
            shares: least.zip(most).map(|(least, most)| [least, most]),
            cpu: of(|figures| figures.cpu),
            kib: of(|figures| figures.kib),
            ratio_limit: limit.and_then(|limit| {
                self.ratio(if self.limits.is_empty() { &limit.answers } else { &self.limits })
            }),
            limit: limit.map(|limit| match limit.case {
                Case::Silent(_) => "the same with nobody else".to_owned(),
                _ => limit.entry.name.to_owned(),
            }),
            ratio_one_line: self.ratio(&self.lines),
            ratio_peer: peer.and_then(|peer| self.ratio(&peer.answers)),
            peer: peer.map(|peer| peer.entry.name.to_owned()),
            rounds: self.figures().count(),
            note,
            quantiles_ns,
        }
    }
}

/// The rows of a group, in the order of the systems.
pub fn rows(group: &Group) -> Vec<Row> {
    let limit = group.limit.map(|at| &group.runs[at]);
    let peer = best(&group.runs, |runs| runs.entry.role == Role::Peer).map(|at| &group.runs[at]);
    group.runs.iter().map(|runs| runs.row(limit, peer)).collect()
}

/// Rows as one object a line.
pub fn json(rows: &[Row]) -> Outcome<String> {
    let lines = rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.join("\n"))
}

/// Rows from a file of such lines.
pub fn read(file: &Path) -> Outcome<Vec<Row>> {
    let text = fs::read_to_string(file)?;
    let rows = text.lines().filter(|line| line.starts_with('{')).map(serde_json::from_str);
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A time with its unit.
pub fn time(ns: f64) -> String {
    match ns {
        0.0..1e4 => format!("{ns:.0} ns"),
        1e4..1e6 => format!("{:.1} µs", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}

/// A rate with its unit.
pub fn rate(per_s: f64) -> String {
    match per_s {
        0.0..1e4 => format!("{per_s:.0} /s"),
        1e4..1e6 => format!("{:.1} k/s", per_s / 1e3),
        _ => format!("{:.1} M/s", per_s / 1e6),
    }
}

/// A table of one case for people.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let Some(first) = rows.first() else { return text };
    let limit = first.limit.as_deref().unwrap_or("no limit");
    let peer = first.peer.as_deref().unwrap_or("no peer");
    let _ = writeln!(text, "\n{}, {} B; limit: {limit}; best peer: {peer}", first.case, first.bytes);
    let (shown, declined): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.rounds > 0 || row.has_failed());
    for row in shown {
        let mut words = Vec::new();
        words.extend(row.p50_ns.map(|ns| format!("p50 {:>8}", time(ns))));
        words.extend(row.p99_ns.map(|ns| format!("p99 {:>8}", time(ns))));
        words.extend(row.p999_ns.map(|ns| format!("p99.9 {:>8}", time(ns))));
        words.extend(row.per_s.map(|value| format!("{:>9}", rate(value))));
        words.extend(row.gb_s.map(|value| format!("{value:>6.2} GB/s")));
        words.extend(row.shares.map(|[least, most]| format!("shares {least:.2} to {most:.2}")));
        words.extend(row.cpu.map(|part| format!("{:.2} %", part * 100.0)));
        words.extend(row.kib.map(|kib| format!("{kib:.0} KiB")));
        words.extend(row.ratio_limit.map(|ratio| format!("limit × {ratio:.3}")));
        words.extend(row.ratio_one_line.map(|ratio| format!("one line × {ratio:.3}")));
        words.extend(row.ratio_peer.map(|ratio| format!("peer × {ratio:.3}")));
        let other = |name, ns: Option<f64>, ratio: Option<f64>| {
            let ratio = ratio.map_or_else(String::new, |ratio| format!(" (peer × {ratio:.3})"));
            ns.map(|ns| format!("{name} {:>8}{ratio}", time(ns)))
        };
        words.extend(other("last", row.last_ns, row.ratio_last));
        words.extend(other("period", row.period_ns, row.ratio_period));
        words.extend(row.note.clone());
        // A group of many cases says them.
        let is_one = rows.iter().all(|other| other.case == first.case);
        let what = if is_one { row.system.clone() } else { format!("{}, {}", row.system, row.case) };
        let _ = writeln!(text, "  {what:<26} {}", words.join("  "));
    }
    let declined: Vec<_> = declined
        .iter()
        .map(|row| format!("{}: {}", row.system, row.note.as_deref().unwrap_or_default()))
        .collect();
    let _ = writeln!(text, "  without {}", declined.join("; "));
    text
}

/// What a column shows of a row.
type Show = fn(&Row) -> Option<String>;

/// Columns of the README's table: title, case, bytes, what is shown.
const COLUMNS: [(&str, &str, usize, Show); 11] = [
    ("round trip, 8 B", "round trip", 8, |row| row.p50_ns.map(time)),
    ("p99", "round trip", 8, |row| row.p99_ns.map(time)),
    ("48 B", "round trip", 48, |row| row.p50_ns.map(time)),
    ("64 KiB", "round trip", 64 << 10, |row| row.p50_ns.map(time)),
    ("both asleep", "round trip, both asleep", 48, |row| row.p50_ns.map(time)),
    ("stream, 8 B", "stream", 8, |row| row.per_s.map(rate)),
    ("48 B", "stream", 48, |row| row.per_s.map(rate)),
    ("64 KiB", "stream", 64 << 10, |row| row.gb_s.map(|value| format!("{value:.1} GB/s"))),
    ("8 senders", "fan-in of 8", 8, |row| row.per_s.map(rate)),
    ("waiting", "processor while it waits", 8, |row| row.cpu.map(|part| format!("{:.2} %", part * 100.0))),
    ("start to end", "start to end", 8, |row| row.p50_ns.map(time)),
];

/// The README's table.
pub fn markdown(rows: &[Row]) -> String {
    let titles = COLUMNS.map(|(title, ..)| title).join(" | ");
    let mut text = format!("| | {titles} |\n|---|{}\n", "---|".repeat(COLUMNS.len()));
    for entry in &systems::ALL {
        let cells = COLUMNS.map(|(_, case, bytes, show)| {
            let is_it = |row: &&Row| row.system == entry.name && row.case == case && row.bytes == bytes;
            let row = rows.iter().find(is_it);
            let shown = row.and_then(show);
            shown.unwrap_or_else(|| if row.is_some_and(Row::has_failed) { "failed" } else { "–" }.to_owned())
        });
        let failure = rows.iter().filter(|row| row.system == entry.name).find(|row| row.has_failed());
        if let Some(failure) = failure
            && cells.iter().all(|cell| ["–", "failed"].contains(&cell.as_str()))
        {
            let note = failure.note.as_deref().unwrap_or_default();
            let _ = writeln!(text, "| {} | {note} |{}", entry.name, " |".repeat(COLUMNS.len() - 1));
        } else if cells.iter().any(|cell| cell != "–") {
            let _ = writeln!(text, "| {} ({}) | {} |", entry.name, entry.how, cells.join(" | "));
        }
    }
    text
}
