//! A file of records that survives the death of its writer.

use super::JournalError;
use super::frame::{self, Found, Frames, HEADER, Header, MOST};
use core::fmt;
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a journal's records outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// The death of any process. A commit is one system call, which hands the records to the kernel.
    Process,
    /// The loss of power, too. A commit waits for the disk (`fdatasync`), some 0.1 to 10 ms.
    Power,
}

/// What was found when a journal was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// How many records there were. All of them were replayed.
    pub records: u64,
    /// How many bytes of a write that was not finished were cut off at the end. What they were was never committed.
    pub cut_bytes: u64,
}

/// A file of records, which one process at a time appends to.
///
/// [`Journal::append`] gathers records, and [`Journal::commit`] writes all of them in one piece: after a crash either all of them
/// are there or none. [`Journal::replace`] puts other records in the place of all, so that the file does not grow for ever.
///
/// While it is open, it holds a lock of the file `PATH.lock`, which the kernel releases when the process dies.
///
/// ```
/// use mailbox_patterns::delivery::{Durability, Journal};
/// # let folder = std::env::temp_dir().join(format!("doc-journal-{}", std::process::id()));
/// # std::fs::create_dir(&folder)?;
/// let path = folder.join("journal");
/// let (mut journal, _) = Journal::open(&path, *b"note", Durability::Process, |_| {})?;
/// journal.append(&[b"one"])?;
/// journal.append(&[b"two"])?;
/// journal.commit()?;
/// drop(journal);
///
/// let mut records = vec![];
/// let (_, recovered) = Journal::open(&path, *b"note", Durability::Process, |record| records.push(record.to_vec()))?;
/// assert_eq!((records, recovered.records), (vec![b"one".to_vec(), b"two".to_vec()], 2));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Journal {
    path: PathBuf,
    kind: [u8; 4],
    durability: Durability,
    file: File,
    salt: u64,
    /// Where the next frame goes.
    end: u64,
    /// The records that wait for the commit.
    body: Vec<u8>,
    has_failed: bool,
    _lock: File,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("bytes", &self.end).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal at this path, and creates it if it is not there. Its kind is any 4 bytes: a journal of another kind is
    /// refused. Each record is given to `replay`, oldest first.
    ///
    /// A write at the end that was not finished is cut off, and told. Damage before that is
    /// [`JournalError::Garbled`]; then the records before it were replayed, and the file stays as it is. Damage of the last frame
    /// alone cannot be told from a write that was not finished. Takes memory for one commit at a time, up to 1 GiB. Waits for the
    /// disk.
    pub fn open(
        path: impl Into<PathBuf>,
        kind: [u8; 4],
        durability: Durability,
        mut replay: impl FnMut(&[u8]),
    ) -> Result<(Self, Recovered), JournalError> {
        let path = path.into();
        let lock = lock(&path)?;
        let failed = |error| JournalError::Io { path: path.clone(), error };
        let begun = beside(&path, "new");
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let header = frame::header(kind, salt());
                put(&path, &begun, durability, &header).map_err(failed)?
            }
            opened => opened.map_err(failed)?,
        };
        let (salt, end, recovered) = read(&path, &file, kind, &mut replay)?;
        // A process has died while it wrote this.
        remove_if_there(&begun).map_err(failed)?;
        if recovered.cut_bytes > 0 {
            file.set_len(end).map_err(failed)?;
        }
        let journal =
            Self { path, kind, durability, file, salt, end, body: vec![], has_failed: false, _lock: lock };
        if durability == Durability::Power {
            // What a process wrote that did not wait for the disk, or died first, counts from now on; and so does the file's name.
            let synced = journal.file.sync_all().and_then(|()| sync_folder_of(&journal.path));
            synced.map_err(|error| journal.io(error))?;
        }
        Ok((journal, recovered))
    }

    /// Keeps the records of a damaged journal that come before the damage, as [`JournalError::Garbled`] has counted them. The file
    /// as it was stays beside it, as `PATH.damaged`. How many records were kept. A journal that is not damaged stays as it is.
    pub fn salvage(path: impl Into<PathBuf>, kind: [u8; 4]) -> Result<u64, JournalError> {
        let path = path.into();
        let _lock = lock(&path)?;
        let failed = |error| JournalError::Io { path: path.clone(), error };
        let file = File::open(&path).map_err(failed)?;
        let (end, records) = match read(&path, &file, kind, &mut |_| {}) {
            Ok((.., recovered)) => return Ok(recovered.records),
            Err(JournalError::Garbled { at, records, .. }) => (at, records),
            Err(error) => return Err(error),
        };
        let mut whole = vec![0; end as usize];
        file.read_exact_at(&mut whole, 0).map_err(failed)?;
        let damaged = beside(&path, "damaged");
        remove_if_there(&damaged).and_then(|()| fs::hard_link(&path, &damaged)).map_err(failed)?;
        put(&path, &beside(&path, "new"), Durability::Power, &whole).map_err(failed)?;
        Ok(records)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long the file is, in bytes.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    fn io(&self, error: io::Error) -> JournalError {
        JournalError::Io { path: self.path.clone(), error }
    }

    /// Adds a record, given in pieces, to those that the next [`Journal::commit`] writes. Never waits.
    pub fn append(&mut self, pieces: &[&[u8]]) -> Result<(), JournalError> {
        if self.has_failed {
            return Err(JournalError::Failed { path: self.path.clone() });
        }
        let len = pieces.iter().map(|piece| piece.len() as u64 + 4).sum::<u64>() + self.body.len() as u64;
        if len > MOST {
            return Err(JournalError::TooLong { path: self.path.clone(), len, limit: MOST });
        }
        frame::add(&mut self.body, pieces);
        Ok(())
    }

    /// Writes all records that were added since the last commit. When this returns, they survive what the [`Durability`] says.
    /// Before that, a crash leaves all or none of them.
    ///
    /// After an error it is not known what the disk has: every later call returns [`JournalError::Failed`], until the
    /// journal is opened again. Cost: one system call, and with [`Durability::Power`] the wait for the disk.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        if self.has_failed {
            return Err(JournalError::Failed { path: self.path.clone() });
        } else if self.body.is_empty() {
            return Ok(());
        }
        let bytes = frame::frame(self.salt, self.end, &self.body);
        let written = self.file.write_all_at(&bytes, self.end).and_then(|()| self.sync());
        if let Err(error) = written {
            self.has_failed = true;
            // What the caller is told to have failed is not to be there later.
            _ = self.file.set_len(self.end);
            return Err(self.io(error));
        }
        self.body.clear();
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.durability == Durability::Power { self.file.sync_data() } else { Ok(()) }
    }

    /// Puts these records in the place of all others, those that wait for a commit included. After a crash the old records are
    /// there, or the new ones. The new file is written beside the old one and takes its name.
    ///
    /// [`JournalError::TooLong`] changes nothing. After another error the name may lead to the old file or to the new one: every later
    /// call returns [`JournalError::Failed`], until the journal is opened again.
    pub fn replace<'a>(&mut self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<(), JournalError> {
        if self.has_failed {
            return Err(JournalError::Failed { path: self.path.clone() });
        }
        let salt = salt();
        let mut bytes = frame::header(self.kind, salt);
        let mut body = vec![];
        records.into_iter().for_each(|record| frame::add(&mut body, &[record]));
        if body.len() as u64 > MOST {
            let (path, len) = (self.path.clone(), body.len() as u64);
            return Err(JournalError::TooLong { path, len, limit: MOST });
        }
        if !body.is_empty() {
            bytes.extend(frame::frame(salt, HEADER, &body));
        }
        self.file = match put(&self.path, &beside(&self.path, "new"), self.durability, &bytes) {
            Ok(file) => file,
            Err(error) => {
                // The name may lead to either file.
                self.has_failed = true;
                return Err(self.io(error));
            }
        };
        (self.salt, self.end) = (salt, bytes.len() as u64);
        self.body.clear();
        Ok(())
    }
}

