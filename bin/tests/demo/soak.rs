//! The soak, whole and broken off.

use crate::program::{Demo, End, nothing_is_left, players};
use kit::{SIGINT, SIGKILL, signal, wait_until};
use serde_json::Value;

#[test]
fn a_million_messages_are_in_order_and_nothing_grows() {
    let demo = Demo::start(&["soak", "--messages", "1000000", "--json"]);
    let pid = demo.pid();
    let line = demo.line().expect("a report");
    assert_eq!(demo.line(), None);
    demo.succeeds();
    let report: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((report["messages"].as_u64(), report["ranks"].as_u64()), (Some(1_000_000), Some(4)));
    for reading in [&report["first"], &report["last"]] {
        assert_eq!(reading["processes"].as_array().map(Vec::len), Some(4), "{report}");
        assert!(reading["segment_kib"].as_u64() > Some(0), "{report}");
    }
    nothing_is_left("soak", pid);
}

#[test]
fn the_report_can_be_read() {
    let demo = Demo::start(&["soak", "--messages", "1000", "--ranks", "2"]);
    assert!(demo.line().expect("a report").starts_with("1000 messages between 2 ranks in "));
    demo.shows("rank 0    memory, KiB ");
    demo.shows("rank 1    memory, KiB ");
    demo.shows("segment, KiB in memory ");
    demo.succeeds();
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    let demo = Demo::start(&["soak"]);
    let pid = demo.pid();
    wait_until("processes have started", || players("soak", pid).len() == 4);
    demo.signal(SIGINT);
    assert_eq!(demo.end(), End { code: Some(128 + 2), complaints: String::new() });
    nothing_is_left("soak", pid);
}

#[test]
fn a_process_that_is_killed_is_told() {
    let demo = Demo::start(&["soak"]);
    let pid = demo.pid();
    wait_until("processes have started", || players("soak", pid).len() == 4);
    signal(players("soak", pid)[0], SIGKILL);
    let end = demo.end();
    assert_eq!(end.code, Some(1));
    assert!(end.complaints.contains(" failed, signal: 9"), "{end:?}");
    nothing_is_left("soak", pid);
}
