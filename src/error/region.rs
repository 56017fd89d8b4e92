//! Errors of regions, and of joining and leaving them.

use super::{Broken, OwnedPlace};
use thiserror::Error;

/// Why a [`Config`](crate::Config) describes no region.
///
/// ```
/// # use mailbox::{Config, ConfigError, CreateError, Region};
/// let huge = Config::ranks(1024).arena(1 << 40);
/// match Region::create_unnamed(huge) {
///     Err(CreateError::Config(ConfigError::TooLarge { ranks, .. })) => println!("at most {ranks} ranks"),
///     created => drop(created?),
/// }
/// let none = Region::create_unnamed(Config::ranks(0)).unwrap_err();
/// assert_eq!(none.to_string(), "a region has 1 to 1024 ranks, not 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `ranks` has this value, which is not 1 to 1024.
    #[error("a region has 1 to 1024 ranks, not {0}")]
    Ranks(u32),
    /// `cells` has this value, which is not a power of two from 2 to 2^30.
    #[error("cells must be a power of two from 2 to 2^30, not {0}")]
    Cells(u32),
    /// `arena` has this value, which is not a multiple of 128 from 128 bytes to 2^40 bytes.
    #[error("the arena must be a multiple of 128 bytes, from 128 bytes to 1 TiB, not {0} bytes")]
    Arena(u64),
    /// `loans` has this value, which is not a multiple of 256 KiB up to 2^40 bytes.
    #[error("the area for loans must be a multiple of 256 KiB, up to 1 TiB, not {0} bytes")]
    Loans(u64),
    /// `groups` has this value, which is more than 62.
    #[error("a region has at most 62 groups, not {0}")]
    Groups(u32),
    /// `topics` has this value, which is more than 1024.
    #[error("a region has at most 1024 topics, not {0}")]
    Topics(u32),
    /// `stream` has this value, which is not a multiple of 4 KiB up to 2^32 bytes.
    #[error(
        "the payloads of a topic's stream must have a multiple of 4096 bytes, up to 4 GiB, not {0} bytes"
    )]
    Stream(u64),
    /// `value` has this value, which is not a multiple of 64 bytes up to 2^30 bytes.
    #[error("the longest value of a topic must be a multiple of 64 bytes, up to 1 GiB, not {0} bytes")]
    Value(u64),
    /// The mode has bits beyond `0o777`, or does not let the owner read and write.
    #[error("the mode must let the owner read and write, and have no bits beyond 0777, unlike {0:#o}")]
    Mode(u32),
    /// The region would have more bytes than a process can map (2^46).
    #[error(
        "the region would have {size} bytes, more than a process can map; at most {ranks} ranks would fit"
    )]
    TooLarge {
        /// Bytes of the region.
        size: u64,
        /// The most ranks with which it would fit, everything else unchanged; 0 if even one is too many.
        ranks: u32,
    },
}

