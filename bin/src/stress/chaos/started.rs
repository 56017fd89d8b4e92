//! Sends and receives that are started, and a look at what is next, with any result.

use super::sheet::{Call, Tally};
use super::whim::{Ills, TIME, Whim, is_lost};
use crate::common::failure::Failure;
use mailbox::{Broken, Deadline, Mail, RecvError, RecvFrom, Request, RequestError, SendError, SendTo};
use rand::RngExt;

/// The most that are started together.
const MOST: usize = 8;

impl Whim<'_> {
    /// Starts some sends; whether this still is an endpoint.
    pub(super) fn start_sends(&mut self, send: SendTo<'_>, bytes: &[u8]) -> Result<bool, Failure> {
        let count = self.random.random_range(1..=MOST);
        let start = || (0..count).map(|_| send.start(bytes)).collect();
        let requests = self.pulse.act(Call::Start, start);
        self.wait_for(requests, None)
    }

    /// Starts some receives; whether this still is an endpoint.
    pub(super) fn start_receives(&mut self, from: RecvFrom<'_>, ills: &mut Ills) -> Result<bool, Failure> {
        let count = self.random.random_range(1..=MOST);
        let start = || (0..count).map(|_| from.start()).collect();
        let requests = self.pulse.act(Call::Start, start);
        self.wait_for(requests, Some(ills))
    }

    /// Waits for all of these, and takes the results of some; gives up the others.
    fn wait_for(
        &mut self,
        mut requests: Vec<Request<'_>>,
        mut ills: Option<&mut Ills>,
    ) -> Result<bool, Failure> {
        let pulse = self.pulse;
        let waited = pulse.call(Call::WaitForAll, || Request::wait_all_within(&mut requests, TIME));
        if let Err(RequestError::Broken(Broken::Lost(lost))) = waited {
            return is_lost(lost);
        }
        for mut request in requests {
            if self.random.random_ratio(1, 4) {
                pulse.act(Call::GiveUp, || request.cancel());
                continue;
            }
            match pulse.call(Call::WaitForAll, || request.wait_within(Deadline::Now)) {
                Ok(Some(mail)) => {
                    if let Some(ills) = &mut ills {
                        ills.hear(mail.from(), pulse);
                    }
                    pulse.act(Call::Acknowledge, || drop(mail));
                }
                Err(RequestError::Recv(RecvError::Broken(Broken::Corrupt(from)))) => {
                    pulse.count(Tally::Corrupt);
                    if let Some(ills) = &mut ills {
                        ills.fall(from);
                    }
                }
                Err(RequestError::Send(SendError::Broken(Broken::Corrupt(_)))) => pulse.count(Tally::Corrupt),
                Err(
                    RequestError::Broken(Broken::Lost(lost))
                    | RequestError::Send(SendError::Broken(Broken::Lost(lost)))
                    | RequestError::Recv(RecvError::Broken(Broken::Lost(lost))),
                ) => return is_lost(lost),
                Ok(None) | Err(_) => {}
            }
            pulse.act(Call::GiveUp, || drop(request));
        }
        Ok(true)
    }

    /// Receives what a look has shown.
    pub(super) fn peek<'m>(&self, from: RecvFrom<'m>) -> Result<Option<Mail<'m>>, RecvError> {
        let shown = self.pulse.call(Call::Peek, || from.peek())?;
        let Some(shown) = shown else { return Ok(None) };
        self.pulse.call(Call::Peek, || from.recv_peeked(&shown))
    }
}
