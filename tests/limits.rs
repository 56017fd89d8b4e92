//! What the system refuses: errors that say so, no signal, and nothing left behind.
#![cfg(not(loom))]

mod common;

use common::{Child, Scratch, become_user, is_root, reply};
use mailbox::{
    Broken, Config, CreateError, JoinError, OpenError, OpenOptions, RecvError, Region, Reserve, SendError,
    System,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, io, thread};

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "cramped" => send_what_does_not_fit(&region),
        Some((role, region)) if role == "lending" => lend_what_does_not_fit(&region),
        Some((role, region)) if role == "grouped" => stay_within_a_group(&region),
        Some((role, region)) if role == "short" => write_short_files(&region),
        Some((role, region)) if role == "shortest" => write_nothing(&region),
        Some((role, region)) if role == "narrow" => map_little(&region),
        Some((role, region)) if role == "locking" => lock_all_memory(&region),
        Some((role, region)) if role == "limited" => lock_too_much_memory(&region),
        Some((role, region)) if role == "bootless" => live_without_a_boot(&region),
        Some((role, region)) if role == "procless" => live_without_proc(&region),
        _ => {}
    }
}

/// Runs `role` after `prepare` in namespaces of its own, made with these options of `unshare`; says so if that is not
/// possible. Whether it was.
fn play_apart(options: &[&str], prepare: &str, role: &str, region: &Scratch) -> bool {
    let unshare: Vec<&str> = ["unshare"].iter().chain(options).copied().collect();
    let tried = Command::new("unshare").args(options).args(["sh", "-c", prepare]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: unshare {options:?} sh -c {prepare:?}");
        return false;
    }
    let script = format!("{prepare} && exec \"$0\" \"$@\"");
    let wrapper: Vec<&str> = unshare.into_iter().chain(["sh", "-c", &script]).collect();
    let mut child = Child::start_under(&wrapper, role, region);
    assert_eq!(child.answer(), "ok");
    child.finish();
    true
}

// --- Room --------------------------------------------------------------------------------------------------

#[test]
#[cfg_attr(portable, ignore = "an arena is not reserved apart")]
fn an_arena_that_does_not_fit_takes_nothing() {
    play_apart(&["-m"], "mount -t tmpfs -o size=160m none /dev/shm", "cramped", &Scratch::new());
}

fn send_what_does_not_fit(name: &str) {
    let region = Region::create(name, Config::ranks(2).cells(4).arena(400 << 20)).expect("room for a table");
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    a.send(1, b"small").expect("room");
    let before = region.inspect().memory;
    for _ in 0..3 {
        assert_eq!(a.send(1, &vec![7; 200 << 20]).err(), Some(SendError::Broken(Broken::NoSpace(1))));
        assert_eq!(region.inspect().memory, before, "the room is left to others");
    }
    assert_eq!(b.recv().expect("mail").to_vec(), b"small");
    drop((a, b));
    assert_eq!(Region::remove_at(name), Ok(()));
    // In more than one piece.
    let region = Region::create(name, Config::ranks(2).cells(4).arena(260 << 20)).expect("room for a table");
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    a.send(1, &vec![7; 100 << 20]).expect("room");
    assert!(region.inspect().memory > 130 << 20);
    assert_eq!(b.recv().expect("mail").len(), 100 << 20);
    drop((a, b));
    assert_eq!(Region::remove_at(name), Ok(()));
    assert_eq!(fs::read_dir("/dev/shm").expect("a folder").count(), 0, "nothing is left behind");
    reply("ok");
}

#[test]
#[cfg_attr(portable, ignore = "an area for loans is not reserved apart")]
fn a_loan_that_does_not_fit_is_an_error_and_no_signal() {
    play_apart(&["-m"], "mount -t tmpfs -o size=8m none /dev/shm", "lending", &Scratch::new());
}

