//! The three backings: what they have in common, and what is a file's or a nameless region's alone.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, mail, puppet};
use common::{Child, GUARD, SHORT, Scratch, UNNAMED, command, memory_file, place, reply, seals};
use mailbox::lab::abi::{ABI, BOOT, Geometry, MAGIC, SETTLED, WIPED};
use mailbox::lab::os::{self, Lock};
use mailbox::{
    Broken, Config, ConfigError, CreateError, CreateOrOpenError, Deadline, HandError, JoinError, Lost,
    MAILBOX_FD, MAILBOX_RANK, Mismatch, OpenError, OpenOptions, Place, RecvError, Region, RemoveError,
    Reserve, SendError, Status, System, TopicError,
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
/// Every lock of a region.
const ALL_LOCKS: u32 = 2 + 1024;

fn size() -> u64 {
    GEOMETRY.size()
}

// --- What they have in common ------------------------------------------------------------------------------

/// A region, on one backing or another.
struct Home {
    scratch: Scratch,
    region: Region,
}

impl Home {
    fn all(config: Config) -> [Self; 3] {
        let on = |scratch: Scratch| Self { region: scratch.create(config), scratch };
        let unnamed = Region::create_unnamed(config).expect("a new region");
        [on(Scratch::new()), on(Scratch::file()), Self { scratch: Scratch::new(), region: unnamed }]
    }

    fn is_unnamed(&self) -> bool {
        !self.scratch.path().exists()
    }

    fn open_with(&self, options: OpenOptions) -> Result<Region, OpenError> {
        if self.is_unnamed() {
            options.from_fd(self.descriptor())
        } else {
            options.open(place(self.scratch.name()))
        }
    }

    fn open(&self) -> Region {
        self.open_with(OpenOptions::new()).expect("a region")
    }

    fn descriptor(&self) -> OwnedFd {
        self.region.as_fd().try_clone_to_owned().expect("a descriptor")
    }

    fn puppet(&self) -> Child {
        if self.is_unnamed() {
            let hand = |command: &mut Command| self.region.hand_to(command).expect("a descriptor");
            Child::start_with(&[], "puppet", UNNAMED, hand)
        } else {
            puppet(&self.scratch)
        }
    }
}

#[test]
fn processes_talk() {
    for home in Home::all(SMALL) {
        let (mut a, mut b) = (home.puppet(), home.puppet());
        assert_eq!((a.does("join 0"), b.does("join 1")), ("ok".into(), "ok".into()));
        let long = "arena".repeat(100);
        for seq in 0..20 {
            let text = if seq % 2 == 0 { "short" } else { &long };
            assert_eq!(a.does(&format!("send 1 {text}")), "ok");
            assert_eq!(b.does("recv"), mail(0, 1, seq, text));
            assert_eq!(b.does(&format!("send 0 {text}")), "ok");
            assert_eq!(a.does("recv 1"), mail(1, 1, seq, text));
        }
        // One that sleeps is woken.
        b.starts("recv");
        thread::sleep(SHORT);
        assert_eq!(a.does("send 1 wake"), "ok");
        assert_eq!(b.answer(), mail(0, 1, 20, "wake"));
    }
}

#[test]
fn ends_are_told() {
    for home in Home::all(SMALL) {
        let (mut a, mut b) = (home.puppet(), home.puppet());
        assert_eq!(a.does("join 0"), "ok");
        assert_eq!(b.does("join 0"), "Taken { rank: 0 }");
        assert_eq!(b.does("join 1"), "ok");
        assert_eq!(home.open().status(1), Some((Status::Live, 1)));
        b.stop();
        assert_eq!(a.does("recv_timeout 1"), "Timeout", "a stopped process lives");
        a.starts("recv 1");
        b.kill();
        assert_eq!(a.answer(), "Gone { rank: 1, died: true }");
        assert_eq!(home.open().status(1), Some((Status::Dead, 1)));
        let mut c = home.puppet();
        assert_eq!(c.does("join 1"), "ok");
        assert_eq!(a.does("send 1 hold"), "ok");
        assert_eq!(c.does("hold"), mail(0, 1, 0, "hold"));
        c.kill();
        let mut d = home.puppet();
        assert_eq!((d.does("join 1"), d.does("epoch")), ("ok".into(), "3".into()));
        assert_eq!(d.does("recv"), mail(0, 1, 0, "hold"), "not acknowledged");
        assert_eq!((d.does("send 0 last"), d.does("leave")), ("ok".into(), "ok".into()));
        assert_eq!(a.does("recv 1"), mail(1, 3, 0, "last"));
        assert_eq!(a.does("recv 1"), "Gone { rank: 1, died: false }");
    }
}

#[test]
fn what_is_in_a_region_is_seen_by_whoever_opens_it() {
    for home in Home::all(SMALL) {
        let me = home.region.join_as("somebody").expect("a free rank");
        me.send(2, b"one").expect("room");
        me.send(2, &[1; 200]).expect("room");
        let other = home.open();
        assert_eq!((other.ranks(), other.eager_limit(), other.find("somebody")), (3, 512, Some(0)));
        let seen = other.inspect();
        assert_eq!((seen.size, seen.cells, seen.arena), (size(), 4, 1024));
        assert_eq!(seen.ranks[0].status, Status::Live);
        assert_eq!(seen.mailboxes.iter().map(|mailbox| mailbox.unread).collect::<Vec<_>>(), [2]);
        let table = GEOMETRY.table();
        assert!((table..=table + 2 * GEOMETRY.stride()).contains(&seen.memory), "{}", seen.memory);
        assert_eq!(home.region.join(0).err(), Some(JoinError::Taken { rank: 0 }));
    }
}

#[test]
fn everything_can_be_reserved_at_creation() {
    for home in Home::all(SMALL.reserve(Reserve::AtCreation)) {
        assert!(home.open().inspect().memory >= GEOMETRY.without_windows());
    }
}

#[test]
fn protocols_are_kept_apart() {
    for home in Home::all(SMALL.protocol(7)) {
        let refused = OpenError::Mismatch(Mismatch::Protocol { protocol: 7 });
        assert_eq!(home.open_with(OpenOptions::new()).err(), Some(refused));
        assert_eq!(home.open_with(OpenOptions::new().protocol(8)).err(), Some(refused));
        for options in [OpenOptions::new().protocol(7), OpenOptions::new().any_protocol()] {
            assert_eq!(home.open_with(options).map(|region| region.inspect().protocol), Ok(7));
        }
    }
}

#[test]
fn a_config_that_is_none_is_refused_by_each() {
    let config = SMALL.cells(3);
    let refused = Some(CreateError::Config(ConfigError::Cells(3)));
    let scratch = Scratch::file();
    assert_eq!(Region::create(place(scratch.name()), config).err(), refused);
    assert!(!scratch.path().exists());
    assert_eq!(Region::create_unnamed(config).err(), refused);
}

#[test]
fn what_has_a_place_is_created_opened_and_removed() {
    for scratch in [Scratch::new(), Scratch::file()] {
        let place = place(scratch.name());
        let nothing = OpenError::NotFound;
        assert_eq!(Region::open(place).err(), Some(nothing));
        assert_eq!(Region::remove_at(place), Err(nothing.into()));
        let region = Region::create(place, SMALL.mode(0o640)).expect("a new region");
        let mode = fs::metadata(scratch.path()).expect("a file").permissions().mode() & 0o7777;
        assert_eq!(mode, 0o640, "whatever the umask");
        assert_eq!(Region::create(place, SMALL).err(), Some(CreateError::Exists));
        assert_eq!(Region::open(place).map(|region| region.ranks()), Ok(3));
        assert_eq!(Region::create_or_open(place, SMALL).map(|region| region.ranks()), Ok(3));
        let differs = Some(CreateOrOpenError::Differs);
        assert_eq!(Region::create_or_open(place, SMALL.cells(8)).err(), differs);
        let me = region.join(2).expect("a free rank");
        assert_eq!(Region::remove_at(place), Err(RemoveError::InUse));
        drop(me);
        assert_eq!(Region::remove_at(place), Ok(()));
        assert_eq!(region.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
        assert!(!scratch.path().exists());
        assert_eq!(Region::open(place).err(), Some(nothing));
        assert_eq!(Region::create_or_open(place, SMALL).map(|region| region.ranks()), Ok(3));
        // A remover that stopped half-way.
        scratch.patch(0, &WIPED.to_ne_bytes());
        assert_eq!(Region::open(place).err(), Some(nothing));
        assert_eq!(Region::create(place, SMALL).map(|region| region.ranks()), Ok(3));
        scratch.patch(0, &WIPED.to_ne_bytes());
        assert_eq!(Region::remove_at(place), Ok(()));
        assert!(!scratch.path().exists());
    }
}

#[test]
fn a_region_removes_itself_and_nothing_else() {
    for scratch in [Scratch::new(), Scratch::file()] {
        // With any protocol: a process that has it open need not name the protocol again.
        let region = scratch.create(SMALL.protocol(7));
        let me = region.join(0).expect("a free rank");
        assert_eq!(region.remove(), Err(RemoveError::InUse), "by this process");
        drop(me);
        let other = Region::open(place(scratch.name())).err();
        assert_eq!(other, Some(OpenError::Mismatch(Mismatch::Protocol { protocol: 7 })));
        assert_eq!(region.remove(), Ok(()));
        assert!(!scratch.path().exists());
        assert_eq!(region.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
        let gone = Err(RemoveError::Open(OpenError::NotFound));
        assert_eq!(region.remove(), gone);
        // Another one has the name by now.
        let next = scratch.create(SMALL.protocol(8));
        assert_eq!(region.remove(), gone);
        assert!(scratch.path().exists());
        assert_eq!(Region::remove_at(place(scratch.name())), Ok(()), "whatever its protocol");
        assert_eq!(next.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
    }
    let region = Region::create_unnamed(SMALL).expect("a new region");
    assert_eq!(region.remove(), Err(RemoveError::Unnamed));
}

#[test]
fn a_string_is_a_name_and_a_path_a_file() {
    let scratch = Scratch::file();
    let path = scratch.path();
    assert_eq!(Region::create(scratch.name(), SMALL).err(), Some(CreateError::BadName));
    drop(Region::create(&path, SMALL).expect("a new region"));
    drop(Region::open(path.as_path()).expect("a region"));
    assert!(!Region::list().expect("a list").iter().any(|listed| scratch.name().ends_with(&listed.name)));
    drop(OpenOptions::new().open(&path).expect("a region"));
    assert_eq!(OpenOptions::new().remove(&path), Ok(()));
    let name = Scratch::new();
    drop(Region::create(&name.name().to_string(), SMALL).expect("a new region"));
    assert_eq!(Region::remove_at(name.name()), Ok(()));
}

#[test]
fn many_who_create_or_open_at_once_meet_in_one_region() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    let file = folder.path().join("region");
    for name in [Scratch::new().name(), file.to_str().expect("text")] {
        let mut racers: Vec<Child> = (0..3).map(|_| Child::start_with(&[], "racer", name, |_| {})).collect();
        for racer in &mut racers {
            racer.starts("30");
        }
        for racer in &mut racers {
            assert_eq!(racer.answer(), "ok");
        }
        match Region::remove_at(place(name)) {
            Ok(()) | Err(RemoveError::Open(OpenError::NotFound)) => {}
            error => panic!("{error:?}"),
        }
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
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
            Err(JoinError::Broken(Broken::Lost(Lost::Removed)) | JoinError::Full) => {}
            Err(error) => panic!("{error:?}"),
        }
        match Region::remove_at(place(name)) {
            Ok(()) | Err(RemoveError::InUse | RemoveError::Open(OpenError::NotFound)) => {}
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

fn open_error(scratch: &Scratch) -> Option<OpenError> {
    Region::open(place(scratch.name())).err()
}

/// What the header says while the region is in use.
fn in_use() -> u64 {
    os::boot_id().expect("a boot") | SETTLED
}

#[test]
fn unread_mail_waits_until_all_processes_have_ended() {
    let scratch = Scratch::file();
    scratch.create(SMALL);
    let long = "arena".repeat(50);
    for (end, boot) in [("leave", 0), ("kill", in_use())] {
        let mut sender = puppet(&scratch);
        assert_eq!(sender.does("join 0"), "ok");
        let epoch = sender.does("epoch").parse().expect("a number");
        assert_eq!(sender.does("send 1 short"), "ok");
        assert_eq!(sender.does(&format!("send 1 {long}")), "ok");
        match end {
            "leave" => assert_eq!(sender.does("leave"), "ok"),
            _ => sender.kill(),
        }
        sender.kill();
        assert_eq!(word(&scratch, BOOT), boot);
        let mut receiver = puppet(&scratch);
        assert_eq!(receiver.does("join 1"), "ok");
        let first = 2 * (epoch - 1);
        assert_eq!(receiver.does("recv"), mail(0, epoch, first, "short"));
        assert_eq!(receiver.does("recv"), mail(0, epoch, first + 1, &long));
        assert_eq!(receiver.does("leave"), "ok");
        assert_eq!(word(&scratch, BOOT), 0, "whoever leaves last closes it, whoever was killed before");
    }
}

#[test]
fn a_copy_of_a_closed_file_is_the_same_region() {
    let (scratch, copy) = (Scratch::file(), Scratch::file());
    scratch.create(SMALL).join(0).expect("a free rank").send(1, b"carried").expect("room");
    fs::copy(scratch.path(), copy.path()).expect("a copy");
    let me = copy.open().join(1).expect("a free rank");
    assert_eq!(me.recv().expect("mail").to_vec(), b"carried");
}

#[test]
fn looking_at_a_file_changes_nothing() {
    let scratch = Scratch::file();
    drop(scratch.create(SMALL));
    let before = (fs::read(scratch.path()).expect("a file"), modified(&scratch));
    let region = scratch.open();
    region.inspect();
    assert_eq!(region.find("x"), None);
    drop(region);
    let me = scratch.open();
    assert_eq!(me.join(9).err(), Some(JoinError::Broken(Broken::NoSuchRank { rank: 9, ranks: 3 })));
    drop(me);
    assert!(before == (fs::read(scratch.path()).expect("a file"), modified(&scratch)));
}

fn modified(scratch: &Scratch) -> (i64, i64) {
    let metadata = fs::metadata(scratch.path()).expect("a file");
    (metadata.mtime(), metadata.mtime_nsec())
}

// --- Files: the boot word ----------------------------------------------------------------------------------

#[test]
fn a_file_is_in_use_from_the_first_join_to_the_last_leave() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    assert_eq!(word(&scratch, BOOT), 0);
    let (a, b) = (region.join(0).expect("a free rank"), scratch.open().join(1).expect("a free rank"));
    assert_eq!(word(&scratch, BOOT), in_use());
    let mut c = puppet(&scratch);
    assert_eq!(c.does("join 2"), "ok");
    drop(a);
    assert_eq!(word(&scratch, BOOT), in_use(), "two are left");
    assert_eq!(c.does("leave"), "ok");
    assert_eq!(word(&scratch, BOOT), in_use(), "one is left");
    drop(b);
    assert_eq!(word(&scratch, BOOT), 0);
    assert_eq!(c.does("join 2"), "ok");
    assert_eq!(word(&scratch, BOOT), in_use());
    c.kill();
    assert_eq!(word(&scratch, BOOT), in_use(), "nobody closed it");
    let me = scratch.open().join(2).expect("the dead one's rank");
    assert_eq!(me.epoch(), 3);
    drop(me);
    assert_eq!(word(&scratch, BOOT), 0);
}

#[test]
fn those_who_leave_at_once_close_a_file() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    for _ in 0..30 {
        let endpoints: Vec<_> = (0..3).map(|rank| region.join(rank).expect("a free rank")).collect();
        thread::scope(|scope| {
            for endpoint in endpoints {
                scope.spawn(|| drop(endpoint));
            }
        });
        assert_eq!(word(&scratch, BOOT), 0);
    }
}

#[test]
fn those_who_come_and_go_while_a_file_is_closed_get_in() {
    // On a disk, which holds the closer up, and in memory, where there are many more rounds.
    let memory = Scratch::at(&format!("/dev/shm/{}", Scratch::new().name()));
    for (scratch, rounds) in [(Scratch::file(), 20), (memory, 3000)] {
        let region = scratch.create(SMALL);
        thread::scope(|scope| {
            for rank in 0..3 {
                let region = &region;
                scope.spawn(move || {
                    for epoch in 1..=rounds {
                        let me = region.join(rank).expect("a rank of its own");
                        assert_eq!(me.epoch(), epoch);
                        me.send(rank, b"x").expect("room");
                        assert_eq!(me.from(rank).recv().expect("mail").seq(), epoch - 1);
                        if epoch % 2 == 0 {
                            // Dies, so to say: nothing but the lock tells whether somebody is there.
                            let die = || {
                                let _me = me;
                                panic::resume_unwind(Box::new(()))
                            };
                            assert!(panic::catch_unwind(AssertUnwindSafe(die)).is_err());
                        }
                    }
                });
            }
        });
        assert_eq!(word(&scratch, BOOT), 0);
        assert_eq!(Region::remove_at(&scratch.path()), Ok(()));
    }
}

#[test]
fn a_file_in_use_outlives_no_boot() {
    let scratch = Scratch::file();
    let another = os::boot_id().expect("a boot") ^ 0x1000;
    for word in [another, another | SETTLED, u64::MAX, SETTLED] {
        drop(scratch.create(SMALL));
        set_boot(&scratch, word);
        let refused = OpenError::Mismatch(Mismatch::Incompatible);
        assert_eq!(open_error(&scratch), Some(refused));
        let path = scratch.path();
        assert_eq!(Region::create(&path, SMALL).err(), Some(CreateError::Exists));
        assert_eq!(Region::remove_at(&path), Ok(()));
        assert!(!path.exists());
    }
    let both = ["before a reboot", "another boot id is shown"];
    assert!(both.iter().all(|cause| OpenError::Mismatch(Mismatch::Incompatible).to_string().contains(cause)));
    // Nobody takes it away but who is told to: it may be in use in a container that is shown another boot's number.
    let region = scratch.create(SMALL);
    region.join(0).expect("a free rank").send(1, b"unread").expect("room");
    set_boot(&scratch, another);
    let refused = CreateOrOpenError::Open(OpenError::Mismatch(Mismatch::Incompatible));
    assert_eq!(Region::create_or_open(&scratch.path(), SMALL).err(), Some(refused));
    assert_eq!(Region::look(&scratch.path()).map(|view| view.unread()), Ok(1));
    set_boot(&scratch, in_use());
    assert_eq!(scratch.open().join(1).expect("a free rank").recv().expect("mail").to_vec(), b"unread");
    assert_eq!(Region::remove_at(&scratch.path()), Ok(()));
    // A boot later, what was closed is there.
    scratch.create(SMALL).join(0).expect("a free rank").send(1, b"carried").expect("room");
    assert_eq!(word(&scratch, BOOT), 0);
    assert_eq!(scratch.open().join(1).expect("a free rank").recv().expect("mail").to_vec(), b"carried");
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

#[test]
fn a_joiner_trusts_the_disk_only_where_the_word_says_so() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    // Somebody stored it, and has not seen it reach the disk.
    set_boot(&scratch, in_use() & !SETTLED);
    let me = region.join(0).expect("a free rank");
    assert_eq!(word(&scratch, BOOT), in_use());
    // What a peer writes there keeps nobody out who is in, and the last one closes.
    set_boot(&scratch, 12345);
    let other = region.join(1).expect("a free rank");
    assert_eq!(word(&scratch, BOOT), in_use());
    drop((me, other));
    assert_eq!(word(&scratch, BOOT), 0);
}

#[test]
fn joiners_and_removers_wait_for_whoever_closes() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    let file = File::options().read(true).write(true).open(scratch.path()).expect("a file");
    for verb in ["join", "join_any", "join_as", "remove"] {
        let locks = Lock::take(&file, 0, ALL_LOCKS).expect("locks").expect("free locks");
        let begin = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(700));
                drop(locks);
            });
            match verb {
                "join" => drop(region.join(0).expect("a free rank")),
                "join_any" => drop(region.join_any().expect("a free rank")),
                "join_as" => drop(region.join_as("x").expect("a free rank")),
                _ => assert_eq!(Region::remove_at(&scratch.path()), Ok(())),
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(700), "{verb}");
    }
}

