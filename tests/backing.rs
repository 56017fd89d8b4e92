//! The three backings: what they have in common, and what is a file's or a nameless region's alone.
#![cfg(not(loom))]

mod common;
#[path = "backing/file.rs"]
mod file;
#[path = "backing/kinds.rs"]
mod kinds;
#[path = "backing/places.rs"]
mod places;
#[path = "backing/refused.rs"]
mod refused;

use common::puppet::{self, mail, puppet};
use common::{Child, GUARD, SHORT, Scratch, UNNAMED, command, memory_file, place, reply, seals};
use mailbox::lab::abi::{ABI, BOOT, Geometry, MAGIC, SETTLED, WIPED};
use mailbox::lab::os::{self, Lock};
use mailbox::{
    Broken, Config, ConfigError, CreateError, CreateOrOpenError, Deadline, FindTopicError, HandError,
    JoinError, Lost, MAILBOX_FD, MAILBOX_RANK, Mismatch, OpenError, OpenOptions, OwnedPlace, Place,
    RecvError, Region, RemoveError, Reserve, SendError, Status, System,
};
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "cramped" => live_on_a_full_disk(&region),
        Some((role, _)) if role == "dweller" => live_in_this_folder(),
        Some((role, region)) if role == "crashed" => meet_crashes(&region),
        Some((role, region)) if role == "failing" => meet_a_failing_disk(&region),
        Some((role, _)) if role == "nameless" => leave_no_name(),
        Some((role, _)) if role == "heir" => reply(&format!("{:?}", Region::from_env().map(drop))),
        Some((role, _)) if role == "launched" => {
            let region = Region::from_env().expect("a region that was handed on");
            reply(&format!("{:?}", region.join_env().map(|me| me.rank())));
        }
        Some((role, region)) if role == "racer" => come_and_go(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const SMALL: Config = Config::ranks(3).cells(4).arena(1024).loans(0).groups(0).topics(0);
const GEOMETRY: Geometry = Geometry {
    protocol: 0,
    ranks: 3,
    cells: 4,
    arena: 1024,
    max_message: 1 << 30,
    loans: 0,
    groups: 0,
    topics: 0,
    value: 4096,
    stream: 4 << 20,
};

fn size() -> u64 {
    GEOMETRY.size()
}

fn come_and_go(name: &str) {
    let rounds: u32 = command().expect("a command").parse().expect("a number");
    for _ in 0..rounds {
        let region = Region::create_or_open(place(name), SMALL).expect("a region");
        match region.join_any() {
            Ok(me) => {
                let seen = Region::open(place(name)).expect("the region").status(me.rank());
                assert_eq!(seen, Some((Status::Live, me.epoch())), "one region");
                me.to(me.rank()).within(GUARD).send(b"x").expect("room");
                assert_eq!(me.from(me.rank()).recv().expect("mail").to_vec(), b"x");
            }
            Err(JoinError::Broken(Broken::Lost(Lost::Removed)) | JoinError::Full { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        match Region::remove_at(place(name)) {
            Ok(()) | Err(RemoveError::InUse(_) | RemoveError::Open(OpenError::NotFound(_))) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    reply("ok");
}

// --- Files: what carries over ------------------------------------------------------------------------------

fn word(scratch: &Scratch, at: usize) -> u64 {
    let mut bytes = [0; 8];
    let file = File::open(scratch.path()).expect("a file");
    file.read_exact_at(&mut bytes, 8 * at as u64).expect("a word");
    u64::from_ne_bytes(bytes)
}

fn set_boot(scratch: &Scratch, boot: u64) {
    scratch.patch(8 * BOOT as u64, &boot.to_ne_bytes());
}

/// What the header says while the region is in use.
fn in_use() -> u64 {
    os::boot_id().expect("a boot") | SETTLED
}

#[test]
#[cfg_attr(portable, ignore = "nothing is known to be in memory")]
fn what_lies_in_memory_outlives_no_boot_and_is_not_asked_for_its_own() {
    let another = os::boot_id().expect("a boot") ^ 0x1000;
    for scratch in [Scratch::new(), Scratch::in_memory()] {
        let region = scratch.create(SMALL);
        assert_eq!(word(&scratch, BOOT), 0);
        // A region of an older program in a container has its boot's number there.
        set_boot(&scratch, another | SETTLED);
        region.join(0).expect("a free rank").send(1, b"mail").expect("room");
        set_boot(&scratch, another | SETTLED);
        let opened = Region::create_or_open(place(scratch.name()), SMALL).expect("the region");
        assert_eq!(opened.join(1).expect("a free rank").recv().expect("mail").to_vec(), b"mail");
        assert_eq!(Region::remove_at(place(scratch.name())), Ok(()));
    }
}

/// Plays `role` in a folder of its own, in which `live` is a file system on the file `disk`, if that is possible.
fn play_on_a_disk(role: &str, features: &str) {
    let scratch = Scratch::file();
    let folder = scratch.path();
    fs::create_dir(&folder).expect("a folder");
    let mount = format!(
        "mount -t tmpfs -o size=40m none {0} && cd {0} && mkdir live crashed && \
         truncate -s 8m disk && mkfs.ext4 -q {features} disk && mount -o loop disk live",
        folder.display()
    );
    let works = Command::new("unshare").args(["-m", "sh", "-c", &mount]).output();
    if works.is_ok_and(|output| output.status.success()) {
        let script = format!("{mount} && exec \"$0\" \"$@\"");
        let wrapper = ["unshare", "-m", "sh", "-c", &script];
        let mut child = Child::start_with(&wrapper, role, scratch.name(), |_| {});
        assert_eq!(child.answer(), "ok");
        child.finish();
    } else {
        eprintln!("skipped: {mount}");
    }
    fs::remove_dir(folder).expect("an empty folder");
}

/// The machine crashes: a copy of the disk is what a file system finds after it.
#[test]
#[cfg_attr(portable, ignore = "a copy of a file says who was alive")]
fn the_disk_is_whole_where_the_file_says_so() {
    play_on_a_disk("crashed", "");
}

fn meet_crashes(folder: &str) {
    let shell = |script: &str| {
        let status = Command::new("sh").args(["-c", script]).current_dir(folder).status();
        assert!(status.expect("a shell").success(), "{script}");
    };
    let crash = |then: &dyn Fn(&Scratch)| {
        shell("cp disk copy && mount -o loop copy crashed");
        then(&Scratch::at(&format!("{folder}/crashed/region")));
        shell("umount crashed && rm copy");
    };
    let live = Scratch::at(&format!("{folder}/live/region"));
    let region = live.create(SMALL);
    crash(&|found| {
        assert_eq!(word(found, BOOT), 0, "created");
        found.open();
    });
    for round in 0..5 {
        let me = region.join(0).expect("a free rank");
        crash(&|found| assert_eq!(word(found, BOOT) | SETTLED, in_use(), "joined"));
        me.send(1, b"small").expect("room");
        me.send(1, &[round; 500]).expect("room");
        crash(&|found| assert_eq!(word(found, BOOT) | SETTLED, in_use(), "sent"));
        drop(me);
        crash(&|found| {
            assert_eq!(word(found, BOOT), 0, "closed");
            let me = found.open().join(1).expect("a free rank");
            assert_eq!(me.recv().expect("mail").to_vec(), b"small");
            assert_eq!(me.recv().expect("mail").to_vec(), [round; 500]);
        });
        let me = region.join(1).expect("a free rank");
        drop((me.recv().expect("mail"), me.recv().expect("mail")));
    }
    reply("ok");
}

fn meet_a_failing_disk(folder: &str) {
    let live = Scratch::at(&format!("{folder}/live/region"));
    // The disk is a sparse file: without room, what was never written before cannot be.
    let filler = Path::new(folder).join("filler");
    let fill = || io::copy(&mut io::repeat(1), &mut File::create(&filler).expect("a file"));
    for fails in ["join", "leave"] {
        let region = live.create(SMALL.arena(1 << 18));
        drop(region.join(0).expect("a free rank"));
        assert_eq!(word(&live, BOOT), 0);
        if fails == "join" {
            live.patch(1 << 20, &[7; 100_000]);
            assert!(fill().is_err());
            assert!(matches!(region.join(0).err(), Some(JoinError::System(System::Os(_)))));
        } else {
            let me = region.join(0).expect("a free rank");
            me.send(1, &[7; 100_000]).expect("room");
            assert!(fill().is_err());
            drop(me);
        }
        assert_eq!(word(&live, BOOT) | SETTLED, in_use());
        fs::remove_file(&filler).expect("the filler");
        stays_in_use(&live, region);
    }
    drop(live.create(SMALL).join(0).expect("a free rank"));
    assert_eq!(word(&live, BOOT), 0, "a new region");
    reply("ok");
}

/// The region is not clean, no matter who joins and leaves. It is removed in the end.
fn stays_in_use(live: &Scratch, region: Region) {
    // For a process that had the file open when the disk failed, and for one that opens it later.
    for region in [region, live.open()] {
        for rank in [0, 2] {
            drop(region.join(rank).expect("a free rank"));
            assert_eq!(word(live, BOOT), in_use(), "never clean again");
        }
    }
    assert_eq!(Region::remove_at(&live.path()), Ok(()));
}

fn live_in_this_folder() {
    let path = Path::new("prices");
    let region = Region::create(path, SMALL).expect("a new region");
    assert!(path.exists());
    assert_eq!(Region::create(path, SMALL).err(), Some(CreateError::Exists(path.into())));
    // At the same place, even if processes change their folder.
    env::set_current_dir("/").expect("a folder");
    region.join(0).expect("a free rank").send(0, b"x").expect("room");
    env::set_current_dir(region_folder(&region)).expect("a folder");
    assert_eq!(Region::open(path).map(|region| region.inspect().mailboxes.len()), Ok(1));
    // Also what was found by a path that leads elsewhere by now.
    env::set_current_dir("/").expect("a folder");
    assert_eq!(region.remove(), Ok(()));
    assert_eq!(region.remove(), Err(OpenError::NotFound(path.into()).into()), "the path that was given");
    reply("ok");
}

/// The folder of a region's file.
fn region_folder(region: &Region) -> PathBuf {
    let link = format!("/proc/self/fd/{}", region.as_fd().as_raw_fd());
    fs::read_link(link).expect("a file").parent().expect("a folder").to_path_buf()
}

fn live_on_a_full_disk(folder: &str) {
    let folder = Path::new(folder);
    let path = &folder.join("region");
    let entries = || fs::read_dir(folder).expect("a folder").count();
    let refused = Some(CreateError::System(System::NoSpace));
    let large = Config::ranks(8).cells(1024).arena(1 << 16).loans(0).reserve(Reserve::AtCreation);
    assert_eq!(Region::create(path, large).err(), refused);
    assert_eq!(Region::create_or_open(path, large).err(), Some(CreateError::System(System::NoSpace).into()));
    assert_eq!(entries(), 0, "nothing is left behind");
    let region = Region::create(path, SMALL.cells(512).arena(1 << 16).topics(1)).expect("room for a table");
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    b.send(1, b"before").expect("room");
    a.send(1, &[7; 512]).expect("room");
    fill_up(&folder.join("filler"));
    for _ in 0..3 {
        assert_eq!(a.send(2, b"x").err(), Some(SendError::Broken(Broken::NoSpace(2))));
        assert_eq!(b.send(0, b"x").err(), Some(SendError::Broken(Broken::NoSpace(0))));
        if mailbox::lab::os::COMPLETES {
            assert_eq!(b.send(1, &[7; 512]).err(), Some(SendError::Broken(Broken::NoSpace(1))), "no arena");
            // It names no rank's mailbox, which would lead astray.
            assert_eq!(region.topic("speed").err(), Some(FindTopicError::NoSpace));
        }
    }
    assert_eq!(b.from(1).recv().expect("mail").to_vec(), b"before");
    assert_eq!(b.from(0).recv().expect("mail").to_vec(), [7; 512]);
    // Not even a table.
    assert_eq!(Region::create(&folder.join("other"), Config::ranks(1024)).err(), refused);
    assert_eq!(entries(), 2, "nothing is left behind");
    let c = region.join(2).expect("a free rank");
    assert_eq!(c.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    for _ in 0..1000 {
        a.send(1, &[7; 512]).expect("reserved");
        b.send(1, b"small").expect("reserved");
        drop((b.recv().expect("mail"), b.recv().expect("mail")));
    }
    drop((a, b, c));
    let region = Region::open(path).expect("closed");
    fs::remove_file(folder.join("filler")).expect("a file");
    let a = region.join(0).expect("a free rank");
    a.send(2, b"after").expect("room again");
    assert_eq!(region.join(2).expect("a free rank").recv().expect("mail").to_vec(), b"after");
    drop(a);
    assert_eq!(Region::remove_at(path), Ok(()));
    assert_eq!(entries(), 0);
    reply("ok");
}

/// Takes all the room there is; a file system that puts off finding a place for what was written needs to be
/// asked more than once.
fn fill_up(path: &Path) {
    let mut file = File::create(path).expect("a file");
    for size in [1 << 20, 1 << 16, 1 << 12, 1 << 10] {
        let error = loop {
            if let Err(error) = file.write_all(&vec![1; size]).and_then(|()| file.sync_all()) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}

// --- Without a name ----------------------------------------------------------------------------------------

const SIZE_SEALS: i32 = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;

#[test]
#[cfg_attr(portable, ignore = "there are no sealed memory files")]
fn an_unnamed_region_keeps_its_size() {
    let region = Region::create_unnamed(SMALL.mode(0o777)).expect("a new region");
    let expected = SIZE_SEALS | libc::F_SEAL_SEAL;
    assert_eq!(seals(&region.as_fd()) & expected, expected);
    let file = File::from(region.as_fd().try_clone_to_owned().expect("a descriptor"));
    for len in [0, size() - 4096, size() + 4096] {
        assert_eq!(file.set_len(len).map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    }
    assert_eq!(file.metadata().expect("a file").len(), size());
    assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o111, 0);
    // Nor can the size of the opened region be changed, whatever is done to the descriptor.
    let other = Region::from_fd(file.into()).expect("a region");
    assert_eq!(seals(&other.as_fd()) & expected, expected);
}

#[test]
#[cfg_attr(portable, ignore = "there are no sealed memory files")]
fn only_a_sealed_region_is_opened_from_a_descriptor() {
    let error = |file: OwnedFd| Region::from_fd(file).err();
    let named = Scratch::new();
    let filed = Scratch::file();
    for region in [named.create(SMALL), filed.create(SMALL)] {
        let descriptor = region.as_fd().try_clone_to_owned().expect("a descriptor");
        assert_eq!(error(descriptor), Some(OpenError::Mismatch(Mismatch::Unsealed)));
    }
    let (receiver, sender) = io::pipe().expect("a pipe");
    assert_eq!(error(receiver.into()), Some(OpenError::Mismatch(Mismatch::Unsealed)));
    assert_eq!(error(sender.into()), Some(OpenError::Mismatch(Mismatch::Unsealed)));
    assert_eq!(
        error(File::open("/").expect("a folder").into()),
        Some(OpenError::Mismatch(Mismatch::Unsealed))
    );
    assert_eq!(
        error(File::open("/dev/null").expect("a device").into()),
        Some(OpenError::Mismatch(Mismatch::Unsealed))
    );
    // A whole region in a memory file, but one that can be cut.
    let whole = fs::read(named.path()).expect("a region");
    for seals in [0, libc::F_SEAL_GROW, libc::F_SEAL_SHRINK] {
        assert_eq!(error(memory_file(&whole, seals)), Some(OpenError::Mismatch(Mismatch::Unsealed)));
    }
    assert_eq!(error(memory_file(&whole, SIZE_SEALS)), None);
    // Sealed, and not a region, or one of another length, or one that nobody may write to.
    for len in [0, 100, 4096, size() as usize] {
        assert_eq!(
            error(memory_file(&vec![0; len], SIZE_SEALS)),
            Some(OpenError::Mismatch(Mismatch::Foreign))
        );
    }
    let length = OpenError::Mismatch(Mismatch::Length { len: 4096, expected: size() });
    assert_eq!(error(memory_file(&whole[..4096], SIZE_SEALS)), Some(length));
    // The region has a description of its own: the sender of this one may lock through it.
    let mut sent = File::from(memory_file(&whole, SIZE_SEALS));
    sent.seek(SeekFrom::Start(123)).expect("a position");
    let region = Region::from_fd(sent.into()).expect("a region");
    let mut own = File::from(region.as_fd().try_clone_to_owned().expect("a descriptor"));
    assert_eq!(own.stream_position().expect("a position"), 0);
    let frozen = memory_file(&whole, SIZE_SEALS | libc::F_SEAL_FUTURE_WRITE);
    assert_eq!(error(frozen), Some(OpenError::Denied(OwnedPlace::Unnamed)));
}

#[test]
#[cfg_attr(portable, ignore = "there are no sealed memory files")]
fn a_child_is_given_the_region_and_others_are_not() {
    let region = Region::create_unnamed(SMALL).expect("a new region");
    let me = region.join(0).expect("a free rank");
    let hand = |command: &mut Command| region.hand_to(command).expect("a descriptor");
    let mut child = Child::start_with(&[], "puppet", UNNAMED, hand);
    assert_eq!(child.does("join 1"), "ok");
    assert_eq!(child.does("send 0 hello"), "ok");
    assert_eq!(me.recv().expect("mail").to_vec(), b"hello");
    me.send(1, &[b'x'; 300]).expect("room");
    assert_eq!(child.does("recv"), mail(0, 1, 0, &"x".repeat(300)));
    // A child that was not given it does not have it, while one that was is being started.
    let list = || Command::new("ls").args(["-l", "/proc/self/fd"]).output().expect("ls").stdout;
    let mut given = Command::new("ls");
    region.hand_to(&mut given).expect("a descriptor");
    assert!(!String::from_utf8_lossy(&list()).contains("memfd"));
    let seen = given.args(["-l", "/proc/self/fd"]).output().expect("ls").stdout;
    assert!(String::from_utf8_lossy(&seen).contains("memfd:mailbox"));
    // The parent's end is not the region's.
    drop((me, given, region));
    assert_eq!(child.does("send 2 still"), "ok");
    assert_eq!(child.does("leave"), "ok");
    assert_eq!(child.does("join 2"), "ok");
    assert_eq!(child.does("recv 1"), mail(1, 1, 0, "still"));
}

#[test]
fn the_environment_says_which_rank_to_join() {
    let region = Region::create_unnamed(SMALL).expect("a new region");
    let launched = |rank: Option<&OsStr>| {
        let launch = |command: &mut Command| {
            region.hand_to(command).expect("a descriptor");
            match rank {
                Some(rank) => command.env(MAILBOX_RANK, rank),
                None => command.env_remove(MAILBOX_RANK),
            };
        };
        Child::start_with(&[], "launched", UNNAMED, launch).answer()
    };
    for rank in 0..3 {
        assert_eq!(launched(Some(rank.to_string().as_ref())), format!("Ok({rank})"));
    }
    assert_eq!(launched(None), "Err(NoRank)");
    for senseless in ["", "x", "-1", "1x", " 1", "4294967296"] {
        assert_eq!(launched(Some(senseless.as_ref())), "Err(BadRank)", "{senseless:?}");
    }
    assert_eq!(launched(Some(OsStr::from_bytes(b"1\xff"))), "Err(BadRank)");
    assert_eq!(launched(Some("3".as_ref())), "Err(Join(Broken(NoSuchRank { rank: 3, ranks: 3 })))");
    let _me = region.join(1).expect("a free rank");
    assert_eq!(launched(Some("1".as_ref())), "Err(Join(Taken { rank: 1 }))");
}

#[test]
#[cfg_attr(portable, ignore = "there are no sealed memory files")]
fn what_the_environment_says_is_checked() {
    let heir = |fd: Option<&str>| {
        let mut child = Child::start_with(&[], "heir", "", |command| {
            match fd {
                Some(fd) => command.env(MAILBOX_FD, fd),
                None => command.env_remove(MAILBOX_FD),
            };
        });
        child.answer()
    };
    assert_eq!(heir(None), "Err(NotLaunched)");
    for senseless in ["", "x", "-1", "3x", "99999", "4294967295", "18446744073709551616"] {
        assert_eq!(heir(Some(senseless)), "Err(NotLaunched)", "{senseless:?}");
    }
    for standard_stream in ["0", "1"] {
        assert_eq!(heir(Some(standard_stream)), "Err(Mismatch(Unsealed))");
    }
    for config in [SMALL, SMALL.protocol(9)] {
        let region = Region::create_unnamed(config).expect("a new region");
        let hand = |command: &mut Command| region.hand_to(command).expect("a descriptor");
        let answer = Child::start_with(&[], "heir", "", hand).answer();
        assert_eq!(
            answer,
            if config == SMALL { "Ok(())" } else { "Err(Mismatch(Protocol { protocol: 9 }))" }
        );
    }
    for scratch in [Scratch::new(), Scratch::file()] {
        let mut command = Command::new("true");
        assert_eq!(scratch.create(SMALL).hand_to(&mut command), Err(HandError::Named));
        assert_eq!(command.get_envs().count(), 0);
    }
}

#[test]
fn a_grandchild_may_join_too() {
    let region = Region::create_unnamed(SMALL).expect("a new region");
    let me = region.join(0).expect("a free rank");
    let hand = |command: &mut Command| region.hand_to(command).expect("a descriptor");
    // The shell is the child.
    let mut grandchild = Child::start_with(&["sh", "-c", "\"$0\" \"$@\"; true"], "puppet", UNNAMED, hand);
    assert_eq!(grandchild.does("join 1"), "ok");
    assert_eq!(grandchild.does("send 0 hello"), "ok");
    assert_eq!(me.recv().expect("mail").to_vec(), b"hello");
    assert_eq!(grandchild.does("leave"), "ok");
}

#[test]
fn an_unnamed_region_has_no_name_anywhere() {
    let prepare = "mount -t tmpfs -o size=1m none /dev/shm";
    let works = Command::new("unshare").args(["-m", "sh", "-c", prepare]).status();
    if !works.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no mount namespace");
    }
    let script = format!("{prepare} && exec \"$0\" \"$@\"");
    let mut child = Child::start_with(&["unshare", "-m", "sh", "-c", &script], "nameless", UNNAMED, |_| {});
    assert_eq!(child.answer(), "ok");
}

fn leave_no_name() {
    let entries = || fs::read_dir("/dev/shm").expect("a folder").count();
    {
        let region = Region::create_unnamed(SMALL).expect("a new region");
        let me = region.join(0).expect("a free rank");
        let hand = |command: &mut Command| region.hand_to(command).expect("a descriptor");
        let mut child = Child::start_with(&[], "puppet", UNNAMED, hand);
        assert_eq!((child.does("join 1"), child.does("send 0 x")), ("ok".into(), "ok".into()));
        assert_eq!(me.recv().expect("mail").to_vec(), b"x");
        assert_eq!(entries(), 0);
        child.kill();
    }
    assert_eq!(entries(), 0);
    let open = fs::read_dir("/proc/self/fd").expect("descriptors");
    let open = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let open: Vec<_> = open.filter(|path| path.to_string_lossy().contains("memfd")).collect();
    assert!(open.is_empty(), "{open:?}");
    let maps = fs::read_to_string("/proc/self/maps").expect("mappings");
    assert!(!maps.contains("memfd"), "{maps}");
    reply("ok");
}