fn lend_what_does_not_fit(name: &str) {
    const MIB: usize = 1 << 20;
    let region = Region::create(name, Config::ranks(3).cells(4).arena(128).groups(0).topics(0))
        .expect("room for a table");
    let [a, b, c] = [0, 1, 2].map(|rank| region.join(rank).expect("a free rank"));
    (0..3).for_each(|to| a.send(to, b"small").expect("room"));
    let before = region.inspect().memory;
    for _ in 0..3 {
        assert_eq!(a.loan(10 * MIB).err(), Some(SendError::Broken(Broken::NoSpace(0))));
        assert_eq!(region.inspect().memory, before, "the room is left to others");
    }
    let mut loan = a.loan(5 * MIB).expect("room");
    loan.write_at(5 * MIB - 1, &[7]);
    let block = loan.commit(5 * MIB);
    block.send(1).expect("room");
    drop(block);
    // What has memory is used as long as some of it is free.
    let filler = || fs::write("/dev/shm/filler", vec![1; 8 * MIB]).expect_err("too little room");
    filler();
    for _ in 0..50 {
        assert_eq!(a.loan(1).err(), Some(SendError::Broken(Broken::NoSpace(0))));
        a.send(2, b"small ones go on").expect("room");
        assert!(b.from(2).try_recv().is_ok_and(|mail| mail.is_none()));
        drop(c.from(0).recv().expect("mail"));
    }
    assert_eq!(b.recv().expect("mail").to_vec(), b"small");
    drop(b.recv().expect("mail"));
    for _ in 0..50 {
        let block = a.loan(MIB).expect("memory that it had before").commit(MIB);
        block.send(2).expect("room");
        while c.from(0).recv().expect("mail").len() != MIB {}
    }
    assert_eq!(a.loan(6 * MIB).err(), Some(SendError::Broken(Broken::NoSpace(0))));
    // A reader of a payload without memory is told, no matter who took the memory away. The mail stays.
    a.loan(MIB).expect("room").commit(MIB).send(1).expect("room");
    fs::remove_file("/dev/shm/filler").expect("a file");
    drop(b);
    punch(name);
    filler();
    let b = region.join(1).expect("a free rank");
    for _ in 0..3 {
        assert_eq!(b.from(0).try_recv().err(), Some(RecvError::Broken(Broken::NoSpace(0))));
    }
    fs::remove_file("/dev/shm/filler").expect("a file");
    let late = b.from(0).within(Duration::from_secs(60)).recv().expect("mail");
    assert_eq!(late.to_vec(), vec![0; MIB], "what is left of it");
    drop(late);
    drop((a, b, c));
    assert_eq!(Region::remove_at(name), Ok(()));
    assert_eq!(fs::read_dir("/dev/shm").expect("a folder").count(), 0, "nothing is left behind");
    reply("ok");
}

/// Takes away the memory of the region's last section, the areas for loans.
#[cfg(target_os = "linux")]
fn punch(name: &str) {
    use std::os::fd::AsRawFd;
    let file = fs::File::options().write(true).open(Path::new("/dev/shm").join(name)).expect("a region");
    let end = file.metadata().expect("facts").len() as i64;
    let flags = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    let start = end - 3 * ((64 << 20) + 4096);
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::fallocate(file.as_raw_fd(), flags, start, end - start) };
    assert_eq!(result, 0, "a hole");
}

/// Elsewhere it is not tried.
#[cfg(not(target_os = "linux"))]
fn punch(_name: &str) {}

/// A memory cgroup that goes with its last process, or is removed with the test.
struct Group(PathBuf);

