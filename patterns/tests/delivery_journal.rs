//! Journals and ledgers whose files are cut, garbled, or left by a process that died.

use kit::Folder;
use mailbox_patterns::delivery::{Durability, Id, Journal, JournalError, Ledger, Replay, Verdict};
use rustix::fs::inotify;
use std::fs;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

const KIND: [u8; 4] = *b"test";
const HEADER: usize = 32;

fn file(folder: &Path) -> PathBuf {
    folder.join("journal")
}

type Opened = Result<(Journal, Vec<Vec<u8>>, u64), JournalError>;

/// The journal, its records, and how many bytes were cut off.
fn open(path: &Path) -> Opened {
    let mut records = vec![];
    let keep = |record: &[u8]| records.push(record.to_vec());
    let (journal, recovered) = Journal::open(path, KIND, Durability::Power, keep)?;
    assert_eq!(recovered.records, records.len() as u64);
    Ok((journal, records, recovered.cut_bytes))
}

/// Commits of one to three records, and the length of the file after each.
fn written(path: &Path) -> (Vec<Vec<Vec<u8>>>, Vec<u64>) {
    let (mut journal, ..) = open(path).expect("a new journal");
    let mut lengths = vec![journal.bytes()];
    let commits: Vec<Vec<Vec<u8>>> =
        (0..5_u8).map(|at| (0..=at % 3).map(|record| vec![at; 5 * usize::from(record)]).collect()).collect();
    for commit in &commits {
        commit.iter().for_each(|record| journal.append(&[record]).expect("short"));
        journal.commit().expect("a disk");
        lengths.push(journal.bytes());
    }
    (commits, lengths)
}

#[test]
fn a_journal_that_is_cut_at_any_byte_has_whole_commits() {
    let folder = Folder::new();
    let (commits, lengths) = written(&file(&folder));
    let bytes = fs::read(file(&folder)).expect("a journal");
    assert_eq!(lengths.last(), Some(&(bytes.len() as u64)));
    let cut = folder.join("cut");
    for len in 0..=bytes.len() {
        fs::write(&cut, &bytes[..len]).expect("a disk");
        if len < HEADER {
            let error = open(&cut).expect_err("no header");
            assert!(matches!(error, JournalError::Foreign { .. }), "{len}: {error}");
            continue;
        }
        let whole = lengths.iter().filter(|end| **end <= len as u64).count() - 1;
        let (mut journal, records, cut_bytes) = open(&cut).expect("it is cut, not garbled");
        assert_eq!(records, commits[..whole].concat(), "cut at {len}");
        assert_eq!(cut_bytes, len as u64 - lengths[whole], "cut at {len}");
        // And it goes on.
        journal.append(&[b"more"]).expect("short");
        journal.commit().expect("a disk");
        drop(journal);
        let (_, again, cut_bytes) = open(&cut).expect("sound");
        assert_eq!((again.len(), cut_bytes), (records.len() + 1, 0));
        assert_eq!(again.last().map(Vec::as_slice), Some(&b"more"[..]));
    }
}

#[test]
fn pages_that_never_reached_the_disk_are_cut_off() {
    let folder = Folder::new();
    let (commits, lengths) = written(&file(&folder));
    let bytes = fs::read(file(&folder)).expect("a journal");
    let last = lengths[lengths.len() - 2] as usize;
    for from in last..bytes.len() {
        // The length is there, and the bytes from here on are not.
        let mut torn = bytes.clone();
        torn[from..].fill(0);
        if torn == bytes {
            continue;
        }
        fs::write(file(&folder), &torn).expect("a disk");
        let (_, records, cut_bytes) = open(&file(&folder)).expect("it is torn, not garbled");
        assert_eq!(records, commits[..commits.len() - 1].concat());
        assert_eq!(cut_bytes, (bytes.len() - last) as u64);
    }
}

#[test]
fn a_garbled_byte_is_told_with_what_was_saved() {
    let folder = Folder::new();
    let (commits, lengths) = written(&file(&folder));
    let bytes = fs::read(file(&folder)).expect("a journal");
    for at in 0..bytes.len() {
        let mut garbled = bytes.clone();
        garbled[at] ^= 0x41;
        fs::write(file(&folder), &garbled).expect("a disk");
        let whole = lengths.iter().filter(|end| **end <= at as u64).count().saturating_sub(1);
        let saved = commits[..whole].concat();
        match open(&file(&folder)) {
            Err(JournalError::Version { version, .. }) if (8..12).contains(&at) => assert_ne!(version, 1),
            Err(JournalError::Foreign { .. }) if at < HEADER => {}
            Err(JournalError::Garbled { at: told, records, .. }) if whole + 1 < commits.len() => {
                assert_eq!((told, records), (lengths[whole], saved.len() as u64), "garbled at {at}");
                assert_eq!(fs::read(file(&folder)).expect("it stays"), garbled);
                assert_eq!(Journal::salvage(file(&folder), KIND).expect("a disk"), records);
                assert_eq!(open(&file(&folder)).expect("sound").1, saved);
                assert_eq!(fs::read(folder.join("journal.damaged")).expect("it is kept"), garbled);
            }
            // The last commit: that looks like a write that was not finished.
            Ok((_, records, cut_bytes)) if whole + 1 == commits.len() => {
                assert_eq!((records, cut_bytes), (saved, bytes.len() as u64 - lengths[whole]));
            }
            other => panic!("garbled at {at}: {:?}", other.map(|(_, records, cut)| (records, cut))),
        }
    }
}

