//! Calls: a request to another rank, and its answer.
//!
//! This folder is the caller's side. To the server a call is a [`Mail`](crate::Mail), which it answers: `receive::peer::answer`.
//! A [`Call`] goes one of two *ways*. A short one goes on the call line (`ring::call_line`), if that is free and the last call
//! through the mail lane is over. Any other goes through the mail lane, with a *credit*. Its answer, and any long answer, comes
//! through the return lane, which `send::answers` reads for all calls to one rank together.
//!
//! | file | what is in it |
//! |---|---|
//! | this one | a call under way, from its request to its end |
//! | `credit`, `waiting`, `held` | the waits: until one more may be under way, for the answer; whether the server waits for this rank |
//! | `watched`, `paused` | a call as [`Select`](crate::Select) and as [`Shared`](crate::Shared) have it |
//! | `reply`, `errors` | the answer's bytes; an interruption as an error of a call |
//!
//! **Who writes what.** On the call line caller and server take turns: the stamp says whose turn it is. The caller writes the
//! request, and `head` of the return lane; the server writes the cells there. [`crate::abi`] draws both.
//!
//! **What waits.** [`SendTo::start_call`] waits for a credit and for room, [`Call::wait`] for the answer; [`Call::try_wait`] does not
//! wait. If the caller has the receiving half, that one waits for credit and answer: a server rings both.
//!
//! **Before you change it:**
//! - A call is for one life of its server, whose epoch is in the request. No later life answers it.
//! - An answer comes before the news that its server has ended: a caller that hears of the end looks once more, and then sees it.
//! - A call ends once (`Call::end`). One that was given up keeps the line, or its credit, until it is answered or that life of
//!   the server is over. So a late answer meets no other call.
#![cfg(not(loom))]

mod credit;
mod errors;
mod held;
mod paused;
mod reply;
mod waiting;
mod watched;

pub use paused::PausedCall;
pub use reply::Reply;

use credit::Credit;
use held::HeldUp;

use crate::abi::{CallId, Kind, Location};
use crate::endpoint::{Endpoint, Halves, RecvHalf, SendHalf, SendTo};
use crate::error::{Broken, CallError, End};
use crate::half::{Bytes, Member, Starving};
use crate::rank::Status;
use crate::ring::Corrupt;
use crate::send::{Answer, Outgoing, living_taker};
use crate::wait::Deadline;
use core::cell::Cell as Private;
use core::fmt;

/// A call under way: what [`SendTo::start_call`](crate::SendTo::start_call) returns. Dropping it gives the call up. Its
/// server may answer it all the same, and nobody is told.
///
/// ```
/// # use mailbox::{CallError, Config, Region};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// let call = me.to(1).start_call(b"how many?")?;
/// let answer = match call.wait_within(Duration::from_millis(1)) {
///     Err(CallError::Timeout(_)) => {
///         println!("rank {} is slow, and the call goes on", call.to());
/// #         server.recv()?.reply(b"three")?;
///         call.wait()?
///     }
///     answer => answer?,
/// };
/// assert_eq!(*answer, *b"three");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it gives the call up"]
pub struct Call<'a> {
    sender: &'a SendHalf,
    /// The other half, if the same thread has it.
    receiver: Option<&'a RecvHalf>,
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
/// A call is a request to another rank that wants an answer. The server receives it as a [`Mail`](crate::Mail), like any
/// message, after the mail that was sent before it: [`Mail::is_call`](crate::Mail::is_call).
///
/// **At most once.** A call is for one life of the server: the present one or, if the rank was never joined, its first. If
/// that life ends before it answers, the call ends in [`CallError::Unanswered`], and no successor sees it. Whether it was
/// carried out before is not known. Nothing is tried again unless the caller calls again. An answer that comes after the
/// caller gave up or died is dropped. No other call ever gets it.
///
/// **Cost.** A request and an answer of up to 48 bytes travel in one cache line: half the line transfers of two messages. One
/// such call to each rank can be under way; one that was given up counts until its server answers it. Other requests, of up
/// to [`Region::eager_limit`](crate::Region::eager_limit) bytes, go through the mailbox; so does a short one that is made while the
/// last that went there is under way, because such calls follow each other faster. Answers to them, and long
/// answers, go through a lane of their own: no unread mail is in their way, and the server may give them in any order. 64
/// calls through the mailbox can be under way to a rank; those that were given up count until they are answered. The
/// next one waits, or is [`SendError::Full`](crate::SendError::Full).
///
/// **Deadlocks.** Two ranks that call each other at once, and serve nobody meanwhile, wait for ever. Receive while a [`Call`] is
/// under way, or give it a deadline. If the server itself waits for this endpoint to receive its mail, the call
/// returns [`CallError::Held`]; not that of a sending half, whose other half may receive meanwhile.
///
/// ```
/// # use mailbox::{CallError, Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, server) = (region.join(0)?, region.join(1)?);
/// let call = me.to(1).start_call(b"2 + 2")?; // or `call`, which waits for the answer
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
/// assert_eq!(*call.wait()?, *b"4");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'a> SendTo<'a> {
    /// Sends a request, and waits for the answer. It carries no tag: [`SendTo::tag`] changes nothing here.
    ///
    /// [`CallError::Request`]: nothing was asked. [`CallError::Unanswered`] if the server ends, within 75 ms, or drops the
    /// call. [`CallError::Timeout`]: the server may carry it out all the same.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let server = std::thread::spawn(move || {
    ///     let question = other.recv().expect("a call");
    ///     let number: u32 = question.value().expect("one number");
    ///     question.reply(&(2 * number).to_ne_bytes())
    /// });
    /// let answer = me.to(1).within(Duration::from_secs(10)).call(&21u32.to_ne_bytes())?;
    /// assert_eq!(answer.value::<u32>()?, 42);
    /// # server.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn call(self, request: &[u8]) -> Result<Reply, CallError> {
        Call::begin(self, request)?.finish(self.deadline)
    }

    /// Sends a request, and returns while the call is under way. Waits while there is no room for the request. Errors as for
    /// [`SendTo::call`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let call = me.to(1).start_call(b"2 + 2")?;
    /// // … other work, and meanwhile, at the server:
    /// let question = other.recv()?;
    /// assert_eq!(question.to_vec(), b"2 + 2");
    /// question.reply(b"4")?;
    /// assert_eq!(*call.wait()?, *b"4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn start_call(self, request: &[u8]) -> Result<Call<'a>, CallError> {
        Call::begin(self, request)
    }
}

