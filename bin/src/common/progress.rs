//! How far a long command has come, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many of these; nothing is shown where standard error is no terminal.
pub fn bar(len: u64, what: &'static str) -> ProgressBar {
    let template = format!("{{bar:40}} {{human_pos}} of {{human_len}} {what}, {{elapsed}}, {{eta}} to go");
    let style = ProgressStyle::with_template(&template).expect("a template");
    ProgressBar::new(len).with_style(style)
}
