//! Regions: creating, opening and removing them, whatever has their name, and how much memory they take.
#![cfg(not(loom))]

mod common;

use common::puppet::{self, puppet};
use common::wire::{self, Wire};
use common::{Child, GUARD, SHORT, Scratch, command, is_root, place, record, reply};
use mailbox::lab::abi::{
    ABI, FEATURES, Geometry, Header, LABELS, LAST_WORD, RANKS, Rank, SECTION_WORDS, WIPED,
};
use mailbox::lab::abi::{Area, Envelope, Kind, Location};
use mailbox::lab::os;
use mailbox::lab::sync::Ordering::{Relaxed, Release};
use mailbox::{
    Broken, Config, ConfigError, CreateError, CreateOrOpenError, JoinError, Lost, Mismatch, OpenError,
    OpenOptions, OwnedPlace, RecvError, Region, RemoveError, Reserve, SendError, Status, System,
};
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Command;

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "racer" => race(&region),
        Some((role, region)) if role == "cramped" => live_in_a_cramped_place(&region),
        Some((role, region)) if role == "deceived" => live_among_mailboxes_without_memory(&region),
        Some((role, region)) if role == "misled" => live_among_stamps_without_memory(&region),
        Some((_, region)) => puppet::perform(&region),
        None => {}
    }
}

/// Whether the region of that name is listed as one that can be looked at.
fn is_listed(name: &str) -> bool {
    Region::list().expect("a list").iter().any(|listed| listed.name == name && listed.refusal.is_none())
}

const SMALL: Config = Config::ranks(2).cells(4).arena(1024).loans(0);
/// A user that this process is not.
const SOMEBODY: u32 = 65_534;

fn geometry(ranks: u32, cells: u32, arena: u64) -> Geometry {
    Geometry {
        protocol: 0,
        ranks,
        cells,
        arena,
        max_message: 1 << 30,
        loans: 0,
        groups: 32,
        topics: 64,
        value: 4096,
        stream: 4 << 20,
    }
}

fn open_error(scratch: &Scratch) -> Option<OpenError> {
    Region::open(scratch.name()).err()
}

// --- Names and sizes ---------------------------------------------------------------------------------------

#[test]
fn bad_names_are_refused_by_every_verb() {
    let long = "x".repeat(201);
    for name in ["", ".", "..", ".hidden", "a/b", "/a", "a b", "ä", "a\0", "a\n", "*", &long] {
        let (create, open) = (CreateError::BadPlace(name.into()), OpenError::BadPlace(name.into()));
        assert_eq!(Region::create(name, SMALL).err(), Some(create), "{name:?}");
        assert_eq!(Region::open(name).err(), Some(open.clone()), "{name:?}");
        assert_eq!(Region::create_or_open(name, SMALL).err(), Some(open.clone().into()), "{name:?}");
        assert_eq!(Region::remove_at(name).err(), Some(open.into()), "{name:?}");
    }
}

#[test]
fn bad_sizes_are_told_apart_and_leave_nothing() {
    let scratch = Scratch::new();
    let (ranks, cells, arena) = (1024, 1 << 30, 1 << 40);
    let size = geometry(ranks, cells, arena).size();
    let cases = [
        (Config::ranks(0), ConfigError::Ranks(0)),
        (Config::ranks(1025), ConfigError::Ranks(1025)),
        (Config::ranks(u32::MAX), ConfigError::Ranks(u32::MAX)),
        (SMALL.cells(0), ConfigError::Cells(0)),
        (SMALL.cells(1), ConfigError::Cells(1)),
        (SMALL.cells(3), ConfigError::Cells(3)),
        (SMALL.cells(u32::MAX), ConfigError::Cells(u32::MAX)),
        (SMALL.arena(0), ConfigError::Arena(0)),
        (SMALL.arena(100), ConfigError::Arena(100)),
        (SMALL.arena(u64::MAX), ConfigError::Arena(u64::MAX)),
        (SMALL.loans(1), ConfigError::Loans(1)),
        (SMALL.loans(1 << 41), ConfigError::Loans(1 << 41)),
        (SMALL.mode(0o400), ConfigError::Mode(0o400)),
        (SMALL.mode(0o1600), ConfigError::Mode(0o1600)),
        (Config::ranks(ranks).cells(cells).arena(arena).loans(0), ConfigError::TooLarge { size, ranks: 3 }),
    ];
    for (config, error) in cases {
        assert_eq!(Region::create(scratch.name(), config).err(), Some(CreateError::Config(error)));
        let error = CreateOrOpenError::Create(error.into());
        assert_eq!(Region::create_or_open(scratch.name(), config).err(), Some(error));
        assert!(!scratch.path().exists());
    }
}

#[test]
fn the_least_and_the_widest_region() {
    for config in [Config::ranks(1).cells(2).arena(128), Config::ranks(1024).cells(2).arena(128)] {
        let scratch = Scratch::new();
        let region = scratch.create(config);
        let last = region.join(region.ranks() - 1).expect("a free rank");
        last.send(0, b"x").expect("room");
        assert_eq!(region.inspect().mailboxes.len(), 1);
    }
}

// --- Create, open, remove ----------------------------------------------------------------------------------

