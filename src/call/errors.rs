//! What ends a wait, as an error of a call.

use crate::error::CallError;
use crate::wait::Interrupted;

impl From<Interrupted> for CallError {
    fn from(_: Interrupted) -> Self {
        CallError::Interrupted
    }
}
