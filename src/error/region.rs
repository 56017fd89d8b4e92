//! Of regions, and of joining and leaving them.

use thiserror::Error;

/// Why a [`Config`](crate::Config) describes no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
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
    /// `loans`, of this value, is not a multiple of 256 KiB up to 2^40 bytes.
    #[error("the area for loans must be a multiple of 256 KiB, up to 1 TiB, not {0} bytes")]
    Loans(u64),
    /// This mode has bits beyond `0o777`, or its owner may not read and write.
    #[error("the mode must let the owner read and write, and have no bits beyond 0777, unlike {0:#o}")]
    Mode(u32),
    /// Ranks, cells, arena and loans make up more bytes than a process can map (2^46 bytes).
    #[error(
        "the region would have {size} bytes, more than a process can map; at most {ranks} ranks would fit"
    )]
    TooLarge {
        /// Bytes of the region.
        size: u64,
        /// With how many ranks it would fit, all else the same; 0: not even with one.
        ranks: u32,
    },
}

/// Why a region was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
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
    /// The region does not fit what is left of this process' address space: the processor may have fewer bits than
    /// others, or `ulimit -v` limits it.
    #[error(
        "the region has {size} bytes, and this process cannot map as many (ulimit -v); at most {ranks} ranks would fit"
    )]
    AddressSpace {
        /// Bytes of the region.
        size: u64,
        /// With how many ranks it would fit, all else the same; 0: not even with one.
        ranks: u32,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
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
    /// A region with another layout: of a program that was built with another version of this library.
    #[error("the region has ABI version {abi}, and this program speaks version {ours}")]
    Version {
        /// The version found.
        abi: u64,
        /// The version of this program.
        ours: u64,
    },
    /// A region of this layout, but a newer program made it with features that this one does not know. If these matter
    /// only to those who write, [`Region::look`](crate::Region::look) works all the same.
    #[error("the region has features ({features:#x}) that only a newer program knows")]
    Features {
        /// The features, a bit each.
        features: u64,
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
    /// use: then its parts may be of different moments, and [`Region::remove_at`](crate::Region::remove_at) takes it away.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CreateOrOpenError {
    /// There was nothing to open and creating failed.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// There is something, and it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a region, whose ranks, cells, arena, loans or largest message differ from the configuration.
    #[error("the region exists with another configuration")]
    Differs,
}

/// Why a region was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
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
    /// Another process has been closing it, or removing it, for five seconds: its disk is slow, or it is stopped.
    #[error("the region is being closed by another process, which waits for its disk; try again")]
    Closing,
    /// It has no name that could be taken away: it is gone with the last process that has it.
    #[error("the region has no name to remove")]
    Unnamed,
}

/// Why a region was not handed to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
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
    /// No rank that was asked for is free but such as have unread mail for their last holder, who joined under another
    /// label, or under one; this is the first. Joining it by its number takes it with that mail.
    #[error("rank {rank} is free, but has unread mail for its last holder; nothing else is free")]
    Unread {
        /// The rank.
        rank: u32,
    },
    /// The range of ranks that was asked for has none.
    #[error("the range of ranks is empty")]
    NoRanks,
    /// The last process to leave it has been closing the region, or another removing it, for five seconds: its disk is
    /// slow, or it is stopped. The rank may be free.
    #[error("the region is being closed by another process, which waits for its disk; try again")]
    Closing,
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
    /// The operating system refuses this user, who is another than when the region was opened, to open it once more.
    /// Joining does that only in a forked child, or after something closed the descriptor that it needs.
    #[error("permission denied: this user cannot open the region again, which joining takes here")]
    Denied,
    /// Any other failure of the operating system, by its error number; a disk's among them.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why [`Region::wait_for`](crate::Region::wait_for) did not find who it waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The region has no such rank.
    #[error("there is no rank {rank}: the region has ranks 0 to {}", .ranks - 1)]
    NoSuchRank {
        /// The rank that was asked for.
        rank: u32,
        /// How many ranks the region has.
        ranks: u32,
    },
    /// The time was over before a live process held the rank.
    #[error("timed out: nobody has joined as rank {rank}")]
    Timeout {
        /// The rank.
        rank: u32,
    },
    /// The region was removed: nobody will come.
    #[error("the region was removed")]
    Removed,
}

/// Why a region in a file was not closed when its last endpoint was: after the next reboot it is
/// [`OpenError::Incompatible`], and its mail is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The disk failed to take a part of it before, in this boot; nobody can close it any more.
    #[error("the disk failed to take a part of the region earlier; it does not outlive a reboot")]
    Failed,
    /// The file was removed.
    #[error("the region was removed under its users")]
    Removed,
    /// This endpoint was no longer one; whether the region is closed is its other users' business.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// A failure of the operating system, by its error number; the disk's among them.
    #[error("the region is not closed, and does not outlive a reboot: {}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why this endpoint can do nothing any more; join again, after [`Lost::Removed`] another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Lost {
    /// Another process has claimed the rank: something closed this process's lock.
    #[error("another process holds this rank now")]
    Rank,
    /// This process was forked from the one that joined.
    #[error("a forked child does not inherit its parent's rank")]
    Forked,
    /// Somebody took the region's name away while processes were in it: another program or `rm`, or systemd-logind at
    /// a logout (`RemoveIPC=`). Nobody can open it any more, and what bears the name now is another region. Told to
    /// calls that would wait; what is there by then is received and sent all the same.
    #[error("the region was removed under its users")]
    Removed,
}
