//! `mbox clean`, and regions for a group.

use crate::program::{Name, Process, alone, file_of, mbox, mbox_reading};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

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

fn told(args: &[&str]) -> String {
    String::from_utf8(mbox(args).succeeds()).expect("UTF-8")
}

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
        "$0" clean --dry-run; echo; "$0" clean; echo; "$0" clean; "$0" clean --json; "$0" ls | cut -d ' ' -f 1
        "$0" clean --idle; "$0" clean --idle --json; "$0" clean --idle --unread --dry-run
        "$0" clean --idle --unread --json; "$0" recv idle --as 1 2> /dev/null || echo gone"#
    );
    let Some(process) = alone(&script) else { return };
    let expected = "would remove \".mailbox-0123456789abcdef\", half-built\nwould remove \"stale\"\n\n\
                    removed \".mailbox-0123456789abcdef\", half-built\nremoved \"stale\"\n\n\
                    nothing to remove\n[]\nname\nbusy\nidle\n\
                    kept \"idle\": it has 1 unread message; remove it with: mbox rm idle\n\
                    [{\"name\":\"idle\",\"kind\":\"region\",\"unread\":1,\"removed\":false,\"kept\":\"unread\"}]\n\
                    would remove \"idle\", with 1 unread message\n\
                    [{\"name\":\"idle\",\"kind\":\"region\",\"unread\":1,\"removed\":true,\"kept\":null}]\ngone\n";
    assert_eq!(said(process), expected);
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn clean_keeps_what_others_have_not_read() {
    let script = format!(
        r#"{SCENE}
        seq 5 | "$0" send stale --as 0 --to 1 --lines
        "$0" recv stale --as 0 & dead=$!; until_live stale; kill -9 $dead; wait $dead || true
        "$0" ls | grep -q 'stale *5'
        "$0" clean; "$0" clean --idle; "$0" recv stale --as 1 --lines | tr '\n' ' '; "$0" clean stale"#
    );
    let Some(process) = alone(&script) else { return };
    let kept = "kept \"stale\": it has 5 unread messages; remove it with: mbox rm stale\n";
    let idle = "kept \"idle\": it has 1 unread message; remove it with: mbox rm idle\n";
    assert_eq!(said(process), format!("{kept}{idle}{kept}1 2 3 4 5 removed \"stale\"\n"));
}

#[test]
fn clean_removes_what_it_is_told_unless_somebody_lives_there() {
    let (idle, busy, none) = (Name::create(&["--ranks", "2"]), Name::create(&["--ranks", "2"]), Name::new());
    let alive = mbox(["recv", &busy, "--as", "0"]);
    busy.wait_for(0, "live");
    assert_eq!(told(&["clean", &none]), "nothing to remove\n");
    let expected = format!("would remove {:?}\nkept {:?}: a live process has joined it\n", &*idle, &*busy);
    assert_eq!(told(&["clean", "--dry-run", &idle, &busy, &none]), expected);
    let expected = expected.replace("would remove", "removed");
    assert_eq!(told(&["clean", &idle, &busy, &none]), expected);
    assert!(!idle.exists() && busy.exists());
    let entries = |args: &[&str]| serde_json::from_str::<Value>(&told(args)).expect("JSON");
    let entry = |removed: bool, kept: Value| json!([{"name": &*busy, "kind": "region", "unread": 0, "removed": removed, "kept": kept}]);
    assert_eq!(entries(&["clean", &busy, "--json"]), entry(false, json!("live")));
    drop(alive);
    assert_eq!(entries(&["clean", &busy, "--json", "--dry-run"]), entry(false, json!("dry run")));
    assert_eq!(entries(&["clean", &busy, "--json"]), entry(true, Value::Null));
    assert!(!busy.exists());
}

#[test]
fn clean_keeps_mail_that_it_is_not_told_to_remove() {
    for region in [Name::create(&["--ranks", "2"]), Name::file().created(&["--ranks", "2"])] {
        mbox_reading(&["send", &region, "--as", "0", "--to", "1", "--lines"], file_of(b"1\n2\n")).succeeds();
        let kept = format!("kept {0:?}: it has 2 unread messages; remove it with: mbox rm {0}\n", &*region);
        assert_eq!(told(&["clean", &region]), kept);
        let removed = format!("removed {:?}, with 2 unread messages\n", &*region);
        assert_eq!(told(&["clean", "--unread", &region]), removed);
        assert!(!region.exists());
    }
}

#[test]
#[cfg_attr(portable, ignore = "locks are words of the region")]
fn what_is_of_another_version_can_be_removed() {
    use std::os::unix::fs::FileExt;
    let make = || {
        let region = Name::create(&["--ranks", "2"]);
        let file = fs::File::options().write(true).open(region.path()).expect("a region");
        file.write_all_at(&6_u64.to_ne_bytes(), 8).expect("its version");
        region
    };
    let region = make();
    assert_eq!(region.state(), "other version");
    let kept = format!(
        "kept {0:?}: it is of another version, and may have unread mail; remove it with: mbox rm {0}\n",
        &*region
    );
    assert_eq!(told(&["clean", &region]), kept);
    mbox(["create", &region, "--ranks", "2"])
        .fails(&format!("region {0:?}: the name is taken; use it, or remove it with: mbox rm {0}", &*region));
    mbox(["rm", &region]).succeeds();
    assert!(!region.exists());
    let region = make();
    let removed = format!("removed {:?}, other version, with all its mail\n", &*region);
    assert_eq!(told(&["clean", "--unread", &region]), removed);
    assert!(!region.exists());
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
        "region {:?}: this is not a region; the name may belong to another program; choose another name",
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
