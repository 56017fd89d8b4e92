//! The torture of those whose threads share an endpoint.

use crate::program::{is_ended_by_a_signal, tells_of_a_process_that_fails_by_itself};
use crate::tortures::{report_can_be_read, report_of_kills};

#[test]
fn shared_endpoints_keep_their_promises_while_processes_are_killed_and_stopped() {
    let happened = ["sent", "announced", "received_again", "requeued", "answered", "ends_told", "alone"];
    for (seed, ranks) in [("1", 2), ("2", 4)] {
        report_of_kills("--shared", 25, ranks, seed, &happened);
    }
}

#[test]
fn the_report_can_be_read() {
    report_can_be_read("--shared", "share endpoints", "received again ");
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
