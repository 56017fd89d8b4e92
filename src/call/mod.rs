//! Calls: a request to another rank, and its answer.
#![cfg(not(loom))]

mod credit;
mod errors;
mod held;
mod reply;

pub use reply::Reply;

use credit::Credit;
use held::HeldUp;

use crate::abi::{CallId, Kind, Location};
use crate::endpoint::{Endpoint, Halves, Receiver, Sender};
use crate::error::{CallError, SendError};
use crate::half::Bytes;
use crate::rank::{Source, Status};
use crate::ring::Corrupt;
use crate::send::{Answer, Outgoing, end_of_taker, living_taker};
use crate::wait::pace::{self, CALL_PAUSES};
use crate::wait::{Deadline, Operation, Step, look_soon};
use core::cell::Cell as Private;
use core::fmt;
use core::time::Duration;

/// A call under way: what [`Endpoint::try_call`] gives. Dropping it gives the call up; its server may answer it all
/// the same, and nobody is told.
#[must_use = "who drops it gives the call up"]
pub struct Call<'a> {
    sender: &'a Sender,
    receiver: &'a Receiver,
    peer: &'a Outgoing,
    /// Of the server's life that it is for.
    epoch: u64,
    way: Private<Way>,
}

/// Where the answer comes.
#[derive(Clone, Copy)]
enum Way {
    /// On the call line, under this stamp; or the line says that it lies in the return lane.
    Line(u64),
    /// In the return lane; the request was this message.
    Lane(u64),
    /// It has come, or will not.
    Over,
}

impl Way {
    /// The name of the answer where it comes in the return lane.
    fn id(self) -> Option<CallId> {
        match self {
            Way::Line(stamp) => Some(CallId::of_line(stamp)),
            Way::Lane(seq) => Some(CallId::of_message(seq)),
            Way::Over => None,
        }
    }
}

/// # Calling
///
/// A call is a request to another rank that wants an answer. There it arrives as a [`Mail`](crate::Mail), by the same
/// receives as any: [`Mail::is_call`](crate::Mail::is_call). It comes after the mail that was sent before it.
///
/// **Once at most.** A call is for one life of the server: the present one or, if the rank was never joined, its
/// first. If that ends before it answers, the call ends in [`CallError::PeerLeft`] or [`CallError::PeerDead`], and no
/// successor sees it: whether it was carried out before is not known. Nothing is tried again unless the caller calls
/// again. An answer that comes after the caller gave up, or died, is dropped; no other call ever gets it.
///
/// **Cost.** A request and an answer of up to 48 bytes travel in one cache line: half the line transfers of two
/// messages. One such call to each rank can be under way, one that was given up included until its server answers it.
/// Further requests, and longer ones, up to [`Region::max_whole`](crate::Region::max_whole), go through the mailbox, and
/// answers to them, and longer ones, through a lane of their own beside it: no unread mail is in their way, and they come
/// in whatever order the server gives them. 64 calls through the mailbox can be under way to a rank, those included that
/// were given up and are not answered; the next one waits, or is [`SendError::Full`].
///
/// ```
/// # use mailbox::{CallError, Config, Region};
/// # let name = format!("doc-call-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// let call = me.try_call(1, b"2 + 2")?; // or `call`, which waits for the answer
///
/// // The server
/// let mail = server.recv()?;
/// assert!(mail.is_call());
/// match mail.to_vec().as_slice() {
///     b"2 + 2" => mail.reply(b"4")?,
///     _ => mail.refuse(b"too hard")?,
/// }
///
/// // The caller
/// assert_eq!(*call.reply()?, *b"4");
/// # drop((me, server));
/// # Region::remove_at(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Two that call each other at once, and serve nobody meanwhile, wait for ever: receive while a [`Call`] is under way,
/// or give it a time. A server that first waits for room for its mail to the caller is seen: [`CallError::Held`].
impl Endpoint {
    /// Asks `to`, and waits for the answer.
    ///
    /// [`CallError::Request`] comes before anything is asked. [`CallError::Refused`] and [`CallError::Dropped`] are
    /// answers, too. The end of the server is told within 75 ms.
    #[inline]
    pub fn call(&self, to: u32, request: &[u8]) -> Result<Reply, CallError> {
        Call::begin(self, to, request, Deadline::Never)?.finish(Deadline::Never)
    }

    /// Begins a call, if there is room for the request now; never waits, else [`SendError::Full`]. Errors as of
    /// [`Endpoint::call`].
    pub fn try_call(&self, to: u32, request: &[u8]) -> Result<Call<'_>, CallError> {
        Call::begin(self, to, request, Deadline::Now)
    }

    /// As [`Endpoint::call`], but waits no longer than `timeout`, then [`CallError::Timeout`]: the server may carry it
    /// out all the same.
    pub fn call_timeout(&self, to: u32, request: &[u8], timeout: Duration) -> Result<Reply, CallError> {
        let deadline = Deadline::from(timeout);
        Call::begin(self, to, request, deadline)?.finish(deadline)
    }
}

