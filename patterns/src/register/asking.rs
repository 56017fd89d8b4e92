//! One question to all replicas at once.

use super::error::Why;
use super::{Missing, RegisterError};
use mailbox::{Broken, Call, CallError, Deadline, End, Endpoint, Reply, Select, SelectError, SendError};
use std::time::{Duration, Instant};

/// After this time a replica is asked again that could not be asked, or has not answered properly.
const PAUSE: Duration = Duration::from_millis(2);

/// How a replica is.
enum Slot<'a> {
    /// It is to be asked, at this time or at once.
    Due(Option<Instant>),
    Asked(Call<'a>),
    /// It has answered, or is not to be asked.
    Over,
}

/// A question that is put to each of the members until it answers.
pub struct Asking<'a> {
    me: &'a Endpoint,
    members: &'a [u32],
    request: Vec<u8>,
    slots: Vec<Slot<'a>>,
    whys: Vec<Why>,
}

impl<'a> Asking<'a> {
    /// Nobody is asked yet.
    pub fn new(me: &'a Endpoint, members: &'a [u32]) -> Self {
        let slots = members.iter().map(|_| Slot::Over).collect();
        Self { me, members, request: vec![], slots, whys: vec![Why::Silent; members.len()] }
    }

    /// All but this rank are to be asked this. What was asked before is given up.
    pub fn ask(&mut self, request: Vec<u8>, but: Option<u32>) {
        self.request = request;
        for (slot, rank) in self.slots.iter_mut().zip(self.members) {
            *slot = if Some(*rank) == but { Slot::Over } else { Slot::Due(None) };
        }
    }

    /// The answer of this member does not count, for this reason. It is to be asked again, a little later.
    pub fn ask_again(&mut self, member: usize, why: Why) {
        self.whys[member] = why;
        self.slots[member] = Slot::Due(Some(Instant::now() + PAUSE));
    }

    /// Asks each of these again that has answered: the life that did has ended since, or so it seems of one that lies.
    pub fn ask_those(&mut self, is_lacking: impl Fn(usize) -> bool) {
        for member in (0..self.slots.len()).filter(|member| is_lacking(*member)) {
            if matches!(self.slots[member], Slot::Over) {
                self.ask_again(member, Why::Ended);
            }
        }
    }

    /// The next answer that is there, and whose it is. Never waits.
    pub fn look(&mut self) -> Result<Option<(usize, Reply)>, RegisterError> {
        for member in 0..self.slots.len() {
            if let Slot::Due(time) = &self.slots[member] {
                if time.is_some_and(|time| Instant::now() < time) {
                    continue;
                }
                // Never waits for room: a member that is stopped does not hold up the others.
                let to = self.me.to(self.members[member]).within(Deadline::Now);
                match to.start_call(&self.request) {
                    Ok(call) => self.slots[member] = Slot::Asked(call),
                    Err(error) => self.fail(member, error)?,
                }
            }
            if let Slot::Asked(call) = &self.slots[member] {
                match call.try_wait() {
                    Ok(None) => {}
                    Ok(Some(reply)) => {
                        self.slots[member] = Slot::Over;
                        return Ok(Some((member, reply)));
                    }
                    Err(error) => self.fail(member, error)?,
                }
            }
        }
        Ok(None)
    }

    /// This member cannot be asked, or will not answer.
    fn fail(&mut self, member: usize, error: CallError) -> Result<(), RegisterError> {
        let why = match error {
            CallError::Request(SendError::Gone { .. }) => Why::Ended,
            CallError::Unanswered { end: End::Left | End::Died, .. } => Why::Ended,
            CallError::Request(SendError::Full(_) | SendError::Timeout(_)) => Why::Silent,
            CallError::Unanswered { .. } | CallError::Timeout(_) => Why::Silent,
            CallError::Refused(_) => Why::Garbled,
            CallError::Broken(Broken::Lost(_)) | CallError::Request(SendError::Broken(Broken::Lost(_))) => {
                return Err(error.into());
            }
            CallError::Interrupted | CallError::Request(SendError::Interrupted) => return Err(error.into()),
            _ => Why::Broken,
        };
        self.ask_again(member, why);
        Ok(())
    }

    /// Adds all that this waits for.
    pub fn arm(&self, select: &mut Select<'a>) {
        for slot in &self.slots {
            match slot {
                Slot::Asked(call) => _ = select.call(call),
                Slot::Due(time) => _ = select.at(time.unwrap_or_else(Instant::now)),
                Slot::Over => {}
            }
        }
    }

    /// Waits for the next answer. `None` if there is none at `deadline`.
    pub fn wait(&mut self, deadline: Deadline) -> Result<Option<(usize, Reply)>, RegisterError> {
        loop {
            let answer = self.look()?;
            if answer.is_some() || deadline.has_passed(Instant::now) {
                return Ok(answer);
            }
            let mut select = Select::new();
            self.arm(&mut select);
            match select.wait(deadline) {
                // Where nobody is left to be asked, nothing more comes.
                Ok(_) | Err(SelectError::Timeout | SelectError::Empty) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Who has not answered, and why.
    pub fn missing(&self) -> Vec<Missing> {
        let open = self.slots.iter().zip(self.members.iter().zip(&self.whys));
        let open = open.filter(|(slot, _)| !matches!(slot, Slot::Over));
        open.map(|(_, (rank, why))| Missing { rank: *rank, why: *why }).collect()
    }
}
