//! A distribution of times, drawn.

use super::output::time;
use measure::Times;
use std::collections::BTreeMap;
use std::time::Duration;

/// Steps of an octave.
const STEPS: [f64; 4] = [8.0, 4.0, 2.0, 1.0];
/// Characters of the longest bar.
const WIDTH: usize = 24;
/// Times that more than this share of all is below have one row.
const TAIL: f64 = 0.999;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const SHARES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// A row for each range of times, equally wide on a logarithmic scale, with `marks` where they belong. At most `most_rows`,
/// where a row for each octave is enough for that; at most 75 columns, if the names of the marks are short.
pub fn draw(times: &Times, marks: &[(&str, Duration)], most_rows: i32) -> Vec<String> {
    let tenths = |time: Duration| time.as_secs_f64() * 1e10;
    let marked = || marks.iter().map(|(_, time)| tenths(*time));
    let least = times.entries().map(|(value, _)| value as f64).chain(marked()).fold(f64::MAX, f64::min);
    let most = marked().fold(tenths(times.quantile(TAIL)), f64::max);
    let row = |tenths: f64, steps: f64| (tenths.max(1.0).log2() * steps).floor() as i32;
    let rows = |steps: f64| row(most, steps) - row(least, steps) + 1;
    let steps = STEPS.into_iter().find(|steps| rows(*steps) <= most_rows).unwrap_or(1.0);
    let (first, last) = (row(least, steps), row(most, steps));
    let mut counts = BTreeMap::<i32, u64>::new();
    for (value, count) in times.entries() {
        *counts.entry(row(value as f64, steps).min(last + 1)).or_default() += count;
    }
    let highest = counts.values().copied().max().unwrap_or(0);
    let end = if counts.contains_key(&(last + 1)) { last + 1 } else { last };
    let line = |at: i32| {
        let start = Duration::from_secs_f64(2_f64.powf(f64::from(at) / steps) / 1e10);
        let sign = if at > last { "≥" } else { " " };
        let count = counts.get(&at).copied().unwrap_or(0);
        let share = 100.0 * count as f64 / times.count().max(1) as f64;
        let share = if count == 0 { String::new() } else { format!("{share:.2} %") };
        let here = marks.iter().filter(|(_, time)| row(tenths(*time), steps) == at);
        let names: Vec<&str> = here.map(|(name, _)| *name).collect();
        let names = if names.is_empty() { String::new() } else { format!("  ◂ {}", names.join(", ")) };
        let line = format!("{sign}{:>8} {:<WIDTH$} {share:>8}{names}", time(start), bar(count, highest));
        line.trim_end().to_owned()
    };
    (first..=end).map(line).collect()
}

/// A bar for `count`, where one for `highest` is the longest; never none for what there is.
fn bar(count: u64, highest: u64) -> String {
    if count == 0 {
        return String::new();
    }
    let eighths = (count as f64 / highest as f64 * 8.0 * WIDTH as f64).round().max(1.0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// The quantiles that people ask for.
pub fn quantiles(times: &Times) -> String {
    let shares = SHARES.map(|(name, share)| format!("{name} {}  ", time(times.quantile(share))));
    format!("{}max {}", shares.concat(), time(times.quantile(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: i32 = 20;

    fn times(entries: &[(u64, u64)]) -> Times {
        let mut times = Times::default();
        for (nanoseconds, count) in entries {
            times.add_entry((nanoseconds * 10, *count));
        }
        times
    }

    #[test]
    fn bars_are_as_long_as_there_are_times() {
        let lines = draw(&times(&[(100, 500), (120, 1000), (220, 250)]), &[], ROWS);
        let row = |start: &str| {
            let line = lines.iter().find(|line| line.trim_start().starts_with(start)).expect("a row");
            (line.matches('█').count(), line.split_whitespace().rev().nth(1).map(str::to_owned))
        };
        assert_eq!(row("94 ns "), (12, Some("28.57".into())));
        assert_eq!(row("112 ns "), (24, Some("57.14".into())));
        assert_eq!(row("205 ns "), (6, Some("14.29".into())));
        assert_eq!(lines.len(), 10, "with those between, of an eighth of an octave");
        assert_eq!(lines[3].trim(), "122 ns", "an empty one");
    }

    #[test]
    fn marks_stand_where_they_belong_and_what_is_rare_below() {
        let marks = [("line", Duration::from_nanos(90)), ("trip", Duration::from_nanos(300))];
        let lines = draw(&times(&[(200, 9999), (5_000_000, 1)]), &marks, ROWS);
        let marked: Vec<&String> = lines.iter().filter(|line| line.contains('◂')).collect();
        assert!(lines[0].ends_with("◂ line") && *marked[0] == lines[0], "{lines:#?}");
        assert_eq!(marked.len(), 2);
        let last = &lines[lines.len() - 1];
        assert!(last.starts_with('≥') && last.contains('▏') && last.ends_with("0.01 %"), "{last}");
        assert!(lines[lines.len() - 2].ends_with("◂ trip"));
    }

    #[test]
    fn whatever_the_times_there_are_few_rows_of_few_columns() {
        let names = ["line", "call", "trip"];
        for least in [1, 100, 100_000] {
            for factor in [1, 2, 50, 10_000, 1_000_000_000] {
                let all = times(&[(least, 3), (least * factor, 5)]);
                let marks = names.map(|name| (name, Duration::from_nanos(least)));
                let lines = draw(&all, &marks, ROWS);
                assert!(lines.iter().all(|line| line.chars().count() <= 75), "{lines:#?}");
                assert!(lines.len() <= 38, "{least} {factor}: {lines:#?}");
                assert!(factor != 50 || lines.len() > 10, "as fine as fits: {lines:#?}");
                assert!(factor > 10_000 || lines.len() <= ROWS as usize);
                assert!(quantiles(&all).chars().count() <= 75);
            }
        }
        assert!(!draw(&times(&[]), &[("line", Duration::from_nanos(90))], ROWS).is_empty());
    }

    #[test]
    fn quantiles_are_on_one_line() {
        let all = times(&[(100, 98), (2000, 1), (30_000, 1)]);
        assert_eq!(quantiles(&all), "p50 100 ns  p90 100 ns  p99 2.0 µs  p99.9 30.0 µs  max 30.0 µs");
    }
}
