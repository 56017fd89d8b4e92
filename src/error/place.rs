//! Where the region is that an error is about.

use std::path::Path;

/// Where the region is that an error is about, as the caller gave it: a [`Place`](crate::Place) that the error keeps.
///
/// ```
/// # use mailbox::{OpenError, OwnedPlace, Region};
/// # let name = format!("doc-owned-place-{}", std::process::id());
/// # let orders = name.as_str();
/// let error = Region::open(orders).unwrap_err();
/// assert_eq!(error, OpenError::NotFound(orders.into()));
/// assert_eq!(error.to_string(), format!("region {orders:?}: there is no such region"));
/// match error {
///     OpenError::NotFound(OwnedPlace::Name(name)) => println!("start the server of {name} first"),
///     error => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnedPlace {
    /// This name, in memory.
    Name(Box<str>),
    /// This path of a file.
    File(Box<Path>),
    /// None: the region has no name.
    Unnamed,
}

impl OwnedPlace {
    /// What a message about a region at this place begins with.
    pub(super) fn heading(&self) -> String {
        // Quoted as in source code, so that any character stays on its line.
        match self {
            Self::Name(name) => format!("region {name:?}: "),
            Self::File(path) => format!("region {:?}: ", path.to_string_lossy()),
            Self::Unnamed => String::new(),
        }
    }
}

impl From<&str> for OwnedPlace {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<&Path> for OwnedPlace {
    fn from(path: &Path) -> Self {
        Self::File(path.into())
    }
}
