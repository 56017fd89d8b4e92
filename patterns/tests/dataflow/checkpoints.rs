//! Checkpoints, and what sinks have committed.

use super::*;

/// The files of checkpoints, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.join("checkpoints")).expect("it is there");
    entries
        .map(|entry| entry.expect("readable").path())
        .map(|path| {
            (
                path.file_name().expect("a name").to_str().expect("text").into(),
                fs::read(&path).expect("a file"),
            )
        })
        .collect()
}

/// Few records at a time, so that checkpoints are written on the way.
fn slow(folder: &Path, every: u64) -> Options {
    options(folder).checkpoint_every(every).channel(4)
}

/// A run that fails behind its checkpoints, of which there are two then.
fn interrupted(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let options = |_| slow(folder, 10).retries(0);
    let outcomes = through(folder, options, |number| {
        thread::sleep(Duration::from_millis(if number == 55 { 50 } else { 0 }));
        assert!(number != 55, "stop here");
        number
    });
    assert!(outcomes.iter().all(Result::is_err));
    files(folder)
}

#[test]
fn a_checkpoint_that_is_cut_or_garbled_is_not_used() {
    let folder = Folder::new();
    let whole = interrupted(&folder);
    let complete: Vec<&String> = whole.keys().filter(|name| name.starts_with("complete-")).collect();
    assert_eq!(complete.len(), 2, "{:?}", whole.keys());
    let number = complete[1].strip_prefix("complete-").expect("as filtered");
    let newest = whole.iter().filter(|(name, _)| name.contains(number));
    let newest: Vec<_> = newest.collect();
    assert_eq!(newest.len(), 4, "{:?}", whole.keys());
    let restore = || {
        fs::remove_dir_all(folder.join("checkpoints")).expect("it is there");
        fs::create_dir(folder.join("checkpoints")).expect("a new name");
        for (name, bytes) in &whole {
            fs::write(folder.join("checkpoints").join(name), bytes).expect("room");
        }
    };
    let mut dice = Dice(5);
    for round in 0..24 {
        let (name, bytes) = newest[dice.below(4) as usize];
        let mut bytes = bytes.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        match round % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << dice.below(8),
            _ => bytes.push(0),
        }
        for is_strict in [true, false] {
            restore();
            fs::write(folder.join("checkpoints").join(name), &bytes).expect("room");
            let options = |_| {
                let options = slow(&folder, 10);
                if is_strict { options.strict() } else { options }
            };
            let outcomes = through(&folder, options, |number| number);
            if is_strict {
                let coordinator = &outcomes[0];
                let is_told = matches!(coordinator, Err(RunError::Checkpoint(CheckpointError::Garbled { path })) if path.ends_with(name));
                assert!(is_told, "{coordinator:?}");
                let others = &outcomes[1..];
                assert!(
                    others.iter().all(|other| matches!(other, Err(RunError::Other { rank: 0, .. }))),
                    "{others:?}"
                );
            } else {
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                assert_eq!(written(&folder), numbers(), "{name}, round {round}");
            }
        }
    }
    // Both are damaged: nothing begins over without being told.
    restore();
    for name in &complete {
        fs::write(folder.join("checkpoints").join(name), b"garbage").expect("room");
    }
    let outcomes = through(&folder, |_| slow(&folder, 10), |number| number);
    assert!(
        matches!(outcomes[0], Err(RunError::Checkpoint(CheckpointError::Garbled { .. }))),
        "{outcomes:?}"
    );
}

#[test]
fn a_checkpoint_of_another_graph_is_refused() {
    let folder = Folder::new();
    interrupted(&folder);
    let outcomes = through(&folder, |_| slow(&folder, 11), |number| number);
    assert!(
        matches!(outcomes[0], Err(RunError::Checkpoint(CheckpointError::Foreign { .. }))),
        "{outcomes:?}"
    );
}

#[test]
fn a_file_that_lost_what_was_committed_is_told() {
    let folder = Folder::new();
    interrupted(&folder);
    fs::write(out_of(&folder), b"0\n").expect("room");
    let outcomes = through(&folder, |_| slow(&folder, 10).retries(0), |number| number);
    let is_told = matches!(&outcomes[0], Err(RunError::Operator { rank: 2, reason, .. }) if reason.contains("has 2 bytes"));
    assert!(is_told, "{outcomes:?}");
}

#[test]
fn a_file_that_was_there_before_is_cut_off() {
    let folder = Folder::new();
    fs::write(out_of(&folder), "old ".repeat(1000)).expect("room");
    through(&folder, |_| options(&folder), |number| number)
        .into_iter()
        .for_each(|report| _ = report.expect("no error"));
    assert_eq!(written(&folder), numbers());
}

#[test]
fn a_function_is_given_what_is_in_a_complete_checkpoint() {
    let folder = Folder::new();
    let given: &'static Mutex<Vec<(u64, u64)>> = Box::leak(Box::new(Mutex::new(vec![])));
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..200).map(|number| (number, number)));
        let slow = source.map("slow", |number| {
            thread::sleep(Duration::from_micros(300));
            number
        });
        _ = slow.on([1]).to_file("out", out_of(&folder), Durability::Process, |number| format!("{number}\n"));
        let checkpoints = folder.join("checkpoints");
        _ = source.to_function("given", move |number, records| {
            let entries = fs::read_dir(&checkpoints).map_err(|error| error.to_string())?;
            let complete = entries.filter_map(|entry| {
                entry.ok()?.file_name().to_str()?.strip_prefix("complete-")?.parse::<u64>().ok()
            });
            if complete.max().is_none_or(|newest| newest < number) {
                return Err(format!("{number} is too early"));
            }
            given.lock().expect("no panic").extend(records.iter().map(|record| (number, *record)));
            Ok(())
        });
        graph
    };
    let reports = run_on(&[0, 1], |_| options(&folder).checkpoint_every(10).channel(64).retries(0), build);
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    // The last ones come with the checkpoint at the end.
    let expected: Vec<_> = (0..200).map(|number| (number / 10 + 1, number)).collect();
    assert_eq!(*given.lock().expect("no panic"), expected);
}

/// Its rank has only written its state at the end, and later checkpoints need that.
#[test]
fn a_source_that_ends_early_is_part_of_later_checkpoints() {
    let folder = Folder::new();
    let has_failed: &'static Mutex<bool> = Box::leak(Box::new(Mutex::new(false)));
    let build = || {
        let graph = Graph::new();
        let source = |name: &str, count: u64| {
            graph.source(name, move |from| (from..count).map(move |number| (number, number)))
        };
        let both = source("long", 100).union("both", &source("short", 15).on([1]));
        let mapped = both.map("mapped", |number| {
            if number == 55 && !std::mem::replace(&mut *has_failed.lock().expect("no panic"), true) {
                panic!("for once");
            }
            number
        });
        _ = mapped
            .to_file("out", out_of(&folder), Durability::Process, |number| format!("{number}\n"))
            .on([2]);
        graph
    };
    let reports = run_on(&[0, 1, 2], |_| slow(&folder, 10).strict(), build);
    let reports: Vec<_> = reports.into_iter().map(|report| report.expect("no error")).collect();
    assert!(reports.iter().all(|report| report.went_back == 1 && report.checkpoint > 5), "{reports:?}");
    let expected: String = (0..100).map(|at| format!("{at}\n").repeat(if at < 15 { 2 } else { 1 })).collect();
    assert_eq!(written(&folder), expected);
}
