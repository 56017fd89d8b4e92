//! A fetch by hand that is under way.

use super::Incoming;
use crate::error::FetchError;
use crate::half::Member;
use crate::rank::{Source, Status};
use crate::ring::Descriptor;
use crate::wait::{Interrupted, Operation, Step};

/// Takes the next bytes of an announced message that was asked for.
pub struct Fetch<'a> {
    member: &'a Member,
    peer: &'a Incoming,
    announcement: &'a Descriptor,
    buffer: &'a mut [u8],
    /// How many bytes came; 0 until it is done.
    pub taken: usize,
}

impl<'a> Fetch<'a> {
    /// Fetches into `buffer`, which is not empty.
    pub fn new(
        member: &'a Member,
        peer: &'a Incoming,
        announcement: &'a Descriptor,
        buffer: &'a mut [u8],
    ) -> Self {
        Self { member, peer, announcement, buffer, taken: 0 }
    }
}

impl Operation for Fetch<'_> {
    type Error = FetchError;

    fn look(&mut self, _: bool) -> Result<bool, FetchError> {
        Ok(self.peer.has_fetch(self.announcement))
    }

    fn check(&mut self, query: bool) -> Result<bool, FetchError> {
        let Self { member, peer, .. } = *self;
        let place = member.check_place(query);
        let is_cut = peer.is_cut(self.announcement);
        let end = member.end_of(peer.from, query);
        // What its sender put there before it ended comes first.
        if self.look(true)? {
            return Ok(true);
        }
        place?;
        match end {
            _ if is_cut => Err(FetchError::Cut(peer.from)),
            Some(end) => Err(FetchError::Gone { rank: peer.from, died: end != Status::Left }),
            None => Ok(false),
        }
    }

    fn step(&mut self) -> Result<Step, FetchError> {
        self.taken = self.peer.fetch(self.member, self.announcement, self.buffer)?;
        Ok(if self.taken > 0 { Step::Done } else { Step::Went })
    }

    fn is_in_vain(&self) -> bool {
        self.peer.from == self.member.rank() && self.member.finds_alone()
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(Source::Rank(self.peer.from));
    }
}

impl From<Interrupted> for FetchError {
    fn from(_: Interrupted) -> Self {
        FetchError::Interrupted
    }
}
