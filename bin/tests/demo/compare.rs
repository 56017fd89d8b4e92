//! The comparison of shared memory and messages, whole and disturbed.

use crate::program::{
    Demo, End, ends_by_signals, ends_with_its_parent, find_player, in_order, is_read_by_nobody,
    is_told_to_be_killed, nothing_is_left, number, player, players,
};
use kit::{SIGKILL, signal, wait_until};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

const ASPECTS: [&str; 11] = [
    "communication",
    "synchronization",
    "data access",
    "latency",
    "throughput",
    "scaling",
    "fault isolation",
    "security",
    "debugging",
    "data locality",
    "suitable systems",
];
/// Jobs with one worker: the job, the model and the means.
const JOBS: [(&str, &str, &str); 8] = [
    ("counter", "shared_memory", "mutex"),
    ("counter", "shared_memory", "atomic"),
    ("counter", "messages", "call"),
    ("counter", "messages", "send"),
    ("bounded buffer", "shared_memory", "mutex, events"),
    ("bounded buffer", "messages", "send, receive"),
    ("game loop", "shared_memory", "mutex, events"),
    ("game loop", "messages", "send, receive"),
];
const FILES: [[&str; 2]; 3] = [
    ["counter_shared", "counter_messages"],
    ["buffer_shared", "buffer_messages"],
    ["game_shared", "game_messages"],
];

#[test]
fn both_tables_are_shown() {
    let demo = Demo::start(&["compare", "--seconds", "1"]);
    let pid = demo.pid();
    let lines = demo.shows_all();
    let mut next = in_order(&lines);
    next("aspect            shared memory                   messages");
    for aspect in ASPECTS {
        assert!(next(aspect).starts_with(&format!("{aspect} ")));
        next("→ ");
    }
    next("job              by               workers");
    for (sign, job, means, workers) in [
        ('■', "counter", "mutex", 1),
        ('□', "counter", "call", 2),
        ('■', "counter", "atomic", 4),
        ('■', "bounded buffer", "mutex, events", 1),
        ('□', "bounded buffer", "send, receive", 1),
        ('■', "game loop", "mutex, events", 1),
        ('□', "game loop", "send, receive", 1),
        ('◧', "hybrid", "calls of threads", 4),
    ] {
        let beginning = format!("{:<16} {means:<16} {workers:>7} ", format!("{sign} {job}"));
        assert!(next(&format!("{sign} {job}")).len() >= beginning.len());
        assert!(lines.iter().any(|line| line.starts_with(&beginning)), "{beginning:?} in {lines:#?}");
    }
    next("better here at   what is compared");
    for job in ["counter ", "bounded buffer ", "game loop "] {
        let line = next(job);
        assert!(line.contains('×') || line.contains("even"), "{line}");
    }
    nothing_is_left("compare", pid);
}

/// The report of one run, for several tests.
fn report() -> &'static Value {
    static REPORT: OnceLock<Value> = OnceLock::new();
    REPORT.get_or_init(|| report_of(&[]))
}

/// The one line that it shows.
fn report_of(args: &[&str]) -> Value {
    let demo = Demo::start(&[&["compare", "--seconds", "1", "--json"], args].concat());
    let pid = demo.pid();
    let Some(line) = demo.line() else { panic!("it shows nothing: {:?}", demo.end()) };
    assert_eq!(demo.line(), None, "no more than one line");
    demo.succeeds();
    nothing_is_left("compare", pid);
    serde_json::from_str(&line).expect("JSON")
}

fn list<'r>(report: &'r Value, field: &str) -> &'r [Value] {
    report[field].as_array().unwrap_or_else(|| panic!("no {field} in {report}"))
}

fn above_zero(value: &Value, field: &str) -> f64 {
    let number = value[field].as_f64().unwrap_or_else(|| panic!("no {field} in {value}"));
    assert!(number > 0.0, "{field} of {value}");
    number
}

