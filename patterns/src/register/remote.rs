//! A register of another process.

use super::wire::{self, Answer, Head};
use super::{Register, RegisterError};
use bytemuck::{Pod, bytes_of};
use core::fmt;
use mailbox::{CallError, End, Endpoint, SendError};
use std::time::Duration;

/// A register that another process owns: an [`Owner`](super::Owner). See there for an example.
///
/// Each operation is a call of the owner, and waits for its answer. It gives up after 10 s, or after what
/// [`Remote::set_limit`] says.
pub struct Remote<'a, T> {
    me: &'a Endpoint,
    register: Register<T>,
    key: u64,
    owner: u32,
    /// The life of the owner that was used; 0 before.
    life: u64,
    limit: Duration,
}

impl<'a, T: Pod> Remote<'a, T> {
    /// The register that `owner` has. Asks nothing yet.
    pub fn new(me: &'a Endpoint, register: &Register<T>, owner: u32) -> Result<Self, RegisterError> {
        register.check_len(me, 2, size_of::<Head>())?;
        let key = register.key();
        Ok(Self { me, register: register.clone(), key, owner, life: 0, limit: super::LIMIT })
    }

    /// From now on each operation gives up after this time.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// From now on it is the register of the owner's present life. Before that, each operation on a later life than the one that
    /// was used first is [`RegisterError::OtherLife`].
    pub fn renew(&mut self) {
        self.life = 0;
    }

    /// The value.
    pub fn read(&mut self) -> Result<T, RegisterError> {
        let (_, value) = self.ask(wire::READ, &[])?;
        value.ok_or_else(|| self.garbled())
    }

    /// Writes it.
    pub fn write(&mut self, value: &T) -> Result<(), RegisterError> {
        self.ask(wire::WRITE, &[bytes_of(value)]).map(drop)
    }

    /// Writes `new` if the value is `expected`, bit for bit. Otherwise the inner error is the value that is there, and nothing is
    /// changed.
    pub fn compare_and_swap(&mut self, expected: &T, new: &T) -> Result<Result<(), T>, RegisterError> {
        match self.ask(wire::SWAP, &[bytes_of(expected), bytes_of(new)])? {
            (wire::DONE, _) => Ok(Ok(())),
            (_, Some(value)) => Ok(Err(value)),
            _ => Err(self.garbled()),
        }
    }

    fn garbled(&self) -> RegisterError {
        RegisterError::Garbled { register: self.register.name().into(), rank: self.owner }
    }

    /// The code of the answer, and the value in it.
    fn ask(&mut self, what: u32, values: &[&[u8]]) -> Result<(u32, Option<T>), RegisterError> {
        let request = Head::new(self.key, self.life, what).with(values);
        let reply = self.me.to(self.owner).within(self.limit).call(&request);
        let reply = reply.map_err(|error| self.failed(error))?;
        let (answer, value) = wire::split::<Answer>(&reply).ok_or_else(|| self.garbled())?;
        let (register, rank) = (self.register.name(), self.owner);
        let is_value_due = what == wire::READ || answer.code == wire::NOT_SWAPPED;
        match answer.code {
            wire::DONE | wire::NOT_SWAPPED => {}
            wire::UNKNOWN => return Err(RegisterError::Unknown { register: register.into(), rank }),
            wire::OTHER_LIFE => {
                let (was, is) = (self.life, answer.life);
                return Err(RegisterError::OtherLife { register: register.into(), rank, was, is });
            }
            _ => return Err(self.garbled()),
        }
        let value = if is_value_due { wire::only(value) } else { None };
        let is_of_life = answer.life != 0 && (self.life == 0 || self.life == answer.life);
        if !is_of_life
            || value.is_some() != is_value_due
            || (answer.code == wire::NOT_SWAPPED && what != wire::SWAP)
        {
            return Err(self.garbled());
        }
        self.life = answer.life;
        Ok((answer.code, value))
    }

    fn failed(&self, error: CallError) -> RegisterError {
        let register = self.register.name().into();
        let rank = self.owner;
        match error {
            CallError::Request(SendError::Gone { died, .. }) => {
                RegisterError::Gone { register, rank, died, was_asked: false }
            }
            CallError::Unanswered { end: End::Dropped, .. } | CallError::Timeout(_) => {
                RegisterError::Unanswered { register, rank, was_asked: true }
            }
            CallError::Unanswered { end, .. } => {
                RegisterError::Gone { register, rank, died: end == End::Died, was_asked: true }
            }
            CallError::Request(SendError::Timeout(_) | SendError::Full(_)) => {
                RegisterError::Unanswered { register, rank, was_asked: false }
            }
            CallError::Request(error) => error.into(),
            CallError::Refused(_) => RegisterError::Garbled { register, rank },
            error => error.into(),
        }
    }
}

impl<T> fmt::Debug for Remote<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("register", &self.register)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}