/// A number that nobody who writes payloads knows.
fn salt() -> u64 {
    RandomState::new().hash_one(0)
}

/// The path of a file that belongs to a journal.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(end);
    name.into()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn lock(path: &Path) -> Result<File, JournalError> {
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(beside(path, "lock"));
    let lock = lock.map_err(|error| JournalError::Io { path: path.into(), error })?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::InUse { path: path.into() }),
        Err(error) => Err(JournalError::Io { path: path.into(), error: error.into() }),
    }
}

/// Writes a file beside the path, and gives it that name: after a crash the name leads to the old file, or to all of the new one.
fn put(path: &Path, begun: &Path, durability: Durability, bytes: &[u8]) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(begun)?;
    file.write_all_at(bytes, 0)?;
    if durability == Durability::Power {
        // The name must not reach the disk before the bytes.
        file.sync_all()?;
    }
    fs::rename(begun, path)?;
    if durability == Durability::Power {
        sync_folder_of(path)?;
    }
    Ok(file)
}

/// Makes a folder, if it is not there, and waits until the disk has the names of all the folders that lead to it.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(path)?;
    missing.into_iter().try_for_each(sync_folder_of)
}

/// Waits until the disk has the names of the files in the folder of this one.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Its salt, where it ends, and what was found.
fn read(
    path: &Path,
    file: &File,
    kind: [u8; 4],
    replay: &mut dyn FnMut(&[u8]),
) -> Result<(u64, u64, Recovered), JournalError> {
    let failed = |error| JournalError::Io { path: path.into(), error };
    let len = file.metadata().map_err(failed)?.len();
    let mut header = [0; HEADER as usize];
    if len < HEADER {
        return Err(JournalError::Foreign { path: path.into() });
    }
    file.read_exact_at(&mut header, 0).map_err(failed)?;
    let salt = match frame::read_header(&header, kind) {
        Header::Ours { salt } => salt,
        Header::Version(version) => return Err(JournalError::Version { path: path.into(), version }),
        Header::Foreign => return Err(JournalError::Foreign { path: path.into() }),
    };
    let frames = Frames { file, salt, len };
    let (mut at, mut recovered) = (HEADER, Recovered::default());
    loop {
        let garbled = || JournalError::Garbled { path: path.into(), at, records: recovered.records };
        match frames.read(at).map_err(failed)? {
            Found::Whole { body, next } => {
                let records = frame::records(&body).ok_or_else(garbled)?;
                records.iter().for_each(|record| replay(record));
                recovered.records += records.len() as u64;
                at = next;
            }
            Found::End => return Ok((salt, at, recovered)),
            Found::Torn => return Ok((salt, at, Recovered { cut_bytes: len - at, ..recovered })),
            Found::Garbled => return Err(garbled()),
        }
    }
}
