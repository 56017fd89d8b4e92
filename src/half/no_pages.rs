//! The error for memory that is missing in the segment.

use crate::error::Broken;
use crate::os;
use std::io;

/// The error if the system has not given what belongs to `rank` its memory.
pub fn no_pages(rank: u32, error: &io::Error) -> Broken {
    if os::is_out_of_space(error) {
        return Broken::NoSpace(rank);
    }
    Broken::Os { rank, code: os::error_number(error) }
}
