//! The torture by overwriting, whole and broken off.

use crate::program::{Demo, End, nothing_is_left, number, players};
use kit::{SIGABRT, SIGTERM, signal, wait_until};
use serde_json::Value;

#[test]
#[cfg_attr(portable, ignore = "locks are words of the region")]
fn whatever_is_overwritten_nobody_crashes_hangs_or_stays_silent() {
    let demo = Demo::start(&["torture", "--chaos", "--writes", "1000000", "--seed", "1", "--json"]);
    let pid = demo.pid();
    let line = demo.line().expect("a report");
    assert_eq!(demo.line(), None);
    demo.succeeds();
    let report: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((number(&report, "writes"), number(&report, "ranks")), (1_000_000, 3));
    let classes = report["by_class"].as_object().expect("classes");
    assert!(classes.len() == 22 && classes.values().all(|count| count.as_u64() > Some(40_000)), "{report}");
    // Else nothing was tried.
    let happened =
        ["good", "corrupt", "resets", "revived", "answers", "right_answers", "events", "shared_lives"];
    for happened in happened.into_iter().chain(["loans_lent", "loans_read"]) {
        assert!(number(&report, happened) > 0, "{report}");
    }
    for violation in ["ended", "stuck", "silent", "mistaken", "left_behind"] {
        assert_eq!(number(&report, violation), 0, "{report}");
    }
    nothing_is_left("torture", pid);
}

#[test]
#[cfg_attr(portable, ignore = "locks are words of the region")]
fn the_report_can_be_read() {
    let demo = Demo::start(&["torture", "--chaos", "--writes", "1000", "--ranks", "2"]);
    assert!(
        demo.line()
            .expect("a report")
            .starts_with("2 ranks, one that nobody holds and two that are spared, ")
    );
    assert!(demo.shows("words overwritten ").contains(" 1000   ("));
    demo.shows("violations:");
    for violation in
        ["ended by itself", "stuck", "silent in the end", "mistaken by the spared", "left behind"]
    {
        let line = demo.line().expect("a count");
        assert_eq!(line, format!("  {violation:<24}{:>12}", 0));
    }
    assert_eq!(demo.line(), None);
    demo.succeeds();
}

#[test]
#[cfg_attr(portable, ignore = "locks are words of the region")]
fn a_process_that_ends_by_itself_is_a_violation() {
    let demo = Demo::start(&["torture", "--chaos", "--json"]);
    let pid = demo.pid();
    wait_until("processes have started", || players("torture", pid).len() == 6);
    signal(players("torture", pid)[0], SIGABRT);
    let line = demo.line().expect("a report");
    let report: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(number(&report, "ended"), 1);
    let end = demo.end();
    assert_eq!(end.code, Some(1));
    assert!(end.complaints.contains(" failed, signal: 6"), "{end:?}");
    nothing_is_left("torture", pid);
}

#[test]
#[cfg_attr(portable, ignore = "locks are words of the region")]
fn a_signal_ends_it_and_nothing_is_left() {
    // At several moments: the header may be in pieces.
    for _ in 0..8 {
        let demo = Demo::start(&["torture", "--chaos"]);
        let pid = demo.pid();
        wait_until("processes have started", || players("torture", pid).len() == 6);
        demo.signal(SIGTERM);
        assert_eq!(demo.end(), End { code: Some(128 + 15), complaints: String::new() });
        nothing_is_left("torture", pid);
    }
}

#[test]
fn it_is_refused_where_it_must_be() {
    if cfg!(portable) {
        let line = "--chaos: locks are words of the region here, which nobody may overwrite";
        Demo::start(&["torture", "--chaos"]).fails(line);
    }
    for args in [&["torture", "--chaos", "--kills", "3"][..], &["torture", "--writes", "3"]] {
        let End { code, complaints } = Demo::start(args).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
        assert!(complaints.contains("--chaos"), "{complaints}");
    }
}
