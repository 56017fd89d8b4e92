//! The gateway and its traders, whole and disturbed.

use crate::program::{Demo, End, broken_pipe, full_device, nothing_is_left, players};
use kit::{SIGINT, SIGKILL, SIGTERM, signal, wait_until};
use std::fs;

/// The process that was started with these arguments first, in the play of process `pid`.
fn player(pid: u32, part: &str) -> u32 {
    let is_that = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(&format!(" part {part} --"))
    };
    players("gateway", pid).into_iter().find(is_that).unwrap_or_else(|| panic!("no {part}"))
}

/// The number in front of `what` in a line.
fn number(line: &str, what: &str) -> u64 {
    let before = line.split(what).next().expect("a number").trim_end();
    before
        .rsplit([' ', ';'])
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{line}"))
}

fn trades(traders: u32, orders: u64) {
    let (count, each) = (traders.to_string(), orders.to_string());
    let demo = Demo::start(&["gateway", "--traders", &count, "--orders", &each, "--seed", "7"]);
    let pid = demo.pid();
    let mut lines = vec![];
    while let Some(line) = demo.line() {
        assert!(line.chars().count() <= 80, "{line}");
        lines.push(line);
    }
    demo.succeeds();
    let all = u64::from(traders) * orders;
    let line = |what: &str| {
        lines.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what} in {lines:#?}"))
    };
    assert_eq!(number(line(" orders in "), " orders in "), all);
    let answers = line(" filled or resting, ");
    let refused = number(answers, " refused");
    assert_eq!(number(answers, " filled or resting") + refused, all);
    assert!(refused > 0 && number(answers, " shares traded") > 0, "{answers}");
    assert_eq!(number(line(" snapshots of "), " snapshots"), u64::from(traders) * (orders / 1000));
    assert!(lines.iter().any(|line| line.contains("█")), "{lines:#?}");
    assert!(line("     p50 ").contains("  p99.9 "));
    for reference in ["line", "call", "trip"] {
        assert!(line(&format!("     ◂ {reference}  ")).contains("  p50 "));
        assert!(lines.iter().any(|line| line.contains(" ◂ ") && line.ends_with(reference) || {
            line.split_once("  ◂ ").is_some_and(|(_, names)| names.split(", ").any(|name| name == reference))
        }));
    }
    line("the sums hold: ");
    nothing_is_left("gateway", pid);
}

#[test]
fn orders_are_answered_once_and_the_sums_hold() {
    trades(1, 3000);
    trades(2, 2000);
    trades(5, 1000);
}

#[test]
fn seconds_end_it() {
    let demo = Demo::start(&["gateway", "--seconds", "1"]);
    demo.shows("     trader 1: ");
    demo.shows("     the sums hold: ");
    demo.succeeds();
}

/// A gateway and two traders that have begun.
fn busy() -> (Demo, u32) {
    let demo = Demo::start(&["gateway", "--seconds", "120"]);
    let pid = demo.pid();
    demo.shows("     trader 1: ");
    (demo, pid)
}

/// It failed, and said this of the process that was killed.
fn killed(demo: Demo, pid: u32, part: &str) {
    let end = demo.end();
    assert_eq!(end.code, Some(1));
    assert!(end.complaints.starts_with(&format!("mbox-demo: the process for \"{part} ")), "{end:?}");
    assert!(end.complaints.contains(" failed, signal: 9"), "{end:?}");
    assert_eq!(end.complaints.lines().count(), 1, "{end:?}");
    nothing_is_left("gateway", pid);
}

#[test]
fn a_killed_gateway_is_told_by_its_traders() {
    let (demo, pid) = busy();
    signal(player(pid, "gateway"), SIGKILL);
    let mut told = vec![];
    while let Some(line) = demo.line() {
        if let Some((trader, news)) = line.split_once(" is told by its call: ") {
            assert_eq!(news, "rank 0 died, or was replaced, without an answer");
            told.push(trader.trim().to_owned());
        }
    }
    told.sort();
    assert_eq!(told, ["trader 1", "trader 2"]);
    killed(demo, pid, "gateway");
}

#[test]
fn a_killed_trader_is_told_by_the_gateway_and_the_other_ends() {
    let (demo, pid) = busy();
    signal(player(pid, "trader --rank 1"), SIGKILL);
    let line = demo.shows("     the gateway is told after order ");
    assert!(line.ends_with(": rank 1 is dead"), "{line}");
    let line = demo.shows("     trader 2 is told by its call: ");
    assert!(line.contains(" left"), "{line}");
    killed(demo, pid, "trader");
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    for (number, code) in [(SIGINT, 130), (SIGTERM, 143)] {
        let (demo, pid) = busy();
        demo.signal(number);
        assert_eq!(demo.end(), End { code: Some(code), complaints: String::new() });
        nothing_is_left("gateway", pid);
    }
}

#[test]
fn players_end_with_their_parent() {
    let (demo, pid) = busy();
    assert_eq!(players("gateway", pid).len(), 3);
    let regions: Vec<String> = mailbox::lab::os::shm_names().expect("a list");
    demo.signal(SIGKILL);
    wait_until("all have ended", || players("gateway", pid).is_empty());
    // A killed process cannot clean up. `mbox clean` does that, or here the test.
    for region in regions.iter().filter(|name| name.starts_with(&format!("mbox-demo-gateway-{pid}-"))) {
        fs::remove_file(mailbox::lab::os::shm_path(region)).expect("it is left");
    }
}

#[test]
fn nobody_reads_it() {
    for (output, error) in [
        (std::process::Stdio::from(broken_pipe()), "Broken pipe (os error 32)"),
        (full_device().into(), "No space left on device (os error 28)"),
    ] {
        let demo = Demo::launch(&["gateway"], output);
        let pid = demo.pid();
        demo.fails(&format!("standard output: {error}"));
        nothing_is_left("gateway", pid);
    }
}

#[test]
fn a_command_line_without_sense_is_told() {
    for args in [&["--traders", "0"][..], &["--orders", "0"], &["--orders", "1", "--seconds", "1"]] {
        let End { code, complaints } = Demo::start(&[&["gateway"], args].concat()).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
    }
}
