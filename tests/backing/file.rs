//! Regions in files: closed, in use, and on disks that fail.

use super::*;

/// Every lock of a region.
const ALL_LOCKS: u32 = 2 + 1024;

fn open_error(scratch: &Scratch) -> Option<OpenError> {
    Region::open(place(scratch.name())).err()
}

#[test]
fn unread_mail_waits_until_all_processes_have_ended() {
    let scratch = Scratch::file();
    scratch.create(SMALL);
    let long = "arena".repeat(50);
    for (end, boot) in [("leave", 0), ("kill", in_use())] {
        let mut sender = puppet(&scratch);
        assert_eq!(sender.does("join 0"), "ok");
        let epoch = sender.does("epoch").parse().expect("a number");
        assert_eq!(sender.does("send 1 short"), "ok");
        assert_eq!(sender.does(&format!("send 1 {long}")), "ok");
        match end {
            "leave" => assert_eq!(sender.does("leave"), "ok"),
            _ => sender.kill(),
        }
        sender.kill();
        assert_eq!(word(&scratch, BOOT), boot);
        let mut receiver = puppet(&scratch);
        assert_eq!(receiver.does("join 1"), "ok");
        let first = 2 * (epoch - 1);
        assert_eq!(receiver.does("recv"), mail(0, epoch, first, "short"));
        assert_eq!(receiver.does("recv"), mail(0, epoch, first + 1, &long));
        assert_eq!(receiver.does("leave"), "ok");
        assert_eq!(
            word(&scratch, BOOT),
            0,
            "the last process that leaves closes it, whichever were killed before"
        );
    }
}

#[test]
fn a_copy_of_a_closed_file_is_the_same_region() {
    let (scratch, copy) = (Scratch::file(), Scratch::file());
    scratch.create(SMALL).join(0).expect("a free rank").send(1, b"carried").expect("room");
    fs::copy(scratch.path(), copy.path()).expect("a copy");
    let me = copy.open().join(1).expect("a free rank");
    assert_eq!(me.recv().expect("mail").to_vec(), b"carried");
}

#[test]
fn looking_at_a_file_changes_nothing() {
    let scratch = Scratch::file();
    drop(scratch.create(SMALL));
    let before = (fs::read(scratch.path()).expect("a file"), modified(&scratch));
    let region = scratch.open();
    region.inspect();
    assert_eq!(region.find("x"), None);
    drop(region);
    let me = scratch.open();
    assert_eq!(me.join(9).err(), Some(JoinError::Broken(Broken::NoSuchRank { rank: 9, ranks: 3 })));
    drop(me);
    assert!(before == (fs::read(scratch.path()).expect("a file"), modified(&scratch)));
}

fn modified(scratch: &Scratch) -> (i64, i64) {
    let metadata = fs::metadata(scratch.path()).expect("a file");
    (metadata.mtime(), metadata.mtime_nsec())
}

// --- Files: the boot word ----------------------------------------------------------------------------------

#[test]
fn a_file_is_in_use_from_the_first_join_to_the_last_leave() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    assert_eq!(word(&scratch, BOOT), 0);
    let (a, b) = (region.join(0).expect("a free rank"), scratch.open().join(1).expect("a free rank"));
    assert_eq!(word(&scratch, BOOT), in_use());
    let mut c = puppet(&scratch);
    assert_eq!(c.does("join 2"), "ok");
    drop(a);
    assert_eq!(word(&scratch, BOOT), in_use(), "two are left");
    assert_eq!(c.does("leave"), "ok");
    assert_eq!(word(&scratch, BOOT), in_use(), "one is left");
    drop(b);
    assert_eq!(word(&scratch, BOOT), 0);
    assert_eq!(c.does("join 2"), "ok");
    assert_eq!(word(&scratch, BOOT), in_use());
    c.kill();
    assert_eq!(word(&scratch, BOOT), in_use(), "nobody closed it");
    let me = scratch.open().join(2).expect("the dead one's rank");
    assert_eq!(me.epoch(), 3);
    drop(me);
    assert_eq!(word(&scratch, BOOT), 0);
}

#[test]
fn those_who_leave_at_once_close_a_file() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    for _ in 0..30 {
        let endpoints: Vec<_> = (0..3).map(|rank| region.join(rank).expect("a free rank")).collect();
        thread::scope(|scope| {
            for endpoint in endpoints {
                scope.spawn(|| drop(endpoint));
            }
        });
        assert_eq!(word(&scratch, BOOT), 0);
    }
}

#[test]
fn those_who_come_and_go_while_a_file_is_closed_get_in() {
    // On a disk, which holds the closer up, and in memory, where there are many more rounds.
    let memory = Scratch::at(&format!("/dev/shm/{}", Scratch::new().name()));
    for (scratch, rounds) in [(Scratch::file(), 20), (memory, 3000)] {
        let region = scratch.create(SMALL);
        thread::scope(|scope| {
            for rank in 0..3 {
                let region = &region;
                scope.spawn(move || {
                    for epoch in 1..=rounds {
                        let me = region.join(rank).expect("a rank of its own");
                        assert_eq!(me.epoch(), epoch);
                        me.send(rank, b"x").expect("room");
                        assert_eq!(me.from(rank).recv().expect("mail").seq(), epoch - 1);
                        if epoch % 2 == 0 {
                            // Dies, so to say: nothing but the lock tells whether somebody is there.
                            let die = || {
                                let _me = me;
                                panic::resume_unwind(Box::new(()))
                            };
                            assert!(panic::catch_unwind(AssertUnwindSafe(die)).is_err());
                        }
                    }
                });
            }
        });
        assert_eq!(word(&scratch, BOOT), 0);
        assert_eq!(Region::remove_at(&scratch.path()), Ok(()));
    }
}

