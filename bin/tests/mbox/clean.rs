//! `mbox clean`, and regions for a group.

use crate::kit::{MBOX, Name, Process, mbox};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

/// Runs a shell script where regions in memory are its own; `None` if that is not possible.
fn alone(script: &str) -> Option<Process> {
    let prepare = if cfg!(portable) {
        "TMPDIR=$(mktemp -d) && export TMPDIR && trap 'rm -r \"$TMPDIR\"' EXIT"
    } else {
        "mount -t tmpfs -o mode=1777 none /dev/shm"
    };
    let isolated = |script: &str| {
        let mut command = Command::new(if cfg!(portable) { "env" } else { "unshare" });
        command.args(if cfg!(portable) { &[][..] } else { &["-m"] });
        command.args(["sh", "-c", &format!("{prepare} && {{ {script}\n}}"), MBOX]);
        command.stdin(Stdio::null());
        command
    };
    let mut tried = isolated("true");
    if !tried.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user cannot mount a /dev/shm of its own");
        return None;
    }
    Some(Process::start(&mut isolated(script)))
}

/// Leaves a stale region, one that all have left, and one in which somebody lives, whose process is `$alive`.
const SCENE: &str = r#"
    set -e
    for region in stale idle busy; do "$0" create $region --ranks 2; done
    echo unread | "$0" send idle --as 0 --to 1
    until_live() { until "$0" stat $1 | grep -q live; do :; done; }
    "$0" recv stale --as 0 & dead=$!
    "$0" recv busy --as 0 & alive=$!
    trap 'kill $alive' EXIT
    until_live stale; until_live busy
    kill -9 $dead; wait $dead || true
"#;

fn said(process: Process) -> String {
    let finished = process.finish();
    assert!(finished.status.success(), "{}", finished.complaints);
    String::from_utf8(finished.output).expect("UTF-8")
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn clean_removes_the_stale_and_says_so() {
    let script = format!(
        r#"{SCENE}
        > /dev/shm/.mailbox-0123456789abcdef
        "$0" clean; echo; "$0" clean; "$0" clean --json; "$0" ls | cut -d ' ' -f 1
        "$0" clean --idle --json; "$0" recv idle --as 1 2> /dev/null || echo gone"#
    );
    let Some(process) = alone(&script) else { return };
    let expected = "removed \".mailbox-0123456789abcdef\", half-built\nremoved \"stale\"\n\n[]\n\
                    name\nbusy\nidle\n[{\"name\":\"idle\",\"kind\":\"region\",\"removed\":true}]\ngone\n";
    assert_eq!(said(process), expected);
}

#[test]
fn clean_removes_what_it_is_told_unless_somebody_lives_there() {
    let (idle, busy, none) = (Name::create(&["--ranks", "2"]), Name::create(&["--ranks", "2"]), Name::new());
    let alive = mbox(["recv", &busy, "--as", "0"]);
    busy.wait_for(0, "live");
    let told = String::from_utf8(mbox(["clean", &idle, &busy, &none]).succeeds()).expect("UTF-8");
    assert_eq!(told, format!("removed {:?}\nkept {:?}: a live process has joined it\n", &*idle, &*busy));
    assert!(!idle.exists() && busy.exists());
    let told: Value = serde_json::from_slice(&mbox(["clean", &busy, "--json"]).succeeds()).expect("JSON");
    assert_eq!(told, json!([{"name": &*busy, "kind": "region", "removed": false}]));
    drop(alive);
    let told: Value = serde_json::from_slice(&mbox(["clean", &busy, "--json"]).succeeds()).expect("JSON");
    assert_eq!(told, json!([{"name": &*busy, "kind": "region", "removed": true}]));
    assert!(!busy.exists());
}

#[test]
fn clean_takes_what_was_half_built_beside_a_file() {
    let folder = Name::file();
    fs::create_dir(folder.path()).expect("a folder");
    let region = format!("{}/region", &*folder);
    mbox(["create", &region, "--ranks", "2"]).succeeds();
    let half_built = folder.path().join(".mailbox-0123456789abcdef");
    fs::File::create(&half_built).and_then(|file| file.set_len(4096)).expect("a file");
    let told = String::from_utf8(mbox(["clean", &region]).succeeds()).expect("UTF-8");
    assert_eq!(told, format!("removed {region:?}\nremoved {half_built:?}, half-built\n"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn clean_leaves_what_is_not_a_region() {
    let foreign = Name::new();
    fs::write(foreign.path(), "a letter").expect("a file");
    mbox(["clean", &foreign]).fails(&format!(
        "region {:?}: this is not a region of ours; another program may own the name; choose another name",
        &*foreign
    ));
    assert!(foreign.exists());
    mbox(["clean", "--idle", &foreign])
        .fails_with(2, "the argument '--idle' cannot be used with '[NAME]...'; see: mbox clean --help");
}

#[test]
fn a_region_is_for_a_group() {
    let region = Name::new();
    mbox(["create", &region, "--ranks", "2", "--group", "no such group"]).fails_with(
        2,
        "invalid value 'no such group' for '--group <GROUP>': there is no such group in /etc/group; give its \
         number; see: mbox create --help",
    );
    let own = fs::metadata("/proc/self").expect("a process").gid().to_string();
    for (mode, expected) in [(&[][..], 0o660), (&["--mode", "640"], 0o640)] {
        mbox([&["create", &region, "--ranks", "2", "--group", &own][..], mode].concat()).succeeds();
        let facts = region.path().metadata().expect("a region");
        assert_eq!((facts.gid().to_string(), facts.permissions().mode() & 0o777), (own.clone(), expected));
        mbox(["rm", &region]).succeeds();
    }
}
