//! What docs/security.md says of users, groups, and of what the library does not do behind anybody's back.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{Child, SHORT, Scratch, become_user, is_root, reply};
use mailbox::{Config, CreateError, Endpoint, Region, Wait};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::panic::{self, AssertUnwindSafe};

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "quiet" => do_everything(&Scratch::at(&region)),
        Some((role, region)) if role == "stranger" => create_for_others(&Scratch::at(&region)),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const SMALL: Config = Config::ranks(2).cells(4).arena(1024);
/// A user that this process is not, and a group that nobody is in.
const SOMEBODY: u32 = 65_534;
const NOBODYS_GROUP: u32 = 54_321;

// --- Users and groups --------------------------------------------------------------------------------------

#[test]
fn nobody_else_is_let_in_unless_the_creator_says_so() {
    let (name, file) = (Scratch::new(), Scratch::file());
    drop((name.create(SMALL), file.create(SMALL)));
    for scratch in [name, file] {
        assert_eq!(fs::metadata(scratch.path()).expect("a region").permissions().mode() & 0o7777, 0o600);
    }
    let unnamed = Region::create_unnamed(SMALL).expect("a region");
    let unnamed = File::from(unnamed.as_fd().try_clone_to_owned().expect("a descriptor"));
    assert_eq!(unnamed.metadata().expect("facts").permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_group_is_let_in_and_no_other() {
    if !is_root() {
        return eprintln!("skipped: only root can be in any group, and become another user");
    }
    let shared = SMALL.mode(0o660);
    for scratch in [Scratch::new(), Scratch::file()] {
        drop(scratch.create(shared.group(NOBODYS_GROUP)));
        let facts = fs::metadata(scratch.path()).expect("a region");
        assert_eq!((facts.gid(), facts.permissions().mode() & 0o7777), (NOBODYS_GROUP, 0o660));
        let mut stranger = puppet(&scratch);
        assert_eq!(stranger.does(&format!("user {SOMEBODY}")), "ok");
        assert_eq!(stranger.does("open"), "Denied");
        fs::remove_file(scratch.path()).expect("a region");
        // This one keeps root's group, and is asked whom it trusts.
        drop(scratch.create(shared.group(0)));
        assert_eq!(stranger.does("open"), "Owner { uid: 0 }");
    }
    let unnamed = Region::create_unnamed(shared.group(NOBODYS_GROUP)).expect("a region");
    let unnamed = File::from(unnamed.as_fd().try_clone_to_owned().expect("a descriptor"));
    let facts = unnamed.metadata().expect("facts");
    assert_eq!((facts.gid(), facts.permissions().mode() & 0o7777), (NOBODYS_GROUP, 0o660));
}

#[test]
fn nobody_gives_a_region_to_a_group_of_others() {
    if !is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    let mut stranger = Child::start("stranger", &Scratch::new());
    assert_eq!(stranger.answer(), "ok");
    stranger.finish();
}

fn create_for_others(scratch: &Scratch) {
    become_user(SOMEBODY);
    let config = SMALL.group(NOBODYS_GROUP).mode(0o660);
    assert_eq!(Region::create(scratch.name(), config).err(), Some(CreateError::Denied));
    assert_eq!(Region::create_unnamed(config).err(), Some(CreateError::Denied));
    let folder = scratch.path();
    let left = fs::read_dir(folder.parent().expect("a folder")).expect("a folder");
    let ours = left.filter_map(|entry| entry.ok()?.metadata().ok()).filter(|facts| facts.uid() == SOMEBODY);
    assert_eq!(ours.filter(|facts| facts.gid() == NOBODYS_GROUP).count(), 0);
    assert!(!scratch.path().exists(), "nothing is left behind");
    reply("ok");
}

// --- Signals -----------------------------------------------------------------------------------------------

#[test]
fn no_signal_handler_is_installed_and_none_is_blocked() {
    let scratch = Scratch::new();
    let mut quiet = Child::start("quiet", &scratch);
    assert_eq!(quiet.answer(), "ok");
    quiet.finish();
}

/// What this thread does with signals, and its process.
fn signals() -> Vec<String> {
    let status = fs::read_to_string("/proc/thread-self/status").expect("a process");
    let fields = ["SigBlk", "SigIgn", "SigCgt"];
    status
        .lines()
        .filter(|line| fields.iter().any(|field| line.starts_with(field)))
        .map(String::from)
        .collect()
}

fn do_everything(scratch: &Scratch) {
    let talk = |me: &Endpoint| {
        for wait in [Wait::Spin, Wait::Adaptive, Wait::Block, Wait::Event] {
            me.set_wait(wait);
            me.send(0, b"x").expect("room");
            assert_eq!(me.recv_from(0).expect("mail").to_vec(), b"x");
            assert!(me.recv_timeout(SHORT).is_err());
        }
        me.interrupter().interrupt();
        assert!(me.recv().is_err());
    };
    let before = signals();
    assert_eq!(before.len(), 3);
    let file = Scratch::file();
    for region in
        [scratch.create(SMALL), file.create(SMALL), Region::create_unnamed(SMALL).expect("a region")]
    {
        let me = region.join(0).expect("a free rank");
        talk(&me);
        let die = || {
            let _me = me;
            panic::resume_unwind(Box::new(()))
        };
        assert!(panic::catch_unwind(AssertUnwindSafe(die)).is_err());
        assert_eq!(signals(), before);
    }
    drop(Region::list());
    Region::remove_at(scratch.name()).expect("an unused region");
    assert_eq!(signals(), before);
    reply("ok");
}
