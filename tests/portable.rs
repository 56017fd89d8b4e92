//! The tests that do not run on the portable path are those of the list in docs/portable.md.
#![cfg(not(loom))]

use kit::sources;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MARK: &str = "#[cfg_attr(portable, ignore = \"";

/// `file`, test and reason of each test in `text` that is left out.
fn left_out(file: &str, text: &str) -> Vec<String> {
    let after = text.split(MARK).skip(1);
    let row = |rest: &str| {
        let (reason, rest) = rest.split_once('"').expect("a reason");
        let name = rest.split_once("fn ").expect("a test").1.split('(').next().expect("a name");
        format!("| `{file}` | `{name}` | {reason} |")
    };
    after.map(row).collect()
}

#[test]
fn the_list_of_tests_that_are_left_out_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut marked = BTreeSet::new();
    let all = ["tests", "bin/tests", "src", "bin/src"].iter().flat_map(|folder| sources(&root.join(folder)));
    // This one has the mark itself.
    for path in all.filter(|path| !path.ends_with(file!())) {
        let text = fs::read_to_string(&path).expect("a source file");
        let file = path.strip_prefix(root).expect("a file of this package").display().to_string();
        assert!(!text.contains("#![cfg(not(portable") && !text.contains("#[cfg(not(portable"), "{file}");
        marked.extend(left_out(&file, &text));
    }
    let page = fs::read_to_string(root.join("docs/portable.md")).expect("the page");
    let listed = page.lines().filter(|line| line.starts_with("| `") && line.contains(".rs`"));
    let listed: BTreeSet<String> = listed.map(String::from).collect();
    assert_eq!(marked, listed);
}