impl Group {
    /// One of this limit; `None`, and a word about it, if this process cannot make one.
    fn of(bytes: u64) -> Option<Self> {
        let name = format!("mailbox-test-{}", std::process::id());
        let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = |version: &str| {
            membership.lines().find_map(|line| line.split_once(version)).map(|(_, path)| path.to_owned())
        };
        let old = own(":memory:").map(|path| ("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
        let found = old.or_else(|| own("0::").map(|path| ("/sys/fs/cgroup", path, "memory.max")));
        let (root, path, limit) = found?;
        let folder = Path::new(root).join(path.trim_start_matches('/')).join(&name);
        let group = Self(folder);
        let made = fs::create_dir(&group.0).and_then(|()| fs::write(group.0.join(limit), bytes.to_string()));
        if made.is_err() {
            eprintln!("skipped: this user cannot make a memory cgroup with a limit");
            return None;
        }
        Some(group)
    }

    /// What a shell does to go there before it becomes another program.
    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.0).map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true)
            {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
#[cfg_attr(portable, ignore = "nothing is known of memory cgroups")]
fn what_does_not_fit_a_memory_cgroup_is_an_error_and_no_signal() {
    let Some(group) = Group::of(64 << 20) else { return };
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(4).arena(128 << 20).max_message(100 << 20));
    // What others have taken costs it nothing: it reads what is larger than its group.
    let me = region.join(2).expect("a free rank");
    me.send(1, &vec![7; 50 << 20]).expect("room");
    let script = format!("{} && exec \"$0\" \"$@\"", group.enter());
    let mut child = Child::start_under(&["sh", "-c", &script], "grouped", &scratch);
    assert_eq!(child.answer(), "ok");
    child.finish();
}

fn stay_within_a_group(name: &str) {
    let region = Region::open(name).expect("a region");
    let me = region.join(1).expect("a free rank");
    for _ in 0..3 {
        assert_eq!(me.send(0, &vec![7; 50 << 20]).err(), Some(SendError::Broken(Broken::NoSpace(0))));
    }
    me.send(0, b"small").expect("room");
    assert_eq!(me.recv().expect("mail").len(), 50 << 20);
    let config = Config::ranks(4).arena(8 << 20).loans(0).reserve(Reserve::AtCreation);
    let scratch = Scratch::new();
    assert_eq!(Region::create(scratch.name(), config).err(), Some(CreateError::System(System::NoSpace)));
    assert_eq!(Region::create_unnamed(config).err(), Some(CreateError::System(System::NoSpace)));
    assert!(!scratch.path().exists(), "nothing is left behind");
    reply("ok");
}

// --- Limits of a process -----------------------------------------------------------------------------------

/// Runs `role` with what `limit` says a shell does to itself.
fn play_limited(limit: &str, role: &str, region: &Scratch) {
    let script = format!("{limit} && exec \"$0\" \"$@\"");
    let mut child = Child::start_under(&["sh", "-c", &script], role, region);
    assert_eq!(child.answer(), "ok");
    child.finish();
}

#[test]
fn a_region_longer_than_a_file_may_be_is_an_error_and_no_signal() {
    let scratch = Scratch::new();
    drop(scratch.create(Config::ranks(2)));
    play_limited("ulimit -f 100", "short", &scratch);
    play_limited("ulimit -f 0", "shortest", &scratch);
}

fn write_short_files(name: &str) {
    let config = Config::ranks(2);
    let [new, file] = [Scratch::new(), Scratch::file()];
    let is_told = |error: Option<CreateError>| match error {
        // In blocks of half a KiB or of one, as the shell likes.
        Some(CreateError::System(System::FileSize { size, limit })) => {
            size > 9 << 20 && [51_200, 102_400].contains(&limit)
        }
        _ => false,
    };
    assert!(is_told(Region::create(new.name(), config).err()));
    assert!(is_told(Region::create(&file.path(), config).err()));
    assert!(is_told(Region::create_unnamed(config).err()));
    assert!(!new.path().exists() && !file.path().exists());
    // A small one is made, and a large one that others made is used.
    drop(
        Region::create(
            new.name(),
            Config::ranks(1).cells(4).arena(1024).max_message(512).loans(0).groups(0).topics(0),
        )
        .expect("a new region"),
    );
    let me = Region::open(name).expect("a region").join(0).expect("a free rank");
    if !cfg!(portable) {
        me.send(0, &[7; 1000]).expect("room");
        assert_eq!(me.from(0).recv().expect("mail").len(), 1000);
    }
    drop(me);
    reply("ok");
}

#[test]
fn a_region_that_the_address_space_is_too_small_for_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.create(Config::ranks(2).cells(4).arena(1024)));
    play_limited("ulimit -v 4194304", "narrow", &scratch);
}

