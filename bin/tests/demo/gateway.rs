//! The gateway and its traders, whole and disturbed.

use crate::program::{
    Demo, End, ends_by_signals, ends_with_its_parent, is_read_by_nobody, is_told_to_be_killed,
    nothing_is_left, number_before, player,
};
use kit::{SIGKILL, signal};

fn trades(traders: u32, orders: u64) {
    let (count, each) = (traders.to_string(), orders.to_string());
    let demo = Demo::start(&["gateway", "--traders", &count, "--orders", &each, "--seed", "7"]);
    let pid = demo.pid();
    let lines = demo.shows_all();
    let all = u64::from(traders) * orders;
    let line = |what: &str| {
        lines.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what} in {lines:#?}"))
    };
    assert_eq!(number_before(line(" orders in "), " orders in "), all);
    let answers = line(" filled or resting, ");
    let refused = number_before(answers, " refused");
    assert_eq!(number_before(answers, " filled or resting") + refused, all);
    assert!(refused > 0 && number_before(answers, " shares traded") > 0, "{answers}");
    assert_eq!(number_before(line(" snapshots of "), " snapshots"), u64::from(traders) * (orders / 1000));
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

#[test]
fn a_killed_gateway_is_told_by_its_traders() {
    let (demo, pid) = busy();
    signal(player("gateway", pid, "gateway"), SIGKILL);
    let mut told = vec![];
    while let Some(line) = demo.line() {
        if let Some((trader, news)) = line.split_once(" is told by its call: ") {
            assert_eq!(news, "rank 0 died, or was replaced, without an answer");
            told.push(trader.trim().to_owned());
        }
    }
    told.sort();
    assert_eq!(told, ["trader 1", "trader 2"]);
    is_told_to_be_killed(demo, "gateway", "gateway ");
}

#[test]
fn a_killed_trader_is_told_by_the_gateway_and_the_other_ends() {
    let (demo, pid) = busy();
    signal(player("gateway", pid, "trader --rank 1"), SIGKILL);
    let line = demo.shows("     the gateway is told after order ");
    assert!(line.ends_with(": rank 1 is dead"), "{line}");
    let line = demo.shows("     trader 2 is told by its call: ");
    assert!(line.contains(" left"), "{line}");
    is_told_to_be_killed(demo, "gateway", "trader ");
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    ends_by_signals("gateway", busy);
}

#[test]
fn players_end_with_their_parent() {
    ends_with_its_parent("gateway", 3, busy());
}

#[test]
fn nobody_reads_it() {
    is_read_by_nobody("gateway", &[]);
}

#[test]
fn a_command_line_without_sense_is_told() {
    for args in [&["--traders", "0"][..], &["--orders", "0"], &["--orders", "1", "--seconds", "1"]] {
        let End { code, complaints } = Demo::start(&[&["gateway"], args].concat()).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
    }
}
