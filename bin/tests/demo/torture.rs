//! The torture, whole and broken off.

use crate::program::{
    Demo, is_ended_by_a_signal, nothing_is_left, number, tells_of_a_process_that_fails_by_itself,
};
use serde_json::Value;

/// Tortures with this seed: nothing is wrong.
fn survives(seed: &str) {
    let demo = Demo::start(&["torture", "--kills", "40", "--ranks", "3", "--seed", seed, "--json"]);
    let pid = demo.pid();
    let line = demo.line().expect("a report");
    assert_eq!(demo.line(), None);
    demo.succeeds();
    let report: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((number(&report, "kills"), number(&report, "ranks")), (40, 3));
    assert!(number(&report, "messages") > 0 && number(&report, "lives") > 3, "{report}");
    // Else nothing was tried.
    assert!(number(&report, "calls_answered") > 0 && number(&report, "calls_given_up") > 0, "{report}");
    assert!(number(&report, "started") > 0 && number(&report, "peeked") > 0, "{report}");
    assert!(number(&report, "panics") > 0 && number(&report, "given_again") > 0, "{report}");
    assert!(number(&report, "own_ends") > 0 && number(&report, "silent_ends_told") > 0, "{report}");
    let mail = ["lost", "torn", "disordered", "repeated", "unmarked", "mismarked"];
    let others = ["mistaken", "twice", "belied", "untold", "mistold", "stuck", "left_behind"];
    for violation in [&mail[..], &others].concat() {
        assert_eq!(number(&report, violation), 0, "{report}");
    }
    nothing_is_left("torture", pid);
}

#[test]
fn mail_and_calls_keep_their_promises_whoever_is_killed() {
    // Of several sizes of mailbox.
    for seed in ["1", "2", "3"] {
        survives(seed);
    }
}

#[test]
fn the_end_is_no_place_to_wait_in() {
    // Two who wait for each other beyond the last message are stuck: in one run of thirteen, while they could be.
    for seed in 1..=60 {
        Demo::start(&[
            "torture",
            "--kills",
            "1",
            "--ranks",
            "2",
            "--rate",
            "200",
            "--seed",
            &seed.to_string(),
        ])
        .succeeds();
    }
}

#[test]
fn the_report_can_be_read() {
    let demo = Demo::start(&["torture", "--kills", "3", "--ranks", "2"]);
    assert!(demo.line().expect("a report").starts_with("2 ranks, "));
    assert!(demo.shows("kills ").contains("   3   ("));
    demo.shows("own ends ");
    demo.shows("  ended by a death ");
    demo.shows("panics ");
    demo.shows("  of silent lives ");
    demo.shows("violations:");
    let mail = ["lost", "torn", "out of order", "seen after acknowledged"];
    let calls = ["another call's answer", "carried out twice", "told what is not so"];
    let ends = ["again without a mark", "new with a mark", "end not told", "end told wrongly"];
    for violation in [&mail[..], &calls, &ends, &["stuck", "left behind"]].concat() {
        let line = demo.line().expect("a count");
        assert_eq!(line, format!("  {violation:<24}{:>12}", 0));
    }
    assert_eq!(demo.line(), None);
    demo.succeeds();
}

#[test]
fn a_process_that_fails_by_itself_is_told() {
    tells_of_a_process_that_fails_by_itself(&["torture", "--kills", "100000", "--ranks", "2", "--rate", "1"]);
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    is_ended_by_a_signal(&["torture", "--kills", "100000", "--rate", "200"]);
}
