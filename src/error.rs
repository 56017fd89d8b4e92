//! One small enum per verb.

use thiserror::Error;

/// Why a [`Config`](crate::Config) describes no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `ranks`, of this value, is not 1 to 1024.
    #[error("a region has 1 to 1024 ranks, not {0}")]
    Ranks(u32),
    /// `cells`, of this value, is not a power of two from 2 to 2^30.
    #[error("cells must be a power of two from 2 to 2^30, not {0}")]
    Cells(u32),
    /// `arena`, of this value, is not a multiple of 128 from 128 bytes to 2^40 bytes.
    #[error("the arena must be a multiple of 128 bytes, from 128 bytes to 1 TiB, not {0} bytes")]
    Arena(u64),
    /// This mode has bits beyond `0o777`, or its owner may not read and write.
    #[error("the mode must let the owner read and write, and have no bits beyond 0777, unlike {0:#o}")]
    Mode(u32),
    /// Ranks, cells and arena multiply to so many bytes, more than a process can map (2^46 bytes).
    #[error(
        "ranks x ranks x (cells + arena) is {0} bytes, more than a process can map; make one of them smaller"
    )]
    TooLarge(u64),
}

/// Why a region was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The name is empty, longer than 200 bytes, begins with a dot, has a byte other than `A-Z a-z 0-9 . _ -`, or is
    /// one that regions are built under: it ends in `.mailbox-` and 16 hexadecimal digits.
    #[error("a name has 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with a dot")]
    BadName,
    /// The path does not end in the name of a file, or in one that regions are built under, as for
    /// [`CreateError::BadName`].
    #[error("the path does not end in the name of a file")]
    BadPath,
    /// The configuration describes no region.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something already bears the name.
    #[error("the name is taken")]
    Exists,
    /// There is no room, in shared memory, in the file system, in this user's quota, or in this process' memory
    /// cgroup.
    #[error("no space left for the region")]
    NoSpace,
    /// The region is longer than a file that this process may write (`ulimit -f`).
    #[error("the region has {size} bytes, and this process may write files of {limit} at most (ulimit -f)")]
    FileSize {
        /// Bytes of the region.
        size: u64,
        /// What the process may write, in bytes.
        limit: u64,
    },
    /// The operating system refuses to create the region for this user.
    #[error("permission denied where the region would be")]
    Denied,
    /// The file system is mounted for reading only.
    #[error("the file system is mounted for reading only")]
    ReadOnly,
    /// This process locks its memory (`mlockall`), and the region is longer than what it may lock, although only what is
    /// used would be.
    #[error(
        "this process locks its memory (mlockall), and may not lock as much as the region (RLIMIT_MEMLOCK)"
    )]
    MemoryLock,
    /// Something that the system shows to others is not shown to this process.
    #[error("{path} cannot be read, and is needed")]
    Missing {
        /// What is missing.
        path: &'static str,
    },
    /// The folder of the path does not exist.
    #[error("the folder that the region would be in does not exist")]
    NoFolder,
    /// The file system is one that other machines or processes may serve (NFS, SMB, FUSE, 9P, ...), or cannot
    /// reserve space, or rename without replacing.
    #[error("no region can be on this file system; take one of this machine's disks, or a name")]
    FileSystem,
    /// Any other failure of the operating system, by its error number.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why a region was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// As [`CreateError::BadName`].
    #[error("a name has 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with a dot")]
    BadName,
    /// As [`CreateError::BadPath`].
    #[error("the path does not end in the name of a file")]
    BadPath,
    /// Nothing bears the name, or what bore it is being removed.
    #[error("there is no such region")]
    NotFound,
    /// What bears the name is not a region: another program's, empty, or with senseless geometry.
    #[error("this is not a region of ours; another program may own the name")]
    Foreign,
    /// A region whose length is not the one that it was created with: somebody cut it, or copied a part of it.
    #[error("the region has {len} bytes instead of {expected}; somebody cut or extended it")]
    Length {
        /// Its length in bytes.
        len: u64,
        /// The length that its header asks for.
        expected: u64,
    },
    /// A region with another layout.
    #[error("the region has ABI version {abi}, which this program does not speak")]
    Version {
        /// The version found.
        abi: u64,
    },
    /// A region of programs that speak another protocol.
    #[error("the region is for protocol {protocol}, this program speaks another")]
    Protocol {
        /// The protocol found.
        protocol: u64,
    },
    /// A region that belongs to another user, who was not allowed by
    /// [`OpenOptions::owner`](crate::OpenOptions::owner). In a user namespace every user without a number there shows
    /// as one, 65534 mostly: that one is no process' own, also not of a process that has this number itself.
    #[error("the region belongs to user {uid}, who is not trusted")]
    Owner {
        /// The user found.
        uid: u32,
    },
    /// A region in a file that was not closed in this boot of the machine. Either the machine went down while it was in
    /// use: then its parts may be of different moments, and [`Region::remove`](crate::Region::remove) takes it away.
    /// Or this process is shown another boot's number than those who use it, as in some containers.
    #[error(
        "the region was not closed before a reboot, or is used where another boot id is shown, as in a container"
    )]
    Incompatible,
    /// The file system is one that other machines or processes may serve: NFS, SMB, FUSE, 9P, ...
    #[error("no region can be on this file system; take one of this machine's disks, or a name")]
    FileSystem,
    /// The descriptor is not one of an unnamed region: of nothing in memory, or of something whose size can be
    /// changed.
    #[error("the descriptor is not that of a region without a name, sealed against another size")]
    Unsealed,
    /// The operating system refuses this user.
    #[error("permission denied: the region's mode does not let this user in")]
    Denied,
    /// The file system is mounted for reading only: [`Region::look`](crate::Region::look) works all the same.
    #[error("the file system is mounted for reading only")]
    ReadOnly,
    /// As [`CreateError::MemoryLock`].
    #[error(
        "this process locks its memory (mlockall), and may not lock as much as the region (RLIMIT_MEMLOCK)"
    )]
    MemoryLock,
    /// As [`CreateError::Missing`].
    #[error("{path} cannot be read, and is needed")]
    Missing {
        /// What is missing.
        path: &'static str,
    },
    /// Any other failure of the operating system, by its error number.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why a region was neither created nor opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateOrOpenError {
    /// There was nothing to open and creating failed.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// There is something, and it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a region, whose ranks, cells, arena or largest message differ from the configuration.
    #[error("the region exists with another configuration")]
    Differs,
}

