//! A folder of messages that were not handled.

use super::journal::{make_folder, sync_folder_of};
use super::{DeadError, DeadLetter, Durability, Outbox};
use mailbox::{Deadline, Endpoint, SendError};
use std::fs::{self, DirEntry, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many letters a box has at most, if nothing else is said.
const MOST: usize = 10_000;
/// How the names of letters end.
const END: &str = ".dead";
/// What stands before the rank that has begun to send a letter again, in the name of its file.
const BEGUN_BY: &str = ".as-";
/// How the names of files end that are not letters yet.
const BEGUN: &str = ".new";
/// After this time nobody goes on with what was begun.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// The name of a letter, and what is in it.
type Named = (String, Result<DeadLetter, DeadError>);

/// A folder of messages that could not be handled, a file each. Several processes use it at a time.
///
/// A letter is written beside, and takes its name when the disk has all of it. So a crash leaves the letter or none.
///
/// ```
/// # use mailbox::{Config, Region};
/// use mailbox_patterns::delivery::{Consumer, DeadLetters, Retry};
/// use std::time::Duration;
/// # let folder = std::env::temp_dir().join(format!("doc-dead-{}", std::process::id()));
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # other.send(0, b"a riddle")?;
/// let dead = DeadLetters::open(&folder)?;
/// let mut consumer = Consumer::new(&me, Retry::new(1), dead);
/// consumer.at_least_once(Duration::from_secs(5), |_| Err("it makes no sense".into()))?;
///
/// let dead = DeadLetters::open(&folder)?;
/// for (name, letter) in dead.letters()? {
///     let letter = letter?;
///     println!("{name}: rank {} to rank {}: {}", letter.from, letter.to, letter.reason);
///     assert_eq!(letter.body, b"a riddle");
///     dead.drop_letter(&name)?;
/// }
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeadLetters {
    path: PathBuf,
    most: usize,
}

impl DeadLetters {
    /// The box in this folder, which is made if it is not there. It has at most 10 000 letters. Letters that processes had begun
    /// and not finished more than a day ago, because they died, are taken away.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DeadError> {
        let dead = Self { path: path.into(), most: MOST };
        // A letter is as safe as the names of the folders that lead to it.
        make_folder(&dead.path).map_err(|error| dead.io(error))?;
        let entries = fs::read_dir(&dead.path).map_err(|error| dead.io(error))?;
        for entry in entries.flatten().filter(is_abandoned) {
            // Another process may have done it.
            _ = fs::remove_file(entry.path());
        }
        Ok(dead)
    }

    /// The box in this folder, which is there.
    pub fn look(path: impl Into<PathBuf>) -> Result<Self, DeadError> {
        let dead = Self { path: path.into(), most: MOST };
        fs::read_dir(&dead.path).map_err(|error| dead.io(error))?;
        Ok(dead)
    }

    /// The same, with at most so many letters. What does not fit is not taken: [`DeadError::Full`].
    #[must_use]
    pub fn most(self, letters: usize) -> Self {
        Self { most: letters, ..self }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn io(&self, error: io::Error) -> DeadError {
        DeadError::Io { path: self.path.clone(), error }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{END}"))
    }

    /// The file of the letter with this name, and the rank that has begun to send it again.
    fn find(&self, name: &str) -> Option<(PathBuf, Option<u32>)> {
        let file = self.file(name);
        if !is_name(name) || file.exists() {
            return is_name(name).then_some((file, None));
        }
        fs::read_dir(&self.path).ok()?.flatten().find_map(|entry| {
            let file = entry.file_name();
            let (other, rank) = parts(file.to_str()?)?;
            (other == name).then(|| (entry.path(), rank))
        })
    }

    /// Whether there is a letter with this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// From now on only this rank sends the letter again. Waits for the disk.
    fn begin(&self, name: &str, rank: u32) -> Result<(), DeadError> {
        let begun = self.file(&format!("{name}{BEGUN_BY}{rank}"));
        let renamed = fs::rename(self.file(name), &begun).and_then(|()| sync_folder_of(&begun));
        renamed.map_err(|error| DeadError::Io { path: begun, error })
    }

    /// Adds a letter under this name, which is made of letters, digits and `-`; waits for the disk. A letter that is there with this
    /// name and these bytes is the same one. If another has the name, the letter gets the name with a number behind it. Its name.
    pub fn add(&self, name: &str, letter: &DeadLetter) -> Result<String, DeadError> {
        let has_begun = self.find(name).is_some_and(|(_, rank)| rank.is_some());
        if has_begun && self.letter(name).is_ok_and(|other| other.is_same(letter)) {
            return Ok(name.into());
        }
        let names = self.names()?;
        // No number of the process: a dead one with the same number may have left a name of a letter.
        let begun = self.path.join(format!("{:016x}{BEGUN}", RandomState::new().hash_one(0)));
        let write = || -> io::Result<()> {
            let mut file = File::create_new(&begun)?;
            file.write_all(&letter.write())?;
            file.sync_all()
        };
        let put = || -> Result<String, DeadError> {
            write().map_err(|error| self.io(error))?;
            for count in 1..=self.most {
                let name = if count == 1 { name.to_owned() } else { format!("{name}-{count}") };
                // Unlike a rename this takes no other letter's place.
                match fs::hard_link(&begun, self.file(&name)) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        if self.letter(&name).is_ok_and(|other| other.is_same(letter)) {
                            return Ok(name);
                        }
                    }
                    Err(error) => return Err(self.io(error)),
                    Ok(()) => return Ok(name),
                }
            }
            Err(DeadError::Full { path: self.path.clone(), letters: names.len() })
        };
        let is_there = names.iter().any(|other| other == name);
        if names.len() >= self.most && !is_there {
            return Err(DeadError::Full { path: self.path.clone(), letters: names.len() });
        }
        let added = put();
        _ = fs::remove_file(&begun);
        let name = added?;
        sync_folder_of(&self.file(&name)).map_err(|error| self.io(error))?;
        Ok(name)
    }

    /// The names of all letters, in order.
    pub fn names(&self) -> Result<Vec<String>, DeadError> {
        let mut names = vec![];
        for entry in fs::read_dir(&self.path).map_err(|error| self.io(error))? {
            let name = entry.map_err(|error| self.io(error))?.file_name();
            let parts = name.to_str().and_then(parts);
            names.extend(parts.map(|(name, _)| name.to_owned()));
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The letter with this name.
    pub fn letter(&self, name: &str) -> Result<DeadLetter, DeadError> {
        let no_such = || DeadError::NoSuchLetter { path: self.path.clone(), name: name.into() };
        let (file, _) = self.find(name).ok_or_else(no_such)?;
        let bytes = fs::read(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_such(),
            _ => DeadError::Io { path: file, error },
        })?;
        let garbled = || DeadError::Garbled { path: self.path.clone(), name: name.into() };
        DeadLetter::read(&bytes).ok_or_else(garbled)
    }

    /// All letters by their names. One that was garbled is told, and the others are read. Takes the memory of all of them:
    /// [`DeadLetters::names`] and [`DeadLetters::letter`] take that of one.
    pub fn letters(&self) -> Result<Vec<Named>, DeadError> {
        let read = |name: String| {
            let letter = self.letter(&name);
            // Another process has dropped it meanwhile.
            let is_gone = matches!(letter, Err(DeadError::NoSuchLetter { .. }));
            (!is_gone).then_some((name, letter))
        };
        Ok(self.names()?.into_iter().filter_map(read).collect())
    }

    /// Takes the letter away for good. One that a retry has begun to send may still be handled. Waits for the disk.
    pub fn drop_letter(&self, name: &str) -> Result<(), DeadError> {
        let no_such = || DeadError::NoSuchLetter { path: self.path.clone(), name: name.into() };
        let (file, _) = self.find(name).ok_or_else(no_such)?;
        match fs::remove_file(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(no_such()),
            Err(error) => Err(DeadError::Io { path: file, error }),
            Ok(()) => sync_folder_of(&file).map_err(|error| self.io(error)),
        }
    }

    /// The outbox of this rank in the box, for letters that are sent again and came from an outbox.
    fn outbox<'a>(&self, me: &'a Endpoint, name: &str) -> Result<Outbox<'a>, DeadError> {
        let path = self.path.join(format!("retry-{}", me.rank()));
        let opened = Outbox::open(me, path, Durability::Power);
        opened.map(|(outbox, _)| outbox).map_err(|error| DeadError::Unsent { name: name.into(), error })
    }

    /// Sends the letter again, to the rank that it was for, or to another, and takes it out of the box.
    ///
    /// A letter without numbers is sent as it was, and then dropped: if this process is killed in between, both are there. A letter
    /// with numbers gets new ones, of an outbox of this endpoint's rank that is kept in the box, so that it is handled once, whenever
    /// this process is killed. Then this waits until its receiver has handled it or the deadline has passed. If that fails, the
    /// letter stays in the box. It goes with the next retry as the same rank, to the receiver that it has begun with; as another rank it
    /// is [`DeadError::Begun`].
    pub fn retry(
        &self,
        name: &str,
        me: &Endpoint,
        to: Option<u32>,
        deadline: impl Into<Deadline>,
    ) -> Result<(), DeadError> {
        let letter = self.letter(name)?;
        let (to, deadline) = (to.unwrap_or(letter.to), deadline.into());
        let unsent = |error| DeadError::Unsent { name: name.into(), error };
        if letter.numbers.is_none() {
            let sent = me.to(to).tag(letter.tag).within(deadline).send(&letter.body);
            let undelivered = |error: SendError| super::OutboxError::Undelivered { to, waiting: 1, error };
            sent.map_err(|error| unsent(undelivered(error)))?;
            return self.drop_letter(name);
        }
        let begun_by = self.find(name).and_then(|(_, rank)| rank);
        if let Some(rank) = begun_by.filter(|rank| *rank != me.rank()) {
            return Err(DeadError::Begun { name: name.into(), rank });
        }
        let mut outbox = self.outbox(me, name)?;
        // It is there if a retry has failed, or was killed.
        if !outbox.has(name.as_bytes()) {
            outbox.post_with(to, letter.tag, name.as_bytes(), &letter.body).map_err(unsent)?;
            if begun_by.is_none() {
                self.begin(name, me.rank())?;
            }
            outbox.commit().map_err(unsent)?;
        }
        let names = outbox.keys();
        let delivered = outbox.deliver(deadline);
        // They leave the box first. If this process is killed before the commit, they are sent once more with the same numbers.
        for handled in names.iter().filter(|name| !outbox.has(name)) {
            match self.drop_letter(&String::from_utf8_lossy(handled)) {
                Ok(()) | Err(DeadError::NoSuchLetter { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        outbox.commit().map_err(unsent)?;
        // Others that wait for receivers that are away are no matter of this one.
        delivered.or_else(|error| if outbox.has(name.as_bytes()) { Err(unsent(error)) } else { Ok(()) })
    }
}

impl DeadLetter {
    /// Whether it is the same message, set aside once more.
    fn is_same(&self, other: &Self) -> bool {
        let message = |letter: &Self| (letter.from, letter.to, letter.tag, letter.numbers);
        message(self) == message(other) && self.body == other.body
    }
}

/// Whether a process that must have died has begun this file, and not finished it.
fn is_abandoned(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let number = name.to_str().and_then(|name| name.strip_suffix(BEGUN));
    let is_ours =
        number.is_some_and(|name| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
    is_ours && age().is_some_and(|age| age > ABANDONED)
}

/// The name of the letter in the file of this name, and the rank that has begun to send it again; `None` if it is no letter's file.
fn parts(file: &str) -> Option<(&str, Option<u32>)> {
    let name = file.strip_suffix(END)?;
    let (name, rank) = match name.split_once(BEGUN_BY) {
        Some((name, rank)) => (name, Some(rank.parse().ok()?)),
        None => (name, None),
    };
    is_name(name).then_some((name, rank))
}

/// Whether a letter can have this name: it leads out of no folder.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
