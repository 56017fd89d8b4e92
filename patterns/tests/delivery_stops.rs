//! A process that is killed before each of the calls with which it writes to files: journals, ledgers, outboxes and dead letters. Then
//! the files are looked at as they are, and as they would be if the power had been lost, with a disk that has only what was waited for.
//!
//! The calls of the C library that write are replaced here, in this program alone. Each counts, and one of them kills the process
//! before it does anything. Those that wait for the disk note what it has then: a file's bytes, or a folder's names.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![expect(unsafe_code, reason = "functions in the place of those of the C library")]

use kit::{Child, Collected, Folder};
use libc::{c_char, c_int, c_long, c_uint, c_void, off64_t, size_t, ssize_t};
use mailbox::{Config, Region};
use mailbox_patterns::delivery::{
    Consumer, DeadLetters, Durability, Id, Journal, Ledger, Outbox, Replay, Retry, Verdict,
};
use std::cell::Cell;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use std::{env, fs, io, thread};

const KIND: [u8; 4] = *b"test";
const ROLE: &str = "DELIVERY_STOPS_ROLE";
const FOLDER: &str = "DELIVERY_STOPS_FOLDER";
const WRITES: &str = "DELIVERY_STOPS_WRITES";
const DISK: &str = "DELIVERY_STOPS_DISK";
/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
/// More calls than any of these processes makes.
const MOST: i64 = 1000;

/// How many processes are looked at beside each other.
const BESIDE: usize = 4;

/// How many calls are left before this process is killed; below 0 for no end.
static LEFT: AtomicI64 = AtomicI64::new(-1);

thread_local! {
    /// Whether this thread notes what the disk has, which is no matter of the process that is looked at.
    static IS_NOTING: Cell<bool> = const { Cell::new(false) };
}

/// Makes a system call that writes, if it is not the one at which this process ends.
fn write_by(number: c_long, arguments: [c_long; 5]) -> c_long {
    if !IS_NOTING.get() && LEFT.load(Relaxed) >= 0 && LEFT.fetch_sub(1, Relaxed) == 0 {
        kit::kill_oneself();
    }
    let [one, two, three, four, five] = arguments;
    // SAFETY: what the caller has given to the function that this one stands for.
    unsafe { libc::syscall(number, one, two, three, four, five) }
}

#[unsafe(no_mangle)]
extern "C" fn write(file: c_int, bytes: *const c_void, len: size_t) -> ssize_t {
    let arguments = [file.into(), bytes as c_long, len as c_long, 0, 0];
    if file > libc::STDERR_FILENO {
        return write_by(libc::SYS_write, arguments) as ssize_t;
    }
    // SAFETY: as above. What a test prints is no matter of its files.
    unsafe { libc::syscall(libc::SYS_write, arguments[0], arguments[1], arguments[2]) as ssize_t }
}

#[unsafe(no_mangle)]
extern "C" fn pwrite64(file: c_int, bytes: *const c_void, len: size_t, offset: off64_t) -> ssize_t {
    write_by(libc::SYS_pwrite64, [file.into(), bytes as c_long, len as c_long, offset, 0]) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    sync_by(libc::SYS_fsync, file)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    sync_by(libc::SYS_fdatasync, file)
}

fn sync_by(number: c_long, file: c_int) -> c_int {
    let synced = write_by(number, [file.into(), 0, 0, 0, 0]) as c_int;
    if !IS_NOTING.get() && LEFT.load(Relaxed) >= 0 && synced == 0 {
        IS_NOTING.set(true);
        note(&format!("/proc/self/fd/{file}")).expect("room for what the disk has");
        IS_NOTING.set(false);
    }
    synced
}

