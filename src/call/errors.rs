//! What ends sending, receiving or waiting, as an error of a call.

use crate::error::{CallError, SendError};
use crate::ring::Corrupt;
use crate::send::AnswerError;
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

impl From<AnswerError> for CallError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Corrupt => CallError::Corrupt,
            AnswerError::NoMemory => CallError::NoMemory,
        }
    }
}
