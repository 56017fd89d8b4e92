//! The torture of those that publish and read topics.

use crate::program::{
    Demo, is_ended_by_a_signal, nothing_is_left, number, tells_of_a_process_that_fails_by_itself,
};
use serde_json::Value;

/// The report of a play that found nothing wrong.
fn report(args: &[&str]) -> Value {
    let demo = Demo::start(&[&["torture", "--topics", "--json"][..], args].concat());
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

#[test]
fn topics_keep_their_promises_while_publishers_and_readers_are_killed() {
    for (seed, ranks) in [("1", 3), ("2", 5)] {
        let report = report(&["--kills", "30", "--ranks", &ranks.to_string(), "--seed", seed]);
        assert_eq!((number(&report, "kills"), number(&report, "ranks")), (30, ranks));
        assert_eq!((number(&report, "wrong"), number(&report, "errors")), (0, 0), "{report}");
        // Else nothing was tried.
        for happened in ["published", "read", "missed", "held", "subscriptions", "lives"] {
            assert!(number(&report, happened) > 0, "{report}");
        }
    }
}

#[test]
fn overwritten_topics_end_in_errors_or_wrong_messages_and_a_fresh_one_works() {
    let report = report(&["--chaos", "--writes", "100000", "--seed", "1"]);
    assert_eq!(number(&report, "writes"), 100_000);
    // Else nothing was tried.
    assert!(number(&report, "read") > 0 && number(&report, "wrong") > 0, "{report}");
}

#[test]
fn the_report_can_be_read() {
    let demo = Demo::start(&["torture", "--topics", "--kills", "3", "--ranks", "2"]);
    assert!(demo.line().expect("a report").starts_with("2 ranks that publish and read, "));
    assert!(demo.shows("kills ").ends_with("   3"));
    demo.shows("missed ");
    demo.shows("violations:");
    for violation in ["failed", "stuck", "left behind"] {
        assert_eq!(demo.line().expect("a count"), format!("  {violation:<24}{:>12}", 0));
    }
    assert_eq!(demo.line(), None);
    demo.succeeds();
}

#[test]
fn a_process_that_fails_by_itself_is_told() {
    tells_of_a_process_that_fails_by_itself(&[
        "torture", "--topics", "--kills", "100000", "--ranks", "2", "--json",
    ]);
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    is_ended_by_a_signal(&["torture", "--topics", "--kills", "100000"]);
}
