//! Joining a region, and what a process does once it has.

use crate::batch::Batch;
use crate::bell::Wait;
use crate::draft::Draft;
use crate::error::{JoinError, RecvError, SendError};
use crate::layout::LABEL;
use crate::mail::Mail;
use crate::member::{Interrupter, Member, Patience};
use crate::os::Lock;
use crate::receiver::Receiver;
use crate::region::Region;
use crate::registry::{Claim, LABELS, Status, lock_byte};
use crate::segment;
use crate::sender::Sender;
use crate::source::Source;
use crate::stay::Stay;
use core::fmt;
use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

/// How long joining waits for a process that has said that it left and still holds the rank: far less than a
/// millisecond, unless it is stopped.
const LEAVE_PATIENCE: Duration = Duration::from_millis(500);
/// How long joining waits for a process that holds every rank, or looks for a label: it removes the region, as
/// fast, or is the last to leave a file and waits for the disk.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);

/// What a process holds after joining a region as a rank.
///
/// It may move between threads, not be shared by them. Dropping it leaves the region: peers are told [`RecvError::PeerLeft`] after its last mail; mail for it stays for the rank's next
/// holder. A process that ends without dropping it, or drops it in a panic, has died:
/// [`RecvError::PeerDead`]. The last to leave a region in a file waits for the disk.
///
/// A forked child does not inherit it: there every call is [`Lost::Forked`](crate::Lost::Forked).
///
/// It [splits](Endpoint::split) into two halves for two threads. A program with more threads joins more ranks.
pub struct Endpoint {
    sender: Sender,
    receiver: Receiver,
}

/// # Joining
impl Region {
    /// Joins as `rank`, which no live process holds. What the rank's last holder did not acknowledge is
    /// there again; what it sent stays sent.
    ///
    /// Costs about 10 µs and 2 KiB of private memory, more with each peer that is spoken to. The first in a
    /// region that is a file waits for the disk.
    pub fn join(&self, rank: u32) -> Result<Endpoint, JoinError> {
        self.join_with(rank, &[])
    }

    /// Joins as some rank that no live process holds: rather one that was never held than one that was left,
    /// and rather that than one whose holder died.
    pub fn join_any(&self) -> Result<Endpoint, JoinError> {
        self.join_free(&[])
    }

