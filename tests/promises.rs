//! Each test that docs/reliability.md names is there, and each file.
#![cfg(not(loom))]

use kit::sources;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// It is named there and is no test: a lint.
const LINT: &str = "unsafe_code";

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The names of the tests in a source text.
fn tests_of(text: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().chars().take_while(|c| is_of_word(*c)).collect::<String>();
    let functions = text.split("#[test]").skip(1).filter_map(|rest| Some(word(rest.split_once("fn ")?.1)));
    // Each line in the braces of this macro makes a test.
    let within = text.split("ends_anywhere! {\n").skip(1).flat_map(|rest| rest.split('}').next());
    functions.chain(within.flat_map(str::lines).map(word)).collect()
}

/// What the rows of the page's tables name beside their promises.
fn named(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let beside = rows.filter_map(|row| row.splitn(3, '|').nth(2));
    beside.flat_map(|cells| cells.split('`').skip(1).step_by(2)).collect()
}

/// Whether this is a test's name, perhaps one of which the page leaves out the end or the beginning, or that of a file of tests.
fn is_name(name: &str) -> bool {
    name.contains('_') && name.trim_matches('…').chars().all(|c| is_of_word(c) && !c.is_uppercase())
}

#[test]
fn each_test_that_holds_a_promise_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::from([LINT.to_string()]);
    let folders = ["tests", "bin/tests", "src", "bin/src", "patterns/src", "patterns/tests"];
    for path in folders.iter().flat_map(|folder| sources(&root.join(folder))) {
        tests.extend(tests_of(&fs::read_to_string(&path).expect("a source file")));
        tests.insert(path.file_stem().expect("a name").to_str().expect("a name").to_string());
    }
    let is_there = |name: &str| match (name.strip_prefix('…'), name.strip_suffix('…')) {
        (Some(end), _) => tests.iter().any(|test| test.ends_with(end)),
        (_, Some(start)) => tests.iter().any(|test| test.starts_with(start)),
        _ => tests.contains(name),
    };
    let page = fs::read_to_string(root.join("docs/reliability.md")).expect("the page");
    let (names, others): (Vec<_>, Vec<_>) = named(&page).into_iter().partition(|name| is_name(name));
    let files: Vec<_> =
        others.into_iter().filter(|name| name.contains('/') && name.ends_with(".rs")).collect();
    assert!(names.len() >= 300 && files.len() >= 50, "{} and {} are found", names.len(), files.len());
    let missing: Vec<_> = names.into_iter().filter(|name| !is_there(name)).collect();
    assert_eq!(missing, [""; 0]);
    let missing: Vec<_> = files.into_iter().filter(|file| !root.join(file).exists()).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn names_are_found() {
    let page = "A `line` before.\n\n| promise | held by | command |\n|---|---|---|\n\
                | some `word_here` | `a_test`, `tests/it.rs` | `cargo test --test it` |\n";
    assert_eq!(named(page), ["a_test", "tests/it.rs", "cargo test --test it"]);
    assert!(is_name("a_test") && is_name("a_test_…") && is_name("…_test"));
    assert!(!is_name("tests/it_is.rs") && !is_name("AT_ONCE") && !is_name("a_test b"));
    let text = "#[test]\nfn one() {}\n\nfn none() {}\n\n#[test]\n#[should_panic]\nfn two() {}\n";
    assert_eq!(tests_of(text), ["one", "two"]);
    assert_eq!(
        tests_of("ends_anywhere! {\n    three: \"it\", 8;\n    four: \"it\", 8;\n}\n").concat(),
        "threefour"
    );
}
