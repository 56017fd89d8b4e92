//! A thread's part in an operation of all members.

use super::communicator::{Comm, groups_of};
use crate::abi::Cause;
use crate::collective::{Data, Group, Groups, Plan, Running, Stop};
use crate::endpoint::Halves;
use crate::error::CollectiveError;
use crate::half::Member;
use crate::wait::pace::TURNS_OF_ALL;
use crate::wait::{Deadline, Interrupted, Operation, look_soon};

/// An operation that this thread waits for.
struct TakingPart<'b, 'd> {
    halves: Halves<'b>,
    member: &'b Member,
    groups: &'b Groups,
    slot: u32,
    at: Running,
    data: Data<'d>,
    /// Whether it has come to its end.
    is_over: bool,
}

impl Comm<'_> {
    /// Takes part in an operation of all members.
    #[inline(always)]
    pub(super) fn take_part(&self, plan: Plan, data: Data<'_>) -> Result<(), CollectiveError> {
        let (member, groups) = groups_of(self.endpoint);
        member.check()?;
        groups.with(self.slot, |group| group.look_for_deaths(member));
        let halves = self.endpoint.both();
        let at = Running::new(plan);
        let mut part = TakingPart { halves, member, groups, slot: self.slot, at, data, is_over: false };
        if part.advance()? {
            return Ok(());
        }
        let deadline = self.timeout.get().map_or(Deadline::Never, Deadline::from);
        let mut result = Ok(false);
        look_soon(member, deadline, || {
            result = part.advance();
            result != Ok(false)
        });
        if result? || halves.drive(member, deadline, &mut part)? {
            return Ok(());
        }
        Err(part.missing())
    }

    /// The others cannot do without this member, which does not take part in the next operation.
    #[cold]
    pub(super) fn give_up(&self, stop: Stop) -> CollectiveError {
        let (member, groups) = groups_of(self.endpoint);
        groups.break_off_for(member, self.slot, &stop);
        let refused = CollectiveError::GivenUp { rank: member.rank() };
        groups.with(self.slot, |group| error(group, stop)).unwrap_or(refused)
    }
}

impl TakingPart<'_, '_> {
    #[inline(always)]
    fn advance(&mut self) -> Result<bool, CollectiveError> {
        let result = self.groups.advance(self.member, self.slot, &mut self.at, &mut self.data);
        self.note(result)
    }

    #[inline(always)]
    fn note(&mut self, result: Result<bool, Stop>) -> Result<bool, CollectiveError> {
        self.is_over = result != Ok(false);
        result.map_err(|stop| self.error(stop))
    }

    #[cold]
    fn error(&self, stop: Stop) -> CollectiveError {
        let refused = CollectiveError::GivenUp { rank: self.member.rank() };
        self.groups.with(self.slot, |group| error(group, stop)).unwrap_or(refused)
    }

    fn missing(&self) -> CollectiveError {
        // What was started before may be what does not come to its end.
        let before = self.groups.missing(self.slot);
        let of_this = |group: &mut Group| group.missing(&self.at).collect();
        let missing = match before.is_empty() {
            true => self.groups.with(self.slot, of_this).unwrap_or_default(),
            false => before,
        };
        missing_of(&missing)
    }
}

/// The error that says that these ranks do not take part.
pub fn missing_of(ranks: &[u32]) -> CollectiveError {
    let others = ranks.len().saturating_sub(1) as u32;
    CollectiveError::Missing { missing: ranks.first().copied().unwrap_or_default(), others }
}

/// What a program is told of this end.
pub fn error(group: &Group, stop: Stop) -> CollectiveError {
    match stop {
        Stop::Broken(error) => CollectiveError::Broken(error),
        Stop::Unfit { needed, len } => CollectiveError::Unfit { needed, len },
        Stop::Refused => CollectiveError::GivenUp { rank: group.members()[group.me() as usize].0 },
        Stop::Member(cause, member) => {
            let rank = group.members()[member as usize].0;
            match cause {
                Cause::Died => CollectiveError::Gone { rank, died: true },
                Cause::Left => CollectiveError::Gone { rank, died: false },
                Cause::Mismatch => CollectiveError::Mismatch { rank },
                Cause::GivenUp => CollectiveError::GivenUp { rank },
            }
        }
    }
}

impl Operation for TakingPart<'_, '_> {
    type Error = CollectiveError;

    #[inline(always)]
    fn look(&mut self, _: bool) -> Result<bool, CollectiveError> {
        self.advance()
    }

    fn check(&mut self, query: bool) -> Result<bool, CollectiveError> {
        self.halves.check_place(query)?;
        let result = self.groups.check(self.member, self.slot, &mut self.at, &mut self.data, query);
        self.note(result)
    }

    fn turns(&self) -> u32 {
        TURNS_OF_ALL
    }

    fn waits_for_neighbour(&self) -> bool {
        let of_this = |group: &mut Group| group.waits_for_neighbour(self.member, &self.at);
        self.groups.with(self.slot, of_this).unwrap_or(true)
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(self.groups.awaited(self.slot));
    }
}

impl Drop for TakingPart<'_, '_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.groups.break_off(self.member, self.slot);
        }
        self.groups.catch_up(self.member);
    }
}

impl From<Interrupted> for CollectiveError {
    fn from(_: Interrupted) -> Self {
        CollectiveError::Interrupted
    }
}
