//! What those that keep a register receive.

use super::RegisterError;
use mailbox::{Broken, Deadline, Endpoint, Mail, RecvError};
use std::time::Instant;

/// What an [`Owner`](super::Owner) or a [`Replica`](super::Replica) has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Served {
    /// It told the value.
    Read {
        /// To this rank.
        from: u32,
    },
    /// It took a value. A replica that has a later one keeps that.
    Written {
        /// From this rank.
        from: u32,
    },
    /// It had the expected value, and took the new one.
    Swapped {
        /// For this rank.
        from: u32,
    },
    /// It had another value than the expected one, and told it.
    NotSwapped {
        /// To this rank.
        from: u32,
    },
    /// It refused a request for another register, for another life of the owner, or of one with other members; or it is a replica
    /// that has no value yet.
    Refused {
        /// Of this rank.
        from: u32,
    },
    /// It received what is no request, or the mailbox from this rank makes no sense. Nothing was done.
    Nonsense {
        /// From this rank.
        from: u32,
    },
    /// This replica, a new life, has the value now, from a majority.
    Recovered,
}

/// The next mail. The inner error is what else is to be told.
pub fn receive(me: &Endpoint, deadline: Deadline) -> Result<Result<Mail<'_>, Served>, RegisterError> {
    let mut told = 0;
    loop {
        match me.from_any().within(deadline).recv() {
            Ok(mail) => return Ok(Ok(mail)),
            // Who comes and goes without an end does not keep it from returning.
            Err(RecvError::Gone { .. } | RecvError::Held(_) | RecvError::Crowded { .. })
                if told <= me.region().ranks() || !deadline.has_passed(Instant::now) =>
            {
                told = told.saturating_add(1);
            }
            Err(RecvError::Gone { .. } | RecvError::Held(_) | RecvError::Crowded { .. }) => {
                return Err(RegisterError::Timeout);
            }
            Err(RecvError::Timeout) => return Err(RegisterError::Timeout),
            Err(RecvError::Broken(Broken::Corrupt(from) | Broken::NoMemory { rank: from, .. })) => {
                return Ok(Err(Served::Nonsense { from }));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
