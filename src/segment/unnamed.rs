//! Segments without a name: made in a memory file, and opened from a descriptor of one.

use super::backing::{self, Backing};
use super::found::Found;
use super::reason::{create_error, open_error};
use super::{Opened, Segment, Trust, check, nonce};
use crate::config::Config;
use crate::error::{CreateError, Mismatch, OpenError};
use crate::os::{self, File};
use std::io;

/// A region is never executed, and the kernel may forbid it altogether.
const NOT_EXECUTABLE: u32 = !0o111;

impl Segment {
    /// Creates a segment without a name.
    pub fn create_unnamed(config: &Config) -> Result<Self, CreateError> {
        check(config)?;
        Self::build_unnamed(config).map_err(create_error)
    }

    fn build_unnamed(config: &Config) -> io::Result<Self> {
        let file = os::memory_file()?;
        file.set_len(config.geometry.size())?;
        os::allocate(&file, 0, config.geometry.table())?;
        let mapping = backing::map_file(&file, config.geometry.size())?;
        let segment = Self::assemble(mapping, file, config.geometry, Backing::Unnamed);
        // A new memory file is open to every user.
        os::set_mode(segment.file(), 0o600)?;
        segment.admit(&config.mode(config.mode & NOT_EXECUTABLE))?;
        segment.write_header(config.reserve, nonce())?;
        os::seal_size(segment.file())?;
        Ok(segment)
    }

    /// Opens the unnamed segment behind `file`, a descriptor from any source.
    pub fn from_file(file: &File, trust: Trust) -> Result<Self, OpenError> {
        if !os::is_size_sealed(file) {
            return Err(OpenError::Mismatch(Mismatch::Unsealed));
        }
        // Another process with the same descriptor could set locks through it.
        let found = Found::of(os::reopen(file).map_err(open_error)?, trust)?;
        let opened = found.region(trust, Backing::Unnamed)?;
        opened.check_features()?;
        let Opened { file, len, geometry, .. } = opened;
        let mapping = backing::map_file(&file, len).map_err(open_error)?;
        Ok(Self::assemble(mapping, file, geometry, Backing::Unnamed))
    }
}