#[test]
fn whoever_is_killed_while_it_closes_leaves_a_whole_file() {
    let scratch = Scratch::file();
    scratch.create(SMALL);
    for round in 0..40 {
        let mut sender = puppet(&scratch);
        assert_eq!((sender.does("join 0"), sender.does("send 1 x")), ("ok".into(), "ok".into()));
        sender.starts("leave");
        thread::sleep(Duration::from_micros(500 * round));
        sender.kill();
        assert!([0, in_use()].contains(&word(&scratch, BOOT)));
        let me = scratch.open().join(1).expect("a free rank");
        assert_eq!(me.recv().expect("mail").seq(), round);
    }
    assert_eq!(word(&scratch, BOOT), 0);
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

/// A disk that fails once has lost what was to be written, and says afterwards that all is well.
#[test]
fn a_file_that_a_disk_failed_is_never_clean_again() {
    // A journal would be the first to fail, and end all writing.
    play_on_a_disk("failing", "-O ^has_journal");
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

// --- Files: what else may be there -------------------------------------------------------------------------

fn expect_refusal(scratch: &Scratch, error: OpenError) {
    let path = scratch.path();
    assert_eq!(Region::open(&path).err(), Some(error));
    if !matches!(error, OpenError::Mismatch(Mismatch::Version { .. })) {
        assert_eq!(Region::remove_at(&path), Err(error.into()));
    }
    assert_eq!(Region::create_or_open(&path, SMALL).err(), Some(error.into()));
    assert_eq!(Region::create(&path, SMALL).err(), Some(CreateError::Exists));
    assert!(fs::symlink_metadata(&path).is_ok(), "untouched");
}

#[test]
fn what_is_no_region_is_refused() {
    let scratch = Scratch::file();
    let random: Vec<u8> = (0..100_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let magic = MAGIC.to_ne_bytes();
    for content in [&[][..], &[7; 10], &magic, &[0; 127], &[0; 128], &vec![0; size() as usize], &random] {
        fs::write(scratch.path(), content).expect("a file");
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
        assert!(fs::read(scratch.path()).expect("a file") == content, "untouched");
    }
    fs::remove_file(scratch.path()).expect("a file");
    drop(scratch.create(SMALL));
    let file = File::options().write(true).open(scratch.path()).expect("a file");
    for len in [4096, size() - 4096, size() - 1, size() + 1, 2 * size()] {
        file.set_len(len).expect("another length");
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Length { len, expected: size() }));
    }
    file.set_len(size()).expect("another length");
    scratch.open();
    scratch.patch(8, &(ABI + 1).to_ne_bytes());
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Version { abi: ABI + 1, ours: ABI }));
    scratch.patch(8, &ABI.to_ne_bytes());
    scratch.patch(32, &0u64.to_ne_bytes());
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    // Not even its header is there.
    file.set_len(128).expect("another length");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = Scratch::file();
    let path = scratch.path();
    fs::create_dir(&path).expect("a folder");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    fs::remove_dir(&path).expect("a folder");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    fs::remove_file(&path).expect("a pipe");
    let target = Scratch::file();
    drop(target.create(SMALL));
    symlink(target.path(), &path).expect("a link");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    fs::remove_file(&path).expect("a link");
    symlink("nowhere", &path).expect("a link");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    assert!(!path.with_file_name("nowhere").exists());
}

