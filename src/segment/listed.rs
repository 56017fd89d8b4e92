//! What has a name, as far as this user may see.

use super::NOBODY_ELSE;
use super::backing::Site;
use super::found::Found;
use super::place::Place;
use crate::error::{Mismatch, OpenError};
use crate::os;
use std::io;

const PAGE: u64 = 4096;

/// Something that has a name and is a region, or may be one. [`Region::list`](crate::Region::list) lists them.
///
/// ```
/// # use mailbox::{Config, Listed, Region};
/// # let name = format!("doc-listed-{}", std::process::id());
/// # assert_eq!(Listed::at(&name), None);
/// # let region = Region::create(&name, Config::ranks(2))?;
/// let listed = Listed::at(&name).expect("there is something with this name");
/// match &listed.refusal {
///     None => println!("{} takes {} KiB of user {}", listed.name, listed.memory >> 10, listed.owner),
///     Some(error) => println!("of user {}: {error}", listed.owner),
/// }
/// # assert_eq!((listed.name, listed.refusal), (name, None));
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The name, or the path.
    pub name: String,
    /// The user that it belongs to, by number.
    pub owner: u32,
    /// Bytes of memory, or of the disk, in use.
    pub memory: u64,
    /// Why this user may not look into it; `None` if [`Region::look`](crate::Region::look) works.
    /// [`OpenError::Denied`] means that it may not even be read, and need not be a region.
    pub refusal: Option<OpenError>,
}

impl Listed {
    /// What has this name; `None` if nothing has, or it is being removed. It is looked at, and opened for reading if
    /// it is a file.
    ///
    /// ```
    /// # use mailbox::{Config, Listed, Region};
    /// # let name = format!("doc-listed-at-{}", std::process::id());
    /// assert_eq!(Listed::at(&name), None);
    /// let region = Region::create(&name, Config::ranks(2))?;
    /// let listed = Listed::at(&name).expect("it has that name");
    /// assert_eq!((listed.name, listed.refusal), (name, None));
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at<'a>(place: impl Into<Place<'a>>) -> Option<Self> {
        let place = place.into();
        let name = match place {
            Place::Name(name) => name.to_owned(),
            Place::File(path) => path.to_string_lossy().into_owned(),
        };
        Self::of(name, &Site::of(place)?).map(|(listed, _)| listed)
    }

    /// The entry, and its length in bytes.
    fn of(name: String, site: &Site) -> Option<(Self, u64)> {
        let facts = os::facts_of_path(site.path()).ok()?;
        let refusal = match Found::look(site, NOBODY_ELSE)
            .and_then(|found| found.region(NOBODY_ELSE, site.backing()))
        {
            Ok(_) => None,
            Err(OpenError::NotFound(_)) => return None,
            Err(error) => Some(error),
        };
        Some((Self { name, owner: facts.owner, memory: facts.allocated, refusal }, facts.len))
    }

    /// Whether it is a region or could be one, as far as this user may see.
    fn is_plausible(&self, len: u64) -> bool {
        match &self.refusal {
            Some(OpenError::Mismatch(Mismatch::Foreign)) => false,
            // The least: header, rank table, one mailbox.
            Some(OpenError::Denied(_)) => len.is_multiple_of(PAGE) && len >= 3 * PAGE,
            _ => true,
        }
    }
}

/// What is in memory and is a region or could be one; sorted by name.
pub fn list() -> io::Result<Vec<Listed>> {
    let mut listed: Vec<Listed> = os::shm_names()?
        .into_iter()
        .filter_map(|name| {
            let site = Site::of(Place::Name(&name))?;
            let (listed, len) = Listed::of(name, &site)?;
            listed.is_plausible(len).then_some(listed)
        })
        .collect();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}