/// Why a region was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A live process has joined it.
    #[error("the region is in use by a live process")]
    InUse,
    /// This user may open the region, but not take its name away.
    #[error("permission denied: this user may not take the name out of its folder")]
    Denied,
}

/// Why a region was not handed to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandError {
    /// It has a name, or is a file: the child can open it.
    #[error("the region bears a name; let the child open it by that")]
    Named,
    /// Any other failure of the operating system, by its error number.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why a rank was not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The region has no such rank.
    #[error("there is no rank {rank}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// A live process holds the rank or, with a label, the rank of that label.
    #[error("rank {rank} is held by a live process")]
    Taken {
        /// The rank.
        rank: u32,
    },
    /// A live process holds every rank that could have been taken.
    #[error("every rank is held by a live process")]
    Full,
    /// A label is 1 to 48 bytes without a NUL.
    #[error("a label has 1 to 48 bytes and no NUL")]
    BadLabel,
    /// The region was removed after it was opened.
    #[error("the region was removed")]
    Removed,
    /// As [`CreateError::Missing`].
    #[error("{path} cannot be read, and is needed")]
    Missing {
        /// What is missing.
        path: &'static str,
    },
    /// Any other failure of the operating system, by its error number; a disk's among them.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why this endpoint can do nothing any more; join again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Lost {
    /// Another process has claimed the rank: something closed this process's lock.
    #[error("another process holds this rank now")]
    Rank,
    /// This process was forked from the one that joined.
    #[error("a forked child does not inherit its parent's rank")]
    Forked,
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The region has no such rank.
    #[error("there is no rank {rank}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// The message is longer than this region carries; or, where nobody waits or a draft is asked for, than
    /// what a mailbox holds as a whole: half its arena.
    #[error("the message is above the limit of {limit} bytes")]
    TooLarge {
        /// The longest message, in bytes.
        limit: u64,
    },
    /// There is no room now, and nobody waits for it: `try_send`, `try_reserve`, or a message to oneself. Nothing
    /// was sent.
    #[error("the mailbox is full")]
    Full,
    /// The time was over before there was room, or before a message in fragments was taken. Nothing was sent, or
    /// will be delivered, unless the end of such a message was on its way.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait; otherwise as [`SendError::Timeout`].
    #[error("interrupted")]
    Interrupted,
    /// The mailbox is full and its receiver, this rank, has left; or it left while it took a message in fragments, and nobody
    /// has joined as that rank since: this one is not delivered, unless its end was on its way.
    #[error("rank {0} left before it made room or had the whole message")]
    PeerLeft(u32),
    /// The mailbox is full and its receiver, this rank, is dead; or it ended while it took a message in fragments, and
    /// may have been replaced: this one is not delivered, unless its end was on its way.
    #[error("rank {0} died, or was replaced, before it made room or had the whole message")]
    PeerDead(u32),
    /// There is no memory, or disk, left for the first message to this peer, or for the first above 48 bytes: smaller
    /// ones go all the same then. Nothing was sent; it can be tried again.
    #[error("no shared memory left for the mailbox")]
    NoSpace,
    /// The words in the mailbox make no sense: its receiver, or who else writes there, is broken. Mailboxes to
    /// others are not affected.
    #[error("the mailbox is corrupt")]
    Corrupt,
    /// The receiver has given up all that it had not received, to begin anew: see
    /// [`Receiver::reset`](crate::Receiver::reset). That is lost, and said once; this message is lost, too, unless
    /// the receiver had it before. What is sent from now on comes as ever.
    #[error("the receiver gave up all that it had not received, this message perhaps included")]
    Reset,
    /// A draft to this peer is open: commit or drop it first.
    #[error("a draft to this peer is open")]
    Drafting,
    /// This endpoint is no longer one.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a call has no answer, or another than one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// Nothing was asked: as [`SendError`], and [`SendError::PeerLeft`] wherever the server has left. Only after
    /// [`SendError::Reset`] the server may have the request.
    #[error("the request was not sent: {0}")]
    Request(SendError),
    /// The server answered that it failed; these bytes say how.
    #[error("the server refused the request")]
    Refused(Vec<u8>),
    /// The server dropped the call, or all of its mailbox, and will not answer it.
    #[error("the server dropped the request without an answer")]
    Dropped,
    /// The server left without an answer; it may have carried the call out.
    #[error("the server left without an answer")]
    PeerLeft,
    /// The server died, or was replaced, without an answer; it may have carried the call out.
    #[error("the server died, or was replaced, without an answer")]
    PeerDead,
    /// The time was over before there was an answer; the server may still carry the call out.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait; otherwise as [`CallError::Timeout`].
    #[error("interrupted")]
    Interrupted,
    /// Mail from the server that is not received, or that is held, takes the room that the server waits for, with the
    /// answer or before it. Receive it, or drop it; the call goes on.
    #[error("unread mail of the server keeps its answer from coming")]
    Held,
    /// This rank asks itself, and cannot answer while it waits.
    #[error("a call to oneself is answered by nobody meanwhile")]
    Oneself,
    /// The words of the call line, or of a mailbox, make no sense.
    #[error("the answer is corrupt")]
    Corrupt,
    /// The call is over: its answer was taken.
    #[error("the call is over")]
    Over,
    /// This endpoint is no longer one.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The mail is no call. It is acknowledged.
    #[error("the mail is not a call")]
    NotACall,
    /// The answer would go through a mailbox, and was to be given by the receiving half of an endpoint that was split:
    /// it is longer than 48 bytes, or the request came that way. The caller is told that the call was dropped.
    #[error("only an endpoint that is not split answers through the mailbox")]
    Split,
    /// As of a message to the caller. The call was dropped.
    #[error("the answer was not sent: {0}")]
    Send(#[from] SendError),
}

