//! The region as a user sees it: create, open, remove, look inside.
//!
//! A [`Region`] is open for use: it is mapped, and processes join it as ranks. A [`View`] is open for looking only: it reads the
//! file, and maps, locks and writes nothing. [`crate::segment`] does the work on names, files and memory. Two kinds of methods of
//! a region are elsewhere: `endpoint::join` and `topic::find`.
//!
//! | file | what is in it |
//! |---|---|
//! | this one | [`Region`], and [`OpenOptions`], which say whose regions are trusted |
//! | `handover` | regions without a name, and how a child or another process gets one |
//! | `view`, `inspect`, `topics` | what an observer sees of ranks, of mailboxes, and of topics |
//! | `tap` | the mail that passes, as an observer sees it |
//! | `model` | in its place, a region on the heap, for model checks |
//!
//! **Who writes what.** Nothing here writes into the segment. `segment` writes the header, processes that join write the rest
//! ([`crate::abi`] says what), and `topic` makes the entries of topics.
//!
//! **What waits.** To open and to look do not. To create a file waits for the disk; to remove a region, for a process that
//! leaves; `create_or_open`, for one that removes; `wait_for`, for one that joins. Where they wait for a process they look
//! again and again, up to a time: a process without a rank has no bell to sleep on.
//!
//! **Before you change it:**
//! - Clones of a region share one mapping. An endpoint has such a clone, so the memory is there as long as the endpoint.
//! - An observer reads copies through the file. To look at a page of the mapping could take memory for it.
//! - What an observer sees is for people: its parts are from different moments, and ranks write them themselves. No promise may
//!   rest on it. (To join passes over ranks with unread mail by such a look; its doc says what that may miss.)

mod handover;
mod inspect;
mod tap;
mod topics;
mod view;

pub use handover::{MAILBOX_FD, MAILBOX_RANK};
pub use inspect::{Inspection, MailboxReport, RankReport};
pub use tap::{Tap, Tapped, TappedKind, TappedMail};
pub use topics::{ReaderReport, TopicReport};
pub use view::View;

use crate::abi::{Geometry, LABELS, lock_byte};
use crate::config::Config;
use crate::error::{CreateError, CreateOrOpenError, OpenError, RemoveError, WaitError};
use crate::os::Lock;
use crate::rank::{Registry, Status};
use crate::segment::{self, Leftover, Listed, Place, Segment, Trust};
use crate::sync::{Edge, acquire};
use crate::wait::pace::{self, CREATE_PATIENCE, FIRST_GLANCE, LAST_GLANCE, RETRY};
use core::fmt;
use core::time::Duration;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Shared memory that holds a mailbox for every ordered pair of ranks.
///
/// What holds the region decides what it survives, together with all mail that is not acknowledged:
///
/// | | made with | all its processes end | the machine reboots | may be made shorter by |
/// |---|---|---|---|---|
/// | named segment | [`Place::Name`] | stays | disappears | processes that may write to it |
/// | file | [`Place::File`] | stays | stays, if it was closed | processes that may write to it |
/// | unnamed | [`Region::create_unnamed`] | disappears | disappears | nobody |
///
/// The first two stay until [`Region::remove`]. Making a region shorter kills the processes that use it (by SIGBUS).
/// [`Config::mode`] says who may write; the default is the owner only.
///
/// A file is closed when its last endpoint is dropped. If the machine goes down before that, or if processes were
/// killed and nobody joined after them, the pages on the disk may be from different moments. Then opening the region
/// returns [`Mismatch::Incompatible`](crate::Mismatch::Incompatible). The file must be on a file system of this machine. On a file system that
/// copies on write (Btrfs, ZFS), a full disk can kill a writer by SIGBUS, because space cannot be reserved there.
/// While the region is in use, the system writes pages to the disk now and then; a message to a page that was just
/// written takes longer.
///
/// A forked child keeps the region open, and may join it as a rank of its own.
#[derive(Clone)]
pub struct Region {
    pub(crate) segment: Arc<Segment>,
    pub(crate) registry: Registry,
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("place", &self.segment.path()).finish_non_exhaustive()
    }
}

