//! Folders that no other test uses.

use super::Name;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A new folder for temporary files. It is removed with all that is in it when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let path = Name::file().path();
        fs::create_dir(&path).expect("a new name");
        Self(path)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