impl<'a> Call<'a> {
    #[inline(always)]
    fn begin(me: &'a Endpoint, to: u32, request: &[u8], deadline: Deadline) -> Result<Self, CallError> {
        let (sender, receiver) = me.halves();
        let (member, outbox) = sender.parts();
        let peer = outbox.peer(member, to, request.len())?;
        if member.is_in_batch() {
            // What was sent before comes before.
            outbox.flush(member);
        }
        let epoch = living_taker(member, to)?;
        let way = match peer.ask(member, epoch, request) {
            Some(stamp) => Way::Line(stamp),
            None => Way::Lane(Self::begin_in_lane(me, peer, epoch, request, deadline)?),
        };
        Ok(Self { sender, receiver, peer, epoch, way: way.into() })
    }

    /// Asks through the mailbox, once one of the calls that may be under way is free; the number of the request.
    #[inline(never)]
    fn begin_in_lane(
        me: &Endpoint,
        peer: &Outgoing,
        epoch: u64,
        request: &[u8],
        deadline: Deadline,
    ) -> Result<u64, CallError> {
        let (sender, receiver) = me.halves();
        let (member, _) = receiver.parts();
        let (sending, _) = sender.parts();
        if !peer.answers.has_credit(sending, peer, epoch)? {
            let halves = Halves { sending: Some(sender.parts()), receiving: Some(receiver.parts()) };
            let held_up = HeldUp::new(sender, receiver, peer);
            let mut credit = Credit { member, sender: sending, peer, epoch, held_up };
            if !halves.drive(member, deadline, &mut credit)? {
                return Err(if deadline.is_now() { SendError::Full.into() } else { CallError::Timeout });
            }
        }
        let seq = sender.ask(peer.to, (Kind::Call, epoch), request, deadline, Some(receiver.parts()))?;
        peer.answers.expect(seq, epoch);
        Ok(seq)
    }

    /// The rank that was asked.
    pub fn to(&self) -> u32 {
        self.peer.to
    }

    /// The answer, if it is there now; never waits. Once it, or an error but [`CallError::Held`],
    /// [`CallError::NoMemory`] and [`CallError::Interrupted`], was said, the call is over, and this is [`CallError::Over`].
    pub fn try_reply(&self) -> Result<Option<Reply>, CallError> {
        let (member, _) = self.receiver.parts();
        member.check()?;
        self.drive(Deadline::Now)
    }

    /// Waits for the answer. Errors as of [`Endpoint::call`].
    pub fn reply(self) -> Result<Reply, CallError> {
        self.finish(Deadline::Never)
    }

    /// Waits for the answer, no longer than `timeout`: then [`CallError::Timeout`], and the call goes on. Other errors
    /// as of [`Endpoint::call`].
    pub fn reply_timeout(&self, timeout: Duration) -> Result<Reply, CallError> {
        self.finish(timeout.into())
    }

    #[inline(always)]
    fn finish(&self, deadline: Deadline) -> Result<Reply, CallError> {
        let (member, _) = self.receiver.parts();
        member.check()?;
        self.halves().publish();
        // Nobody else answers what this rank asks itself.
        if self.peer.to == member.rank() {
            return self.look()?.ok_or(CallError::Oneself);
        }
        pace::pause(CALL_PAUSES);
        if look_soon(member, deadline, || self.may_have_come())
            && let Some(reply) = self.look()?
        {
            return Ok(reply);
        }
        self.drive(deadline)?.ok_or(CallError::Timeout)
    }

    /// Whether the answer may be there. Cost: a load, as long as it is not.
    #[inline(always)]
    fn may_have_come(&self) -> bool {
        match self.way.get() {
            Way::Line(stamp) => self.peer.caller.has_news(stamp),
            Way::Lane(seq) => self.peer.answers.has_news(CallId::of_message(seq)),
            Way::Over => true,
        }
    }

    #[inline(never)]
    fn drive(&self, deadline: Deadline) -> Result<Option<Reply>, CallError> {
        let (member, _) = self.receiver.parts();
        let held_up = HeldUp::new(self.sender, self.receiver, self.peer);
        let mut waiting = Waiting { call: self, reply: None, held_up };
        self.halves().drive(member, deadline, &mut waiting)?;
        Ok(waiting.reply)
    }

