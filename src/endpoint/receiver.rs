//! The half of an endpoint that receives.

use super::batch::Batch;
use super::drain::Drain;
use super::halves::Halves;
use super::mail::Mail;
use super::sender::Sender;
use crate::error::RecvError;
use crate::half::{Interrupter, Member};
use crate::rank::{Source, Wait};
use crate::receive::{Inbox, Incoming, Receive};
use crate::region::Region;
use crate::ring::Descriptor;
use crate::wait::Deadline;
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// All the receiving of a rank; half of an [`Endpoint`](crate::Endpoint).
///
/// Mail comes in order for each sender. Receiving from anyone goes round those that lately spoke: at most 32
/// mails of one sender while another's wait. One that was silent for long among more than eight is looked at
/// less often: of `n` such each has its turn while at most `32 n` mails of others pass. A mail is taken once;
/// received again only if it was left, or if its holder died.
///
/// A message above half the arena is announced, and so is what [`Sender::announce`] sends. A receive that comes
/// upon an announcement asks for the message and takes it in, as do later ones; it is received when it is complete, and what is
/// behind it in the same mailbox comes after it. What has arrived is kept across timeouts and other senders'
/// mails, in memory of this process that is taken at its announcement ([`Receiver::set_budget`]); a buffer of up to 64 MiB is kept
/// for the next one. One whose sender gives up or ends is dropped. [`Receiver::set_by_hand`] gives the announcement itself
/// instead, and [`Receiver::recv_into`] takes no memory.
///
/// When there is no mail, receiving from a rank that has left is [`RecvError::PeerLeft`], each time, and
/// from one that died [`RecvError::PeerDead`].
///
/// Receiving from anyone says so once for each life that was there while this endpoint was, whether or not it ever sent
/// anything; of a life from before only if it left mail for this rank. A rank whose holder was killed before this
/// endpoint joined, and that nobody has taken since, counts as one that was there. Where a successor has followed at
/// once, the end of the life before it may be told after mail of the successor, [`Message::epoch`](crate::Message::epoch) tells them apart. Of lives
/// of one rank that end between two looks only the last one's end is told.
///
/// A clean leave is seen at once; a death within 75 ms by a receive from that rank, within a second by a receive from
/// any of up to 64. In a larger region those that wait watch the two ranks above their own and tell all others; besides,
/// a receive from anyone asks about eight ranks a second. One that always finds mail tells ends every 75 ms. `try_` calls
/// ask for deaths every 64th time.
///
/// Cost: the cache line of the message, and a system call if the sender sleeps for want of room. What is copied
/// out of a mail is copied once; an announced message was copied once on the way.
pub struct Receiver {
    member: Member,
    inbox: Inbox,
}

impl Receiver {
    pub(crate) fn new(member: Member) -> Self {
        Self { inbox: Inbox::new(&member), member }
    }

    pub(crate) fn split(&mut self) {
        self.member.split();
    }

    /// This half's rank.
    pub fn rank(&self) -> u32 {
        self.member.rank()
    }

    /// How often the rank has been joined, this time included.
    pub fn epoch(&self) -> u64 {
        self.member.epoch()
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.member.region
    }

    /// Chooses how this half waits from now on; before the endpoint was split, as it did. Never waits.
    pub fn set_wait(&self, wait: Wait) {
        self.member.set_wait(wait);
    }

    /// Chooses whether announced messages that are received from now on are fetched by hand: the announcement is a mail of
    /// its own, without bytes, whose [`Mail::announced`] is the length of the message; [`Mail::fetch`] gets it,
    /// now or later and in any order, and dropping the mail refuses it. Nothing of it is put into private memory. Other
    /// messages come as ever. Off until this is called.
    ///
    /// The sender keeps the message until then, and waits for it unless it [announced](Sender::announce) it.
    pub fn set_by_hand(&self, by_hand: bool) {
        self.inbox.by_hand.set(by_hand);
        // By hand it needs none, and waits for no other.
        self.member.budget.reconsider();
        self.inbox.lift_waiting();
    }

    /// How many bytes of private memory announced messages may take, of all senders together: from when a receive comes
    /// upon the announcement until their mails are dropped. [`Region::max_message`] until this is called. A message that does
    /// not fit what is left is [`RecvError::NoMemory`] and stays where it is. What is fetched [by
    /// hand](Receiver::set_by_hand) takes none.
    pub fn set_budget(&self, bytes: u64) {
        self.member.budget.set_limit(bytes);
    }