/// Which regions may be opened, in addition to those that [`Region::open`] opens.
///
/// ```
/// # use mailbox::{Config, Mismatch, OpenError, OpenOptions, Region};
/// # let name = format!("doc-options-{}", std::process::id());
/// /// The number changes with the messages.
/// const PROTOCOL: u64 = 3;
/// let region = Region::create(&name, Config::ranks(2).protocol(PROTOCOL))?;
/// // A program that is built with the same number, and one that knows nothing of it:
/// let same = OpenOptions::new().protocol(PROTOCOL).open(&name)?;
/// let error = Region::open(&name).unwrap_err();
/// assert_eq!(error, OpenError::Mismatch(Mismatch::Protocol { protocol: 3 }));
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    trust: Trust,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// Regions of this process' user, for protocol 0. [`OpenOptions`] has an example.
    pub const fn new() -> Self {
        Self { trust: Trust { protocol: Some(0), owner: None } }
    }

    /// The region must have this protocol; otherwise the error is [`Mismatch::Protocol`](crate::Mismatch::Protocol).
    ///
    /// ```
    /// # use mailbox::{Config, Mismatch, OpenError, OpenOptions, Region};
    /// # let name = format!("doc-options-protocol-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2).protocol(3))?;
    /// // A program that was built for other messages
    /// let error = OpenOptions::new().protocol(2).open(&name).unwrap_err();
    /// assert_eq!(error, OpenError::Mismatch(Mismatch::Protocol { protocol: 3 }));
    /// assert_eq!(OpenOptions::new().protocol(3).open(&name)?.ranks(), 2);
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn protocol(mut self, protocol: u64) -> Self {
        self.trust.protocol = Some(protocol);
        self
    }

    /// The region may have any protocol. For tools that do not read mail.
    ///
    /// ```
    /// # use mailbox::{Config, OpenError, OpenOptions, Region};
    /// # let name = format!("doc-options-any-{}", std::process::id());
    /// # Region::create(&name, Config::ranks(2).protocol(3))?;
    /// let any = OpenOptions::new().any_protocol();
    /// assert_eq!(any.look(&name)?.inspect().protocol, 3);
    /// assert_eq!(any.open(&name)?.ranks(), 2);
    /// any.remove(&name)?;
    /// assert_eq!(any.look(&name).err(), Some(OpenError::NotFound(name.as_str().into())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn any_protocol(mut self) -> Self {
        self.trust.protocol = None;
        self
    }

    /// The region may also belong to this user, given by number; otherwise the error is [`Mismatch::Owner`](crate::Mismatch::Owner). The
    /// owner of a region can make the processes that use it fail. In a user namespace, 65534 stands for all users
    /// without a number there.
    ///
    /// ```
    /// # use mailbox::{Config, OpenOptions, Region};
    /// # let name = format!("doc-options-owner-{}", std::process::id());
    /// # Region::create(&name, Config::ranks(2))?;
    /// // Of the user with this number, or of this user.
    /// let region = OpenOptions::new().owner(1234).open(&name)?;
    /// assert_eq!(region.ranks(), 2);
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn owner(mut self, uid: u32) -> Self {
        self.trust.owner = Some(uid);
        self
    }

    /// Opens the region at `place`. Errors, waiting and cost are those of [`Region::open`]. [`OpenOptions`] has an example.
    pub fn open<'a>(self, place: impl Into<Place<'a>>) -> Result<Region, OpenError> {
        Segment::open(place.into(), self.trust).map(Region::over)
    }

    /// Opens the region at `place` for looking at it; see [`Region::look`].
    ///
    /// ```
    /// # use mailbox::{Config, Mismatch, OpenError, OpenOptions, Region};
    /// # let name = format!("doc-options-look-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2).protocol(3))?;
    /// // `Region::look` takes any protocol; a tool that knows the messages wants its own.
    /// let error = OpenOptions::new().protocol(2).look(&name).unwrap_err();
    /// assert_eq!(error, OpenError::Mismatch(Mismatch::Protocol { protocol: 3 }));
    /// assert_eq!(OpenOptions::new().protocol(3).look(&name)?.ranks(), 2);
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn look<'a>(self, place: impl Into<Place<'a>>) -> Result<View, OpenError> {
        Segment::look(place.into(), self.trust).map(View::new)
    }

    /// Removes the region at `place`, if these options allow opening it. Errors and waiting are those of
    /// [`Region::remove_at`].
    ///
    /// ```
    /// # use mailbox::{Config, Mismatch, OpenError, OpenOptions, Region, RemoveError};
    /// # let name = format!("doc-options-remove-{}", std::process::id());
    /// # Region::create(&name, Config::ranks(2).protocol(3))?;
    /// // Not that of another program which has taken the name
    /// let refused = OpenOptions::new().protocol(2).remove(&name);
    /// assert_eq!(refused, Err(RemoveError::Open(OpenError::Mismatch(Mismatch::Protocol { protocol: 3 }))));
    /// OpenOptions::new().protocol(3).remove(&name)?;
    /// assert!(Region::look(&name).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove<'a>(self, place: impl Into<Place<'a>>) -> Result<(), RemoveError> {
        Segment::remove(place.into(), self.trust)
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }
}