/// What the operating system refuses when a region is created, opened or joined.
///
/// ```
/// # use mailbox::{Config, CreateError, Region, System};
/// # use std::path::Path;
/// let path = Path::new("/no-such-folder/orders");
/// match Region::create(path, Config::ranks(2)) {
///     Err(CreateError::System(System::NoFolder)) => println!("make the folder first"),
///     Err(CreateError::System(System::NoSpace)) => println!("the disk is full"),
///     created => drop(created?),
/// }
/// # assert_eq!(Region::create(path, Config::ranks(2)).err(), Some(System::NoFolder.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum System {
    /// There is not enough room: in shared memory, in the file system, in this user's quota, or in this process's
    /// memory cgroup.
    #[error("no space left for the region")]
    NoSpace,
    /// The region is longer than a file that this process may write (`ulimit -f`).
    #[error("the region has {size} bytes; this process may write files of at most {limit} bytes (ulimit -f)")]
    FileSize {
        /// Bytes of the region.
        size: u64,
        /// The longest file that the process may write, in bytes.
        limit: u64,
    },
    /// The region does not fit in what is left of this process's address space. `ulimit -v` may limit it, or the
    /// processor has fewer address bits than others.
    #[error(
        "the region has {size} bytes, more than this process can map (ulimit -v); at most {ranks} ranks would fit"
    )]
    AddressSpace {
        /// Bytes of the region.
        size: u64,
        /// The most ranks with which it would fit, everything else unchanged; 0 if even one is too many.
        ranks: u32,
    },
    /// The file system is mounted for reading only.
    #[error("the file system is mounted for reading only")]
    ReadOnly,
    /// This process locks its memory (`mlockall`), and the region is longer than what it may lock, even though only
    /// the pages in use would be locked.
    #[error(
        "this process locks its memory (mlockall), and may not lock as much as the region (RLIMIT_MEMLOCK)"
    )]
    MemoryLock,
    /// This process cannot read a file that the system normally provides.
    #[error("{path} is needed, and cannot be read")]
    Missing {
        /// The path of that file.
        path: &'static str,
    },
    /// The folder of the path does not exist.
    #[error("the folder that the region would be in does not exist")]
    NoFolder,
    /// Regions cannot be on this file system. Other machines or processes may serve it (NFS, SMB, FUSE, 9P, ...), or
    /// it cannot reserve space, or cannot rename without replacing.
    #[error("regions cannot be on this file system; use a disk of this machine, or a name")]
    FileSystem,
    /// The operating system does not let this user open the region again; the process has changed its user since it
    /// opened it. Joining opens the region again only in a forked child, or if something closed the descriptor that
    /// it needs.
    #[error("permission denied: joining must open the region again here, and this user may not")]
    Denied,
    /// Any other failure of the operating system, by its error number.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why a thing with the right name or path cannot be used as a region.
///
/// ```
/// # use mailbox::{Config, Mismatch, OpenError, Region};
/// # let path = std::env::temp_dir().join(format!("doc-mismatch-{}", std::process::id()));
/// # let path = path.as_path();
/// std::fs::write(path, "notes")?;
/// match Region::open(path) {
///     Err(OpenError::Mismatch(Mismatch::Foreign)) => println!("that is another program's file"),
///     Err(OpenError::Mismatch(Mismatch::Version { abi, ours })) => println!("version {abi}, not {ours}"),
///     opened => drop(opened?),
/// }
/// # assert_eq!(Region::open(path).err(), Some(Mismatch::Foreign.into()));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The name belongs to something that is not a region: another program's file, an empty one, or one with
    /// impossible sizes.
    #[error("this is not a region; the name may belong to another program")]
    Foreign,
    /// The region does not have the length that it was created with: somebody cut it, or copied only a part.
    #[error("the region has {len} bytes instead of {expected}; somebody changed its length")]
    Length {
        /// Its length in bytes.
        len: u64,
        /// The length that its header states.
        expected: u64,
    },
    /// The region has another layout: a program that was built with another version of this library created it.
    #[error("the region has ABI version {abi}, and this program uses version {ours}")]
    Version {
        /// The version found.
        abi: u64,
        /// The version that this program speaks.
        ours: u64,
    },
    /// The region has this layout, but a newer program created it with features that this program does not know. If
    /// these matter only to processes that write, [`Region::look`](crate::Region::look) still works.
    #[error("the region has features ({features:#x}) that only a newer program knows")]
    Features {
        /// The features, a bit each.
        features: u64,
    },
    /// The region is for programs that speak another protocol.
    #[error("the region has protocol {protocol}; this program uses another one")]
    Protocol {
        /// The protocol found.
        protocol: u64,
    },
    /// The region belongs to another user, whom [`OpenOptions::owner`](crate::OpenOptions::owner) did not name. In a
    /// user namespace, all users without a number there are shown as one number, mostly 65534. A region of that
    /// number never counts as this process's own, even if the process itself has that number.
    #[error("the region belongs to user {uid}, who is not trusted")]
    Owner {
        /// The user found.
        uid: u32,
    },
    /// The region is in a file that was not closed in this boot of the machine. Either the machine went down while
    /// the region was in use: its pages may then be from different moments, and
    /// [`Region::remove_at`](crate::Region::remove_at) removes it. Or this process is shown another boot id than the
    /// processes that use the region, as happens in some containers.
    #[error(
        "the region was not closed before a reboot, or is used where another boot id is shown, as in a container"
    )]
    Incompatible,
    /// The descriptor does not belong to an unnamed region: it is not a file in memory, or its size can still be
    /// changed.
    #[error("the descriptor does not belong to an unnamed region whose size is sealed")]
    Unsealed,
}