/// Notes what the disk has of a file or a folder, under the number of its inode.
fn note(path: &str) -> io::Result<()> {
    let about = fs::metadata(path)?;
    let bytes = if about.is_dir() {
        let mut lines = String::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().into_string().expect("a name");
            lines += &format!("{} {} {name}\n", entry.ino(), entry.file_type()?.is_dir());
        }
        lines.into_bytes()
    } else {
        fs::read(path)?
    };
    let place = PathBuf::from(env::var_os(DISK).expect("a folder")).join(about.ino().to_string());
    // Another thread may end the process now: it is there as a whole or not.
    let begun = place.with_extension(format!("{:?}", thread::current().id()));
    fs::write(&begun, bytes).and_then(|()| fs::rename(begun, place))
}

/// Makes what the disk has of a folder with this inode.
fn restore(disk: &Path, inode: &str, folder: &Path) -> io::Result<()> {
    let Ok(lines) = fs::read_to_string(disk.join(inode)) else { return Ok(()) };
    for line in lines.lines() {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("three words");
        let (inode, is_dir, path) = (word(), word() == "true", folder.join(word()));
        if is_dir {
            fs::create_dir(&path).and_then(|()| restore(disk, inode, &path))?;
        } else {
            fs::write(path, fs::read(disk.join(inode)).unwrap_or_default())?;
        }
    }
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(file: c_int, len: off64_t) -> c_int {
    write_by(libc::SYS_ftruncate, [file.into(), len, 0, 0, 0]) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let here = c_long::from(libc::AT_FDCWD);
    write_by(libc::SYS_renameat, [here, from as c_long, here, to as c_long, 0]) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn unlink(path: *const c_char) -> c_int {
    write_by(libc::SYS_unlinkat, [libc::AT_FDCWD.into(), path as c_long, 0, 0, 0]) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn mkdir(path: *const c_char, mode: c_uint) -> c_int {
    write_by(libc::SYS_mkdirat, [libc::AT_FDCWD.into(), path as c_long, mode.into(), 0, 0]) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let arguments = [from_folder.into(), from as c_long, to_folder.into(), to as c_long, flags.into()];
    write_by(libc::SYS_linkat, arguments) as c_int
}

/// Where a file is made or emptied. (The function has a varying number of arguments, which are passed in the same way.)
#[unsafe(no_mangle)]
extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let arguments = [libc::AT_FDCWD.into(), path as c_long, flags.into(), mode.into(), 0];
    if flags & (libc::O_CREAT | libc::O_TRUNC) != 0 {
        return write_by(libc::SYS_openat, arguments) as c_int;
    }
    let [folder, path, flags, mode, _] = arguments;
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_openat, folder, path, flags, mode) as c_int }
}

/// Runs this part in a process that is killed before the write of this number. How many steps it has told, and whether it came to its
/// end.
fn run(role: &str, folder: &Path, disk: &Path, writes: i64) -> (usize, bool) {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process", "--nocapture"]).stdout(Stdio::piped());
    command.env(ROLE, role).env(FOLDER, folder).env(DISK, disk).env(WRITES, writes.to_string());
    let mut child = Child::start(&mut command);
    let lines = Collected::of(child.output().expect("a pipe"));
    let status = child.finish();
    let text = lines.text();
    assert!(status.success() || status.code().is_none(), "it failed: {text}");
    (text.lines().filter(|line| *line == "done").count(), status.success())
}

