//! The layers: what each folder of the programs imports, that no files import each other, and how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Every folder, from the lowest layer up, and the folders that it imports. The root is `lib.rs`.
const TABLE: &[(&str, &str)] = &[
    ("common", ""),
    ("stress", "common"),
    ("stress/chaos", "common stress"),
    ("stress/gathering", "common stress"),
    ("stress/publishing", "common stress"),
    ("stress/sharing", "common stress"),
    ("stress/torture", "common stress stress/chaos stress/gathering stress/publishing stress/sharing"),
    ("stress/soak", "common stress"),
    ("demo/tour", "common"),
    ("demo/pingpong", "common"),
    ("demo/gateway", "common"),
    ("demo/fusion", "common"),
    ("demo/game", "common"),
    ("demo/control", "common"),
    ("demo/compare", "common"),
    (
        "demo",
        "common stress/chaos stress/gathering stress/publishing stress/sharing stress/torture stress/soak demo/tour \
         demo/pingpong demo/gateway demo/fusion demo/game demo/control demo/compare",
    ),
    ("launch", "common"),
    ("record", ""),
    ("mbox", "common launch record"),
    ("", "demo mbox"),
    ("bin", ""),
];

/// The files that may look into the library. All others use what it offers to everybody.
const INSIDERS: [&str; 5] = [
    "common/segments",
    "stress/chaos/vandal",
    "stress/gathering/intruder",
    "stress/publishing/scribbler",
    "stress/scrawl",
];
/// What of the library is not for everybody.
const INSIDE: &str = "mailbox::lab";

/// Lines of code that a file may have.
const LONGEST: usize = 300;

/// The code of every file, by its module: `common::place`; that of a folder's `mod.rs` by the folder.
struct Code(BTreeMap<Vec<String>, String>);

impl Code {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        for path in kit::sources(&root) {
            let module = path.strip_prefix(&root).expect("a source file").with_extension("");
            let mut module: Vec<String> =
                module.iter().map(|word| word.to_str().expect("a name").to_owned()).collect();
            module.pop_if(|last| last == "mod" || last == "lib");
            files.insert(module, code(&fs::read_to_string(&path).expect("a source file")));
        }
        Self(files)
    }

    /// The modules that one imports.
    fn imports(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let paths = paths(&self.0[module]).into_iter();
        paths.map(|path| self.module(module, &path)).filter(|import| import != module).collect()
    }

    /// The module that has what a path in `from` leads to.
    fn module(&self, from: &[String], path: &[String]) -> Vec<String> {
        let mut module = if path[0] == "crate" { vec![] } else { from.to_vec() };
        for word in path {
            match word.as_str() {
                "crate" => {}
                "super" => drop(module.pop()),
                word => {
                    module.push(word.to_owned());
                    if !self.0.contains_key(&module) {
                        module.pop();
                        break;
                    }
                }
            }
        }
        module
    }

    /// Whether a module has modules in it.
    fn is_folder(&self, module: &[String]) -> bool {
        self.0.keys().any(|other| other.len() > module.len() && other.starts_with(module))
    }

    /// The folder that a module is in, or is.
    fn folder(&self, module: &[String]) -> String {
        let folder = if self.is_folder(module) { module } else { &module[..module.len() - 1] };
        folder.join("/")
    }
}

/// A file without comments, blank lines and its tests, which end it.
fn code(text: &str) -> String {
    let code = text.lines().take_while(|line| *line != "#[cfg(test)]").filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//")
    });
    code.map(|line| format!("{line}\n")).collect()
}

/// The paths in `code` that begin with `crate` or `super`, in words; each of a group by itself.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = vec![];
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            // Else it is in the middle of a path.
            if !code[..at].ends_with(|letter| is_word(letter) || letter == ':') {
                path(&code[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Reads the path at the beginning of `code`, behind `before`; what comes after it.
fn path<'a>(code: &'a str, before: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = code.trim_start();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            while !group.trim_start().starts_with('}') {
                group = self::path(group, &path, found);
                // Behind it: another name, and a comma.
                group =
                    group.trim_start_matches(|letter| letter != ',' && letter != '}').trim_start_matches(',');
            }
            return group.trim_start().strip_prefix('}').unwrap_or_default();
        }
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        path.extend((end > 0).then(|| rest[..end].to_owned()));
        match rest[end..].strip_prefix("::") {
            Some(next) => rest = next,
            None => {
                found.push(path);
                return &rest[end..];
            }
        }
    }
}