    /// What batches hold back is published before a wait.
    #[inline(always)]
    fn halves(&self) -> Halves<'_> {
        Halves { sending: Some(self.sender.parts()), receiving: Some(self.receiver.parts()) }
    }

    /// The answer, if it is there.
    #[inline(always)]
    fn look(&self) -> Result<Option<Reply>, CallError> {
        let Way::Line(stamp) = self.way.get() else { return self.look_in_lane() };
        let caller = &self.peer.caller;
        let answer = match caller.answer(stamp) {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(None),
            Err(Corrupt) => return self.end_corrupt(),
        };
        match answer.place {
            Location::Inline(len) => {
                let bytes = Bytes::Few { bytes: caller.payload(), len };
                self.conclude(Answer { kind: answer.kind, bytes }).map(Some)
            }
            // No answer is one.
            Location::Loan => self.end_corrupt(),
            // The server put it there first.
            Location::Arena => match self.look_in_lane()? {
                None => self.end_corrupt(),
                reply => Ok(reply),
            },
        }
    }

    #[inline(never)]
    fn look_in_lane(&self) -> Result<Option<Reply>, CallError> {
        let way = self.way.get();
        let Some(id) = way.id() else { return Err(CallError::Over) };
        let answers = &self.peer.answers;
        let answer = answers.take(self.sender.parts().0, self.peer, id).map_err(CallError::from);
        match answer {
            Ok(Some(answer)) => self.conclude(answer).map(Some),
            // Another call found that the lane makes no sense.
            Ok(None) if matches!(way, Way::Lane(_)) && !answers.expects(id) => self.end_corrupt(),
            Err(CallError::Corrupt) => self.end_corrupt(),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn end_corrupt(&self) -> Result<Option<Reply>, CallError> {
        self.end();
        Err(CallError::Corrupt)
    }

    /// The call is over, with this answer.
    #[inline(always)]
    fn conclude(&self, Answer { kind, bytes }: Answer) -> Result<Reply, CallError> {
        self.end();
        match kind {
            Kind::Answer => Ok(Reply(bytes)),
            Kind::Refusal => Err(CallError::Refused(bytes.into_vec())),
            _ => Err(CallError::Dropped),
        }
    }

    /// Whether the answer can still come; the answer, if it has come meanwhile.
    #[cold]
    fn check_server(&self, query: bool) -> Result<Option<Reply>, CallError> {
        let (member, _) = self.receiver.parts();
        if let Err(lost) = member.check_place(query) {
            // An answer that is there comes first.
            return self.look()?.ok_or(lost.into()).map(Some);
        }
        // A server answers before it acknowledges. A successor acknowledges, too: then there is one.
        let is_done = match self.way.get() {
            Way::Lane(seq) => self.peer.producer.is_acknowledged(seq).inspect_err(|_| self.end())?,
            _ => false,
        };
        let end = end_of_taker(member, self.peer.to, self.epoch, query);
        if !is_done && end.is_none() {
            return Ok(None);
        }
        // What it did before it ended is visible now, also in the return lane of a call whose line does not say so.
        if let Some(reply) = self.look()? {
            return Ok(Some(reply));
        }
        if let Some(reply) = self.look_in_lane()? {
            return Ok(Some(reply));
        }
        if let Some(id) = self.way.get().id() {
            self.peer.answers.forget(id);
        }
        self.end();
        Err(match end {
            Some(Status::Left) => CallError::PeerLeft,
            Some(_) => CallError::PeerDead,
            None => CallError::Dropped,
        })
    }

    /// Nobody wants an answer any more.
    #[inline(always)]
    fn end(&self) {
        match self.way.replace(Way::Over) {
            Way::Line(stamp) => {
                self.peer.caller.is_wanted.set(false);
                self.peer.answers.give_up(CallId::of_line(stamp));
            }
            Way::Lane(seq) => self.peer.answers.give_up(CallId::of_message(seq)),
            Way::Over => {}
        }
    }
}

/// A wait for the answer to a call.
struct Waiting<'a, 'c> {
    call: &'a Call<'c>,
    reply: Option<Reply>,
    held_up: HeldUp<'a>,
}

impl Operation for Waiting<'_, '_> {
    type Error = CallError;

    fn look(&mut self, _: bool) -> Result<bool, CallError> {
        self.reply = self.call.look()?;
        if self.reply.is_none() {
            self.held_up.check_now_and_then()?;
        }
        Ok(self.reply.is_some())
    }

    fn check(&mut self, query: bool) -> Result<bool, CallError> {
        self.reply = self.call.check_server(query)?;
        if self.reply.is_none() {
            self.held_up.check()?;
        }
        Ok(self.reply.is_some())
    }

    fn step(&mut self) -> Result<Step, CallError> {
        Ok(Step::Done)
    }

    fn begin_wait(&self) {
        self.held_up.begin();
    }

    fn fall_asleep(&self) {
        self.call.receiver.parts().0.fall_asleep_for_mail(Source::Rank(self.call.peer.to));
    }
}

impl Drop for Call<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Way::Line(_) = self.way.get() {
            self.peer.answers.has_stray.set(true);
        }
        self.end();
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("to", &self.to()).finish_non_exhaustive()
    }
}
