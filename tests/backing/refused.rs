//! What is no region.

use super::*;

// --- Files: what else may be there -------------------------------------------------------------------------

fn expect_refusal(scratch: &Scratch, error: OpenError) {
    let path = scratch.path();
    assert_eq!(Region::open(&path).err(), Some(error.clone()));
    if !matches!(error, OpenError::Mismatch(Mismatch::Version { .. })) {
        assert_eq!(Region::remove_at(&path), Err(error.clone().into()));
    }
    assert_eq!(Region::create_or_open(&path, SMALL).err(), Some(error.into()));
    assert_eq!(Region::create(&path, SMALL).err(), Some(CreateError::Exists(path.as_path().into())));
    assert!(fs::symlink_metadata(&path).is_ok(), "untouched");
}

#[test]
fn what_is_no_region_is_refused() {
    let scratch = Scratch::file();
    let random: Vec<u8> = (0..100_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let magic = MAGIC.to_ne_bytes();
    for content in [&[][..], &[7; 10], &magic, &[0; 127], &[0; 128], &vec![0; size() as usize], &random] {
        fs::write(scratch.path(), content).expect("a file");
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
        assert!(fs::read(scratch.path()).expect("a file") == content, "untouched");
    }
    fs::remove_file(scratch.path()).expect("a file");
    drop(scratch.create(SMALL));
    let file = File::options().write(true).open(scratch.path()).expect("a file");
    for len in [4096, size() - 4096, size() - 1, size() + 1, 2 * size()] {
        file.set_len(len).expect("another length");
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Length { len, expected: size() }));
    }
    file.set_len(size()).expect("another length");
    scratch.open();
    scratch.patch(8, &(ABI + 1).to_ne_bytes());
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Version { abi: ABI + 1, ours: ABI }));
    scratch.patch(8, &ABI.to_ne_bytes());
    scratch.patch(32, &0u64.to_ne_bytes());
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    // Not even its header is there.
    file.set_len(128).expect("another length");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = Scratch::file();
    let path = scratch.path();
    fs::create_dir(&path).expect("a folder");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    fs::remove_dir(&path).expect("a folder");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    fs::remove_file(&path).expect("a pipe");
    let target = Scratch::file();
    drop(target.create(SMALL));
    symlink(target.path(), &path).expect("a link");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    fs::remove_file(&path).expect("a link");
    symlink("nowhere", &path).expect("a link");
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    assert!(!path.with_file_name("nowhere").exists());
}

#[test]
fn paths_that_lead_nowhere_are_told_apart() {
    let scratch = Scratch::file();
    let nowhere = scratch.path().join("region");
    let check = |place: Place<'_>, create: CreateError, open: OpenError| {
        assert_eq!(Region::create(place, SMALL).err(), Some(create), "{place:?}");
        assert_eq!(Region::open(place).err(), Some(open.clone()), "{place:?}");
        assert_eq!(Region::remove_at(place), Err(open.into()), "{place:?}");
    };
    let missing = OpenError::NotFound(nowhere.as_path().into());
    check(Place::File(&nowhere), CreateError::System(System::NoFolder), missing.clone());
    fs::write(scratch.path(), "a file, not a folder").expect("a file");
    check(Place::File(&nowhere), CreateError::System(System::NoFolder), missing);
    for path in ["", "/", "..", "x/..", "x/", "a\0b"] {
        let place = Place::File(Path::new(path));
        let (create, open) = (CreateError::BadPlace(place.into()), OpenError::BadPlace(place.into()));
        let text = format!("region {path:?}: the path does not end in the name of a file");
        assert_eq!((create.to_string(), open.to_string()), (text.clone(), text));
        check(place, create, open);
    }
    // A link on the way is followed.
    let (folder, link) = (Scratch::file(), Scratch::file());
    fs::create_dir(folder.path()).expect("a folder");
    symlink(folder.path(), link.path()).expect("a link");
    let (there, here) = (folder.path().join("region"), link.path().join("region"));
    drop(Region::create(&here, SMALL).expect("a new region"));
    assert_eq!(Region::open(&there).map(|region| region.ranks()), Ok(3));
    assert_eq!(Region::remove_at(&here), Ok(()));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn a_file_may_have_any_name_that_the_file_system_allows() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    for name in ["x".repeat(255), "\u{20ac}".repeat(85), "x.mailbox-".into(), ".mailbox".into()] {
        let path = folder.path().join(name);
        drop(Region::create(&path, SMALL).expect("a new region"));
        assert_eq!(Region::open(&path).map(|region| region.ranks()), Ok(3));
        assert_eq!(Region::remove_at(&path), Ok(()));
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
    fs::remove_dir(folder.path()).expect("an empty folder");
}

#[test]
fn a_path_without_a_folder_is_in_this_one() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    let enter = |command: &mut Command| {
        command.current_dir(folder.path());
    };
    assert_eq!(Child::start_with(&[], "dweller", "", enter).answer(), "ok");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn garbled_files_are_errors() {
    // A file all the same; only the disk is memory.
    let template = Scratch::file();
    let region = template.create(SMALL);
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    for size in [1, 40, 200] {
        a.send(1, &vec![1; size]).expect("room");
        b.send(0, &vec![2; size]).expect("room");
        b.send(2, &vec![3; size]).expect("room");
    }
    drop(b.recv().expect("mail"));
    drop((a, b));
    let whole = fs::read(template.path()).expect("a file");
    let file = Scratch::new();
    let path = file.path();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let (mut opened, mut received) = (0, 0);
    for round in 0..1500 {
        let mut bytes = whole.clone();
        for _ in 0..=next(12) {
            // Most of it where it hurts: header, ranks, and the beginnings of mailboxes.
            let at = match next(4) {
                0 => next(128),
                1 => GEOMETRY.rank(0) as usize + next(GEOMETRY.table() as usize - 4096),
                2 => GEOMETRY.mailbox(next(3) as u32, next(3) as u32) as usize + next(2048),
                _ => next(whole.len()),
            };
            let garbage = if next(4) == 0 { 0xFF } else { 1 << next(8) };
            let at = at.min(bytes.len() - 1);
            // The header alone would stop nearly every round.
            if at >= 128 || next(8) == 0 {
                bytes[at] ^= garbage;
            }
        }
        fs::write(&path, &bytes).expect("a file");
        let Ok(region) = OpenOptions::new().any_protocol().open(&path) else { continue };
        opened += 1;
        let seen = region.inspect();
        assert!(seen.ranks.len() == 3 && seen.mailboxes.len() <= 9, "round {round}");
        for rank in 0..3 {
            let Ok(me) = region.join(rank) else { continue };
            for from in 0..3 {
                for _ in 0..10 {
                    match me.from(from).try_recv() {
                        Ok(Some(mail)) => received += usize::from(mail.to_vec().len() == mail.len()),
                        Ok(None) | Err(_) => break,
                    }
                }
                let _ = me.try_send(from, b"small");
                let _ = me.try_send(from, &[4; 300]);
                let _ = me.loan(100).map(|loan| loan.commit(100).send_within(from, Deadline::Now));
            }
            for _ in 0..30 {
                if me.try_recv().is_ok_and(|mail| mail.is_none()) {
                    break;
                }
            }
        }
        drop(region);
        let _ = Region::open(&path).map(|region| region.inspect());
    }
    assert!(opened > 500 && received > 1000, "{opened} {received}");
}
