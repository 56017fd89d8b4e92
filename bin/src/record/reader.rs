//! The end that reads a recording.

use super::entry::{Body, Fields, HEADER, MAGIC, MAX_BODY, Record, VERSION};
use std::fmt::{self, Display, Formatter};
use std::io::{self, Read};

/// Reads a recording, record by record.
pub struct Reader<R: Read> {
    input: R,
    ranks: u32,
    /// Where the next record begins.
    offset: u64,
    records: u64,
    body: Vec<u8>,
    is_over: bool,
}

/// Why there are no more records.
#[derive(Debug)]
pub enum ReadError {
    /// It does not begin as a recording.
    Foreign,
    /// It has this version of the format.
    Version(u32),
    /// It ends in the middle of the record that begins at this byte, or where a record or the end should begin.
    Cut(u64),
    /// What begins at this byte is no record.
    Garbled(u64),
    /// It cannot be read.
    Io(io::Error),
}

impl Display for ReadError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("this is not a recording"),
            Self::Version(version) => {
                write!(
                    f,
                    "the recording has version {version} of the format, and this program reads 1 to {VERSION}"
                )
            }
            Self::Cut(offset) => write!(f, "the recording was cut: it is whole up to byte {offset}"),
            Self::Garbled(offset) => {
                write!(f, "the recording is garbled: what begins at byte {offset} is no record")
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn begin(input: R) -> Result<Self, ReadError> {
        let mut reader = Self { input, ranks: 0, offset: 0, records: 0, body: vec![], is_over: false };
        let header = reader.read(HEADER as u64)?.to_vec();
        if !header.starts_with(&MAGIC[..header.len().min(MAGIC.len())]) || header.is_empty() {
            return Err(ReadError::Foreign);
        }
        let mut fields = Fields(header.get(MAGIC.len()..).unwrap_or_default());
        match fields.u32() {
            None => return Err(ReadError::Cut(0)),
            Some(1..=VERSION) => {}
            Some(version) => return Err(ReadError::Version(version)),
        }
        if header.len() < HEADER {
            return Err(ReadError::Cut(0));
        }
        let (said, check) = header.split_at(HEADER - 4);
        reader.ranks = fields.u32().filter(|_| is_checked(said, check)).ok_or(ReadError::Garbled(0))?;
        reader.offset = HEADER as u64;
        Ok(reader)
    }

    /// How many ranks the region had.
    pub fn ranks(&self) -> u32 {
        self.ranks
    }

    /// The next record; `None` after the last. After an error, always `None`.
    pub fn next(&mut self) -> Result<Option<Record>, ReadError> {
        if self.is_over {
            return Ok(None);
        }
        let read = self.read_record();
        self.is_over = !matches!(read, Ok(Some(_)));
        read
    }

    fn read_record(&mut self) -> Result<Option<Record>, ReadError> {
        let begin = self.offset;
        let (cut, garbled) = (|| ReadError::Cut(begin), || ReadError::Garbled(begin));
        let head: [u8; 8] = self.read(8)?.try_into().map_err(|_| cut())?;
        let len = Fields(&head).u32().filter(|len| is_checked(&head[..4], &head[4..]) && *len <= MAX_BODY);
        let framed = u64::from(len.ok_or_else(garbled)?) + 4;
        let bytes = self.read(framed)?;
        if (bytes.len() as u64) < framed {
            return Err(cut());
        }
        let (body, check) = bytes.split_at(bytes.len() - 4);
        let body = Body::of(body).filter(|_| is_checked(body, check)).ok_or_else(garbled)?;
        self.offset = begin + 8 + framed;
        match body {
            Body::Record(record) => {
                self.records += 1;
                Ok(Some(record))
            }
            Body::End(records) if records == self.records => self.at_end(),
            Body::End(_) => Err(garbled()),
        }
    }

    /// Nothing comes after the end.
    fn at_end(&mut self) -> Result<Option<Record>, ReadError> {
        let offset = self.offset;
        if self.read(1)?.is_empty() { Ok(None) } else { Err(ReadError::Garbled(offset)) }
    }

    /// The next `len` bytes, or as many as there are. Memory grows only with what comes.
    fn read(&mut self, len: u64) -> Result<&[u8], ReadError> {
        self.body.clear();
        (&mut self.input).take(len).read_to_end(&mut self.body).map_err(ReadError::Io)?;
        Ok(&self.body)
    }
}

#[cfg(test)]
impl<R: Read> Reader<R> {
    /// How much memory it has taken.
    pub fn capacity(&self) -> usize {
        self.body.capacity()
    }
}

/// Whether `check` is that of `bytes`.
fn is_checked(bytes: &[u8], check: &[u8]) -> bool {
    crc32fast::hash(bytes).to_le_bytes() == check
}