#[test]
fn each_job_is_right_in_both_models_and_each_aspect_is_told() {
    let report = report();
    let names: Vec<_> = list(report, "aspects").iter().map(|aspect| aspect["name"].as_str()).collect();
    assert_eq!(names, ASPECTS.map(Some));
    for aspect in list(report, "aspects") {
        for model in ["shared_memory", "messages"] {
            for text in ["words", "figure"] {
                let text = aspect[model][text].as_str().expect("a text");
                assert!(text.len() > 8, "{aspect}");
            }
        }
    }
    let is = |of: &Value, (job, model, means): (&str, &str, &str), workers| {
        of["job"] == job && of["model"] == model && of["means"] == means && of["workers"] == workers
    };
    let jobs = list(report, "jobs");
    let find = |job, workers| {
        let found: Vec<_> = jobs.iter().filter(|of| is(of, job, workers)).collect();
        assert_eq!(found.len(), 1, "{job:?} with {workers} workers: {report}");
        found[0]
    };
    let mut all: Vec<_> = JOBS.into_iter().map(|job| find(job, 1)).collect();
    for workers in [2, 4] {
        all.extend(JOBS[..4].iter().map(|job| find(*job, workers)));
    }
    all.push(find(("hybrid", "messages", "calls of threads"), 4));
    assert_eq!(all.len(), jobs.len(), "no others");
    for of in all {
        assert_eq!(number(of, "done"), number(of, "result"), "{of}");
        assert!(above_zero(of, "p50_ns") <= above_zero(of, "p99_ns"), "{of}");
        for field in ["done", "per_second", "lines", "processes"] {
            above_zero(of, field);
        }
    }
    let verdicts = list(report, "verdicts");
    let judged: Vec<_> = verdicts.iter().map(|verdict| verdict["job"].as_str()).collect();
    assert_eq!(judged, ["counter", "bounded buffer", "game loop"].map(Some));
    for verdict in verdicts {
        let job = verdict["job"].as_str().expect("a text");
        let [shared, messages] = [(0, "shared_memory"), (1, "messages")]
            .map(|(at, model)| find((job, model, verdict["means"][at].as_str().expect("a text")), 1));
        for (field, more_is_better) in [("p50_ns", false), ("p99_ns", false), ("per_second", true)] {
            let victory = &verdict[field.trim_end_matches("_ns")];
            let wins = (above_zero(shared, field) >= above_zero(messages, field)) == more_is_better
                || shared[field] == messages[field];
            let better = if wins { "shared_memory" } else { "messages" };
            assert_eq!(victory["better"], better, "{field} of {verdict}, {shared}, {messages}");
            assert!(above_zero(victory, "times") >= 1.0, "{verdict}");
        }
    }
    for field in ["together_ns", "apart_ns"] {
        above_zero(&report["words"], field);
    }
}

#[test]
fn what_a_kill_and_nonsense_do_and_which_values_are_read() {
    let report = report();
    let harm = &report["harm"];
    assert!(number(harm, "still_locked_after_ms") >= 999, "a mutex that nobody unlocks: {harm}");
    assert_eq!(harm["half_written"], true, "{harm}");
    above_zero(harm, "told_after_ms");
    for (field, expected) in [
        ("mails_unread", 3),
        ("mails_kept", 3),
        ("counter", 2),
        ("nonsense_refused", 1),
        ("spoilt_counter", u64::from_ne_bytes(*b"nonsense") + 1),
    ] {
        assert_eq!(number(harm, field), expected, "{field} of {harm}");
    }
    // The one in the hand of the process that was killed; others may have been.
    assert!((1..=3).contains(&number(harm, "mails_redelivered")), "{harm}");
    let litmus = list(report, "litmus");
    let means: Vec<_> = litmus.iter().map(|of| of["means"].as_str().expect("a text")).collect();
    assert_eq!(means, ["relaxed", "sequentially consistent", "calls to an owner"]);
    for of in litmus {
        assert!(number(of, "both_old") <= number(of, "rounds") && number(of, "rounds") > 0, "{of}");
    }
    assert_eq!(litmus[1..].iter().map(|of| number(of, "both_old")).collect::<Vec<_>>(), [0, 0]);
}

fn source(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/compare");
    fs::read_to_string(folder.join(file).with_extension("rs")).expect("a source file")
}

fn lines_of_code(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    text.lines().filter(is_code).count()
}

#[test]
fn the_sources_are_shown_side_by_side_and_counted() {
    let demo = Demo::start(&["compare", "--sources"]);
    let mut lines = vec![];
    while let Some(line) = demo.line() {
        lines.push(line);
    }
    demo.succeeds();
    let columns: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| {
            line.split_once(" │")
                .map_or((line.as_str(), ""), |(one, other)| (one.trim_end(), other.trim_start_matches(' ')))
        })
        .collect();
    for files in FILES {
        let [one, other] = files.map(source);
        let title = |at: usize, text| format!("{}.rs: {} lines of code", files[at], lines_of_code(text));
        let titles = (&*title(0, &one), &*title(1, &other));
        let at = columns
            .iter()
            .position(|row| *row == titles)
            .unwrap_or_else(|| panic!("no {titles:?} in {lines:#?}"));
        let rows = &columns[at + 2..];
        for (row, line) in one.lines().enumerate() {
            assert_eq!(rows[row].0, line.trim_end(), "{files:?}");
        }
        for (row, line) in other.lines().enumerate() {
            assert_eq!(rows[row].1, line.trim_start_matches(' '), "{files:?}");
        }
    }
    let hybrid = source("hybrid");
    let at =
        lines.iter().position(|line| *line == format!("hybrid.rs: {} lines of code", lines_of_code(&hybrid)));
    let rows = &lines[at.expect("the hybrid") + 2..];
    assert!(hybrid.lines().zip(rows).all(|(line, row)| line == row), "{rows:#?}");
    let wrappers = lines_of_code(&source("lock")) + lines_of_code(&source("event"));
    assert!(
        lines.iter().any(|line| line.contains(&format!("lock.rs and event.rs: {wrappers} lines of code")))
    );
}