#[test]
fn a_region_is_created_opened_and_removed() {
    let scratch = Scratch::new();
    assert_eq!(open_error(&scratch), Some(OpenError::NotFound(scratch.name().into())));
    assert_eq!(Region::remove_at(scratch.name()), Err(OpenError::NotFound(scratch.name().into()).into()));
    drop(scratch.create(SMALL));
    assert_eq!(Region::create(scratch.name(), SMALL).err(), Some(CreateError::Exists(scratch.name().into())));
    assert_eq!(scratch.open().ranks(), 2);
    assert!(is_listed(scratch.name()));
    assert_eq!(Region::remove_at(scratch.name()), Ok(()));
    assert_eq!(open_error(&scratch), Some(OpenError::NotFound(scratch.name().into())));
    assert!(!scratch.path().exists());
    assert!(!is_listed(scratch.name()));
    drop(scratch.create(SMALL));
}

#[test]
fn a_region_outlives_whoever_made_it_with_its_mail() {
    let scratch = Scratch::new();
    scratch.create(SMALL).join(0).expect("a free rank").send(1, b"hello").expect("room");
    let me = scratch.open().join(1).expect("a free rank");
    assert_eq!(me.recv().expect("mail").to_vec(), b"hello");
    assert_eq!(me.recv().err(), Some(RecvError::Gone { rank: 0, died: false }));
}

#[test]
fn create_or_open_does_one_or_the_other() {
    let scratch = Scratch::new();
    let name = scratch.name();
    let config = SMALL.protocol(7);
    let me = Region::create_or_open(name, config).map(|region| region.join(0));
    let me = me.expect("created").expect("a free rank");
    let other = Region::create_or_open(name, config).expect("opened");
    assert_eq!(other.status(0), Some((Status::Live, 1)), "the same");
    let differ = [
        (SMALL.cells(8), "cells", 8),
        (SMALL.arena(2048), "arena", 2048),
        (SMALL.max_message(9), "max_message", 9),
        (SMALL.loans(256 << 10), "loans", 256 << 10),
        (SMALL.groups(3), "groups", 3),
        (SMALL.topics(5), "topics", 5),
        (SMALL.value(128), "value", 128),
        (SMALL.stream(8192), "stream", 8192),
    ];
    for (config, name_of_size, wanted_one) in differ {
        let error = Region::create_or_open(name, config.protocol(7)).expect_err("another one");
        let CreateOrOpenError::Differs { size, found, wanted, .. } = error else { panic!("{error}") };
        assert_eq!((size, wanted), (name_of_size, wanted_one));
        assert_ne!(found, wanted);
    }
    let error = Region::create_or_open(name, Config::ranks(1).protocol(7)).expect_err("another one");
    let text = "the region exists with other sizes: its ranks are 2, not 1; remove it, or open it as it is";
    assert_eq!(error.to_string(), format!("region {name:?}: {text}"));
    let protocol = CreateOrOpenError::Open(OpenError::Mismatch(Mismatch::Protocol { protocol: 7 }));
    assert_eq!(Region::create_or_open(name, SMALL).err(), Some(protocol));
    drop(me);
}