#[test]
fn folders_import_those_of_the_table() {
    let code = Code::read();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in code.0.keys() {
        let folder = code.folder(module);
        let imports = code.imports(module).into_iter().map(|import| code.folder(&import));
        let others: Vec<String> = imports.filter(|other| *other != folder).collect();
        found.entry(folder).or_default().extend(others);
    }
    let words = |listed: &str| listed.split_whitespace().map(str::to_owned).collect();
    let table = TABLE.iter().map(|(folder, listed)| (folder.to_string(), words(listed))).collect();
    assert_eq!(found, table, "what the folders import, and what the table says");
}

#[test]
fn the_table_runs_downward() {
    for (at, (folder, allowed)) in TABLE.iter().enumerate() {
        for import in allowed.split_whitespace() {
            let is_below = TABLE[..at].iter().any(|(lower, _)| *lower == import);
            assert!(is_below, "{folder} imports {import}, which is not below it");
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let code = Code::read();
    // What imports nothing that is left cannot be in a circle.
    let mut left: BTreeMap<_, _> = code.0.keys().map(|module| (module, code.imports(module))).collect();
    loop {
        let before = left.len();
        let still: BTreeSet<Vec<String>> = left.keys().map(|module| module.to_vec()).collect();
        left.retain(|_, imports| imports.iter().any(|import| still.contains(import)));
        if left.len() == before {
            break;
        }
    }
    let left: Vec<String> = left.keys().map(|module| module.join("::")).collect();
    assert!(left.is_empty(), "in a circle, or above one: {left:#?}");
}

#[test]
fn folders_are_tables_of_contents() {
    let code = Code::read();
    for (module, text) in code.0.iter().filter(|(module, _)| code.is_folder(module)) {
        let is_listing =
            |line: &str| ["mod ", "pub mod ", "pub use "].iter().any(|word| line.starts_with(word));
        assert!(text.lines().all(is_listing), "logic in the mod.rs of {}", module.join("::"));
    }
}

#[test]
fn few_files_look_into_the_library() {
    for (module, text) in Code::read().0 {
        let is_insider = INSIDERS.contains(&&*module.join("/"));
        let looks = text.contains(INSIDE);
        assert_eq!(looks, is_insider, "{}", module.join("::"));
    }
}

#[test]
fn no_file_is_too_long() {
    for (module, text) in Code::read().0 {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines of code", module.join("::"));
    }
}

#[test]
fn imports_are_found() {
    let words = |paths: &[&str]| -> Vec<Vec<String>> {
        paths.iter().map(|path| path.split("::").map(str::to_owned).collect()).collect()
    };
    let code = "use crate::a::{b as z, e, c::{self, d}};\nlet x = crate::f(1);\nuse super::super::g::*;\nuse h::super_::i;";
    let found = ["crate::a::b", "crate::a::e", "crate::a::c::self", "crate::a::c::d", "crate::f"];
    let upward = ["super::super::g"];
    assert_eq!(paths(code), words(&[&found[..], &upward[..]].concat()));
}

#[test]
fn a_path_leads_to_the_file_that_has_it() {
    let words = |path: &str| -> Vec<String> { path.split("::").map(str::to_owned).collect() };
    let files = ["common", "common::place", "demo", "demo::tour", "demo::tour::pace"];
    let code = Code(files.iter().map(|file| (words(file), String::new())).collect());
    let leads = |from, path| code.module(&words(from), &words(path)).join("::");
    assert_eq!(leads("demo::tour::pace", "crate::common::place::place"), "common::place");
    assert_eq!(leads("demo::tour::pace", "super::pace::Pace"), "demo::tour::pace");
    assert_eq!(leads("demo::tour::pace", "super::super::tour"), "demo::tour");
    assert_eq!(leads("demo::tour", "super::cli"), "demo");
    assert_eq!(leads("demo::tour::pace", "crate::Nothing"), "");
}
