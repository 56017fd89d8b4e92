//! A send or a receive that was started.

use super::waiting;
use crate::endpoint::{Halves, Mail, RecvFrom, RecvHalf, SendHalf, SendTo};
use crate::error::RequestError;
use crate::wait::Deadline;
use core::fmt;
use core::mem::{ManuallyDrop, needs_drop};

/// A send or a receive that was started, and goes on while the program does other things: what [`SendTo::start`] and
/// [`RecvFrom::start`] return.
///
/// It goes on in each call of its endpoint that looks or waits, of whatever kind; no hidden thread does it. A call that finds at once
/// the mail or the room that it wants is no such call: a program that receives without end and never waits calls [`Request::test`] now
/// and then. Nor is it to start another: a send that is started may go on alone, and a receive that is started while others wait looks
/// at nothing.
/// [`Request::wait`] gives the result. Several are waited for together: [`Request::wait_all`], [`Request::wait_any`], [`Request::wait_some`].
///
/// **Order.** A mail goes to the receive that was started first of those that take it. Receives that a thread waits in come
/// after those that were started before. What is started to one rank is sent in that order, and later calls do not
/// overtake it.
///
/// **Buffers.** A send that finds room writes its bytes to the mailbox at once and is over. Otherwise the request owns them. A
/// receive has no buffer: its result is the mail, which lies where its sender wrote it.
///
/// **Dropping** it gives it up. What was not sent is not sent. An announced message that was not received is not delivered. A
/// mail that a receive has got is unread again, in its place. One that is forgotten ([`core::mem::forget`]) goes on until the
/// endpoint ends, and its mail stays unacknowledged until then. [`Endpoint::into_shared`](crate::Endpoint::into_shared) gives
/// it up.
///
/// **Again and again.** The builders are small values that can be copied and kept. So what other systems call a persistent
/// request is a builder that is kept: start it once more each time.
///
/// It belongs to its endpoint's thread, so two threads cannot wait for one request, and a request is waited for once. Neither
/// of these compiles:
///
/// ```compile_fail,E0277
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let me = region.join(0)?;
/// let request = me.from(1).start();
/// std::thread::scope(|scope| scope.spawn(|| request.wait().is_ok()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0382
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let me = region.join(0)?;
/// let request = me.from(1).start();
/// request.wait()?;
/// request.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```
/// # use mailbox::{Config, Region, Request};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # other.to(0).tag(2).send(b"right")?;
/// # other.to(0).tag(1).send(b"left")?;
/// let mut edges = [me.from(1).tag(1).start(), me.from(1).tag(2).start()];
/// me.to(1).send(b"mine")?;
/// // … work on the inner part, and then:
/// Request::wait_all(&mut edges)?;
/// let [left, right] = edges;
/// assert_eq!(left.wait()?.expect("a receive gives a mail").to_vec(), b"left");
/// assert_eq!(right.wait()?.expect("a receive gives a mail").to_vec(), b"right");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it gives up what was started"]
pub struct Request<'a> {
    pub(super) sender: Option<&'a SendHalf>,
    pub(super) receiver: Option<&'a RecvHalf>,
    pub(super) what: What,
}

/// What was started, and what came of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// A send that was over at once.
    Sent,
    /// The send of this number.
    Send(u64),
    /// The receive of this number.
    Recv(u64),
    /// Its result was taken.
    Over,
}