#[test]
fn a_file_in_use_outlives_no_boot() {
    let scratch = Scratch::file();
    let another = os::boot_id().expect("a boot") ^ 0x1000;
    for word in [another, another | SETTLED, u64::MAX, SETTLED] {
        drop(scratch.create(SMALL));
        set_boot(&scratch, word);
        let refused = OpenError::Mismatch(Mismatch::Incompatible);
        assert_eq!(open_error(&scratch), Some(refused));
        let path = scratch.path();
        assert_eq!(Region::create(&path, SMALL).err(), Some(CreateError::Exists(path.as_path().into())));
        assert_eq!(Region::remove_at(&path), Ok(()));
        assert!(!path.exists());
    }
    let both = ["before a reboot", "another boot id is shown"];
    assert!(both.iter().all(|cause| OpenError::Mismatch(Mismatch::Incompatible).to_string().contains(cause)));
    // Nobody takes it away but who is told to: it may be in use in a container that is shown another boot's number.
    let region = scratch.create(SMALL);
    region.join(0).expect("a free rank").send(1, b"unread").expect("room");
    set_boot(&scratch, another);
    let refused = CreateOrOpenError::Open(OpenError::Mismatch(Mismatch::Incompatible));
    assert_eq!(Region::create_or_open(&scratch.path(), SMALL).err(), Some(refused));
    assert_eq!(Region::look(&scratch.path()).map(|view| view.unread()), Ok(1));
    set_boot(&scratch, in_use());
    assert_eq!(scratch.open().join(1).expect("a free rank").recv().expect("mail").to_vec(), b"unread");
    assert_eq!(Region::remove_at(&scratch.path()), Ok(()));
    // A boot later, what was closed is there.
    scratch.create(SMALL).join(0).expect("a free rank").send(1, b"carried").expect("room");
    assert_eq!(word(&scratch, BOOT), 0);
    assert_eq!(scratch.open().join(1).expect("a free rank").recv().expect("mail").to_vec(), b"carried");
}

#[test]
fn a_joiner_trusts_the_disk_only_where_the_word_says_so() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    // Somebody stored it, and has not seen it reach the disk.
    set_boot(&scratch, in_use() & !SETTLED);
    let me = region.join(0).expect("a free rank");
    assert_eq!(word(&scratch, BOOT), in_use());
    // What a peer writes there keeps nobody out who is in, and the last one closes.
    set_boot(&scratch, 12345);
    let other = region.join(1).expect("a free rank");
    assert_eq!(word(&scratch, BOOT), in_use());
    drop((me, other));
    assert_eq!(word(&scratch, BOOT), 0);
}

#[test]
fn joiners_and_removers_wait_for_the_process_that_closes() {
    let scratch = Scratch::file();
    let region = scratch.create(SMALL);
    let file = File::options().read(true).write(true).open(scratch.path()).expect("a file");
    for verb in ["join", "join_any", "join_as", "remove"] {
        let locks = Lock::take(&file, 0, ALL_LOCKS).expect("locks").expect("free locks");
        let begin = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(700));
                drop(locks);
            });
            match verb {
                "join" => drop(region.join(0).expect("a free rank")),
                "join_any" => drop(region.join_any().expect("a free rank")),
                "join_as" => drop(region.join_as("x").expect("a free rank")),
                _ => assert_eq!(Region::remove_at(&scratch.path()), Ok(())),
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(700), "{verb}");
    }
}

#[test]
fn a_process_killed_while_it_closes_leaves_a_whole_file() {
    let scratch = Scratch::file();
    scratch.create(SMALL);
    for round in 0..40 {
        let mut sender = puppet(&scratch);
        assert_eq!((sender.does("join 0"), sender.does("send 1 x")), ("ok".into(), "ok".into()));
        sender.starts("leave");
        thread::sleep(Duration::from_micros(500 * round));
        sender.kill();
        assert!([0, in_use()].contains(&word(&scratch, BOOT)));
        let me = scratch.open().join(1).expect("a free rank");
        assert_eq!(me.recv().expect("mail").seq(), round);
    }
    assert_eq!(word(&scratch, BOOT), 0);
}

/// A disk that fails once has lost what was to be written, and says afterwards that all is well.
#[test]
fn a_file_that_a_disk_failed_is_never_clean_again() {
    // A journal would be the first to fail, and end all writing.
    play_on_a_disk("failing", "-O ^has_journal");
}

// --- Files: a full disk ------------------------------------------------------------------------------------

#[test]
fn a_file_lives_on_a_full_disk() {
    let scratch = Scratch::file();
    let folder = scratch.path();
    fs::create_dir(&folder).expect("a folder");
    let mounts = [
        format!("mount -t tmpfs -o size=1m none {}", folder.display()),
        // A real disk's file system, in a file.
        format!(
            "mount -t tmpfs -o size=8m none {0} && truncate -s 4m {0}/disk && mkfs.ext4 -q -O ^has_journal \
             {0}/disk && mount -o loop {0}/disk {0} && rm -r {0}/lost+found",
            folder.display()
        ),
    ];
    for mount in mounts {
        let works = Command::new("unshare").args(["-m", "sh", "-c", &mount]).output();
        if !works.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: {mount}");
            continue;
        }
        let script = format!("{mount} && exec \"$0\" \"$@\"");
        let wrapper = ["unshare", "-m", "sh", "-c", &script];
        let mut child = Child::start_with(&wrapper, "cramped", scratch.name(), |_| {});
        assert_eq!(child.answer(), "ok");
        child.finish();
    }
    fs::remove_dir(folder).expect("an empty folder");
}
