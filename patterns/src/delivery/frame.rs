//! The bytes of a journal: a header, then frames, each with the records of one commit.
//!
//! ```text
//!  header, 32 bytes                                          frame
//! ┌────────────┬───────────┬────────┬───────┬──────┬───────┐┌───────┬───────┬──────────────┬───────┐
//! │ "mbox-jnl" │ version 1 │ kind   │ salt  │ 0    │ check ││ len   │ check │ body         │ check │
//! │ 8 bytes    │ u32       │ 4 byte │ u64   │ u32  │ u32   ││ u32   │ u32   │ `len` bytes  │ u32   │
//! └────────────┴───────────┴────────┴───────┴──────┴───────┘└───────┴───────┴──────────────┴───────┘
//!                                                            body: for each record its length, u32, and its bytes
//! ```
//!
//! A check is a CRC-32. In those of a frame are the salt and the place of the frame. So no payload that looks like a frame is
//! taken for one, and neither is a frame at a place where it was not written. All numbers are little-endian.

use crc32fast::Hasher;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MAGIC: [u8; 8] = *b"mbox-jnl";
/// The version of the format.
pub const VERSION: u32 = 1;
/// Bytes of the header.
pub const HEADER: u64 = 32;
/// The most bytes of a body.
pub const MOST: u64 = 1 << 30;
/// The bytes of a frame that are not its body.
const AROUND: u64 = 12;
/// How much of a file is looked through at a time.
const CHUNK: usize = 64 << 10;

/// What the header says.
pub enum Header {
    Ours { salt: u64 },
    Version(u32),
    Foreign,
}

/// A header.
pub fn header(kind: [u8; 4], salt: u64) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &kind, &salt.to_le_bytes(), &[0; 4]].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// What these bytes say, if they are a header.
pub fn read_header(bytes: &[u8; HEADER as usize], kind: [u8; 4]) -> Header {
    let [version, check] = [8, 28].map(|at| number(&bytes[at..at + 4]));
    if !bytes.starts_with(&MAGIC) {
        return Header::Foreign;
    } else if version != VERSION {
        return Header::Version(version);
    } else if bytes[12..16] != kind || crc32fast::hash(&bytes[..28]) != check {
        return Header::Foreign;
    }
    let mut salt = [0; 8];
    salt.copy_from_slice(&bytes[16..24]);
    Header::Ours { salt: u64::from_le_bytes(salt) }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

/// The check of a part of the frame at this place.
fn check(salt: u64, at: u64, part: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&at.to_le_bytes());
    hasher.update(part);
    hasher.finalize()
}

/// A frame of this body, for this place.
pub fn frame(salt: u64, at: u64, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_le_bytes();
    let mut bytes = Vec::with_capacity(body.len() + AROUND as usize);
    bytes.extend(len);
    bytes.extend(check(salt, at, &len).to_le_bytes());
    bytes.extend(body);
    bytes.extend(check(salt, at, body).to_le_bytes());
    bytes
}

/// Adds a record, in pieces, to a body.
pub fn add(body: &mut Vec<u8>, pieces: &[&[u8]]) {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    body.extend((len as u32).to_le_bytes());
    pieces.iter().for_each(|piece| body.extend_from_slice(piece));
}

/// The records of a body; `None` if it is not made of records.
pub fn records(mut body: &[u8]) -> Option<Vec<&[u8]>> {
    let mut records = vec![];
    while !body.is_empty() {
        let (len, rest) = body.split_first_chunk()?;
        let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        records.push(record);
        body = rest;
    }
    Some(records)
}

/// What is at a place of a journal.
pub enum Found {
    /// A frame with this body. The next one begins behind it.
    Whole { body: Vec<u8>, next: u64 },
    /// The end of the file.
    End,
    /// What a write leaves that was not finished.
    Torn,
    /// Something that no write leaves.
    Garbled,
}

/// A file of frames.
pub struct Frames<'a> {
    pub file: &'a File,
    pub salt: u64,
    /// Its length.
    pub len: u64,
}

impl Frames<'_> {
    /// What is at this place.
    pub fn read(&self, at: u64) -> io::Result<Found> {
        let left = self.len.saturating_sub(at);
        if left == 0 {
            return Ok(Found::End);
        }
        let Some(len) = self.body_len(at)? else {
            return Ok(if self.follows(at + 1)? { Found::Garbled } else { Found::Torn });
        };
        if len + AROUND > left {
            return Ok(Found::Torn);
        }
        match self.body(at, len)? {
            Some(body) => Ok(Found::Whole { body, next: at + len + AROUND }),
            // Only the last write can be unfinished.
            None if len + AROUND == left => Ok(Found::Torn),
            None => Ok(Found::Garbled),
        }
    }

    /// The length of the body of the frame at this place, if one begins there.
    fn body_len(&self, at: u64) -> io::Result<Option<u64>> {
        if self.len - at < 8 {
            return Ok(None);
        }
        let mut head = [0; 8];
        self.file.read_exact_at(&mut head, at)?;
        Ok(self.len_of(&head, at))
    }

    fn len_of(&self, head: &[u8], at: u64) -> Option<u64> {
        let is_checked = check(self.salt, at, &head[..4]) == number(&head[4..8]);
        Some(u64::from(number(&head[..4]))).filter(|len| is_checked && *len <= MOST)
    }

    /// The body of this length of the frame at this place, if it is whole. The file has so many bytes.
    fn body(&self, at: u64, len: u64) -> io::Result<Option<Vec<u8>>> {
        let mut body = vec![0; len as usize + 4];
        self.file.read_exact_at(&mut body, at + 8)?;
        let said = number(&body[len as usize..]);
        body.truncate(len as usize);
        Ok((check(self.salt, at, &body) == said).then_some(body))
    }

    /// Whether a whole frame begins anywhere from this place on.
    fn follows(&self, mut from: u64) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK];
        while self.len.saturating_sub(from) >= AROUND {
            let filled = (self.len - from).min(CHUNK as u64) as usize;
            self.file.read_exact_at(&mut chunk[..filled], from)?;
            let starts = filled - 7;
            for start in 0..starts {
                let at = from + start as u64;
                let Some(len) = self.len_of(&chunk[start..start + 8], at) else { continue };
                if len + AROUND <= self.len - at && self.body(at, len)?.is_some() {
                    return Ok(true);
                }
            }
            from += starts as u64;
        }
        Ok(false)
    }
}
