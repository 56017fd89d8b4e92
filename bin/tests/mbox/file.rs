//! A name with a slash in it is the path of a region in a file.

use crate::program::{Name, file_of, mbox, mbox_reading};
use std::fs;
use std::os::unix::fs::symlink;

fn entries(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn unread_mail_outlives_both_processes() {
    let region = Name::file().created(&["--ranks", "2"]);
    assert!(region.path().is_file());
    let input: Vec<u8> = (0..200_000_u32).map(|at| (at * 31) as u8).collect();
    mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(&input)).succeeds();

    // All have left. The mail waits for the next process.
    let stat = region.stat();
    assert_eq!(
        (&stat["name"], &stat["live"], &stat["mailboxes"][0]["bytes"]),
        (&(*region).into(), &0.into(), &200_000.into())
    );
    assert!(mbox(["recv", &region, "--as", "1"]).succeeds() == input);
    mbox(["rm", &region]).succeeds();
    assert!(!region.exists());
}

#[test]
fn a_receiver_that_waits_is_reached_through_a_file() {
    let region = Name::file().created(&["--ranks", "2"]);
    let receiver = mbox(["recv", &region, "--as", "1", "--lines"]);
    region.wait_for(1, "live");
    let what = format!(
        "region {:?}: the region is in use by a live process; see by whom with: mbox stat {}",
        &*region, &*region
    );
    mbox(["rm", &region]).fails(&what);
    mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(b"one\ntwo\n")).succeeds();
    assert_eq!(receiver.succeeds(), b"one\ntwo\n");
}

#[test]
fn a_path_may_be_relative_and_have_spaces() {
    let folder = Name::file();
    fs::create_dir(folder.path()).expect("a folder");
    let run = |args: &[&str]| {
        crate::program::Process::start(crate::program::command(args).current_dir(folder.path()))
    };
    run(&["create", "./my prices", "--ranks", "1"]).succeeds();
    assert_eq!(entries(&folder.path()), ["my prices"]);
    run(&["create", "./my prices", "--ranks", "1"])
        .fails("region \"./my prices\": the name is taken; use it, or remove it with: mbox rm './my prices'");
    run(&["stat", "./my prices"]).succeeds();
    run(&["rm", "./my prices"]).succeeds();
    assert_eq!(entries(&folder.path()), [""; 0]);
}

#[test]
fn files_are_not_listed() {
    let region = Name::file().created(&["--ranks", "1"]);
    let list = String::from_utf8(mbox(["ls"]).succeeds()).expect("UTF-8");
    let name = region.path().file_name().expect("a file").to_str().expect("UTF-8").to_owned();
    assert!(!list.contains(&name), "{list}");
}

#[test]
fn what_cannot_be_a_region_in_a_file() {
    let folder = Name::file();
    fs::create_dir(folder.path()).expect("a folder");
    let create = |path: &str, what: &str| {
        let output = mbox(["create", path, "--ranks", "2"]).fails(&format!("region {path:?}: {what}"));
        assert_eq!(output, b"");
    };
    for path in ["/", "./..", &format!("{}/", &*folder)] {
        create(path, "the path does not end in the name of a file; write it as FOLDER/FILE");
    }
    create(
        &format!("{}/none/x", &*folder),
        &format!("there is no folder \"{0}/none\"; create it with: mkdir -p {0}/none", &*folder),
    );
    create(&folder, "the name is taken; it is not a region; choose another path");
    // What the system serves itself is no disk.
    for path in ["/sys/x", "/proc/x"] {
        let process = mbox(["create", path, "--ranks", "2"]).finish();
        assert_eq!((process.status.code(), process.complaints.lines().count()), (Some(1), 1));
    }
    let path = format!("{}/x", &*folder);
    for (command, hint) in [
        (
            "stat",
            format!("list the regions with: ls {}; create it with: mbox create {path} --ranks N", &*folder),
        ),
        ("rm", format!("list the regions with: ls {}", &*folder)),
    ] {
        mbox([command, &path]).fails(&format!("region {path:?}: there is no such region; {hint}"));
    }
    assert_eq!(entries(&folder.path()), [""; 0]);
}

#[test]
fn what_is_no_region_in_a_file() {
    let make: [fn(&Name); 3] = [
        |name| fs::write(name.path(), "another program's ".repeat(1000)).expect("a file"),
        |name| fs::create_dir(name.path()).expect("a folder"),
        |name| symlink("/dev/zero", name.path()).expect("a link"),
    ];
    for make in make {
        let name = Name::file();
        make(&name);
        let what = "this is not a region; the name may belong to another program; choose another path";
        for command in ["stat", "rm"] {
            mbox([command, &name]).fails(&format!("region {:?}: {what}", &*name));
        }
        assert!(name.path().symlink_metadata().is_ok(), "it is not ours to remove");
    }
}

#[test]
fn a_file_that_was_cut() {
    let name = Name::file().created(&["--ranks", "2"]);
    let file = fs::File::options().write(true).open(name.path()).expect("a region");
    let expected = file.metadata().expect("a region").len();
    file.set_len(4096).expect("a shorter region");
    let what = format!(
        "the region has 4096 bytes instead of {expected}; somebody changed its length; its mail is lost; remove it \
         with: rm {}",
        &*name
    );
    for command in ["stat", "rm"] {
        mbox([command, &name]).fails(&format!("region {:?}: {what}", &*name));
    }
}

#[test]
fn a_file_that_was_open_when_the_machine_went_down() {
    use std::os::unix::fs::FileExt;
    let name = Name::file().created(&["--ranks", "2"]);
    let file = fs::File::options().write(true).open(name.path()).expect("a region");
    // The ninth word of its header names the boot in which it was in use.
    file.write_all_at(&0x1234_5679_u64.to_ne_bytes(), 8 * 8).expect("its header");
    mbox(["stat", &name]).fails(&format!(
        "region {:?}: {}; if it is not in use, remove it with: mbox rm {}",
        &*name,
        mailbox::OpenError::Mismatch(mailbox::Mismatch::Incompatible),
        &*name
    ));
    mbox(["rm", &name]).succeeds();
    assert!(!name.exists());
}
