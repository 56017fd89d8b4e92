//! Joining a region, and what a process does once it has.

use crate::bell::Wait;
use crate::draft::Draft;
use crate::error::{JoinError, RecvError, SendError};
use crate::inbox::{Inbox, Source};
use crate::layout::LABEL;
use crate::mail::Mail;
use crate::member::{Interrupter, Member, Patience};
use crate::os::Lock;
use crate::outbox::Outbox;
use crate::region::Region;
use crate::registry::{Claim, LABELS, Status, lock_byte};
use crate::segment;
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
/// It may move between threads, not be shared by them: join once for each thread. Dropping it leaves the
/// region: peers are told [`RecvError::PeerLeft`] after its last mail; mail for it stays for the rank's next
/// holder. A process that ends without dropping it, or drops it in a panic, has died:
/// [`RecvError::PeerDead`]. The last to leave a region in a file waits for the disk.
///
/// A forked child does not inherit it: there every call is [`Lost::Forked`](crate::Lost::Forked).
pub struct Endpoint {
    member: Member,
    outbox: Outbox,
    inbox: Inbox,
    /// Last: a region is closed when its ranks are free.
    _stay: Stay,
}

/// # Joining
impl Region {
    /// Joins as `rank`, which no live process holds. What the rank's last holder did not acknowledge is
    /// there again; what it sent stays sent.
    ///
    /// Costs about 10 µs and 20 bytes a rank of private memory. The first in a region that is a file waits for
    /// the disk.
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
        Ok(Endpoint {
            member: Member::new(self.clone(), claim),
            outbox: Outbox::new(ranks),
            inbox: Inbox::new(ranks),
            _stay: stay,
        })
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
        self.member.rank()
    }

    /// How often the rank has been joined, this time included.
    pub fn epoch(&self) -> u64 {
        self.member.claim.epoch()
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.member.region
    }

    /// Chooses how this endpoint waits from now on. For [`Wait::Event`] its peers must choose that too.
    pub fn set_wait(&self, wait: Wait) {
        self.member.set_wait(wait);
    }

    /// What ends a wait of this endpoint from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.member.interrupter()
    }
}

/// # Sending
///
/// A message that is sent lies in the mailbox until its receiver acknowledges it, whether or not anybody
/// has joined as that rank. The first message to a peer reserves the mailbox's memory, once for all time.
///
/// A full mailbox: `try_` calls return [`SendError::Full`], the others wait until the receiver makes room; both
/// return [`SendError::PeerLeft`] or [`SendError::PeerDead`] once they find that it cannot, whoever waits at
/// most 50 ms later, `try_` calls at most 64 calls later. Room in one's own mailbox is never waited for.
///
/// Cost: the cache line of the message, and a system call if the receiver sleeps.
impl Endpoint {
    /// Sends `bytes` to `to`; waits while the mailbox is full.
    #[inline(always)]
    pub fn send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.outbox.send(&self.member, to, bytes, Patience::Until(None))
    }

    /// Sends `bytes` to `to` if there is room now.
    #[inline]
    pub fn try_send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.outbox.send(&self.member, to, bytes, Patience::Never)
    }

    /// Sends `bytes` to `to`; waits no longer than `timeout`.
    pub fn send_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.outbox.send(&self.member, to, bytes, within(timeout))
    }

    /// Reserves a message of `len` bytes to `to`, to be written in place; waits while the mailbox is full.
    pub fn reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, Patience::Until(None))
    }

    /// Reserves a message of `len` bytes to `to` if there is room now.
    pub fn try_reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, Patience::Never)
    }

    /// Reserves a message of `len` bytes to `to`; waits no longer than `timeout`.
    pub fn reserve_timeout(&self, to: u32, len: usize, timeout: Duration) -> Result<Draft<'_>, SendError> {
        self.draft(to, len, within(timeout))
    }
}

/// # Receiving
///
/// Mail comes in order for each sender. Receiving from anyone goes round: at most 32 mails of one sender
/// while another's wait. A mail is taken once; received again only if it was left, or if its holder died.
///
/// When there is no mail, receiving from a rank that has left is [`RecvError::PeerLeft`], each time, and
/// from one that died [`RecvError::PeerDead`]; receiving from anyone says so once for each life of a sender
/// that has ever sent to this rank. A clean leave is seen at once; a death within 50 ms by whoever waits for
/// that rank, within a second by whoever waits for any of up to 64. Who receives from anyone and spins, or
/// never waits long enough to sleep, hears of ends only when no mail comes for 50 ms. `try_` calls ask for
/// deaths every 64th time.
///
/// Cost: the cache line of the message, and a system call if the sender sleeps for want of room.
impl Endpoint {
    /// The next mail from anyone; waits until there is one.
    #[inline(always)]
    pub fn recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::Until(None))
    }

    /// The next mail from anyone, if there is one now.
    #[inline]
    pub fn try_recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::Never)
    }

    /// The next mail from anyone; waits no longer than `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, within(timeout))
    }

    /// The next mail from `source`, a rank or [`Source::Anyone`]; waits until there is one.
    pub fn recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::Until(None))
    }

    /// The next mail from `source`, if there is one now.
    pub fn try_recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::Never)
    }

    /// The next mail from `source`; waits no longer than `timeout`.
    pub fn recv_from_timeout(
        &self,
        source: impl Into<Source>,
        timeout: Duration,
    ) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), within(timeout))
    }
}

impl Endpoint {
    fn draft(&self, to: u32, len: usize, patience: Patience) -> Result<Draft<'_>, SendError> {
        let (peer, slot) = self.outbox.reserve(&self.member, to, len, patience)?;
        Ok(Draft::new(&self.member, peer, slot))
    }

    #[inline(always)]
    fn mail(&self, source: Source, patience: Patience) -> Result<Mail<'_>, RecvError> {
        let (peer, letter) = self.inbox.recv(&self.member, source, patience)?;
        Ok(Mail::new(&self.member, peer, letter))
    }
}

/// A deadline beyond the clock's end is none.
fn within(timeout: Duration) -> Patience {
    Patience::Until(Instant::now().checked_add(timeout))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if self.member.check().is_err() || thread::panicking() {
            return;
        }
        self.inbox.leave();
        self.member.claim.leave();
        let registry = &self.member.region.registry;
        for peer in (0..registry.count()).map(|rank| registry.rank(rank)) {
            self.member.ring_mail(peer);
            self.member.ring_credit(peer);
        }
    }
}