    /// Gives up all that is in the mailbox from `from` and was not received, and mails of it that were left or
    /// forgotten, and begins anew: for a mailbox that is [`RecvError::Corrupt`]. Nobody else's is touched.
    ///
    /// Mail comes again once the sender has found out, at its next message at the latest: that call is
    /// [`SendError::Reset`](crate::SendError::Reset), and what it sent before is lost unless it was received.
    /// What it sends from then on comes in order and once. [`Message::seq`](crate::Message::seq) goes on where the sender is: the gap is
    /// what was lost. Until then a receive waits as if there were no mail, also in later lives of this rank.
    ///
    /// Never waits. Cost: the sender's, which looks at each cell of the mailbox.
    pub fn reset(&mut self, from: u32) -> Result<(), RecvError> {
        self.inbox.reset(&self.member, from)
    }

    /// What ends a wait of this half from another thread or a signal handler.
    pub fn interrupter(&self) -> Interrupter {
        self.member.interrupter()
    }

    /// Begins a [`Batch`] of what this half acknowledges. Never waits.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(None, Some(self.parts()))
    }

    /// Begins a [`Drain`] of the mail from anyone that is there now. Never waits.
    pub fn drain(&self) -> Drain<'_> {
        self.drain_from(Source::Anyone)
    }

    /// Begins a [`Drain`] of the mail from `source`, a rank or [`Source::Anyone`], that is there now. Never waits.
    pub fn drain_from(&self, source: impl Into<Source>) -> Drain<'_> {
        Drain::new(&self.member, &self.inbox, source.into())
    }

    /// The next mail from anyone; waits until there is one.
    ///
    /// [`RecvError::PeerLeft`] and [`RecvError::PeerDead`] once for each life of another rank that ended, when there
    /// is no mail of it; [`RecvError::Corrupt`] once for a mailbox that makes no sense, and the others go on.
    /// [`RecvError::Held`] once where mails that this endpoint holds keep a sender from sending; also from calls that do
    /// not wait.
    /// [`RecvError::Interrupted`] ends a wait. Where nobody could ever send it is [`RecvError::Empty`].
    pub fn recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Deadline::Never, None)
    }

    /// The next mail from anyone, if there is one now; never waits, else [`RecvError::Empty`]. Takes in at most 2
    /// MiB of an announced message: a large one may take some calls. Other errors as of [`Receiver::recv`].
    pub fn try_recv(&self) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, Deadline::Now, None)
    }

    /// The next mail from anyone; waits no longer than `timeout`, then [`RecvError::Timeout`]. Other errors as of
    /// [`Receiver::recv`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Mail<'_>, RecvError> {
        self.mail(Source::Anyone, timeout, None)
    }

    /// The next mail from `source`, a rank or [`Source::Anyone`]; waits until there is one. Mail of others stays
    /// where it is.
    ///
    /// From a rank that ended it is [`RecvError::PeerLeft`] or [`RecvError::PeerDead`] each time; from one whose
    /// mailbox makes no sense [`RecvError::Corrupt`] each time, and where its mails that this endpoint holds keep
    /// it from sending [`RecvError::Held`]. [`RecvError::NoSuchRank`] if the region has no such rank.
    pub fn recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Deadline::Never, None)
    }

    /// The next mail from `source`, if there is one now; never waits, else [`RecvError::Empty`]. Other errors as
    /// of [`Receiver::recv_from`].
    pub fn try_recv_from(&self, source: impl Into<Source>) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), Deadline::Now, None)
    }

    /// The next mail from `source`; waits no longer than `timeout`, then [`RecvError::Timeout`]. Other errors as
    /// of [`Receiver::recv_from`].
    pub fn recv_from_timeout(
        &self,
        source: impl Into<Source>,
        timeout: Duration,
    ) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), timeout, None)
    }

    /// The next mail from `source`; waits no longer than until `deadline`, then [`RecvError::Timeout`]: one deadline for
    /// several receives. One that has passed gives what is there. Other errors as of [`Receiver::recv_from`].
    pub fn recv_until(&self, source: impl Into<Source>, deadline: Instant) -> Result<Mail<'_>, RecvError> {
        self.mail(source.into(), deadline, None)
    }

    /// `sender`: the other half, if the same thread has it.
    #[inline(always)]
    pub(crate) fn mail<'a>(
        &'a self,
        source: Source,
        deadline: impl Into<Deadline>,
        sender: Option<&'a Sender>,
    ) -> Result<Mail<'a>, RecvError> {
        let (peer, descriptor) = match self.inbox.recv_new(&self.member, source) {
            Some(found) => found,
            None => self.wait_for_mail(source, deadline.into(), sender)?,
        };
        Ok(Mail::new(&self.member, peer, descriptor, sender, &self.inbox))
    }

    /// As `mail`, where there is more to do than to take a new message.
    #[inline(never)]
    fn wait_for_mail(
        &self,
        source: Source,
        deadline: Deadline,
        sender: Option<&Sender>,
    ) -> Result<(&Incoming, Descriptor), RecvError> {
        let Self { member, inbox } = self;
        member.check()?;
        if !deadline.is_now()
            && let Some(found) = inbox.recv_soon(member, source, deadline)
        {
            return Ok(found);
        }
        let mut receive = Receive::new(inbox, member, source);
        self.halves(sender).drive(member, deadline, &mut receive)?;
        receive.found.ok_or(if deadline.is_now() { RecvError::Empty } else { RecvError::Timeout })
    }

    /// The next mail from `source`, a rank or [`Source::Anyone`], whose bytes go straight to the front of `buffer`, also
    /// those of an announced message; who sent it, and how many they are. Waits for all of them.
    ///
    /// [`RecvError::TooSmall`] if it is longer than `buffer`: it stays, and is received next. [`RecvError::Cut`] if its
    /// sender gives it up in between. A call is dropped when it was copied: receive calls as [`Mail`]s. Other errors as of
    /// [`Receiver::recv_from`].
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # other.send(0, b"hello world")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(me.recv_into(1, &mut buffer[..5]), Err(RecvError::TooSmall { rank: 1, len: 11 }));
    /// assert_eq!(me.recv_into(1, &mut buffer)?, (1, 11));
    /// assert_eq!(&buffer[..11], b"hello world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into(&self, source: impl Into<Source>, buffer: &mut [u8]) -> Result<(u32, usize), RecvError> {
        self.receive_into(source.into(), buffer, Deadline::Never, None)
    }

    /// As [`Receiver::recv_into`]; waits no longer than `timeout`, then [`RecvError::Timeout`]. A message of which a part had
    /// come by then is refused.
    pub fn recv_into_timeout(
        &self,
        source: impl Into<Source>,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<(u32, usize), RecvError> {
        self.receive_into(source.into(), buffer, timeout.into(), None)
    }

    pub(crate) fn receive_into(
        &self,
        source: Source,
        buffer: &mut [u8],
        deadline: Deadline,
        sender: Option<&Sender>,
    ) -> Result<(u32, usize), RecvError> {
        let Self { member, inbox } = self;
        member.check()?;
        // It needs none.
        member.budget.reconsider();
        let mut receive = Receive::new(inbox, member, source).by_hand();
        self.halves(sender).drive(member, deadline, &mut receive)?;
        let (peer, descriptor) = receive.found.ok_or(RecvError::Timeout)?;
        let mut arrival = Mail::new(member, peer, descriptor, sender, inbox).fetch();
        let (rank, len) = (arrival.from(), arrival.len());
        if len > buffer.len() as u64 {
            arrival.put_back();
            return Err(RecvError::TooSmall { rank, len });
        }
        let mut filled = 0;
        loop {
            match arrival.next(&mut buffer[filled..], deadline) {
                Ok(0) => return Ok((rank, filled)),
                Ok(more) => filled += more,
                Err(error) => {
                    arrival.put_back();
                    return Err(error);
                }
            }
        }
    }

    fn halves<'a>(&'a self, sender: Option<&'a Sender>) -> Halves<'a> {
        Halves { sending: sender.map(Sender::parts), receiving: Some(self.parts()) }
    }

    #[inline(always)]
    pub(crate) fn parts(&self) -> (&Member, &Inbox) {
        (&self.member, &self.inbox)
    }

    /// Tells the senders of what a batch or a drain acknowledged.
    #[inline(always)]
    pub(crate) fn settle(&self) {
        if self.member.holds_back() {
            self.inbox.settle(&self.member);
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.settle();
        if self.member.check().is_ok() && !std::thread::panicking() {
            self.inbox.leave();
        }
        self.member.part();
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
