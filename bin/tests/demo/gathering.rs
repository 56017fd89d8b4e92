//! The torture of those that act together.

use crate::program::{
    Demo, is_ended_by_a_signal, nothing_is_left, number, tells_of_a_process_that_fails_by_itself,
};
use serde_json::Value;

#[test]
fn operations_keep_their_promises_while_members_are_killed() {
    for (seed, ranks) in [("1", 3), ("2", 4)] {
        let args = ["--kills", "25", "--ranks", &ranks.to_string(), "--seed", seed, "--json"];
        let demo = Demo::start(&[&["torture", "--collectives"][..], &args].concat());
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
        for happened in ["operations", "bytes", "worlds", "shrunk", "deaths_told"] {
            assert!(number(&report, happened) > 0, "{report}");
        }
        nothing_is_left("torture", pid);
    }
}

#[test]
fn the_report_can_be_read() {
    let demo = Demo::start(&["torture", "--collectives", "--kills", "3", "--ranks", "2"]);
    assert!(demo.line().expect("a report").starts_with("2 ranks that act together, "));
    assert!(demo.shows("kills ").ends_with("   3"));
    demo.shows("deaths told ");
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
        "torture",
        "--collectives",
        "--kills",
        "100000",
        "--ranks",
        "2",
        "--json",
    ]);
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    is_ended_by_a_signal(&["torture", "--collectives", "--kills", "100000"]);
}

#[test]
fn overwritten_slots_end_in_errors_or_wrong_results_and_all_meet_again() {
    let args = [
        "torture",
        "--chaos",
        "--collectives",
        "--writes",
        "200000",
        "--ranks",
        "3",
        "--seed",
        "1",
        "--json",
    ];
    let demo = Demo::start(&args);
    let pid = demo.pid();
    let line = demo.line().expect("a report");
    let report: Value = serde_json::from_str(&line).expect("JSON");
    for violation in ["failed", "stuck", "left_behind"] {
        assert_eq!(number(&report, violation), 0, "{report}");
    }
    demo.succeeds();
    assert_eq!(number(&report, "writes"), 200_000);
    // Else nothing was tried.
    assert!(number(&report, "right") > 0 && number(&report, "errors") > 0, "{report}");
    nothing_is_left("torture", pid);
}
