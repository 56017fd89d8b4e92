//! The table about topics.

use crate::report::{Row, rate, time};
use std::fmt::Write;

/// Systems of the columns.
const COLUMNS: [(&str, &str); 3] = [
    ("mailbox", "mailbox, topics"),
    ("iceoryx2", "iceoryx2, topics"),
    ("raw limit", "one writes, all read, raw"),
];

/// The table in `docs/performance.md`: a row for each case and length. Times are p50, and p99 in parentheses.
pub fn markdown(rows: &[Row]) -> String {
    let titles = COLUMNS.map(|(title, _)| title).join(" | ");
    let mut text =
        format!("| | {titles} | mailbox / iceoryx2 | mailbox / limit |\n|---|---|---|---|---|---|\n");
    for ours in rows.iter().filter(|row| row.system == COLUMNS[0].1) {
        let cells = COLUMNS.map(|(_, system)| {
            let is_it = |row: &&Row| row.system == system && row.case == ours.case && row.bytes == ours.bytes;
            rows.iter().find(is_it).map_or_else(|| "–".to_owned(), cell)
        });
        let ratios = [ours.ratio_peer, ours.ratio_limit];
        let ratios = ratios.map(|ratio| ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")));
        let what = format!("{}, {}", ours.case, length(ours.bytes));
        let _ = writeln!(text, "| {what} | {} | {} |", cells.join(" | "), ratios.join(" | "));
    }
    text
}

/// The figure that a row is about, or why there is none.
fn cell(row: &Row) -> String {
    match (row.per_s, row.p50_ns, row.p99_ns) {
        (Some(per_s), ..) if row.bytes <= 48 => rate(per_s),
        (Some(per_s), ..) => format!("{:.1} GB/s", per_s * row.bytes as f64 / 1e9),
        (_, Some(p50), Some(p99)) => format!("{} ({})", time(p50), time(p99)),
        (_, Some(p50), None) => time(p50),
        _ => row.note.clone().unwrap_or_default(),
    }
}

fn length(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
