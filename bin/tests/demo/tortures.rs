//! What the tests of all kinds of torture do.

use crate::program::{Demo, nothing_is_left, number};
use serde_json::Value;

/// The report of a torture of this kind that found nothing wrong.
pub fn report(kind: &str, args: &[&str]) -> Value {
    let demo = Demo::start(&[&["torture", kind, "--json"], args].concat());
    let pid = demo.pid();
    let line = demo.line().expect("a report");
    assert_eq!(demo.line(), None);
    let report: Value = serde_json::from_str(&line).expect("JSON");
    for violation in ["failed", "stuck", "left_behind"] {
        assert_eq!(number(&report, violation), 0, "{report}");
    }
    demo.succeeds();
    nothing_is_left("torture", pid);
    report
}

/// The same of so many kills, in which all of this happened: else nothing was tried.
pub fn report_of_kills(kind: &str, kills: u64, ranks: u64, seed: &str, happened: &[&str]) -> Value {
    let (killed, of) = (kills.to_string(), ranks.to_string());
    let report = report(kind, &["--kills", &killed, "--ranks", &of, "--seed", seed]);
    assert_eq!((number(&report, "kills"), number(&report, "ranks")), (kills, ranks));
    happened.iter().for_each(|what| assert!(number(&report, what) > 0, "{report}"));
    report
}

/// A report for people begins with who they are, has this row, and ends with what went wrong.
pub fn report_can_be_read(kind: &str, who: &str, row: &str) {
    let demo = Demo::start(&["torture", kind, "--kills", "3", "--ranks", "2"]);
    assert!(demo.line().expect("a report").starts_with(&format!("2 ranks that {who}, ")));
    assert!(demo.shows("kills ").ends_with("   3"));
    demo.shows(row);
    demo.shows("violations:");
    for violation in ["failed", "stuck", "left behind"] {
        assert_eq!(demo.line().expect("a count"), format!("  {violation:<24}{:>12}", 0));
    }
    assert_eq!(demo.line(), None);
    demo.succeeds();
}