#[test]
fn paths_that_lead_nowhere_are_told_apart() {
    let scratch = Scratch::file();
    let nowhere = scratch.path().join("region");
    let check = |place: Place<'_>, create: CreateError, open: OpenError| {
        assert_eq!(Region::create(place, SMALL).err(), Some(create), "{place:?}");
        assert_eq!(Region::open(place).err(), Some(open), "{place:?}");
        assert_eq!(Region::remove_at(place), Err(open.into()), "{place:?}");
    };
    check(Place::File(&nowhere), CreateError::System(System::NoFolder), OpenError::NotFound);
    fs::write(scratch.path(), "a file, not a folder").expect("a file");
    check(Place::File(&nowhere), CreateError::System(System::NoFolder), OpenError::NotFound);
    for path in ["", "/", "..", "x/..", "x/", "a\0b"] {
        check(Place::File(Path::new(path)), CreateError::BadPath, OpenError::BadPath);
    }
    // A link on the way is followed.
    let (folder, link) = (Scratch::file(), Scratch::file());
    fs::create_dir(folder.path()).expect("a folder");
    symlink(folder.path(), link.path()).expect("a link");
    let (there, here) = (folder.path().join("region"), link.path().join("region"));
    drop(Region::create(&here, SMALL).expect("a new region"));
    assert_eq!(Region::open(&there).map(|region| region.ranks()), Ok(3));
    assert_eq!(Region::remove_at(&here), Ok(()));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn a_file_may_have_any_name_that_the_file_system_allows() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    for name in ["x".repeat(255), "\u{20ac}".repeat(85), "x.mailbox-".into(), ".mailbox".into()] {
        let path = folder.path().join(name);
        drop(Region::create(&path, SMALL).expect("a new region"));
        assert_eq!(Region::open(&path).map(|region| region.ranks()), Ok(3));
        assert_eq!(Region::remove_at(&path), Ok(()));
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
    fs::remove_dir(folder.path()).expect("an empty folder");
}

