//! Joining a region: as a rank, as one of some, or under a label.

use super::Endpoint;
use crate::abi::{LABEL, lock_byte};
use crate::error::{Broken, JoinEnvError, JoinError, Lost};
use crate::half::Member;
use crate::rank::{Absence, Claim, Ringer, Status};
use crate::region::{MAILBOX_RANK, Region};
use crate::segment;
use crate::segment::{CleanShutdown, join_error};
use crate::wait::pace::{self, JOIN_PATIENCE, LEAVE_PATIENCE, RETRY};
use core::ops::{Bound, Range, RangeBounds};
use std::time::Instant;
use std::{env, io};

/// As which rank to join a region: any, one of a range, or the one that has a label.
///
/// ```
/// # use mailbox::{Config, JoinOptions, Region};
/// # let region = Region::create_unnamed(Config::ranks(8))?;
/// let server = region.join(0)?;
/// let bob = JoinOptions::new().ranks(1..).label("bob").join(&region)?;
/// assert_eq!((bob.rank(), region.label(1).as_deref()), (1, Some("bob")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JoinOptions<'a> {
    first: u32,
    /// The one after the last.
    end: u32,
    label: Option<&'a str>,
}

impl Default for JoinOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> JoinOptions<'a> {
    /// Any rank, no label.
    ///
    /// ```
    /// # use mailbox::{Config, JoinOptions, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let me = JoinOptions::new().join(&region)?;
    /// assert_eq!((me.rank(), region.label(0)), (0, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn new() -> Self {
        Self { first: 0, end: u32::MAX, label: None }
    }

    /// One of these ranks, as far as the region has them. `1..` keeps rank 0 for a server that comes later.
    ///
    /// ```
    /// # use mailbox::{Config, JoinError, JoinOptions, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// let clients = JoinOptions::new().ranks(1..);
    /// let (one, two) = (clients.join(&region)?, clients.join(&region)?);
    /// assert_eq!((one.rank(), two.rank()), (1, 2));
    /// assert_eq!(clients.join(&region).err(), Some(JoinError::Full { ranks: 2 })); // rank 0 is free
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ranks(mut self, ranks: impl RangeBounds<u32>) -> Self {
        self.first = match ranks.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        self.end = match ranks.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u32::MAX,
        };
        self
    }

    /// Under this label, of 1 to 48 bytes without a NUL. [`Region::find`] finds the rank by it. If one of the ranks asked for
    /// last had this label, it is that one.
    ///
    /// ```
    /// # use mailbox::{Config, JoinOptions, Region};
    /// # let region = Region::create_unnamed(Config::ranks(4))?;
    /// let bob = JoinOptions::new().label("bob");
    /// let first = bob.ranks(2..).join(&region)?;
    /// assert_eq!((first.rank(), region.find("bob")), (2, Some(2)));
    /// drop(first);
    /// assert_eq!(bob.join(&region)?.rank(), 2, "the same again");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn label(mut self, label: &'a str) -> Self {
        self.label = Some(label);
        self
    }

    /// Joins.
    ///
    /// Of the ranks asked for it takes the one that last had the label. Otherwise it takes one that no live process holds: first
    /// one that was never held, then one that was left, then one whose holder died. A rank with unread mail is kept for
    /// processes that join with the same label as its last holder, or without one if that had none. Others pass over it,
    /// and get [`JoinError::Unread`] if no other rank is free. [`Region::join`] takes it all the same, by its number.
    /// (Mail that is sent to it at this very moment may be missed.)
    ///
    /// [`JoinError::Taken`] if a live process has the label. [`JoinError::Full`] if live processes hold all ranks asked for.
    ///
    /// Waits and costs as [`Region::join`], and a system call more for each rank that has joined and not left, and a few
    /// microseconds for each mailbox to a rank that it considers. With a label it also waits, at most five seconds,
    /// while another process joins with one.
    ///
    /// ```
    /// # use mailbox::{Config, JoinError, JoinOptions, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// region.join_as("bob")?.send(0, b"for the next bob")?; // to its own rank, 0
    /// let alice = JoinOptions::new().label("alice");
    /// assert_eq!(alice.join(&region)?.rank(), 1, "the mail in rank 0 is not for her");
    /// assert_eq!(alice.ranks(..1).join(&region).err(), Some(JoinError::Unread { rank: 0 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(self, region: &Region) -> Result<Endpoint, JoinError> {
        let ranks = region.ranks();
        let among = self.first..self.end.min(ranks);
        if among.is_empty() {
            return Err(Broken::NoSuchRank { rank: self.first, ranks }.into());
        }
        match self.label {
            None => region.join_free(among, &[]),
            Some(label) if !(1..=LABEL).contains(&label.len()) || label.contains('\0') => {
                Err(JoinError::BadLabel { len: label.len() })
            }
            Some(label) => region.join_labelled(among, label),
        }
    }
}

