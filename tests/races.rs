//! Processes that create, replace, join, remove and clean up at once: they meet in one region, round after round.
#![cfg(not(loom))]

mod common;

use common::{Child, GUARD, Scratch, command, place, reply};
use mailbox::lab::os;
use mailbox::{
    Broken, Config, CreateError, Endpoint, JoinError, Lost, OpenError, Region, RemoveError, Status,
};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

#[test]
fn second_process() {
    match common::role() {
        Some((role, region)) if role == "racer" => race(&region),
        Some((role, _)) if role == "umpire" => call_the_rounds(Scratch::new()),
        _ => {}
    }
}

const RACERS: u32 = 4;
const CONFIG: Config = Config::ranks(RACERS).cells(2).arena(128);

/// The umpire's answers, each for this many rounds.
const SHARE: u64 = 200;

#[test]
fn whoever_races_for_a_name_meets_in_one_region() {
    let Some(mut umpire) = Child::start_alone("umpire") else { return };
    for share in 0..15 {
        assert_eq!(umpire.does(&share.to_string()), "ok");
    }
    assert_eq!(umpire.does("end"), "ok");
    umpire.finish();
}

#[test]
fn whoever_races_for_a_file_meets_in_one_region() {
    // In memory: there are more rounds than where each join waits for the disk.
    let folder = Scratch::at(&format!("/dev/shm/{}", Scratch::new().name()));
    fs::create_dir(folder.path()).expect("a folder");
    let region = folder.path().join("region");
    let mut racers = start(region.to_str().expect("text"));
    for round in 0..1000 {
        play(&mut racers, &region, round);
    }
    end(racers);
    finish(&region);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

/// In the second process: races for a name.
fn call_the_rounds(region: Scratch) {
    let mut racers = start(region.name());
    while let Some(share) = command().and_then(|command| command.parse::<u64>().ok()) {
        for round in 0..SHARE {
            play(&mut racers, &region.path(), share * SHARE + round);
        }
        reply("ok");
    }
    end(racers);
    finish(Path::new(region.name()));
    Region::clean().expect("a folder");
    // Where named regions are, there is nothing else here.
    assert_eq!(fs::read_dir(os::shm_folder()).expect("a folder").count(), 0, "nothing is left behind");
    reply("ok");
}

fn start(name: &str) -> Vec<Child> {
    (0..RACERS).map(|_| Child::start_with(&[], "racer", name, |_| {})).collect()
}

/// One round: in its end everybody has joined the one region.
fn play(racers: &mut [Child], path: &Path, round: u64) {
    for (number, racer) in (0..).zip(racers.iter_mut()) {
        racer.starts(&format!("{}", round * 100 + number));
    }
    let met: Vec<String> = racers.iter_mut().map(Child::answer).collect();
    let bound = fs::metadata(path).expect("a region");
    let expected = format!("{}:{}", bound.dev(), bound.ino());
    assert!(met.iter().all(|met| *met == expected), "round {round}: {met:?}, bound is {expected}");
    for racer in racers.iter_mut() {
        assert_eq!(racer.does("part"), "ok", "round {round}");
    }
}

fn end(racers: Vec<Child>) {
    for mut racer in racers {
        assert!(racer.finish().success());
    }
}

fn finish(place_of: &Path) {
    let name = place_of.to_str().expect("text");
    match Region::remove_at(place(name)) {
        Ok(()) | Err(RemoveError::Open(OpenError::NotFound(_))) => {}
        error => panic!("{error:?}"),
    }
}

/// Numbers that look like chance, and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn race(name: &str) {
    while let Some(seed) = command() {
        let mut chance = Chance(seed.parse().expect("a number"));
        for _ in 0..6 {
            act(name, chance.below(8));
        }
        let me = meet(name);
        let region = me.region();
        assert_eq!(region.status(me.rank()), Some((Status::Live, me.epoch())));
        reply(&identity(region));
        assert_eq!(command().as_deref(), Some("part"));
        drop(me);
        reply("ok");
    }
}

/// What tells a region from all others.
fn identity(region: &Region) -> String {
    let file = fs::File::from(region.as_fd().try_clone_to_owned().expect("a descriptor"));
    let facts = file.metadata().expect("facts");
    format!("{}:{}", facts.dev(), facts.ino())
}

fn remove(name: &str) {
    match Region::remove_at(place(name)) {
        Ok(()) | Err(RemoveError::InUse(_) | RemoveError::Open(OpenError::NotFound(_))) => {}
        error => panic!("{error:?}"),
    }
}

fn create(name: &str) {
    match Region::create(place(name), CONFIG) {
        Ok(region) => drop(visit(name, &region)),
        Err(CreateError::Exists(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
}

fn create_or_open(name: &str) -> Region {
    Region::create_or_open(place(name), CONFIG).expect("a region")
}

fn act(name: &str, what: u64) {
    match what {
        0 => create(name),
        1 => drop(visit(name, &create_or_open(name))),
        2 => {
            remove(name);
            create(name);
        }
        3 => match Region::open(place(name)) {
            Ok(region) => drop(visit(name, &region)),
            Err(OpenError::NotFound(_)) => {}
            Err(error) => panic!("{error:?}"),
        },
        4 => remove(name),
        5 | 6 => {
            // What somebody left who died, and what is being built; of others there are none.
            let path = Path::new(name);
            match path.parent().filter(|_| path.is_absolute()) {
                Some(folder) => drop(Region::clean_folder(folder).expect("a folder")),
                None => drop(Region::clean().expect("a folder")),
            }
        }
        _ => {
            // Dies, so to say.
            let me = visit(name, &create_or_open(name));
            let die = || {
                let _me = me;
                panic::resume_unwind(Box::new(()))
            };
            assert!(panic::catch_unwind(AssertUnwindSafe(die)).is_err());
        }
    }
}

/// Joins if that is still possible; then the name leads to this region and no other.
fn visit(name: &str, region: &Region) -> Option<Endpoint> {
    let me = match region.join_any() {
        Ok(me) => me,
        Err(JoinError::Broken(Broken::Lost(Lost::Removed))) => return None,
        Err(error) => panic!("{error:?}: each holds one rank, and there is one for each"),
    };
    let seen = Region::open(place(name)).expect("the region, which is joined");
    assert_eq!(identity(&seen), identity(region), "two regions of one name");
    assert_eq!(seen.status(me.rank()), Some((Status::Live, me.epoch())));
    me.to(me.rank()).within(GUARD).send(b"x").expect("room");
    assert_eq!(me.from(me.rank()).recv().expect("mail").to_vec(), b"x");
    Some(me)
}

fn meet(name: &str) -> Endpoint {
    loop {
        if let Some(me) = visit(name, &create_or_open(name)) {
            return me;
        }
    }
}
