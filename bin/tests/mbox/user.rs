//! What needs privileges: other users, and a shared memory of another size.

use crate::program::{MBOX, Name, Process, command, mbox};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Nobody, as most systems have it.
const STRANGER: u32 = 65534;

/// Whether processes of another user can be started that reach `mbox`; says so if not.
fn can_be_a_stranger() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let tried = || command(["--version"]).uid(STRANGER).stdout(Stdio::null()).status();
    let can = is_root && tried().is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: this user cannot start mbox as another user");
    }
    can
}

fn as_stranger(args: &[&str]) -> Process {
    Process::start(command(args).uid(STRANGER))
}

#[test]
fn a_region_of_another_user() {
    if !can_be_a_stranger() {
        return;
    }
    let region = Name::new();
    as_stranger(&["create", &region, "--ranks", "2", "--mode", "666"]).succeeds();
    assert_eq!(region.path().metadata().expect("a region").uid(), STRANGER);
    let refusal = format!(
        "region {:?}: the region belongs to user {STRANGER} (nobody), who is not trusted; if you trust that user, add: \
         --owner {STRANGER}",
        &*region
    );
    let uid = STRANGER.to_string();
    for args in [&["stat", &region][..], &["recv", &region, "--as", "1"], &["rm", &region]] {
        mbox(args).fails(&refusal);
    }
    assert_eq!(region.state(), "other user");
    mbox(["stat", &region, "--owner", &uid]).succeeds();
    mbox(["send", &region, "--as", "0", "--to", "1", "--owner", &uid]).succeeds();
    mbox(["recv", &region, "--as", "1", "--owner", &uid]).succeeds();
    mbox(["rm", &region, "--owner", &uid]).succeeds();
    assert!(!region.exists());
}

#[test]
fn a_region_that_lets_nobody_in() {
    if !can_be_a_stranger() {
        return;
    }
    let region = Name::create(&["--ranks", "2"]);
    let refusal = format!(
        "region {:?}: permission denied: the region belongs to user 0 (root); that user can let others in with: \
         chmod 666 {}",
        &*region,
        region.path().display()
    );
    for args in [&["stat", &region][..], &["send", &region, "--as", "0", "--to", "1"]] {
        as_stranger(args).fails(&refusal);
    }
    assert!(region.exists());
}

/// Runs a shell script where /dev/shm is a file system of its own, of 64 KiB; `None` if that is not possible.
fn with_little_memory(script: &str) -> Option<Process> {
    let mount = "mount -t tmpfs -o size=64k,mode=1777 none /dev/shm";
    let isolated = |namespaces: &str, script: &str| {
        let mut command = Command::new("unshare");
        command.args([namespaces, "sh", "-c", &format!("{mount} && {{ {script}\n}}"), MBOX]);
        command.stdin(Stdio::null());
        command
    };
    let works = |namespaces: &&str| {
        let mut tried = isolated(namespaces, "true");
        tried.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let Some(namespaces) = ["-m", "-rm"].into_iter().find(works) else {
        eprintln!("skipped: this user cannot mount a /dev/shm of its own");
        return None;
    };
    Some(Process::start(&mut isolated(namespaces, script)))
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_shared_memory_too_small_for_the_region() {
    for args in ["--ranks 2 --reserve", "--ranks 256"] {
        let script = format!(
            r#""$0" create little {args}; status=$?; test -z "$(ls -A /dev/shm)" || echo leftovers; exit $status"#
        );
        let Some(process) = with_little_memory(&script) else { return };
        let output = process.fails(
            "region \"little\": no space left for the region; make the region smaller, or remove others: mbox ls, \
             mbox rm",
        );
        assert_eq!(output, b"");
    }
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_shared_memory_too_small_for_a_mailbox() {
    let script = r#"
        "$0" create little --ranks 2 || exit 9
        echo hello | "$0" send little --as 0 --to 1; status=$?
        "$0" rm little && test -z "$(ls -A /dev/shm)" || echo leftovers
        exit $status"#;
    let Some(process) = with_little_memory(script) else { return };
    let output = process.fails(
        "region \"little\": no shared memory is left for the mailbox of rank 1; remove other regions (mbox ls, mbox \
         rm), or create with --reserve",
    );
    assert_eq!(output, b"");
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_shared_memory_that_may_not_be_written() {
    if !can_be_a_stranger() {
        return;
    }
    let script = r#"chmod 755 /dev/shm; setpriv --reuid=65534 --clear-groups "$0" create little --ranks 2"#;
    let Some(process) = with_little_memory(script) else { return };
    process.fails(
        "region \"little\": permission denied where the region would be; user 65534 (nobody) may not create files in \
         \"/dev/shm\"; a region can also be in a file: ./NAME",
    );
}
