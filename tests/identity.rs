//! The kernel says which process lives, not a process id: across PID namespaces, and if ids are used again.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, mail, puppet};
use common::{Child, Scratch, reply, wait_until};
use mailbox::{Config, RecvError, Status};
use std::fs;
use std::process::Command;

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "reuser" => reply(&use_an_id_again(Scratch::at(&region))),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

/// In a PID namespace of its own, in which it is process 1.
const ELSEWHERE: &[&str] = &["unshare", "-p", "-f", "-m", "--mount-proc", "--kill-child"];

fn can_be_elsewhere() -> bool {
    let tried = Command::new(ELSEWHERE[0]).args(&ELSEWHERE[1..]).arg("true").output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: this user cannot make a PID namespace");
    }
    can
}

fn region() -> Scratch {
    let region = Scratch::new();
    region.create(Config::ranks(3).cells(4).arena(1024));
    region
}

#[test]
#[cfg_attr(portable, ignore = "process ids mean nothing in another namespace")]
fn a_death_is_told_across_pid_namespaces() {
    if !can_be_elsewhere() {
        return;
    }
    let region = region();
    let elsewhere = |rank: u32| {
        let mut child = Child::start_under(ELSEWHERE, "puppet", &region);
        assert_eq!(child.does(&format!("join {rank}")), "ok");
        child
    };
    let (mut one, mut other) = (elsewhere(0), elsewhere(1));
    let mut here = puppet(&region);
    assert_eq!(here.does("join 2"), "ok");
    // Two processes of one number, in different namespaces.
    let seen = region.open().inspect();
    assert_eq!([seen.ranks[0].pid, seen.ranks[1].pid], [1, 1]);
    assert_eq!(other.does("join 0"), "Taken { rank: 0 }");
    for peer in [&mut other, &mut here] {
        assert_eq!(peer.does("recv_timeout 0"), "Timeout", "it lives");
    }
    assert_eq!(one.does("send 1 last"), "ok");
    assert_eq!(one.does("send 2 last"), "ok");
    assert_eq!((other.does("recv"), here.does("recv")), (mail(0, 1, 0, "last"), mail(0, 1, 0, "last")));
    other.starts("recv 0");
    here.starts("recv");
    one.kill();
    assert_eq!(
        (other.answer(), here.answer()),
        ("Gone { rank: 0, died: true }".into(), "Gone { rank: 0, died: true }".into())
    );
    // And the other way: a death here is told there.
    other.starts("recv 2");
    here.kill();
    assert_eq!(other.answer(), "Gone { rank: 2, died: true }");
    let mut successor = elsewhere(0);
    assert_eq!(successor.does("epoch"), "2");
}

#[test]
#[cfg_attr(portable, ignore = "a process id that is used again looks alive")]
fn a_process_id_that_is_used_again_is_nobodys_life() {
    if !can_be_elsewhere() {
        return;
    }
    let region = region();
    let mut reuser = Child::start_under(ELSEWHERE, "reuser", &region);
    match reuser.answer().as_str() {
        "ok" => {}
        "skipped" => eprintln!("skipped: this user cannot choose process ids"),
        answer => panic!("{answer}"),
    }
}

/// Where all process ids are this process' to give.
fn use_an_id_again(region: Scratch) -> String {
    let me = region.open().join(0).expect("a free rank");
    let pid = || me.region().inspect().ranks[1].pid;
    let mut first = puppet(&region);
    assert_eq!(first.does("join 1"), "ok");
    assert_eq!(first.does("send 0 last"), "ok");
    let number = pid();
    first.kill();
    let mut second = None;
    for _ in 0..20 {
        // The next process, or thread, gets the number after this one.
        if fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).is_err() {
            return "skipped".into();
        }
        let mut child = puppet(&region);
        assert_eq!(child.does("join 2"), "ok");
        if me.region().inspect().ranks[2].pid == number {
            second = Some(child);
            break;
        }
    }
    let Some(mut second) = second else { return "skipped".into() };
    assert_eq!(me.region().status(1), Some((Status::Dead, 1)), "whoever has its number now");
    assert_eq!(me.from(1).recv().expect("mail").to_vec(), b"last");
    assert_eq!(me.from(1).recv().err(), Some(RecvError::Gone { rank: 1, died: true }));
    assert_eq!(me.region().status(2).map(|(status, _)| status), Some(Status::Live));
    // The rank is free, also for the process that has the number.
    assert_eq!(second.does("leave"), "ok");
    wait_until("the rank was left", || me.region().status(2).map(|seen| seen.0) == Some(Status::Left));
    assert_eq!(second.does("join 1"), "ok");
    assert_eq!((second.does("epoch"), pid()), ("2".to_string(), number));
    assert_eq!(me.region().status(1), Some((Status::Live, 2)));
    "ok".into()
}
