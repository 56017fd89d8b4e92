//! A wait for requests.

use super::request::Request;
use crate::endpoint::Halves;
use crate::error::RequestError;
use crate::half::Member;
use crate::rank::Source;
use crate::wait::{Deadline, Interrupted, Operation, Together, drive};
use core::cell::Cell as Private;
use core::ptr;

/// A wait until so many of these requests are over.
struct Waiting<'b, 'a> {
    requests: &'b [Request<'a>],
    needed: usize,
    /// So many of the first are over, as far as was seen.
    over: usize,
    /// The endpoints that they are of, each once.
    all: &'b [Halves<'a>],
    /// Whether its thread waits.
    waits: Private<bool>,
}

/// Waits until `needed` of these requests are over, one or all.
pub fn wait(requests: &[Request<'_>], needed: usize, deadline: Deadline) -> Result<(), RequestError> {
    let mut over = 0;
    if are_over(requests, needed, &mut over) {
        return Ok(());
    }
    let all = endpoints(requests);
    let mut waiting = Waiting { requests, needed, over, all: &all, waits: false.into() };
    let members: Vec<&Member> = all.iter().flat_map(|halves| halves.members()).collect();
    members.iter().try_for_each(|member| member.check())?;
    let publish = || all.iter().fold(false, |some, halves| halves.publish() | some);
    if drive(&Together(&members), deadline, publish, &mut waiting)? {
        Ok(())
    } else {
        Err(RequestError::Timeout)
    }
}

/// The endpoints of these requests, each once.
fn endpoints<'a>(requests: &[Request<'a>]) -> Vec<Halves<'a>> {
    let mut all: Vec<Halves<'a>> = vec![];
    for halves in requests.iter().map(Request::halves) {
        let is_same =
            |one: &Halves<'a>| one.members().map(ptr::from_ref).eq(halves.members().map(ptr::from_ref));
        // Most are of the endpoint of the one before.
        if !all.iter().rev().any(is_same) {
            all.push(halves);
        }
    }
    all
}

/// Whether so many of these are over. `over`: so many of the first are, as far as was seen.
fn are_over(requests: &[Request<'_>], needed: usize, over: &mut usize) -> bool {
    if needed == 1 && requests.len() > 1 {
        return requests.iter().any(Request::has_result);
    }
    *over += requests[*over..].iter().take_while(|request| request.is_over()).count();
    *over == requests.len()
}

impl Waiting<'_, '_> {
    fn is_done(&mut self) -> bool {
        are_over(self.requests, self.needed, &mut self.over)
    }
}

impl From<Interrupted> for RequestError {
    fn from(_: Interrupted) -> Self {
        RequestError::Interrupted
    }
}

impl Operation for Waiting<'_, '_> {
    type Error = RequestError;

    fn look(&mut self, _: bool) -> Result<bool, RequestError> {
        self.all.iter().for_each(|halves| halves.tend());
        Ok(self.is_done())
    }

    fn check(&mut self, query: bool) -> Result<bool, RequestError> {
        for halves in self.all {
            halves.check_place(query)?;
            if let Some((member, outbox)) = halves.sending {
                outbox.check_started(member, query);
            }
            if let Some((member, inbox)) = halves.receiving {
                // What this thread sends to itself may still come, now or in a later call.
                let is_in_vain =
                    self.waits.get() && halves.sending.is_none_or(|(_, outbox)| !outbox.has_started());
                inbox.check_posted(member, query, is_in_vain);
            }
        }
        self.tell_starved();
        Ok(self.is_done())
    }

    fn begin_wait(&self) {
        self.waits.set(true);
    }

    fn fall_asleep(&self) {
        self.tell_starved();
        for (member, _) in self.all.iter().filter_map(|halves| halves.receiving) {
            member.fall_asleep_for_mail(Source::Anyone);
        }
    }
}

impl Waiting<'_, '_> {
    /// A call that does not wait is not starved.
    fn tell_starved(&self) {
        if self.waits.get() {
            self.all.iter().for_each(|halves| halves.tell_starved(false));
        }
    }
}

impl Drop for Waiting<'_, '_> {
    fn drop(&mut self) {
        if self.waits.get() {
            self.all.iter().for_each(|halves| halves.end_telling());
        }
    }
}
