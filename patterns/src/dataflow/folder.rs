//! The files of checkpoints.
//!
//! Each rank writes the state of its operators to a file of its own. When all have, the coordinator writes a file that says so, and which
//! files are part of it. Each file is written beside its place and renamed, and has a check (CRC-32).

use super::CheckpointError;
use super::record::{Reader, Record};
use crate::delivery::{Durability, make_folder};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const MAGIC: [u8; 4] = *b"mbdf";
const VERSION: u32 = 1;
/// How long another run is waited for that has the folder.
const LOCKED: Duration = Duration::from_secs(1);
/// Magic, check.
const HEAD: usize = 8;
/// The number of the checkpoint at the end: it comes after all others.
pub const LAST: u64 = u64::MAX;

/// Which file of each rank belongs to a complete checkpoint: by rank, that with this number.
pub type Members = Vec<(u32, u64)>;

/// A folder of checkpoints of one graph.
pub struct Folder {
    path: PathBuf,
    fingerprint: u64,
    durability: Durability,
}

impl Folder {
    pub fn open(path: &Path, fingerprint: u64, durability: Durability) -> Result<Self, CheckpointError> {
        let made = match durability {
            Durability::Power => make_folder(path),
            _ => fs::create_dir_all(path),
        };
        made.map_err(|error| CheckpointError::Io { path: path.into(), error })?;
        Ok(Self { path: path.into(), fingerprint, durability })
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Keeps other runs from the folder, as long as the file is open. The process that had it before may not have quite ended.
    pub fn lock(&self) -> Result<File, CheckpointError> {
        let path = self.lock_path();
        let failed = |error| CheckpointError::Io { path: path.clone(), error };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::WOULDBLOCK) if begun.elapsed() < LOCKED => thread::sleep(LOCKED / 100),
                Err(Errno::WOULDBLOCK) => return Err(CheckpointError::InUse { path: self.path.clone() }),
                Err(Errno::INTR) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
    }

    /// Says in that file that an attempt begins.
    pub fn begin(&self, lock: &File, attempt: u64) -> Result<(), CheckpointError> {
        let written = lock.write_all_at(&attempt.to_le_bytes(), 0);
        written.map_err(|error| CheckpointError::Io { path: self.lock_path(), error })
    }