fn bad_place(place: &OwnedPlace) -> String {
    let rule = match place {
        OwnedPlace::File(_) => "the path does not end in the name of a file",
        _ => "a name has 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with a dot",
    };
    place.heading() + rule
}

/// Why a region was not created.
///
/// ```
/// # use mailbox::{Config, CreateError, Region};
/// # let name = format!("doc-create-error-{}", std::process::id());
/// # let orders = name.as_str();
/// let region = Region::create(orders, Config::ranks(2))?;
/// match Region::create(orders, Config::ranks(2)) {
///     Err(CreateError::Exists(_)) => println!("another process was first: open it"),
///     created => drop(created?),
/// }
/// # assert_eq!(Region::create("a/b", Config::ranks(2)).err(), Some(CreateError::BadPlace("a/b".into())));
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A name is empty, longer than 200 bytes, begins with a dot, or has a byte other than `A-Z a-z 0-9 . _ -`. Or a path does
    /// not end in the name of a file. Or either has the form of a temporary name under which regions are built: it ends in
    /// `.mailbox-` and 16 hexadecimal digits.
    #[error("{}", bad_place(.0))]
    BadPlace(OwnedPlace),
    /// The configuration describes no region.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something already has the name.
    #[error("{}the name is taken", .0.heading())]
    Exists(OwnedPlace),
    /// The operating system refuses to create the region for this user.
    #[error("{}permission denied where the region would be", .0.heading())]
    Denied(OwnedPlace),
    /// The operating system refuses. See [`System`].
    #[error(transparent)]
    System(#[from] System),
}

/// Why a region was not opened.
///
/// ```
/// # use mailbox::{OpenError, Region};
/// # let name = format!("doc-open-error-{}", std::process::id());
/// # let orders = name.as_str();
/// match Region::open(orders) {
///     Err(OpenError::NotFound(_)) => println!("start the server first"),
///     Err(OpenError::Mismatch(why)) => println!("not one of ours: {why}"),
///     opened => drop(opened?),
/// }
/// # assert_eq!(Region::open(orders).err(), Some(OpenError::NotFound(orders.into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The same as [`CreateError::BadPlace`].
    #[error("{}", bad_place(.0))]
    BadPlace(OwnedPlace),
    /// Nothing has this name, or the region that had it is being removed.
    #[error("{}there is no such region", .0.heading())]
    NotFound(OwnedPlace),
    /// The environment has no [`MAILBOX_FD`](crate::MAILBOX_FD) that is an open descriptor: no launcher started this process.
    #[error("no launcher gave this process a region (MAILBOX_FD); start it with: mbox run")]
    NotLaunched,
    /// The operating system does not let this user open the region.
    #[error("{}permission denied: the region's mode does not let this user in", .0.heading())]
    Denied(OwnedPlace),
    /// There is something, and this program cannot use it as a region. See [`Mismatch`].
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The operating system refuses. See [`System`].
    #[error(transparent)]
    System(#[from] System),
}

/// Why a region was neither opened nor created.
///
/// ```
/// # use mailbox::{Config, CreateOrOpenError, Region};
/// # let name = format!("doc-create-or-open-error-{}", std::process::id());
/// # let orders = name.as_str();
/// let old = Region::create(orders, Config::ranks(2))?;
/// let error = Region::create_or_open(orders, Config::ranks(3)).unwrap_err();
/// assert_eq!(error, CreateOrOpenError::Differs { place: orders.into(), size: "ranks", found: 2, wanted: 3 });
/// old.remove()?;
/// let new = Region::create_or_open(orders, Config::ranks(3))?;
/// # new.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CreateOrOpenError {
    /// There was nothing to open, and creating it failed.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Something has the name, and it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The region exists, and has other sizes than the configuration: an earlier version of this program may have left it. Remove
    /// it ([`Region::remove_at`](crate::Region::remove_at), `mbox rm`), or [open](crate::Region::open) it as it is.
    #[error(
        "{}the region exists with other sizes: its {size} are {found}, not {wanted}; remove it, or open it as it is",
        .place.heading()
    )]
    Differs {
        /// Where it is.
        place: OwnedPlace,
        /// The first that differs: the name of a method of [`Config`](crate::Config), such as `ranks`.
        size: &'static str,
        /// What the region has.
        found: u64,
        /// What the configuration says.
        wanted: u64,
    },
}

