//! Where records end: each is there once, whichever process dies.

use super::operator::Logic;
use super::output::Emit;
use super::record::{Reader, Record};
use crate::delivery::{Durability, sync_folder_of};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::rc::Rc;

/// So many bytes are gathered before they are written.
const GATHERED: usize = 64 << 10;

/// What is appended for a record.
pub type Text<T> = Rc<dyn Fn(&T) -> String>;

/// A file that records are appended to. A checkpoint has its length, and a graph that goes back cuts the file to it.
pub struct ToFile<T> {
    path: PathBuf,
    text: Text<T>,
    durability: Durability,
    file: Option<File>,
    /// How long the file is.
    length: u64,
    gathered: Vec<u8>,
}

impl<T> ToFile<T> {
    pub fn new(path: PathBuf, text: Text<T>, durability: Durability) -> Self {
        Self { path, text, durability, file: None, length: 0, gathered: vec![] }
    }

    fn flush(&mut self) -> Result<(), String> {
        let Some(file) = &self.file else { return Err("the file is not open".into()) };
        file.write_all_at(&self.gathered, self.length)
            .map_err(|error| format!("{}: {error}", self.path.display()))?;
        self.length += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    /// What was written is to be there when a checkpoint says so.
    fn settle(&mut self) -> Result<(), String> {
        self.flush()?;
        match &self.file {
            Some(file) if self.durability == Durability::Power => {
                file.sync_all().map_err(|error| format!("{}: {error}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

impl<T: Record> Logic<T, ()> for ToFile<T> {
    fn start(&mut self, _number: u64) -> Result<(), String> {
        let failed = |error| format!("{}: {error}", self.path.display());
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path);
        let file = opened.map_err(failed)?;
        let found = file.metadata().map_err(failed)?.len();
        if found < self.length {
            let (path, length) = (self.path.display(), self.length);
            return Err(format!("{path} has {found} bytes, and had {length} at the checkpoint"));
        }
        file.set_len(self.length).map_err(failed)?;
        if self.durability == Durability::Power {
            sync_folder_of(&self.path).map_err(failed)?;
        }
        self.file = Some(file);
        Ok(())
    }

    fn record(&mut self, _time: u64, value: T, _out: &mut Emit<'_, ()>) -> Result<(), String> {
        self.gathered.extend_from_slice((self.text)(&value).as_bytes());
        if self.gathered.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn marker(&mut self, _number: u64) -> Result<(), String> {
        self.settle()
    }

    fn end(&mut self, _out: &mut Emit<'_, ()>) -> Result<(), String> {
        self.settle()
    }

    fn save(&self, bytes: &mut Vec<u8>) {
        self.length.write(bytes);
    }

    fn load(&mut self, bytes: &mut Reader<'_>) -> Option<()> {
        self.length = u64::read(bytes)?;
        Some(())
    }
}

/// Takes the records between two checkpoints, and the number of the latter.
pub type Commit<T> = Rc<dyn Fn(u64, &[T]) -> Result<(), String>>;

/// A function that is given the records of a checkpoint once all ranks have written that.
pub struct ToFunction<T> {
    commit: Commit<T>,
    /// Since the last marker.
    records: Vec<T>,
    marker: u64,
    /// Those that wait for their checkpoint to be complete, by its number.
    sealed: BTreeMap<u64, Vec<T>>,
}

impl<T> ToFunction<T> {
    pub fn new(commit: Commit<T>) -> Self {
        Self { commit, records: vec![], marker: 0, sealed: BTreeMap::new() }
    }

    fn seal(&mut self, number: u64) {
        self.marker = number;
        if !self.records.is_empty() {
            self.sealed.insert(number, core::mem::take(&mut self.records));
        }
    }
}

impl<T: Record> Logic<T, ()> for ToFunction<T> {
    fn start(&mut self, number: u64) -> Result<(), String> {
        // Nobody knows whether the process before this one came to it.
        self.complete(number)
    }

    fn record(&mut self, _time: u64, value: T, _out: &mut Emit<'_, ()>) -> Result<(), String> {
        self.records.push(value);
        Ok(())
    }

    fn marker(&mut self, number: u64) -> Result<(), String> {
        self.seal(number);
        Ok(())
    }

    fn end(&mut self, _out: &mut Emit<'_, ()>) -> Result<(), String> {
        self.seal(self.marker + 1);
        Ok(())
    }

    fn save(&self, bytes: &mut Vec<u8>) {
        self.records.write(bytes);
        self.marker.write(bytes);
        let sealed: Vec<_> = self.sealed.clone().into_iter().collect();
        sealed.write(bytes);
    }

    fn load(&mut self, bytes: &mut Reader<'_>) -> Option<()> {
        self.records = Record::read(bytes)?;
        self.marker = Record::read(bytes)?;
        self.sealed = Vec::<(u64, Vec<T>)>::read(bytes)?.into_iter().collect();
        Some(())
    }

    fn complete(&mut self, number: u64) -> Result<(), String> {
        while let Some(first) = self.sealed.first_entry()
            && *first.key() <= number
        {
            (self.commit)(*first.key(), first.get())?;
            first.remove();
        }
        Ok(())
    }
}
