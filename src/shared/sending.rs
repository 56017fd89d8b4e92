//! Sends through a shared endpoint.

use super::handle::Handle;
use super::joint::What;
use super::synchronous;
use crate::abi::Label;
use crate::error::SendError;
use crate::half::{Member, end_starving};
use crate::memory::Payload;
use crate::ring::Slot;
use crate::send::{Outbox, Outgoing, Progress, Room};
use crate::wait::pace::POLL_PAUSES;
use crate::wait::{Deadline, Found, Look, Operation};

/// A message that is to be sent.
#[derive(Clone, Copy)]
pub struct Parcel<'a> {
    pub to: u32,
    pub label: Label,
    pub payload: Payload<'a>,
    /// Whether its receiver is to acknowledge it before this is over.
    pub is_sync: bool,
}

/// Sends a message of any length.
#[inline]
pub fn send(handle: &Handle, parcel: Parcel<'_>, deadline: Deadline) -> Result<(), SendError> {
    let Parcel { to, label, payload, is_sync } = parcel;
    let is_sent = handle.with(|joint| {
        let (member, outbox) = joint.sending();
        matches!(payload, Payload::Whole(bytes) if !is_sync && outbox.send_at_once(member, to, label, bytes))
    })?;
    if is_sent { Ok(()) } else { send_any(handle, parcel, deadline) }
}

#[inline(never)]
fn send_any(handle: &Handle, parcel: Parcel<'_>, deadline: Deadline) -> Result<(), SendError> {
    let Parcel { to, label, payload, is_sync } = parcel;
    let whole = handle.with(|joint| joint.sending().0.whole)?;
    if payload.len() > whole {
        return synchronous::send_announced(handle, parcel, whole, deadline);
    }
    if is_sync {
        return synchronous::send(handle, parcel, deadline);
    }
    put(handle, (to, payload.len()), deadline, |member, outbox, peer, slot| {
        outbox.fill(member, peer, &slot.labelled(label), payload)
    })
}

/// Puts something of `len` bytes in the mailbox to `to`, once there is room for it.
pub fn put(
    handle: &Handle,
    (to, len): (u32, usize),
    deadline: Deadline,
    fill: impl Fn(&Member, &Outbox, &Outgoing, Slot) -> Result<(), SendError>,
) -> Result<(), SendError> {
    let mut progress = if deadline.is_now() { Progress::AT_ONCE } else { Progress::default() };
    let mut waits = false;
    let sent: Result<_, SendError> = handle.wait(What::Room(to, len), deadline, POLL_PAUSES, |joint, how| {
        let (member, outbox) = joint.sending();
        let peer = outbox.peer(member, to, len)?;
        let Some(slot) = claim((member, peer), len, (&mut progress, waits), how)? else {
            waits |= !deadline.is_now();
            return Ok(Found::Nothing);
        };
        fill(member, outbox, peer, slot).map(Found::All)
    });
    end_wait(handle, to, waits);
    sent?.ok_or(deadline.without_room(to))
}

/// A slot for `len` bytes to this peer, which is filled under the same hold of the lock, if there is room. A thread that `waits`
/// has the receiver told so.
pub fn claim(
    (member, peer): (&Member, &Outgoing),
    len: usize,
    (progress, waits): (&mut Progress, bool),
    how: Look,
) -> Result<Option<Slot>, SendError> {
    let mut room = Room::resume(member, peer, len, *progress);
    if waits {
        room.begin_wait();
    }
    let is_found = match how {
        Look::Soon | Look::Brief => room.look(false),
        Look::Thorough => room.look(true),
        Look::Check { query } => room.check(query),
    };
    let slot = room.slot.take();
    *progress = room.pause();
    is_found.map(|is_found| slot.filter(|_| is_found))
}

/// A thread no longer waits for room in the mailbox to `to`. The receiver is told so; other threads that still wait tell it
/// again.
pub fn end_wait(handle: &Handle, to: u32, waited: bool) {
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
