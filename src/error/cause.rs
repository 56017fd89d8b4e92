//! Whether time or a peer's end caused an error, and which error of one verb becomes which of another.

use super::{Broken, CallError, End, FetchError, Lost, RecvError, ReplyError, SendError, WaitError};

impl From<Lost> for SendError {
    fn from(lost: Lost) -> Self {
        Broken::Lost(lost).into()
    }
}

impl From<Lost> for RecvError {
    fn from(lost: Lost) -> Self {
        Broken::Lost(lost).into()
    }
}

impl From<Lost> for FetchError {
    fn from(lost: Lost) -> Self {
        Broken::Lost(lost).into()
    }
}

impl From<Lost> for CallError {
    fn from(lost: Lost) -> Self {
        Broken::Lost(lost).into()
    }
}

impl From<SendError> for CallError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Timeout(rank) => CallError::Timeout(rank),
            SendError::Interrupted => CallError::Interrupted,
            SendError::Broken(broken @ Broken::Lost(_)) => CallError::Broken(broken),
            error => CallError::Request(error),
        }
    }
}

impl SendError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendError::Timeout(_))
    }

    /// Whether the receiver has ended.
    pub fn is_gone(&self) -> bool {
        matches!(self, SendError::Gone { .. })
    }
}

impl RecvError {
    /// Whether the deadline passed.
    ///
    /// ```
    /// # use mailbox::{Config, Deadline, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// // Rank 1 is there, and has sent nothing.
    /// let error = me.from(1).within(Deadline::Now).recv().unwrap_err();
    /// assert!(error.is_timeout() && !error.is_gone());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_timeout(&self) -> bool {
        *self == RecvError::Timeout
    }

    /// Whether the sender has ended.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"the last")?;
    /// drop(other);
    /// let mut last = vec![];
    /// let end = loop {
    ///     match me.from(1).recv() {
    ///         Ok(mail) => last = mail.to_vec(),
    ///         Err(error) => break error,
    ///     }
    /// };
    /// assert!(end.is_gone() && last == b"the last");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_gone(&self) -> bool {
        matches!(self, RecvError::Gone { .. })
    }
}

impl FetchError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, FetchError::Timeout(_))
    }

    /// Whether the sender has ended.
    pub fn is_gone(&self) -> bool {
        matches!(self, FetchError::Gone { .. })
    }
}

impl CallError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, CallError::Timeout(_))
    }

    /// Whether the server has ended, before or after the request was sent.
    pub fn is_gone(&self) -> bool {
        match self {
            CallError::Request(error) => error.is_gone(),
            CallError::Unanswered { end, .. } => *end != End::Dropped,
            _ => false,
        }
    }
}

impl ReplyError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, ReplyError::Send(error) if error.is_timeout())
    }

    /// Whether the caller has ended.
    pub fn is_gone(&self) -> bool {
        matches!(self, ReplyError::Send(error) if error.is_gone())
    }
}

impl WaitError {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, WaitError::Timeout { .. })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_before_and_after_the_request() {
        assert!(CallError::from(SendError::Gone { rank: 1, died: false }).is_gone());
        assert!(CallError::Unanswered { rank: 1, end: End::Died }.is_gone());
        assert!(!CallError::Unanswered { rank: 1, end: End::Dropped }.is_gone());
        let timeout = CallError::from(SendError::Timeout(3));
        assert!(timeout.is_timeout());
        assert_eq!(timeout, CallError::Timeout(3));
    }

    #[test]
    fn an_error_that_a_message_may_return_has_three_words_at_most() {
        let sizes = [size_of::<SendError>(), size_of::<RecvError>(), size_of::<FetchError>()];
        assert_eq!(sizes, [24; 3]);
    }

    #[test]
    fn a_timeout_and_an_end_are_told_of_an_answer_a_fetch_and_a_wait() {
        let gone = ReplyError::from(SendError::Gone { rank: 1, died: true });
        let timeout = ReplyError::from(SendError::Timeout(1));
        assert_eq!((gone.is_gone(), gone.is_timeout()), (true, false));
        assert_eq!((timeout.is_gone(), timeout.is_timeout()), (false, true));
        assert!(!ReplyError::NotACall(1).is_gone() && !ReplyError::NotACall(1).is_timeout());
        assert!(FetchError::Timeout(1).is_timeout() && !FetchError::Cut(1).is_timeout());
        assert!(FetchError::Gone { rank: 1, died: true }.is_gone() && !FetchError::Cut(1).is_gone());
        assert!(WaitError::Timeout { rank: 1 }.is_timeout() && !WaitError::Removed { rank: 1 }.is_timeout());
    }
}
