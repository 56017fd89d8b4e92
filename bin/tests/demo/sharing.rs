//! The torture of those whose threads share an endpoint.

use crate::program::{
    Demo, is_ended_by_a_signal, nothing_is_left, number, tells_of_a_process_that_fails_by_itself,
};
use serde_json::Value;

#[test]
fn shared_endpoints_keep_their_promises_while_processes_are_killed_and_stopped() {
    for (seed, ranks) in [("1", 2), ("2", 4)] {
        let args = ["--kills", "25", "--ranks", &ranks.to_string(), "--seed", seed, "--json"];
        let demo = Demo::start(&[&["torture", "--shared"][..], &args].concat());
        let pid = demo.pid();
        let line = demo.line().expect("a report");
        assert_eq!(demo.line(), None);
        let report: Value = serde_json::from_str(&line).expect("JSON");
        for violation in ["failed", "stuck", "left_behind"] {
            assert_eq!(number(&report, violation), 0, "{report}");
        }
        demo.succeeds();
        assert_eq!((number(&report, "kills"), number(&report, "ranks")), (25, ranks));
        // Else nothing was tried.
        for happened in ["sent", "announced", "received_again", "requeued", "answered", "ends_told", "alone"]
        {
            assert!(number(&report, happened) > 0, "{report}");
        }
        nothing_is_left("torture", pid);
    }
}

#[test]
fn the_report_can_be_read() {
    let demo = Demo::start(&["torture", "--shared", "--kills", "3", "--ranks", "2"]);
    assert!(demo.line().expect("a report").starts_with("2 ranks that share endpoints, "));
    assert!(demo.shows("kills ").ends_with("   3"));
    demo.shows("received again ");
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
        "torture", "--shared", "--kills", "100000", "--ranks", "2", "--json",
    ]);
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    is_ended_by_a_signal(&["torture", "--shared", "--kills", "100000"]);
}
