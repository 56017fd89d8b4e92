//! Looking is reading: what is listed, seen and found to be left over, and that nothing is disturbed by it.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{Child, Scratch, become_user, is_root, place, reply};
use mailbox::lab::abi::ABI;
use mailbox::lab::os::{self, Lock};
use mailbox::{
    Config, Leftover, LeftoverKind, Listed, Mismatch, OpenError, OpenOptions, Region, RemoveError, Status,
    System, View,
};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::process::Command;

#[test]
fn second_process() {
    match common::role() {
        Some((role, _)) if role == "bystander" => look_at_what_is_none(),
        Some((role, _)) if role == "reader" => look_where_nobody_writes(),
        Some((role, _)) if role == "finder" => find_leftovers(),
        Some((role, _)) if role == "stranger" => look_at_those_of_others(),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const SMALL: Config = Config::ranks(3).cells(4).arena(1024).groups(0);

fn play_alone(role: &str) {
    if let Some(mut child) = Child::start_alone(role) {
        assert_eq!(child.answer(), "ok");
        child.finish();
    }
}

fn names(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|listed| listed.name.as_str()).collect()
}

// --- A view ------------------------------------------------------------------------------------------------

#[test]
fn a_view_says_what_an_open_region_says() {
    for scratch in [Scratch::new(), Scratch::file()] {
        let region = scratch.create(SMALL.protocol(5));
        let me = region.join_as("me").expect("a free rank");
        me.send(1, b"one").expect("room");
        me.send(2, &[2; 200]).expect("room");
        let mut other = Child::start("puppet", &scratch);
        assert_eq!(other.does("open"), "Protocol { protocol: 5 }");
        let view = Region::look(place(scratch.name())).expect("a region");
        assert_eq!(view.inspect(), region.inspect());
        assert_eq!((view.ranks(), view.eager_limit(), view.unread()), (3, 512, 2));
        assert_eq!(view.status(0), Some((Status::Live, 1)));
        assert_eq!((view.status(2), view.status(3)), (Some((Status::NeverJoined, 0)), None));
        assert_eq!(view.check_boot(), Ok(()));
        let kept = view.clone();
        drop(me);
        assert_eq!(kept.status(0), Some((Status::Left, 1)), "it can be looked at again");
        let refused = OpenOptions::new().look(place(scratch.name())).err();
        assert_eq!(refused, Some(OpenError::Mismatch(Mismatch::Protocol { protocol: 5 })));
        fs::remove_file(scratch.path()).expect("a region");
        assert_eq!(
            Region::look(place(scratch.name())).err(),
            Some(OpenError::NotFound(place(scratch.name()).into()))
        );
        assert_eq!(kept.unread(), 2, "it stays what it was");
    }
}

#[test]
#[cfg_attr(portable, ignore = "mounts a /dev/shm")]
fn who_may_only_read_can_look() {
    if !is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    play_alone("stranger");
}

fn look_at_those_of_others() {
    let region = |name: &str, mode| {
        let region = Region::create(name, SMALL.mode(mode)).expect("a new region");
        region.join(0).expect("a free rank").send(1, b"mail").expect("room");
    };
    region("closed", 0o600);
    region("readable", 0o644);
    region("open", 0o666);
    fs::write(os::shm_path("no-region"), [7; 3 * 4096]).expect("a file");
    fs::write(os::shm_path("closed-file"), [7; 3 * 4096 + 1]).expect("a file");
    fs::set_permissions(os::shm_path("closed-file"), fs::Permissions::from_mode(0o600)).expect("a mode");
    become_user(65_534);
    let listed = Region::list().expect("a list");
    assert_eq!(names(&listed), ["closed", "open", "readable"]);
    let refusals: Vec<_> = listed.iter().map(|listed| (listed.owner, listed.refusal.clone())).collect();
    let others = (0, Some(OpenError::Mismatch(Mismatch::Owner { uid: 0 })));
    assert_eq!(refusals, [(0, Some(OpenError::Denied("closed".into()))), others.clone(), others]);
    let trusting = OpenOptions::new().owner(0);
    let look = |name: &str| trusting.look(name).map(|view| (view.owner(), view.unread()));
    assert_eq!(look("readable"), Ok((0, 1)));
    assert_eq!(look("open"), Ok((0, 1)));
    assert_eq!(look("closed"), Err(OpenError::Denied("closed".into())));
    assert_eq!(Region::look("readable").err(), Some(OpenError::Mismatch(Mismatch::Owner { uid: 0 })));
    assert_eq!(trusting.open("readable").err(), Some(OpenError::Denied("readable".into())));
    assert_eq!(Listed::at("closed").map(|listed| listed.owner), Some(0));
    assert_eq!(Listed::at("nothing"), None);
    assert!(Region::leftovers().expect("a folder").is_empty());
    reply("ok");
}

#[test]
#[cfg_attr(portable, ignore = "mounts a /dev/shm")]
fn where_nobody_may_write_one_can_look() {
    play_alone("reader");
}

fn look_where_nobody_writes() {
    let region = Region::create("prices", SMALL).expect("a new region");
    region.join(0).expect("a free rank").send(1, b"mail").expect("room");
    drop(region);
    let file = Scratch::at("/dev/shm/file");
    file.create(SMALL).join(0).expect("a free rank").send(1, b"mail").expect("room");
    let mount = Command::new("mount").args(["-o", "remount,ro", "/dev/shm"]).status();
    assert!(mount.expect("mount").success());
    assert_eq!(names(&Region::list().expect("a list")), ["file", "prices"]);
    let unread = |view: View| view.unread();
    assert_eq!(Region::look("prices").map(unread), Ok(1));
    assert_eq!(Region::look(&file.path()).map(unread), Ok(1));
    assert_eq!(Region::open("prices").err(), Some(OpenError::System(System::ReadOnly)));
    assert_eq!(Region::open(&file.path()).err(), Some(OpenError::System(System::ReadOnly)));
    assert_eq!(Region::remove_at("prices"), Err(OpenError::System(System::ReadOnly).into()));
    assert_eq!(
        Region::create("other", SMALL).err(),
        Some(mailbox::CreateError::System(mailbox::System::ReadOnly))
    );
    assert_eq!(
        Region::create(&file.path().with_file_name("x"), SMALL).err(),
        Some(mailbox::CreateError::System(mailbox::System::ReadOnly))
    );
    assert!(OpenError::System(System::ReadOnly).to_string().contains("for reading only"));
    reply("ok");
}

// --- What is none of ours ----------------------------------------------------------------------------------

#[test]
#[cfg_attr(portable, ignore = "leases are Linux'")]
fn what_is_no_region_is_not_opened_for_writing() {
    play_alone("bystander");
}

/// Asks to be told when somebody opens `file` for writing.
fn lease(file: &File) {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) };
    assert_eq!(result, 0, "a lease");
}

