//! The region as a user sees it: create, open, remove, look inside.
#![cfg(not(loom))]

mod handover;
mod inspect;
mod view;

pub use handover::MAILBOX_FD;
pub use inspect::{Inspection, MailboxReport, RankReport};
pub use view::View;

use crate::abi::{Geometry, lock_byte};
use crate::config::Config;
use crate::error::{CreateError, CreateOrOpenError, OpenError, RemoveError, WaitError};
use crate::rank::{Registry, Status};
use crate::segment::{self, Leftover, Listed, Place, Segment, Trust};
use crate::sync::{Edge, acquire};
use crate::wait::pace;
use core::fmt;
use core::time::Duration;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// How long [`Region::create_or_open`] tries to do either.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shared memory that holds a mailbox for every ordered pair of ranks.
///
/// What it lies in decides what it survives, with all mail that is not acknowledged:
///
/// | | made with | all its processes end | the machine is booted | made shorter by |
/// |---|---|---|---|---|
/// | named segment | [`Place::Name`] | it stays | it is gone | whoever may write to it |
/// | file | [`Place::File`] | it stays | it stays, if it was closed | whoever may write to it |
/// | unnamed | [`Region::create_unnamed`] | it is gone | it is gone | nobody |
///
/// The first two stay until [`Region::remove`]. Who makes a region shorter ends the processes that use it (the
/// system sends them SIGBUS): [`Config::mode`] says who may write, by default the owner only.
///
/// A file is closed when its last endpoint is dropped. If the machine goes down before, or processes were
/// killed and nobody joined after them, what came to the disk may be of different moments: then it is
/// [`OpenError::Incompatible`]. It must be on a file system of this machine; on one that copies what it
/// writes (Btrfs, ZFS), reserved space does not keep a full disk from ending a writer with SIGBUS. The system
/// writes to the disk now and then meanwhile, and a message to a page that it just wrote takes longer.
///
/// A region stays open in a forked child, which may join it as a rank of its own.
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