/// A process has addresses for 4 GiB.
fn map_little(name: &str) {
    // 44 GiB.
    let (config, new) = (Config::ranks(64).cells(16).arena(2 << 20).groups(0).topics(0), Scratch::new());
    for error in [Region::create(new.name(), config).err(), Region::create_unnamed(config).err()] {
        let Some(CreateError::System(System::AddressSpace { size, ranks })) = error else {
            panic!("{error:?}")
        };
        assert!(size > 16 << 30 && (16..32).contains(&ranks), "{size} bytes, {ranks} ranks");
    }
    assert!(!new.path().exists());
    assert_eq!(Region::open(name).map(|region| region.ranks()), Ok(2));
    reply("ok");
}

/// A process may not write a single byte to any file.
fn write_nothing(name: &str) {
    assert!(Region::remove_at(name).is_err());
    assert_eq!(Region::open(name).map(|region| region.ranks()), Ok(2), "it is as it was");
    reply("ok");
}

#[test]
#[cfg_attr(portable, ignore = "nothing is known of locked memory")]
fn locked_memory_takes_no_more_of_a_region_than_is_used() {
    let options = "mount -t tmpfs -o size=64m none /dev/shm";
    play_apart(&["-m"], options, "locking", &Scratch::new());
}

/// Locks what is mapped from now on.
fn lock_memory() -> bool {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::mlockall(libc::MCL_FUTURE) };
    result == 0
}

fn lock_all_memory(name: &str) {
    if !lock_memory() {
        eprintln!("skipped: this user may not lock memory");
        return reply("ok");
    }
    // 2 GiB, on a disk of 64 MiB.
    let config = Config::ranks(32);
    let file = Scratch::at("/dev/shm/file");
    let unnamed = Region::create_unnamed(config).expect("a new region");
    for region in [Region::create(name, config).expect("a new region"), file.create(config), unnamed] {
        let before = region.inspect().memory;
        assert!(before < 1 << 20, "{before}");
        let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
        a.send(1, &[7; 1000]).expect("room");
        assert_eq!(b.recv().expect("mail").to_vec(), [7; 1000]);
        assert!(region.inspect().memory < 8 << 20);
    }
    let other = Region::open(name).expect("a region");
    assert_eq!(other.inspect().mailboxes.len(), 1);
    assert!(other.inspect().memory < 8 << 20);
    reply("ok");
}

#[test]
#[cfg_attr(portable, ignore = "nothing is known of locked memory")]
fn more_memory_than_may_be_locked_is_an_error_that_says_so() {
    let scratch = Scratch::new();
    drop(scratch.create(Config::ranks(8).mode(0o666)));
    play_limited("ulimit -l 4000", "limited", &scratch);
}

fn lock_too_much_memory(name: &str) {
    if is_root() {
        become_user(65_534);
    }
    if !lock_memory() {
        eprintln!("skipped: this user may not lock memory");
        return reply("ok");
    }
    let [new, file] = [Scratch::new(), Scratch::file()];
    let config = Config::ranks(8);
    let refused = Some(CreateError::System(System::MemoryLock));
    assert_eq!(Region::create(new.name(), config).err(), refused);
    assert_eq!(Region::create(&file.path(), config).err(), refused);
    assert_eq!(Region::create_unnamed(config).err(), refused);
    assert!(!new.path().exists() && !file.path().exists());
    let trusting = OpenOptions::new().owner(0);
    assert_eq!(trusting.open(name).err(), Some(OpenError::System(System::MemoryLock)));
    assert_eq!(trusting.look(name).map(|view| view.ranks()), Ok(8));
    for said in [
        CreateError::System(System::MemoryLock).to_string(),
        OpenError::System(System::MemoryLock).to_string(),
    ] {
        assert!(said.contains("mlockall") && said.contains("RLIMIT_MEMLOCK"), "{said}");
    }
    reply("ok");
}

// --- What is not shown -------------------------------------------------------------------------------------

