//! What processes and shards say to each other.
//!
//! ```text
//!  request   kind:1, shards, epoch, number, what it needs         a call
//!  note      kind:1, epoch, number of a request, or of a lease    a message
//!  answer    kind:1, epoch, what it needs                         the answer to a call
//! ```
//! *Epoch* is the life of the shard that is meant: 0 for any. *Number* tells the requests of one process apart: each is larger than the one
//! before. All numbers are encoded as in `code`.

use super::code::{self, Reader, put_bytes, put_number};
use super::{Type, code::MOST_BYTES};
use mailbox::Region;

/// What a message has in addition to its tuple, at most.
const OVERHEAD: usize = 160;
/// The longest name of a function, in bytes.
pub const MOST_NAME: usize = 64;
/// The most functions that a process can run.
pub const MOST_FUNCTIONS: usize = 64;
/// The longest request, in bytes.
pub const MOST_REQUEST: usize = MOST_BYTES + OVERHEAD;

/// The longest tuple in this region, encoded: a request and an answer with it go at once.
pub fn longest(region: &Region) -> usize {
    let whole = usize::try_from(region.eager_limit()).unwrap_or(usize::MAX);
    MOST_BYTES.min(whole.saturating_sub(OVERHEAD))
}

/// What is to be done with a tuple that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It is copied.
    Read,
    /// It is taken.
    Take,
    /// It is taken for so many microseconds.
    Lease(u64),
    /// Nothing: only say that it is there.
    Watch,
}

/// Which tuples are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'b> {
    /// Those that match this template.
    Matching(&'b [u8]),
    /// Those that one of these functions is to complete: their number, and their names.
    Calling(&'b [u8]),
}

/// What is asked of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'b> {
    /// Put this tuple, or one that this function is to complete.
    Put { function: Option<&'b str>, tuple: &'b [u8] },
    /// Find a tuple; with `waits`, wait for one.
    Find { verb: Verb, waits: bool, wanted: Wanted<'b> },
    /// What was lent is used up. If there is a tuple, that takes its place.
    Done { lease: u64, tuple: Option<&'b [u8]> },
    /// The lease lasts for so many microseconds from now.
    Renew { lease: u64, micros: u64 },
}

/// A request with what goes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'b> {
    pub shards: u32,
    pub epoch: u64,
    pub number: u64,
    pub request: Request<'b>,
}

/// What is said to a shard without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The tuple was received.
    Received,
    /// Nobody waits for the answer.
    GivenUp,
    /// What was lent comes back. The number is that of the lease.
    GivenBack,
}

impl<'b> Asked<'b> {
    pub fn encode(&self) -> Vec<u8> {
        let mut into = Vec::with_capacity(64);
        let kind = match self.request {
            Request::Put { function: None, .. } => 1,
            Request::Put { .. } => 2,
            Request::Find { verb, .. } => match verb {
                Verb::Read => 3,
                Verb::Take => 4,
                Verb::Lease(_) => 5,
                Verb::Watch => 6,
            },
            Request::Done { tuple: None, .. } => 7,
            Request::Done { .. } => 8,
            Request::Renew { .. } => 9,
        };
        into.push(kind);
        put_number(&mut into, self.shards.into());
        put_number(&mut into, self.epoch);
        put_number(&mut into, self.number);
        match self.request {
            Request::Put { function, tuple } => {
                function.iter().for_each(|function| put_bytes(&mut into, function.as_bytes()));
                into.extend_from_slice(tuple);
            }
            Request::Find { verb, waits, wanted } => {
                if let Verb::Lease(micros) = verb {
                    put_number(&mut into, micros);
                }
                let (calls, bytes) = match wanted {
                    Wanted::Matching(bytes) => (0, bytes),
                    Wanted::Calling(bytes) => (2, bytes),
                };
                into.push(u8::from(waits) | calls);
                into.extend_from_slice(bytes);
            }
            Request::Done { lease, tuple } => {
                put_number(&mut into, lease);
                into.extend_from_slice(tuple.unwrap_or_default());
            }
            Request::Renew { lease, micros } => {
                put_number(&mut into, lease);
                put_number(&mut into, micros);
            }
        }
        into
    }

    /// The request of these bytes, with all tuples and templates in it checked.
    pub fn decode(bytes: &'b [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let kind = reader.byte()?;
        let shards = reader.number()?.try_into().ok()?;
        let (epoch, number) = (reader.number()?, reader.number()?);
        let request = match kind {
            1 | 2 => {
                let function = if kind == 2 { Some(name(&mut reader)?) } else { None };
                Request::Put { function, tuple: tuple(reader)? }
            }
            3..=6 => {
                let verb = match kind {
                    3 => Verb::Read,
                    4 => Verb::Take,
                    5 => Verb::Lease(reader.number()?),
                    _ => Verb::Watch,
                };
                let flags = reader.byte()?;
                let wanted = match flags & 2 {
                    0 => Wanted::Matching(code::check(reader.0, true).then_some(reader.0)?),
                    _ => Wanted::Calling(functions(reader).map(|_| reader.0)?),
                };
                (flags <= 3).then_some(Request::Find { verb, waits: flags & 1 != 0, wanted })?
            }
            7 | 8 => {
                let lease = reader.number()?;
                let tuple = if kind == 8 { Some(tuple(reader)?) } else { None };
                (kind == 8 || reader.is_at_end()).then_some(Request::Done { lease, tuple })?
            }
            9 => {
                let (lease, micros) = (reader.number()?, reader.number()?);
                reader.is_at_end().then_some(Request::Renew { lease, micros })?
            }
            _ => return None,
        };
        Some(Self { shards, epoch, number, request })
    }
}

