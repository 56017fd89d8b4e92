//! The layers: what each file of the library imports, and how long it may be.
#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file, from the lowest layer up, and the modules that it may import: the table of `docs/design.md`.
const TABLE: &[(&str, &str)] = &[
    ("sync", ""),
    ("sync/stops", ""),
    ("error", ""),
    ("error/region", ""),
    ("error/message", ""),
    ("cell", ""),
    ("layout", "sync cell error"),
    ("layout/padded", ""),
    ("os/mod", ""),
    ("os/cause", ""),
    ("os/trust", ""),
    ("os/pause", ""),
    // The futex's word is an atomic of the seam.
    ("os/event", "sync"),
    ("os/files", ""),
    ("os/linux", "sync"),
    ("os/linux/cgroup", ""),
    ("os/linux/files", ""),
    ("os/linux/locking", ""),
    ("os/linux/users", ""),
    ("os/linux/locks", ""),
    // Its locks are words of the segment.
    ("os/portable", "sync layout"),
    ("os/model", "sync"),
    ("marks", ""),
    ("memory", "sync cell layout"),
    ("memory/words", "sync cell"),
    ("ring", "sync cell layout memory"),
    ("ring/producer", "sync cell layout memory"),
    ("ring/producer/recovery", "sync cell layout memory ring"),
    ("ring/stage", "sync layout"),
    ("ring/letter", "cell"),
    ("ring/consumer", "sync cell marks layout memory"),
    ("line", "sync cell layout memory ring"),
    ("copies", "os cell layout ring"),
    ("place", ""),
    ("backing", "place os memory"),
    ("reason", "os error"),
    ("segment", "sync copies place backing os layout memory reason error"),
    ("segment/found", "copies backing os layout reason error"),
    ("segment/listed", "place backing os error"),
    ("segment/leftover", "copies place backing os reason error"),
    ("segment/removal", "os reason error"),
    ("segment/unnamed", "backing os layout reason error"),
    ("stay", "sync segment os layout error"),
    ("registry", "sync layout os memory error"),
    ("bell", "sync layout os"),
    ("bell/order", "sync os"),
    ("bell/waiter", "sync os"),
    ("crowd", "sync bell registry layout os"),
    ("source", ""),
    ("inspection", "copies os registry layout source"),
    ("view", "segment registry inspection error"),
    ("region", "sync place segment registry inspection view layout error"),
    ("handover", "region segment backing os layout reason error"),
    // The endpoint's layer, in files: private tables, then what is common to both halves, then each of them,
    // then their face.
    ("budget", ""),
    ("peers", ""),
    ("turns", ""),
    ("train", "cell"),
    ("kept", "ring train"),
    ("answers", "cell"),
    ("reply", "cell error"),
    ("member", "budget sync region segment registry stay bell crowd os ring memory layout source error"),
    ("outbox", "sync member region registry ring line bell memory layout cell peers source train error"),
    ("draft", "member outbox ring memory error"),
    ("incoming", "sync os member ring line cell memory layout train kept answers error"),
    ("incoming/bar", "ring error"),
    ("incoming/fragments", "member ring memory train kept error"),
    ("inbox", "sync member incoming region ring line cell layout peers source turns answers error"),
    ("inbox/answers", "member cell error"),
    ("inbox/reset", "member error"),
    ("inbox/ends", "sync member incoming registry ring error"),
    ("batch", "member outbox inbox"),
    ("sender", "member outbox draft region bell cell error batch"),
    ("mail", "member incoming inbox sender ring cell memory train error"),
    ("receiver", "member inbox mail sender region bell source error batch"),
    ("endpoint", "member batch sender receiver draft mail region bell source error"),
    // On its face.
    ("join", "bell reason endpoint member region registry segment stay layout error"),
    ("call", "endpoint sender receiver member outbox registry ring line cell source reply error"),
];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The file of a module, without comments and without its tests, which end it.
fn code(module: &str) -> String {
    let text = fs::read_to_string(sources().join(format!("{module}.rs"))).expect("a source file");
    let code: Vec<&str> = text
        .lines()
        .take_while(|line| !(line.starts_with("#[cfg(") && line.contains("test")))
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    code.join("\n")
}

/// The modules named after `crate::` anywhere in `code`.
fn imports(code: &str) -> BTreeSet<String> {
    assert!(!code.contains("crate::{"), "one `use` a module, or this test does not see it");
    let after = code.split("crate::").skip(1);
    after.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().into()).collect()
}

/// The modules of all files under `folder`, but `lib`.
fn modules(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(modules(&path));
        } else {
            let module = path.strip_prefix(sources()).expect("a source file").with_extension("");
            found.insert(module.to_str().expect("a name").into());
        }
    }
    found.remove("lib");
    found
}

#[test]
fn every_file_is_in_the_table() {
    let listed: BTreeSet<String> = TABLE.iter().map(|(module, _)| module.to_string()).collect();
    assert_eq!(modules(&sources()), listed);
}

#[test]
fn imports_are_those_of_the_table() {
    let wrong: Vec<String> = TABLE
        .iter()
        .flat_map(|(module, allowed)| {
            let allowed: BTreeSet<&str> = allowed.split_whitespace().collect();
            let imports = imports(&code(module));
            let wrong = imports.into_iter().filter(move |import| !allowed.contains(import.as_str()));
            wrong.map(move |import| format!("{module} imports {import}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_runs_downward() {
    for (at, (module, allowed)) in TABLE.iter().enumerate() {
        let lower: Vec<&str> =
            TABLE[..at].iter().map(|(module, _)| module.split('/').next().unwrap_or(module)).collect();
        for import in allowed.split_whitespace() {
            assert!(lower.contains(&import), "{module} imports {import}, which is not below it");
        }
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let all = modules(&sources()).into_iter().chain(["lib".to_string()]);
    for module in all {
        let text = fs::read_to_string(sources().join(format!("{module}.rs"))).expect("a source file");
        let lines = text.lines().count();
        assert!(lines <= 500, "{module} has {lines} lines");
    }
}

#[test]
fn lib_is_a_table_of_contents() {
    let code = code("lib");
    for logic in ["fn ", "impl ", "struct ", "enum ", "trait ", "static ", "const ", "macro_rules!"] {
        assert!(!code.contains(logic), "`{logic}` in lib.rs");
    }
}

#[test]
fn imports_are_found() {
    let code = "use crate::sync::{AtomicU32, Edge};\nuse crate::os;\nlet x = crate::memory::store(y);";
    assert_eq!(imports(code), ["memory", "os", "sync"].map(String::from).into());
}