fn is_leased(file: &File) -> bool {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let lease = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLEASE) };
    lease == libc::F_RDLCK
}

fn look_at_what_is_none() {
    let path = os::shm_path("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    let reader = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path).expect("a pipe");
    let hung_up = |reader: &File| {
        let mut poll = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, which outlives the call.
        #[expect(unsafe_code, reason = "system call")]
        let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
        ready != 0
    };
    symlink("foreign", os::shm_path("link")).expect("a link");
    let half_built = format!("x.mailbox-{:016x}", 1);
    for name in ["foreign", "small", &half_built] {
        fs::write(os::shm_path(name), vec![7; if name == "small" { 10 } else { 64 << 10 }]).expect("a file");
    }
    let files = ["foreign", "small"].map(|name| File::open(os::shm_path(name)).expect("a file"));
    files.iter().for_each(lease);
    assert!(Region::list().expect("a list").is_empty());
    let found = Region::leftovers().expect("leftovers");
    assert_eq!(
        found.iter().map(|found| (found.name.as_str(), found.kind)).collect::<Vec<_>>(),
        [(half_built.as_str(), LeftoverKind::HalfBuilt)]
    );
    for name in ["foreign", "small", "fifo", "link"] {
        assert_eq!(Region::look(name).err(), Some(OpenError::Mismatch(Mismatch::Foreign)));
        assert_eq!(Region::open(name).err(), Some(OpenError::Mismatch(Mismatch::Foreign)));
        assert_eq!(Region::remove_at(name), Err(OpenError::Mismatch(Mismatch::Foreign).into()));
        assert_eq!(Region::create(name, SMALL).err(), Some(mailbox::CreateError::Exists(name.into())));
        assert_eq!(
            Listed::at(name).map(|listed| listed.refusal),
            Some(Some(OpenError::Mismatch(Mismatch::Foreign)))
        );
    }
    assert_eq!(Region::clean().expect("a folder"), [half_built]);
    assert!(files.iter().all(is_leased), "nobody opened them for writing");
    assert!(!hung_up(&reader), "nobody opened the pipe");
    reply("ok");
}

// --- Leftovers ---------------------------------------------------------------------------------------------

#[test]
fn leftovers_are_seen_before_they_are_removed() {
    play_alone("finder");
}

fn find<'a>(leftovers: &'a [Leftover], name: &str) -> Option<&'a Leftover> {
    leftovers.iter().find(|leftover| leftover.name == name)
}

