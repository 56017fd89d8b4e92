//! What ends sending, receiving or waiting, as an error of a call.

use crate::error::{CallError, RecvError, SendError};
use crate::ring::Corrupt;
use crate::wait::Interrupted;

impl From<SendError> for CallError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Timeout => CallError::Timeout,
            SendError::Interrupted => CallError::Interrupted,
            SendError::Lost(lost) => CallError::Lost(lost),
            error => CallError::Request(error),
        }
    }
}

impl From<Corrupt> for CallError {
    fn from(_: Corrupt) -> Self {
        CallError::Corrupt
    }
}

impl From<Interrupted> for CallError {
    fn from(_: Interrupted) -> Self {
        CallError::Interrupted
    }
}

impl From<RecvError> for CallError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Held(_) => CallError::Held,
            RecvError::Lost(lost) => CallError::Lost(lost),
            RecvError::Interrupted => CallError::Interrupted,
            _ => CallError::Corrupt,
        }
    }
}
