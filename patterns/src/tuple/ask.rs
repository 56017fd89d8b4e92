//! What a process asks the shards of a space, and what it does with their answers.

use super::code;
use super::message::{Answer, Asked, Note, Request, Verb, Wanted, longest};
use super::{Tuple, TupleError};
use core::cell::Cell;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use mailbox::{Call, CallError, Deadline, End, Endpoint, Reply};

/// How many requests this process of the operating system has made. A shard tells requests of one endpoint apart by it.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// The shards of a space, for a process that asks them.
pub struct Shards<'a> {
    me: &'a Endpoint,
    ranks: Range<u32>,
    /// The life of each that this process has to do with; 0 if it has not answered yet.
    epochs: Vec<Cell<u64>>,
    /// The shard that is asked first where all are asked.
    pub turn: Cell<u32>,
}

/// A tuple that a shard has found.
pub struct Found {
    pub shard: u32,
    pub tuple: Tuple,
    /// Its lease, if it was lent: the life of the shard, and the number.
    pub lease: Option<(u64, u64)>,
    pub function: Option<String>,
}

/// A request under way.
pub struct Asking<'a> {
    shard: u32,
    number: u64,
    pub call: Call<'a>,
}

impl<'a> Shards<'a> {
    pub fn begin(me: &'a Endpoint, ranks: Range<u32>) -> Result<Self, TupleError> {
        if ranks.is_empty() || ranks.end > me.region().ranks() {
            return Err(TupleError::NoShard { rank: ranks.end.saturating_sub(1).max(ranks.start) });
        }
        let epochs = ranks.clone().map(|_| Cell::new(0)).collect();
        Ok(Self { me, ranks, epochs, turn: me.rank().into() })
    }

    pub fn ranks(&self) -> &Range<u32> {
        &self.ranks
    }

    pub fn count(&self) -> u32 {
        self.ranks.end - self.ranks.start
    }

    pub fn rank(&self, shard: u32) -> u32 {
        self.ranks.start + shard
    }

    /// The shard of the key of this tuple or template; `None` for a template that takes any.
    pub fn of_key(&self, bytes: &[u8]) -> Option<u32> {
        code::key(bytes).map(|key| code::shard_of(key, self.count()))
    }

    pub fn encode(&self, tuple: &Tuple) -> Result<Vec<u8>, TupleError> {
        let mut bytes = Vec::with_capacity(64);
        code::put_tuple(&mut bytes, tuple)?;
        self.check_len(&bytes)?;
        Ok(bytes)
    }

    pub fn check_len(&self, bytes: &[u8]) -> Result<(), TupleError> {
        let limit = longest(self.me.region());
        (bytes.len() <= limit).then_some(()).ok_or(TupleError::TooLong { len: bytes.len(), limit })
    }

