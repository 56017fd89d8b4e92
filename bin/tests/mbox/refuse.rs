//! What cannot be done is told in one line, and leaves nothing behind.

use crate::program::{Name, file_of, mbox, mbox_reading};
use mailbox::lab::abi::ABI;
use mailbox::{Mismatch, OpenError, Region};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

const BAD_NAME: &str = "a name has 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with a dot";

/// `mbox` with these arguments fails with what happened to the region `name`.
#[track_caller]
fn refuses(args: &[&str], name: &str, what: &str) {
    assert_eq!(mbox(args).fails(&format!("region {name:?}: {what}")), b"");
}

/// Every command that opens a region, with its arguments.
fn openers(name: &str) -> [Vec<&str>; 5] {
    [
        vec!["stat", name],
        vec!["rm", name],
        vec!["tap", name],
        vec!["send", name, "--as", "0", "--to", "1"],
        vec!["recv", name, "--as", "1"],
    ]
}

#[test]
fn bad_names() {
    for name in ["", ".hidden", "new\nline", "ü", &"n".repeat(201)] {
        refuses(&["create", name, "--ranks", "2"], name, BAD_NAME);
        for args in openers(name) {
            refuses(&args, name, BAD_NAME);
        }
    }
}

#[test]
fn regions_that_cannot_be() {
    let cases: [(&[&str], &str); 9] = [
        (
            &["--ranks", "2", "--arena", "100"],
            "--arena: the arena must be a multiple of 128 bytes, from 128 bytes to 1 TiB, not 100 bytes",
        ),
        (
            &["--ranks", "2", "--arena", "8589934592G"],
            "--arena: the arena must be a multiple of 128 bytes, from 128 bytes to 1 TiB, not 9223372036854775808 bytes",
        ),
        (
            &["--ranks", "1024", "--arena", "64M"],
            "the region would have 353356118274048 bytes, more than a process can map; at most 456 ranks would fit",
        ),
        (
            &["--ranks", "2", "--mode", "4777"],
            "--mode: the mode must let the owner read and write, and have no bits beyond 0777, unlike 0o4777",
        ),
        (
            &["--ranks", "2", "--loans", "5"],
            "--loans: the area for loans must be a multiple of 256 KiB, up to 1 TiB, not 5 bytes",
        ),
        (&["--ranks", "2", "--groups", "63"], "--groups: a region has at most 62 groups, not 63"),
        (&["--ranks", "2", "--topics", "1025"], "--topics: a region has at most 1024 topics, not 1025"),
        (
            &["--ranks", "2", "--value", "5"],
            "--value: the longest value of a topic must be a multiple of 64 bytes, up to 1 GiB, not 5 bytes",
        ),
        (
            &["--ranks", "2", "--stream", "5"],
            "--stream: the payloads of a topic's stream must have a multiple of 4096 bytes, up to 4 GiB, not 5 bytes",
        ),
    ];
    for (args, what) in cases {
        let name = Name::new();
        let line = format!("{what}; see: mbox create --help");
        mbox([&["create", &name], args].concat()).fails_with(2, &line);
        assert!(!name.exists());
    }
}

