//! Sends through a shared endpoint.

use super::handle::Handle;
use super::joint::{Joint, What};
use crate::abi::{ANNOUNCEMENT, Label};
use crate::error::{Broken, SendError};
use crate::half::end_starving;
use crate::memory::Payload;
use crate::send::{Announcing, Paused, Progress, Room, Synchronous};
use crate::wait::pace::POLL_PAUSES;
use crate::wait::{Deadline, Found, Look, Operation, Step};
use std::time::Instant;

/// A message that is to be sent.
#[derive(Clone, Copy)]
pub struct Parcel<'a> {
    pub to: u32,
    pub label: Label,
    pub payload: Payload<'a>,
}

/// Sends a message of any length.
#[inline]
pub fn send(handle: &Handle, parcel: Parcel<'_>, deadline: Deadline) -> Result<(), SendError> {
    let Parcel { to, label, payload } = parcel;
    let is_sent = handle.with(|joint| {
        let (member, outbox) = joint.sending();
        matches!(payload, Payload::Whole(bytes) if outbox.send_small(member, to, label, bytes))
    })?;
    if is_sent { Ok(()) } else { send_any(handle, parcel, deadline) }
}

#[inline(never)]
fn send_any(handle: &Handle, parcel: Parcel<'_>, deadline: Deadline) -> Result<(), SendError> {
    let Parcel { to, payload, .. } = parcel;
    let whole = handle.with(|joint| joint.sending().0.whole)?;
    if payload.len() > whole {
        return send_announced(handle, parcel, whole, deadline);
    }
    let mut progress = if deadline.is_now() { Progress::AT_ONCE } else { Progress::default() };
    let mut waits = false;
    let sent: Result<_, SendError> =
        handle.wait(What::Room(to, payload.len()), deadline, POLL_PAUSES, |joint, how| {
            let found = send_whole(joint, parcel, (&mut progress, waits), how)?;
            waits |= matches!(found, Found::Nothing) && !deadline.is_now();
            Ok(found)
        });
    end_wait(handle, to, waits);
    sent?.ok_or(deadline.without_room())
}

/// Sends a message if there is room. A thread that `waits` has the receiver told so.
fn send_whole(
    joint: &Joint,
    Parcel { to, label, payload }: Parcel<'_>,
    (progress, waits): (&mut Progress, bool),
    how: Look,
) -> Result<Found<()>, SendError> {
    let (member, outbox) = joint.sending();
    let peer = outbox.peer(member, to, payload.len())?;
    let mut room = Room::resume(member, peer, payload.len(), *progress);
    if waits {
        room.begin_wait();
    }
    let is_found = match how {
        Look::Brief => room.look(false),
        Look::Thorough => room.look(true),
        Look::Check { query } => room.check(query),
    };
    let slot = room.slot.take();
    *progress = room.pause();
    match slot.filter(|_| is_found == Ok(true)) {
        Some(slot) => outbox.fill(member, peer, &slot.labelled(label), payload).map(Found::All),
        None => is_found.map(|_| Found::Nothing),
    }
}

/// A thread no longer waits for room in the mailbox to `to`. The receiver is told so; other threads that still wait tell it
/// again.
fn end_wait(handle: &Handle, to: u32, waited: bool) {
    if waited {
        // Where it was forked meanwhile there is nothing to take back.
        let _ = handle.stir(|joint| {
            let (member, outbox) = joint.sending();
            if let Some(peer) = outbox.opened(to) {
                end_starving(member, &peer.producer);
            }
        });
    }
}

