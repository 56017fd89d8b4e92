//! The verbs of an endpoint or its halves, to be chosen at random.

use mailbox::{
    Batch, Deadline, Drain, Endpoint, Mail, RecvError, RecvFrom, RecvHalf, Request, RequestError, SendError,
    SendHalf, Source,
};
use std::time::Duration;

/// How a call waits.
#[derive(Debug, Clone, Copy)]
pub enum Verb {
    Wait,
    Within(Duration),
    Try,
    /// Until it is acknowledged; sends only.
    Sync(Duration),
    /// By reference to what is written in an area of the sender's own; sends only.
    Lend(Duration),
    /// Announced, and waited for or given up; sends only.
    Announce(Duration),
    /// Started, and waited for or given up.
    Start(Duration),
    /// After a look at what is next; receives only.
    Peek,
}

/// What sends.
pub trait Post {
    fn post(&self, verb: Verb, to: u32, bytes: &[u8]) -> Result<(), SendError>;
    fn begin(&self) -> Batch<'_>;
}

/// What receives.
pub trait Fetch {
    /// With a tag and a mask only what a rank sends whose number is so.
    fn fetch(&self, verb: Verb, source: Source, kind: (u32, u32)) -> Result<Option<Mail<'_>>, RecvError>;
    fn drain(&self, source: Source) -> Drain<'_>;
    fn begin(&self) -> Batch<'_>;
    fn by_hand(&self, by_hand: bool);
}

/// Waits for a send to this rank that was started, and gives it up after this time.
fn sent(mut send: Request<'_>, to: u32, time: Duration) -> Result<(), SendError> {
    match send.wait_within(time) {
        Ok(_) => Ok(()),
        Err(RequestError::Send(error)) => Err(error),
        Err(RequestError::Broken(broken)) => Err(broken.into()),
        Err(_) => {
            send.cancel();
            Err(SendError::Timeout(to))
        }
    }
}

/// Starts a receive, waits for it, and gives it up after this time. Perhaps another one was started after it, which leaves what it
/// gets.
fn received<'a>(from: RecvFrom<'a>, source: Source, time: Duration) -> Result<Option<Mail<'a>>, RecvError> {
    let mut first = from.start();
    // One from anyone may take an end with it.
    let _second = matches!(source, Source::Rank(_)).then(|| from.start());
    match first.wait_within(time) {
        Ok(mail) => Ok(mail),
        Err(RequestError::Recv(error)) => Err(error),
        Err(RequestError::Broken(broken)) => Err(broken.into()),
        Err(_) => Err(RecvError::Timeout),
    }
}

/// Receives what a look has shown.
fn peeked(from: RecvFrom<'_>) -> Result<Option<Mail<'_>>, RecvError> {
    let Some(shown) = from.peek()? else { return Ok(None) };
    let mail = from.recv_peeked(&shown)?;
    if let Some(mail) = &mail {
        let is = (mail.from(), mail.seq(), mail.epoch(), mail.is_call());
        assert_eq!(is, (shown.from, shown.seq, shown.epoch, shown.is_call), "another mail than was shown");
    }
    Ok(mail)
}

macro_rules! post {
    ($($half:ty),*) => {$(
        impl Post for $half {
            fn post(&self, verb: Verb, to: u32, bytes: &[u8]) -> Result<(), SendError> {
                // A rank's number is the tag of all that it sends.
                let to_it = self.to(to).tag(self.rank());
                match verb {
                    Verb::Wait => to_it.send(bytes),
                    Verb::Within(time) => to_it.within(time).send(bytes),
                    Verb::Try | Verb::Peek => to_it.try_send(bytes),
                    Verb::Start(time) => sent(to_it.start(bytes), to, time),
                    Verb::Sync(time) => to_it.within(time).sync().send(bytes),
                    Verb::Announce(time) => to_it.within(Deadline::Now).announce(bytes)?.wait_within(time),
                    Verb::Lend(time) => {
                        let mut loan = self.loan(bytes.len() + 1)?;
                        loan.write_at(0, bytes);
                        loan.commit(bytes.len()).tag(self.rank()).send_within(to, time)
                    }
                }
            }

            fn begin(&self) -> Batch<'_> {
                self.batch()
            }
        }
    )*};
}

macro_rules! fetch {
    ($($half:ty),*) => {$(
        impl Fetch for $half {
            fn fetch(
                &self,
                verb: Verb,
                source: Source,
                (tag, mask): (u32, u32),
            ) -> Result<Option<Mail<'_>>, RecvError> {
                let from = self.from(source).tag_masked(tag, mask);
                match verb {
                    Verb::Wait => from.recv().map(Some),
                    Verb::Within(time) | Verb::Sync(time) | Verb::Lend(time) | Verb::Announce(time) => {
                        from.within(time).recv().map(Some)
                    }
                    Verb::Try => from.try_recv(),
                    Verb::Start(time) => received(from, source, time),
                    Verb::Peek => peeked(from),
                }
            }

            fn drain(&self, source: Source) -> Drain<'_> {
                self.from(source).drain()
            }

            fn begin(&self) -> Batch<'_> {
                self.batch()
            }

            fn by_hand(&self, by_hand: bool) {
                self.set_by_hand(by_hand);
            }
        }
    )*};
}

post!(SendHalf, Endpoint);
fetch!(RecvHalf, Endpoint);
