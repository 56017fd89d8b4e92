//! Whether what must not happen did.

use crate::common::failure::Failure;
use std::fmt::Display;

/// That there were `all` violations, unless there were none: the first of them, and the command that shows them again.
pub fn check(all: u64, first: Option<&str>, again: impl Display) -> Result<(), Failure> {
    if all == 0 {
        return Ok(());
    }
    let first = first.unwrap_or("something was left behind");
    Err(Failure::new(format_args!("{all} violations, the first: {first}; again: {again}")))
}
