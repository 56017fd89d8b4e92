//! Where pictures are drawn.

use crate::common::failure::Failure;
use crate::common::screen::{CLEAR_BELOW, CLEAR_REST, HOME};
use crate::common::streams;
use rustix::io::Errno;
use rustix::termios::tcgetwinsize;
use std::fs::File;
use std::io::Write;

/// A terminal, one picture over the other.
pub struct Canvas(File);

impl Canvas {
    /// Standard output.
    pub fn open() -> Result<Self, Failure> {
        streams::output().map(Self).map_err(failure)
    }

    /// Draws as much of a picture as there is room for.
    pub fn draw(&mut self, lines: &[String]) -> Result<(), Failure> {
        let size = tcgetwinsize(&self.0).map_err(|error: Errno| failure(error))?;
        // A terminal that does not know its size says 0.
        let [columns, rows] = [(size.ws_col, 80), (size.ws_row, 24)]
            .map(|(said, usual)| usize::from(if said == 0 { usual } else { said }));
        let all = picture(lines, columns, rows);
        self.0.write_all(all.as_bytes()).map_err(failure)
    }
}

/// What draws these lines over what was there before.
fn picture(lines: &[String], columns: usize, rows: usize) -> String {
    let line = |line: &String| line.chars().take(columns).collect::<String>() + CLEAR_REST;
    let lines: Vec<String> = lines.iter().take(rows).map(line).collect();
    // No new line after the last, which would move all up.
    format!("{HOME}{}{CLEAR_BELOW}", lines.join("\r\n"))
}

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure::new(format_args!("standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_cut_to_its_terminal() {
        let lines = ["┌──┐", "│ ●│", "└──┘"].map(str::to_owned);
        assert_eq!(picture(&lines, 80, 24), "\x1b[H┌──┐\x1b[K\r\n│ ●│\x1b[K\r\n└──┘\x1b[K\x1b[J");
        assert_eq!(picture(&lines, 3, 2), "\x1b[H┌──\x1b[K\r\n│ ●\x1b[K\x1b[J");
    }
}
