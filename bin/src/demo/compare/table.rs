//! The report as two tables.

use super::report::{Figures, Report, Victory};
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use std::time::Duration;

/// Columns of the first table: the aspect, and each model.
const ASPECT: usize = 16;
const MODEL: usize = 30;
const BETWEEN: &str = "  ";

/// Shows both.
pub fn show_all(report: &Report) -> Result<(), Failure> {
    show("Three jobs with shared memory (mutex and event of raw_sync, atomics) and with")?;
    show(&format!("messages (mailbox): workers are processes; {} processors", report.processors))?;
    if report.processors < 2 {
        show("With 1 processor nothing runs at once: contention and store buffering do not show")?;
    }
    show("")?;
    show_aspects(report)?;
    show("")?;
    show_jobs(report)?;
    show("")?;
    show_verdicts(report)
}

fn show_aspects(report: &Report) -> Result<(), Failure> {
    row("aspect", "shared memory", "messages")?;
    let line = |width: usize| "─".repeat(width);
    row(&line(ASPECT), &line(MODEL), &line(MODEL))?;
    for aspect in &report.aspects {
        let [shared, messages] = [&aspect.shared_memory, &aspect.messages]
            .map(|side| (wrap(side.words, MODEL), wrap(&format!("→ {}", side.figure), MODEL)));
        // The figures begin in the same row.
        for [one, other] in [[&shared.0, &messages.0], [&shared.1, &messages.1]] {
            for at in 0..one.len().max(other.len()) {
                let is_first = at == 0 && std::ptr::eq(one, &raw const shared.0);
                let [one, other] = [one, other].map(|lines| lines.get(at).map_or("", String::as_str));
                row(if is_first { aspect.name } else { "" }, one, other)?;
            }
        }
    }
    Ok(())
}

fn row(aspect: &str, shared: &str, messages: &str) -> Result<(), Failure> {
    show(format!("{aspect:<ASPECT$}{BETWEEN}{shared:<MODEL$}{BETWEEN}{messages}").trim_end())
}

fn show_jobs(report: &Report) -> Result<(), Failure> {
    show(&format!(
        "{:<16} {:<16} {:>7} {:>9} {:>9} {:>11} {:>5}",
        "job", "by", "workers", "p50", "p99", "a second", "lines"
    ))?;
    for of in &report.jobs {
        let [p50, p99] = [of.p50_ns, of.p99_ns].map(|ns| time(Duration::from_secs_f64(ns * 1e-9)));
        let lines = if of.lines > 0 { of.lines.to_string() } else { String::new() };
        let sign = sign(of);
        show(&format!(
            "{:<16} {:<16} {:>7} {p50:>9} {p99:>9} {:>11} {lines:>5}",
            format!("{sign} {}", of.job),
            of.means,
            of.workers,
            rate(of.per_second)
        ))?;
    }
    show("■ with shared memory, □ with messages, ◧ both. p50 and p99: of an addition, of")?;
    show("an item there and back, of a key to its frame. Lines: of the source; --sources")?;
    show("shows it. Rates: all workers together")
}

/// Which model is better at what, and how many times.
fn show_verdicts(report: &Report) -> Result<(), Failure> {
    let cells = |job: &str, means: &str, cells: [String; 3]| {
        let [p50, p99, rate] = cells;
        show(&format!("{job:<16} {means:<31} {p50:>9} {p99:>9} {rate:>11}"))
    };
    cells("better here at", "what is compared", ["p50", "p99", "a second"].map(str::to_owned))?;
    for of in &report.verdicts {
        let victories = [&of.p50, &of.p99, &of.per_second];
        let is_even = |of: &Victory| of.times < 1.05;
        let shown = victories.map(|of| {
            if is_even(of) { "even".into() } else { format!("{} {}", of.better.sign(), times(of.times)) }
        });
        cells(&of.job, &of.means.join(" / "), shown)?;
    }
    Ok(())
}

/// How many times, with two digits or so.
fn times(times: f64) -> String {
    if times < 10.0 { format!("{times:.1}×") } else { format!("{times:.0}×") }
}

/// The sign of its model.
fn sign(of: &Figures) -> &'static str {
    if of.job == "hybrid" { "◧" } else { of.model.sign() }
}

/// A number a second, with three digits or so.
pub fn rate(per_second: f64) -> String {
    let (unit, value) = match per_second {
        ..1e3 => ("", per_second),
        ..1e6 => (" k", per_second / 1e3),
        _ => (" M", per_second / 1e6),
    };
    let decimals = if unit.is_empty() || value >= 100.0 { 0 } else { 1 };
    format!("{value:.decimals$}{unit}")
}

/// Words in lines that are no longer than `width`, as far as words allow that.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_where_they_end() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one two three", 6), ["one", "two", "three"]);
        assert_eq!(wrap("", 7), Vec::<String>::new());
        assert_eq!(wrap("µs µs", 5), ["µs µs"]);
    }

    #[test]
    fn rates_have_their_unit() {
        assert_eq!(
            [0.0, 999.0, 1_500.0, 123_400.0, 2_340_000.0].map(rate),
            ["0", "999", "1.5 k", "123 k", "2.3 M"]
        );
    }
}
