//! What the compiler says of programs that it rejects.
#![cfg(not(loom))]

use kit::Folder;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// What the compiler says of `body`, as a program that uses this library; or that it compiles.
fn compile(library: &Path, body: &str) -> Result<(), String> {
    let folder = Folder::new();
    let mut compiler = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    compiler.args(["--edition", "2024", "--crate-name", "program", "--emit", "metadata", "--out-dir"]);
    compiler.arg(&*folder).arg("-L").arg(library.parent().expect("a folder"));
    compiler.arg("--extern").arg(format!("mailbox={}", library.display())).arg("-");
    let pipes = compiler.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut started = pipes.spawn().expect("the compiler that compiled this test");
    let program = format!("use mailbox::{{Config, Region}};\nfn main() {{\n{body}\n}}\n");
    started.stdin.take().expect("a pipe").write_all(program.as_bytes()).expect("a compiler that reads");
    let output = started.wait_with_output().expect("an end");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The library that Cargo built for this test, in the folder where this test is: the newest that this compiler can use. `None` if it was
/// built for a target that was named, whose standard library may be elsewhere.
fn library() -> Option<PathBuf> {
    let folder = env::current_exe().expect("this test").parent().expect("a folder").to_owned();
    let above = folder.ancestors().nth(2).and_then(Path::file_name).expect("a folder for what is built");
    if above.to_string_lossy().contains("-linux-") {
        return None;
    }
    let files = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        name.starts_with("libmailbox-") && name.ends_with(".rlib")
    };
    let mut found: Vec<PathBuf> = files.filter(is_it).collect();
    let age = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).expect("a time");
    found.sort_by_key(age);
    let program = "Region::create_unnamed(Config::ranks(1)).unwrap().join(0).unwrap().try_recv().unwrap();";
    let library = found.into_iter().rev().find(|library| compile(library, program).is_ok());
    Some(library.expect("the library of this test"))
}

#[test]
fn what_two_threads_cannot_use_at_once_says_what_to_do() {
    let Some(library) = library() else { return };
    let uses = [
        ("Endpoint", "let it = me;", "it.send(0, b\"\").is_ok()"),
        ("SendHalf", "let (it, _) = me.into_split();", "it.send(0, b\"\").is_ok()"),
        ("RecvHalf", "let (_, it) = me.into_split();", "it.recv().is_ok()"),
    ];
    for (name, gets, does) in uses {
        let begin = format!(
            "let me = Region::create_unnamed(Config::ranks(1)).unwrap().join(0).unwrap(); {gets}\n\
             std::thread::scope(|scope| {{ scope.spawn(|| {does});"
        );
        let said =
            compile(&library, &format!("{begin} }});")).expect_err("two threads cannot use it at once");
        assert!(said.contains(&format!("one thread at a time can use `{name}`")), "{said}");
        assert!(said.contains("into_shared()") && said.contains("into_split()"), "{said}");
        assert!(!said.contains("Cell<"), "{said}");
        // Nothing else is wrong with it.
        assert_eq!(said.matches("error[").count(), 1, "{said}");
    }
}
