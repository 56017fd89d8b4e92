//! Where a region is: what holds it, and under which name.

use crate::error::OwnedPlace;
use std::path::{Path, PathBuf};

/// Where a region is to be created or found. A string is the name of a shared segment, a path is a file:
///
/// ```
/// # use std::path::Path;
/// use mailbox::Place;
/// assert_eq!(Place::from("prices"), Place::Name("prices"));
/// assert_eq!(Place::from(Path::new("prices")), Place::File(Path::new("prices")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place<'a> {
    /// A shared segment of this machine, in memory. The name has 1 to 200 of `A-Z a-z 0-9 . _ -` and does not begin
    /// with a dot. It must not end in `.mailbox-` and 16 hexadecimal digits, because regions are built under
    /// temporary names of that form.
    Name(&'a str),
    /// A file on a file system of this machine.
    File(&'a Path),
}

impl<'a> From<&'a str> for Place<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for Place<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a Path> for Place<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a PathBuf> for Place<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<Place<'_>> for OwnedPlace {
    fn from(place: Place<'_>) -> Self {
        match place {
            Place::Name(name) => name.into(),
            Place::File(path) => path.into(),
        }
    }
}
