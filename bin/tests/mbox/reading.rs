//! Looking is reading: `ls`, `stat` and `clean` disturb nobody, and need no more than they are allowed.

use crate::program::{MBOX, Name, Process, alone, command, mbox};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

fn said(process: Process) -> String {
    let finished = process.finish();
    assert!(finished.status.success(), "{}", finished.complaints);
    assert_eq!(finished.complaints, "");
    String::from_utf8(finished.output).expect("UTF-8")
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn what_is_no_region_is_not_opened() {
    // The reader of the pipe would see its end, and a file that was opened for writing is no longer executed.
    let script = r#"
        set -e
        mkfifo /dev/shm/pipe; cat /dev/shm/pipe & reader=$!
        trap 'kill $reader' EXIT
        cp /bin/true /dev/shm/program
        for command in ls "ls --json" clean "clean --idle --unread" "clean --dry-run"; do "$0" $command > /dev/null; done
        for name in pipe program; do ! "$0" stat $name 2> /dev/null; ! "$0" clean $name 2> /dev/null; done
        sleep 0.1; kill -0 $reader; echo still there"#;
    let Some(process) = alone(script) else { return };
    assert_eq!(said(process), "still there\n");
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_file_system_for_reading_only_can_be_looked_at() {
    let script = r#"
        "$0" create demo --ranks 2 && seq 3 | "$0" send demo --as 0 --to 1 --lines
        mkdir /dev/shm/files; "$0" create /dev/shm/files/later --ranks 2
        mount -o remount,ro /dev/shm
        "$0" ls | tr -s ' ' | grep -o 'idle.*'; "$0" stat demo | tr -s ' ' | grep -o '0 1 .*'; "$0" stat /dev/shm/files/later | grep -o 'of user.*'
        "$0" clean --dry-run --idle --unread
        "$0" recv demo --as 1 2>&1; seq 3 | "$0" send demo --as 0 --to 1 2>&1
        "$0" rm demo 2>&1; "$0" create other --ranks 2 2>&1; "$0" create /dev/shm/files/other --ranks 2 2>&1; true"#;
    let Some(process) = alone(script) else { return };
    let only = "the file system is mounted for reading only";
    let expected = format!(
        "idle 3 280 KiB\n0 1 3 3 B 3 0 0 0 0 0\n\
         of user 0 (root), protocol 0\n\
         would remove \"demo\", with 3 unread messages\n\
         mbox: region \"demo\": {only}; it can be looked at: mbox stat demo\n\
         mbox: region \"demo\": {only}; it can be looked at: mbox stat demo\n\
         mbox: region \"demo\": {only}; nothing can be removed there\n\
         mbox: region \"other\": {only}; that of \"/dev/shm\"; a region can also be in a file: ./NAME\n\
         mbox: region \"/dev/shm/files/other\": {only}; that of \"/dev/shm/files\"; choose another folder\n"
    );
    assert_eq!(said(process), expected);
}

/// Runs `mbox` as nobody; `None` if that is not possible.
fn as_stranger(args: &[&str]) -> Option<Process> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let tried = || command(["--version"]).uid(65534).stdout(Stdio::null()).status();
    if !is_root || !tried().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user cannot start mbox as another user");
        return None;
    }
    Some(Process::start(command(args).uid(65534)))
}

#[test]
fn who_may_read_may_look() {
    let region = Name::create(&["--ranks", "2", "--mode", "644"]);
    let Some(stat) = as_stranger(&["stat", &region, "--owner", "0", "--json"]) else { return };
    let stat: serde_json::Value = serde_json::from_slice(&stat.succeeds()).expect("JSON");
    assert_eq!((&stat["owner"], &stat["ranks"]), (&0.into(), &2.into()));
    let row = |args: &[&str]| {
        let list = said(as_stranger(args).expect("it could be started"));
        let row = list.lines().find(|line| line.starts_with(&*region)).expect("its row");
        row.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row(&["ls"]), "root other user 8 KiB");
    assert_eq!(row(&["ls", "--owner", "root"]), "root 2 0 idle 0 8 KiB");
    let secret = Name::create(&["--ranks", "2"]);
    let list = said(as_stranger(&["ls"]).expect("it could be started"));
    let row = list.lines().find(|line| line.starts_with(&*secret)).expect("its row");
    assert!(row.contains("denied"), "{list}");
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn ls_says_that_it_could_not_look() {
    if as_stranger(&["--version"]).is_none() {
        return;
    }
    let script = r#"chmod 711 /dev/shm; setpriv --reuid=65534 --clear-groups "$0" ls"#;
    let Some(process) = alone(script) else { return };
    process.fails(
        "/dev/shm: Permission denied (os error 13); this user may not read it; look at single regions: mbox \
         stat NAME",
    );
    let script = r#"umount /dev/shm; mount -t tmpfs none /dev; exec "$0" ls"#;
    let mut isolated = Command::new("unshare");
    isolated.args(["-m", "sh", "-c", script, MBOX]).stdin(Stdio::null());
    Process::start(&mut isolated).fails(
        "/dev/shm: No such file or directory (os error 2); regions in memory need that folder; a region can also be in a file: \
         ./NAME",
    );
}

#[test]
fn looking_leaves_a_region_as_it_was() {
    let region = Name::create(&["--ranks", "2"]);
    let facts = || {
        let facts = region.path().metadata().expect("a region");
        (facts.mtime_nsec(), facts.ctime_nsec(), facts.blocks())
    };
    let before = facts();
    for args in [&["ls"][..], &["stat", &region], &["clean", "--dry-run", &region]] {
        mbox(args).succeeds();
    }
    assert_eq!(facts(), before);
}