#[test]
fn command_lines_that_make_no_sense() {
    let size = "a size is a number of bytes, or of K, M, G or T: 4096, 64K, 1.5M, 2 MiB";
    let ranks =
        |value: &str| format!("invalid value '{value}' for '--ranks <N>': a region has 1 to 1024 ranks");
    let cells = |value: &str| {
        format!(
            "invalid value '{value}' for '--cells <N>': cells are a power of two from 2 to 1073741824, such as 64 or 4096"
        )
    };
    let tag = |value: &str| {
        format!(
            "invalid value '{value}' for '--tag <N>': a tag is a number from 0 to 4294967295, or from 0x0 to 0xffffffff"
        )
    };
    let rank =
        |option: &str| format!("invalid value 'two' for '{option} <R>': a rank is a number from 0 to 1023");
    let number = |value: &str, option: &str| {
        format!("invalid value '{value}' for '--{option} <N>': it must be a number, of digits alone")
    };
    let cases: &[(&[&str], &str, &str)] = &[
        (&["carry"], "unrecognized subcommand 'carry'", ""),
        (&["creat"], "unrecognized subcommand 'creat'; did you mean create?", ""),
        (&["--rank"], "unexpected argument '--rank' found", ""),
        (&["create", "x"], "the following required arguments were not provided: --ranks <N>", "create "),
        (
            &["create", "x", "--rank", "2"],
            "unexpected argument '--rank' found; did you mean --ranks?",
            "create ",
        ),
        (&["create", "x", "--ranks", "two"], &ranks("two"), "create "),
        (&["create", "x", "--ranks", "0"], &ranks("0"), "create "),
        (&["create", "x", "--ranks", "1025"], &ranks("1025"), "create "),
        (&["create", "x", "--ranks", "4294967296"], &ranks("4294967296"), "create "),
        (&["create", "x", "--ranks", "2", "--cells", "100"], &cells("100"), "create "),
        (&["create", "x", "--ranks", "2", "--cells", "0"], &cells("0"), "create "),
        (
            &["create", "x", "--ranks", "2", "--protocol", "http"],
            "invalid value 'http' for '--protocol <N>': a protocol is a number from 0 to 18446744073709551615",
            "create ",
        ),
        (&["send", "x"], "the following required arguments were not provided: --as <R> --to <R>", "send "),
        (&["send", "x", "--as", "two", "--to", "1"], &rank("--as"), "send "),
        (&["send", "x", "--as", "0", "--to", "two"], &rank("--to"), "send "),
        (&["send", "x", "--as", "0", "--to", "1", "--tag", "red"], &tag("red"), "send "),
        (&["send", "x", "--as", "0", "--to", "1", "--tag", "0x"], &tag("0x"), "send "),
        (&["send", "x", "--as", "0", "--to", "1", "--tag", "+1"], &tag("+1"), "send "),
        (&["send", "x", "--as", "0", "--to", "1", "--tag", "0x+1"], &tag("0x+1"), "send "),
        (&["send", "x", "--as", "0", "--to", "1", "--tag", "4294967296"], &tag("4294967296"), "send "),
        (&["recv", "x", "--as", "1", "--from", "two"], &rank("--from"), "recv "),
        (
            &["send", "x", "--as", "0", "--to", "1", "FILE"],
            "unexpected argument 'FILE' found; to send a file, redirect standard input: < FILE",
            "send ",
        ),
        (
            &["recv", "x", "--as", "1", "FILE"],
            "unexpected argument 'FILE' found; to receive into a file, redirect standard output: > FILE",
            "recv ",
        ),
        (
            &["recv", "x", "--as", "1", "--count", "0"],
            "invalid value '0' for '--count <N>': it must be a number of at least 1",
            "recv ",
        ),
        (
            &["recv", "x", "--as", "1", "--timeout", "soon"],
            "invalid value 'soon' for '--timeout <TIME>': a time is a number of seconds, or of ms, s, m or h: 5, 0.5, 500ms, 2m",
            "recv ",
        ),
        (
            &["recv", "x", "--as", "1", "--no-wait", "--timeout", "1"],
            "the argument '--no-wait' cannot be used with '--timeout <TIME>'",
            "recv ",
        ),
        (
            &["recv", "x", "--as", "1", "--lines", "-0"],
            "the argument '--lines' cannot be used with '--null'",
            "recv ",
        ),
        (
            &["create", "x", "--ranks", "2", "--arena", "9Q"],
            &format!("invalid value '9Q' for '--arena <BYTES>': {size}"),
            "create ",
        ),
        (
            &["create", "x", "--ranks", "2", "--arena", "99999999999999999999"],
            "invalid value '99999999999999999999' for '--arena <BYTES>': that is too large",
            "create ",
        ),
        (
            &["create", "x", "--ranks", "2", "--mode", "999"],
            "invalid value '999' for '--mode <OCTAL>': a mode is octal, as in chmod: 600, 660",
            "create ",
        ),
        (
            &["stat", "x", "--owner", "no such user"],
            "invalid value 'no such user' for '--owner <USER>': there is no such user in /etc/passwd; give its number",
            "stat ",
        ),
        (&["rm"], "the following required arguments were not provided: <NAME>...", "rm "),
        (&["sub", "x", "t", "--history", "few"], &number("few", "history"), "sub "),
        (&["sub", "x", "t", "--history", "-1"], "unexpected argument '-1' found", "sub "),
        (&["create", "x", "--ranks", "2", "--topics", ""], &number("", "topics"), "create "),
        (
            &["sub", "x", "t", "--history", "99999999999999999999"],
            "invalid value '99999999999999999999' for '--history <N>': that is too large",
            "sub ",
        ),
        (&["dead", "drp"], "unrecognized subcommand 'drp'; did you mean drop?", "dead "),
        (
            &["dead", "drop", "./box"],
            "the following required arguments were not provided: <NAMES>...",
            "dead drop ",
        ),
        (&["ls", "--yaml"], "unexpected argument '--yaml' found", "ls "),
    ];
    for (args, what, command) in cases {
        assert_eq!(mbox(*args).fails_with(2, &format!("{what}; see: mbox {command}--help")), b"", "{args:?}");
    }
}

