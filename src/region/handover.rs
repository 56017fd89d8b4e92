//! Regions without a name, and how another process comes by one.

use super::{OpenOptions, Region};
use crate::config::Config;
use crate::error::{CreateError, HandError, OpenError};
use crate::os::{self, File};
use crate::segment::{Backing, Segment, open_error};
use std::env;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Command;

/// The environment variable in which [`Region::hand_to`] tells a child which descriptor is its region.
pub const MAILBOX_FD: &str = "MAILBOX_FD";

/// # Without a name
///
/// An unnamed region is in memory that no name leads to, and that nobody can make shorter. Other processes
/// come by it as a descriptor: a child with [`hand_to`](Region::hand_to), any other through a UNIX socket. It
/// is gone with the last process that has it.
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
    /// Creates a region without a name. [`CreateError::Config`], [`CreateError::NoSpace`] or
    /// [`CreateError::Os`]; waits for nothing, and costs what [`Region::create`] does.
    pub fn create_unnamed(config: Config) -> Result<Self, CreateError> {
        Segment::create_unnamed(&config).map(Self::over)
    }

    /// Opens the region without a name whose descriptor this is; it belongs to this process' user and is for
    /// protocol 0, see [`OpenOptions::from_fd`] for others. Whoever sent the descriptor is not trusted: what is
    /// no such region is an error, [`OpenError::Unsealed`] if its size can be changed. The descriptor is opened
    /// anew, which takes `/proc`, and closed. Waits for nothing, and costs what [`Region::open`] does.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, OpenError> {
        OpenOptions::new().from_fd(fd)
    }

    /// Opens the region that this process' parent gave it with [`Region::hand_to`]; as [`Region::from_fd`].
    /// [`OpenError::NotFound`] if there is none.
    ///
    /// The descriptor stays open, so that it can be called again, and this process' children have it and the
    /// variable too.
    pub fn from_env() -> Result<Self, OpenError> {
        OpenOptions::new().from_env()
    }

    /// Lets the process that `command` starts open this region with [`Region::from_env`]; one region a command.
    ///
    /// A region that bears a name is opened by that: [`HandError::Named`]. `command` holds a descriptor of the
    /// region as long as it exists.
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

/// The descriptor of what holds the region, whatever that is. Another process can open an unnamed region with
/// it; who locks or unlocks something through it may make ranks seem alive, or dead.
impl AsFd for Region {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.segment.file().as_fd()
    }
}

impl OpenOptions {
    /// Opens the region without a name whose descriptor this is; as [`Region::from_fd`].
    pub fn from_fd(self, fd: OwnedFd) -> Result<Region, OpenError> {
        Segment::from_file(&File::from(fd), self.trust()).map(Region::over)
    }

    /// Opens the region that this process' parent gave it; as [`Region::from_env`].
    pub fn from_env(self) -> Result<Region, OpenError> {
        let number = env::var(MAILBOX_FD).ok().and_then(|number| number.parse().ok());
        let number: u32 = number.ok_or(OpenError::NotFound)?;
        let number = number.try_into().map_err(|_| OpenError::NotFound)?;
        match os::duplicate(number) {
            Ok(descriptor) => self.from_fd(descriptor),
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Err(OpenError::NotFound),
            Err(error) => Err(open_error(error)),
        }
    }
}
