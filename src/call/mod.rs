//! Calls: a request to another rank, and its answer.
#![cfg(not(loom))]

mod errors;
mod reply;

pub use reply::Reply;

use crate::abi::{CallId, Kind};
use crate::endpoint::{Endpoint, Halves, Receiver, Sender};
use crate::error::{CallError, RecvError, SendError};
use crate::rank::{Source, Status};
use crate::ring::Corrupt;
use crate::send::{Outgoing, taker};
use crate::wait::pace::{self, CALL_PAUSES};
use crate::wait::{Deadline, Operation, Step, drive, look_soon};
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
    /// On the call line, under this stamp.
    Line(u64),
    /// There, but an answer in the mailbox is kept, too.
    LineOrMailbox(u64),
    /// In the mailbox.
    Mailbox(CallId),
    /// It has come, or will not.
    Over,
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
/// messages. One such call to each rank can be under way, one that was given up included until its server answers it;
/// further ones, and longer requests and answers, up to [`Region::max_whole`](crate::Region::max_whole), go through the
/// mailboxes. There an answer waits behind mail from its server, which stays unread: [`CallError::Held`] if that fills
/// the mailbox, or if a message that is received in pieces comes first.
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
/// or give it a time.
impl Endpoint {
    /// Asks `to`, and waits for the answer.
    ///
    /// [`CallError::Request`] comes before anything is asked. [`CallError::Refused`] and [`CallError::Dropped`] are
    /// answers, too. The end of the server is told within 75 ms, and that it dropped a call that went through the
    /// mailbox: once it has dropped the mail from before that call as well.
    #[inline]
    pub fn call(&self, to: u32, request: &[u8]) -> Result<Reply, CallError> {
        Call::begin(self, to, request, Deadline::Never)?.finish(Deadline::Never)
    }