impl Region {
    /// Creates a region at `place`: a string is a name, a path a file.
    ///
    /// Nobody sees the region before it is complete. Returns [`CreateError::Exists`] if anything has that name.
    ///
    /// Costs 0.1 ms (up to 15 ms the first time in a process with several threads) and the memory of the rank table:
    /// 4 KiB, and 1 KiB for each rank. A file waits for the disk; nothing else waits.
    ///
    /// ```
    /// # use mailbox::{Config, CreateError, Region};
    /// # let name = format!("doc-create-{}", std::process::id());
    /// # let name = name.as_str();
    /// let region = Region::create(name, Config::ranks(2))?;
    /// // The name is taken, until the region is removed.
    /// assert_eq!(Region::create(name, Config::ranks(2)).unwrap_err(), CreateError::Exists(name.into()));
    /// region.remove()?;
    ///
    /// // In a file it outlives the machine's next start.
    /// let file = std::env::temp_dir().join(name);
    /// let region = Region::create(&file, Config::ranks(2))?;
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create<'a>(place: impl Into<Place<'a>>, config: Config) -> Result<Self, CreateError> {
        Segment::create(place.into(), &config).map(Self::over)
    }

    /// Opens the region at `place`. It must belong to this process's user and have protocol 0; [`OpenOptions`] allows
    /// others. Anything that is not a whole region of this version returns an error that says so. All of this is
    /// checked before anything is mapped.
    ///
    /// Never waits. Costs the same as [`Region::create`], without the memory and the disk. An open region uses at
    /// most three descriptors, for any number of joined ranks, and [`Inspection::size`] bytes of address space.
    /// Clones share them.
    ///
    /// ```
    /// # use mailbox::{Config, OpenError, Region};
    /// # use std::{thread, time::Duration};
    /// # let name = format!("doc-open-{}", std::process::id());
    /// # let name = name.as_str();
    /// # let creator = thread::spawn({
    /// #     let name = name.to_string();
    /// #     move || Region::create(&name, Config::ranks(2))
    /// # });
    /// // As soon as another process has created it
    /// let region = loop {
    ///     match Region::open(name) {
    ///         Err(OpenError::NotFound(_)) => thread::sleep(Duration::from_millis(10)),
    ///         opened => break opened?,
    ///     }
    /// };
    /// # creator.join().unwrap()?;
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open<'a>(place: impl Into<Place<'a>>) -> Result<Self, OpenError> {
        OpenOptions::new().open(place)
    }

    /// Opens the region at `place`, or creates it if there is none. Processes that do so at the same time get the
    /// same region. Returns [`CreateOrOpenError::Differs`] if the existing region has other sizes, and says which, and
    /// [`Mismatch::Protocol`](crate::Mismatch::Protocol) if it has another protocol. Mode, group and reservation are not compared.
    ///
    /// If another process is removing a region with this name, waits for that, at most two seconds.
    ///
    /// ```
    /// # use mailbox::{Config, CreateOrOpenError, Region};
    /// # let name = format!("doc-create-or-open-{}", std::process::id());
    /// # let name = name.as_str();
    /// // Each of several processes does this, and the first of them creates it.
    /// let region = Region::create_or_open(name, Config::ranks(2))?;
    /// let same = Region::create_or_open(name, Config::ranks(2))?;
    /// // One of another version wants another one.
    /// let error = Region::create_or_open(name, Config::ranks(3)).unwrap_err();
    /// assert_eq!(error, CreateOrOpenError::Differs { place: name.into(), size: "ranks", found: 2, wanted: 3 });
    /// println!("{error}"); // what an earlier run has left: `mbox rm` removes it
    /// # let (me, other) = (region.join(0)?, same.join(1)?);
    /// # me.send(1, b"the same")?;
    /// # assert_eq!(other.recv()?.to_vec(), b"the same");
    /// # drop((me, other));
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_or_open<'a>(
        place: impl Into<Place<'a>>,
        config: Config,
    ) -> Result<Self, CreateOrOpenError> {
        let place = place.into();
        // What is to be opened may be removed first, and what is to be created may exist by then. A process that has
        // not won such a race by the deadline meets a stopped remover, or mischief.
        let deadline = Instant::now() + CREATE_PATIENCE;
        let options = OpenOptions::new().protocol(config.geometry.protocol);
        loop {
            match options.open(place) {
                Ok(region) => {
                    let Some((size, found, wanted)) = region.geometry().difference(&config.geometry) else {
                        return Ok(region);
                    };
                    let place = place.into();
                    return Err(CreateOrOpenError::Differs { place, size, found, wanted });
                }
                Err(OpenError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
            match Self::create(place, config) {
                Err(CreateError::Exists(_)) if Instant::now() < deadline => {
                    pace::doze(RETRY);
                }
                result => return Ok(result?),
            }
        }
    }

    /// Removes this region with all its mail. Returns [`RemoveError::InUse`] if a live process (perhaps this one) has
    /// joined it, [`OpenError::NotFound`] if it was removed already or its name belongs to something else now, and
    /// [`RemoveError::Unnamed`] if it has no name.
    ///
    /// Processes that have opened it and not joined find out when they join. If the last process to leave a file
    /// waits for the disk, this waits for that process, at most five seconds.
    ///
    /// ```
    /// # use mailbox::{Config, OpenError, Region, RemoveError};
    /// # let name = format!("doc-remove-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(1))?;
    /// let me = region.join(0)?;
    /// assert!(matches!(region.remove(), Err(RemoveError::InUse(_))));
    /// drop(me);
    /// // By the last that leaves: it may be that another one was faster.
    /// match region.remove() {
    ///     Ok(()) | Err(RemoveError::InUse(_) | RemoveError::Open(OpenError::NotFound(_))) => {}
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert!(Region::open(&name).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self) -> Result<(), RemoveError> {
        self.segment.remove_this()
    }

    /// Removes the region at `place`, of this process's user and with any protocol; see [`Region::remove`].
    ///
    /// ```
    /// # use mailbox::{Config, OpenError, Region, RemoveError};
    /// # let name = format!("doc-remove-at-{}", std::process::id());
    /// # Region::create(&name, Config::ranks(2).protocol(7))?;
    /// // What an earlier run has left.
    /// match Region::remove_at(&name) {
    ///     Ok(()) => println!("removed {name}"),
    ///     Err(RemoveError::Open(OpenError::NotFound(_))) => println!("nothing to remove"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert!(Region::look(&name).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove_at<'a>(place: impl Into<Place<'a>>) -> Result<(), RemoveError> {
        OpenOptions::new().any_protocol().remove(place)
    }

    /// Opens the region at `place`, of this process's user and with any protocol, for looking at it. Permission to
    /// read is enough, a file system may be mounted for reading only, and `/proc` is not needed. Nothing is mapped,
    /// locked or written. Anything that is not a region is never opened for writing.
    ///
    /// Never waits. Costs about 20 µs and one descriptor.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let name = format!("doc-look-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// # me.send(1, b"unread")?;
    /// let view = Region::look(&name)?;
    /// println!("{} mails are unread", view.unread());
    /// # assert_eq!(view.unread(), 1);
    /// # drop(me);
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn look<'a>(place: impl Into<Place<'a>>) -> Result<View, OpenError> {
        OpenOptions::new().any_protocol().look(place)
    }

    /// What ended processes of this user have left in memory and nobody uses now, sorted by name; it may still be
    /// worth something. What this user may not look at is left out. Changes nothing; [`Leftover::remove`] does.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let name = format!("doc-leftovers-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// # region.join(0)?.send(1, b"nobody reads this")?;
    /// let with_mail = |unread: Option<u64>| unread.is_some_and(|unread| unread > 0);
    /// let left = Region::leftovers()?.into_iter().filter(|left| with_mail(left.unread));
    /// let names: Vec<String> = left.map(|left| left.name).collect();
    /// println!("with unread mail: {names:?}");
    /// # assert!(names.contains(&name));
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leftovers() -> io::Result<Vec<Leftover>> {
        segment::leftovers()
    }

    /// What is left in `folder` of regions in files whose creator (of this user) was killed, sorted by name. Like
    /// [`Region::leftovers`]; regions that have a name of their own are not included.
    ///
    /// ```
    /// # use mailbox::Region;
    /// # let folder = std::env::temp_dir().join(format!("doc-leftovers-{}", std::process::id()));
    /// # std::fs::create_dir(&folder)?;
    /// # let folder = folder.as_path();
    /// let left = Region::leftovers_in(folder)?;
    /// if !left.is_empty() {
    ///     println!("removed {:?}", Region::clean_folder(folder)?);
    /// }
    /// # assert!(left.is_empty() && Region::clean_folder(folder)?.is_empty());
    /// # std::fs::remove_dir(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leftovers_in(folder: &Path) -> io::Result<Vec<Leftover>> {
        segment::leftovers_in(folder)
    }

    /// Removes what ended processes of this user have left in memory. Returns the names that it had, sorted:
    ///
    /// - regions without a live process and without unread mail, in which a process died without leaving;
    /// - parts of regions whose creator or remover was killed at its work. The names of those that were never
    ///   complete end in `.mailbox-` and 16 hexadecimal digits.
    ///
    /// Three kinds of regions stay: those with unread mail, those that every process left, and those that nobody has
    /// joined yet. [`Region::leftovers`] lists them, and [`Region::remove_at`] removes them. A process that joins,
    /// creates or removes at the same time goes first. What cannot be removed is left out. Waits for a process that
    /// is removing a region, at most five seconds for each.
    ///
    /// ```no_run
    /// # use mailbox::Region;
    /// for name in Region::clean()? {
    ///     println!("removed {name}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clean() -> io::Result<Vec<String>> {
        segment::leftovers().map(segment::clean)
    }

    /// Removes what is left in `folder` of regions in files whose creator (of this user) was killed. Returns the
    /// names that it had, sorted. Like [`Region::clean`]; regions that have a name of their own stay. [`Region::leftovers_in`]
    /// has an example.
    pub fn clean_folder(folder: &Path) -> io::Result<Vec<String>> {
        segment::leftovers_in(folder).map(segment::clean)
    }

    /// The regions in memory, of any user and any protocol, and what may be a region but cannot be read; sorted by
    /// name. Regions in files and unnamed ones are not included. Reads the first words of each. What is not a file,
    /// or has a wrong length, is not opened.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let name = format!("doc-list-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// let regions = Region::list()?;
    /// let memory: u64 = regions.iter().map(|region| region.memory).sum();
    /// println!("{} regions take {} KiB", regions.len(), memory >> 10);
    /// # assert!(regions.iter().any(|region| region.name == name && region.memory > 0));
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list() -> io::Result<Vec<Listed>> {
        segment::list()
    }

    pub(crate) fn over(segment: Segment) -> Self {
        let registry = Registry::new(segment.ranks(), segment.control(), segment.locks().clone());
        Self { segment: Arc::new(segment), registry }
    }

    pub(crate) fn geometry(&self) -> &Geometry {
        self.segment.geometry()
    }

    /// How many ranks the region has.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// let config = Config::ranks(3).arena(1 << 20).max_message(16 << 20).loans(2 << 20).value(64);
    /// let region = Region::create_unnamed(config)?;
    /// assert_eq!((region.ranks(), region.max_message()), (3, 16 << 20));
    /// assert_eq!((region.eager_limit(), region.max_loan()), (512 << 10, 2 << 20));
    /// assert_eq!(region.max_value(), 64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ranks(&self) -> u32 {
        self.geometry().ranks
    }

    /// The longest message that can be sent, in bytes. [`Region::ranks`] has an example.
    pub fn max_message(&self) -> u64 {
        self.geometry().max_message
    }

    /// The longest [latest value](crate::LatestPublisher) of a topic, in bytes. [`Region::ranks`] has an example.
    pub fn max_value(&self) -> u64 {
        self.geometry().value
    }

    /// The longest message that lies in its mailbox as a whole, in bytes: half the arena, or the longest message if
    /// that is shorter. Longer ones are announced. [`Region::ranks`] has an example.
    pub fn eager_limit(&self) -> u64 {
        self.geometry().whole()
    }

    /// The longest [loan](crate::Endpoint::loan), in bytes. It is also the [area](crate::Config::loans) for all loans
    /// of a rank. [`Region::ranks`] has an example.
    pub fn max_loan(&self) -> u64 {
        self.geometry().loans
    }

    /// The rank whose last holder joined with this label, if there is one. The holder need not be alive; a rank whose
    /// holder has not left comes first. A label that is being written at this moment may be missed. Costs a look at
    /// each rank's record.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(8))?;
    /// # let me = region.join(3)?;
    /// # let printer = region.join_as("printer")?;
    /// let rank = region.find("printer").ok_or("there was never a printer")?;
    /// me.send(rank, b"a page")?;
    /// # assert_eq!(printer.recv()?.to_vec(), b"a page");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, label: &str) -> Option<u32> {
        let bears = |rank: &u32| !label.is_empty() && self.registry.label(*rank) == label.as_bytes();
        (0..self.ranks()).filter(bears).min_by_key(|rank| !self.registry.life(*rank).joined())
    }

    /// The label that the last holder of `rank` joined with; `None` if it had none, or if there is no such rank.
    /// Bytes that are not UTF-8 are shown as U+FFFD; only a program that breaks the rules writes such a label. Costs
    /// a look at the rank's record.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join_as("bob")?);
    /// # other.send(0, b"hello")?;
    /// let mail = me.recv()?;
    /// let name = region.label(mail.from()).unwrap_or_else(|| format!("rank {}", mail.from()));
    /// println!("{name} says {:?}", mail.to_vec());
    /// # assert_eq!(name, "bob");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn label(&self, rank: u32) -> Option<String> {
        let label = (rank < self.ranks()).then(|| self.registry.label(rank))?;
        (!label.is_empty()).then(|| String::from_utf8_lossy(&label).into_owned())
    }

    /// Waits until a live process has joined as `rank`, at most for `timeout`. Returns the rank's epoch. The caller
    /// needs no rank itself.
    ///
    /// Looks at growing intervals, up to 10 ms. A process that joins and leaves between two looks is missed; its
    /// messages are still there.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let late = region.clone();
    /// # let late = std::thread::spawn(move || late.join(1));
    /// let epoch = region.wait_for(1, Duration::from_secs(10))?;
    /// println!("rank 1 is there, in its life {epoch}");
    /// # assert_eq!(epoch, late.join().unwrap()?.epoch());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_for(&self, rank: u32, timeout: Duration) -> Result<u64, WaitError> {
        let ranks = self.ranks();
        if rank >= ranks {
            return Err(WaitError::NoSuchRank { rank, ranks });
        }
        let deadline = Instant::now().checked_add(timeout);
        let (mut pause, mut dead) = (FIRST_GLANCE, None);
        loop {
            let life = self.registry.life(rank);
            // Not `status`: a process that closes the region holds all locks for a moment, so the dead look alive.
            let is_held = || segment::is_held(self.segment.file(), lock_byte(rank), 1).unwrap_or(true);
            if life.joined() && is_held() {
                if dead != Some(life) {
                    return Ok(life.epoch());
                }
                // The lock is taken, but the word is of a life that is over: the new holder has not stored its own
                // yet.
            } else if life.joined() && segment::is_free(self.segment.file(), lock_byte(rank)) {
                dead = Some(life);
            }
            if !self.segment.is_bound() || self.segment.is_unlinked() {
                return Err(WaitError::Removed { rank });
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(WaitError::Timeout { rank });
            }
            pace::doze(left.unwrap_or(pause).min(pause));
            pause = (2 * pause).min(LAST_GLANCE);
        }
    }

    /// Whether a process holds `rank`, and the rank's epoch: how many times it has been joined. `None` if there is no
    /// such rank.
    ///
    /// Never waits. Costs a system call (0.2 to 5.4 µs) if the last holder of the rank has not left.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Status};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let first = region.join(1)?;
    /// assert_eq!(region.status(1), Some((Status::Live, 1)));
    /// drop(first);
    /// assert_eq!(region.status(1), Some((Status::Left, 1)));
    /// let second = region.join(1)?;
    /// assert_eq!(region.status(1), Some((Status::Live, 2)));
    /// # drop(second);
    /// # assert_eq!((region.status(0), region.status(2)), (Some((Status::NeverJoined, 0)), None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self, rank: u32) -> Option<(Status, u64)> {
        (rank < self.ranks()).then(|| {
            let (status, life) = self.registry.status(rank);
            (status, life.epoch())
        })
    }

    /// Looks at everything. Takes no memory in the segment, no matter what ranks wrote there.
    ///
    /// Never waits, and needs no rank. Costs three system calls for each rank, three (about 4 µs) for each mailbox in
    /// use, and a look at each waiting message.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Status};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # me.send(2, b"unread")?;
    /// let seen = region.inspect();
    /// let live = seen.ranks.iter().filter(|rank| rank.status == Status::Live).count();
    /// let unread: u64 = seen.mailboxes.iter().map(|mailbox| mailbox.unread).sum();
    /// println!("{live} ranks are there, and {unread} mails are unread");
    /// # assert_eq!((live, unread), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inspect(&self) -> Inspection {
        Inspection::of(self.segment.file(), self.geometry())
    }

    /// Takes the lock of labels and topics. `None` if others have kept it for so long, or if the region was removed.
    pub(crate) fn lock_labels(&self, patience: Duration) -> io::Result<Option<Lock>> {
        let deadline = Instant::now() + patience;
        loop {
            let lock = self.segment.locks().take(LABELS, 1)?;
            if lock.is_some() || !self.segment.is_bound() || Instant::now() >= deadline {
                return Ok(lock);
            }
            pace::doze(RETRY);
        }
    }

    /// Whether `rank` has unread mail, as far as it can be read.
    pub(crate) fn has_unread(&self, rank: u32) -> bool {
        let has_mail = |from| self.is_opened(from, rank) && self.segment.copies().has_unread(from, rank);
        (0..self.ranks()).any(has_mail)
    }

    /// Whether `from` ever had a mailbox to `to`, because it sent something or was about to. `false` if there is no
    /// such rank. Costs one load.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let me = region.join(0)?;
    /// assert!(!region.has_mailbox(0, 1));
    /// me.send(1, b"hello")?;
    /// assert!(region.has_mailbox(0, 1) && !region.has_mailbox(1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn has_mailbox(&self, from: u32, to: u32) -> bool {
        from.max(to) < self.ranks() && self.is_opened(from, to)
    }

    /// Whether the `opened` word says that the mailbox from `from` to `to` is reserved.
    pub(crate) fn is_opened(&self, from: u32, to: u32) -> bool {
        let word = &self.registry.rank(to).opened[from as usize / 64];
        // Pairs with the sender's `fetch_or`: the pages are reserved, except for the arena's.
        word.load(acquire(Edge::Opened)) >> (from % 64) & 1 == 1
    }
}
