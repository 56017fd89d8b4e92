//! What docs/security.md says of users, groups, and of what the library does not do behind anybody's back.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{Child, ON_EVENTS, SHORT, Scratch, become_user, is_root, place, reply};
use mailbox::lab::os;
use mailbox::{Config, CreateError, Endpoint, Mismatch, OpenError, OpenOptions, OwnedPlace, Region, Wait};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "quiet" => do_everything(&Scratch::at(&region)),
        Some((role, region)) if role == "unmapped" => meet_those_without_a_number(&region),
        Some((role, region)) if role == "nobody" => be_nobody(&Scratch::at(&region)),
        Some((role, region)) if role == "stranger" => create_for_others(&Scratch::at(&region)),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const SMALL: Config = Config::ranks(2).cells(4).arena(1024).loans(0).groups(0);
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
        assert_eq!(stranger.does("open"), format!("{:?}", OpenError::Denied(place(scratch.name()).into())));
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
    assert_eq!(
        Region::create(scratch.name(), config).err(),
        Some(CreateError::Denied(scratch.name().into()))
    );
    assert_eq!(Region::create_unnamed(config).err(), Some(CreateError::Denied(OwnedPlace::Unnamed)));
    let folder = scratch.path();
    let left = fs::read_dir(folder.parent().expect("a folder")).expect("a folder");
    let ours = left.filter_map(|entry| entry.ok()?.metadata().ok()).filter(|facts| facts.uid() == SOMEBODY);
    assert_eq!(ours.filter(|facts| facts.gid() == NOBODYS_GROUP).count(), 0);
    assert!(!scratch.path().exists(), "nothing is left behind");
    reply("ok");
}

/// What a file shows as its owner who has no number in a user namespace.
const OVERFLOW: u32 = 65_534;

#[test]
#[cfg_attr(portable, ignore = "user namespaces are Linux'")]
fn who_has_no_number_in_a_namespace_is_a_stranger() {
    let options: [&[&str]; 2] = [&["-U"], &["-U", "--map-user=65534"]];
    for options in options {
        let tried = Command::new("unshare").args(options).arg("true").output();
        if !tried.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: unshare {options:?}");
            continue;
        }
        let scratch = Scratch::new();
        drop(scratch.create(SMALL.mode(0o666)));
        let half_built = os::shm_path(&format!("{}.mailbox-{:016x}", scratch.name(), 1));
        let half_built = Scratch::at(half_built.to_str().expect("text"));
        fs::write(half_built.path(), [0; 4096]).expect("a file");
        if is_root() {
            for path in [scratch.path(), half_built.path()] {
                chown(&path, Some(12_345), None).expect("another owner");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("a mode");
            }
        }
        let wrapper: Vec<&str> = ["unshare"].iter().chain(options).copied().collect();
        let mut child = Child::start_under(&wrapper, "unmapped", &scratch);
        assert_eq!(child.answer(), "ok", "{options:?}");
        child.finish();
        assert!(scratch.path().exists() && half_built.path().exists(), "{options:?}");
    }
}

fn meet_those_without_a_number(name: &str) {
    let stranger = OpenError::Mismatch(Mismatch::Owner { uid: OVERFLOW });
    assert_eq!(os::user(), OVERFLOW);
    assert_eq!(Region::open(name).err(), Some(stranger.clone()));
    assert_eq!(Region::look(name).err(), Some(stranger.clone()));
    assert_eq!(Region::remove_at(name), Err(stranger.clone().into()));
    assert_eq!(Region::create_or_open(name, SMALL).err(), Some(stranger.clone().into()));
    let listed = Region::list().expect("a list").into_iter().find(|listed| listed.name == name);
    assert_eq!(listed.and_then(|listed| listed.refusal), Some(stranger.clone()));
    let leftovers = Region::leftovers().expect("a folder");
    assert!(!leftovers.iter().any(|leftover| leftover.name.starts_with(name)));
    assert!(!Region::clean().expect("a folder").iter().any(|removed| removed.starts_with(name)));
    // A user that is named by number is trusted.
    let trusting = OpenOptions::new().owner(OVERFLOW);
    assert_eq!(trusting.open(name).map(|region| region.ranks()), Ok(2));
    // What this process makes shows the same owner: it has its own region, and says whom it trusts to open it.
    let own = Scratch::new();
    let region = Region::create(own.name(), SMALL).expect("a new region");
    drop(region.join(0).expect("a free rank"));
    assert_eq!(Region::open(own.name()).err(), Some(stranger));
    assert_eq!(trusting.remove(own.name()), Ok(()));
    reply("ok");
}

#[test]
#[cfg_attr(portable, ignore = "user namespaces are Linux'")]
fn the_user_nobody_has_its_own_regions() {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if !is_root() || map.split_whitespace().ne(["0", "0", "4294967295"]) {
        return eprintln!("skipped: only root, where every user has a number, can become that user");
    }
    let mut child = Child::start("nobody", &Scratch::new());
    assert_eq!(child.answer(), "ok");
    child.finish();
}

fn be_nobody(scratch: &Scratch) {
    become_user(OVERFLOW);
    drop(scratch.create(SMALL));
    assert_eq!(scratch.open().ranks(), 2);
    assert_eq!(Region::remove_at(scratch.name()), Ok(()));
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
        for wait in [Wait::Spin, Wait::Adaptive, Wait::Block, ON_EVENTS] {
            me.set_wait(wait);
            me.send(0, b"x").expect("room");
            assert_eq!(me.from(0).recv().expect("mail").to_vec(), b"x");
            assert!(me.from_any().within(SHORT).recv().is_err());
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
