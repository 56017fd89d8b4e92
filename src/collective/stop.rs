//! Why an operation does not come to its end.

use crate::abi::Cause;
use crate::error::Broken;

/// Why an operation ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A member has ended, or something else is wrong with it.
    Member(Cause, u32),
    /// A function that combines values wanted it.
    Refused,
    /// A part is longer than any may be, as all members know: nothing of it was exchanged.
    Unfit { needed: usize, len: usize },
    /// Something is wrong here.
    Broken(Broken),
}

impl From<Broken> for Stop {
    fn from(error: Broken) -> Self {
        Stop::Broken(error)
    }
}