    /// Asks, and does not wait for the answer.
    pub fn start(
        &self,
        shard: u32,
        request: Request<'_>,
        epoch: Option<u64>,
        deadline: Deadline,
    ) -> Result<Asking<'a>, TupleError> {
        let number = REQUESTS.fetch_add(1, Relaxed) + 1;
        let epoch = epoch.unwrap_or_else(|| self.epochs[shard as usize].get());
        let asked = Asked { shards: self.count(), epoch, number, request }.encode();
        let to = self.me.to(self.rank(shard)).within(deadline);
        let call = to.start_call(&asked).map_err(|error| self.failed(shard, error))?;
        Ok(Asking { shard, number, call })
    }

    /// Waits for the answer. If none comes in time, the shard is told that nobody waits for it.
    pub fn wait(&self, asking: &Asking<'_>, deadline: Deadline) -> Result<Reply, TupleError> {
        asking.call.wait_within(deadline).map_err(|error| {
            self.give_up(asking);
            self.failed(asking.shard, error)
        })
    }

    /// Nobody waits for the answer any more. If this finds no room, the next request to that shard says the same.
    pub fn give_up(&self, asking: &Asking<'_>) {
        _ = self.note(asking.shard, Note::GivenUp, asking.number, Deadline::Now);
    }

    fn note(&self, shard: u32, note: Note, number: u64, deadline: Deadline) -> Result<(), TupleError> {
        self.note_to(shard, self.epochs[shard as usize].get(), note, number, deadline)
    }

    /// Says something to this life of a shard.
    pub fn note_to(
        &self,
        shard: u32,
        epoch: u64,
        note: Note,
        number: u64,
        deadline: Deadline,
    ) -> Result<(), TupleError> {
        let sent = self.me.to(self.rank(shard)).within(deadline).send(&note.encode(epoch, number));
        sent.map_err(|error| self.failed(shard, error.into()))
    }

    /// Why a call or a message to a shard failed.
    pub fn failed(&self, shard: u32, error: CallError) -> TupleError {
        let rank = self.rank(shard);
        match error {
            CallError::Timeout(_) => TupleError::Timeout,
            CallError::Unanswered { end: End::Dropped, .. } | CallError::Refused(_) => {
                TupleError::NoShard { rank }
            }
            error if error.is_gone() => {
                // What the next process of that rank has, nobody has lost.
                self.epochs[shard as usize].set(0);
                TupleError::Gone { rank }
            }
            CallError::Request(error) => TupleError::Send(error),
            error => TupleError::Call(error),
        }
    }

    /// What is in an answer.
    pub fn read<'r>(&self, shard: u32, reply: &'r Reply) -> Result<(Answer<'r>, u64), TupleError> {
        let rank = self.rank(shard);
        let (answer, epoch) = Answer::decode(reply).ok_or(TupleError::Garbled { rank })?;
        Err(match answer {
            Answer::Full => TupleError::Full { rank },
            Answer::Leases { most } => TupleError::Leases { rank, most },
            Answer::OtherLife => {
                self.epochs[shard as usize].set(epoch);
                TupleError::Restarted { rank, epoch }
            }
            Answer::OtherShards { theirs } => TupleError::OtherShards { rank, ours: self.count(), theirs },
            Answer::Arity { wanted, found } => TupleError::Arity { wanted, found },
            Answer::Type { field, wanted, found } => TupleError::Type { field, wanted, found },
            answer => {
                self.epochs[shard as usize].set(epoch);
                return Ok((answer, epoch));
            }
        })
    }

    /// Has a shard do something that it only says is done. `lease`: a request about a lease, the life of the shard that lent it, and
    /// its number.
    pub fn order(
        &self,
        shard: u32,
        request: Request<'_>,
        lease: Option<(u64, u64)>,
        deadline: Deadline,
    ) -> Result<(), TupleError> {
        let asking = self.start(shard, request, lease.map(|(epoch, _)| epoch), deadline)?;
        let reply = self.wait(&asking, deadline)?;
        match (self.read(shard, &reply)?.0, lease) {
            (Answer::Done, _) => Ok(()),
            (Answer::Expired, Some((_, lease))) => Err(TupleError::Expired { rank: self.rank(shard), lease }),
            _ => Err(TupleError::Garbled { rank: self.rank(shard) }),
        }
    }

    /// A tuple that is wanted, of the shard that has it, or of any.
    pub fn find(
        &self,
        verb: Verb,
        wanted: Wanted<'_>,
        waits: bool,
        deadline: Deadline,
    ) -> Result<Option<Found>, TupleError> {
        // Only now: for no tuple. The shard's answer is waited for.
        let (waits, deadline) = if deadline.is_now() { (false, Deadline::Never) } else { (waits, deadline) };
        let shard = match wanted {
            Wanted::Matching(template) => self.of_key(template),
            Wanted::Calling(_) => None,
        };
        match shard {
            Some(shard) => self.find_at(shard, verb, wanted, waits, deadline),
            None if self.count() == 1 => self.find_at(0, verb, wanted, waits, deadline),
            None => super::all::find(self, verb, wanted, waits, deadline),
        }
    }

    /// A tuple that is wanted, of this shard.
    pub fn find_at(
        &self,
        shard: u32,
        verb: Verb,
        wanted: Wanted<'_>,
        waits: bool,
        deadline: Deadline,
    ) -> Result<Option<Found>, TupleError> {
        let asking = self.start(shard, Request::Find { verb, waits, wanted }, None, deadline)?;
        let reply = self.wait(&asking, deadline)?;
        let garbled = TupleError::Garbled { rank: self.rank(shard) };
        let (answer, epoch) = self.read(shard, &reply)?;
        let (bytes, returns, lease, function) = match (answer, verb) {
            (Answer::None, _) if !waits => return Ok(None),
            (Answer::Found { returns, tuple }, Verb::Read | Verb::Take) => (tuple, returns, None, None),
            (Answer::Lent { lease, returns, function, tuple }, Verb::Lease(_)) => {
                (tuple, returns, Some((epoch, lease)), function.map(Into::into))
            }
            _ => return Err(garbled),
        };
        let tuple = code::tuple(bytes, returns).ok_or(garbled)?;
        if verb == Verb::Take {
            // The tuple is this process's only when the shard is sure to hear of it. Otherwise it is there again.
            self.note(shard, Note::Received, asking.number, deadline)?;
        }
        Ok(Some(Found { shard, tuple, lease, function }))
    }
}