#[test]
fn salvage_keeps_the_damaged_file_when_it_is_called_again() {
    let folder = Folder::new();
    written(&file(&folder));
    let mut garbled = fs::read(file(&folder)).expect("a journal");
    garbled[HEADER] ^= 1;
    fs::write(file(&folder), &garbled).expect("a disk");
    for _ in 0..2 {
        assert_eq!(Journal::salvage(file(&folder), KIND).expect("a disk"), 0);
        assert_eq!(fs::read(folder.join("journal.damaged")).expect("it is kept"), garbled);
    }
}

/// Whether this opens the folder itself, which is what has its names written to the disk.
fn opens_folder(folder: &Path, open: impl FnOnce()) -> bool {
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("a watch");
    inotify::add_watch(&watch, folder, inotify::WatchFlags::OPEN).expect("a watch");
    open();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut is_opened = false;
    while let Ok(event) = events.next() {
        // Files of the folder have names here.
        is_opened |= event.file_name().is_none();
    }
    is_opened
}

#[test]
fn the_name_of_a_journal_that_a_dead_process_made_reaches_the_disk() {
    let folder = Folder::new();
    // That may have been killed after the rename, and before it waited for the folder.
    drop(Journal::open(file(&folder), KIND, Durability::Process, |_| {}).expect("a journal"));
    let reopen =
        |durability| drop(Journal::open(file(&folder), KIND, durability, |_| {}).expect("a journal"));
    assert!(!opens_folder(&folder, || reopen(Durability::Process)));
    assert!(opens_folder(&folder, || reopen(Durability::Power)));
}

#[test]
fn what_is_no_journal_is_left_alone() {
    let folder = Folder::new();
    fs::write(file(&folder), b"a text that is longer than the header of a journal").expect("a disk");
    fs::write(folder.join("journal.new"), b"another text").expect("a disk");
    assert!(matches!(open(&file(&folder)), Err(JournalError::Foreign { .. })));
    assert!(folder.join("journal.new").exists());
    fs::remove_file(file(&folder)).expect("it is there");
    drop(written(&file(&folder)));
    let other = Journal::open(file(&folder), *b"othr", Durability::Process, |_| {});
    assert!(matches!(other, Err(JournalError::Foreign { .. })));
    let missing = open(&folder.join("no folder").join("journal"));
    assert!(matches!(missing, Err(JournalError::Io { .. })));
}

#[test]
fn one_process_at_a_time_has_it() {
    let folder = Folder::new();
    let opened = open(&file(&folder)).expect("a new journal");
    assert!(matches!(open(&file(&folder)), Err(JournalError::InUse { .. })));
    drop(opened);
    assert!(open(&file(&folder)).is_ok());
}

#[test]
fn a_record_that_looks_like_a_journal_is_a_record() {
    let folder = Folder::new();
    written(&file(&folder));
    let inner = fs::read(file(&folder)).expect("a journal");
    let outer = folder.join("outer");
    let (mut journal, ..) = open(&outer).expect("a new journal");
    journal.append(&[b"first"]).expect("short");
    journal.commit().expect("a disk");
    let before = journal.bytes();
    journal.append(&[&inner[HEADER..]]).expect("short");
    journal.commit().expect("a disk");
    drop(journal);
    // Only the first part of the last write is there, and its head is not: what is in the record is no frame of this file.
    let mut bytes = fs::read(&outer).expect("a journal");
    bytes[before as usize..before as usize + 8].fill(0);
    fs::write(&outer, &bytes).expect("a disk");
    let (_, records, _) = open(&outer).expect("torn, not garbled");
    assert_eq!(records, [b"first"]);
}