#[test]
fn a_path_without_a_folder_is_in_this_one() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    let enter = |command: &mut Command| {
        command.current_dir(folder.path());
    };
    assert_eq!(Child::start_with(&[], "dweller", "", enter).answer(), "ok");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

fn live_in_this_folder() {
    let path = Path::new("prices");
    let region = Region::create(path, SMALL).expect("a new region");
    assert!(path.exists());
    assert_eq!(Region::create(path, SMALL).err(), Some(CreateError::Exists));
    // At the same place, even if processes change their folder.
    env::set_current_dir("/").expect("a folder");
    region.join(0).expect("a free rank").send(0, b"x").expect("room");
    env::set_current_dir(region_folder(&region)).expect("a folder");
    assert_eq!(Region::open(path).map(|region| region.inspect().mailboxes.len()), Ok(1));
    // Also what was found by a path that leads elsewhere by now.
    env::set_current_dir("/").expect("a folder");
    assert_eq!(region.remove(), Ok(()));
    reply("ok");
}

/// The folder of a region's file.
fn region_folder(region: &Region) -> PathBuf {
    let link = format!("/proc/self/fd/{}", region.as_fd().as_raw_fd());
    fs::read_link(link).expect("a file").parent().expect("a folder").to_path_buf()
}

#[test]
fn garbled_files_are_errors() {
    // A file all the same; only the disk is memory.
    let template = Scratch::file();
    let region = template.create(SMALL);
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    for size in [1, 40, 200] {
        a.send(1, &vec![1; size]).expect("room");
        b.send(0, &vec![2; size]).expect("room");
        b.send(2, &vec![3; size]).expect("room");
    }
    drop(b.recv().expect("mail"));
    drop((a, b));
    let whole = fs::read(template.path()).expect("a file");
    let file = Scratch::new();
    let path = file.path();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let (mut opened, mut received) = (0, 0);
    for round in 0..1500 {
        let mut bytes = whole.clone();
        for _ in 0..=next(12) {
            // Most of it where it hurts: header, ranks, and the beginnings of mailboxes.
            let at = match next(4) {
                0 => next(128),
                1 => GEOMETRY.rank(0) as usize + next(GEOMETRY.table() as usize - 4096),
                2 => GEOMETRY.mailbox(next(3) as u32, next(3) as u32) as usize + next(2048),
                _ => next(whole.len()),
            };
            let garbage = if next(4) == 0 { 0xFF } else { 1 << next(8) };
            let at = at.min(bytes.len() - 1);
            // The header alone would stop nearly every round.
            if at >= 128 || next(8) == 0 {
                bytes[at] ^= garbage;
            }
        }
        fs::write(&path, &bytes).expect("a file");
        let Ok(region) = OpenOptions::new().any_protocol().open(&path) else { continue };
        opened += 1;
        let seen = region.inspect();
        assert!(seen.ranks.len() == 3 && seen.mailboxes.len() <= 9, "round {round}");
        for rank in 0..3 {
            let Ok(me) = region.join(rank) else { continue };
            for from in 0..3 {
                for _ in 0..10 {
                    match me.from(from).try_recv() {
                        Ok(Some(mail)) => received += usize::from(mail.to_vec().len() == mail.len()),
                        Ok(None) | Err(_) => break,
                    }
                }
                let _ = me.try_send(from, b"small");
                let _ = me.try_send(from, &[4; 300]);
                let _ = me.loan(100).map(|loan| loan.commit(100).send_within(from, Deadline::Now));
            }
            for _ in 0..30 {
                if me.try_recv().is_ok_and(|mail| mail.is_none()) {
                    break;
                }
            }
        }
        drop(region);
        let _ = Region::open(&path).map(|region| region.inspect());
    }
    assert!(opened > 500 && received > 1000, "{opened} {received}");
}

