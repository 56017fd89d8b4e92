//! The verbs of an endpoint or its halves, to be chosen at random.

use mailbox::{Batch, Drain, Endpoint, Mail, Receiver, RecvError, SendError, Sender, Source};
use std::time::Duration;

/// How a call waits.
#[derive(Debug, Clone, Copy)]
pub enum Verb {
    Wait,
    Within(Duration),
    Try,
    /// In place; sends only.
    Draft(Duration),
    /// Until it is acknowledged; sends only.
    Sync(Duration),
    /// By reference to what is written in an area of the sender's own; sends only.
    Lend(Duration),
    /// Announced, and waited for or given up; sends only.
    Announce(Duration),
}

/// What sends.
pub trait Post {
    fn post(&self, verb: Verb, to: u32, bytes: &[u8]) -> Result<(), SendError>;
    fn begin(&self) -> Batch<'_>;
}

/// What receives.
pub trait Fetch {
    fn fetch(&self, verb: Verb, source: Source) -> Result<Mail<'_>, RecvError>;
    fn drain(&self, source: Source) -> Drain<'_>;
    fn begin(&self) -> Batch<'_>;
    fn by_hand(&self, by_hand: bool);
}

macro_rules! post {
    ($($half:ty),*) => {$(
        impl Post for $half {
            fn post(&self, verb: Verb, to: u32, bytes: &[u8]) -> Result<(), SendError> {
                match verb {
                    Verb::Wait => self.send(to, bytes),
                    Verb::Within(time) => self.send_timeout(to, bytes, time),
                    Verb::Try => self.try_send(to, bytes),
                    Verb::Sync(time) => self.send_sync_timeout(to, bytes, time),
                    Verb::Announce(time) => self.try_announce(to, bytes)?.wait_timeout(time),
                    Verb::Lend(time) => {
                        let mut loan = self.loan(bytes.len() + 1)?;
                        loan.write_at(0, bytes);
                        loan.commit(bytes.len()).send_timeout(to, time)
                    }
                    Verb::Draft(time) => {
                        // One is thought better of.
                        drop(self.try_reserve(to, bytes.len()));
                        let mut draft = self.reserve_timeout(to, bytes.len(), time)?;
                        draft.write_at(0, bytes);
                        draft.commit()
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
            fn fetch(&self, verb: Verb, source: Source) -> Result<Mail<'_>, RecvError> {
                match verb {
                    Verb::Wait => self.recv_from(source),
                    Verb::Within(time) | Verb::Draft(time) | Verb::Sync(time) | Verb::Lend(time) | Verb::Announce(time) => {
                        self.recv_from_timeout(source, time)
                    }
                    Verb::Try => self.try_recv_from(source),
                }
            }

            fn drain(&self, source: Source) -> Drain<'_> {
                self.drain_from(source)
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

post!(Sender, Endpoint);
fetch!(Receiver, Endpoint);