/// Why a region was not removed.
///
/// ```
/// # use mailbox::{Config, Region, RemoveError};
/// # let name = format!("doc-remove-error-{}", std::process::id());
/// # let orders = name.as_str();
/// let region = Region::create(orders, Config::ranks(2))?;
/// let me = region.join(0)?;
/// assert_eq!(region.remove(), Err(RemoveError::InUse(orders.into())));
/// drop(me);
/// region.remove()?;
/// let gone = Region::remove_at(orders).unwrap_err();
/// assert!(matches!(gone, RemoveError::Open(_)), "there is none any more");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// The region cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A live process has joined it.
    #[error("{}the region is in use by a live process", .0.heading())]
    InUse(OwnedPlace),
    /// This user may open the region, but may not remove its name.
    #[error("{}permission denied: this user may not remove the name from its folder", .0.heading())]
    Denied(OwnedPlace),
    /// Another process has been closing or removing the region for five seconds: its disk is slow, or the process is
    /// stopped.
    #[error("{}the region is being closed by another process, which waits for its disk; try again", .0.heading())]
    Closing(OwnedPlace),
    /// The region has no name. It disappears with the last process that has it open.
    #[error("the region has no name to remove")]
    Unnamed,
}

/// Why a region could not be handed to a child.
///
/// ```
/// # use mailbox::{Config, HandError, Region};
/// # let name = format!("doc-hand-error-{}", std::process::id());
/// # let orders = name.as_str();
/// let region = Region::create(orders, Config::ranks(2))?;
/// let mut child = std::process::Command::new("child");
/// match region.hand_to(&mut child) {
///     Err(HandError::Named) => drop(child.arg(orders)), // it opens the region itself
///     handed => handed?,
/// }
/// # assert_eq!(region.hand_to(&mut child), Err(HandError::Named));
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum HandError {
    /// The region has a name or is a file; the child can open it itself.
    #[error("the region has a name; the child can open it by that name")]
    Named,
    /// Any other failure of the operating system, by its error number.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why a rank was not joined.
///
/// ```
/// # use mailbox::{Config, JoinError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// let first = region.join(0)?;
/// assert_eq!(region.join(0).unwrap_err(), JoinError::Taken { rank: 0 });
/// let second = region.join_any()?; // 1
/// match region.join_any() {
///     Err(JoinError::Full { ranks }) => println!("all {ranks} seats are taken"),
///     Err(JoinError::Unread { rank }) => println!("rank {rank} has mail for another"),
///     joined => drop(joined?),
/// }
/// # assert_eq!(region.join_any().unwrap_err(), JoinError::Full { ranks: 2 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// A live process holds the rank (or, when joining with a label, the rank of that label).
    #[error("rank {rank} is held by a live process")]
    Taken {
        /// The rank.
        rank: u32,
    },
    /// Live processes hold all ranks that could have been taken.
    #[error("every rank asked for is held by a live process ({ranks} in all)")]
    Full {
        /// How many these are.
        ranks: u32,
    },
    /// The only free ranks have unread mail for a last holder with another label, or with a label while this process
    /// gave none; `rank` is the first of them. Joining by number takes the rank together with that mail.
    #[error("rank {rank} is free, but has unread mail for its last holder; nothing else is free")]
    Unread {
        /// The rank.
        rank: u32,
    },
    /// For five seconds, another process has been closing the region (as the last one to leave it) or removing it:
    /// its disk is slow, or the process is stopped. The rank may be free.
    #[error("the region is being closed by another process, which waits for its disk; try again")]
    Closing,
    /// A label is 1 to 48 bytes without a NUL.
    #[error("a label has 1 to 48 bytes and no NUL; this one has {len} bytes{}", if (1..=48).contains(len) { ", with a NUL" } else { "" })]
    BadLabel {
        /// How many bytes it has.
        len: usize,
    },
    /// The operating system refuses. See [`System`].
    #[error(transparent)]
    System(#[from] System),
    /// The region has no such rank, or was removed after this process opened it.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Why the rank that a launcher gave this process was not joined.
///
/// ```
/// # use mailbox::{Config, JoinEnvError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// match region.join_env() {
///     Err(JoinEnvError::NoRank) => println!("started by hand, not by mbox run"),
///     Err(JoinEnvError::Join(error)) => println!("the launcher's rank is not to be had: {error}"),
///     joined => drop(joined?),
/// }
/// # assert_eq!(region.join_env().unwrap_err(), JoinEnvError::NoRank);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum JoinEnvError {
    /// The environment has no [`MAILBOX_RANK`](crate::MAILBOX_RANK): no launcher started this process.
    #[error("no launcher gave this process a rank (MAILBOX_RANK); start it with: mbox run")]
    NoRank,
    /// [`MAILBOX_RANK`](crate::MAILBOX_RANK) in the environment is not a number.
    #[error("the rank in MAILBOX_RANK is not a number")]
    BadRank,
    /// The rank was not joined.
    #[error(transparent)]
    Join(#[from] JoinError),
}

/// Why [`Region::wait_for`](crate::Region::wait_for) found nobody.
///
/// ```
/// # use mailbox::{Config, Region, WaitError};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # use std::time::Duration;
/// match region.wait_for(1, Duration::from_millis(1)) {
///     Err(error) if error.is_timeout() => println!("rank 1 is late"),
///     Err(WaitError::Removed { rank }) => println!("rank {rank} cannot come any more"),
///     found => drop(found?),
/// }
/// assert_eq!(region.wait_for(2, Duration::ZERO), Err(WaitError::NoSuchRank { rank: 2, ranks: 2 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// No live process held the rank before the time was over.
    #[error("timed out: nobody has joined as rank {rank}")]
    Timeout {
        /// The rank.
        rank: u32,
    },
    /// The region was removed, so nobody can join it any more.
    #[error("the region was removed, so nobody can join as rank {rank}")]
    Removed {
        /// The rank that was waited for.
        rank: u32,
    },
}

/// Why a region in a file was not closed when its last endpoint was. After the next reboot, opening it returns
/// [`Mismatch::Incompatible`], and its mail is lost.
///
/// ```
/// # use mailbox::{CloseError, Config, Region};
/// # let path = std::env::temp_dir().join(format!("doc-close-error-{}", std::process::id()));
/// # let path = path.as_path();
/// let me = Region::create(path, Config::ranks(1))?.join(0)?;
/// std::fs::remove_file(path)?; // by somebody else, say
/// match me.close() {
///     Err(CloseError::Removed) => println!("its mail is lost, and nothing can be done"),
///     closed => closed?,
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// Earlier in this boot, the disk failed to store a part of the region. Nobody can close it any more.
    #[error("the disk failed earlier to store a part of the region; the region does not outlive a reboot")]
    Failed,
    /// The file was removed.
    #[error("the region was removed while it was in use")]
    Removed,
    /// This endpoint had already lost its rank. Whether the region is closed is up to its other users.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Any other failure of the operating system, including disk errors, by its error number.
    #[error("the region was not closed, and does not outlive a reboot: {}", std::io::Error::from_raw_os_error(*.0))]
    Os(i32),
}

