//! What processes leave that are killed: what is removed of it, and what is not.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::{Child, Scratch, is_root, place, reply};
use mailbox::lab::abi::WIPED;
use mailbox::lab::os::{self, Lock};
use mailbox::{Config, OpenError, Region, RemoveError, Reserve, Status};
use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

#[test]
fn second_process() {
    match common::role() {
        Some((role, _)) if role == "cleaner" => {
            clean_a_folder_of_ones_own();
            reply("ok");
        }
        Some((role, _)) if role == "killer" => {
            kill_creators("region", &os::shm_folder(), || Region::clean().expect("a folder"));
            reply("ok");
        }
        Some((role, region)) if role == "creator" => create_for_ever(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

const SMALL: Config = Config::ranks(2).cells(4).arena(1024).loans(0).groups(0);
/// A user that this process is not.
const SOMEBODY: u32 = 65_534;
const GATE: u32 = 1;

/// Plays `role` where nobody else's regions are.
fn play_alone(role: &str) {
    if let Some(mut child) = Child::start_alone(role) {
        assert_eq!(child.answer(), "ok");
        child.finish();
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

/// The name of something half-built; those of an even number are as older versions built them.
fn half_built(folder: &Path, number: u32) -> PathBuf {
    let name = if number.is_multiple_of(2) { "" } else { "region" };
    folder.join(format!("{name}.mailbox-{number:016x}"))
}

/// Everything under the names of half-built regions that a creator can have left, and that none has: the names
/// of the former are returned.
fn litter(folder: &Path, whole: &Path) -> Vec<String> {
    let path = |number| half_built(folder, number);
    let file = |number| File::create_new(path(number)).expect("a file");
    let mut left = vec![2, 3];
    // Killed before it had a length: where locks are words it could not be locked, and stays.
    file(1);
    if !cfg!(portable) {
        left.insert(0, 1);
    }
    file(2).set_len(1 << 20).expect("a length");
    fs::rename(whole, path(3)).expect("a region that bears no name yet");
    // None of ours.
    symlink(path(2), path(4)).expect("a link");
    fs::create_dir(path(5)).expect("a folder");
    assert!(Command::new("mkfifo").arg(path(6)).status().expect("mkfifo").success());
    if is_root() {
        file(7).set_len(1 << 20).expect("a length");
        chown(path(7), Some(SOMEBODY), None).expect("another owner");
    }
    for name in
        [".mailbox-", "x.mailbox-1", "x.mailbox-000000000000000g", "x.mailbox-00000000000000001", "foreign"]
    {
        fs::write(folder.join(name), [0; 4096]).expect("a file");
    }
    let name = |number| half_built(Path::new(""), number).to_str().expect("text").into();
    let mut names: Vec<String> = left.into_iter().map(name).collect();
    names.sort();
    names
}

/// Removes `clean`'s own, and nothing else; and then there is no more.
fn expect_removed(folder: &Path, removed: &[String], clean: &dyn Fn() -> Vec<String>) {
    let before = entries(folder);
    assert_eq!(clean(), removed);
    let mut kept = before;
    kept.retain(|name| !removed.contains(&name.strip_prefix("mailbox.").unwrap_or(name).to_string()));
    assert_eq!(entries(folder), kept);
    assert_eq!(clean(), [""; 0]);
    assert_eq!(entries(folder), kept);
}

// --- In memory ---------------------------------------------------------------------------------------------

#[test]
fn what_was_left_in_memory_is_removed_and_nothing_else() {
    play_alone("cleaner");
}

fn clean_a_folder_of_ones_own() {
    let folder = os::shm_folder();
    let region = |name: &str| {
        let scratch = Scratch::at(name);
        drop(scratch.create(SMALL));
        scratch
    };
    let joined = |scratch: &Scratch, rank: u32| {
        let mut puppet = puppet(scratch);
        assert_eq!(puppet.does(&format!("join {rank}")), "ok");
        puppet
    };
    // Nobody lives in it: abandoned by all, one of whom died.
    let stale = region("stale");
    drop(stale.open().join(0).expect("a free rank"));
    joined(&stale, 1).kill();
    // One died, the other lives; it is stopped, even.
    let half_stale = region("half-stale");
    let alive = joined(&half_stale, 0);
    alive.stop();
    joined(&half_stale, 1).kill();
    // Nobody ever came, or all left, with mail for who comes.
    let (_idle, left) = (region("idle"), region("left"));
    left.open().join(0).expect("a free rank").send(1, b"mail").expect("room");
    // Abandoned as the first, with mail for who comes.
    let stale_with_mail = region("stale-with-mail");
    let mut sender = joined(&stale_with_mail, 0);
    assert_eq!(sender.does("send 1 mail"), "ok");
    sender.kill();
    // Half-removed.
    let wiped = region("wiped");
    wiped.patch(0, &WIPED.to_ne_bytes());
    let whole = region("whole");

    let mut removed = litter(&folder, &whole.path());
    removed.extend(["stale".to_string(), "wiped".into()]);
    removed.sort();
    // Somebody builds: what it builds stays.
    let building = half_built(&folder, 9);
    let file = File::options().read(true).write(true).create_new(true).open(&building).expect("a file");
    file.set_len(1 << 20).expect("a length");
    let builder = Lock::take(&file, GATE, 1).expect("a lock").expect("a free one");
    expect_removed(&folder, &removed, &|| Region::clean().expect("a folder"));
    drop(builder);
    expect_removed(&folder, &["region.mailbox-0000000000000009".into()], &|| {
        Region::clean().expect("a folder")
    });
    // The processes that were there notice nothing.
    assert_eq!(half_stale.open().status(0), Some((Status::Live, 1)));
    for region in [left, stale_with_mail] {
        assert_eq!(region.open().join(1).expect("a free rank").recv().expect("mail").to_vec(), b"mail");
    }
}

// --- Beside files ------------------------------------------------------------------------------------------

#[test]
fn what_was_left_beside_files_is_removed_and_nothing_else() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    let file = |name: &str| Scratch::at(folder.path().join(name).to_str().expect("text"));
    let (stale, whole) = (file("stale"), file("whole"));
    drop((stale.create(SMALL), whole.create(SMALL)));
    let mut puppet = puppet(&stale);
    assert_eq!(puppet.does("join 1"), "ok");
    puppet.kill();
    let removed = litter(&folder.path(), &whole.path());
    expect_removed(&folder.path(), &removed, &|| Region::clean_folder(&folder.path()).expect("a folder"));
    assert!(Region::clean_folder(&folder.path().join("nowhere")).is_err());
    assert_eq!(Region::remove_at(&stale.path()), Ok(()), "that is asked for by its name");
    fs::remove_dir_all(folder.path()).expect("a folder");
}

#[test]
fn no_region_is_bound_to_a_name_of_one_that_is_built() {
    let path = half_built(&std::env::temp_dir(), 1);
    let place = || path.as_path().into();
    assert_eq!(Region::create(&path, SMALL).err(), Some(mailbox::CreateError::BadPlace(place())));
    assert_eq!(Region::open(&path).err(), Some(OpenError::BadPlace(place())));
    assert_eq!(Region::remove_at(&path), Err(OpenError::BadPlace(place()).into()));
}

// --- Killed creators ---------------------------------------------------------------------------------------

#[test]
fn killed_creators_and_removers_leave_nothing_that_stays_in_memory() {
    play_alone("killer");
}

#[test]
fn killed_creators_and_removers_leave_nothing_that_stays_beside_files() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    let region = folder.path().join("region");
    kill_creators(region.to_str().expect("text"), &folder.path(), || {
        Region::clean_folder(&folder.path()).expect("a folder")
    });
}

/// Kills processes that create, join, leave and remove, at any moment; nobody has to clear up for the next.
fn kill_creators(name: &str, folder: &Path, clean: impl Fn() -> Vec<String>) {
    const ROUNDS: u32 = 100;
    let mut half_built = 0;
    for round in 0..ROUNDS {
        let mut creator = Child::start_with(&[], "creator", name, |_| {});
        assert_eq!(creator.answer(), "ok");
        thread::sleep(Duration::from_micros(u64::from(round) * 97));
        creator.kill();
        let me = Region::create_or_open(place(name), CREATED).expect("a region").join_any();
        let me = me.expect("a free rank");
        me.send(me.rank(), b"x").expect("room");
        assert_eq!(me.from(me.rank()).recv().expect("mail").to_vec(), b"x");
        drop(me);
        half_built += clean().len();
    }
    match Region::remove_at(place(name)) {
        Ok(()) | Err(RemoveError::Open(OpenError::NotFound(_))) => {}
        error => panic!("{error:?}"),
    }
    assert!(clean().is_empty());
    if cfg!(portable) {
        // One that was killed before its file had a length.
        entries(folder).iter().for_each(|name| fs::remove_file(folder.join(name)).expect("a file"));
    }
    assert_eq!(entries(folder), [""; 0], "nothing is left behind");
    eprintln!("{half_built} left by {ROUNDS}");
}

/// Takes a while to build.
const CREATED: Config = Config::ranks(2).cells(64).arena(2 << 20).loans(0).reserve(Reserve::AtCreation);

fn create_for_ever(name: &str) {
    reply("ok");
    loop {
        let region = Region::create_or_open(place(name), CREATED).expect("a region");
        drop(region.join_any());
        let _ = Region::remove_at(place(name));
    }
}