/// Announces a message, and sends it when its receiver wants it.
fn send_announced(
    handle: &Handle,
    parcel: Parcel<'_>,
    whole: usize,
    deadline: Deadline,
) -> Result<(), SendError> {
    let Parcel { to, payload, .. } = parcel;
    // A receiver takes it while this call waits.
    if deadline.is_now() {
        return Err(SendError::TooLarge { len: payload.len() as u64, limit: whole as u64 });
    }
    // Nothing is announced to be given up at once.
    if deadline.has_passed(Instant::now) {
        return Err(SendError::Timeout);
    }
    let mut waits = false;
    let announced: Result<_, SendError> =
        handle.wait(What::Announcing(to), deadline, POLL_PAUSES, |joint, how| {
            let found = announce(joint, parcel, waits, how)?;
            waits |= matches!(found, Found::Nothing);
            Ok(found)
        });
    end_wait(handle, to, waits);
    let (seq, paused) = announced?.ok_or(SendError::Timeout)?;
    let mut is_over = false;
    let sent: Result<_, SendError> = handle.wait(What::Announced(to), deadline, 1, |joint, how| {
        // On an error it gives itself up.
        is_over = true;
        let found = serve(joint, to, (seq, paused), payload, how)?;
        is_over = matches!(found, Found::All(()));
        Ok(found)
    });
    // Others may wait until one more may be under way.
    let ended = handle.stir(|joint| {
        if !is_over {
            give_up(joint, to, paused, payload);
        }
    });
    end_wait(handle, to, true);
    ended?;
    sent?.ok_or(SendError::Timeout)
}

/// Announces a message if there is room for that, and one more may be under way; its number.
fn announce(
    joint: &Joint,
    Parcel { to, label, payload }: Parcel<'_>,
    waits: bool,
    how: Look,
) -> Result<Found<(u64, Paused)>, SendError> {
    let (member, outbox) = joint.sending();
    let peer = outbox.peer(member, to, payload.len())?;
    let mut announced = Synchronous::new(member, peer)?;
    peer.transfers.prepare(member, to)?;
    // That it waits for a credit is not told: to its receiver that means that nothing more comes, and here others may send.
    let has_credit = match how {
        Look::Check { query } => announced.check(query)?,
        _ => announced.look(true)?,
    };
    if !has_credit {
        // Nothing was announced yet.
        announced.pause(0);
        return Ok(Found::Nothing);
    }
    let mut room = Room::resume(member, peer, ANNOUNCEMENT, Progress::AT_ONCE);
    if waits {
        room.begin_wait();
    }
    let has_room = match how {
        Look::Check { query } => room.check(query),
        _ => room.look(true),
    };
    let slot = room.slot.take();
    room.pause();
    has_room?;
    let Some(slot) = slot else { return Ok(Found::Nothing) };
    outbox.announce(member, peer, &slot.labelled(label), payload.len() as u64)?;
    // Whose bytes they are is said again with each look.
    announced.announced(slot.seq, Announcing::Borrowed(Payload::Whole(&[])));
    Ok(Found::All((slot.seq, announced.pause(slot.seq))))
}

/// Sends what the receiver wants of an announced message.
fn serve(
    joint: &Joint,
    to: u32,
    (seq, paused): (u64, Paused),
    payload: Payload<'_>,
    how: Look,
) -> Result<Found<()>, SendError> {
    let (member, outbox) = joint.sending();
    let Some(peer) = outbox.opened(to) else { return Err(Broken::Corrupt(to).into()) };
    let mut announced = Synchronous::resume(member, peer, paused, payload);
    let is_found = match how {
        Look::Brief => announced.look(false)?,
        Look::Thorough => announced.look(true)?,
        Look::Check { query } => announced.check(query)?,
    };
    if is_found && announced.step()? == Step::Done {
        return Ok(Found::All(()));
    }
    announced.pause(seq);
    Ok(if is_found { Found::Some } else { Found::Nothing })
}

/// The announced message is not sent any more.
fn give_up(joint: &Joint, to: u32, paused: Paused, payload: Payload<'_>) {
    let (member, outbox) = joint.sending();
    if let Some(peer) = outbox.opened(to) {
        drop(Synchronous::resume(member, peer, paused, payload));
    }
}