impl<'a> SendTo<'a> {
    /// Starts to send `bytes`, and returns at once. The [`Request`] is over when the message is in the mailbox; with
    /// [`SendTo::sync`] or above [`Region::eager_limit`](crate::Region::eager_limit) when its receiver has acknowledged it, or has
    /// received all of it. The deadline of the builder does not count. Errors are told by the request. Never waits.
    ///
    /// Cost: as for [`SendTo::try_send`] if there is room. Otherwise a copy in private memory; a [`Vec`] is kept as it is. Memory of
    /// long messages that were sent is kept for later ones: as much as was under way at a time, up to 256 MiB for an endpoint.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Request};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, others) = (region.join(0)?, [region.join(1)?, region.join(2)?]);
    /// let mut requests = [me.to(1).start("to one"), me.to(2).start("to another")];
    /// Request::wait_all(&mut requests)?;
    /// # for other in others { assert!(other.recv()?.to_vec().starts_with(b"to ")); }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn start(self, bytes: impl AsRef<[u8]> + Into<Vec<u8>>) -> Request<'a> {
        let what = if self.send_at_once(bytes.as_ref()) { What::Sent } else { self.start_any(bytes) };
        Request { sender: Some(self.sender), receiver: self.receiver, what }
    }

    #[inline(never)]
    fn start_any<B: AsRef<[u8]> + Into<Vec<u8>>>(self, bytes: B) -> What {
        match self.try_at_once(bytes.as_ref()) {
            Some(Ok(())) => What::Sent,
            Some(Err(error)) => What::Send(self.begin_failed(error)),
            // What needs no drop owns no memory, so `into` would copy it to fresh memory.
            None if !needs_drop::<B>() => What::Send(self.begin_lent(bytes.as_ref())),
            None => What::Send(self.begin(bytes.into())),
        }
    }

    /// Sends `bytes`, and meanwhile receives what `from` takes. So two ranks, or a ring of them, can exchange messages of any
    /// length: none waits for another to receive first. Returns what was received once both are done. Waits no longer than
    /// the deadline of `from`. Not for [`SendTo::sync`] at both sides: such a send is over when the other has dropped the mail, which it
    /// has not before its own send is over.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.to(0).send_receive(vec![1; 4 << 20], other.from(0)).map(|mail| mail.len()));
    /// // The other does the same at the same time.
    /// let theirs = me.to(1).send_receive(vec![0; 4 << 20], me.from(1))?;
    /// assert_eq!(theirs.len(), 4 << 20);
    /// # assert_eq!(other.join().unwrap()?, 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_receive<'b>(
        self,
        bytes: impl AsRef<[u8]> + Into<Vec<u8>>,
        from: RecvFrom<'b>,
    ) -> Result<Mail<'b>, RequestError>
    where
        'a: 'b,
    {
        let deadline = from.deadline();
        let mut both = [from.start(), self.start(bytes)];
        Request::wait_all_within(&mut both, deadline)?;
        let [received, sent] = both;
        sent.wait()?;
        received.wait()?.ok_or(RequestError::Over)
    }
}

impl<'a> RecvFrom<'a> {
    /// Starts a receive of the next mail, and returns at once. The deadline of the builder does not count. The [`Request`] gives
    /// the mail, or the error that [`RecvFrom::recv`] would return. Never waits.
    ///
    /// Cost: that of a receive, if its mail is there. Otherwise every call of the endpoint that looks or waits looks for it first.
    /// If others wait, this call looks at nothing.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut answer = me.from(1).tag(4).start();
    /// assert!(!answer.test()?);
    /// other.to(0).tag(4).send(b"at last")?;
    /// assert_eq!(answer.wait()?.expect("a mail").to_vec(), b"at last");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn start(self) -> Request<'a> {
        let (receiver, sender) = self.halves();
        let (member, inbox) = receiver.parts();
        let id = inbox.post(member, self.wanted());
        Request { sender, receiver: Some(receiver), what: What::Recv(id) }
    }
}

impl<'a> Request<'a> {
    /// Whether it is over. Never waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut request = me.from(1).start();
    /// assert!(!request.test()?);
    /// other.send(0, b"hello")?;
    /// assert!(request.test()?);
    /// assert_eq!(request.wait()?.expect("a mail").to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn test(&mut self) -> Result<bool, RequestError> {
        match Self::wait_all_within(core::slice::from_mut(self), Deadline::Now) {
            Err(RequestError::Timeout) => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Waits until it is over, and gives the mail, if it is a receive. [`RequestError::Send`] and [`RequestError::Recv`] say
    /// how it failed.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let (sent, received) = (me.to(1).start(b"ping"), me.from(1).start());
    /// assert_eq!(other.recv()?.to_vec(), b"ping");
    /// other.send(0, b"pong")?;
    /// assert!(sent.wait()?.is_none(), "a send has no mail");
    /// assert_eq!(received.wait()?.expect("a mail").to_vec(), b"pong");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn wait(self) -> Result<Option<Mail<'a>>, RequestError> {
        let request = ManuallyDrop::new(self);
        if let What::Sent = request.what {
            return Ok(None);
        }
        // Without a call for it, the words of a mail need not be written to memory and read again, which waits for all that was
        // written before.
        if let (What::Recv(id), Some(receiver)) = (request.what, request.receiver) {
            let (member, inbox) = receiver.parts();
            if let Some((peer, mail)) = inbox.take_next_result(id) {
                return Ok(Some(Mail::new(member, peer, mail, request.sender, inbox)));
            }
        }
        ManuallyDrop::into_inner(request).wait_alone()
    }