    /// Joins as the rank that last bore this label, or, if none does, as some rank as [`Region::join_any`]
    /// does; [`Region::find`] finds it. A label has 1 to 48 bytes and no NUL.
    pub fn join_as(&self, label: &str) -> Result<Endpoint, JoinError> {
        if !(1..=LABEL).contains(&label.len()) || label.contains('\0') {
            return Err(JoinError::BadLabel);
        }
        // Two processes with one label must not both find it unused.
        let deadline = Instant::now() + JOIN_PATIENCE;
        let _lock = loop {
            match Lock::take(self.segment.file(), LABELS, 1).map_err(os_error)? {
                Some(lock) => break lock,
                None if !self.segment.is_bound() => return Err(JoinError::Removed),
                None if Instant::now() >= deadline => return Err(JoinError::Full),
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        match self.find(label) {
            Some(rank) => self.join_with(rank, label.as_bytes()),
            None => self.join_free(label.as_bytes()),
        }
    }

    fn join_free(&self, label: &[u8]) -> Result<Endpoint, JoinError> {
        let mut ranks: Vec<(u8, u32)> = (0..self.ranks())
            .filter_map(|rank| match self.registry.status(rank).0 {
                Status::NeverJoined => Some((0, rank)),
                Status::Left => Some((1, rank)),
                Status::Dead => Some((2, rank)),
                Status::Live => None,
            })
            .collect();
        ranks.sort_unstable();
        for (_, rank) in ranks {
            match self.join_with(rank, label) {
                Err(JoinError::Taken { .. }) => {}
                result => return result,
            }
        }
        Err(JoinError::Full)
    }

    fn join_with(&self, rank: u32, label: &[u8]) -> Result<Endpoint, JoinError> {
        let ranks = self.ranks();
        if rank >= ranks {
            return Err(JoinError::NoSuchRank { ranks });
        }
        let claim = self.claim(rank, label)?;
        // With the lock held nobody can remove the region any more; was it removed before?
        if !self.segment.is_bound() {
            return Err(JoinError::Removed);
        }
        let stay = Stay::begin(&self.segment).inspect_err(|_| claim.leave()).map_err(os_error)?;
        let (receiver, sender) = Member::halves(self.clone(), claim, stay);
        Ok(Endpoint { sender: Sender::new(sender), receiver: Receiver::new(receiver) })
    }

    fn claim(&self, rank: u32, label: &[u8]) -> Result<Claim, JoinError> {
        let begin = Instant::now();
        loop {
            let claim = self.registry.claim(rank, label, std::process::id(), self.ringer.mode());
            if let Some(claim) = claim.map_err(os_error)? {
                return Ok(claim);
            }
            // A remover holds all ranks for a moment; then there is nothing to join, or it gave up. So does who
            // closes a file. A leaver says that it left before it lets go.
            let removing = !segment::is_held(self.segment.file(), lock_byte(rank), 1).map_err(os_error)?;
            let leaving = !self.registry.life(rank).joined();
            if !self.segment.is_bound() {
                return Err(JoinError::Removed);
            }
            let patience = if removing { JOIN_PATIENCE } else { LEAVE_PATIENCE };
            if !(removing || leaving) || begin.elapsed() >= patience {
                return Err(JoinError::Taken { rank });
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn os_error(error: io::Error) -> JoinError {
    JoinError::Os(error.raw_os_error().unwrap_or(libc::EIO))
}

impl Endpoint {
    /// This endpoint's rank.
    pub fn rank(&self) -> u32 {
        self.sender.rank()
    }

    /// How often the rank has been joined, this time included.
    pub fn epoch(&self) -> u64 {
        self.sender.epoch()
    }

    /// The region.
    pub fn region(&self) -> &Region {
        self.sender.region()
    }

    /// Chooses how this endpoint waits from now on. For [`Wait::Event`] its peers must choose that too.
    pub fn set_wait(&self, wait: Wait) {
        self.sender.set_wait(wait);
        self.receiver.set_wait(wait);
    }

    /// As [`Receiver::set_pieces`].
    pub fn set_pieces(&self, pieces: bool) {
        self.receiver.set_pieces(pieces);
    }

    /// What ends a wait of this endpoint from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.receiver.interrupter()
    }

    /// Begins a [`Batch`] of both directions.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.sender.parts()), Some(self.receiver.parts()))
    }

    /// Two halves for two threads: one does all the sending, the other all the receiving. Each sleeps on a
    /// bell of its own. The rank is left when both are dropped; it dies if one is dropped in a panic.
    pub fn split(self) -> (Sender, Receiver) {
        let Self { mut sender, mut receiver } = self;
        sender.split();
        receiver.split();
        (sender, receiver)
    }
}

/// # Sending: as by a [`Sender`]
impl Endpoint {
    /// As [`Sender::send`].
    #[inline(always)]
    pub fn send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Patience::Until(None), || self.receiver.settle())
    }

    /// As [`Sender::try_send`].
    #[inline]
    pub fn try_send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Patience::Never, || self.receiver.settle())
    }

    /// As [`Sender::send_timeout`].
    pub fn send_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Patience::within(timeout), || self.receiver.settle())
    }

    /// As [`Sender::reserve`].
    pub fn reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Patience::Until(None), || self.receiver.settle())
    }

    /// As [`Sender::try_reserve`].
    pub fn try_reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Patience::Never, || self.receiver.settle())
    }

    /// As [`Sender::reserve_timeout`].
    pub fn reserve_timeout(&self, to: u32, len: usize, timeout: Duration) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Patience::within(timeout), || self.receiver.settle())
    }
}

/// # Receiving: as by a [`Receiver`]
impl Endpoint {
    /// As [`Receiver::recv`].
    #[inline(always)]
    pub fn recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::Until(None))
    }

    /// As [`Receiver::try_recv`].
    #[inline]
    pub fn try_recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::Never)
    }

    /// As [`Receiver::recv_timeout`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::within(timeout))
    }

    /// As [`Receiver::recv_from`].
    pub fn recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::Until(None))
    }

    /// As [`Receiver::try_recv_from`].
    pub fn try_recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::Never)
    }

    /// As [`Receiver::recv_from_timeout`].
    pub fn recv_from_timeout(
        &self,
        source: impl Into<Source>,
        timeout: Duration,
    ) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::within(timeout))
    }

    #[inline(always)]
    fn mail(&self, source: Source, patience: Patience) -> Result<Mail<'_>, RecvError> {
        self.receiver.mail(source, patience, || self.sender.flush())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