#[test]
fn a_command_without_its_own_command_shows_its_help() {
    for (args, usage) in [(&[][..], "Usage: mbox <COMMAND>"), (&["dead"], "Usage: mbox dead <COMMAND>")] {
        let finished = mbox(args).finish();
        assert_eq!(finished.status.code(), Some(2));
        assert!(finished.complaints.contains(usage), "{}", finished.complaints);
    }
}

#[test]
fn a_region_without_a_free_rank() {
    let region = Name::create(&["--ranks", "1"]);
    let _holder = Region::open(&*region).expect("a region").join(0).expect("a free rank");
    let what = format!(
        "every rank asked for is held by a live process (1 in all); wait until one leaves, or end one; see them with: mbox stat {}",
        &*region
    );
    refuses(&["sub", &region, "topic"], &region, &what);
    refuses(&["pub", &region, "topic"], &region, &what);
}

#[test]
fn help_is_not_an_error() {
    for args in [&["--help"][..], &["--version"], &["create", "--help"]] {
        assert!(!mbox(args).succeeds().is_empty());
    }
}

#[test]
fn a_region_that_exists() {
    let region = Name::create(&["--ranks", "2"]);
    let what = format!("the name is taken; use it, or remove it with: mbox rm {}", &*region);
    refuses(&["create", &region, "--ranks", "2"], &region, &what);
    assert!(region.exists());
}

#[test]
fn a_region_that_does_not_exist() {
    let name = Name::new();
    for args in openers(&name) {
        let hint = match args[0] {
            "rm" => "list the regions with: mbox ls".to_owned(),
            _ => {
                format!("list the regions with: mbox ls; create it with: mbox create {} --ranks N", &*name)
            }
        };
        refuses(&args, &name, &format!("there is no such region; {hint}"));
        assert!(!name.exists());
    }
}

#[test]
fn what_is_not_a_region() {
    let make: [fn(&Name); 4] = [
        |name| fs::write(name.path(), "short").expect("a file"),
        |name| fs::write(name.path(), "another program's ".repeat(1000)).expect("a file"),
        |name| fs::create_dir(name.path()).expect("a directory"),
        |name| std::os::unix::fs::symlink("/dev/zero", name.path()).expect("a link"),
    ];
    for make in make {
        let name = Name::new();
        make(&name);
        for args in openers(&name) {
            let what = "this is not a region; the name may belong to another program; choose another name";
            refuses(&args, &name, what);
        }
        let what = "the name is taken; it is not a region; choose another name";
        refuses(&["create", &name, "--ranks", "2"], &name, what);
        assert!(fs::symlink_metadata(name.path()).is_ok(), "it is not ours to remove");
    }
}

#[test]
fn a_region_that_was_cut() {
    let name = Name::create(&["--ranks", "2"]);
    let region = fs::File::options().write(true).open(name.path()).expect("a region");
    let expected = region.metadata().expect("a region").len();
    region.set_len(4096).expect("a shorter region");
    let what = format!(
        "the region has 4096 bytes instead of {expected}; somebody changed its length; its mail is lost; remove it \
         with: rm {}",
        name.path().display()
    );
    for args in openers(&name) {
        refuses(&args, &name, &what);
    }
}