    /// Begins a call, if there is room for the request now; never waits, else [`SendError::Full`]. Errors as of
    /// [`Endpoint::call`].
    pub fn try_call(&self, to: u32, request: &[u8]) -> Result<Call<'_>, CallError> {
        let call = Call::begin(self, to, request, Deadline::Now)?;
        call.keep_mailed();
        Ok(call)
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
        let life = member.region.registry.life(to);
        let epoch = taker(life);
        if !life.joined() && life.epoch() != 0 {
            return Err(CallError::Request(SendError::PeerLeft(to)));
        }
        let way = match peer.ask(member, epoch, request) {
            Some(stamp) => Way::Line(stamp),
            None => {
                let what = (Kind::Call, CallId::For(epoch));
                let seq = sender.send_of_call(to, what, request, deadline, Some(receiver.parts()))?;
                Way::Mailbox(CallId::Mailbox(seq))
            }
        };
        let call = Self { sender, receiver, peer, epoch, way: way.into() };
        if let Way::Mailbox(call_id) = way {
            receiver.parts().1.answers.expect(to, call_id);
        }
        Ok(call)
    }

    /// Has an answer kept that a receive comes upon.
    fn keep_mailed(&self) {
        if let Way::Line(stamp) = self.way.get() {
            self.receiver.parts().1.answers.expect(self.peer.to, CallId::Line(stamp));
            self.way.set(Way::LineOrMailbox(stamp));
        }
    }

    /// The rank that was asked.
    pub fn to(&self) -> u32 {
        self.peer.to
    }

    /// The answer, if it is there now; never waits. Once it, or an error but [`CallError::Held`] and
    /// [`CallError::Interrupted`], was said, the call is over, and this is [`CallError::Over`].
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
            Way::Line(stamp) | Way::LineOrMailbox(stamp) => self.peer.caller.has_news(stamp),
            Way::Mailbox(_) => self.receiver.parts().1.has_news(self.peer.to),
            Way::Over => true,
        }
    }

    #[inline(never)]
    fn drive(&self, deadline: Deadline) -> Result<Option<Reply>, CallError> {
        let (member, _) = self.receiver.parts();
        let mut answer = Answer { call: self, reply: None };
        drive(member, deadline, || self.halves().publish(), &mut answer)?;
        Ok(answer.reply)
    }

    /// What batches hold back is published before a wait.
    #[inline(always)]
    fn halves(&self) -> Halves<'_> {
        Halves { sending: Some(self.sender.parts()), receiving: Some(self.receiver.parts()) }
    }

    /// The answer, if it is there.
    #[inline(always)]
    fn look(&self) -> Result<Option<Reply>, CallError> {
        let (Way::Line(stamp) | Way::LineOrMailbox(stamp)) = self.way.get() else {
            return self.look_in_mailbox();
        };
        let caller = &self.peer.caller;
        let answer = match caller.answer(stamp) {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(None),
            Err(Corrupt) => {
                self.end();
                return Err(CallError::Corrupt);
            }
        };
        if answer.kind == Kind::Elsewhere {
            self.keep_mailed();
            caller.is_wanted.set(false);
            self.way.set(Way::Mailbox(CallId::Line(stamp)));
            return self.look_in_mailbox();
        }
        let reply = Reply::few(caller.payload(), answer.len);
        self.end();
        match answer.kind {
            Kind::Answer => Ok(Some(reply)),
            Kind::Refusal => Err(CallError::Refused(reply.into_vec())),
            _ => Err(CallError::Dropped),
        }
    }

    #[inline(never)]
    fn look_in_mailbox(&self) -> Result<Option<Reply>, CallError> {
        let Way::Mailbox(call_id) = self.way.get() else { return Err(CallError::Over) };
        let (member, inbox) = self.receiver.parts();
        match inbox.seek(member, self.peer.to, call_id) {
            Ok(None) => Ok(None),
            Ok(Some(answer)) => self.take(answer).map(Some),
            Err(error @ RecvError::Corrupt(_)) => {
                self.end();
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An answer that came in the mailbox.
    fn take(&self, (kind, bytes): (Kind, Vec<u8>)) -> Result<Reply, CallError> {
        self.end();
        match kind {
            Kind::Answer => Ok(Reply::many(bytes)),
            _ => Err(CallError::Refused(bytes)),
        }
    }

    /// Reads the mailbox ahead for a call on the line: its answer may be there although the line does not say so, because
    /// its server ended in between; and others, which nobody waits for, take room.
    fn read_ahead(&self) -> Result<Option<Reply>, CallError> {
        self.keep_mailed();
        let Way::LineOrMailbox(stamp) = self.way.get() else { return Ok(None) };
        let (member, inbox) = self.receiver.parts();
        match inbox.seek(member, self.peer.to, CallId::Line(stamp)) {
            Ok(Some(answer)) => self.take(answer).map(Some),
            // The answer may come on the line all the same.
            Ok(None) | Err(RecvError::Held(_) | RecvError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Says that the server waits for room in its mailbox to this rank, with this call's answer or before it, and mail that
    /// this rank has not acknowledged takes that room.
    fn held_up(&self) -> Result<(), CallError> {
        let (member, inbox) = self.receiver.parts();
        if inbox.note_starved(member, self.peer.to) { Err(CallError::Held) } else { Ok(()) }
    }

    /// Whether the answer can still come; the answer, if it has come meanwhile.
    #[cold]
    fn check_server(&self, query: bool) -> Result<Option<Reply>, CallError> {
        let (member, _) = self.receiver.parts();
        let place = member.check_place(query);
        if let Some(reply) = self.read_ahead()? {
            return Ok(Some(reply));
        }
        if let Err(lost) = place {
            // An answer that is there comes first.
            return self.look()?.ok_or(lost.into()).map(Some);
        }
        let to = self.peer.to;
        // A server answers before it acknowledges. A successor acknowledges, too: then there is one.
        let is_done = match self.way.get() {
            Way::Mailbox(CallId::Mailbox(seq)) => {
                self.peer.producer.is_acknowledged(seq).inspect_err(|_| self.end())?
            }
            _ => false,
        };
        let epoch = member.region.registry.life(to).epoch();
        let end = if epoch > self.epoch {
            Some(Status::Dead)
        } else if epoch == self.epoch {
            member.end_of(to, query)
        } else {
            None
        };
        if !is_done && end.is_none() {
            return self.held_up().map(|()| None);
        }
        // What it did before it ended is visible now.
        if let Some(reply) = self.look()? {
            return Ok(Some(reply));
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
        let way = self.way.replace(Way::Over);
        if let Way::Line(_) | Way::LineOrMailbox(_) = way {
            self.peer.caller.is_wanted.set(false);
        }
        if let Way::LineOrMailbox(stamp) = way {
            self.forget(CallId::Line(stamp));
        }
        if let Way::Mailbox(call_id) = way {
            self.forget(call_id);
        }
    }

    fn forget(&self, call_id: CallId) {
        self.receiver.parts().1.answers.forget(self.peer.to, call_id);
    }
}

/// A wait for the answer to a call.
struct Answer<'a, 'c> {
    call: &'a Call<'c>,
    reply: Option<Reply>,
}

impl Operation for Answer<'_, '_> {
    type Error = CallError;

    fn look(&mut self, _: bool) -> Result<bool, CallError> {
        self.reply = self.call.look()?;
        Ok(self.reply.is_some())
    }

    fn check(&mut self, query: bool) -> Result<bool, CallError> {
        self.reply = self.call.check_server(query)?;
        Ok(self.reply.is_some())
    }

    fn step(&mut self) -> Result<Step, CallError> {
        Ok(Step::Done)
    }

    fn fall_asleep(&self) {
        self.call.receiver.parts().0.fall_asleep_for_mail(Source::Rank(self.call.peer.to));
    }
}

impl Drop for Call<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("to", &self.to()).finish_non_exhaustive()
    }
}
