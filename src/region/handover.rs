//! Regions without a name, and how another process gets one.

use super::{OpenOptions, Region};
use crate::config::Config;
use crate::error::{CreateError, HandError, OpenError};
use crate::os::{self, File};
use crate::segment::{Backing, Segment, open_error};
use std::env;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Command;

/// The environment variable in which [`Region::hand_to`] tells a child which descriptor is its region.
///
/// ```
/// # use mailbox::{Config, MAILBOX_FD, OpenError, Region};
/// # use std::{env, process::Command};
/// /// That of the parent, if it has handed one over; otherwise the one that has this name.
/// fn region(name: &str) -> Result<Region, OpenError> {
///     if env::var_os(MAILBOX_FD).is_some() { Region::from_env() } else { Region::open(name) }
/// }
/// # assert_eq!(region("doc-no-such-region").unwrap_err(), OpenError::NotFound("doc-no-such-region".into()));
/// # let mut command = Command::new("true");
/// # Region::create_unnamed(Config::ranks(1))?.hand_to(&mut command)?;
/// # assert!(command.get_envs().any(|(name, value)| name == MAILBOX_FD && value.is_some()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const MAILBOX_FD: &str = "MAILBOX_FD";
/// The environment variable in which a launcher, such as `mbox run`, tells a process the rank that
/// [`Region::join_env`] joins.
///
/// ```
/// # use mailbox::{Config, MAILBOX_RANK, Region};
/// # use std::process::Command;
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// // A launcher of its own: each child calls Region::from_env()?.join_env()?
/// for rank in 0..region.ranks() {
///     let mut command = Command::new("sh");
///     command.args(["-c", "echo I am rank $MAILBOX_RANK"]).env(MAILBOX_RANK, rank.to_string());
///     region.hand_to(&mut command)?;
///     let output = command.output()?;
/// #     assert_eq!(output.stdout, format!("I am rank {rank}\n").as_bytes());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const MAILBOX_RANK: &str = "MAILBOX_RANK";

/// # Without a name
///
/// No name leads to the memory of an unnamed region, and nobody can make it shorter. Other processes get it as a
/// descriptor: a child by [`hand_to`](Region::hand_to), any other process through a UNIX socket. It disappears with
/// the last process that has it open.
///
/// ```
/// use mailbox::{Config, Region};
/// use std::process::Command;
///
/// let region = Region::create_unnamed(Config::ranks(2))?;
/// let me = region.join(0)?;
/// let mut command = Command::new("true"); // a program that calls Region::from_env()?.join(1)?
/// region.hand_to(&mut command)?;
/// let child = command.spawn()?;
/// # let mut child = child;
/// # child.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Region {
    /// Creates a region without a name. Errors: [`CreateError::Config`], [`System::NoSpace`](crate::System::NoSpace) or
    /// [`System::Os`](crate::System::Os). Never waits. Costs the same as [`Region::create`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// let region = Region::create_unnamed(Config::ranks(2))?;
    /// let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.send(1, b"within one process")?;
    /// assert_eq!(other.recv()?.to_vec(), b"within one process");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_unnamed(config: Config) -> Result<Self, CreateError> {
        Segment::create_unnamed(&config).map(Self::over)
    }

    /// Opens the unnamed region that this descriptor belongs to. It must belong to this process's user and have
    /// protocol 0; [`OpenOptions::from_fd`] allows others. The sender of the descriptor is not trusted: anything else
    /// than such a region is an error, for example [`Mismatch::Unsealed`](crate::Mismatch::Unsealed) if its size can be changed. The region
    /// gets a descriptor of its own, for which `/proc` is needed; `fd` is closed. Never waits. Costs the same as
    /// [`Region::open`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// use std::os::fd::AsFd;
    /// let region = Region::create_unnamed(Config::ranks(2))?;
    /// // Sent through a UNIX socket, to another process that trusts nobody:
    /// let fd = region.as_fd().try_clone_to_owned()?;
    /// let same = Region::from_fd(fd)?;
    /// assert_eq!(same.ranks(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_fd(fd: OwnedFd) -> Result<Self, OpenError> {
        OpenOptions::new().from_fd(fd)
    }

    /// Opens the region that this process's parent gave it with [`Region::hand_to`]; otherwise the same as
    /// [`Region::from_fd`]. Returns [`OpenError::NotLaunched`] if the parent gave none.
    ///
    /// The descriptor stays open, so this can be called again. This process's own children inherit the descriptor and
    /// the variable.
    ///
    /// ```
    /// # use mailbox::{OpenError, Region};
    /// match Region::from_env() {
    ///     Ok(region) => println!("a region of {} ranks", region.ranks()),
    ///     Err(OpenError::NotLaunched) => println!("no parent has given this process a region"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert_eq!(Region::from_env().err(), Some(OpenError::NotLaunched));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_env() -> Result<Self, OpenError> {
        OpenOptions::new().from_env()
    }

    /// Lets the process that `command` starts open this region with [`Region::from_env`]. One region for each
    /// command.
    ///
    /// Returns [`HandError::Named`] if the region has a name: the child can open it by name. `command` keeps a
    /// descriptor of the region as long as it exists.
    ///
    /// ```
    /// # use mailbox::{Config, MAILBOX_FD, Region};
    /// # use std::process::Command;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let mut command = Command::new("printenv"); // a program that calls `Region::from_env` would open the region
    /// command.arg(MAILBOX_FD);
    /// assert!(!command.status()?.success());
    /// region.hand_to(&mut command)?;
    /// assert!(command.output()?.status.success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hand_to(&self, command: &mut Command) -> Result<(), HandError> {
        if self.segment.backing() != Backing::Unnamed {
            return Err(HandError::Named);
        }
        let descriptor = os::duplicate(self.as_fd().as_raw_fd())
            .map_err(|error| HandError::Os(os::error_number(&error)))?;
        command.env(MAILBOX_FD, descriptor.as_raw_fd().to_string());
        os::let_inherit(command, descriptor);
        Ok(())
    }
}