    /// Whether that attempt, or one after it, has begun in this folder.
    pub fn has_begun(&self, attempt: u64) -> bool {
        let found = fs::read(self.lock_path()).unwrap_or_default();
        u64::read(&mut Reader::new(&found)).is_some_and(|found| found >= attempt)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn state(&self, number: u64, rank: u32) -> PathBuf {
        self.path.join(format!("state-{number:020}-{rank}"))
    }

    fn complete(&self, number: u64) -> PathBuf {
        self.path.join(format!("complete-{number:020}"))
    }

    pub fn write_state(&self, number: u64, rank: u32, state: &[u8]) -> Result<(), CheckpointError> {
        self.write(&self.state(number, rank), number, rank, state)
    }

    pub fn read_state(&self, number: u64, rank: u32) -> Result<Vec<u8>, CheckpointError> {
        self.read(&self.state(number, rank), number, rank)
    }

    /// The state of this rank makes no sense.
    pub fn garbled(&self, number: u64, rank: u32) -> CheckpointError {
        CheckpointError::Garbled { path: self.state(number, rank) }
    }

    pub fn write_complete(&self, number: u64, members: &Members) -> Result<(), CheckpointError> {
        let mut bytes = vec![];
        members.write(&mut bytes);
        self.write(&self.complete(number), number, 0, &bytes)
    }

    pub fn read_complete(&self, number: u64) -> Result<Members, CheckpointError> {
        let bytes = self.read(&self.complete(number), number, 0)?;
        let mut reader = Reader::new(&bytes);
        let members = Members::read(&mut reader).filter(|_| reader.rest().is_empty());
        members.ok_or_else(|| CheckpointError::Garbled { path: self.complete(number) })
    }

    /// Whether the graph has ended.
    pub fn has_ended(&self) -> bool {
        self.complete(LAST).exists()
    }

    /// The newest checkpoint that is complete and whole, with its files; none if there never was one. If a newer one is damaged it is left
    /// out, unless `is_strict`. It is an error if all are damaged.
    pub fn newest(&self, is_strict: bool) -> Result<Option<(u64, Members)>, CheckpointError> {
        let mut damage = None;
        for number in self.numbers("complete-")?.into_iter().rev() {
            match self.whole(number) {
                Ok(members) => return Ok(Some((number, members))),
                Err(error @ (CheckpointError::Foreign { .. } | CheckpointError::Version { .. })) => {
                    return Err(error);
                }
                Err(error) if is_strict => return Err(error),
                Err(error) => damage = damage.or(Some(error)),
            }
        }
        damage.map_or(Ok(None), Err)
    }

    fn whole(&self, number: u64) -> Result<Members, CheckpointError> {
        let members = self.read_complete(number)?;
        for (rank, file) in &members {
            self.read_state(*file, *rank)?;
        }
        Ok(members)
    }

    /// Removes the states of this rank that no checkpoint needs: those before that number.
    pub fn forget_states(&self, before: u64, rank: u32) {
        let numbers = self.numbers("state-").unwrap_or_default();
        for number in numbers.into_iter().filter(|number| *number < before) {
            // One that stays does no harm.
            _ = fs::remove_file(self.state(number, rank));
        }
    }

    pub fn forget_complete(&self, before: u64) {
        let numbers = self.numbers("complete-").unwrap_or_default();
        for number in numbers.into_iter().filter(|number| *number < before) {
            _ = fs::remove_file(self.complete(number));
        }
    }

    /// The numbers of the files whose names begin so, each once and sorted.
    fn numbers(&self, prefix: &str) -> Result<Vec<u64>, CheckpointError> {
        let failed = |error| CheckpointError::Io { path: self.path.clone(), error };
        let mut numbers = vec![];
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(prefix)?.get(..20));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn write(&self, path: &Path, number: u64, rank: u32, body: &[u8]) -> Result<(), CheckpointError> {
        let mut bytes = vec![];
        VERSION.write(&mut bytes);
        (self.fingerprint, number, rank, body.len() as u64).write(&mut bytes);
        bytes.extend_from_slice(body);
        let mut head = MAGIC.to_vec();
        crc32fast::hash(&bytes).write(&mut head);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let begun = path.with_file_name(format!("new-{name}"));
        let put = || {
            let mut file = File::create(&begun)?;
            file.write_all(&head)?;
            file.write_all(&bytes)?;
            if self.durability == Durability::Power {
                file.sync_all()?;
            }
            fs::rename(&begun, path)?;
            if self.durability == Durability::Power {
                File::open(&self.path)?.sync_all()?;
            }
            Ok(())
        };
        put().map_err(|error| {
            // It takes room of a disk that may be full.
            _ = fs::remove_file(&begun);
            CheckpointError::Io { path: path.into(), error }
        })
    }

    fn read(&self, path: &Path, number: u64, rank: u32) -> Result<Vec<u8>, CheckpointError> {
        let garbled = || CheckpointError::Garbled { path: path.into() };
        let bytes = match fs::read(path) {
            // It was there once: a complete checkpoint needs it.
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(garbled()),
            read => read.map_err(|error| CheckpointError::Io { path: path.into(), error })?,
        };
        let (head, rest) = bytes.split_at_checked(HEAD).ok_or_else(garbled)?;
        let mut head = Reader::new(head);
        let is_ours = head.take(4) == Some(&MAGIC) && u32::read(&mut head) == Some(crc32fast::hash(rest));
        is_ours.then_some(()).ok_or_else(garbled)?;
        let mut reader = Reader::new(rest);
        let version = u32::read(&mut reader).ok_or_else(garbled)?;
        if version != VERSION {
            return Err(CheckpointError::Version { path: path.into(), version });
        }
        let (fingerprint, found, of, len) = <(u64, u64, u32, u64)>::read(&mut reader).ok_or_else(garbled)?;
        if fingerprint != self.fingerprint {
            return Err(CheckpointError::Foreign { path: path.into() });
        }
        let body = reader.rest();
        ((found, of, len) == (number, rank, body.len() as u64)).then(|| body.to_vec()).ok_or_else(garbled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with its test.
    struct Own(PathBuf);

    impl Own {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("dataflow-{name}-{}", std::process::id()));
            fs::create_dir(&path).expect("a new name");
            Self(path)
        }

        fn open(&self, fingerprint: u64) -> Folder {
            Folder::open(&self.0, fingerprint, Durability::Process).expect("it is there")
        }
    }

    impl Drop for Own {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("it is there");
        }
    }

