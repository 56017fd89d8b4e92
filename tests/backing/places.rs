//! Names and paths.

use super::*;

#[test]
fn what_has_a_place_is_created_opened_and_removed() {
    for scratch in [Scratch::new(), Scratch::file()] {
        let place = place(scratch.name());
        let nothing = OpenError::NotFound(place.into());
        assert_eq!(Region::open(place).err(), Some(nothing.clone()));
        assert_eq!(Region::remove_at(place), Err(nothing.clone().into()));
        let region = Region::create(place, SMALL.mode(0o640)).expect("a new region");
        let mode = fs::metadata(scratch.path()).expect("a file").permissions().mode() & 0o7777;
        assert_eq!(mode, 0o640, "whatever the umask");
        assert_eq!(Region::create(place, SMALL).err(), Some(CreateError::Exists(place.into())));
        assert_eq!(Region::open(place).map(|region| region.ranks()), Ok(3));
        assert_eq!(Region::create_or_open(place, SMALL).map(|region| region.ranks()), Ok(3));
        let differs =
            Some(CreateOrOpenError::Differs { place: place.into(), size: "cells", found: 4, wanted: 8 });
        assert_eq!(Region::create_or_open(place, SMALL.cells(8)).err(), differs);
        let me = region.join(2).expect("a free rank");
        assert_eq!(Region::remove_at(place), Err(RemoveError::InUse(place.into())));
        drop(me);
        assert_eq!(Region::remove_at(place), Ok(()));
        assert_eq!(region.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
        assert!(!scratch.path().exists());
        assert_eq!(Region::open(place).err(), Some(nothing.clone()));
        assert_eq!(Region::create_or_open(place, SMALL).map(|region| region.ranks()), Ok(3));
        // A remover that stopped half-way.
        scratch.patch(0, &WIPED.to_ne_bytes());
        assert_eq!(Region::open(place).err(), Some(nothing.clone()));
        assert_eq!(Region::create(place, SMALL).map(|region| region.ranks()), Ok(3));
        scratch.patch(0, &WIPED.to_ne_bytes());
        assert_eq!(Region::remove_at(place), Ok(()));
        assert!(!scratch.path().exists());
    }
}

#[test]
fn a_region_removes_itself_and_nothing_else() {
    for scratch in [Scratch::new(), Scratch::file()] {
        // With any protocol: a process that has it open need not name the protocol again.
        let region = scratch.create(SMALL.protocol(7));
        let me = region.join(0).expect("a free rank");
        assert_eq!(region.remove(), Err(RemoveError::InUse(place(scratch.name()).into())), "by this process");
        drop(me);
        let other = Region::open(place(scratch.name())).err();
        assert_eq!(other, Some(OpenError::Mismatch(Mismatch::Protocol { protocol: 7 })));
        assert_eq!(region.remove(), Ok(()));
        assert!(!scratch.path().exists());
        assert_eq!(region.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
        let gone = Err(RemoveError::Open(OpenError::NotFound(place(scratch.name()).into())));
        assert_eq!(region.remove(), gone);
        // Another one has the name by now.
        let next = scratch.create(SMALL.protocol(8));
        assert_eq!(region.remove(), gone);
        assert!(scratch.path().exists());
        assert_eq!(Region::remove_at(place(scratch.name())), Ok(()), "whatever its protocol");
        assert_eq!(next.join(0).err(), Some(JoinError::Broken(Broken::Lost(Lost::Removed))));
    }
    let region = Region::create_unnamed(SMALL).expect("a new region");
    assert_eq!(region.remove(), Err(RemoveError::Unnamed));
}

#[test]
fn a_string_is_a_name_and_a_path_a_file() {
    let scratch = Scratch::file();
    let path = scratch.path();
    assert_eq!(
        Region::create(scratch.name(), SMALL).err(),
        Some(CreateError::BadPlace(scratch.name().into()))
    );
    drop(Region::create(&path, SMALL).expect("a new region"));
    drop(Region::open(path.as_path()).expect("a region"));
    assert!(!Region::list().expect("a list").iter().any(|listed| scratch.name().ends_with(&listed.name)));
    drop(OpenOptions::new().open(&path).expect("a region"));
    assert_eq!(OpenOptions::new().remove(&path), Ok(()));
    let name = Scratch::new();
    drop(Region::create(&name.name().to_string(), SMALL).expect("a new region"));
    assert_eq!(Region::remove_at(name.name()), Ok(()));
}

#[test]
fn many_who_create_or_open_at_once_meet_in_one_region() {
    let folder = Scratch::file();
    fs::create_dir(folder.path()).expect("a folder");
    let file = folder.path().join("region");
    for name in [Scratch::new().name(), file.to_str().expect("text")] {
        let mut racers: Vec<Child> = (0..3).map(|_| Child::start_with(&[], "racer", name, |_| {})).collect();
        for racer in &mut racers {
            racer.starts("30");
        }
        for racer in &mut racers {
            assert_eq!(racer.answer(), "ok");
        }
        match Region::remove_at(place(name)) {
            Ok(()) | Err(RemoveError::Open(OpenError::NotFound(_))) => {}
            error => panic!("{error:?}"),
        }
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}