#[test]
fn the_report_has_the_lines_of_the_sources() {
    let report = report();
    for (of, files) in list(report, "sources").iter().zip(FILES) {
        let [one, other] = files.map(|file| lines_of_code(&source(file)) as u64);
        assert_eq!([number(of, "shared_memory"), number(of, "messages")], [one, other], "{of}");
    }
    assert_eq!(list(report, "sources").len(), FILES.len());
}

/// A file that goes with this.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("compare-{}-{name}", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn the_picture_is_well_formed_and_has_all_rows() {
    let file = Scratch::new("picture.svg");
    // Nothing stays of what was in it.
    fs::write(&file.0, "<".repeat(1 << 20)).expect("a file");
    report_of(&["--svg", file.path()]);
    let text = fs::read_to_string(&file.0).expect("a picture");
    let picture = roxmltree::Document::parse(&text).expect("XML");
    assert_eq!(picture.root_element().tag_name().name(), "svg");
    let texts: Vec<_> = picture
        .descendants()
        .filter(|node| node.is_text())
        .filter_map(|node| node.text())
        .map(str::trim)
        .collect();
    let hybrid = ("hybrid", "", "calls of threads");
    for (job, _, means) in JOBS.into_iter().chain([hybrid]) {
        let row = format!("{job}: {means}");
        assert_eq!(texts.iter().filter(|text| **text == row).count(), 2, "{row} in {texts:#?}");
    }
    for row in ["words in one cache line", "words padded", "mutex", "atomic", "call", "send", "workers"] {
        assert!(texts.contains(&row), "{row} in {texts:#?}");
    }
}

#[test]
fn a_picture_that_cannot_be_written_is_told_in_a_line() {
    let hint = "give a file that can be written";
    let demo = Demo::start(&["compare", "--seconds", "86400", "--svg", "/nowhere/x.svg"]);
    demo.fails(&format!("--svg /nowhere/x.svg: No such file or directory (os error 2); {hint}"));
    let demo = Demo::start(&["compare", "--seconds", "86400", "--svg", "/"]);
    demo.fails(&format!("--svg /: Is a directory (os error 21); {hint}"));
    let demo = Demo::start(&["compare", "--seconds", "1", "--svg", "/dev/full"]);
    let pid = demo.pid();
    demo.fails(&format!("--svg /dev/full: No space left on device (os error 28); {hint}"));
    nothing_is_left("compare", pid);
}

/// One in which a process does this.
fn busy_with(part: &str) -> (Demo, u32) {
    let demo = Demo::start(&["compare", "--seconds", "69"]);
    let pid = demo.pid();
    wait_until(part, || find_player("compare", pid, part).is_some());
    (demo, pid)
}

fn busy() -> (Demo, u32) {
    busy_with("rival --task counter-mutex --place 0")
}

#[test]
fn whatever_is_killed_nothing_is_left() {
    for part in [
        "rival --task counter-mutex --place 0",
        "rival --task counter-call --place 0",
        "rival --task counter-call --place 1",
    ] {
        let (demo, pid) = busy_with(part);
        signal(player("compare", pid, part), SIGKILL);
        is_told_to_be_killed(demo, "compare", part);
    }
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    ends_by_signals("compare", busy);
}

#[test]
fn workers_end_with_their_parent_and_no_segment_is_left() {
    for part in ["rival --task counter-mutex --place 0", "rival --task counter-call --place 1"] {
        let (demo, pid) = busy_with(part);
        let count = players("compare", pid).len();
        ends_with_its_parent("compare", count, (demo, pid));
        nothing_is_left("compare", pid);
    }
}

#[test]
fn a_kill_at_any_time_leaves_no_segment() {
    for turn in 0..10 {
        let demo = Demo::start(&["compare", "--seconds", "1"]);
        let pid = demo.pid();
        // Whenever this ends, it is somewhere between its beginning and its end, or over.
        std::thread::sleep(std::time::Duration::from_millis(turn * 97));
        demo.signal(SIGKILL);
        wait_until("all have ended", || players("compare", pid).is_empty());
        nothing_is_left("compare", pid);
    }
}

#[test]
fn nobody_reads_it() {
    is_read_by_nobody("compare", &["--seconds", "1"]);
}

#[test]
fn a_command_line_without_sense_is_told() {
    for args in [
        &["--seconds", "0"][..],
        &["--seconds", "many"],
        &["--sources", "--json"],
        &["--sources", "--svg", "x.svg"],
        &["--svg"],
        &["--jobs", "1"],
    ] {
        let End { code, complaints } = Demo::start(&[&["compare"], args].concat()).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
        assert!(complaints.contains("; see: mbox-demo compare --help"), "{complaints}");
    }
}