fn find_leftovers() {
    let region = |name: &str| {
        let scratch = Scratch::at(name);
        drop(scratch.create(SMALL));
        scratch
    };
    let all = || Region::leftovers().expect("leftovers");
    let seen = |name: &str| find(&all(), name).map(|leftover| (leftover.kind, leftover.unread));
    // One that somebody died in, with mail.
    let stale = region("stale");
    let mut child = puppet(&stale);
    assert_eq!(child.does("join 0"), "ok");
    assert_eq!(seen("stale"), None, "somebody lives in it");
    assert_eq!((child.does("send 1 x"), child.does("send 2 y")), ("ok".into(), "ok".into()));
    child.kill();
    assert_eq!(seen("stale"), Some((LeftoverKind::Stale, Some(2))));
    assert_eq!(Region::clean().expect("a folder"), [""; 0], "its mail is somebody's");
    // What has become more than was seen stays.
    let before = all();
    stale.open().join(1).expect("a free rank").send(0, b"more").expect("room");
    assert_eq!(find(&before, "stale").expect("a leftover").remove(), Ok(false));
    let before = all();
    let me = stale.open().join(2).expect("a free rank");
    assert_eq!(find(&before, "stale").expect("a leftover").remove(), Ok(false));
    drop(me);
    // Another one of that name.
    fs::rename(stale.path(), os::shm_path("elsewhere")).expect("another name");
    drop(stale.create(SMALL));
    assert_eq!(find(&before, "stale").expect("a leftover").remove(), Ok(false));
    assert_eq!(seen("stale"), Some((LeftoverKind::Idle, Some(0))));
    let before = all();
    assert_eq!(find(&before, "elsewhere").map(|leftover| leftover.remove()), Some(Ok(true)));
    assert_eq!(find(&before, "elsewhere").map(|leftover| leftover.remove()), Some(Ok(false)));
    assert_eq!(find(&all(), "stale").map(|leftover| leftover.remove()), Some(Ok(true)));
    assert!(all().is_empty());
    if !os::LOCKS_OF_ALL_VERSIONS {
        return reply("ok");
    }
    // One of another layout: nobody knows what is in it, but everybody sees its locks.
    let other = region("other");
    other.patch(8, &(ABI - 1).to_ne_bytes());
    let version = OpenError::Mismatch(Mismatch::Version { abi: ABI - 1, ours: ABI });
    assert_eq!(Region::list().expect("a list")[0].refusal, Some(version.clone()));
    assert_eq!(Region::open("other").err(), Some(version));
    let kind = LeftoverKind::OtherVersion { abi: ABI - 1 };
    assert_eq!(seen("other"), Some((kind, None)));
    assert_eq!(Region::clean().expect("a folder"), [""; 0]);
    let before = all();
    let file = File::options().read(true).write(true).open(other.path()).expect("a file");
    let lock = Lock::take(&file, 5, 1).expect("a lock").expect("a free one");
    assert_eq!(seen("other"), None);
    assert_eq!(before[0].remove(), Ok(false));
    assert_eq!(Region::remove_at("other"), Err(RemoveError::InUse("other".into())));
    drop(lock);
    assert_eq!(before[0].remove(), Ok(true));
    let another = region("other");
    another.patch(8, &(ABI + 1).to_ne_bytes());
    assert_eq!(Region::remove_at("other"), Ok(()));
    assert!(fs::read_dir(os::shm_folder()).expect("a folder").next().is_none(), "nothing is left behind");
    reply("ok");
}
