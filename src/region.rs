//! The region as a user sees it: create, open, remove, look inside.

use crate::bell::Ringer;
use crate::error::{CreateError, CreateOrOpenError, OpenError, RemoveError};
use crate::layout::{Config, Geometry};
use crate::place::Place;
use crate::registry::{Registry, Status};
use crate::ring;
use crate::segment::{self, Segment, Trust};
use crate::sync::{Edge, acquire};
use core::time::Duration;
use std::io;
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
    pub(crate) ringer: Ringer,
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
    /// Regions of this process' user, with protocol 0.
    pub const fn new() -> Self {
        Self { trust: Trust { protocol: Some(0), owner: None } }
    }

    /// The region must be for this protocol.
    pub const fn protocol(mut self, protocol: u64) -> Self {
        self.trust.protocol = Some(protocol);
        self
    }

    /// The region may be for any protocol: for tools that do not read mail.
    pub const fn any_protocol(mut self) -> Self {
        self.trust.protocol = None;
        self
    }

    /// The region may belong to this user, too: whoever owns a region can make its users fail.
    pub const fn owner(mut self, uid: u32) -> Self {
        self.trust.owner = Some(uid);
        self
    }

    /// Opens the region at `place`; as [`Region::open`].
    pub fn open<'a>(self, place: impl Into<Place<'a>>) -> Result<Region, OpenError> {
        Segment::open(place.into(), self.trust).map(Region::over)
    }

    /// Removes the region at `place`; as [`Region::remove`].
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
    /// Nobody sees it before it is complete. Costs 0.1 ms, the first time in a process that has threads up to
    /// 15 ms, and the memory of the rank table: 4 KiB and 1 KiB a rank. A file waits for the disk.
    pub fn create<'a>(place: impl Into<Place<'a>>, config: Config) -> Result<Self, CreateError> {
        Segment::create(place.into(), &config).map(Self::over)
    }

    /// Opens the region at `place`, which belongs to this process' user and is for protocol 0; see
    /// [`OpenOptions`] for others. Takes no memory in the segment.
    pub fn open<'a>(place: impl Into<Place<'a>>) -> Result<Self, OpenError> {
        OpenOptions::new().open(place)
    }

    /// Opens the region at `place`, or creates it if there is none; processes that do so at the same time end
    /// up in one region.
    pub fn create_or_open<'a>(
        place: impl Into<Place<'a>>,
        config: Config,
    ) -> Result<Self, CreateOrOpenError> {
        let place = place.into();
        // Whatever is to be opened may be removed before, whatever is to be created may exist by then: whoever
        // has not won such a race by the deadline meets a remover that is stopped, or mischief.
        let deadline = Instant::now() + PATIENCE;
        loop {
            match OpenOptions::new().protocol(config.geometry.protocol).open(place) {
                Ok(region) if region.geometry() == &config.geometry => return Ok(region),
                Ok(_) => return Err(CreateOrOpenError::Differs),
                Err(OpenError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
            match Self::create(place, config) {
                Err(CreateError::Exists) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                result => return Ok(result?),
            }
        }
    }

    /// Removes the region at `place` with all its mail, unless a live process has joined it.
    ///
    /// Processes that have opened it and not joined find it removed when they join. Waits, at most five
    /// seconds, while the last to leave a file waits for the disk.
    pub fn remove<'a>(place: impl Into<Place<'a>>) -> Result<(), RemoveError> {
        OpenOptions::new().remove(place)
    }

    /// The names of the regions that this process may open, whatever their protocol; sorted. Those in files
    /// and those without a name are not among them.
    pub fn list() -> io::Result<Vec<String>> {
        segment::list()
    }

    pub(crate) fn over(segment: Segment) -> Self {
        let registry = Registry::new(segment.ranks(), segment.file().clone());
        Self { segment: Arc::new(segment), registry, ringer: Ringer::register() }
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
        self.geometry().limit()
    }

    /// The rank whose last holder joined with this label, if there is one; it need not live. A label that is
    /// being written at this moment may be missed or seen in part.
    pub fn find(&self, label: &str) -> Option<u32> {
        (0..self.ranks()).find(|rank| !label.is_empty() && self.registry.label(*rank) == label.as_bytes())
    }

    /// What the holder of `rank` is doing, and the rank's epoch; `None` if there is no such rank.
    ///
    /// Costs a system call if the rank has joined and not left.
    pub fn status(&self, rank: u32) -> Option<(Status, u64)> {
        (rank < self.ranks()).then(|| {
            let (status, life) = self.registry.status(rank);
            (status, life.epoch())
        })
    }

    /// Looks at everything. Takes no memory in the segment: mailboxes that were never used are not touched.
    ///
    /// Costs a system call a rank, and a look at each message that waits.
    pub fn inspect(&self) -> Inspection {
        let geometry = *self.geometry();
        let ranks = (0..geometry.ranks).map(|rank| {
            let (status, life) = self.registry.status(rank);
            let label = String::from_utf8_lossy(&self.registry.label(rank)).into_owned();
            let pid = self.registry.pid(rank);
            RankReport { rank, status, epoch: life.epoch(), pid, label }
        });
        Inspection {
            protocol: geometry.protocol,
            cells: geometry.cells,
            arena: geometry.arena,
            max_message: geometry.limit(),
            size: geometry.size(),
            memory: self.segment.memory().unwrap_or(0),
            ranks: ranks.collect(),
            mailboxes: (0..geometry.ranks).flat_map(|to| self.mailboxes_to(to)).collect(),
        }
    }

    fn mailboxes_to(&self, to: u32) -> impl Iterator<Item = MailboxReport> {
        (0..self.ranks()).filter(move |from| self.is_opened(*from, to)).map(move |from| {
            let unread = ring::depth(&self.segment.mailbox(from, to));
            MailboxReport { from, to, unread }
        })
    }

    /// Whether the mailbox from `from` to `to` may be touched.
    pub(crate) fn is_opened(&self, from: u32, to: u32) -> bool {
        let word = &self.registry.rank(to).opened[from as usize / 64];
        // Pairs with the sender's `fetch_or`: the pages are reserved.
        word.load(acquire(Edge::Opened)) >> (from % 64) & 1 == 1
    }
}

/// What [`Region::inspect`] saw. Ranks go on meanwhile, so parts of it may be of different moments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The application's protocol.
    pub protocol: u64,
    /// Cells of a mailbox.
    pub cells: u32,
    /// Bytes of a mailbox's arena.
    pub arena: u64,
    /// The longest message, in bytes.
    pub max_message: u64,
    /// Bytes of the whole region, most of them never touched.
    pub size: u64,
    /// Bytes of memory, or of the disk, in use.
    pub memory: u64,
    /// Every rank.
    pub ranks: Vec<RankReport>,
    /// Every mailbox that was ever used.
    pub mailboxes: Vec<MailboxReport>,
}

/// What is known of a rank.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RankReport {
    /// The rank.
    pub rank: u32,
    /// What its holder is doing.
    pub status: Status,
    /// How often it was claimed.
    pub epoch: u64,
    /// Process id of its last holder, in that process' PID namespace.
    pub pid: u32,
    /// What its last holder called it.
    pub label: String,
}

/// What is known of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxReport {
    /// The sender.
    pub from: u32,
    /// The receiver.
    pub to: u32,
    /// Messages that are not acknowledged.
    pub unread: u64,
}
