//! Asks a rank.

use super::private::Private;
use super::server::NotUnderstood;
use super::{CallError, Codec, DecodeError, Frame, Message};
use core::fmt;
use mailbox::{Deadline, SendTo};

/// Asks a rank requests of type `Q`, which it answers with an `A`, or refuses with an `E`. If requests are never refused, `E` is `()`.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::codec::{CallError, Client, Json, Message, Server};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Divide(i64, i64);
/// #[derive(Serialize, Deserialize, Debug, PartialEq)]
/// struct Quotient(i64);
/// #[derive(Serialize, Deserialize, Debug, PartialEq)]
/// struct ByZero;
/// # impl Message for Divide { const NAME: &'static str = "Divide"; }
/// # impl Message for Quotient { const NAME: &'static str = "Quotient"; }
/// # impl Message for ByZero { const NAME: &'static str = "ByZero"; }
///
/// # let server_region = region.clone();
/// # let me = region.join(1)?;
/// # let server = std::thread::spawn(move || {
/// #     let region = server_region;
/// // The server
/// let me = region.join(0)?;
/// let mut server = Server::<Divide, Quotient, ByZero, Json>::new(me.from(1));
/// for _ in 0..2 {
///     let asked = server.recv()?;
///     let Divide(number, by) = *asked;
///     asked.respond(number.checked_div(by).map(Quotient).ok_or(ByZero))?;
/// }
/// #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # });
///
/// // A client
/// let mut client = Client::<Divide, Quotient, ByZero, Json>::new(me.to(0));
/// # region.wait_for(0, std::time::Duration::from_secs(20))?;
/// assert_eq!(client.call(&Divide(7, 2))?, Quotient(3));
/// assert_eq!(client.call(&Divide(7, 0)), Err(CallError::Remote(ByZero)));
/// # server.join().unwrap().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client<'a, Q, A, E, C> {
    to: SendTo<'a>,
    requests: Frame<Q, C>,
    answers: Frame<A, C>,
    errors: Frame<E, C>,
    private: Private,
}

impl<'a, Q, A, E, C> Client<'a, Q, A, E, C>
where
    Q: Message,
    A: Message,
    E: Message,
    C: Codec<Q> + Codec<A> + Codec<E>,
{
    /// Asks as this builder says.
    pub fn new(to: SendTo<'a>) -> Self {
        let private = Private::new();
        Self { to, requests: Frame::new(), answers: Frame::new(), errors: Frame::new(), private }
    }

    /// Reads no answer that is longer than this; without it none longer than 1 MiB.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.private.limit = bytes;
        self
    }

    /// Asks, and waits for the answer. It is carried out at most once: see [`SendTo::call`].
    ///
    /// Cost: that of a call of bytes, whose request is copied once; the answer is read where it has arrived, in memory of this process.
    pub fn call(&mut self, request: &Q) -> Result<A, CallError<E>> {
        self.call_within(request, Deadline::Never)
    }

    /// Asks, and waits for the answer no longer than `deadline`. Then the server may still carry the call out.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{CallError, Client, Json, Message};
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct News(u32);
    /// # impl Message for News { const NAME: &'static str = "News"; }
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _server) = (region.join(0)?, region.join(1)?);
    /// let mut client = Client::<News, News, News, Json>::new(me.to(1));
    /// let answer = client.call_within(&News(1), Duration::from_millis(1));
    /// assert!(matches!(answer, Err(CallError::Call(mailbox::CallError::Timeout(_)))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call_within(&mut self, request: &Q, deadline: impl Into<Deadline>) -> Result<A, CallError<E>> {
        let Self { to, requests, answers, errors, private } = self;
        let (deadline, limit) = (deadline.into(), private.limit);
        let to = to.within(deadline);
        let call = private
            .write(requests, request, |message| to.start_call(message).map_err(CallError::<E>::Call))?;
        let rank = call.to();
        match call.wait_within(deadline) {
            Ok(reply) => read(answers, &reply, limit).map_err(|error| CallError::Decode { rank, error }),
            Err(mailbox::CallError::Refused(bytes)) => {
                if let Some(refusal) = NotUnderstood::parse(&bytes) {
                    let ours = requests.schema();
                    return Err(if refusal.expected == *ours {
                        CallError::NotUnderstood { rank, reason: refusal.reason }
                    } else {
                        CallError::OtherRequest { rank, ours: ours.clone(), theirs: refusal.expected }
                    });
                }
                let error = read(errors, &bytes, limit);
                Err(error.map_or_else(|error| CallError::Decode { rank, error }, CallError::Remote))
            }
            Err(error) => Err(CallError::Call(error)),
        }
    }
}

/// Reads what is in private memory already.
fn read<T: Message, C: Codec<T>>(frame: &Frame<T, C>, bytes: &[u8], limit: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { expected: frame.schema().clone(), len: bytes.len(), limit });
    }
    frame.read(bytes)
}

impl<Q, A, E, C> fmt::Debug for Client<'_, Q, A, E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("to", &self.to)
            .field("requests", &self.requests)
            .field("answers", &self.answers)
            .field("errors", &self.errors)
            .finish_non_exhaustive()
    }
}