#[test]
fn another_version() {
    let region = Name::create(&["--ranks", "2"]);
    let file = File::options().write(true).open(region.path()).expect("a region");
    file.write_all_at(&99_u64.to_ne_bytes(), 8).expect("its version");
    let what = OpenError::Mismatch(Mismatch::Version { abi: 99, ours: ABI });
    let what =
        format!("{what}; if it is no longer needed, remove it with: mbox rm {region}", region = &*region);
    for args in openers(&region).iter().filter(|args| args[0] != "rm") {
        refuses(args, &region, &what);
    }
    if cfg!(portable) {
        // Its locks are words that may be anywhere.
        let what = OpenError::Mismatch(Mismatch::Version { abi: 99, ours: ABI });
        let what = format!("{what}; if it is not in use, remove it with: rm {}", region.path().display());
        refuses(&["rm", &region], &region, &what);
    } else {
        mbox(["rm", &region]).succeeds();
    }
}

#[test]
fn another_protocol() {
    let region = Name::create(&["--ranks", "2", "--protocol", "7"]);
    let what = "the region has protocol 7; this program uses another one; if mbox may use that protocol, add: --protocol 7";
    for args in &openers(&region)[3..] {
        refuses(args, &region, what);
    }
    let speak = ["send", &region, "--as", "0", "--to", "1", "--protocol", "7"];
    mbox_reading(&speak, file_of(b"hi")).succeeds();
    assert_eq!(mbox(["recv", &region, "--as", "1", "--protocol", "7"]).succeeds(), b"hi");
    mbox(["rm", &region]).succeeds();
}

#[test]
fn ranks_that_are_not_there() {
    let region = Name::create(&["--ranks", "2"]);
    let range = "there is no rank 2: the region has ranks 0 to 1";
    refuses(&["send", &region, "--as", "2", "--to", "1"], &region, range);
    refuses(&["recv", &region, "--as", "2"], &region, range);
    let to = "there is no rank 9: the region has ranks 0 to 1";
    refuses(&["send", &region, "--as", "0", "--to", "9"], &region, to);
    refuses(&["recv", &region, "--as", "1", "--from", "9"], &region, to);
}

#[test]
fn a_region_that_a_slow_disk_keeps_from_being_closed() {
    let region = Name::file().created(&["--ranks", "2"]);
    let file = File::options().read(true).write(true).open(region.path()).expect("a file");
    // As the last to leave does while it waits for the disk.
    let _locks = mailbox::lab::os::Lock::take(&file, 0, 2 + 1024).expect("locks").expect("free locks");
    let told = "the region is being closed by another process, which waits for its disk; try again";
    let (receiver, remover) = (mbox(["recv", &region, "--as", "1"]), mbox(["rm", &region]));
    for told_by in [receiver, remover] {
        told_by.fails(&format!("region {:?}: {told}", &*region));
    }
}

#[test]
fn a_rank_and_a_region_in_use() {
    let region = Name::create(&["--ranks", "2"]);
    let _holder = mbox(["recv", &region, "--as", "1"]);
    region.wait_for(1, "live");
    let see = format!("see by whom with: mbox stat {}", &*region);
    let taken = format!("rank 1 is held by a live process; end it or join --as another; {see}");
    refuses(&["recv", &region, "--as", "1"], &region, &taken);
    refuses(&["send", &region, "--as", "1", "--to", "0"], &region, &taken);
    refuses(&["rm", &region], &region, &format!("the region is in use by a live process; {see}"));
    assert!(region.exists());
}

#[test]
fn a_full_mailbox_to_oneself() {
    let region = Name::create(&["--ranks", "1", "--arena", "256K"]);
    mbox_reading(&["send", &region, "--as", "0", "--to", "0"], file_of(&vec![0; 1 << 20])).fails(&format!(
        "region {:?}: the mailbox of rank 0, or its area for loans, is full; only another process can make room; send less, or send to another rank",
        &*region
    ));
}

#[test]
fn a_region_for_empty_messages_carries_no_bytes() {
    let region = Name::create(&["--ranks", "2", "--max-message", "0"]);
    mbox_reading(&["send", &region, "--as", "0", "--to", "1"], file_of(b"x")).fails(&format!(
        "region {:?}: rank 1: a message of 1 bytes is longer than the limit of 0; create the region with a larger \
         --max-message",
        &*region
    ));
}
