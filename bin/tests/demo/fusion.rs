//! Sensors, their fuser and a controller, whole and disturbed.

use crate::program::{
    Demo, End, ends_by_signals, ends_with_its_parent, in_order, is_told_to_be_killed, nothing_is_left,
    number_before, player,
};
use kit::{SIGKILL, signal, wait_until};

#[test]
fn a_sensor_is_killed_the_others_go_on_and_a_successor_takes_over() {
    let demo = Demo::start(&["fusion", "--quick"]);
    let pid = demo.pid();
    let lines = demo.shows_all();
    let mut next = in_order(&lines);
    next("     the camera is killed");
    let last = number_before(next(", and nobody publishes frames any more"), ", and nobody");
    next("     another camera is started");
    let line = next(", from a successor; meanwhile");
    assert_eq!(number_before(line, " follows "), last + 1, "numbers go on: {line}");
    assert_eq!(number_before(line, ", from a successor"), last);
    let line = next(" inertial samples came as ever");
    assert!(number_before(line, " inertial samples") > 0, "{line}");
    for (sensor, size) in [("camera", "1 MiB"), ("lidar", "256 KiB"), ("inertial", "64 B")] {
        let line = next(&format!("     {sensor}: "));
        assert!(number_before(line, &format!(" messages of {size}")) > 0, "{line}");
        assert!(sensor != "inertial" || number_before(line, " missed") == 0, "every one: {line}");
        next("█");
        next("  p99.9 ");
    }
    next("     how far the nearest scan was from each frame");
    next("     and the nearest inertial sample");
    let line = next("     controller: ");
    assert!(number_before(line, " estimates") > 0 && number_before(line, " looks at ") > 0, "{line}");
    next("◂ deadline");
    let line = next(" deadlines missed: ");
    let explained = number_before(line, " for want of frames");
    assert!(explained > 0, "nobody published frames for longer than that: {line}");
    assert_eq!(number_before(line, " deadlines missed"), explained + number_before(line, " else"));
    next("     no estimate was off by more than ");
    nothing_is_left("fusion", pid);
}

/// A play whose processes are all there.
fn busy() -> (Demo, u32) {
    let demo = Demo::start(&["fusion", "--seconds", "120"]);
    let pid = demo.pid();
    let have_joined = |name: &String| {
        let view = mailbox::Region::look(name.as_str());
        view.is_ok_and(|view| {
            (0..5).all(|rank| matches!(view.status(rank), Some((mailbox::Status::Live, _))))
        })
    };
    wait_until("all have joined", || {
        let names = mailbox::lab::os::shm_names().expect("a list");
        names.iter().any(|name| name.starts_with(&format!("mbox-demo-fusion-{pid}-")) && have_joined(name))
    });
    (demo, pid)
}

#[test]
fn whatever_is_killed_nothing_is_left() {
    for part in
        ["sensor --kind camera", "sensor --kind lidar", "sensor --kind inertial", "fuser", "controller"]
    {
        let (demo, pid) = busy();
        signal(player("fusion", pid, part), SIGKILL);
        is_told_to_be_killed(demo, "fusion", part);
    }
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    ends_by_signals("fusion", busy);
}

#[test]
fn players_end_with_their_parent() {
    ends_with_its_parent("fusion", 5, busy());
}

#[test]
fn a_command_line_without_sense_is_told() {
    for args in [&["--seconds", "0"][..], &["--quick", "--seconds", "3"]] {
        let End { code, complaints } = Demo::start(&[&["fusion"], args].concat()).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
    }
}
