//! Answers requests.

use super::frame::printable;
use super::private::Private;
use super::receiver::has_header;
use super::{Codec, DecodeError, Frame, Message, RecvError, ReplyError, Schema};
use core::cell::RefCell;
use core::fmt;
use core::ops::Deref;
use mailbox::{Deadline, Mail, RecvFrom};
use std::rc::Rc;

/// Receives requests of type `Q`, to be answered with an `A`, or refused with an `E`. See [`Client`](super::Client) for an example.
///
/// A request that cannot be read is refused, so that its client is told why; and it is an error here, after which the next is received.
pub struct Server<'a, Q, A, E, C> {
    from: RecvFrom<'a>,
    requests: Frame<Q, C>,
    private: Private,
    replies: Rc<Replies<A, E, C>>,
}

/// What answers are made with.
struct Replies<A, E, C> {
    answers: Frame<A, C>,
    errors: Frame<E, C>,
    private: RefCell<Private>,
}

impl<'a, Q, A, E, C> Server<'a, Q, A, E, C>
where
    Q: Message,
    A: Message,
    E: Message,
    C: Codec<Q> + Codec<A> + Codec<E>,
{
    /// Receives as this builder says. A builder with a tag receives no calls.
    pub fn new(from: RecvFrom<'a>) -> Self {
        let private = Private::new().into();
        let replies = Replies { answers: Frame::new(), errors: Frame::new(), private };
        Self { from, requests: Frame::new(), private: Private::new(), replies: replies.into() }
    }

    /// Reads no request that is longer than this; without it none longer than 1 MiB.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.private.limit = bytes;
        self
    }

    /// The next request. Waits and fails as [`RecvFrom::recv`]. After [`RecvError::Decode`] and [`RecvError::NotACall`] a server goes on
    /// with the next: they are the fault of a client.
    pub fn recv(&mut self) -> Result<Asked<'a, Q, A, E, C>, RecvError> {
        self.open(self.from.recv()?)
    }

    /// The next request; a [timeout](RecvError::is_timeout) if none comes until `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{Json, Message, Server};
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct News(u32);
    /// # impl Message for News { const NAME: &'static str = "News"; }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _client) = (region.join(0)?, region.join(1)?);
    /// let mut server = Server::<News, News, News, Json>::new(me.from_any());
    /// let asked = server.recv_within(Duration::from_millis(1));
    /// assert!(asked.is_err_and(|error| error.is_timeout()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_within(&mut self, deadline: impl Into<Deadline>) -> Result<Asked<'a, Q, A, E, C>, RecvError> {
        self.open(self.from.within(deadline).recv()?)
    }

    /// The next request, or `None` if there is none now. Never waits.
    pub fn try_recv(&mut self) -> Result<Option<Asked<'a, Q, A, E, C>>, RecvError> {
        self.from.try_recv()?.map(|mail| self.open(mail)).transpose()
    }

    /// Whether this mail is a request of the type and format that are read here. For one process that answers several types, as with
    /// [`Receiver::reads`](super::Receiver::reads).
    pub fn reads(&self, mail: &Mail<'_>) -> bool {
        mail.is_call() && has_header(mail, self.requests.header())
    }

    /// The request of a mail that was received in another way. A mail that has none is refused, or acknowledged if it is no call.
    pub fn open(&mut self, mail: Mail<'a>) -> Result<Asked<'a, Q, A, E, C>, RecvError> {
        let rank = mail.from();
        if !mail.is_call() {
            return Err(RecvError::NotACall { rank });
        }
        match self.private.read(&self.requests, mail.len(), |bytes| mail.copy_to(bytes)) {
            Ok(request) => Ok(Asked { request, mail, replies: self.replies.clone() }),
            Err(error) => {
                // If there is no room for it, the client learns that its call was dropped.
                _ = mail
                    .refuse_within(&NotUnderstood::message(self.requests.schema(), &error), Deadline::Now);
                Err(RecvError::Decode { rank, error })
            }
        }
    }
}

impl<Q, A, E, C> fmt::Debug for Server<'_, Q, A, E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("from", &self.from)
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

/// A request, whose client waits. If it is dropped, the client is told that nobody answers.
#[must_use = "a request that is dropped is not answered"]
pub struct Asked<'a, Q, A, E, C> {
    request: Q,
    mail: Mail<'a>,
    replies: Rc<Replies<A, E, C>>,
}

