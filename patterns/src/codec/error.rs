//! What can go wrong with typed messages.

use super::Schema;
use mailbox::ReplyError as AnswerError;
use thiserror::Error;

/// Why a value was not written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It has more bytes than there is room for.
    #[error("{schema}: the value takes more than the {room} bytes that there are for it")]
    TooLong {
        /// Its type.
        schema: Schema,
        /// The room in bytes, with the header.
        room: usize,
    },
    /// The codec cannot write this value.
    #[error("{schema}: the value cannot be written: {reason}")]
    Refused {
        /// Its type.
        schema: Schema,
        /// Why, in the codec's words, of which the first 256 bytes are kept.
        reason: String,
    },
}

/// Why a message was not read as a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It has a value of another type, or of another version of the type, or in another format.
    #[error("{found} was sent, and {expected} is expected")]
    Mismatch {
        /// The type that was to be read.
        expected: Schema,
        /// The type that it has.
        found: Schema,
    },
    /// It does not begin with a type. What has sent it sends untyped messages, or has a later version of this library.
    #[error("a message without a type was sent, and {expected} is expected")]
    Untyped {
        /// The type that was to be read.
        expected: Schema,
    },
    /// It is longer than the limit of its receiver.
    #[error("{expected}: a message of {len} bytes is longer than the limit of {limit}")]
    TooLong {
        /// The type that was to be read.
        expected: Schema,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It has the right type, and is no value of it.
    #[error("{expected}: the message makes no sense: {reason}")]
    Malformed {
        /// The type that was to be read.
        expected: Schema,
        /// Why, in the codec's words, of which the first 256 bytes are kept.
        reason: String,
    },
}

/// Why a typed message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The value was not written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The message was not sent.
    #[error(transparent)]
    Send(#[from] mailbox::SendError),
}

/// Why no value was received.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecvError {
    /// A message came that is no such value. It is acknowledged, and the next receive gives the next one.
    #[error("from rank {rank}: {error}")]
    Decode {
        /// Who sent it.
        rank: u32,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A message came where calls are served. It is acknowledged.
    #[error("rank {rank} has sent a message, and waits for no answer")]
    NotACall {
        /// Who sent it.
        rank: u32,
    },
    /// No message came.
    #[error(transparent)]
    Recv(#[from] mailbox::RecvError),
}

impl RecvError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        *self == RecvError::Recv(mailbox::RecvError::Timeout)
    }
}

/// Why a value was not published or not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// The value was not written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// What was published is no such value. The next read gives the next one.
    #[error("topic {topic:?}: {error}")]
    Decode {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The topic cannot be written or read.
    #[error(transparent)]
    Topic(#[from] mailbox::TopicError),
}

impl From<mailbox::PublishError> for TopicError {
    fn from(error: mailbox::PublishError) -> Self {
        TopicError::Topic(error.into())
    }
}

impl From<mailbox::ReadError> for TopicError {
    fn from(error: mailbox::ReadError) -> Self {
        TopicError::Topic(error.into())
    }
}

/// Why a typed call has no answer, or another than one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The server answers with this error.
    #[error("the server refuses the request")]
    Remote(E),
    /// The server reads requests of another type.
    #[error("{ours} was asked of rank {rank}, which answers {theirs}")]
    OtherRequest {
        /// The server.
        rank: u32,
        /// The type of the request.
        ours: Schema,
        /// The type of the server's requests.
        theirs: Schema,
    },
    /// The server could not read the request, which has the right type; it is too long for the server, or a field has a value that it
    /// does not know.
    #[error("rank {rank} could not read the request: {reason}")]
    NotUnderstood {
        /// The server.
        rank: u32,
        /// Why, in the server's words.
        reason: String,
    },
    /// The request was not written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer, or the server's error, is no such value. The server has carried the call out.
    #[error("from rank {rank}: {error}")]
    Decode {
        /// The server.
        rank: u32,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// There is no answer.
    #[error(transparent)]
    Call(mailbox::CallError),
}

/// Why a typed call was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The answer was not written. The caller is told that the call was dropped.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer was not sent.
    #[error(transparent)]
    Reply(#[from] AnswerError),
}