/// The descriptor of the memory or file that holds the region. Another process can open an unnamed region with it. A
/// process that sets or clears locks through it can make ranks look alive or dead.
impl AsFd for Region {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.file().as_fd()
    }
}

impl OpenOptions {
    /// Opens the unnamed region that this descriptor belongs to; see [`Region::from_fd`].
    ///
    /// ```
    /// # use mailbox::{Config, Mismatch, OpenError, OpenOptions, Region};
    /// # use std::os::fd::AsFd;
    /// let region = Region::create_unnamed(Config::ranks(2).protocol(3))?;
    /// let descriptor = || region.as_fd().try_clone_to_owned(); // such as one that came through a socket
    /// let same = OpenOptions::new().protocol(3).from_fd(descriptor()?)?;
    /// region.join(0)?.send(1, b"hello")?;
    /// assert_eq!(same.join(1)?.recv()?.to_vec(), b"hello");
    /// let error = OpenOptions::new().from_fd(descriptor()?).unwrap_err();
    /// assert_eq!(error, OpenError::Mismatch(Mismatch::Protocol { protocol: 3 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_fd(self, fd: OwnedFd) -> Result<Region, OpenError> {
        Segment::from_file(&File::from(fd), self.trust()).map(Region::over)
    }

    /// Opens the region that this process's parent gave it; see [`Region::from_env`].
    ///
    /// ```
    /// # use mailbox::{OpenError, OpenOptions};
    /// match OpenOptions::new().protocol(3).from_env() {
    ///     Ok(region) => println!("a region of {} ranks", region.ranks()),
    ///     Err(OpenError::NotLaunched) => println!("no parent has given this process a region"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert_eq!(OpenOptions::new().from_env().err(), Some(OpenError::NotLaunched));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_env(self) -> Result<Region, OpenError> {
        let number = env::var(MAILBOX_FD).ok().and_then(|number| number.parse().ok());
        let number: u32 = number.ok_or(OpenError::NotLaunched)?;
        let number = number.try_into().map_err(|_| OpenError::NotLaunched)?;
        match os::duplicate(number) {
            Ok(descriptor) => self.from_fd(descriptor),
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Err(OpenError::NotLaunched),
            Err(error) => Err(open_error(error)),
        }
    }
}