impl<Q, A, E, C> Asked<'_, Q, A, E, C>
where
    A: Message,
    E: Message,
    C: Codec<A> + Codec<E>,
{
    /// Who asks.
    pub fn from(&self) -> u32 {
        self.mail.from()
    }

    /// Answers. Waits and fails as [`Mail::reply`]: a server that no client should hold up says [how long](Asked::respond_within).
    pub fn answer(self, answer: &A) -> Result<(), ReplyError> {
        self.reply(Ok(answer), Deadline::Never)
    }

    /// Refuses. Otherwise as [`Asked::answer`].
    pub fn refuse(self, error: &E) -> Result<(), ReplyError> {
        self.reply(Err(error), Deadline::Never)
    }

    /// Answers or refuses, as the result of a function says. Otherwise as [`Asked::answer`].
    pub fn respond(self, result: Result<A, E>) -> Result<(), ReplyError> {
        self.reply(result.as_ref(), Deadline::Never)
    }

    /// Answers or refuses, and waits for room no longer than `deadline`. After that the call is dropped, and its client is told.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{Client, Json, Message, Server};
    /// # use std::time::Duration;
    /// # #[derive(Debug, serde::Serialize, serde::Deserialize)]
    /// # struct News(u32);
    /// # impl Message for News { const NAME: &'static str = "News"; }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # std::thread::scope(|scope| {
    /// #     let asking = scope.spawn(move || {
    /// #         Client::<News, News, News, Json>::new(me.to(1)).call(&News(1)).expect("an answer").0
    /// #     });
    /// let mut server = Server::<News, News, News, Json>::new(other.from_any());
    /// let asked = server.recv()?;
    /// asked.respond_within(Ok(News(2)), Duration::from_millis(10))?;
    /// #     assert_eq!(asking.join().unwrap(), 2);
    /// #     Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn respond_within(
        self,
        result: Result<A, E>,
        deadline: impl Into<Deadline>,
    ) -> Result<(), ReplyError> {
        self.reply(result.as_ref(), deadline.into())
    }

    fn reply(self, result: Result<&A, &E>, deadline: Deadline) -> Result<(), ReplyError> {
        let Self { mail, replies, .. } = self;
        let mut private = replies.private.borrow_mut();
        match result {
            Ok(answer) => private.write(&replies.answers, answer, |message| {
                Ok(mail.reply_within(message, deadline).map_err(mailbox::ReplyError::from)?)
            }),
            Err(error) => private.write(&replies.errors, error, |message| {
                Ok(mail.refuse_within(message, deadline).map_err(mailbox::ReplyError::from)?)
            }),
        }
    }
}

impl<Q, A, E, C> Deref for Asked<'_, Q, A, E, C> {
    type Target = Q;

    fn deref(&self) -> &Q {
        &self.request
    }
}

impl<Q: fmt::Debug, A, E, C> fmt::Debug for Asked<'_, Q, A, E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("request", &self.request)
            .field("mail", &self.mail)
            .finish_non_exhaustive()
    }
}

/// What a client is told whose request was not read.
pub(super) struct NotUnderstood {
    /// The type of request that the server reads.
    pub expected: Schema,
    /// Why this one was not read.
    pub reason: String,
}

impl NotUnderstood {
    /// The first byte, where a typed message has another one.
    const MARK: u8 = 0xd0;
    /// The most bytes of the reason.
    const MOST: usize = 256;

    fn message(expected: &Schema, error: &DecodeError) -> Vec<u8> {
        let reason = match error {
            DecodeError::Malformed { reason, .. } => reason.clone(),
            DecodeError::TooLong { len, limit, .. } => format!("it has {len} bytes, of at most {limit}"),
            // The client sees that from the types.
            DecodeError::Mismatch { .. } | DecodeError::Untyped { .. } => String::new(),
        };
        let mut message = vec![Self::MARK];
        message.extend(expected.header());
        message.extend(reason.bytes());
        message
    }

    pub fn parse(message: &[u8]) -> Option<Self> {
        let (&Self::MARK, rest) = message.split_first()? else { return None };
        let (expected, reason) = Schema::parse(rest)?;
        let reason = printable(&String::from_utf8_lossy(&reason[..reason.len().min(Self::MOST)]));
        Some(Self { expected, reason })
    }
}