/// Why this endpoint cannot do anything any more. Join again; after [`Lost::Removed`], join another region.
///
/// ```
/// # use mailbox::{Broken, Config, Lost, RecvError, Region};
/// # let path = std::env::temp_dir().join(format!("doc-lost-{}", std::process::id()));
/// # let path = path.as_path();
/// let me = Region::create(path, Config::ranks(2))?.join(0)?;
/// std::fs::remove_file(path)?; // by somebody else, say
/// match me.recv() {
///     Err(RecvError::Broken(Broken::Lost(Lost::Removed))) => println!("nobody else can come: make another region"),
///     Err(RecvError::Broken(Broken::Lost(why))) => println!("join again: {why}"),
///     mail => drop(mail?),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Lost {
    /// Another process holds the rank now, because something closed this process's lock.
    #[error("another process holds this rank now")]
    Rank,
    /// This process was forked from the one that joined.
    #[error("a forked child does not inherit its parent's rank")]
    Forked,
    /// Something removed the region's name while processes were using it: another program, `rm`, or systemd-logind at
    /// a logout (`RemoveIPC=`). Nobody can open the region any more; whatever has the name now is another region.
    /// Only calls that would wait return this. Mail that is already there is still received, and messages that have
    /// room are still sent.
    #[error("the region was removed while it was in use")]
    Removed,
}
