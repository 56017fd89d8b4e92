//! The torture of those that act together.

use crate::program::{is_ended_by_a_signal, number, tells_of_a_process_that_fails_by_itself};
use crate::tortures::{report, report_can_be_read, report_of_kills};

#[test]
fn operations_keep_their_promises_while_members_are_killed() {
    for (seed, ranks) in [("1", 3), ("2", 4)] {
        let happened = ["operations", "bytes", "worlds", "shrunk", "deaths_told"];
        report_of_kills("--collectives", 25, ranks, seed, &happened);
    }
}

#[test]
fn the_report_can_be_read() {
    report_can_be_read("--collectives", "act together", "deaths told ");
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
    let args = ["--chaos", "--writes", "200000", "--ranks", "3", "--seed", "1"];
    let report = report("--collectives", &args);
    assert_eq!(number(&report, "writes"), 200_000);
    // Else nothing was tried.
    assert!(number(&report, "right") > 0 && number(&report, "errors") > 0, "{report}");
}