const SMALL: Config = Config::ranks(2).cells(4).arena(1024).loans(0).groups(0);
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const DESCRIPTORS: &str = "/proc/self/fd";

#[test]
#[cfg_attr(portable, ignore = "neither is looked for")]
fn without_a_boot_id_regions_in_memory_live_and_files_say_what_is_missing() {
    let file = Scratch::file();
    let me = file.create(SMALL).join(0).expect("a free rank");
    me.send(1, b"mail").expect("room");
    let proc = "mount -t proc -o subset=pid proc /proc";
    play_apart(&["-m", "-p", "-f", "--kill-child"], proc, "bootless", &file);
    // There, and not to be read.
    let hidden = Scratch::file();
    fs::write(hidden.path(), "").expect("a file");
    let hide = format!("mount --bind {} {BOOT_ID}", hidden.path().display());
    play_apart(&["-m"], &hide, "bootless", &file);
}

fn live_without_a_boot(file: &str) {
    let name = Scratch::new();
    let unnamed = Region::create_unnamed(SMALL).expect("a new region");
    for region in [name.create(SMALL), name.open(), unnamed] {
        let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
        a.send(1, b"mail").expect("room");
        assert_eq!(b.recv().expect("mail").to_vec(), b"mail");
    }
    assert!(
        Region::list()
            .expect("a list")
            .iter()
            .any(|listed| listed.name == name.name() && listed.refusal.is_none())
    );
    assert_eq!(Region::remove_at(name.name()), Ok(()));
    // A file in use was used in some boot, which must be this one.
    let missing = OpenError::System(System::Missing { path: BOOT_ID });
    let file = Scratch::at(file);
    assert_eq!(Region::open(&file.path()).err(), Some(missing.clone()));
    assert_eq!(Region::create_or_open(&file.path(), SMALL).err(), Some(missing.clone().into()));
    let view = Region::look(&file.path()).expect("a region");
    assert_eq!((view.unread(), view.check_boot()), (1, Err(missing.clone())));
    let new = Scratch::file();
    let region = Region::create(&new.path(), SMALL).expect("a new region");
    assert_eq!(region.join(0).err(), Some(JoinError::System(System::Missing { path: BOOT_ID })));
    assert_eq!(Region::open(&new.path()).map(|region| region.ranks()), Ok(2), "it is nobody's");
    assert!(missing.to_string().contains(BOOT_ID));
    std::mem::forget(file);
    reply("ok");
}

#[test]
#[cfg_attr(portable, ignore = "it is not looked for")]
fn without_proc_one_can_look_and_is_told_what_is_missing() {
    let scratch = Scratch::new();
    scratch.create(SMALL).join(0).expect("a free rank").send(1, b"mail").expect("room");
    play_apart(&["-m"], "umount -l /proc", "procless", &scratch);
}

fn live_without_proc(name: &str) {
    let entries = || {
        fs::read_dir("/dev/shm")
            .expect("a folder")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
    };
    let missing = OpenError::System(System::Missing { path: DESCRIPTORS });
    assert_eq!(Region::look(name).map(|view| view.unread()), Ok(1));
    assert!(
        Region::list().expect("a list").iter().any(|listed| listed.name == name && listed.refusal.is_none())
    );
    assert!(Region::leftovers().expect("leftovers").iter().any(|leftover| leftover.name == name));
    assert_eq!(Region::remove_at(name), Err(missing.into()));
    let region = Region::open(name).expect("a region");
    assert_eq!(region.join(1).err(), Some(JoinError::System(System::Missing { path: DESCRIPTORS })));
    let new = Scratch::new();
    let refused = Some(CreateError::System(System::Missing { path: DESCRIPTORS }));
    assert_eq!(Region::create(new.name(), SMALL).err(), refused);
    assert_eq!(
        Region::create_or_open(new.name(), SMALL).err(),
        Some(CreateError::System(System::Missing { path: DESCRIPTORS }).into())
    );
    assert_eq!(entries().filter(|entry| entry.starts_with(new.name())).count(), 0, "nothing is left behind");
    reply("ok");
}
