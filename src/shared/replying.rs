//! Answers to calls that came through a shared endpoint.

use super::handle::Handle;
use super::joint::What;
use crate::abi::{INLINE, Kind};
use crate::error::{Broken, ReplyError, SendError};
use crate::receive::Answering;
use crate::ring::Descriptor;
use crate::wait::pace::POLL_PAUSES;
use crate::wait::{Deadline, Found, Look, Operation};

/// Answers the call that this is; done with it then.
pub fn answer(
    handle: &Handle,
    (from, call): (u32, Descriptor),
    kind: Kind,
    bytes: &[u8],
    deadline: Deadline,
) -> Result<(), ReplyError> {
    if !call.is_call() {
        return Err(ReplyError::NotACall(from));
    }
    let mut waits = false;
    let answered = handle.wait(What::Replying, deadline, POLL_PAUSES, |joint, how| {
        let (member, _) = joint.receiving();
        let Some(peer) = joint.mailbox(from) else { return Err(SendError::Broken(Broken::Corrupt(from))) };
        if call.is_on_line() && bytes.len() <= INLINE {
            peer.answer(member, call.seq, kind, bytes);
        } else {
            let mut reply = Answering::new(member, peer, &call, kind, bytes);
            if waits {
                reply.begin_wait();
            }
            let is_found = match how {
                Look::Check { query } => reply.check(query)?,
                _ => reply.look(true)?,
            };
            if !is_found {
                waits = !deadline.is_now();
                reply.pause();
                return Ok(Found::Nothing);
            }
            reply.step()?;
        }
        joint.note_done(from, call.seq);
        Ok(Found::All(()))
    });
    if waits {
        // Another answer to the same caller that waits tells it again.
        handle
            .stir(|joint| {
                joint.mailbox(from).inspect(|peer| peer.end_starving(joint.receiving().0)).is_some()
            })
            .map_err(SendError::from)?;
    }
    Ok(answered?.ok_or(deadline.without_room(from))?)
}
