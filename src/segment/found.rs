//! What lies at a site, as its header says. Read through the file, because reading that way allocates no page.

use super::Trust;
use super::backing::{Backing, Site};
use super::copies::Copies;
use super::reason::open_error;
use crate::abi::{
    self, ABI, BOOT, DIRECTORY_WORDS, FEATURES, Geometry, HEADER_BYTES, HEADER_WORDS, MAGIC, SETTLED, WIPED,
    end, from_directory,
};
use crate::error::{Mismatch, OpenError, OwnedPlace};
use crate::os::{self, Facts, File};
use core::mem::offset_of;
use std::io::{self, ErrorKind};

/// How many times a place is looked at again because it was replaced meanwhile. So many times in a row are mischief.
const TRIES: u32 = 100;

/// A file that is, or was, a region.
pub struct Found {
    pub file: File,
    place: OwnedPlace,
    pub facts: Facts,
    pub content: Content,
}

/// What the first words of a file say.
pub enum Content {
    /// A region of this ABI.
    Region(Header),
    /// A region of this ABI with these features, which only a newer program knows.
    Newer(u64),
    /// A region of another ABI.
    Other(u64),
    /// A region whose removal has begun.
    Wiped,
}

/// What the header of a region says.
pub struct Header {
    pub geometry: Geometry,
    nonce: u64,
    /// Features that this program does not know. A program that writes nothing may ignore them.
    unknown: u64,
}

impl Found {
    /// Looks at what lies at `site`, for reading only. It may have any protocol.
    pub fn look(site: &Site, trust: Trust) -> Result<Self, OpenError> {
        let look = || Self::of(site.look().map_err(open_error)?, trust);
        let found = look().map_err(|error| error.at(site.place()))?;
        Ok(Self { place: site.place().clone(), ..found })
    }

    /// Like [`Found::look`]. Once it has seen that it is a region, opens it for writing, too.
    pub fn open(site: &Site, trust: Trust) -> Result<Self, OpenError> {
        for _ in 0..TRIES {
            let seen = match Self::look(site, trust) {
                // Trust would not help a user whom the region's mode keeps out.
                Err(OpenError::Mismatch(Mismatch::Owner { .. })) if !os::may_write(site.path()) => {
                    return Err(OpenError::Denied(site.place().clone()));
                }
                seen => seen?,
            };
            let open = || -> io::Result<_> {
                let file = site.open()?;
                let identity = os::facts(&file)?.identity;
                Ok((file, identity))
            };
            let (file, identity) = open().map_err(|error| open_error(error).at(site.place()))?;
            if identity == seen.facts.identity {
                return Ok(Self { file, ..seen });
            }
        }
        Err(OpenError::NotFound(site.place().clone()))
    }

    /// Reads what is in `file`.
    pub fn of(file: File, trust: Trust) -> Result<Self, OpenError> {
        let facts = os::facts(&file).map_err(open_error)?;
        if !facts.is_file {
            return Err(OpenError::Mismatch(Mismatch::Foreign));
        }
        let mut bytes = [0; HEADER_BYTES];
        match os::read_at(&file, &mut bytes, 0) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(OpenError::Mismatch(Mismatch::Foreign));
            }
            result => result.map_err(open_error)?,
        }
        let words: [u64; HEADER_WORDS] = words_at(&bytes, 0);
        if ![MAGIC, WIPED].contains(&words[0]) {
            return Err(OpenError::Mismatch(Mismatch::Foreign));
        }
        let uid = facts.owner;
        if !os::is_own(uid) && Some(uid) != trust.owner {
            return Err(OpenError::Mismatch(Mismatch::Owner { uid }));
        }
        let directory = words_at(&bytes, offset_of!(abi::Header, directory));
        let content = match words {
            [WIPED, ..] => Content::Wiped,
            [_, ABI, ..] => content(&words, &directory, facts.len)?,
            [_, abi, ..] => Content::Other(abi),
        };
        Ok(Self { file, place: OwnedPlace::Unnamed, facts, content })
    }

    /// Whether `trust` allows the region's protocol.
    pub fn check_protocol(&self, trust: Trust) -> Result<(), OpenError> {
        match (&self.content, trust.protocol) {
            (Content::Region(header), Some(trusted)) if header.geometry.protocol != trusted => {
                Err(OpenError::Mismatch(Mismatch::Protocol { protocol: header.geometry.protocol }))
            }
            _ => Ok(()),
        }
    }

    /// What was found, if it is a region that can be read and has the protocol that `trust` names.
    pub fn region(self, trust: Trust, backing: Backing) -> Result<Opened, OpenError> {
        self.check_protocol(trust)?;
        let Self { file, place, facts, content } = self;
        let Header { geometry, nonce, unknown } = match content {
            Content::Region(header) => header,
            Content::Newer(features) => return Err(OpenError::Mismatch(Mismatch::Features { features })),
            Content::Other(abi) => return Err(OpenError::Mismatch(Mismatch::Version { abi, ours: ABI })),
            Content::Wiped => return Err(OpenError::NotFound(place)),
        };
        Ok(Opened { file, place, len: facts.len, geometry, nonce, unknown, owner: facts.owner, backing })
    }
}

