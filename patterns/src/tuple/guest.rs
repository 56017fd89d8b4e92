//! A process that asks a shard.

use super::message::Verb;
use super::store::{Sought, Stored};
use mailbox::Mail;

/// A rank that may ask.
#[derive(Debug, Default)]
pub struct Guest<'a> {
    /// The life of it that was seen last, and whether that is over.
    pub epoch: u64,
    pub is_over: bool,
    /// The number of its last request, also if that was given up before it came.
    pub last: u64,
    /// How many tuples it has under lease.
    pub leases: u32,
    /// What became of its last request.
    pub state: State<'a>,
}

impl Guest<'_> {
    /// Whether mail of this life is of the process that is there. If nothing was told of the rank yet, that process came before there was
    /// a shard.
    pub fn lives(&mut self, epoch: u64) -> bool {
        if self.epoch == 0 {
            self.epoch = epoch;
        }
        !self.is_over && self.epoch == epoch
    }
}

/// What became of the last request of a process. It has no other one: the next ends it.
#[derive(Debug, Default)]
pub enum State<'a> {
    /// Nothing more is to be done.
    #[default]
    Over,
    /// It waits for a tuple. Those who came first have the smallest tickets.
    Waits { ticket: u64, call: Mail<'a>, verb: Verb, sought: Sought },
    /// There is an answer, and no room for it.
    Owed { call: Mail<'a>, answer: Vec<u8>, gift: Gift },
    /// It was answered, and may not have received this.
    Sent(Gift),
}

/// What an answer gives.
#[derive(Debug)]
pub enum Gift {
    Nothing,
    Tuple(Stored),
    /// The number of a lease.
    Lease(u64),
}
