//! The control loop and the three priorities, whole and disturbed.

use crate::program::{
    Demo, End, ends_by_signals, ends_with_its_parent, find_player, in_order, is_read_by_nobody,
    is_told_to_be_killed, nothing_is_left, number, player,
};
use kit::{SIGCONT, SIGKILL, SIGSTOP, signal, wait_until};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn both_loops_are_drawn_and_stand_side_by_side() {
    let demo = Demo::start(&["control", "--seconds", "1"]);
    let pid = demo.pid();
    let lines = demo.shows_all();
    let mut next = in_order(&lines);
    for side in ["  sensor  ", "  controller  ", "  actuator  "] {
        next(side);
    }
    for way in ["mailboxes", "sockets"] {
        next(&format!("through {way}:"));
        next("█");
    }
    next("     mailboxes       sockets");
    for name in ["sample to command", "jitter of the period", "tick to sample"] {
        for quantile in ["p50", "p99", "p99.9", "worst"] {
            next(&format!("  {name}, {quantile} "));
        }
    }
    next("  samples that were due ");
    next("  deadlines missed ");
    next("Pages that the sides had to wait for in the loops: ");
    next("Priority inversion");
    nothing_is_left("control", pid);
}

/// The one line that a demonstration shows, which must succeed.
fn report(demo: Demo) -> Value {
    let pid = demo.pid();
    let Some(line) = demo.line() else { panic!("it shows nothing: {:?}", demo.end()) };
    assert_eq!(demo.line(), None, "no more than one line");
    demo.succeeds();
    nothing_is_left("control", pid);
    serde_json::from_str(&line).expect("JSON")
}

fn adds_up(report: &Value, ticks: u64) {
    let loops = report["loops"].as_array().expect("a list");
    let names: Vec<_> = loops.iter().map(|way| way["through"].as_str()).collect();
    assert_eq!(names, [Some("mailboxes"), Some("sockets")]);
    for way in loops {
        assert_eq!(number(way, "ticks"), ticks, "{way}");
        let came = number(way, "in_time") + number(way, "late");
        assert_eq!(came + number(way, "never"), ticks, "{way}");
        assert!(came > 0, "{way}");
        for times in ["lateness", "latency"] {
            assert_eq!(number(&way[times], "count"), came, "{way}");
        }
        assert!(number(&way["jitter"], "count") < came, "{way}");
        for times in ["lateness", "latency", "jitter"] {
            let [p50, p99, p99_9, max] =
                ["p50_ns", "p99_ns", "p99_9_ns", "max_ns"].map(|field| number(&way[times], field));
            assert!(p50 <= p99 && p99 <= p99_9 && p99_9 <= max, "{way}");
        }
        // 0 where no command came in time.
        assert!(way["largest_angle_degrees"].as_f64().is_some_and(|angle| angle >= 0.0), "{way}");
    }
}

#[test]
fn counts_add_up() {
    let report = report(Demo::start(&["control", "--seconds", "1", "--rate", "400", "--json"]));
    adds_up(&report, 400);
    assert!(number(&report, "region_bytes") > 0 && report["page_faults"].is_u64(), "{report}");
    let sides = report["sides"].as_array().expect("a list");
    let processors = number(&report, "processors");
    for (at, side) in sides.iter().enumerate() {
        let own = processors >= 3 || processors == 2 && at == 1;
        assert_eq!(side["own_processor"].as_bool(), Some(own), "{side}");
        let told = side["without"].as_array().expect("a list").len();
        let lacks = usize::from(side["priority"].is_null()) + usize::from(side["memory_locked"] == false);
        assert_eq!(told, lacks, "what it lacks is told: {side}");
    }
    let Some(waits) = report["inversion"]["waits"].as_array() else {
        assert!(report["inversion"]["skipped"].is_string(), "{report}");
        eprintln!("skipped: this user may not have real-time priority");
        return;
    };
    let behind: Vec<_> =
        waits.iter().map(|way| (number(way, "rounds"), number(way, "behind_middle"))).collect();
    assert_eq!(behind, [(5, 5), (5, 0), (5, 0)], "with the lock, and only so, high is behind middle");
}

#[test]
fn a_rate_that_no_turn_divides() {
    adds_up(&report(Demo::start(&["control", "--seconds", "2", "--rate", "7", "--json"])), 14);
}