    #[test]
    fn a_file_that_is_cut_at_any_byte_or_has_any_bit_flipped_is_garbled() {
        let own = Own::new("bits");
        let folder = own.open(7);
        folder.write_state(3, 2, b"the state of an operator").expect("room");
        assert_eq!(folder.read_state(3, 2).expect("whole"), b"the state of an operator");
        let path = folder.state(3, 2);
        let whole = fs::read(&path).expect("it is there");
        let is_garbled = |bytes: &[u8]| {
            fs::write(&path, bytes).expect("room");
            matches!(folder.read_state(3, 2), Err(CheckpointError::Garbled { .. }))
        };
        for len in 0..whole.len() {
            assert!(is_garbled(&whole[..len]), "cut after {len}");
        }
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(is_garbled(&bytes), "bit {bit}");
        }
        assert!(is_garbled(&[&whole[..], &[0]].concat()));
        fs::remove_file(&path).expect("it is there");
        assert!(matches!(folder.read_state(3, 2), Err(CheckpointError::Garbled { .. })));
    }

    #[test]
    fn a_file_in_the_place_of_another_is_not_taken_for_it() {
        let own = Own::new("place");
        let folder = own.open(7);
        folder.write_state(3, 2, b"state").expect("room");
        for (number, rank) in [(4, 2), (3, 1)] {
            fs::copy(folder.state(3, 2), folder.state(number, rank)).expect("room");
            assert!(matches!(folder.read_state(number, rank), Err(CheckpointError::Garbled { .. })));
        }
        assert!(matches!(own.open(8).read_state(3, 2), Err(CheckpointError::Foreign { .. })));
        folder.write_complete(3, &vec![(2, 3)]).expect("room");
        assert_eq!(folder.newest(true).expect("whole"), Some((3, vec![(2, 3)])));
        assert!(matches!(own.open(8).newest(false), Err(CheckpointError::Foreign { .. })));
    }

    #[test]
    fn the_newest_checkpoint_that_is_whole_is_used() {
        let own = Own::new("newest");
        let folder = own.open(7);
        assert_eq!(folder.newest(true).expect("none"), None);
        for number in [9, 10, LAST] {
            folder.write_state(number, 0, b"state").expect("room");
            folder.write_complete(number, &vec![(0, number)]).expect("room");
        }
        assert!(folder.has_ended());
        for (damaged, next) in [(folder.state(LAST, 0), 10), (folder.complete(10), 9)] {
            fs::write(damaged, b"mbdf").expect("room");
            assert!(matches!(folder.newest(true), Err(CheckpointError::Garbled { .. })));
            assert_eq!(folder.newest(false).expect("an earlier one").map(|(number, _)| number), Some(next));
        }
        fs::remove_file(folder.state(9, 0)).expect("it is there");
        // Nothing begins over without being told.
        assert!(matches!(folder.newest(false), Err(CheckpointError::Garbled { .. })));
        folder.forget_complete(10);
        assert!(!folder.complete(9).exists() && folder.complete(10).exists());
    }
}