/// Which regions to open, beyond those that [`Region::open`] does.
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
    /// Regions of this process' user, for protocol 0.
    pub const fn new() -> Self {
        Self { trust: Trust { protocol: Some(0), owner: None } }
    }

    /// The region must be for this protocol, else [`OpenError::Protocol`].
    pub const fn protocol(mut self, protocol: u64) -> Self {
        self.trust.protocol = Some(protocol);
        self
    }

    /// The region may be for any protocol: for tools that do not read mail.
    pub const fn any_protocol(mut self) -> Self {
        self.trust.protocol = None;
        self
    }

    /// The region may belong to this user, too, by its number; else [`OpenError::Owner`]. Whoever owns a region
    /// can make its users fail. In a user namespace 65534 is everybody who has no number there.
    pub const fn owner(mut self, uid: u32) -> Self {
        self.trust.owner = Some(uid);
        self
    }

    /// Opens the region at `place`; waits, costs and fails as [`Region::open`].
    pub fn open<'a>(self, place: impl Into<Place<'a>>) -> Result<Region, OpenError> {
        Segment::open(place.into(), self.trust).map(Region::over)
    }

    /// Opens the region at `place` to look at it; as [`Region::look`].
    pub fn look<'a>(self, place: impl Into<Place<'a>>) -> Result<View, OpenError> {
        Segment::look(place.into(), self.trust).map(View::new)
    }

    /// Removes the region at `place`; waits and fails as [`Region::remove_at`], and if these options do not let it be
    /// opened.
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
    /// Nobody sees it before it is complete. [`CreateError::Exists`] if something bears the name, whatever it is.
    ///
    /// Costs 0.1 ms, the first time in a process that has threads up to 15 ms, and the memory of the rank table:
    /// 4 KiB and 1 KiB a rank. A file waits for the disk; nothing else is waited for.
    pub fn create<'a>(place: impl Into<Place<'a>>, config: Config) -> Result<Self, CreateError> {
        Segment::create(place.into(), &config).map(Self::over)
    }

    /// Opens the region at `place`, which belongs to this process' user and is for protocol 0; see
    /// [`OpenOptions`] for others. What is no whole region of this version is an error that says so; nothing is
    /// mapped before that was checked.
    ///
    /// Never waits. Costs what [`Region::create`] does, without the memory and the disk. An open region is three
    /// descriptors at most, however many ranks are joined, and address space of [`Inspection::size`] bytes; clones share them.
    pub fn open<'a>(place: impl Into<Place<'a>>) -> Result<Self, OpenError> {
        OpenOptions::new().open(place)
    }

    /// Opens the region at `place`, or creates it if there is none; processes that do so at the same time end
    /// up in one region. One of other ranks, cells, arena or largest message is
    /// [`CreateOrOpenError::Differs`], one of another protocol [`OpenError::Protocol`]; mode and reservation are
    /// not compared.
    ///
    /// Waits, at most two seconds, for whoever is about to remove what bears the name.
    pub fn create_or_open<'a>(
        place: impl Into<Place<'a>>,
        config: Config,
    ) -> Result<Self, CreateOrOpenError> {
        let place = place.into();
        // Whatever is to be opened may be removed before, whatever is to be created may exist by then: whoever
        // has not won such a race by the deadline meets a remover that is stopped, or mischief.
        let deadline = Instant::now() + PATIENCE;
        let options = OpenOptions::new().protocol(config.geometry.protocol);
        loop {
            match options.open(place) {
                Ok(region) if region.geometry() == &config.geometry => return Ok(region),
                Ok(_) => return Err(CreateOrOpenError::Differs),
                Err(OpenError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
            match Self::create(place, config) {
                Err(CreateError::Exists) if Instant::now() < deadline => {
                    pace::doze(Duration::from_millis(1));
                }
                result => return Ok(result?),
            }
        }
    }

    /// Removes this region with all its mail, unless a live process, this one included, has joined it:
    /// [`RemoveError::InUse`]. If somebody else did, or gave its name to something else, it is
    /// [`OpenError::NotFound`]; one that bears no name is [`RemoveError::Unnamed`].
    ///
    /// Processes that have opened it and not joined find it removed when they join. Waits, at most five
    /// seconds, while the last to leave a file waits for the disk.
    pub fn remove(&self) -> Result<(), RemoveError> {
        self.segment.remove_this()
    }

    /// Removes the region at `place`, of this process' user, whatever its protocol; as [`Region::remove`].
    pub fn remove_at<'a>(place: impl Into<Place<'a>>) -> Result<(), RemoveError> {
        OpenOptions::new().any_protocol().remove(place)
    }

    /// Opens the region at `place`, which belongs to this process' user, for whatever protocol, to look at it:
    /// permission to read is enough, also on a file system that is mounted for reading only, and `/proc` is not
    /// needed. Nothing is mapped, locked or written, and what is no region is not opened for writing.
    ///
    /// Never waits. Costs some 20 µs, and one descriptor.
    pub fn look<'a>(place: impl Into<Place<'a>>) -> Result<View, OpenError> {
        OpenOptions::new().any_protocol().look(place)
    }

    /// What processes of this user that ended have left in memory, sorted by name: whatever nobody uses now, be it
    /// worth something or not. What this user may not look at is passed over. Changes nothing;
    /// [`Leftover::remove`] does.
    pub fn leftovers() -> io::Result<Vec<Leftover>> {
        segment::leftovers()
    }

    /// What is left in `folder` of regions in files whose creator, of this user, was killed; sorted by name. As
    /// [`Region::leftovers`]; regions that bear a name are not among it.
    pub fn leftovers_in(folder: &Path) -> io::Result<Vec<Leftover>> {
        segment::leftovers_in(folder)
    }

    /// Removes what processes of this user that ended have left in memory, and says under which names it was;
    /// sorted:
    ///
    /// - regions in which nobody lives, somebody died without leaving, and no mail is unread;
    /// - what is left of regions whose creator or remover was killed on the way: of the former, the names end in
    ///   `.mailbox-` and 16 hexadecimal digits.
    ///
    /// Regions with unread mail, or that everybody left, or that nobody has joined yet, stay: [`Region::remove_at`] takes
    /// them, and [`Region::leftovers`] names them. A process that joins, creates or removes meanwhile goes first. What cannot
    /// be removed is passed over. Waits, at most five seconds a region, for a process that is removing it.
    pub fn clean() -> io::Result<Vec<String>> {
        segment::leftovers().map(segment::clean)
    }

    /// Removes what is left in `folder` of regions in files whose creator, of this user, was killed on the way,
    /// and says under which names it was; sorted. As [`Region::clean`]; regions that bear a name stay.
    pub fn clean_folder(folder: &Path) -> io::Result<Vec<String>> {
        segment::leftovers_in(folder).map(segment::clean)
    }

    /// The regions in memory, whosever they are and whatever their protocol, and what could be one and may not be
    /// read; sorted by name. Those in files and those without a name are not among them. Reads the first words of
    /// each; what is no file, or has the wrong length, is not opened.
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
    pub fn ranks(&self) -> u32 {
        self.geometry().ranks
    }

    /// The longest message that can be sent, in bytes.
    pub fn max_message(&self) -> u64 {
        self.geometry().max_message
    }

    /// The longest message that lies in its mailbox as a whole, in bytes: half the arena, or less if no message
    /// is that long. Longer ones are announced.
    pub fn eager_limit(&self) -> u64 {
        self.geometry().whole()
    }

    /// The longest [loan](crate::Endpoint::loan), in bytes, and what all loans of a rank have: its
    /// [area](crate::Config::loans).
    pub fn max_loan(&self) -> u64 {
        self.geometry().loans
    }

    /// The rank whose last holder joined with this label, if there is one; it need not live, but one that has not left
    /// comes first. A label that is being written at this moment may be missed or seen in part. Costs a look at each
    /// rank's record.
    pub fn find(&self, label: &str) -> Option<u32> {
        let bears = |rank: &u32| !label.is_empty() && self.registry.label(*rank) == label.as_bytes();
        (0..self.ranks()).filter(bears).min_by_key(|rank| !self.registry.life(*rank).joined())
    }

    /// The label that the last holder of `rank` joined with; `None` if with none, or if there is no such rank. What is
    /// not UTF-8 in it, which only a program that breaks the rules writes there, is shown as U+FFFD. Costs a look at the
    /// rank's record.
    pub fn label(&self, rank: u32) -> Option<String> {
        let label = (rank < self.ranks()).then(|| self.registry.label(rank))?;
        (!label.is_empty()).then(|| String::from_utf8_lossy(&label).into_owned())
    }

    /// Waits until a live process has joined as `rank`, no longer than `timeout`; its epoch. Needs no rank itself.
    ///
    /// Looks between pauses that grow to 10 ms. One that comes and goes between two looks is missed; what it sent is
    /// there all the same.
    pub fn wait_for(&self, rank: u32, timeout: Duration) -> Result<u64, WaitError> {
        let ranks = self.ranks();
        if rank >= ranks {
            return Err(WaitError::NoSuchRank { rank, ranks });
        }
        let deadline = Instant::now().checked_add(timeout);
        let (mut pause, mut dead) = (Duration::from_micros(50), None);
        loop {
            let life = self.registry.life(rank);
            // Not `status`: the dead look alive while somebody closes the region.
            let is_held = || segment::is_held(self.segment.file(), lock_byte(rank), 1).unwrap_or(true);
            if life.joined() && is_held() {
                if dead != Some(life) {
                    return Ok(life.epoch());
                }
                // Of a life that was over: its claimer has yet to say that it is another's.
            } else if life.joined() && segment::is_free(self.segment.file(), lock_byte(rank)) {
                dead = Some(life);
            }
            if !self.segment.is_bound() || self.segment.is_unlinked() {
                return Err(WaitError::Removed);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(WaitError::Timeout { rank });
            }
            pace::doze(left.unwrap_or(pause).min(pause));
            pause = (2 * pause).min(Duration::from_millis(10));
        }
    }

    /// Whether somebody holds `rank`, and the rank's epoch: how often it has been joined. `None` if there is no
    /// such rank.
    ///
    /// Never waits. Costs a system call, 0.2 to 5.4 µs, if the rank has joined and not left.
    pub fn status(&self, rank: u32) -> Option<(Status, u64)> {
        (rank < self.ranks()).then(|| {
            let (status, life) = self.registry.status(rank);
            (status, life.epoch())
        })
    }

    /// Looks at everything. Takes no memory in the segment, whatever ranks wrote there.
    ///
    /// Never waits, and needs no rank. Costs three system calls a rank and three, some 4 µs, a mailbox in use, and a look at
    /// each message that waits.
    pub fn inspect(&self) -> Inspection {
        Inspection::of(self.segment.file(), self.geometry())
    }

    /// Whether `rank` has unread mail, as far as can be read.
    pub(crate) fn has_unread(&self, rank: u32) -> bool {
        let has_mail = |from| self.is_opened(from, rank) && self.segment.copies().has_unread(from, rank);
        (0..self.ranks()).any(has_mail)
    }

    /// Whether `from` ever had a mailbox to `to`: it has sent something, or was about to. `false` if there is no such
    /// rank. Costs a load.
    pub fn has_mailbox(&self, from: u32, to: u32) -> bool {
        from.max(to) < self.ranks() && self.is_opened(from, to)
    }

    /// Whether it is said that the mailbox from `from` to `to` is reserved.
    pub(crate) fn is_opened(&self, from: u32, to: u32) -> bool {
        let word = &self.registry.rank(to).opened[from as usize / 64];
        // Pairs with the sender's `fetch_or`: the pages are reserved, but for the arena's.
        word.load(acquire(Edge::Opened)) >> (from % 64) & 1 == 1
    }
}