/// The program without the right to real-time priority, and to more than so many bytes of locked memory.
fn without_privileges(memory: &str, args: &[&str]) -> Option<Demo> {
    let memory = &*format!("--memlock={memory}");
    let drop = ["--bounding-set=-sys_nice,-ipc_lock", "prlimit", memory, "--rtprio=0"];
    let mut command = Command::new("setpriv");
    command.args(drop).stderr(Stdio::null());
    if !command.arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user cannot give up privileges");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(drop).arg(env!("CARGO_BIN_EXE_mbox-demo")).args(args);
    Some(Demo::of(command.stdout(Stdio::piped())))
}

#[test]
fn what_the_system_refuses_is_told() {
    // None at all, and less than it has.
    for memory in ["0", "4194304"] {
        let args = ["control", "--seconds", "1", "--json"];
        let Some(demo) = without_privileges(memory, &args) else { return };
        let report = report(demo);
        adds_up(&report, 1000);
        for side in report["sides"].as_array().expect("a list") {
            assert!(side["priority"].is_null() && side["memory_locked"] == false, "{side}");
            assert_eq!(side["without"].as_array().map(Vec::len), Some(2), "{side}");
        }
        assert!(report["inversion"]["skipped"].is_string(), "{report}");
    }

    let Some(demo) = without_privileges("65536", &["control", "--seconds", "1"]) else { return };
    demo.shows("Without locked memory: ");
    demo.shows("Without real-time priority: ");
    demo.shows("Priority inversion is skipped, for want of real-time priority:");
    demo.succeeds();
}

/// A loop whose sides are all there.
fn busy() -> (Demo, u32) {
    let demo = Demo::start(&["control", "--seconds", "120"]);
    let pid = demo.pid();
    demo.shows("All of the region was taken before: ");
    (demo, pid)
}

#[test]
fn whatever_is_killed_nothing_is_left() {
    for role in ["sensor", "controller", "actuator"] {
        let (demo, pid) = busy();
        let part = format!("side --role {role}");
        signal(player("control", pid, &part), SIGKILL);
        is_told_to_be_killed(demo, "control", &part);
    }
}

#[test]
fn so_it_is_with_the_three_threads() {
    let demo = Demo::start(&["control", "--seconds", "1"]);
    let pid = demo.pid();
    let mut found = None;
    wait_until("they have started", || {
        found = find_player("control", pid, "inversion");
        found.is_some()
    });
    signal(found.expect("a process"), SIGKILL);
    is_told_to_be_killed(demo, "control", "inversion");
}

#[test]
fn a_side_that_stays_stopped_is_told() {
    let (demo, pid) = busy();
    let part = "side --role controller";
    signal(player("control", pid, part), SIGSTOP);
    let End { code, complaints } = demo.end();
    assert_eq!((code, complaints.lines().count()), (Some(1), 1), "{complaints}");
    assert!(complaints.starts_with(&format!("mbox-demo: the process for \"{part}")), "{complaints}");
    assert!(complaints.ends_with(" is stopped\n"), "{complaints}");
    nothing_is_left("control", pid);
}

#[test]
fn a_side_that_is_stopped_for_a_moment_goes_on() {
    let demo = Demo::start(&["control", "--seconds", "1"]);
    let pid = demo.pid();
    demo.shows("All of the region was taken before: ");
    let side = player("control", pid, "side --role actuator");
    signal(side, SIGSTOP);
    std::thread::sleep(Duration::from_millis(300));
    signal(side, SIGCONT);
    demo.shows("Priority inversion");
    demo.succeeds();
    nothing_is_left("control", pid);
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    ends_by_signals("control", busy);
}

#[test]
fn sides_end_with_their_parent() {
    ends_with_its_parent("control", 3, busy());
}

#[test]
fn nobody_reads_it() {
    is_read_by_nobody("control", &["--seconds", "1"]);
}

#[test]
fn a_command_line_without_sense_is_told() {
    for args in [
        &["--seconds", "0"][..],
        &["--seconds", "many"],
        &["--rate", "0"],
        &["--rate", "10001"],
        &["--deadline", "1"],
    ] {
        let End { code, complaints } = Demo::start(&[&["control"], args].concat()).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
        assert!(complaints.contains("; see: mbox-demo control --help"), "{complaints}");
    }
}
