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
/// **Sending.** What is sent lies in the mailbox until its receiver acknowledges it, whether or not anybody has
/// joined as that rank. A full mailbox is waited for, until the receiver makes room or is found to have ended;
/// `try_` calls return [`SendError::Full`]. [`Sender`] says more, and what a message above half the arena is
/// promised.
///
/// **Receiving.** A [`Mail`] is read where its sender wrote it, and acknowledged when it is dropped. Mail comes
/// in order for each sender, and in turn between them. The end of a sender is told after its last mail, as
/// [`RecvError::PeerLeft`] or [`RecvError::PeerDead`]. [`Receiver`] says more.
///
/// **Leaving.** Dropping it leaves the region: peers are told [`RecvError::PeerLeft`] after its last mail; mail
/// for it stays for the rank's next holder. A process that ends without dropping it, or drops it in a panic,
/// has died: [`RecvError::PeerDead`]. The last to leave a region in a file waits for the disk.
///
/// **Threads.** It may move between threads, not be shared by them. It [splits](Endpoint::split) into two halves
/// for two threads; a program with more joins as more ranks. A forked child does not inherit it: there every
/// call is [`Lost::Forked`](crate::Lost::Forked). [`Lost::Rank`](crate::Lost::Rank), also from any call, says
/// that something in this process closed the descriptor that holds the rank, and another process has it now.
pub struct Endpoint {
    sender: Sender,
    receiver: Receiver,
}

/// # Joining
impl Region {
    /// Joins as `rank`, which no live process holds. What the rank's last holder did not acknowledge is
    /// there again; what it sent stays sent.
    ///
    /// [`JoinError::Taken`] if a live process, this one included, holds it. One that is about to let go of it is
    /// waited for, at most half a second; one that removes the region, or closes a file, at most five seconds.
    ///
    /// Costs about 10 µs, a descriptor and 1 KiB of private memory; with each peer that is sent to or received
    /// from, less than 1.5 KiB more, with the first 8 bytes a rank besides. The first in a region that is a file waits for
    /// the disk.
    pub fn join(&self, rank: u32) -> Result<Endpoint, JoinError> {
        self.join_with(rank, &[])
    }

    /// Joins as some rank that no live process holds: rather one that was never held than one that was left,
    /// and rather that than one whose holder died. [`JoinError::Full`] if there is none.
    ///
    /// Waits and costs as [`Region::join`], and a system call for each rank that has joined and not left.
    pub fn join_any(&self) -> Result<Endpoint, JoinError> {
        self.join_free(&[])
    }