fn tuple(rest: Reader<'_>) -> Option<&[u8]> {
    code::check(rest.0, false).then_some(rest.0)
}

fn name<'b>(reader: &mut Reader<'b>) -> Option<&'b str> {
    reader.text().filter(|name| name.len() <= MOST_NAME)
}

/// The names of functions of a [`Wanted::Calling`].
pub fn functions(mut reader: Reader<'_>) -> Option<Vec<&str>> {
    let count = reader.byte().filter(|count| usize::from(*count) <= MOST_FUNCTIONS)?;
    let names = (0..count).map(|_| name(&mut reader)).collect::<Option<Vec<_>>>()?;
    reader.is_at_end().then_some(names)
}

impl Note {
    pub fn encode(self, epoch: u64, number: u64) -> Vec<u8> {
        let mut into = Vec::with_capacity(24);
        into.push(self as u8 + 10);
        put_number(&mut into, epoch);
        put_number(&mut into, number);
        into
    }

    /// The note, the epoch and the number of these bytes.
    pub fn decode(bytes: &[u8]) -> Option<(Self, u64, u64)> {
        let mut reader = Reader(bytes);
        let note = match reader.byte()? {
            10 => Note::Received,
            11 => Note::GivenUp,
            12 => Note::GivenBack,
            _ => return None,
        };
        let (epoch, number) = (reader.number()?, reader.number()?);
        reader.is_at_end().then_some((note, epoch, number))
    }
}

/// What a shard answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'b> {
    /// It is done.
    Done,
    /// There is no such tuple.
    None,
    /// There is one.
    There,
    Found {
        returns: u32,
        tuple: &'b [u8],
    },
    Lent {
        lease: u64,
        returns: u32,
        function: Option<&'b str>,
        tuple: &'b [u8],
    },
    Full,
    Leases {
        most: u32,
    },
    Expired,
    OtherKey,
    OtherLife,
    OtherShards {
        theirs: u32,
    },
    Arity {
        wanted: usize,
        found: usize,
    },
    Type {
        field: usize,
        wanted: Type,
        found: Type,
    },
}

const TYPES: [Type; 6] = [Type::I64, Type::U64, Type::F64, Type::Bool, Type::Str, Type::Bytes];

impl<'b> Answer<'b> {
    /// The bytes of it, of a shard's life with this epoch.
    pub fn encode(&self, epoch: u64) -> Vec<u8> {
        let mut into = Vec::with_capacity(64);
        let (kind, numbers): (u8, &[u64]) = match *self {
            Answer::Done => (1, &[]),
            Answer::None => (2, &[]),
            Answer::There => (3, &[]),
            Answer::Found { returns, .. } => (4, &[returns.into()]),
            Answer::Lent { lease, returns, function: None, .. } => (5, &[lease, returns.into()]),
            Answer::Lent { lease, returns, .. } => (6, &[lease, returns.into()]),
            Answer::Full => (7, &[]),
            Answer::Leases { most } => (8, &[most.into()]),
            Answer::Expired => (9, &[]),
            Answer::OtherKey => (10, &[]),
            Answer::OtherLife => (11, &[]),
            Answer::OtherShards { theirs } => (12, &[theirs.into()]),
            Answer::Arity { wanted, found } => (13, &[wanted as u64, found as u64]),
            Answer::Type { field, wanted, found } => (14, &[field as u64, wanted as u64, found as u64]),
        };
        into.push(kind);
        put_number(&mut into, epoch);
        numbers.iter().for_each(|number| put_number(&mut into, *number));
        if let Answer::Lent { function: Some(function), .. } = self {
            put_bytes(&mut into, function.as_bytes());
        }
        if let Answer::Found { tuple, .. } | Answer::Lent { tuple, .. } = self {
            into.extend_from_slice(tuple);
        }
        into
    }

    /// The answer of these bytes, and the epoch of the shard. A tuple in it is not checked.
    pub fn decode(bytes: &'b [u8]) -> Option<(Self, u64)> {
        let mut reader = Reader(bytes);
        let (kind, epoch) = (reader.byte()?, reader.number()?);
        let mut number = || reader.number();
        let answer = match kind {
            1 => Answer::Done,
            2 => Answer::None,
            3 => Answer::There,
            4 => {
                let returns = number()?.try_into().ok()?;
                return Some((Answer::Found { returns, tuple: reader.0 }, epoch));
            }
            5 | 6 => {
                let (lease, returns) = (number()?, number()?.try_into().ok()?);
                let function = if kind == 6 { Some(name(&mut reader)?) } else { None };
                return Some((Answer::Lent { lease, returns, function, tuple: reader.0 }, epoch));
            }
            7 => Answer::Full,
            8 => Answer::Leases { most: number()?.try_into().ok()? },
            9 => Answer::Expired,
            10 => Answer::OtherKey,
            11 => Answer::OtherLife,
            12 => Answer::OtherShards { theirs: number()?.try_into().ok()? },
            13 => Answer::Arity { wanted: number()?.try_into().ok()?, found: number()?.try_into().ok()? },
            14 => {
                let field = number()?.try_into().ok()?;
                let mut kind = || TYPES.get(usize::try_from(number()?).ok()?).copied();
                Answer::Type { field, wanted: kind()?, found: kind()? }
            }
            _ => return None,
        };
        reader.is_at_end().then_some((answer, epoch))
    }
}
