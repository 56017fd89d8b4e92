//! Every example is short, does what it says, and leaves nothing behind.
#![cfg(not(loom))]

use kit::Folder;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// What each prints. `hello`, which takes two, is run by `tests/readme.rs`; a `*` stands for what differs.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("chat", &["anna joined", "anna: hello", "anna left"]),
    ("batch", &["1000000 numbers, 499999500000 in all"]),
    ("child", &["the child says: HELLO"]),
    ("desk", &["1000 orders, the last at Some(1099.0); not late: true"]),
    ("feed", &["100 ticks", "100 ticks", "100 ticks"]),
    ("file", &["the writer has ended: exit status: 0", "it wrote: first", "it wrote: second"]),
    ("halves", &["1000 replies, in order"]),
    ("loan", &["10000000 bytes, the last frame is of 9"; 3]),
    (
        "large",
        &[
            "33554432 bytes in memory",
            "33554432 bytes in a file",
            "4194304 bytes of 3",
            "4194304 bytes of 1",
            "4194304 bytes of 2",
        ],
    ),
    (
        "monitor",
        &[
            "* bytes in use of *",
            "rank 0 \"writer\" Live waits for None",
            "rank 1 \"reader\" Live waits for None",
            "rank 2 \"\" NeverJoined waits for None",
            "0 to 1: 5 sent, 4 unread",
        ],
    ),
    ("heat", &["1372 steps, the same to the bit: true"]),
    ("latest", &["the display shows [100.0, 10.0], value 101", "the controller has seen it, too"]),
    ("pipeline", &["1000 blocks, 4116480000 in all"]),
    ("pool", &["worker * is gone, and another gets its job", "all squares: 333833500"]),
    ("ranks", &["start it with: mbox run -n 2 target/debug/examples/ranks"]),
    ("sensors", &["the recorder has 64 frames", "the display knows of 64 frames"]),
    ("server", &["30 replies to 3 clients"]),
    (
        "shared",
        &[
            "a client's sum of squares: 5239625",
            "a client's sum of squares: 5239625",
            "500 calls in 4 threads",
        ],
    ),
    ("several", &["all squares: 71820100"]),
    (
        "workers",
        &[
            "worker 2 has died",
            "worker * has stopped",
            "worker * has stopped",
            "all squares: 333833500, 0 jobs left",
        ],
    ),
];

fn matches(line: &str, expected: &str) -> bool {
    let number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let (words, wanted): (Vec<_>, Vec<_>) = (line.split(' ').collect(), expected.split(' ').collect());
    let same = |(word, wanted): (&&str, &&str)| word == wanted || *wanted == "*" && number(word);
    words.len() == wanted.len() && words.iter().zip(&wanted).all(same)
}

fn run(example: &str, expected: &[&str]) {
    let folder = Folder::new();
    let program = env::current_exe().expect("this test").with_file_name("../examples").join(example);
    let started = Command::new(&program).env("TMPDIR", &*folder).stdout(Stdio::piped()).spawn();
    let child = started.expect("`cargo test` builds examples");
    let name = format!("{example}-{}", child.id());
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{example}: {}", output.status);

    let said = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = said.lines().collect();
    let is_expected = lines.len() == expected.len();
    assert!(
        is_expected && lines.iter().zip(expected).all(|(line, expected)| matches(line, expected)),
        "{example} says {lines:#?}"
    );

    let left: Vec<_> = fs::read_dir(&*folder).expect("a folder").map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{example} leaves {left:?}");
    // Where named regions lie; the examples name theirs so.
    assert!(!mailbox::lab::os::shm_path(&name).exists(), "{example} leaves its region");
}

#[test]
fn examples_do_what_they_say_and_leave_nothing() {
    for (example, expected) in EXAMPLES {
        // There a worker that died is held for alive until its process is waited for.
        if cfg!(portable) && ["pool", "workers"].contains(example) {
            continue;
        }
        run(example, expected);
    }
}

#[test]
fn all_examples_are_run_short_and_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let readme = fs::read_to_string(folder.with_file_name("README.md")).expect("the page");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("examples") {
        let path = entry.expect("an example").path();
        let text = fs::read_to_string(&path).expect("an example");
        let lines = text.lines().count();
        assert!((10..60).contains(&lines), "{path:?} has {lines} lines");
        let name = path.file_stem().expect("a name").to_str().expect("a name");
        let is_named =
            readme.contains(&format!("`{name}`")) || readme.contains(&format!("--example {name}`"));
        assert!(is_named, "{name} is not in README.md");
        found.insert(name.to_string());
    }
    let listed = EXAMPLES.iter().map(|(example, _)| *example).chain(["hello"]).map(String::from);
    assert_eq!(found, listed.collect());
}