/// What the first words of a file of `len` bytes say, for a region of this ABI.
fn content(
    words: &[u64; HEADER_WORDS],
    directory: &[u64; DIRECTORY_WORDS],
    len: u64,
) -> Result<Content, OpenError> {
    let [_, to_write, to_use] = [0, 1, 2].map(|kind| words[FEATURES + kind]);
    if to_use != 0 {
        return Ok(Content::Newer(to_use));
    }
    let (geometry, nonce) = Geometry::from_words(words).ok_or(OpenError::Mismatch(Mismatch::Foreign))?;
    let sections = from_directory(directory).ok_or(OpenError::Mismatch(Mismatch::Foreign))?;
    // Sections of other kinds may be ignored; if not, they come with a feature.
    if geometry.sections().iter().any(|section| !sections.contains(section)) {
        return Err(OpenError::Mismatch(Mismatch::Foreign));
    }
    let expected = end(&sections);
    if len != expected {
        return Err(OpenError::Mismatch(Mismatch::Length { len, expected }));
    }
    Ok(Content::Region(Header { geometry, nonce, unknown: to_write }))
}

/// The words that begin at this offset.
fn words_at<const COUNT: usize>(bytes: &[u8], offset: usize) -> [u64; COUNT] {
    let bytes = bytes[offset..].as_chunks::<8>().0;
    core::array::from_fn(|at| u64::from_ne_bytes(bytes[at]))
}

/// A region that was found.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    place: OwnedPlace,
    /// Its length. A newer program may use more of it than this one knows of.
    pub len: u64,
    pub geometry: Geometry,
    pub nonce: u64,
    unknown: u64,
    pub owner: u32,
    pub backing: Backing,
}

impl Opened {
    /// Whether this program knows all features that matter for writing.
    pub fn check_features(&self) -> Result<(), OpenError> {
        if self.unknown == 0 {
            Ok(())
        } else {
            Err(OpenError::Mismatch(Mismatch::Features { features: self.unknown }))
        }
    }

    /// Whether it may be used in this boot.
    pub fn check_boot(&self) -> Result<(), OpenError> {
        if self.is_torn().map_err(|error| open_error(error).at(&self.place))? {
            Err(OpenError::Mismatch(Mismatch::Incompatible))
        } else {
            Ok(())
        }
    }

    /// Whether another boot left it open. If that boot has ended, its pages may have reached the disk in any order. A
    /// region in memory outlives no boot.
    fn is_torn(&self) -> io::Result<bool> {
        if self.backing != Backing::File || os::is_in_memory(&self.file)? {
            return Ok(false);
        }
        let mut bytes = [0; 8];
        os::read_at(&self.file, &mut bytes, 8 * BOOT as u64)?;
        let boot = u64::from_ne_bytes(bytes);
        Ok(boot != 0 && boot & !SETTLED != os::boot_id()?)
    }

    /// Fails if it was removed since.
    pub fn check_bound(&self) -> io::Result<()> {
        let mut magic = [0; 8];
        os::read_at(&self.file, &mut magic, 0)?;
        let is_bound = u64::from_ne_bytes(magic) == MAGIC && os::facts(&self.file)?.links > 0;
        if is_bound { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
    }

    /// Why it could not be read.
    pub fn why(&self, error: io::Error) -> OpenError {
        match os::facts(&self.file) {
            Ok(Facts { len, .. }) if len != self.len => {
                OpenError::Mismatch(Mismatch::Length { len, expected: self.len })
            }
            _ => open_error(error).at(&self.place),
        }
    }

    /// Copies of its words.
    pub fn copies(&self) -> Copies<'_> {
        Copies::new(&self.file, &self.geometry)
    }
}
