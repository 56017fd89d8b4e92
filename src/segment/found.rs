//! What lies at a site, as its header says; read through the file, where no page is allocated by reading.

use super::Trust;
use super::backing::{Backing, Site};
use super::copies::Copies;
use super::reason::open_error;
use crate::abi::{ABI, BOOT, Geometry, HEADER_WORDS, MAGIC, SETTLED, WIPED};
use crate::error::OpenError;
use crate::os::{self, Facts, File};
use std::io::{self, ErrorKind};

/// How often it is looked again at what somebody replaces meanwhile: so many times in a row are mischief.
const TRIES: u32 = 100;

/// A file that is, or was, a region.
pub struct Found {
    pub file: File,
    pub facts: Facts,
    pub content: Content,
}

/// What a file's first words say.
pub enum Content {
    /// A region of this ABI, and its nonce.
    Region(Geometry, u64),
    /// A region of this other ABI.
    Other(u64),
    /// A region that somebody began to remove.
    Wiped,
}

impl Found {
    /// Looks at what lies at `site`, and asks for nothing but to read it. It may be for any protocol.
    pub fn look(site: &Site, trust: Trust) -> Result<Self, OpenError> {
        Self::of(site.look().map_err(open_error)?, trust)
    }

    /// As [`Found::look`], and opens it for writing too once it was seen to be a region.
    pub fn open(site: &Site, trust: Trust) -> Result<Self, OpenError> {
        for _ in 0..TRIES {
            let seen = match Self::look(site, trust) {
                // Whom its mode keeps out would be helped by no trust.
                Err(OpenError::Owner { .. }) if !os::may_write(site.path()) => return Err(OpenError::Denied),
                seen => seen?,
            };
            let file = site.open().map_err(open_error)?;
            if os::facts(&file).map_err(open_error)?.identity == seen.facts.identity {
                return Ok(Self { file, ..seen });
            }
        }
        Err(OpenError::NotFound)
    }

    /// Reads what `file` is.
    pub fn of(file: File, trust: Trust) -> Result<Self, OpenError> {
        let facts = os::facts(&file).map_err(open_error)?;
        if !facts.is_file {
            return Err(OpenError::Foreign);
        }
        let mut bytes = [0; HEADER_WORDS * 8];
        match os::read_at(&file, &mut bytes, 0) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(OpenError::Foreign),
            result => result.map_err(open_error)?,
        }
        let mut words = [0; HEADER_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        if ![MAGIC, WIPED].contains(&words[0]) {
            return Err(OpenError::Foreign);
        }
        let uid = facts.owner;
        if !os::is_own(uid) && Some(uid) != trust.owner {
            return Err(OpenError::Owner { uid });
        }
        let content = match words {
            [WIPED, ..] => Content::Wiped,
            [_, ABI, ..] => {
                let (geometry, nonce) = Geometry::from_words(&words).ok_or(OpenError::Foreign)?;
                if facts.len != geometry.size() {
                    return Err(OpenError::Length { len: facts.len, expected: geometry.size() });
                }
                Content::Region(geometry, nonce)
            }
            [_, abi, ..] => Content::Other(abi),
        };
        Ok(Self { file, facts, content })
    }

    /// Whether it may be for the protocol that it is for.
    pub fn check_protocol(&self, trust: Trust) -> Result<(), OpenError> {
        match (&self.content, trust.protocol) {
            (Content::Region(geometry, _), Some(trusted)) if geometry.protocol != trusted => {
                Err(OpenError::Protocol { protocol: geometry.protocol })
            }
            _ => Ok(()),
        }
    }

    /// What was found, if it is a region that can be read and is for the protocol that `trust` names.
    pub fn region(self, trust: Trust, backing: Backing) -> Result<Opened, OpenError> {
        self.check_protocol(trust)?;
        let Self { file, facts, content } = self;
        let (geometry, nonce) = match content {
            Content::Region(geometry, nonce) => (geometry, nonce),
            Content::Other(abi) => return Err(OpenError::Version { abi }),
            Content::Wiped => return Err(OpenError::NotFound),
        };
        Ok(Opened { file, geometry, nonce, owner: facts.owner, backing })
    }
}

/// A region that was found.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    pub geometry: Geometry,
    pub nonce: u64,
    pub owner: u32,
    pub backing: Backing,
}

impl Opened {
    /// Whether it may be used in this boot.
    pub fn check_boot(&self) -> Result<(), OpenError> {
        if self.is_torn().map_err(open_error)? { Err(OpenError::Incompatible) } else { Ok(()) }
    }

    /// Whether another boot left it open: its pages may have come to the disk in any order, if that boot has ended.
    /// What lies in memory outlives none.
    fn is_torn(&self) -> io::Result<bool> {
        if self.backing != Backing::File || os::is_in_memory(&self.file)? {
            return Ok(false);
        }
        let mut bytes = [0; 8];
        os::read_at(&self.file, &mut bytes, 8 * BOOT as u64)?;
        let boot = u64::from_ne_bytes(bytes);
        Ok(boot != 0 && boot & !SETTLED != os::boot_id()?)
    }

    /// Copies of its words.
    pub fn copies(&self) -> Copies<'_> {
        Copies::new(&self.file, &self.geometry)
    }
}