#[test]
fn the_creator_chooses_who_may_open() {
    for mode in [0o600, 0o640, 0o666, 0o777] {
        let scratch = Scratch::new();
        scratch.create(SMALL.mode(mode));
        let bits = fs::metadata(scratch.path()).expect("a segment").permissions().mode() & 0o7777;
        assert_eq!(bits, mode, "whatever the umask");
    }
    let scratch = Scratch::new();
    scratch.create(SMALL);
    assert_eq!(fs::metadata(scratch.path()).expect("a segment").permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_region_in_use_is_not_removed() {
    let scratch = Scratch::new();
    let region = scratch.create(SMALL);
    let name = scratch.name();
    let me = region.join(1).expect("a free rank");
    assert_eq!(Region::remove_at(name), Err(RemoveError::InUse(name.into())));
    let mut peer = puppet(&scratch);
    assert_eq!(peer.does("join 0"), "ok");
    drop(me);
    assert_eq!(Region::remove_at(name), Err(RemoveError::InUse(name.into())), "another process");
    assert_eq!(scratch.open().status(0), Some((Status::Live, 1)), "and nobody noticed");
    peer.stop();
    assert_eq!(Region::remove_at(name), Err(RemoveError::InUse(name.into())), "a stopped one lives");
    peer.kill();
    assert_eq!(Region::remove_at(name), Ok(()), "a dead one does not");
}

#[test]
fn a_region_removed_after_it_was_opened_is_not_joined() {
    let scratch = Scratch::new();
    let old = scratch.create(SMALL);
    let opened = scratch.open();
    assert_eq!(Region::remove_at(scratch.name()), Ok(()));
    for replaced in [false, true] {
        if replaced {
            scratch.create(SMALL);
        }
        for region in [&old, &opened] {
            assert_eq!(region.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
            assert_eq!(region.join_any().err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
            assert_eq!(region.join_as("x").err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
        }
    }
    let me = scratch.open().join(0).expect("the new one");
    assert_eq!(me.epoch(), 1);
}

#[test]
fn what_a_remover_left_half_removed_is_as_good_as_gone() {
    let half_removed = || {
        let scratch = Scratch::new();
        let region = scratch.create(SMALL);
        scratch.patch(0, &WIPED.to_ne_bytes());
        assert_eq!(region.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
        assert_eq!(open_error(&scratch), Some(OpenError::NotFound(scratch.name().into())));
        assert!(!is_listed(scratch.name()));
        scratch
    };
    let scratch = half_removed();
    assert_eq!(Region::create(scratch.name(), SMALL).map(|new| new.ranks()), Ok(2));
    assert_eq!(scratch.open().ranks(), 2);
    let scratch = half_removed();
    assert_eq!(Region::create_or_open(scratch.name(), SMALL).map(|new| new.ranks()), Ok(2));
    let scratch = half_removed();
    assert_eq!(Region::remove_at(scratch.name()), Ok(()));
    assert!(!scratch.path().exists());
}

#[test]
fn an_error_names_the_region_once() {
    let says = |error: &dyn Error, name: &str, why: &str| {
        assert_eq!(error.to_string(), format!("region {name:?}: {why}"));
    };
    let why = "a name has 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with a dot";
    says(&Region::create("a\nb", SMALL).unwrap_err(), "a\nb", why);
    says(&Region::open("a\nb").unwrap_err(), "a\nb", why);
    for scratch in [Scratch::new(), Scratch::file()] {
        let (name, place) = (scratch.name(), place(scratch.name()));
        let missing = "there is no such region";
        says(&Region::open(place).unwrap_err(), name, missing);
        says(&Region::look(place).unwrap_err(), name, missing);
        says(&Region::remove_at(place).unwrap_err(), name, missing);
        let region = Region::create(place, SMALL).expect("a new region");
        says(&Region::create(place, SMALL).unwrap_err(), name, "the name is taken");
        let me = region.join(0).expect("a free rank");
        let in_use = "the region is in use by a live process";
        says(&region.remove().unwrap_err(), name, in_use);
        says(&io::Error::from(Region::remove_at(place).unwrap_err()), name, in_use);
        drop(me);
        region.remove().expect("nobody is there");
        says(&region.remove().unwrap_err(), name, missing);
        let place = || place.into();
        says(&CreateError::Denied(place()), name, "permission denied where the region would be");
        let why = "permission denied: the region's mode does not let this user in";
        says(&OpenError::Denied(place()), name, why);
        let why = "permission denied: this user may not remove the name from its folder";
        says(&RemoveError::Denied(place()), name, why);
        let why = "the region is being closed by another process, which waits for its disk; try again";
        says(&RemoveError::Closing(place()), name, why);
    }
    let unnamed = OpenError::Denied(OwnedPlace::Unnamed).to_string();
    assert_eq!(unnamed, "permission denied: the region's mode does not let this user in");
}

// --- What else may bear the name ---------------------------------------------------------------------------

/// Nothing is opened or removed that is not a region, and nothing takes its place.
fn expect_refusal(scratch: &Scratch, error: OpenError) {
    let name = scratch.name();
    assert_eq!(Region::open(name).err(), Some(error.clone()));
    if !matches!(error, OpenError::Mismatch(Mismatch::Version { .. })) {
        assert_eq!(Region::remove_at(name), Err(error.clone().into()));
    }
    assert_eq!(Region::create_or_open(name, SMALL).err(), Some(error.into()));
    assert_eq!(Region::create(name, SMALL).err(), Some(CreateError::Exists(name.into())));
    assert!(fs::symlink_metadata(scratch.path()).is_ok(), "untouched");
    assert!(!is_listed(name));
}

#[test]
fn a_foreign_segment_is_not_a_region() {
    let random: Vec<u8> = (0..100_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for content in [&[][..], &[7; 10], &[0; 127], &[0; 128], &[0; 4096], &[0; 100_000], &random] {
        let scratch = Scratch::new();
        fs::write(scratch.path(), content).expect("a file");
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
        assert!(fs::read(scratch.path()).expect("a file") == content, "untouched");
    }
}

#[test]
fn a_region_of_another_length_is_refused() {
    let size = geometry(2, 4, 1024).size();
    for len in [4096, size - 4096, size - 1, size + 1, 2 * size] {
        let scratch = Scratch::new();
        scratch.create(SMALL);
        let file = File::options().write(true).open(scratch.path()).expect("a segment");
        file.set_len(len).expect("another length");
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Length { len, expected: size }));
    }
}

#[test]
fn a_header_that_makes_no_sense_is_not_a_regions() {
    // Ranks, cells, arena, loans: what no region has, or not this one, whose sections lie elsewhere.
    for word in [4, 5, 6, LAST_WORD as u64] {
        for value in [0, 3, 1 << 20, u64::MAX] {
            let scratch = Scratch::new();
            scratch.create(SMALL.loans(3 << 18));
            scratch.patch(8 * word, &u64::to_ne_bytes(value));
            expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
        }
    }
}

/// The entry of that number in a region's directory.
fn entry(number: u64) -> u64 {
    offset_of!(Header, directory) as u64 + 8 * SECTION_WORDS as u64 * number
}

#[test]
fn sections_that_make_no_sense_are_not_a_regions() {
    let size = geometry(2, 4, 1024).size();
    let kinds = [(0, 0), (0, 99), (1, 0), (1, RANKS)].map(|(number, kind)| (entry(number), kind));
    // Of another version, elsewhere, not on a page, beyond all numbers; too short.
    let fields = [(1, 2), (2, 0), (2, 4097), (2, u64::MAX), (3, 0), (3, u64::MAX)];
    let fields = fields.map(|(field, value)| (entry(1) + 8 * field, value));
    for (at, value) in kinds.into_iter().chain(fields) {
        let scratch = Scratch::new();
        scratch.create(SMALL);
        scratch.patch(at, &u64::to_ne_bytes(value));
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Foreign));
    }
    // A section of a kind that nobody knows: over another, or beyond the end.
    for (offset, len, error) in [
        (4096, 1, OpenError::Mismatch(Mismatch::Foreign)),
        (size, 1 << 20, OpenError::Mismatch(Mismatch::Length { len: size, expected: size + (1 << 20) })),
        (size, u64::MAX, OpenError::Mismatch(Mismatch::Foreign)),
    ] {
        let scratch = Scratch::new();
        scratch.create(SMALL);
        for (field, value) in [99, 1, offset, len].into_iter().enumerate() {
            scratch.patch(entry(5) + 8 * field as u64, &u64::to_ne_bytes(value));
        }
        expect_refusal(&scratch, error);
    }
}

#[test]
fn a_section_of_an_unknown_kind_is_ignored() {
    let scratch = Scratch::new();
    let region = scratch.create(SMALL);
    let size = region.inspect().size;
    let file = File::options().write(true).open(scratch.path()).expect("a segment");
    file.set_len(size + 4096).expect("more room");
    for (field, value) in [99, 1, size, 4096].into_iter().enumerate() {
        scratch.patch(entry(5) + 8 * field as u64, &u64::to_ne_bytes(value));
    }
    let me = scratch.open().join(0).expect("a free rank");
    me.send(0, b"hello").expect("room");
    assert_eq!(me.recv().expect("mail").to_vec(), b"hello");
}

#[test]
fn features_that_only_a_newer_program_knows_are_told() {
    for (word, opens, looks) in [(0, true, true), (1, false, true), (2, false, false)] {
        let scratch = Scratch::new();
        scratch.create(SMALL);
        scratch.patch(8 * (FEATURES + word) as u64, &u64::to_ne_bytes(1 << 40));
        let refused = OpenError::Mismatch(Mismatch::Features { features: 1 << 40 });
        assert_eq!(Region::open(scratch.name()).err(), (!opens).then_some(refused.clone()));
        assert_eq!(Region::look(scratch.name()).err(), (!looks).then_some(refused));
        // A process that takes it away need not know what it has.
        assert_eq!(Region::remove_at(scratch.name()), Ok(()));
    }
}

#[test]
fn another_abi_version_is_told() {
    for abi in [0, ABI + 1, u64::MAX] {
        let scratch = Scratch::new();
        scratch.create(SMALL);
        scratch.patch(8, &abi.to_ne_bytes());
        expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Version { abi, ours: ABI }));
    }
}

#[test]
fn another_protocol_is_told_and_tools_do_not_mind() {
    let scratch = Scratch::new();
    scratch.create(SMALL.protocol(7));
    let name = scratch.name();
    let refused = OpenError::Mismatch(Mismatch::Protocol { protocol: 7 });
    assert_eq!(Region::open(name).err(), Some(refused.clone()));
    assert_eq!(OpenOptions::new().protocol(8).open(name).err(), Some(refused.clone()));
    assert_eq!(OpenOptions::new().remove(name), Err(refused.clone().into()));
    for options in [OpenOptions::new().protocol(7), OpenOptions::new().any_protocol()] {
        assert_eq!(options.open(name).map(|region| region.inspect().protocol), Ok(7));
    }
    assert!(is_listed(name));
    assert_eq!(Region::remove_at(name), Ok(()));
}

#[test]
fn no_link_pipe_or_directory_is_followed() {
    let target = Scratch::new();
    target.create(SMALL);
    let link = Scratch::new();
    symlink(target.path(), link.path()).expect("a link");
    expect_refusal(&link, OpenError::Mismatch(Mismatch::Foreign));
    let dangling = Scratch::new();
    symlink("nowhere", dangling.path()).expect("a link");
    expect_refusal(&dangling, OpenError::Mismatch(Mismatch::Foreign));
    assert!(!dangling.path().with_file_name("nowhere").exists());
    let directory = Scratch::new();
    fs::create_dir(directory.path()).expect("a directory");
    expect_refusal(&directory, OpenError::Mismatch(Mismatch::Foreign));
    let pipe = Scratch::new();
    assert!(Command::new("mkfifo").arg(pipe.path()).status().expect("mkfifo").success());
    expect_refusal(&pipe, OpenError::Mismatch(Mismatch::Foreign));
}

#[test]
fn another_users_region_is_opened_by_those_only_who_trust_that_user() {
    if !is_root() {
        return eprintln!("skipped: only root can make another user's region");
    }
    let scratch = Scratch::new();
    scratch.create(SMALL);
    chown(scratch.path(), Some(SOMEBODY), None).expect("another owner");
    let name = scratch.name();
    expect_refusal(&scratch, OpenError::Mismatch(Mismatch::Owner { uid: SOMEBODY }));
    assert_eq!(
        OpenOptions::new().owner(1).open(name).err(),
        Some(OpenError::Mismatch(Mismatch::Owner { uid: SOMEBODY }))
    );
    let trusting = OpenOptions::new().owner(SOMEBODY);
    assert_eq!(trusting.open(name).map(|region| region.ranks()), Ok(2));
    assert_eq!(trusting.remove(name), Ok(()));
}

#[test]
fn whom_the_mode_keeps_out_is_told() {
    if !is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    for mode in [0o600, 0o644, 0o666] {
        let scratch = Scratch::new();
        let denied = format!("{:?}", OpenError::Denied(scratch.name().into()));
        let error = if mode == 0o666 { "Owner { uid: 0 }" } else { &denied };
        scratch.create(SMALL.mode(mode));
        let mut stranger = puppet(&scratch);
        assert_eq!(stranger.does(&format!("user {SOMEBODY}")), "ok");
        assert_eq!(stranger.does("open"), error, "{mode:o}");
        assert_eq!(stranger.does("remove"), format!("Open({error})"), "{mode:o}");
    }
    // A user that may write to a region may still not be allowed to unlink it; then the region stays as it was.
    let scratch = Scratch::new();
    scratch.create(SMALL.mode(0o666));
    let mut stranger = puppet(&scratch);
    assert_eq!(stranger.does(&format!("user {SOMEBODY}")), "ok");
    let denied = RemoveError::Denied(scratch.name().into());
    assert_eq!(stranger.does("remove-roots"), format!("{denied:?}"));
    scratch.open();
    // Somebody else's users of an open region talk all the same.
    let scratch = Scratch::new();
    scratch.create(SMALL.mode(0o666));
    let mut guest = puppet(&scratch);
    assert_eq!(guest.does("open"), "ok");
    assert_eq!(guest.does(&format!("user {SOMEBODY}")), "ok");
    assert_eq!(guest.does("join 1"), "ok");
    assert_eq!(guest.does("send 0 hello"), "ok");
    let me = scratch.open().join(0).expect("a free rank");
    assert_eq!(me.recv().expect("mail").to_vec(), b"hello");
}

// --- Memory ------------------------------------------------------------------------------------------------

#[test]
fn sixteen_ranks_that_all_talk_take_little_memory() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(16));
    let all: Vec<_> = (0..16).map(|rank| region.join(rank).expect("a free rank")).collect();
    for (len, most) in [(64, 32 << 20), (1024, 64 << 20)] {
        for _ in 0..20 {
            for from in &all {
                (0..16).for_each(|to| from.send(to, &vec![7; len]).expect("room"));
            }
            for to in &all {
                (0..16).for_each(|_| assert_eq!(to.recv().expect("mail").len(), len));
            }
        }
        let memory = region.inspect().memory;
        assert!(memory <= most, "{memory} bytes for {len} each");
    }
}