    #[inline(never)]
    fn wait_alone(mut self) -> Result<Option<Mail<'a>>, RequestError> {
        self.wait_within(Deadline::Never)
    }

    /// Waits no longer than `deadline`. Then it returns [`RequestError::Timeout`], and the request goes on. After it has given
    /// its result it returns [`RequestError::Over`]. Otherwise as [`Request::wait`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, RequestError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut request = me.from(1).start();
    /// assert_eq!(request.wait_within(Duration::from_millis(1)).err(), Some(RequestError::Timeout));
    /// other.send(0, b"hello")?;
    /// assert_eq!(request.wait_within(Duration::from_secs(10))?.expect("a mail").to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_within(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Mail<'a>>, RequestError> {
        if !self.is_over() {
            Self::wait_all_within(core::slice::from_mut(self), deadline.into())?;
        }
        self.take()
    }

    /// Gives it up, as dropping it does, and says so to a reader. Returns whether nothing had come of it: no mail had been
    /// received, and nothing had been sent.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let request = me.from(1).start();
    /// other.send(0, b"hello")?;
    /// assert!(me.from(1).try_recv()?.is_none(), "the request has it");
    /// assert!(!request.cancel(), "a mail had come");
    /// assert_eq!(me.recv()?.to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(self) -> bool {
        let request = ManuallyDrop::new(self);
        give_up(request.sender, request.receiver, request.what)
    }

    /// Waits until all of these are over. Their results are there at once then: [`Request::wait`]. They may be of several
    /// endpoints of one thread. Errors: only those that end the wait.
    ///
    /// It uses no more of a processor than one receive that waits.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Request};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut requests = [1, 2].map(|tag| me.from(1).tag(tag).start());
    /// other.to(0).tag(2).send(b"two")?;
    /// other.to(0).tag(1).send(b"one")?;
    /// Request::wait_all(&mut requests)?;
    /// let mails = requests.map(|request| request.wait().expect("it is over").expect("a mail").to_vec());
    /// assert_eq!(mails, [b"one", b"two"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_all(requests: &mut [Request<'_>]) -> Result<(), RequestError> {
        Self::wait_all_within(requests, Deadline::Never)
    }

    /// Waits no longer than `deadline`. Then it returns [`RequestError::Timeout`], and they go on. Otherwise as
    /// [`Request::wait_all`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, Request, RequestError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut requests = [1, 2].map(|tag| me.from(1).tag(tag).start());
    /// other.to(0).tag(1).send(b"one")?;
    /// assert_eq!(Request::wait_all_within(&mut requests, Duration::from_millis(1)), Err(RequestError::Timeout));
    /// other.to(0).tag(2).send(b"two")?;
    /// Request::wait_all_within(&mut requests, Duration::from_secs(10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_all_within(
        requests: &mut [Request<'_>],
        deadline: impl Into<Deadline>,
    ) -> Result<(), RequestError> {
        waiting::wait(requests, requests.len(), deadline.into())
    }

    /// Waits until one of these is over that had not given its result, and returns its place. The result is there at once then.
    /// `None` if all have given theirs.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Request};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, other) = (region.join(0)?, region.join(1)?, region.join(2)?);
    /// # other.send(0, b"2")?;
    /// # one.send(0, b"1")?;
    /// let mut requests = vec![me.from(1).start(), me.from(2).start()];
    /// while let Some(at) = Request::wait_any(&mut requests)? {
    ///     let mail = requests.swap_remove(at).wait()?.expect("a mail");
    ///     println!("rank {} was next", mail.from());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_any(requests: &mut [Request<'_>]) -> Result<Option<usize>, RequestError> {
        Self::wait_any_within(requests, Deadline::Never)
    }

    /// Waits no longer than `deadline`. Otherwise as [`Request::wait_any`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, Request, RequestError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut requests = [1, 2].map(|tag| me.from(1).tag(tag).start());
    /// assert_eq!(Request::wait_any_within(&mut requests, Duration::from_millis(1)), Err(RequestError::Timeout));
    /// other.to(0).tag(2).send(b"two")?;
    /// assert_eq!(Request::wait_any_within(&mut requests, Duration::from_secs(10))?, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_any_within(
        requests: &mut [Request<'_>],
        deadline: impl Into<Deadline>,
    ) -> Result<Option<usize>, RequestError> {
        if requests.iter().all(|request| matches!(request.what, What::Over)) {
            return Ok(None);
        }
        waiting::wait(requests, 1, deadline.into())?;
        Ok(requests.iter().position(Request::has_result))
    }

    /// Waits until at least one of these is over that had not given its result, and returns the places of all that are.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Request};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut requests = [1, 2, 3].map(|tag| me.from(1).tag(tag).start());
    /// other.to(0).tag(3).send(b"three")?;
    /// other.to(0).tag(1).send(b"one")?;
    /// # let mut seen = vec![];
    /// for at in Request::wait_some(&mut requests)? {
    ///     println!("{at}: {:?}", requests[at].wait_within(mailbox::Deadline::Now)?.map(|mail| mail.to_vec()));
    /// #   seen.push(at);
    /// }
    /// # assert_eq!(seen, [0, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_some(requests: &mut [Request<'_>]) -> Result<Vec<usize>, RequestError> {
        Self::wait_any(requests)?;
        let all = requests.iter().enumerate();
        Ok(all.filter(|(_, request)| request.has_result()).map(|(at, _)| at).collect())
    }

    /// Whether its result is there and was not taken.
    pub(crate) fn has_result(&self) -> bool {
        !matches!(self.what, What::Over) && self.is_over()
    }

    /// Whether nothing more is to come of it.
    #[inline(always)]
    pub(super) fn is_over(&self) -> bool {
        match self.what {
            What::Sent | What::Over => true,
            What::Send(id) => self.sender.is_none_or(|half| half.parts().1.is_over(id)),
            What::Recv(id) => self.receiver.is_none_or(|half| half.parts().1.has_result(id)),
        }
    }

    /// What tells when it is over, for one that watches it. Never dropped. It changes nothing of the request, and may outlive it.
    pub(crate) fn watched(&self) -> ManuallyDrop<Request<'a>> {
        let Self { sender, receiver, what } = *self;
        ManuallyDrop::new(Self { sender, receiver, what })
    }

    pub(crate) fn halves(&self) -> Halves<'a> {
        Halves { sending: self.sender.map(SendHalf::parts), receiving: self.receiver.map(RecvHalf::parts) }
    }

    /// Its result, which is there.
    #[inline(always)]
    fn take(&mut self) -> Result<Option<Mail<'a>>, RequestError> {
        // First, so that a result of a send is not copied.
        if let What::Recv(id) = self.what {
            self.what = What::Over;
            let (member, inbox) = self.receiver.ok_or(RequestError::Over)?.parts();
            let result = inbox.take_result(id).ok_or(RequestError::Over)?;
            let (peer, mail) = result.map_err(RequestError::Recv)?;
            return Ok(Some(Mail::new(member, peer, mail, self.sender, inbox)));
        }
        let outcome = match core::mem::replace(&mut self.what, What::Over) {
            What::Sent => Ok(()),
            What::Send(id) => {
                let outcome = self.sender.and_then(|half| half.parts().1.take_outcome(id));
                outcome.ok_or(RequestError::Over)?
            }
            What::Recv(_) | What::Over => return Err(RequestError::Over),
        };
        outcome.map(|()| None).map_err(RequestError::Send)
    }
}

impl Drop for Request<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        give_up(self.sender, self.receiver, self.what);
    }
}

/// Nobody wants what was started any more. Returns whether nothing had come of it. Apart, and with each word of the request, so that
/// it need not lie in memory.
#[inline(never)]
fn give_up(sender: Option<&SendHalf>, receiver: Option<&RecvHalf>, what: What) -> bool {
    match what {
        What::Sent | What::Over => false,
        What::Send(id) => {
            sender.map(SendHalf::parts).is_some_and(|(member, outbox)| outbox.abandon(member, id))
        }
        What::Recv(id) => receiver.is_some_and(|half| half.parts().1.withdraw(id)),
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("what", &self.what).finish_non_exhaustive()
    }
}
