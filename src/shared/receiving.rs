//! Receives through a shared endpoint.

use super::handle::Handle;
use super::joint::{Joint, Taker, Thread, What};
use super::mail::OwnedMail;
use crate::endpoint::Envelope;
use crate::error::RecvError;
use crate::receive::{Receive, Wanted};
use crate::ring::Descriptor;
use crate::wait::{Deadline, Found, Look, Operation, Step};
use std::sync::Arc;

/// The next mail of what is wanted; `None`: there is none by then.
#[inline]
pub fn recv(
    handle: &Arc<Handle>,
    wanted: Wanted,
    deadline: Deadline,
) -> Result<Option<OwnedMail>, RecvError> {
    let mut taker = Taker::this();
    let taken = match handle.with(|joint| take_new(joint, wanted, &mut taker))? {
        None => {
            handle.wait(What::Mail(wanted), deadline, 1, |joint, how| look(joint, wanted, &mut taker, how))?
        }
        taken => taken,
    };
    Ok(taken.map(|taken| OwnedMail::new(handle.clone(), taken, &taker)))
}

/// The message that a look has left, if no thread has received it since.
pub fn recv_peeked(handle: &Arc<Handle>, seen: &Envelope) -> Result<Option<OwnedMail>, RecvError> {
    let mut taker = Taker::this();
    let taken = handle.with(|joint| {
        let (member, inbox) = joint.receiving();
        let found = inbox.take_peeked(member, seen.from, seen.seq)?;
        found.inspect(|(peer, mail)| joint.note_taken(peer, mail, &mut taker));
        Ok::<_, RecvError>(found.map(|(peer, mail)| (peer.from, mail)))
    })??;
    Ok(taken.map(|taken| OwnedMail::new(handle.clone(), taken, &taker)))
}

/// A new mail that there is nothing to do for but to take it.
#[inline(always)]
fn take_new(joint: &Joint, wanted: Wanted, taker: &mut Taker) -> Option<(u32, Descriptor)> {
    let (member, inbox) = joint.receiving();
    let (peer, descriptor) = inbox.recv_new(member, wanted)?;
    joint.note_taken(peer, &descriptor, taker);
    Some((peer.from, descriptor))
}

pub fn look(
    joint: &Joint,
    wanted: Wanted,
    taker: &mut Taker,
    how: Look,
) -> Result<Found<(u32, Descriptor)>, RecvError> {
    let (member, inbox) = joint.receiving();
    // A look in vain takes few instructions: mail is found sooner, and its line is not taken away twice from a sender that is about
    // to write it.
    if how == Look::Soon && inbox.is_still_expected(member, wanted) {
        return Ok(Found::Nothing);
    }
    if let Some(taken) = take_new(joint, wanted, taker) {
        return Ok(Found::All(taken));
    }
    let mut receive = Receive::new(inbox, member, wanted);
    if !is_found(joint, (wanted, taker.thread), how, &mut receive)? {
        return Ok(Found::Nothing);
    }
    match (receive.step()?, receive.found) {
        (Step::Done, Some((peer, descriptor))) => {
            joint.note_taken(peer, &descriptor, taker);
            Ok(Found::All((peer.from, descriptor)))
        }
        _ => Ok(Found::Some),
    }
}

/// Whether a receive of this thread finds something to do.
pub fn is_found(
    joint: &Joint,
    (wanted, thread): (Wanted, Thread),
    how: Look,
    receive: &mut impl Operation<Error = RecvError>,
) -> Result<bool, RecvError> {
    let is_found = match how {
        Look::Soon | Look::Brief => receive.look(false),
        Look::Thorough => receive.look(true),
        Look::Check { query } => receive.check(query),
    };
    match is_found {
        // Which thread's mails they are is asked here. What this one leaves unread, others are expected to take.
        Ok(false) | Err(RecvError::Held(_) | RecvError::Crowded { .. }) => {
            let is_brief = matches!(how, Look::Soon | Look::Brief);
            let held = if is_brief { None } else { joint.held_up(wanted, thread, true) };
            held.map_or(Ok(false), |from| Err(RecvError::Held(from)))
        }
        result => result,
    }
}
