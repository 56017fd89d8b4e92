//! The sources of the jobs, as they were compiled.

use super::task::Task;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::streams;
use rustix::termios::{isatty, tcgetwinsize};
use serde::Serialize;

/// A job, and its source in each model.
struct Pair {
    job: &'static str,
    files: [&'static str; 2],
    texts: [&'static str; 2],
}

const PAIRS: [Pair; 3] = [
    Pair {
        job: "counter",
        files: ["counter_shared.rs", "counter_messages.rs"],
        texts: [include_str!("counter_shared.rs"), include_str!("counter_messages.rs")],
    },
    Pair {
        job: "bounded buffer",
        files: ["buffer_shared.rs", "buffer_messages.rs"],
        texts: [include_str!("buffer_shared.rs"), include_str!("buffer_messages.rs")],
    },
    Pair {
        job: "game loop",
        files: ["game_shared.rs", "game_messages.rs"],
        texts: [include_str!("game_shared.rs"), include_str!("game_messages.rs")],
    },
];
const HYBRID: &str = include_str!("hybrid.rs");
/// What the sources with shared memory need in addition: a lock and an event in bytes that processes share.
const WRAPPERS: [&str; 2] = [include_str!("lock.rs"), include_str!("event.rs")];
/// Between two columns.
const BETWEEN: &str = " │ ";

/// How long the sources of a job are, without comments and empty lines.
#[derive(Serialize)]
pub struct Lines {
    pub job: &'static str,
    pub shared_memory: usize,
    pub messages: usize,
}

/// Of all jobs.
pub fn all_lines() -> Vec<Lines> {
    let lines = |pair: &Pair| Lines {
        job: pair.job,
        shared_memory: count(pair.texts[0]),
        messages: count(pair.texts[1]),
    };
    PAIRS.iter().map(lines).collect()
}

/// Of the file that has this task.
pub fn lines(task: Task) -> usize {
    if task == Task::Hybrid {
        return count(HYBRID);
    }
    let pair = PAIRS.iter().find(|pair| pair.job == task.job());
    pair.map_or(0, |pair| count(pair.texts[task.model() as usize]))
}

/// Of what wraps the mutex and the event.
pub fn wrappers() -> usize {
    WRAPPERS.iter().map(|text| count(text)).sum()
}

fn count(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    text.lines().filter(is_code).count()
}

/// Shows both sources of each job side by side, and that of the hybrid. On a terminal that is too narrow long lines go on in the next row.
pub fn show_all() -> Result<(), Failure> {
    for pair in &PAIRS {
        let [one, other] = pair.texts;
        let title = |at: usize| format!("{}: {} lines of code", pair.files[at], count(pair.texts[at]));
        show(&format!("\n{}", pair.job))?;
        side_by_side([&title(0), &title(1)], [one, other])?;
    }
    show(&format!("\nhybrid\nhybrid.rs: {} lines of code\n", count(HYBRID)))?;
    HYBRID.lines().try_for_each(show)?;
    show(&format!(
        "\nThose with shared memory also need lock.rs and event.rs: {} lines of code,",
        wrappers()
    ))?;
    show("which make the mutex and the event of raw_sync from bytes that processes share.")
}

fn side_by_side(titles: [&str; 2], texts: [&str; 2]) -> Result<(), Failure> {
    let longest = texts.map(|text| text.lines().map(|line| line.chars().count()).max().unwrap_or(0));
    let widths = match terminal_width() {
        Some(width) => [(width.saturating_sub(BETWEEN.chars().count()) / 2).max(20); 2],
        None => longest,
    };
    let of = |at: usize| {
        let lines = [titles[at], ""].into_iter().chain(texts[at].lines());
        lines.flat_map(|line| pieces(line, widths[at])).collect::<Vec<_>>()
    };
    let columns = [of(0), of(1)];
    let width = widths[0];
    for row in 0..columns[0].len().max(columns[1].len()) {
        let [one, other] = [0, 1].map(|at| columns[at].get(row).map_or("", String::as_str));
        show(format!("{one:<width$}{BETWEEN}{other}").trim_end())?;
    }
    Ok(())
}

/// A line, in pieces that are no longer than `width`.
fn pieces(line: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    if letters.is_empty() {
        return vec![String::new()];
    }
    letters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// Columns of the terminal that this is shown on, if it is one.
fn terminal_width() -> Option<usize> {
    let output = streams::output().ok().filter(|output| isatty(output))?;
    tcgetwinsize(&output).ok().map(|size| size.ws_col.into()).filter(|width| *width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_counted_without_comments_and_empty_lines() {
        assert_eq!(count("//! What it is.\n\nuse a;\n    // why\n    b(); // c\n"), 2);
        assert!(all_lines().iter().all(|lines| lines.shared_memory > lines.messages && lines.messages > 5));
        assert!(wrappers() > 20);
        assert_eq!(lines(Task::CounterMutex), lines(Task::CounterAtomic));
        assert!(lines(Task::Hybrid) > 0);
    }

    #[test]
    fn pieces_make_the_line_again() {
        for line in ["", "abc", "äöüabcdefg"] {
            for width in [1, 2, 3, 80] {
                let pieces = pieces(line, width);
                assert!(pieces.iter().all(|piece| piece.chars().count() <= width));
                assert_eq!(pieces.concat(), line);
            }
        }
    }
}
