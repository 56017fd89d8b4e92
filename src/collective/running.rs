//! An operation under way.

use super::fold::Fold;
use super::plan::{Plan, Take};
use core::ops::Range;

/// What an operation reads and writes.
pub struct Data<'a> {
    /// What this member has for others; `None` if it lies in the output.
    pub input: Option<&'a [u8]>,
    /// Where the input lies in the output, if it does.
    pub inside: usize,
    /// The result.
    pub output: &'a mut [u8],
    /// How values are combined, where they are.
    pub fold: Option<&'a mut dyn Fold>,
}

impl Data<'_> {
    /// These bytes of the input.
    pub fn own(&self, range: Range<usize>) -> &[u8] {
        match self.input {
            Some(input) => &input[range],
            None => &self.output[self.inside + range.start..self.inside + range.end],
        }
    }
}

/// How far an operation has come.
#[derive(Debug)]
pub struct Running {
    pub plan: Plan,
    /// Rounds that are over.
    pub round: u64,
    /// Whether this member has published what it had in this round.
    pub has_published: bool,
    /// The member that is looked at next.
    pub next: u32,
    /// Whether values of members before this one were taken in this round, and are not yet combined with its own.
    pub has_before: bool,
}

impl Running {
    pub fn new(plan: Plan) -> Self {
        Self { plan, round: 0, has_published: false, next: 0, has_before: false }
    }

    /// Takes what this member has for itself.
    pub(super) fn take_own(&mut self, take: &Take, data: &mut Data<'_>) {
        let to = &mut data.output[take.to.clone()];
        // Otherwise it is in its place already.
        if let Some(input) = data.input {
            to.copy_from_slice(&input[take.own.clone()]);
        }
        if let Some(fold) = &mut data.fold
            && core::mem::take(&mut self.has_before)
        {
            fold.take_own(to);
        }
    }

    /// Everything of this round was taken.
    #[inline(always)]
    pub(super) fn end_round(&mut self, data: &mut Data<'_>) {
        if let Some(fold) = &mut data.fold
            && core::mem::take(&mut self.has_before)
        {
            // This member's own values are no part of the result.
            fold.copy_before(&mut data.output[self.plan.result(self.round)]);
        }
        self.round += 1;
        self.has_published = false;
    }
}
