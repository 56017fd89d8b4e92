//! A message sent and one received at the same time, by one of several threads.

use super::from::SharedFrom;
use super::handle::Handle;
use super::joint::{Joint, Taker, What};
use super::mail::OwnedMail;
use super::receiving;
use super::sending::{Parcel, claim, end_wait};
use super::synchronous::{self, Message, Sent};
use super::to::SharedTo;
use crate::error::{RecvError, RequestError, SendError};
use crate::receive::Wanted;
use crate::ring::Descriptor;
use crate::send::{Announcing, Progress};
use crate::wait::{Deadline, Found, Look};
use std::sync::Arc;

impl SharedTo<'_> {
    /// Sends `bytes`, and meanwhile receives what `from` takes, of any thread's mail. Waits no longer than the deadline of `from`. As
    /// [`SendTo::send_receive`](crate::SendTo::send_receive), but what is sent is not copied to be sent later.
    ///
    /// # Panics
    /// If `from` is another endpoint's.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # let other = std::thread::spawn(move || other.to(0).send_receive(vec![1; 4 << 20], other.from(0)).map(|mail| mail.len()));
    /// // The other does the same at the same time.
    /// let theirs = me.to(1).send_receive(vec![0; 4 << 20], me.from(1))?;
    /// assert_eq!(theirs.len(), 4 << 20);
    /// # assert_eq!(other.join().unwrap()?, 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_receive(
        self,
        bytes: impl AsRef<[u8]>,
        from: SharedFrom<'_>,
    ) -> Result<OwnedMail, RequestError> {
        let (handle, wanted, deadline) = from.parts();
        let parcel = self.parcel(bytes.as_ref().into());
        assert!(handle.is_of_one_with(self.handle()), "`from` is another endpoint's");
        let mut exchange = Exchange::new(handle, parcel, wanted, deadline)?;
        let what = What::Exchange(parcel.to, wanted);
        let both =
            handle.wait(what, deadline, 1, |joint, how| Ok::<_, RequestError>(exchange.look(joint, how)));
        exchange.end(both)
    }
}

/// A send and a receive, neither of which waits for the other.
struct Exchange<'a> {
    handle: &'a Arc<Handle>,
    parcel: Parcel<'a>,
    wanted: Wanted,
    deadline: Deadline,
    taker: Taker,
    sending: Sending<'a>,
    received: Option<Result<(u32, Descriptor), RecvError>>,
    /// Whether the receiver is to be told that this waits.
    waits: bool,
}

/// How far a send has come.
enum Sending<'a> {
    /// It waits for room.
    Room(Progress),
    /// It waits for room for one that its receiver answers.
    Asking(Option<Message<'a>>),
    /// It waits for that answer.
    Sent(Sent),
    Over(Result<(), SendError>),
}

impl<'a> Exchange<'a> {
    fn new(
        handle: &'a Arc<Handle>,
        parcel: Parcel<'a>,
        wanted: Wanted,
        deadline: Deadline,
    ) -> Result<Self, RequestError> {
        let whole = handle.with(|joint| joint.sending().0.whole)?;
        let sending = if parcel.payload.len() > whole {
            Sending::Asking(Some(Message::Announced(Announcing::Borrowed(parcel.payload))))
        } else if parcel.is_sync {
            Sending::Asking(Some(Message::Whole(parcel.payload)))
        } else {
            Sending::Room(if deadline.is_now() { Progress::AT_ONCE } else { Progress::default() })
        };
        let taker = Taker::this();
        Ok(Self { handle, parcel, wanted, deadline, taker, sending, received: None, waits: false })
    }

    /// One step of each that is not over.
    fn look(&mut self, joint: &Joint, how: Look) -> Found<()> {
        let mut has_gone_on = false;
        if !matches!(self.sending, Sending::Over(_)) {
            has_gone_on = self.send(joint, how).unwrap_or_else(|error| {
                // What was announced is given up.
                if let Sending::Sent(sent) = core::mem::replace(&mut self.sending, Sending::Over(Err(error)))
                {
                    sent.give_up(joint);
                }
                true
            });
        }
        if self.received.is_none() {
            match receiving::look(joint, self.wanted, &mut self.taker, how) {
                Ok(Found::All(taken)) => self.received = Some(Ok(taken)),
                Ok(Found::Some) => has_gone_on = true,
                Ok(Found::Nothing) => {}
                Err(error) => self.received = Some(Err(error)),
            }
        }
        if let Some(Ok((from, mail))) = &mut self.received
            && let Some(peer) = joint.mailbox(*from)
        {
            // Its sender may not go on before there is room, nor this one before that has gone on.
            *mail = peer.move_taken(joint.receiving().0, *mail);
        }
        match (&self.sending, self.received) {
            (Sending::Over(_), Some(_)) => Found::All(()),
            _ if has_gone_on => Found::Some,
            _ => Found::Nothing,
        }
    }

    /// Whether the send has gone on.
    fn send(&mut self, joint: &Joint, how: Look) -> Result<bool, SendError> {
        let Parcel { to, label, payload, .. } = self.parcel;
        let (member, outbox) = joint.sending();
        match &mut self.sending {
            Sending::Room(progress) => {
                let peer = outbox.peer(member, to, payload.len())?;
                if let Some(slot) = claim((member, peer), payload.len(), (progress, self.waits), how)? {
                    outbox.fill(member, peer, &slot.labelled(label), payload)?;
                    self.sending = Sending::Over(Ok(()));
                    return Ok(true);
                }
            }
            Sending::Asking(message) => {
                if let Some(sent) = synchronous::try_begin(joint, (to, label), message, self.waits, how)? {
                    self.sending = Sending::Sent(sent);
                    return Ok(true);
                }
            }
            Sending::Sent(sent) => {
                let found = synchronous::go_on(joint, *sent, Some(payload), how)?;
                if let Found::All(()) = found {
                    self.sending = Sending::Over(Ok(()));
                }
                return Ok(!matches!(found, Found::Nothing));
            }
            Sending::Over(_) => {}
        }
        self.waits = !self.deadline.is_now();
        Ok(false)
    }

    /// What came of both. Where they are not over, what was sent is given up, and what was received is put back.
    fn end(self, both: Result<Option<()>, RequestError>) -> Result<OwnedMail, RequestError> {
        let Self { handle, parcel, taker, sending, received, waits, .. } = self;
        let received =
            received.map(|received| received.map(|taken| OwnedMail::new(handle.clone(), taken, &taker)));
        let sent = match sending {
            Sending::Sent(sent) => {
                synchronous::end(handle, sent, false)?;
                Ok(())
            }
            Sending::Over(outcome) => {
                // Others may wait until one more may be under way.
                handle.stir(|_| ())?;
                outcome
            }
            _ => Ok(()),
        };
        end_wait(handle, parcel.to, waits);
        match (both, sent, received) {
            (Ok(Some(())), Ok(()), Some(received)) => Ok(received?),
            (both, sent, received) => {
                if let Some(Ok(mut mail)) = received {
                    mail.put_back();
                }
                both?;
                sent?;
                Err(RequestError::Timeout)
            }
        }
    }
}
