//! The torture of those that publish and read topics.

use crate::program::{is_ended_by_a_signal, number, tells_of_a_process_that_fails_by_itself};
use crate::tortures::{report, report_can_be_read, report_of_kills};

#[test]
fn topics_keep_their_promises_while_publishers_and_readers_are_killed() {
    for (seed, ranks) in [("1", 3), ("2", 5)] {
        let happened = ["published", "read", "missed", "held", "subscriptions", "lives"];
        let report = report_of_kills("--topics", 30, ranks, seed, &happened);
        assert_eq!((number(&report, "wrong"), number(&report, "errors")), (0, 0), "{report}");
    }
}

#[test]
fn overwritten_topics_end_in_errors_or_wrong_messages_and_a_fresh_one_works() {
    let report = report("--topics", &["--chaos", "--writes", "100000", "--seed", "1"]);
    assert_eq!(number(&report, "writes"), 100_000);
    // Else nothing was tried.
    assert!(number(&report, "read") > 0 && number(&report, "wrong") > 0, "{report}");
}

#[test]
fn the_report_can_be_read() {
    report_can_be_read("--topics", "publish and read", "missed ");
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