// --- Files: a full disk ------------------------------------------------------------------------------------

#[test]
fn a_file_lives_on_a_full_disk() {
    let scratch = Scratch::file();
    let folder = scratch.path();
    fs::create_dir(&folder).expect("a folder");
    let mounts = [
        format!("mount -t tmpfs -o size=1m none {}", folder.display()),
        // A real disk's file system, in a file.
        format!(
            "mount -t tmpfs -o size=8m none {0} && truncate -s 4m {0}/disk && mkfs.ext4 -q -O ^has_journal \
             {0}/disk && mount -o loop {0}/disk {0} && rm -r {0}/lost+found",
            folder.display()
        ),
    ];
    for mount in mounts {
        let works = Command::new("unshare").args(["-m", "sh", "-c", &mount]).output();
        if !works.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: {mount}");
            continue;
        }
        let script = format!("{mount} && exec \"$0\" \"$@\"");
        let wrapper = ["unshare", "-m", "sh", "-c", &script];
        let mut child = Child::start_with(&wrapper, "cramped", scratch.name(), |_| {});
        assert_eq!(child.answer(), "ok");
        child.finish();
    }
    fs::remove_dir(folder).expect("an empty folder");
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
            assert_eq!(region.topic("speed").err(), Some(TopicError::NoSpace));
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
    assert_eq!(error(frozen), Some(OpenError::Denied));
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
    assert_eq!(heir(None), "Err(NotFound)");
    for senseless in ["", "x", "-1", "3x", "99999", "4294967295", "18446744073709551616"] {
        assert_eq!(heir(Some(senseless)), "Err(NotFound)", "{senseless:?}");
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
