//! The README is short. Its program is the example of that name, and does what the README says.
#![cfg(not(loom))]

use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn the_readme_is_short() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines < 200, "README.md has {lines} lines");
}

#[test]
fn the_program_in_the_readme_is_the_example() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let example = std::fs::read_to_string(root.join("examples/hello.rs")).unwrap();
    let program = example.split_once("\n\n").unwrap().1;
    assert!(readme.contains(program), "README.md and examples/hello.rs differ");
}

#[test]
fn two_processes_of_the_example_talk_and_leave_nothing() {
    let hello = std::env::current_exe().unwrap().with_file_name("../examples/hello");
    let start = || Command::new(&hello).stdout(Stdio::piped()).spawn().expect("`cargo test` builds examples");
    let talks: Vec<_> = [start(), start()].map(|child| child.wait_with_output().unwrap()).into();
    let mut said: Vec<_> = talks.iter().map(|talk| String::from_utf8_lossy(&talk.stdout)).collect();
    said.sort();
    assert_eq!(said, ["rank 0 says: and to you\n", "rank 1 says: hello\n"]);
    assert!(talks.iter().all(|talk| talk.status.success()));
    assert!(!mailbox::lab::os::shm_path("hello").exists());
}