    /// Joins as the rank that last bore this label, or, if none does, as some rank as [`Region::join_any`]
    /// does; [`Region::find`] finds it. A label has 1 to 48 bytes and no NUL, else it is
    /// [`JoinError::BadLabel`]. [`JoinError::Taken`] if a live process bears it.
    ///
    /// Waits and costs as [`Region::join_any`]; also waits, at most five seconds ([`JoinError::Full`]), while
    /// another process does the same.
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
        let deadline = Instant::now() + JOIN_PATIENCE;
        let mut is_settled = false;
        loop {
            match self.join_first(label) {
                Err(JoinError::Full) if !is_settled && Instant::now() < deadline => {}
                result => return result,
            }
            if !self.segment.is_bound() {
                return Err(JoinError::Removed);
            }
            // The dead look alive while somebody holds every rank, to remove the region or to close a file.
            let file = self.segment.file();
            is_settled = segment::is_held(file, lock_byte(0), self.ranks()).map_err(os_error)?;
            if !is_settled {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Joins as the best of the ranks that nobody seems to hold.
    fn join_first(&self, label: &[u8]) -> Result<Endpoint, JoinError> {
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
            return Err(JoinError::NoSuchRank { rank, ranks });
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
    crate::reason::join_error(error)
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

    /// Chooses how this endpoint waits from now on; [`Wait::Adaptive`] until then. Never waits.
    pub fn set_wait(&self, wait: Wait) {
        self.sender.set_wait(wait);
        self.receiver.set_wait(wait);
    }

    /// Chooses whether messages above half the arena are received in pieces. As [`Receiver::set_pieces`].
    pub fn set_pieces(&self, pieces: bool) {
        self.receiver.set_pieces(pieces);
    }

    /// How much private memory messages above half the arena may take. As [`Receiver::set_budget`].
    pub fn set_budget(&self, bytes: u64) {
        self.receiver.set_budget(bytes);
    }

    /// Begins anew with a mailbox that makes no sense. As [`Receiver::reset`].
    pub fn reset(&mut self, from: u32) -> Result<(), RecvError> {
        self.receiver.reset(from)
    }

    /// What ends a wait of this endpoint, in either direction, from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.receiver.interrupter()
    }

    /// Begins a [`Batch`] of both directions. Never waits.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(Some(self.sender.parts()), Some(self.receiver.parts()))
    }

    #[inline(always)]
    pub(crate) fn halves(&self) -> (&Sender, &Receiver) {
        (&self.sender, &self.receiver)
    }

    /// Two halves for two threads: one does all the sending, the other all the receiving. Each sleeps on a
    /// bell of its own, and chooses how. The rank is left when both are dropped, and lives until then: whoever
    /// sends to a rank of which only the sending half is left waits once the mailbox is full, and whoever
    /// receives from one of which only the receiving half is left waits as well. If one of them is dropped in
    /// a panic, the rank is dead instead when both are.
    ///
    /// Never waits. [`Interrupter`]s made before go with the receiving half.
    pub fn split(self) -> (Sender, Receiver) {
        let Self { mut sender, mut receiver } = self;
        sender.split();
        receiver.split();
        (sender, receiver)
    }
}

/// # Sending: as by a [`Sender`]
///
/// The same calls, but one thread has both directions: what waits here publishes what a batch holds back of
/// either, and nobody else makes room in the mailbox of this rank to itself, so that a full one is
/// [`SendError::Full`] at once.
impl Endpoint {
    /// Sends `bytes` to `to`; waits while the mailbox is full. As [`Sender::send`].
    #[inline(always)]
    pub fn send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Patience::Until(None), || self.receiver.settle())
    }

    /// Sends `bytes` to `to` if there is room now. As [`Sender::try_send`].
    #[inline]
    pub fn try_send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Patience::Never, || self.receiver.settle())
    }

    /// Sends `bytes` to `to`; waits no longer than `timeout`. As [`Sender::send_timeout`].
    pub fn send_timeout(&self, to: u32, bytes: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.sender.send_with(to, bytes, Patience::within(timeout), || self.receiver.settle())
    }

    /// A message of `len` bytes to `to`, to be written in place; waits while the mailbox is full. As
    /// [`Sender::reserve`].
    pub fn reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Patience::Until(None), || self.receiver.settle())
    }

    /// A message of `len` bytes to `to` if there is room now. As [`Sender::try_reserve`].
    pub fn try_reserve(&self, to: u32, len: usize) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Patience::Never, || self.receiver.settle())
    }

    /// A message of `len` bytes to `to`; waits no longer than `timeout`. As [`Sender::reserve_timeout`].
    pub fn reserve_timeout(&self, to: u32, len: usize, timeout: Duration) -> Result<Draft<'_>, SendError> {
        self.sender.draft(to, len, Patience::within(timeout), || self.receiver.settle())
    }
}

/// # Receiving: as by a [`Receiver`]
///
/// The same calls, but nobody else sends as this rank: waiting for mail from oneself alone is
/// [`RecvError::Empty`] at once.
impl Endpoint {
    /// The next mail from anyone; waits until there is one. As [`Receiver::recv`].
    #[inline(always)]
    pub fn recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::Until(None))
    }

    /// The next mail from anyone, if there is one now. As [`Receiver::try_recv`].
    #[inline]
    pub fn try_recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::Never)
    }

    /// The next mail from anyone; waits no longer than `timeout`. As [`Receiver::recv_timeout`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Patience::within(timeout))
    }

    /// The next mail from `source`, a rank or [`Source::Anyone`]; waits until there is one. As
    /// [`Receiver::recv_from`].
    pub fn recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::Until(None))
    }

    /// The next mail from `source`, if there is one now. As [`Receiver::try_recv_from`].
    pub fn try_recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::Never)
    }

    /// The next mail from `source`; waits no longer than `timeout`. As [`Receiver::recv_from_timeout`].
    pub fn recv_from_timeout(
        &self,
        source: impl Into<Source>,
        timeout: Duration,
    ) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Patience::within(timeout))
    }

    #[inline(always)]
    fn mail(&self, source: Source, patience: Patience) -> Result<Mail<'_>, RecvError> {
        self.receiver.mail(source, patience, Some(&self.sender), || self.sender.flush())
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