#[test]
fn memory_is_the_table_and_the_mailboxes_in_use() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(256));
    let geometry = Geometry { loans: 16 << 20, ..geometry(256, 1024, 2 << 20) };
    assert_eq!(geometry.small(), 80 << 10, "as documented");
    let memory = || scratch.open().inspect().memory;
    assert_eq!(region.inspect().size, geometry.size());
    assert_eq!(memory(), geometry.table());
    let (a, b) = (region.join(3).expect("a free rank"), region.join(200).expect("a free rank"));
    for endpoint in [&a, &b] {
        assert!(endpoint.try_recv().is_ok_and(|mail| mail.is_none()));
        assert!(endpoint.from(7).try_recv().is_ok_and(|mail| mail.is_none()));
        assert_eq!(endpoint.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
        assert_eq!(endpoint.from(8).within(SHORT).recv().err(), Some(RecvError::Timeout));
    }
    assert_eq!(memory(), geometry.table(), "listening to the silent costs nothing");
    let bytes = vec![1; region.eager_limit() as usize];
    for (from, to) in [(&a, &b), (&b, &a)] {
        let before = memory();
        let talk = |len: usize| {
            for _ in 0..5000 {
                from.send(to.rank(), &bytes[..len]).expect("room");
                drop(to.recv().expect("mail"));
            }
        };
        talk(48);
        assert_eq!(memory(), before + geometry.small(), "what fits a cell needs no arena");
        from.send(to.rank(), &bytes[..49]).expect("room");
        assert_eq!(memory(), before + geometry.small() + 8192, "the first of a corner's");
        drop(to.recv().expect("mail"));
        talk(100);
        let busy = memory();
        assert!(busy <= before + geometry.small() + (20 << 10) + (9 << 18) + 4096, "a corner and all chunks");
        from.send(to.rank(), &bytes).expect("room");
        // It shares a page with the last chunk, which may have been used.
        let more = memory() - busy - bytes.len() as u64;
        assert!(more == 0 || more == 4096, "as long as the longest, and {more}");
    }
    let seen = region.inspect();
    assert_eq!(seen.mailboxes.iter().map(|mailbox| mailbox.unread).collect::<Vec<_>>(), [1, 1]);
    drop((a, b));
    drop(region.join(3).expect("a free rank"));
    assert_eq!(region.inspect(), { scratch.open().inspect() });
    assert_eq!(memory(), seen.memory, "nor do looking, leaving and joining");
}

