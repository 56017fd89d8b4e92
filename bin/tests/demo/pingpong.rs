//! Ping and pong, in two terminals as it were.

use crate::program::{Demo, End, broken_pipe, full_device};
use kit::{Name, SIGINT, SIGKILL, wait_until};

fn ping(region: &Name) -> Demo {
    Demo::start(&["ping", "--region", region, "--interval", "20"])
}

fn pong(region: &Name) -> Demo {
    Demo::start(&["pong", "--region", region])
}

/// A ping and a pong that have exchanged something.
fn both(region: &Name) -> (Demo, Demo) {
    let (ping, pong) = (ping(region), pong(region));
    ping.shows("ping 2: ");
    pong.shows("pong 2: ");
    (ping, pong)
}

/// Ends it as Ctrl-C does: it succeeds.
fn interrupt(demo: Demo) {
    demo.signal(SIGINT);
    demo.succeeds();
}

#[test]
fn either_may_start_first() {
    let region = Name::new();
    for first in [ping, pong] {
        let first = first(&region);
        let other = if first.shows("waiting").ends_with("pong") { pong } else { ping };
        let other = other(&region);
        for demo in [&first, &other] {
            demo.shows("rank ");
            let line = demo.shows("p");
            assert!(line.contains("ng 1: "), "{line}");
        }
        interrupt(first);
        interrupt(other);
        assert!(!region.exists());
    }
}

#[test]
fn the_last_to_end_removes_the_region() {
    for ping_first in [true, false] {
        let region = Name::new();
        let (ping, pong) = both(&region);
        if ping_first {
            interrupt(ping);
            assert!(region.exists());
            pong.shows("rank 0 has left");
            interrupt(pong);
        } else {
            interrupt(pong);
            assert!(region.exists());
            ping.shows("rank 1 has left");
            interrupt(ping);
        }
        assert!(!region.exists());
    }
}

#[test]
#[cfg_attr(portable, ignore = "leaves what it kills a zombie")]
fn ping_sees_pong_die_and_come_back() {
    let region = Name::new();
    let (ping, mut victim) = both(&region);
    for epoch in 2..5 {
        victim.signal(SIGKILL);
        ping.shows("rank 1 died");
        victim = pong(&region);
        ping.shows(&format!("rank 1 is here, epoch {epoch}"));
        let line = ping.shows("ping ");
        assert!(line.ends_with(&format!("answered in epoch {epoch}")), "{line}");
        victim.shows("pong ");
    }
    victim.signal(SIGKILL);
    ping.shows("rank 1 died");
    interrupt(ping);
    assert!(!region.exists());
}

#[test]
#[cfg_attr(portable, ignore = "leaves what it kills a zombie")]
fn pong_sees_ping_die_and_come_back() {
    let region = Name::new();
    let (mut victim, pong) = both(&region);
    for epoch in 2..5 {
        victim.signal(SIGKILL);
        pong.shows("rank 0 died");
        victim = ping(&region);
        pong.shows(&format!("rank 0 is here, epoch {epoch}"));
        let line = pong.shows("pong ");
        assert!(line.ends_with(&format!("asked in epoch {epoch}")), "{line}");
        victim.shows("ping 2");
    }
    victim.signal(SIGKILL);
    pong.shows("rank 0 died");
    interrupt(pong);
    assert!(!region.exists());
}

#[test]
#[cfg_attr(portable, ignore = "leaves what it kills a zombie")]
fn both_come_back() {
    let region = Name::new();
    let (first, second) = both(&region);
    first.signal(SIGKILL);
    second.signal(SIGKILL);
    wait_until("both are dead", || is_dead(&first) && is_dead(&second));
    let (ping, pong) = both(&region);
    interrupt(pong);
    interrupt(ping);
    assert!(!region.exists());
}

/// A killed child stays as a zombie until its test waits for it.
fn is_dead(demo: &Demo) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", demo.pid())).expect("a process of ours");
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[test]
fn a_count_ends_both() {
    let region = Name::new();
    let pong = Demo::start(&["pong", "--region", &region, "--count", "3"]);
    let ping = Demo::start(&["ping", "--region", &region, "--count", "3", "--interval", "1"]);
    ping.shows("ping 3: ");
    pong.shows("pong 3: ");
    ping.succeeds();
    pong.succeeds();
    assert!(!region.exists());
    for command in ["ping", "pong"] {
        let End { code, complaints } = Demo::start(&[command, "--region", &region, "--count", "0"]).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
        assert!(complaints.contains("'--count <N>': 0 is not in 1.."), "{complaints}");
    }
}

#[test]
fn a_second_ping_is_told_so() {
    let region = Name::new();
    let (first, other) = both(&region);
    ping(&region).fails(&format!(
        "region {:?}: rank 0 is held by a live process; choose another region: --region NAME",
        &*region
    ));
    first.shows("ping ");
    interrupt(first);
    interrupt(other);
    assert!(!region.exists());
}

#[test]
fn a_region_of_others_is_left_alone() {
    let region = Name::new();
    let _theirs = mailbox::Region::create(&*region, mailbox::Config::ranks(2)).expect("a new region");
    let End { code, complaints } = ping(&region).end();
    assert_eq!(code, Some(1));
    assert!(complaints.contains("the region has protocol 0"), "{complaints}");
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(region.exists());
}

#[test]
fn a_bad_name_is_told() {
    Demo::start(&["pong", "--region", ".hidden"])
        .fails("region \".hidden\": a name has 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with a dot");
    Demo::start(&["pong", "--region", "/nowhere/x"]).fails(
        "region \"/nowhere/x\": the folder that the region would be in does not exist; choose another region: --region NAME",
    );
}

#[test]
fn nobody_reads_them() {
    let region = Name::new();
    for command in ["ping", "pong"] {
        let args = [command, "--region", &region];
        Demo::launch(&args, broken_pipe()).fails("standard output: Broken pipe (os error 32)");
        assert!(!region.exists());
        Demo::launch(&args, full_device()).fails("standard output: No space left on device (os error 28)");
        assert!(!region.exists());
    }
}

#[test]
fn they_meet_in_a_file() {
    let folder = std::env::temp_dir().join(&*Name::new());
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("region").into_os_string().into_string().expect("letters");
    let (ping, pong) = (
        Demo::start(&["ping", "--region", &path, "--interval", "20"]),
        Demo::start(&["pong", "--region", &path]),
    );
    ping.shows("ping 2: ");
    pong.shows("pong 2: ");
    assert!(std::path::Path::new(&path).is_file());
    interrupt(ping);
    pong.shows("rank 0 has left");
    interrupt(pong);
    // It is empty only if the last to end removed the region.
    std::fs::remove_dir(&folder).expect("an empty folder");
}