#[test]
fn a_compaction_that_was_not_finished_changes_nothing() {
    let folder = Folder::new();
    let (commits, _) = written(&file(&folder));
    let begun = folder.join("journal.new");
    let whole = fs::read(file(&folder)).expect("a journal");
    for len in [0, 10, HEADER, whole.len() - 1] {
        fs::write(&begun, &whole[..len]).expect("a disk");
        let (_, records, _) = open(&file(&folder)).expect("sound");
        assert_eq!(records, commits.concat());
        assert!(!begun.exists());
    }
    let (mut journal, ..) = open(&file(&folder)).expect("sound");
    journal.append(&[b"waits"]).expect("short");
    journal.replace([&b"all"[..]]).expect("a disk");
    assert!(journal.bytes() < whole.len() as u64);
    journal.append(&[b"more"]).expect("short");
    journal.commit().expect("a disk");
    drop(journal);
    assert_eq!(open(&file(&folder)).expect("sound").1, [&b"all"[..], b"more"]);
}

fn id(number: u64) -> Id {
    Id { sender: 1, life: 9, number, settled: 0 }
}

/// The ledger, its states and its effects.
fn ledger(path: &Path) -> (Ledger, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut states, mut effects) = (vec![], vec![]);
    let (ledger, _) = Ledger::open(path, Durability::Process, |replay| match replay {
        Replay::State(state) => states.push(state.to_vec()),
        Replay::Effect(effect) => effects.push(effect.to_vec()),
    })
    .expect("a ledger");
    (ledger, states, effects)
}

#[test]
fn a_ledger_that_is_cut_at_any_byte_has_each_effect_with_its_message_or_neither() {
    let folder = Folder::new();
    let (mut whole, ..) = ledger(&file(&folder));
    for number in 1..=12 {
        whole.record(id(number), &[number as u8]).expect("short");
        if number % 3 == 0 {
            whole.commit().expect("a disk");
        }
    }
    drop(whole);
    let bytes = fs::read(file(&folder)).expect("a ledger");
    for len in HEADER..=bytes.len() {
        fs::write(file(&folder), &bytes[..len]).expect("a disk");
        let (ledger, _, effects) = ledger(&file(&folder));
        assert_eq!(effects.len() % 3, 0, "a commit is there or not");
        for number in 1..=12 {
            let was_handled = effects.contains(&vec![number as u8]);
            let verdict = if was_handled { Verdict::Repeated } else { Verdict::New };
            assert_eq!(ledger.judge(id(number)), verdict, "{number}, cut at {len}");
        }
    }
}

#[test]
fn a_compacted_ledger_still_knows_what_was_handled() {
    let folder = Folder::new();
    let (mut first, ..) = ledger(&file(&folder));
    first.record(id(1), b"one").expect("short");
    first.set_aside(id(2)).expect("short");
    first.note(b"of no message").expect("short");
    first.commit().expect("a disk");
    first.record(id(4), b"four").expect("short");
    first.compact(b"one and four").expect("a disk");
    first.record(id(3), b"three").expect("short");
    first.commit().expect("a disk");
    drop(first);
    let (second, states, effects) = ledger(&file(&folder));
    assert_eq!((states, effects), (vec![b"one and four".to_vec()], vec![b"three".to_vec()]));
    let verdicts: Vec<_> = (1..=5).map(|number| second.judge(id(number))).collect();
    assert_eq!(verdicts[..4], [Verdict::Repeated; 4]);
    assert_eq!(verdicts[4], Verdict::New);
}

#[test]
fn numbers_that_cannot_be_do_not_garble_a_ledger() {
    let folder = Folder::new();
    let (mut first, ..) = ledger(&file(&folder));
    // All up to 5 were handled, it says, and this is number 3.
    let wrong = Id { settled: 5, ..id(3) };
    assert_eq!(first.judge(wrong), Verdict::Unknown);
    first.record(id(1), b"one").expect("short");
    assert_eq!(first.judge(wrong), Verdict::Unknown);
    first.record(wrong, b"three").expect("short");
    first.set_aside(Id { settled: u64::MAX, ..id(u64::MAX) }).expect("short");
    first.record(id(0), b"none").expect("short");
    first.commit().expect("a disk");
    let verdicts = |ledger: &Ledger| [1, 2, 3, 4, 5, 6].map(|number| ledger.judge(id(number)));
    let before = verdicts(&first);
    drop(first);
    let (second, _, effects) = ledger(&file(&folder));
    assert_eq!(effects, [&b"one"[..], b"three", b"none"]);
    assert_eq!(verdicts(&second), before);
}

#[test]
fn a_ledger_asks_to_be_compacted_before_it_is_long() {
    let folder = Folder::new();
    let (mut ledger, ..) = ledger(&file(&folder));
    let effect = vec![7; 4096];
    let mut longest = 0;
    for number in 1..=2000 {
        ledger.record(id(number), &effect).expect("short");
        ledger.commit().expect("a disk");
        longest = longest.max(fs::metadata(file(&folder)).expect("a file").len());
        if ledger.wants_compaction() {
            ledger.compact(b"small").expect("a disk");
        }
    }
    assert!(longest < 2 << 20, "{longest}");
}
