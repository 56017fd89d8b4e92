//! The layers: which folders of the library import which, how long a file may be, and who may wait.
#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every concept, a folder or a file of its own, from the lowest layer up, and those that it imports.
const TABLE: &[(&str, &str)] = &[
    ("sync", ""),
    ("error", ""),
    ("abi", "sync error"),
    ("config", "abi error"),
    ("os", "sync abi"),
    ("memory", "sync abi"),
    ("pool", "abi"),
    ("ring", "sync abi memory pool"),
    ("slot", "sync abi memory"),
    ("value", "sync abi memory"),
    ("stream", "sync abi memory"),
    ("rank", "sync abi os memory error"),
    ("wait", "sync abi os memory rank error"),
    ("segment", "sync abi config os memory ring wait error"),
    ("region", "sync abi config os rank wait segment error"),
    ("half", "sync abi os memory ring rank wait segment region error"),
    ("collective", "abi rank slot half error"),
    ("send", "sync abi memory pool ring rank wait half error"),
    ("receive", "sync abi os memory ring rank wait half collective error"),
    ("endpoint", "abi memory ring rank wait segment region half send receive error"),
    ("call", "abi ring rank wait half send endpoint error"),
    ("shared", "sync abi os memory call endpoint error half rank receive region ring send wait"),
    ("comm", "abi endpoint half rank wait collective error"),
    ("topic", "sync abi os memory value stream rank wait half region endpoint error"),
    ("select", "sync abi call comm endpoint error half rank receive send topic wait"),
    // Nothing of the library knows of it.
    ("lab", "sync abi os memory pool ring slot value stream rank wait segment region half receive select"),
];

/// Where a process may spin, yield, or sleep.
const WAITERS: &[&str] = &["os", "wait"];
/// What that looks like. `pause`, `doze` and `let_others_run` are those of `wait::pace`.
const WAITING: &[&str] = &[
    "spin_loop",
    "yield_now",
    "thread::sleep",
    "sleep_on",
    "park",
    "Condvar",
    "pause(",
    "doze(",
    "let_others_run",
];
/// The files elsewhere that do, and what.
const EXCEPTIONS: &[(&str, &str)] = &[
    // Names it for `wait`.
    ("sync/mod.rs", "Condvar"),
    // Lets the writer of a stream get ahead, at most 16 times in a row of messages. It is below `wait`.
    ("ring/consumer/row.rs", "spin_loop"),
    // Each looks whether somebody joined, left, removed or created something. They take locks, and ring nobody who has no rank.
    ("segment/removal.rs", "doze("),
    ("region/mod.rs", "doze("),
    ("endpoint/join.rs", "doze("),
    // Looks whether the receiver takes an announced message, no longer than it would take to copy it.
    ("send/started/begin.rs", "pause("),
    // Lets a sender run that was woken, has not sent yet, and may need this processor. Only here is it known that its turn has
    // passed; and it concerns a receive that finds mail, so one that does not wait.
    ("receive/mod.rs", "let_others_run"),
    // Leaves the line to the server until it has read it.
    ("call/waiting.rs", "pause("),
    // Looks at a value again that its writer is at work on, at most 64 times.
    ("topic/latest.rs", "pause("),
];
/// How a thread waits for a peer.
const DRIVING: &[&str] = &["drive(", "look_soon(", "strategy::wait", "Crew"];
/// The files below `endpoint` that do, and what.
const DRIVERS: &[(&str, &str)] = &[
    // The first looks of a receive, at the one mailbox where its mail is expected.
    ("receive/short.rs", "look_soon("),
];
/// The most lines of code in a file: without comments, blank lines and tests.
const MOST: usize = 300;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// A file's lines without comments, blank ones, and its tests, which end it.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let code: Vec<&str> = text
        .lines()
        .take_while(|line| !["#[cfg(test)]", "#[cfg(all(test"].iter().any(|tests| line.starts_with(tests)))
        .filter(|line| !line.trim_start().starts_with("//") && !line.trim().is_empty())
        .collect();
    code.join("\n")
}

/// The names that follow `prefix` in `code`.
fn names_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_end = |c: char| !c.is_alphanumeric() && c != '_';
    code.split(prefix).skip(1).map(|rest| rest.split(is_end).next().unwrap()).collect()
}

/// The concepts that a file of `depth` folders imports: named after `crate::`, or after so many `super::` that they
/// lead out of its folder.
fn imports(code: &str, depth: usize) -> BTreeSet<String> {
    assert!(!code.contains("crate::{"), "one `use` a concept, or this test does not see it");
    // A child of `folder/mod.rs` reaches the crate's root by two.
    let out = "super::".repeat(depth + 1);
    let mut found = names_after(code, "crate::");
    found.extend(names_after(code, &out));
    found.into_iter().map(String::from).collect()
}

