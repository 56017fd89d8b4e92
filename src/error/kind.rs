//! What errors are as errors of the standard library.

use super::{
    Broken, CallError, CloseError, ConfigError, CreateError, CreateOrOpenError, DiscardError, FetchError,
    HandError, JoinEnvError, JoinError, Lost, Mismatch, OpenError, RecvError, RemoveError, ReplyError,
    SendError, SizeError, System, WaitError,
};
use std::io::{Error, ErrorKind};

impl Broken {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Broken::NoSuchRank { .. } => ErrorKind::InvalidInput,
            Broken::Oneself => ErrorKind::Deadlock,
            Broken::NoSpace(_) => ErrorKind::StorageFull,
            Broken::Os { code, .. } => Error::from_raw_os_error(*code).kind(),
            Broken::NoMemory { .. } => ErrorKind::OutOfMemory,
            Broken::Corrupt(_) => ErrorKind::InvalidData,
            Broken::Reset(_) => ErrorKind::ConnectionReset,
            Broken::Lost(_) => ErrorKind::NotConnected,
        }
    }
}

impl SendError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            SendError::Full(_) => ErrorKind::WouldBlock,
            SendError::Timeout(_) => ErrorKind::TimedOut,
            // Not `Interrupted`: what reads or writes in a loop would try again.
            SendError::Interrupted => ErrorKind::Other,
            SendError::Gone { .. } => ErrorKind::BrokenPipe,
            SendError::TooLarge { .. } => ErrorKind::InvalidInput,
            SendError::Refused(_) => ErrorKind::ConnectionRefused,
            SendError::Broken(broken) => broken.kind(),
        }
    }
}

impl RecvError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            RecvError::Timeout => ErrorKind::TimedOut,
            RecvError::Interrupted => ErrorKind::Other,
            RecvError::Gone { died: false, .. } => ErrorKind::UnexpectedEof,
            RecvError::Gone { died: true, .. } => ErrorKind::ConnectionReset,
            RecvError::Held(_) | RecvError::Crowded { .. } => ErrorKind::ResourceBusy,
            RecvError::Misfit { .. } => ErrorKind::InvalidInput,
            RecvError::Broken(broken) => broken.kind(),
        }
    }
}

impl FetchError {
    fn kind(&self) -> ErrorKind {
        match self {
            FetchError::Timeout(_) => ErrorKind::TimedOut,
            FetchError::Interrupted => ErrorKind::Other,
            FetchError::Gone { died: false, .. } => ErrorKind::UnexpectedEof,
            FetchError::Gone { died: true, .. } => ErrorKind::ConnectionReset,
            FetchError::Cut(_) => ErrorKind::ConnectionAborted,
            FetchError::Held(_) => ErrorKind::ResourceBusy,
            FetchError::Broken(broken) => broken.kind(),
        }
    }
}

impl CallError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            CallError::Request(error) => error.kind(),
            CallError::Refused(_) => ErrorKind::ConnectionRefused,
            CallError::Unanswered { .. } => ErrorKind::ConnectionAborted,
            CallError::Timeout(_) => ErrorKind::TimedOut,
            CallError::Interrupted => ErrorKind::Other,
            CallError::Held(_) => ErrorKind::ResourceBusy,
            CallError::Broken(broken) => broken.kind(),
        }
    }
}

impl From<Broken> for Error {
    fn from(error: Broken) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        Error::new(Broken::Lost(lost).kind(), lost)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<RecvError> for Error {
    fn from(error: RecvError) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<ReplyError> for Error {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::NotACall(_) => Error::new(ErrorKind::InvalidInput, error),
            ReplyError::Send(sent) => Error::new(sent.kind(), error),
        }
    }
}

impl From<DiscardError> for Error {
    fn from(error: DiscardError) -> Self {
        match error {
            DiscardError::Present(_) => Error::new(ErrorKind::ResourceBusy, error),
            DiscardError::Broken(broken) => Error::new(broken.kind(), error),
        }
    }
}

impl System {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            System::NoSpace => ErrorKind::StorageFull,
            System::FileSize { .. } => ErrorKind::FileTooLarge,
            System::AddressSpace { .. } | System::MemoryLock => ErrorKind::OutOfMemory,
            System::ReadOnly => ErrorKind::ReadOnlyFilesystem,
            System::Missing { .. } | System::NoFolder => ErrorKind::NotFound,
            System::FileSystem => ErrorKind::Unsupported,
            System::Denied => ErrorKind::PermissionDenied,
            System::Os(code) => Error::from_raw_os_error(*code).kind(),
        }
    }
}

impl From<System> for Error {
    fn from(error: System) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Error::new(ErrorKind::InvalidInput, error)
    }
}

impl From<Mismatch> for Error {
    fn from(error: Mismatch) -> Self {
        Error::new(ErrorKind::InvalidData, error)
    }
}

