//! Calls through a shared endpoint.

use super::handle::Handle;
use super::joint::What;
use crate::call::{PausedCall, Reply};
use crate::error::CallError;
use crate::half::end_starving;
use crate::send::ended;
use crate::wait::pace::CALL_PAUSES;
use crate::wait::{Deadline, Found, Look};

/// Asks `to`, and waits for the answer.
pub fn call(handle: &Handle, to: u32, request: &[u8], deadline: Deadline) -> Result<Reply, CallError> {
    let begun = match handle.with(|joint| PausedCall::begin(&joint.endpoint, to, request, false))?? {
        Some(call) => call,
        None => begin(handle, to, request, deadline)?,
    };
    let mut call = begun;
    let answer = handle.wait(What::Answer(begun), deadline, CALL_PAUSES, |joint, how| {
        let endpoint = &joint.endpoint;
        let answer = match how {
            Look::Soon | Look::Brief if !call.may_have_come(endpoint) => None,
            Look::Soon | Look::Brief | Look::Thorough => call.look(endpoint)?,
            Look::Check { query } => call.check(endpoint, query)?,
        };
        Ok::<_, CallError>(answer.map_or(Found::Nothing, Found::All))
    });
    // It is over, or given up. Others may wait until one more may be under way.
    handle.stir(|joint| call.give_up(&joint.endpoint))?;
    answer?.ok_or(CallError::Timeout(to))
}

/// Begins a call once there is room for the request, and one more may be under way.
#[inline(never)]
fn begin(handle: &Handle, to: u32, request: &[u8], deadline: Deadline) -> Result<PausedCall, CallError> {
    let waits = !deadline.is_now();
    let begun = handle.wait(What::Asking(to, request.len()), deadline, 1, |joint, how| {
        let found = |begun: Option<_>| begun.map_or(Found::Nothing, Found::All);
        let begin = || PausedCall::begin(&joint.endpoint, to, request, waits).map(found);
        let (member, _) = joint.receiving();
        let Look::Check { query } = how else { return begin() };
        let (place, end) = (member.check_place(query), member.end_of(to, query));
        match begin()? {
            Found::Nothing => {}
            found => return Ok(found),
        }
        place?;
        // Nobody makes room any more.
        end.map_or(Ok(Found::Nothing), |end| Err(ended(to, end).into()))
    });
    let end = handle.stir(|joint| {
        let (member, outbox) = joint.sending();
        if let Some(peer) = outbox.opened(to) {
            end_starving(member, &peer.producer);
        }
    });
    end?;
    begun?.ok_or(deadline.without_room(to).into())
}