/// Runs it with an end before each write, and then without. What is there after each end is looked at.
fn end_at_each_write(role: &str, look: impl Fn(&Path, usize, i64) + Sync) {
    let end_at = |writes| {
        let (folder, disk, restored) = (Folder::new(), Folder::new(), Folder::new());
        let (steps, is_over) = run(role, &folder, &disk, writes);
        let inode = fs::metadata(&*folder).expect("a folder").ino();
        restore(&disk, &inode.to_string(), &restored).expect("a disk");
        look(&restored, steps, writes);
        look(&folder, steps, writes);
        is_over
    };
    for first in (0..MOST).step_by(BESIDE) {
        let are_over = thread::scope(|scope| {
            let end_at = &end_at;
            let all: Vec<_> =
                (first..).take(BESIDE).map(|writes| scope.spawn(move || end_at(writes))).collect();
            all.into_iter().any(|one| one.join().expect("no panic"))
        });
        if are_over {
            assert!(first > 20, "{first} writes are too few");
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn second_process() {
    let Ok(role) = env::var(ROLE) else { return };
    kit::die_with_parent();
    kit::end_within(60);
    let folder = PathBuf::from(env::var_os(FOLDER).expect("a folder"));
    let writes = env::var(WRITES).expect("a number").parse().expect("a number");
    match role.as_str() {
        "journal" => write_journal(&folder, writes),
        "ledger" => write_ledger(&folder, writes),
        _ => deliver(&folder, writes),
    }
    LEFT.store(-1, Relaxed);
}

/// A step is over, and counts from now on.
fn done() {
    println!("done");
}

const PARTS: [&[&[u8]]; 4] = [&[b"1", b"one"], &[b"2"], &[b"3", b"", b"three"], &[b"5"]];
const WHOLE: &[&[u8]] = &[b"all", b"of them"];

fn write_journal(folder: &Path, writes: i64) {
    let open = || Journal::open(folder.join("journal"), KIND, Durability::Power, |_| {}).expect("sound").0;
    LEFT.store(writes, Relaxed);
    let mut journal = open();
    done();
    for part in &PARTS[..3] {
        part.iter().for_each(|record| journal.append(&[record]).expect("short"));
        journal.commit().expect("a disk");
        done();
    }
    journal.replace(WHOLE.iter().copied()).expect("a disk");
    done();
    drop(journal);
    let mut journal = open();
    journal.append(&[PARTS[3][0]]).expect("short");
    journal.commit().expect("a disk");
    done();
}

#[test]
fn a_journal_has_what_was_committed_before_each_write() {
    let mut states: Vec<Vec<Vec<u8>>> = vec![vec![]];
    for part in &PARTS[..3] {
        let before = states.last().cloned().unwrap_or_default();
        states.push(before.into_iter().chain(part.iter().map(|record| record.to_vec())).collect());
    }
    states.push(WHOLE.iter().map(|record| record.to_vec()).collect());
    states.push(WHOLE.iter().chain(PARTS[3]).map(|record| record.to_vec()).collect());
    end_at_each_write("journal", |folder, steps, writes| {
        let path = folder.join("journal");
        let mut records = vec![];
        let keep = |record: &[u8]| records.push(record.to_vec());
        let (mut journal, recovered) = Journal::open(&path, KIND, Durability::Process, keep).expect("sound");
        assert_eq!(recovered.cut_bytes, 0, "{writes}");
        // The step that it was in is there or not.
        let may_be = &states[steps.saturating_sub(1)..states.len().min(steps + 1)];
        assert!(may_be.contains(&records), "{writes} writes, {steps} steps: {records:?}");
        journal.append(&[b"more"]).expect("short");
        journal.commit().expect("a disk");
        drop(journal);
        let names = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.file_name());
        assert!(
            names.map(|name| name.into_string()).all(|name| name.is_ok_and(|name| !name.ends_with("new")))
        );
    });
}

fn id(number: u64) -> Id {
    Id { sender: 1, life: 9, number, settled: 0 }
}

fn write_ledger(folder: &Path, writes: i64) {
    let open = || Ledger::open(folder.join("ledger"), Durability::Power, |_| {}).expect("sound").0;
    LEFT.store(writes, Relaxed);
    let mut ledger = open();
    done();
    for number in [1, 3, 5] {
        ledger.record(id(number), &[number as u8]).expect("short");
        ledger.set_aside(id(number + 1)).expect("short");
        ledger.commit().expect("a disk");
        done();
    }
    ledger.compact(&[1, 3, 5]).expect("a disk");
    drop(ledger);
    let mut ledger = open();
    ledger.record(id(7), &[7]).expect("short");
    ledger.commit().expect("a disk");
    done();
}

#[test]
fn a_ledger_has_each_effect_with_its_message_before_each_write() {
    end_at_each_write("ledger", |folder, steps, writes| {
        let mut effects = vec![];
        let keep = |replay: Replay<'_>| match replay {
            Replay::State(bytes) | Replay::Effect(bytes) => effects.extend_from_slice(bytes),
        };
        let (ledger, _) = Ledger::open(folder.join("ledger"), Durability::Process, keep).expect("sound");
        let numbers = [1, 3, 5, 7];
        let committed = steps.saturating_sub(1);
        let may_be = [&numbers[..committed], &numbers[..(committed + 1).min(4)]];
        assert!(may_be.contains(&&*effects), "{writes} writes, {steps} steps: {effects:?}");
        for number in 1..=7 {
            // Those with even numbers were set aside in the commit before.
            let is_there = effects.contains(&(number - 1 + number % 2));
            let verdict = if is_there { Verdict::Repeated } else { Verdict::New };
            assert_eq!(ledger.judge(id(number.into())), verdict, "{writes} writes: {number}");
        }
    });
}

const SENDER: u32 = 1;
const RETRIES: u32 = 2;
/// What is sent, and which of it fails at first.
const BODIES: u8 = 5;
const BAD: u8 = 3;

/// Sends what was not sent yet from an outbox; its receiver sets one message aside, which is sent again.
fn deliver(folder: &Path, writes: i64) {
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let is_over = &AtomicBool::new(false);
    LEFT.store(writes, Relaxed);
    thread::scope(|scope| {
        let region = &region;
        scope.spawn(move || {
            let me = region.join(0).expect("a free rank");
            let dead = DeadLetters::open(folder.join("dead")).expect("a box");
            let mut consumer = Consumer::new(&me, Retry::new(1), dead);
            let ledger = Ledger::open(folder.join("ledger"), Durability::Power, |_| {});
            let mut ledger = ledger.expect("a ledger").0;
            while !is_over.load(Relaxed) {
                let handled = consumer.exactly_once(&mut ledger, Duration::from_millis(5), |letter| {
                    let is_bad = letter.body == [BAD] && letter.from == SENDER;
                    if is_bad { Err("not now".into()) } else { Ok(letter.body.clone()) }
                });
                handled.expect("sound");
            }
        });
        let me = region.join(SENDER).expect("a free rank");
        region.wait_for(0, GUARD).expect("it comes");
        let outbox = Outbox::open(&me, folder.join("outbox"), Durability::Power);
        let mut outbox = outbox.expect("an outbox").0;
        for body in outbox.last(0) as u8 + 1..=BODIES {
            outbox.post(0, &[body]).expect("room");
            outbox.commit().expect("a disk");
        }
        outbox.deliver(GUARD).expect("all is handled");
        outbox.commit().expect("a disk");
        let retries = region.join(RETRIES).expect("a free rank");
        let dead = DeadLetters::open(folder.join("dead")).expect("a box");
        for name in dead.names().expect("a box") {
            dead.retry(&name, &retries, None, GUARD).expect("it is handled");
        }
        is_over.store(true, Relaxed);
    });
}

#[test]
fn what_an_outbox_sends_is_handled_once_though_all_end_before_each_write() {
    end_at_each_write("deliver", |folder, _, writes| {
        // Another life goes on with the files.
        assert!(run("deliver", folder, folder, -1).1);
        let mut effects = vec![];
        let keep = |replay: Replay<'_>| match replay {
            Replay::State(bytes) | Replay::Effect(bytes) => effects.extend_from_slice(bytes),
        };
        drop(Ledger::open(folder.join("ledger"), Durability::Process, keep).expect("sound"));
        effects.sort_unstable();
        assert_eq!(effects, (1..=BODIES).collect::<Vec<_>>(), "{writes} writes");
        let dead = DeadLetters::look(folder.join("dead")).expect("a box");
        assert!(dead.names().expect("a box").is_empty(), "{writes} writes");
    });
}