impl Endpoint {
    /// Sends a request to `rank`, and waits for the answer. The same as [`SendTo::call`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let server = std::thread::spawn(move || {
    ///     let question = other.recv().expect("a call");
    ///     assert_eq!(question.to_vec(), b"2 + 2");
    ///     question.reply(b"4")
    /// });
    /// assert_eq!(*me.call(1, b"2 + 2")?, *b"4");
    /// # server.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn call(&self, rank: u32, request: &[u8]) -> Result<Reply, CallError> {
        self.to(rank).call(request)
    }
}

impl<'a> Call<'a> {
    #[inline(always)]
    fn begin(to: SendTo<'a>, request: &[u8]) -> Result<Self, CallError> {
        let SendTo { sender, receiver, to: rank, .. } = to;
        let (member, outbox) = sender.parts();
        let peer = outbox.peer(member, rank, request.len())?;
        if member.is_in_batch() {
            // What was sent before comes before.
            outbox.flush(member);
        }
        let epoch = match peer.present() {
            Some(epoch) => epoch,
            None => living_taker(member, rank)?,
        };
        // What was started before and waits for room comes first.
        let is_first = !outbox.has_waiting(rank);
        let way = if is_first && let Some(stamp) = peer.ask(member, epoch, request) {
            Way::Line(stamp)
        } else if is_first && let Some(seq) = peer.ask_in_cell(member, epoch, request) {
            Way::Lane(seq)
        } else {
            Way::Lane(Self::begin_in_lane(to, peer, epoch, request)?)
        };
        Ok(Self { sender, receiver, peer, epoch, way: way.into() })
    }

    /// Asks through the mailbox, once one of the calls that may be under way is free; the number of the request.
    #[inline(never)]
    fn begin_in_lane(to: SendTo<'_>, peer: &Outgoing, epoch: u64, request: &[u8]) -> Result<u64, CallError> {
        let SendTo { sender, receiver, deadline, .. } = to;
        let (member, _) = sender.parts();
        if !peer.answers.has_credit(member, peer, epoch)? {
            let halves = Halves { sending: Some(sender.parts()), receiving: receiver.map(RecvHalf::parts) };
            let held_up = HeldUp::new(sender, receiver, peer);
            let waiter = halves.waiter(member);
            let starving = Starving::default();
            let mut credit = Credit { member: waiter, sender: member, peer, epoch, held_up, starving };
            if !halves.drive(waiter, deadline, &mut credit)? {
                return Err(deadline.without_room(peer.to).into());
            }
        }
        let seq = to.ask((Kind::Call, epoch), request.into())?;
        peer.answers.expect(seq, epoch);
        Ok(seq)
    }

    /// The half that waits for the answer.
    #[inline(always)]
    fn member(&self) -> &Member {
        self.halves().waiter(self.sender.parts().0)
    }