#[test]
fn looking_at_mailboxes_that_are_said_to_be_open_takes_no_memory() {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(8));
    let (a, _b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    a.send(1, b"x").expect("room");
    for rank in 0..8 {
        scratch.patch(record(rank) + offset_of!(Rank, opened) as u64, &[0xFF; 128]);
    }
    let seen = region.inspect();
    assert_eq!(
        seen.mailboxes.iter().map(|one| (one.from, one.to, one.unread)).collect::<Vec<_>>(),
        [(0, 1, 1)]
    );
    let geometry = geometry(8, 4096, 2 << 20);
    assert_eq!(region.inspect().memory, geometry.table() + geometry.small());
}

#[test]
fn memory_can_be_reserved_at_creation() {
    let scratch = Scratch::new();
    let config = Config::ranks(4).cells(16).arena(4096).loans(1 << 20);
    let region = scratch.create(config.reserve(Reserve::AtCreation));
    let geometry = Geometry { loans: 1 << 20, ..geometry(4, 16, 4096) };
    let reserved = geometry.without_windows();
    assert_eq!((region.inspect().size, region.inspect().memory), (geometry.size(), reserved));
    let me = region.join(0).expect("a free rank");
    for to in 0..4 {
        me.send(to, &[1; 2048]).expect("room");
    }
    me.loan(1 << 20).expect("room").commit(9).send(1).expect("room");
    assert_eq!(region.inspect().memory, reserved);
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_region_lives_with_too_little_shared_memory() {
    in_a_cramped_place("cramped");
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_mailbox_that_is_said_to_be_open_and_has_no_memory_is_no_signal() {
    in_a_cramped_place("deceived");
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_stamp_that_names_an_arena_without_memory_is_no_signal() {
    in_a_cramped_place("misled");
}

fn in_a_cramped_place(role: &str) {
    let prepare = "mount -t tmpfs -o size=1m none /dev/shm";
    let works = Command::new("unshare").args(["-m", "sh", "-c", prepare]).status();
    if !works.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no mount namespace");
    }
    let script = format!("{prepare} && exec \"$0\" \"$@\"");
    // The name is of no use outside: the child has a /dev/shm of its own.
    let mut child = Child::start_under(&["unshare", "-m", "sh", "-c", &script], role, &Scratch::new());
    assert_eq!(child.answer(), "ok");
}

fn live_in_a_cramped_place(name: &str) {
    let entries = || fs::read_dir("/dev/shm").expect("a directory").count();
    let refused = Some(CreateError::System(System::NoSpace));
    // The table alone is too large; or the mailboxes are, if they are reserved now.
    assert_eq!(Region::create(name, Config::ranks(1024)).err(), refused);
    assert_eq!(Region::create(name, Config::ranks(8).reserve(Reserve::AtCreation)).err(), refused);
    assert_eq!(entries(), 0, "nothing is left behind");

    let region = Region::create(name, CRAMPED).expect("room for a table");
    assert_eq!(Region::create(name, Config::ranks(16)).err(), Some(CreateError::Exists(name.into())));
    assert_eq!(entries(), 1, "nothing is left behind");
    let table = region.inspect().memory;
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    a.send(1, b"before").expect("room");
    let full = region.inspect().memory;
    let fill = || match fs::write("/dev/shm/filler", vec![1; 1 << 20]) {
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::StorageFull),
        Ok(()) => panic!("too much room"),
    };
    let whole = vec![7; region.eager_limit() as usize];
    let long = vec![8; whole.len() + 1];
    fill();
    for _ in 0..3 {
        assert_eq!(a.send(2, b"x").err(), Some(SendError::Broken(Broken::NoSpace(2))));
        assert_eq!(a.try_send(2, b"x").err(), Some(SendError::Broken(Broken::NoSpace(2))));
        assert_eq!(b.send(0, b"x").err(), Some(SendError::Broken(Broken::NoSpace(0))));
    }
    // Processes with a mailbox go on. Looking and listening need no memory; otherwise they would end by SIGBUS.
    let c = region.join(2).expect("a free rank");
    for rank in 0..16 {
        assert!(c.from(rank).try_recv().is_ok_and(|mail| mail.is_none()));
    }
    assert_eq!(c.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(b.recv().expect("mail").to_vec(), b"before");
    for round in 0..3 {
        // Without room for its arena a mailbox carries what fits its cells, and nothing else.
        assert_eq!(a.try_send(1, &whole).err(), Some(SendError::Broken(Broken::NoSpace(1))));
        assert_eq!(a.send(1, &[7; 49]).err(), Some(SendError::Broken(Broken::NoSpace(1))));
        assert_eq!(a.to(1).within(GUARD).send(&long).err(), Some(SendError::Broken(Broken::NoSpace(1))));
        assert_eq!(a.loan(49).err(), Some(SendError::Broken(Broken::NoSpace(0))));
        let batch = a.batch();
        a.send(1, &[round; 48]).expect("reserved");
        assert_eq!(a.send(1, &whole).err(), Some(SendError::Broken(Broken::NoSpace(1))));
        drop(batch);
        a.send(1, &[round; 48]).expect("reserved");
        assert_eq!(b.recv().expect("mail").to_vec(), [round; 48]);
        assert_eq!(b.recv().expect("mail").to_vec(), [round; 48]);
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
    }
    assert_eq!(region.inspect().memory, full);
    assert!(full > table);
    assert_eq!(Region::open(name).map(|region| region.inspect().memory), Ok(full));

    // With it, it carries all, for good.
    fs::remove_file("/dev/shm/filler").expect("a file");
    a.send(1, &whole).expect("room again");
    assert!(region.inspect().memory >= full + whole.len() as u64);
    assert_eq!(b.recv().expect("mail").to_vec(), whole);
    let ride = |b: mailbox::Endpoint| {
        std::thread::scope(|scope| {
            let receiver =
                scope.spawn(move || (b.from_any().within(GUARD).recv().map(|mail| mail.to_vec()), b));
            a.send(1, &long).expect("reserved");
            let (received, b) = receiver.join().expect("a thread");
            assert_eq!(received, Ok(long.clone()));
            b
        })
    };
    let b = ride(b);
    fill();
    // With what it has, which comes round, however little that is.
    for _ in 0..50 {
        a.send(1, &whole).expect("reserved");
        assert_eq!(b.recv().expect("mail").to_vec(), whole);
    }
    let b = ride(b);
    assert_eq!(b.send(0, b"x").err(), Some(SendError::Broken(Broken::NoSpace(0))));

    fs::remove_file("/dev/shm/filler").expect("a file");
    a.send(2, b"after").expect("room again");
    b.send(0, b"after").expect("room again");
    assert_eq!(c.recv().expect("mail").to_vec(), b"after");
    assert_eq!(a.recv().expect("mail").to_vec(), b"after");
    drop((a, b, c));
    assert_eq!(Region::remove_at(name), Ok(()));
    assert_eq!(entries(), 0);
    reply("ok");
}

/// Of which several mailboxes fit a mebibyte.
const CRAMPED: Config = Config::ranks(16).cells(512).arena(256 << 10);

fn live_among_mailboxes_without_memory(name: &str) {
    let scratch = Scratch::at(name);
    let region = scratch.create(CRAMPED);
    let (a, b) = (region.join(0).expect("a free rank"), region.join(1).expect("a free rank"));
    a.send(1, b"before").expect("room");
    assert!(fs::write("/dev/shm/filler", vec![1; 1 << 20]).is_err(), "too much room");
    // Every rank's mailboxes, and some of ranks that are none.
    for rank in 0..16 {
        scratch.patch(record(rank) + offset_of!(Rank, opened) as u64, &[0xFF; 128]);
    }
    for _ in 0..3 {
        assert_eq!(a.send(2, b"x").err(), Some(SendError::Broken(Broken::NoSpace(2))));
        assert!(a.try_recv().is_ok_and(|mail| mail.is_none()));
        assert!(a.from(3).try_recv().is_ok_and(|mail| mail.is_none()));
        assert_eq!(region.inspect().mailboxes.len(), 1);
    }
    assert_eq!(a.from_any().within(SHORT).recv().err(), Some(RecvError::Timeout));
    assert_eq!(b.recv().expect("mail").to_vec(), b"before");

    fs::remove_file("/dev/shm/filler").expect("a file");
    a.send(2, b"after").expect("room again");
    b.send(0, b"after").expect("room again");
    let c = region.join(2).expect("a free rank");
    assert_eq!(c.from(0).recv().expect("mail").to_vec(), b"after");
    assert_eq!(a.from(1).within(GUARD).recv().expect("mail").to_vec(), b"after");
    reply("ok");
}

/// Anything that a sender may say about an arena that it has not reserved.
fn live_among_stamps_without_memory(name: &str) {
    const CASES: [(Kind, u64); 12] = [
        (Kind::Whole, 100),
        (Kind::Whole, 48),
        (Kind::Whole, 1),
        (Kind::Whole, 0),
        (Kind::Announced, 16),
        (Kind::Announced, 100),
        (Kind::Sync, 100),
        (Kind::Ack, 0),
        (Kind::Dropped, 100),
        (Kind::Call, 100),
        (Kind::Answer, 100),
        (Kind::Refusal, 1),
    ];
    let scratch = Scratch::at(name);
    let region = scratch.create(CRAMPED.cells(16));
    let mut me = region.join(0).expect("a free rank");
    let ranks = 1..=CASES.len() as u32 + 1;
    let wires: Vec<_> = ranks
        .map(|from| {
            region.join(from).expect("a free rank").send(0, b"before").expect("room");
            (from, Wire::new(&scratch, from, 0))
        })
        .collect();
    assert!(fs::write("/dev/shm/filler", vec![1; 1 << 20]).is_err(), "too much room");
    let full = region.inspect().memory;
    // Of a chunk that nobody has reserved.
    let layout = wire::geometry(&scratch).payloads();
    let beyond = layout.offset(layout.extents(Area::Chunk).first + 3);
    let misleads = |wire: &Wire, kind, len| {
        let seq = wire.producer.tail();
        let cell = wire.mailbox.mail.cells.at(seq);
        cell.payload[0].store(beyond, Relaxed);
        cell.payload[1].store(len, Relaxed);
        cell.envelope
            .store(Envelope { tag: 0, context: 0, epoch: 1, kind, place: Location::Arena }.pack(), Relaxed);
        cell.stamp.store(seq + 1, Release);
    };
    for ((kind, len), (from, wire)) in CASES.into_iter().zip(&wires) {
        misleads(wire, kind, len);
        assert_eq!(me.from(*from).recv().expect("mail").to_vec(), b"before");
        match me.from(*from).within(GUARD).recv() {
            // No bytes are nowhere.
            Ok(mail) => assert_eq!((kind, len, mail.to_vec()), (Kind::Whole, 0, vec![])),
            Err(error) => assert_eq!(error, RecvError::Broken(Broken::NoSpace(*from)), "{kind:?} of {len}"),
        }
    }
    assert_eq!(region.inspect().memory, full);

    // With room they are messages like others: they lie where their sender says.
    fs::remove_file("/dev/shm/filler").expect("a file");
    let (from, wire) = wires.last().expect("one that is left");
    misleads(wire, Kind::Whole, 100);
    assert_eq!(me.from(*from).recv().expect("mail").to_vec(), b"before");
    assert_eq!(me.from(*from).recv().expect("mail").to_vec(), [0; 100]);
    assert_eq!(me.from(1).recv().expect("mail").to_vec(), [0; 100], "what lacked memory has stayed");
    me.reset(1).expect("a reset");
    let honest = region.join(1).expect("a free rank");
    honest.send(0, &[7; 100]).expect("room again");
    assert_eq!(me.from(1).within(GUARD).recv().expect("mail").to_vec(), [7; 100]);
    reply("ok");
}

// --- Races -------------------------------------------------------------------------------------------------

#[test]
fn whoever_comes_and_goes_at_once_meets_in_one_region() {
    let scratch = Scratch::new();
    let mut racers: Vec<Child> = (0..4).map(|_| Child::start("racer", &scratch)).collect();
    for racer in &mut racers {
        racer.starts("300");
    }
    for racer in &mut racers {
        assert_eq!(racer.answer(), "ok");
    }
    match Region::remove_at(scratch.name()) {
        Ok(()) | Err(RemoveError::Open(OpenError::NotFound(_))) => {}
        error => panic!("{error:?}"),
    }
    assert!(!scratch.path().exists());
}

/// Creates or opens, joins, looks, leaves and removes, while others do the same.
fn race(name: &str) {
    let rounds: u32 = command().expect("a command").parse().expect("a number");
    for _ in 0..rounds {
        let region = Region::create_or_open(name, SMALL.cells(2)).expect("a region");
        match region.join_any() {
            // As long as somebody has joined, the name leads to that region.
            Ok(me) => {
                let seen = Region::open(name).expect("the region").status(me.rank());
                assert_eq!(seen, Some((Status::Live, me.epoch())), "one region");
                me.to(me.rank()).within(GUARD).send(b"x").expect("room");
                assert_eq!(me.from(me.rank()).recv().expect("mail").to_vec(), b"x");
            }
            Err(JoinError::Broken(Broken::Lost(Lost::Removed)) | JoinError::Full { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        match Region::remove_at(name) {
            Ok(()) | Err(RemoveError::InUse(_) | RemoveError::Open(OpenError::NotFound(_))) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    reply("ok");
}

#[test]
fn one_of_many_creators_wins() {
    for _ in 0..20 {
        let scratch = Scratch::new();
        let results: Vec<_> = std::thread::scope(|scope| {
            let create = || Region::create(scratch.name(), SMALL).map(|region| region.ranks());
            let creators: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
            creators.into_iter().map(|creator| creator.join().expect("a thread")).collect()
        });
        assert_eq!(results.iter().filter(|result| **result == Ok(2)).count(), 1, "{results:?}");
        assert_eq!(
            results
                .iter()
                .filter(|result| **result == Err(CreateError::Exists(scratch.name().into())))
                .count(),
            3
        );
    }
}

#[test]
fn a_claimed_rank_is_what_everybody_sees() {
    let scratch = Scratch::new();
    let region = scratch.create(SMALL);
    let me = region.join_as("somebody").expect("a free rank");
    let seen = &scratch.open().inspect().ranks[me.rank() as usize];
    assert_eq!((seen.status, seen.epoch, seen.pid), (Status::Live, 1, std::process::id()));
    assert_eq!(seen.label, "somebody");
    drop(me);
    // A peer's words are shown as they are, and never trusted to be text.
    scratch.patch(record(0) + 16, &[0xFF; 48]);
    assert_eq!(region.inspect().ranks[0].label, "\u{FFFD}".repeat(48));
}

#[test]
fn a_region_is_removed_while_somebody_looks_for_a_label() {
    let scratch = Scratch::new();
    let region = scratch.create(SMALL);
    let file = File::options().read(true).write(true).open(scratch.path()).expect("a region");
    let _labels = os::Lock::take(&file, LABELS, 1).expect("a lock").expect("a free one");
    assert_eq!(region.remove(), Ok(()), "nobody has joined it");
}