/// All source files: the concept that each is part of, and its path.
fn files() -> Vec<(String, PathBuf)> {
    let concept = |path: &Path| {
        let first = path.strip_prefix(sources()).expect("a source file").iter().next().expect("a name");
        Path::new(first).with_extension("").to_str().expect("a name").to_owned()
    };
    let all = kit::sources(&sources()).into_iter().map(|path| (concept(&path), path));
    all.filter(|(concept, _)| concept != "lib").collect()
}

/// Which of `files` name which of `calls`, other than as a method or as a function of their own.
fn callers(files: impl Iterator<Item = (String, PathBuf)>, calls: &[&str]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (_, path) in files {
        let code = code(&path);
        let is_others = |at: usize| ![".", "fn ", "Self::"].iter().any(|own| code[..at].ends_with(own));
        let named = calls.iter().filter(|call| code.match_indices(**call).any(|(at, _)| is_others(at)));
        let file = path.strip_prefix(sources()).expect("a source file").to_str().expect("a name");
        found.extend(named.map(|call| (file.to_owned(), call.to_string())));
    }
    found
}

fn pairs(listed: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    listed.iter().map(|(file, what)| (file.to_string(), what.to_string())).collect()
}

fn depth(path: &Path) -> usize {
    let depth = path.strip_prefix(sources()).expect("a source file").iter().count() - 1;
    // `mod.rs` is the folder itself.
    if path.ends_with("mod.rs") { depth - 1 } else { depth }
}

#[test]
fn every_concept_is_in_the_table() {
    let listed: BTreeSet<String> = TABLE.iter().map(|(concept, _)| concept.to_string()).collect();
    let found: BTreeSet<String> = files().into_iter().map(|(concept, _)| concept).collect();
    assert_eq!(found, listed);
}

#[test]
fn imports_are_those_of_the_table() {
    for (concept, listed) in TABLE {
        let mut found = BTreeSet::new();
        for (_, path) in files().iter().filter(|(of, _)| of == concept) {
            found.extend(imports(&code(path), depth(path)));
        }
        found.remove(*concept);
        let listed = listed.split_whitespace().map(String::from).collect();
        assert_eq!(found, listed, "what {concept} imports, and what the table says");
    }
}

#[test]
fn the_table_runs_downward() {
    for (at, (concept, listed)) in TABLE.iter().enumerate() {
        for import in listed.split_whitespace() {
            let is_below = TABLE[..at].iter().any(|(lower, _)| *lower == import);
            assert!(is_below, "{concept} imports {import}, which is not below it");
        }
    }
}

#[test]
fn no_file_is_longer_than_it_may_be() {
    let lengths = files().into_iter().map(|(_, path)| (code(&path).lines().count(), path));
    let long: Vec<_> = lengths.filter(|(lines, _)| *lines > MOST).collect();
    assert!(long.is_empty(), "more than {MOST} lines of code: {long:#?}");
}

#[test]
fn nobody_else_waits() {
    let others = files().into_iter().filter(|(concept, _)| !WAITERS.contains(&concept.as_str()));
    assert_eq!(callers(others, WAITING), pairs(EXCEPTIONS), "who waits, and who may");
}

#[test]
fn nobody_below_the_endpoint_waits_for_a_peer() {
    let below = TABLE.iter().map(|(concept, _)| *concept).take_while(|concept| *concept != "endpoint");
    let below: Vec<_> = below.filter(|concept| *concept != "wait").collect();
    let files = files().into_iter().filter(|(concept, _)| below.contains(&concept.as_str()));
    assert_eq!(callers(files, DRIVING), pairs(DRIVERS), "who waits for a peer, and who may");
}

#[test]
fn lib_is_a_table_of_contents() {
    let code = code(&sources().join("lib.rs"));
    for logic in ["fn ", "impl ", "struct ", "enum ", "trait ", "static ", "const ", "macro_rules!"] {
        assert!(!code.contains(logic), "`{logic}` in lib.rs");
    }
}

#[test]
fn imports_are_found() {
    let code = "use crate::sync::{AtomicU32, Edge};\nuse super::super::os;\nuse super::own;\nlet x = crate::memory::store(y);";
    assert_eq!(imports(code, 1), ["memory", "os", "sync"].map(String::from).into());
    assert_eq!(imports("use super::ring::cell;", 0), ["ring"].map(String::from).into());
}