    /// The rank that was asked.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?, region.join(1)?);
    /// let call = me.to(1).start_call(b"what is the price?")?;
    /// assert_eq!(call.to(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to(&self) -> u32 {
        self.peer.to
    }

    /// The answer, or `None` if it is not there now. Never waits. Errors as for [`Call::wait`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let call = me.to(1).start_call(b"what is the price?")?;
    /// assert!(call.try_wait()?.is_none(), "not yet");
    /// other.recv()?.reply(b"3.50")?;
    /// assert_eq!(call.try_wait()?.expect("the answer").to_vec(), b"3.50");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_wait(&self) -> Result<Option<Reply>, CallError> {
        self.member().check()?;
        self.drive(Deadline::Now)
    }

    /// Waits for the answer.
    ///
    /// Once the answer was given, or an error other than [`CallError::Held`], [`CallError::Timeout`],
    /// [`CallError::Interrupted`] and [`Broken::NoSpace`], the call is over. What is asked of it from then on returns
    /// [`CallError::Unanswered`]. Errors as for [`SendTo::call`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let calls = [me.to(1).start_call(b"2 + 2")?, me.to(1).start_call(b"3 + 3")?];
    /// // The server answers in any order.
    /// let (first, second) = (other.recv()?, other.recv()?);
    /// let answer = |sum: &[u8]| if sum == b"2 + 2" { b"4" } else { b"6" };
    /// let (of_first, of_second) = (answer(&first.to_vec()), answer(&second.to_vec()));
    /// second.reply(of_second)?;
    /// first.reply(of_first)?;
    /// assert_eq!([calls[0].wait()?.into_vec(), calls[1].wait()?.into_vec()], [b"4", b"6"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&self) -> Result<Reply, CallError> {
        self.finish(Deadline::Never)
    }

    /// Waits for the answer, but no longer than `deadline`. Then it returns [`CallError::Timeout`], and the call goes on.
    /// Otherwise as [`Call::wait`].
    ///
    /// ```
    /// # use mailbox::{CallError, Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let call = me.to(1).start_call(b"what is the price?")?;
    /// assert_eq!(call.wait_within(Duration::from_millis(1)).err(), Some(CallError::Timeout(1)));
    /// other.recv()?.reply(b"3.50")?;
    /// assert_eq!(*call.wait_within(Duration::from_secs(1))?, *b"3.50");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_within(&self, deadline: impl Into<Deadline>) -> Result<Reply, CallError> {
        self.finish(deadline.into())
    }

    /// What batches hold back is published before a wait.
    #[inline(always)]
    pub(crate) fn halves(&self) -> Halves<'a> {
        Halves { sending: Some(self.sender.parts()), receiving: self.receiver.map(RecvHalf::parts) }
    }

    /// The answer, if it is there.
    #[inline(never)]
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
        let Some(id) = way.id() else { return Err(self.unanswered(End::Dropped)) };
        let answers = &self.peer.answers;
        let answer = answers.take(self.sender.parts().0, self.peer, id);
        match answer {
            Ok(Some(answer)) => self.conclude(answer).map(Some),
            // Another call found that the lane makes no sense.
            Ok(None) if matches!(way, Way::Lane(_)) && !answers.expects(id) => self.end_corrupt(),
            Err(Broken::Corrupt(_)) => self.end_corrupt(),
            Ok(None) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn end_corrupt(&self) -> Result<Option<Reply>, CallError> {
        self.end();
        Err(Broken::Corrupt(self.peer.to).into())
    }

    /// The call is over, with this answer.
    #[inline(always)]
    fn conclude(&self, Answer { kind, bytes }: Answer) -> Result<Reply, CallError> {
        self.end();
        match kind {
            Kind::Answer => Ok(Reply(bytes)),
            Kind::Refusal => Err(CallError::Refused(bytes.into_vec())),
            _ => Err(self.unanswered(End::Dropped)),
        }
    }

    /// Whether the answer can still come; the answer, if it has come meanwhile.
    #[cold]
    fn check_server(&self, query: bool) -> Result<Option<Reply>, CallError> {
        let member = self.member();
        if let Err(lost) = member.check_place(query) {
            // An answer that is there comes first.
            return self.look()?.ok_or(lost.into()).map(Some);
        }
        // A server answers before it acknowledges. A successor acknowledges, too: then there is one.
        let is_done = match self.way.get() {
            Way::Lane(seq) => self.peer.is_acknowledged(seq).inspect_err(|_| self.end())?,
            _ => false,
        };
        let end = member.end_of_life(self.peer.to, self.epoch, query);
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
            Some(Status::Left) => self.unanswered(End::Left),
            Some(_) => self.unanswered(End::Died),
            None => self.unanswered(End::Dropped),
        })
    }

    fn unanswered(&self, end: End) -> CallError {
        CallError::Unanswered { rank: self.peer.to, end }
    }

    /// Nobody wants the answer that has not come.
    #[inline(never)]
    fn give_up(&self) {
        if let Way::Line(_) = self.way.get() {
            self.peer.answers.has_stray.set(true);
        }
        self.end();
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

impl Drop for Call<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if !matches!(self.way.get(), Way::Over) {
            self.give_up();
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("to", &self.to()).finish_non_exhaustive()
    }
}