/// Why no message was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The region has no such rank.
    #[error("there is no rank {rank}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// There is no mail now, and nobody waits for it: `try_recv`, `try_recv_from`, or only oneself to hear from.
    #[error("no mail")]
    Empty,
    /// The time was over before there was mail.
    #[error("timed out")]
    Timeout,
    /// An [`Interrupter`](crate::Interrupter) ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// There is no more mail from this rank, which has left: the end of a stream.
    #[error("rank {0} has left")]
    PeerLeft(u32),
    /// There is no more mail from this rank, which died.
    #[error("rank {0} is dead")]
    PeerDead(u32),
    /// This rank gave up a message of which pieces were received, or its successor sent another: see
    /// [`Receiver::set_pieces`](crate::Receiver::set_pieces). What follows comes as ever.
    #[error("rank {0} gave up in the middle of a message")]
    Cut(u32),
    /// Mails of this rank that this endpoint holds keep the next from coming: they fill the cells, or that rank has waited
    /// for 50 ms for the room that they take. Drop them. A receive from anyone says so once, and goes on.
    #[error("mails of rank {0} that are held keep its next from coming")]
    Held(u32),
    /// A message in fragments is longer than what is left of this endpoint's budget for such messages
    /// ([`Receiver::set_budget`](crate::Receiver::set_budget)), or than what the system gives. It stays, and is tried again
    /// when mails of such messages are dropped, when the budget is raised, or in pieces. A receive from anyone says so once,
    /// and goes on.
    #[error(
        "rank {rank} sends {len} bytes, of which {left} are left in the budget for messages in fragments"
    )]
    NoMemory {
        /// The sender.
        rank: u32,
        /// The length of its message in bytes, as it announced it.
        len: u64,
        /// What is left of the budget in bytes.
        left: u64,
    },
    /// There is no shared memory for the pages of this rank's mailbox that the next mail is in: somebody took them away, or
    /// its sender did not reserve them. The mail stays and is tried again. A receive from anyone says so once, and goes on.
    #[error("no shared memory left for the mailbox from rank {0}")]
    NoSpace(u32),
    /// The system failed otherwise to give those pages. As [`RecvError::NoSpace`].
    #[error("the mailbox from rank {rank}: {}", std::io::Error::from_raw_os_error(*.code))]
    Os {
        /// The sender.
        rank: u32,
        /// The error's number.
        code: i32,
    },
    /// The words of this rank's mailbox make no sense. The others go on; a receive from anyone says so once.
    #[error("the mailbox from rank {0} is corrupt")]
    Corrupt(u32),
    /// This endpoint is no longer one.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why a mail was not read as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the mail has {len} bytes, the type {size}")]
pub struct SizeError {
    /// The mail's length in bytes.
    pub len: usize,
    /// The type's size in bytes.
    pub size: usize,
}