/// # Joining
impl Region {
    /// Joins as `rank`, which no live process may hold. What the rank's last holder did not acknowledge is there again. What it
    /// sent stays sent.
    ///
    /// [`JoinError::Taken`] if a live process holds the rank; it may be this one. If that process is about to let go of it, this
    /// waits for that, at most half a second. It waits at most five seconds for a process that removes the region or closes
    /// a file, and then returns [`JoinError::Closing`].
    ///
    /// Costs about 10 µs and 1 KiB of private memory. Each peer that is sent to or received from adds less than 1.8 KiB in each
    /// direction, and the first one 8 bytes for each rank of the region. The first process in a region in a file waits for the
    /// disk.
    ///
    /// ```
    /// # use mailbox::{Config, JoinError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let me = region.join(1)?;
    /// assert_eq!(me.rank(), 1);
    /// assert_eq!(region.join(1).err(), Some(JoinError::Taken { rank: 1 }));
    /// drop(me);
    /// assert_eq!(region.join(1)?.epoch(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(&self, rank: u32) -> Result<Endpoint, JoinError> {
        self.join_with(rank, &[])
    }

    /// Joins as any rank that no live process holds. The same as [`JoinOptions::join`] without further wishes.
    ///
    /// ```
    /// # use mailbox::{Config, JoinError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let (one, two) = (region.join_any()?, region.join_any()?);
    /// assert_eq!((one.rank(), two.rank()), (0, 1));
    /// assert_eq!(region.join_any().err(), Some(JoinError::Full { ranks: 2 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_any(&self) -> Result<Endpoint, JoinError> {
        JoinOptions::new().join(self)
    }

    /// Joins as the rank that last had this label or, if none had it, as any rank. The same as [`JoinOptions::label`].
    ///
    /// ```
    /// # use mailbox::{Config, JoinError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let bob = region.join_as("bob")?;
    /// assert_eq!(region.join_as("bob").err(), Some(JoinError::Taken { rank: 0 }));
    /// drop(bob);
    /// assert_eq!(region.join_as("alice")?.rank(), 1);
    /// assert_eq!(region.join_as("bob")?.rank(), 0, "the same again");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_as(&self, label: &str) -> Result<Endpoint, JoinError> {
        JoinOptions::new().label(label).join(self)
    }

    /// Joins as the rank that a launcher, such as `mbox run`, gave this process in [`MAILBOX_RANK`].
    ///
    /// [`JoinEnvError::NoRank`] if there is none, [`JoinEnvError::BadRank`] if it is not a number. Otherwise errors, waiting
    /// and cost are those of [`join`](Region::join). A process that this one starts inherits the variable, and gets
    /// [`JoinError::Taken`] as long as this one holds the rank.
    ///
    /// ```
    /// # use mailbox::{Config, JoinEnvError, OpenError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// match Region::from_env() {
    ///     Ok(region) => println!("rank {} of {}", region.join_env()?.rank(), region.ranks()),
    ///     Err(OpenError::NotLaunched) => println!("start this with: mbox run -n 2 PROGRAM"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert_eq!(region.join_env().unwrap_err(), JoinEnvError::NoRank);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_env(&self) -> Result<Endpoint, JoinEnvError> {
        let rank = env::var_os(MAILBOX_RANK).ok_or(JoinEnvError::NoRank)?;
        let rank = rank.to_str().and_then(|rank| rank.parse().ok()).ok_or(JoinEnvError::BadRank)?;
        Ok(self.join(rank)?)
    }

    fn join_labelled(&self, among: Range<u32>, label: &str) -> Result<Endpoint, JoinError> {
        // Two processes with one label must not both find it unused.
        let _lock = match self.lock_labels(JOIN_PATIENCE).map_err(join_error)? {
            Some(lock) => lock,
            None if !self.segment.is_bound() => {
                return Err(JoinError::Broken(Broken::Lost(Lost::Removed)));
            }
            None => return Err(self.without_end(JoinError::Full { ranks: among.len() as u32 })),
        };
        let bearers = || (0..self.ranks()).filter(|rank| self.registry.label(*rank) == label.as_bytes());
        let lives = |rank: &u32| segment::is_held(self.segment.file(), lock_byte(*rank), 1).unwrap_or(true);
        // One that lives bars all others, wherever it is; it may be about to go.
        match bearers().find(lives).or_else(|| bearers().find(|rank| among.contains(rank))) {
            Some(rank) if !among.contains(&rank) => Err(JoinError::Taken { rank }),
            Some(rank) => self.join_with(rank, label.as_bytes()),
            None => self.join_free(among, label.as_bytes()),
        }
    }

    fn join_free(&self, among: Range<u32>, label: &[u8]) -> Result<Endpoint, JoinError> {
        let deadline = Instant::now() + JOIN_PATIENCE;
        let mut is_settled = false;
        loop {
            let error = match self.join_first(among.clone(), label) {
                Err(error @ (JoinError::Full { .. } | JoinError::Unread { .. })) => error,
                result => return result,
            };
            if is_settled {
                return Err(error);
            }
            if !self.segment.is_bound() {
                return Err(JoinError::Broken(Broken::Lost(Lost::Removed)));
            }
            if Instant::now() >= deadline {
                return Err(self.without_end(error));
            }
            // The dead look alive while somebody holds every rank, to remove the region or to close a file.
            let file = self.segment.file();
            is_settled = match error {
                JoinError::Full { ranks } => segment::is_held(file, lock_byte(among.start), ranks),
                _ => segment::is_closing(file).map(|is_closing| !is_closing),
            }
            .map_err(join_error)?;
            if !is_settled {
                pace::doze(RETRY);
            }
        }
    }

    /// Joins as the best of the ranks that nobody seems to hold.
    fn join_first(&self, among: Range<u32>, label: &[u8]) -> Result<Endpoint, JoinError> {
        let asked = among.len() as u32;
        let mut ranks: Vec<(u8, u32)> = among
            .filter_map(|rank| match self.registry.status(rank).0 {
                Status::NeverJoined => Some((0, rank)),
                Status::Left => Some((1, rank)),
                Status::Dead => Some((2, rank)),
                Status::Live => None,
            })
            .collect();
        ranks.sort_unstable();
        let mut passed = None;
        for (class, rank) in ranks {
            let is_anothers = class != 0 && self.registry.label(rank) != label;
            if is_anothers && self.has_unread(rank) {
                passed = passed.or(Some(rank));
                continue;
            }
            match self.join_with(rank, label) {
                Err(JoinError::Taken { .. }) => {}
                result => return result,
            }
        }
        Err(passed.map_or(JoinError::Full { ranks: asked }, |rank| JoinError::Unread { rank }))
    }

    fn join_with(&self, rank: u32, label: &[u8]) -> Result<Endpoint, JoinError> {
        let ranks = self.ranks();
        if rank >= ranks {
            return Err(JoinError::Broken(Broken::NoSuchRank { rank, ranks }));
        }
        let claim = self.claim(rank, label)?;
        // With the lock held nobody can remove the region any more; was it removed before?
        if !self.segment.is_bound() || self.segment.is_unlinked() {
            return Err(JoinError::Broken(Broken::Lost(Lost::Removed)));
        }
        let shutdown =
            CleanShutdown::begin(&self.segment).inspect_err(|_| claim.leave()).map_err(join_error)?;
        Ok(Endpoint::new(Member::halves(self.clone(), claim, shutdown)))
    }

    fn claim(&self, rank: u32, label: &[u8]) -> Result<Claim, JoinError> {
        self.take(rank, || self.registry.claim(rank, label, std::process::id(), Ringer::register().mode()))
    }

    /// Keeps everybody from joining as `rank` as long as the value lives. Errors and waits as those of a join.
    pub(super) fn keep_away(&self, rank: u32) -> Result<Absence, JoinError> {
        self.take(rank, || self.registry.keep_away(rank))
    }

    /// What `lock` gives once no process has the rank that is about to let go of it.
    fn take<T>(&self, rank: u32, lock: impl Fn() -> io::Result<Option<T>>) -> Result<T, JoinError> {
        let begin = Instant::now();
        loop {
            if let Some(taken) = lock().map_err(join_error)? {
                return Ok(taken);
            }
            // A remover holds all ranks for a moment; then there is nothing to join, or it gave up. So does who
            // closes a file. A leaver says that it left before it lets go.
            let removing = !segment::is_held(self.segment.file(), lock_byte(rank), 1).map_err(join_error)?;
            let leaving = !self.registry.life(rank).joined();
            if !self.segment.is_bound() {
                return Err(JoinError::Broken(Broken::Lost(Lost::Removed)));
            }
            let patience = if removing { JOIN_PATIENCE } else { LEAVE_PATIENCE };
            if !(removing || leaving) {
                return Err(JoinError::Taken { rank });
            }
            if begin.elapsed() >= patience {
                return Err(self.without_end(JoinError::Taken { rank }));
            }
            pace::doze(RETRY);
        }
    }

    /// What a wait came to nothing for: a process that is still about to close the region, or else this.
    fn without_end(&self, error: JoinError) -> JoinError {
        match segment::is_closing(self.segment.file()) {
            Ok(true) => JoinError::Closing,
            _ => error,
        }
    }
}