impl CreateError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            CreateError::BadPlace(_) | CreateError::Config(_) => ErrorKind::InvalidInput,
            CreateError::Exists(_) => ErrorKind::AlreadyExists,
            CreateError::Denied(_) => ErrorKind::PermissionDenied,
            CreateError::System(system) => system.kind(),
        }
    }
}

impl OpenError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            OpenError::BadPlace(_) => ErrorKind::InvalidInput,
            OpenError::NotFound(_) | OpenError::NotLaunched => ErrorKind::NotFound,
            OpenError::Mismatch(_) => ErrorKind::InvalidData,
            OpenError::Denied(_) => ErrorKind::PermissionDenied,
            OpenError::System(system) => system.kind(),
        }
    }
}

impl From<CreateError> for Error {
    fn from(error: CreateError) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Error::new(error.kind(), error)
    }
}

impl From<CreateOrOpenError> for Error {
    fn from(error: CreateOrOpenError) -> Self {
        let kind = match &error {
            CreateOrOpenError::Create(error) => error.kind(),
            CreateOrOpenError::Open(error) => error.kind(),
            CreateOrOpenError::Differs { .. } => ErrorKind::AlreadyExists,
        };
        Error::new(kind, error)
    }
}

impl From<RemoveError> for Error {
    fn from(error: RemoveError) -> Self {
        let kind = match &error {
            RemoveError::Open(error) => error.kind(),
            RemoveError::InUse(_) | RemoveError::Closing(_) => ErrorKind::ResourceBusy,
            RemoveError::Denied(_) => ErrorKind::PermissionDenied,
            RemoveError::Unnamed => ErrorKind::Unsupported,
        };
        Error::new(kind, error)
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        let kind = match &error {
            JoinError::Taken { .. } | JoinError::Full { .. } | JoinError::Unread { .. } => {
                ErrorKind::AddrInUse
            }
            JoinError::Closing => ErrorKind::ResourceBusy,
            JoinError::BadLabel { .. } => ErrorKind::InvalidInput,
            JoinError::System(system) => system.kind(),
            JoinError::Broken(broken) => broken.kind(),
        };
        Error::new(kind, error)
    }
}

impl From<JoinEnvError> for Error {
    fn from(error: JoinEnvError) -> Self {
        let kind = match error {
            JoinEnvError::NoRank => ErrorKind::NotFound,
            JoinEnvError::BadRank => ErrorKind::InvalidInput,
            JoinEnvError::Join(error) => Error::from(error).kind(),
        };
        Error::new(kind, error)
    }
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Self {
        let kind = match &error {
            WaitError::NoSuchRank { .. } => ErrorKind::InvalidInput,
            WaitError::Timeout { .. } => ErrorKind::TimedOut,
            WaitError::Removed { .. } => ErrorKind::NotConnected,
        };
        Error::new(kind, error)
    }
}

impl From<CloseError> for Error {
    fn from(error: CloseError) -> Self {
        Error::other(error)
    }
}

impl From<HandError> for Error {
    fn from(error: HandError) -> Self {
        Error::other(error)
    }
}

impl From<SizeError> for Error {
    fn from(error: SizeError) -> Self {
        Error::new(ErrorKind::InvalidData, error)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::endpoint::Unanswered;

    #[test]
    fn an_error_of_the_standard_library_keeps_its_cause() {
        let error = RecvError::Gone { rank: 3, died: true };
        let standard = Error::from(error);
        assert_eq!(standard.kind(), ErrorKind::ConnectionReset);
        assert_eq!(standard.get_ref().and_then(|inner| inner.downcast_ref::<RecvError>()), Some(&error));
        assert_eq!(standard.to_string(), "rank 3 is dead");
    }

    #[test]
    fn a_part_of_an_error_is_of_the_kind_of_the_whole() {
        let same = |part: Error, whole: Error, kind| {
            assert_eq!((part.kind(), whole.kind()), (kind, kind));
            assert_eq!(part.to_string(), whole.to_string());
        };
        let lost = Lost::Forked;
        same(lost.into(), SendError::from(lost).into(), ErrorKind::NotConnected);
        let broken = Broken::NoSpace(1);
        same(broken.into(), RecvError::from(broken).into(), ErrorKind::StorageFull);
        let system = System::NoFolder;
        same(system.into(), CreateError::from(system).into(), ErrorKind::NotFound);
        let config = ConfigError::Ranks(0);
        same(config.into(), CreateError::from(config).into(), ErrorKind::InvalidInput);
        let mismatch = Mismatch::Foreign;
        same(mismatch.into(), OpenError::from(mismatch).into(), ErrorKind::InvalidData);
        let reply = ReplyError::from(SendError::Gone { rank: 1, died: false });
        same(Unanswered::new("a call", reply).into(), reply.into(), ErrorKind::BrokenPipe);
    }
}
