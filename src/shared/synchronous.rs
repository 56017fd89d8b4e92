//! Messages that are waited for, through a shared endpoint: until they are acknowledged or, if they were announced, received.

use super::handle::Handle;
use super::joint::{Joint, What};
use super::sending::{Parcel, claim, end_wait};
use crate::abi::{ANNOUNCEMENT, Kind, Label};
use crate::error::{Broken, SendError};
use crate::memory::Payload;
use crate::send::{Announcing, Paused, Progress, Synchronous};
use crate::wait::pace::POLL_PAUSES;
use crate::wait::{Deadline, Found, Look, Operation, Step};
use std::time::Instant;

/// Such a message.
pub enum Message<'a> {
    /// It lies in the mailbox as a whole.
    Whole(Payload<'a>),
    /// It is announced.
    Announced(Announcing<'a>),
}

impl Message<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Whole(payload) => payload.len(),
            Self::Announced(bytes) => bytes.len(),
        }
    }

    /// How much room it takes in the mailbox.
    fn room(&self) -> usize {
        match self {
            Self::Whole(payload) => payload.len(),
            Self::Announced(_) => ANNOUNCEMENT,
        }
    }
}

/// Such a message, after it was sent. It is to be [ended](end).
#[derive(Clone, Copy)]
pub struct Sent {
    to: u32,
    wait: Paused,
}

impl Sent {
    /// Nobody waits for it any more, and it is not sent if it is not yet.
    pub fn give_up(self, joint: &Joint) {
        let (member, outbox) = joint.sending();
        if let Some(peer) = outbox.opened(self.to) {
            drop(Synchronous::resume(member, peer, self.wait, None));
        }
    }
}

/// Sends a message, and waits until it is acknowledged.
pub fn send(handle: &Handle, parcel: Parcel<'_>, deadline: Deadline) -> Result<(), SendError> {
    let Parcel { to, label, payload, .. } = parcel;
    let sent = begin(handle, (to, label), Message::Whole(payload), deadline)?;
    send_on(handle, sent, None, deadline)
}

/// Announces a message that is longer than `whole`, and sends it when its receiver wants it.
pub fn send_announced(
    handle: &Handle,
    parcel: Parcel<'_>,
    whole: usize,
    deadline: Deadline,
) -> Result<(), SendError> {
    let Parcel { to, label, payload, .. } = parcel;
    // A receiver takes it while this call waits.
    if deadline.is_now() {
        return Err(SendError::TooLarge { len: payload.len() as u64, limit: whole as u64 });
    }
    // Nothing is announced to be given up at once.
    if deadline.has_passed(Instant::now) {
        return Err(SendError::Timeout(to));
    }
    let message = Message::Announced(Announcing::Borrowed(payload));
    let sent = begin(handle, (to, label), message, deadline)?;
    send_on(handle, sent, Some(payload), deadline)
}

fn send_on(
    handle: &Handle,
    sent: Sent,
    payload: Option<Payload<'_>>,
    deadline: Deadline,
) -> Result<(), SendError> {
    let outcome = wait(handle, sent, payload, deadline);
    end(handle, sent, outcome == Ok(true))?;
    if outcome? { Ok(()) } else { Err(SendError::Timeout(sent.to)) }
}

/// Sends or announces a message, once there is room for that, and one more may be under way.
pub fn begin(
    handle: &Handle,
    (to, label): (u32, Label),
    message: Message<'_>,
    deadline: Deadline,
) -> Result<Sent, SendError> {
    let what = What::Asking(to, message.room());
    let (mut message, mut waits) = (Some(message), false);
    let begun: Result<_, SendError> = handle.wait(what, deadline, POLL_PAUSES, |joint, how| {
        let found = try_begin(joint, (to, label), &mut message, waits, how)?;
        waits |= found.is_none() && !deadline.is_now();
        Ok(found.map_or(Found::Nothing, Found::All))
    });
    end_wait(handle, to, waits);
    begun?.ok_or(deadline.without_room(to))
}

/// Sends or announces a message, if there is room for that, and one more may be under way.
pub fn try_begin(
    joint: &Joint,
    (to, label): (u32, Label),
    message: &mut Option<Message<'_>>,
    waits: bool,
    how: Look,
) -> Result<Option<Sent>, SendError> {
    let Some(new) = message else { return Ok(None) };
    let (member, outbox) = joint.sending();
    let (room, is_announced) = (new.room(), matches!(new, Message::Announced(_)));
    let peer = outbox.peer(member, to, new.len())?;
    let mut synchronous = Synchronous::new(member, peer)?;
    if is_announced {
        peer.transfers.prepare(member, to)?;
    }
    // That it waits for a credit is not told: to its receiver that means that nothing more comes, and here others may send.
    let has_credit = match how {
        Look::Check { query } => synchronous.check(query)?,
        _ => synchronous.look(true)?,
    };
    let mut at_once = Progress::AT_ONCE;
    let slot = match has_credit {
        true => claim((member, peer), room, (&mut at_once, waits), how)?,
        false => None,
    };
    if let Some(slot) = slot
        && let Some(new) = message.take()
    {
        match new {
            Message::Whole(payload) => {
                outbox.ask(member, peer, &slot.numbered(Kind::Sync, label.number()), payload)?;
                synchronous.expect(slot.seq);
            }
            Message::Announced(bytes) => {
                outbox.announce(member, peer, &slot.labelled(label), bytes.len() as u64)?;
                synchronous.announced(slot.seq, bytes);
            }
        }
    }
    Ok(synchronous.pause().map(|wait| Sent { to, wait }))
}

/// Waits until its receiver has acknowledged it, or has all of it; whether it has. The payload is that of an announced message
/// whose bytes the caller has.
pub fn wait(
    handle: &Handle,
    sent: Sent,
    payload: Option<Payload<'_>>,
    deadline: Deadline,
) -> Result<bool, SendError> {
    let done =
        handle.wait(What::Answered(sent.to), deadline, 1, |joint, how| go_on(joint, sent, payload, how));
    done.map(|done| done.is_some())
}

/// Sends what the receiver wants of an announced message, and looks whether it has all.
pub fn go_on(
    joint: &Joint,
    Sent { to, wait }: Sent,
    payload: Option<Payload<'_>>,
    how: Look,
) -> Result<Found<()>, SendError> {
    let (member, outbox) = joint.sending();
    let Some(peer) = outbox.opened(to) else { return Err(Broken::Corrupt(to).into()) };
    let mut synchronous = Synchronous::resume(member, peer, wait, payload);
    let is_found = match how {
        Look::Soon | Look::Brief => synchronous.look(false),
        Look::Thorough => synchronous.look(true),
        Look::Check { query } => synchronous.check(query),
    };
    let found = is_found.and_then(|is_found| match is_found {
        true if synchronous.step()? == Step::Done => Ok(Found::All(())),
        true => Ok(Found::Some),
        false => Ok(Found::Nothing),
    });
    synchronous.pause();
    found
}

/// Nobody waits for it any more. If it is not `done`, an announced message is given up.
pub fn end(handle: &Handle, sent: Sent, is_done: bool) -> Result<(), SendError> {
    // Others may wait until one more may be under way.
    let ended = handle.stir(|joint| {
        if !is_done {
            sent.give_up(joint);
        }
    });
    Ok(ended?)
}
