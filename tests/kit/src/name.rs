//! Names that no other test uses.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// The name of a region, or with a slash in it the path of a file. What bears it is removed when this is dropped,
/// whichever process made it.
pub struct Name(String);

impl Name {
    /// A name for a region in memory.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(format!("mailbox-test-{}-{count}", process::id()))
    }

    /// The path of a file.
    pub fn file() -> Self {
        let path = env::temp_dir().join(&*Self::new());
        Self(path.into_os_string().into_string().expect("a path of descriptors"))
    }

    /// A name that is given.
    pub fn at(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The file that bears it.
    pub fn path(&self) -> PathBuf {
        if self.0.contains('/') { PathBuf::from(&self.0) } else { mailbox::lab::os::shm_path(&self.0) }
    }

    /// Whether there is such a file.
    pub fn exists(&self) -> bool {
        self.path().exists()
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path()).or_else(|_| fs::remove_dir(self.path()));
    }
}
