//! Regions: the process that creates or removes one ends on the way.

use super::*;
use mailbox::lab::abi::WIPED;
use mailbox::{CreateError, OpenError, Place};
use std::path::PathBuf;

/// Somebody makes a region there, or finds one; it is as good as any.
fn expect_region(place: Place<'_>) {
    let region = match Region::create(place, config()) {
        Ok(region) => region,
        Err(CreateError::Exists(_)) => Region::open(place).expect("a whole region"),
        Err(error) => panic!("{error:?}"),
    };
    let (one, other) = (join(&region, 0), join(&region, 1));
    send(&one, 0, 20);
    Reader::default().receive(&other);
    drop((one, other));
    Region::remove_at(place).expect("a region that nobody is in");
    assert_eq!(Region::open(place).err(), Some(OpenError::NotFound(place.into())));
}

/// As long as no other test's that runs at the same time: by that, what was never finished is known.
fn config() -> Config {
    Config::ranks(2).cells(8).arena(4096 * (1 + u64::from(std::process::id() % 8192)))
}

/// Takes away, with the test, what creators that were ended have left beside a place.
struct Sweep {
    folder: PathBuf,
    /// How long that is.
    len: u64,
}

impl Drop for Sweep {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok) {
            let is_unfinished = entry.file_name().to_string_lossy().contains(".mailbox-");
            if is_unfinished && entry.metadata().is_ok_and(|about| about.len() == self.len) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A process ends while it creates a region, where another's remover may have ended before.
pub fn creates(doom: &dyn Doom, scratch: Scratch, is_replaced: bool) -> bool {
    let place = place(scratch.name());
    // The forked process would choose another.
    let config = config();
    let model = Region::create(place, config).expect("a new region");
    let path = scratch.path();
    let len = fs::metadata(&path).expect("a segment").len();
    let _sweep = Sweep { folder: path.parent().expect("a folder").to_path_buf(), len };
    drop(model);
    if is_replaced {
        scratch.patch(0, &WIPED.to_ne_bytes());
    } else {
        Region::remove_at(place).expect("a region that nobody is in");
    }
    let process = doomed(|| {
        doom.begin();
        let region = Region::create(place, config).expect("a new region");
        doom.end();
        drop(region);
    });
    let is_complete = doom.follow(process);
    match Region::open(place) {
        Ok(region) => assert_eq!(region.ranks(), 2),
        Err(error) => assert!(!is_complete && error == OpenError::NotFound(place.into()), "{error:?}"),
    }
    expect_region(place);
    is_complete
}

/// A process ends while it removes a region.
pub fn removes(doom: &dyn Doom, scratch: Scratch) -> bool {
    let place = place(scratch.name());
    drop(Region::create(place, config()).expect("a new region"));
    let process = doomed(|| {
        doom.begin();
        Region::remove_at(place).expect("a region that nobody is in");
        doom.end();
    });
    let is_complete = doom.follow(process);
    match Region::open(place) {
        Ok(_) => assert!(!is_complete, "removed"),
        Err(error) => assert_eq!(error, OpenError::NotFound(place.into())),
    }
    expect_region(place);
    is_complete
}
