//! A register of which every process has a copy, and tells others of it now and then.

use super::serving::{Served, receive};
use super::stamp::{self, Kept, LAST, Stamp};
use super::wire::{self, Head};
use super::{Register, RegisterError, members};
use bytemuck::{Pod, bytes_of};
use core::cmp::Ordering;
use core::fmt;
use mailbox::{Broken, Deadline, Endpoint, Mail, SendError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

/// A stamp that is so far in the future makes no sense: all members read the same clock. In microseconds.
const AHEAD: u64 = 24 * 3600 * 1_000_000;

/// A copy of a register that is spread by gossip. Reads and writes use the copy alone, and never wait. The last write wins.
///
/// In each *round* ([`Gossip::push`]) a member sends its copy to the next one of the others. One that has a later value sends that back.
///
/// It takes the endpoint: all mail of that rank is for the register. When it is dropped, the rank is left.
///
/// ```
/// use mailbox::{Config, Region};
/// use mailbox_patterns::register::{Gossip, Register};
/// use std::time::Duration;
///
/// const MOTTO: Register<[u8; 8]> = Register::new("motto");
///
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// let mut one = Gossip::join(region.join(0)?, &MOTTO, 0..2, *b"        ")?;
/// one.write(*b"festina ")?;
///
/// // Another process
/// let mut other = Gossip::join(region.join(1)?, &MOTTO, 0..2, *b"        ")?;
/// assert_eq!(other.get(), *b"        "); // it has not heard of it yet
/// other.push()?;
/// one.tend(Duration::from_millis(1), Duration::from_millis(10))?; // answers with its later value
/// other.tend(Duration::from_millis(1), Duration::from_millis(10))?;
/// assert_eq!(other.get(), *b"festina ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Gossip<T> {
    me: Endpoint,
    register: Register<T>,
    key: u64,
    /// All but this one.
    others: Vec<u32>,
    context: u64,
    kept: Kept<T>,
    next: usize,
}

/// What a member has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A later value, which is the register's now.
    Newer {
        /// From this rank.
        from: u32,
    },
    /// An older value, which a member has pushed. The later one was sent back, if there was room.
    Older {
        /// From this rank.
        from: u32,
    },
    /// The same value.
    Same {
        /// From this rank.
        from: u32,
    },
    /// What makes no sense, is of another register or of other members, or is stamped a day ahead. It was dropped.
    Nonsense {
        /// From this rank.
        from: u32,
    },
}

impl<T: Pod> Gossip<T> {
    /// From now on `me` is one of the members, which all are given the same members in the same order. It has the initial value until it
    /// hears of a write. Waits for nobody. A later life of a rank begins with the initial value, too, and hears the others soon.
    pub fn join(
        me: Endpoint,
        register: &Register<T>,
        members: impl IntoIterator<Item = u32>,
        initial: T,
    ) -> Result<Self, RegisterError> {
        let (members, context) = members::join(&me, register, members)?;
        let others: Vec<_> = members.into_iter().filter(|rank| *rank != me.rank()).collect();
        // Each begins with another one.
        let next = RandomState::new().build_hasher().finish() as usize % others.len().max(1);
        let (register, key) = (register.clone(), register.key());
        Ok(Self { me, register, key, others, context, kept: Kept::first(initial), next })
    }

    /// The value, as far as this member has heard. Costs nothing.
    pub fn get(&self) -> T {
        self.kept.value
    }

    /// Writes it. The others hear of it in the rounds to come. [`RegisterError::Exhausted`] after 2⁶² writes.
    ///
    /// The write is later than all that this member has heard of. Beside others it is as late as the clock says, to a microsecond.
    /// (S. Kulkarni and others, *Logical physical clocks*, 2014.)
    pub fn write(&mut self, value: T) -> Result<(), RegisterError> {
        let number = now().max(self.kept.stamp.number + 1);
        if number > LAST {
            return Err(RegisterError::Exhausted { register: self.register.name().into() });
        }
        self.kept = Kept { stamp: Stamp::new(number, stamp::writer(&self.me)), value };
        Ok(())
    }

    /// A round: sends the value to the next of the others that has room and has not ended. Returns whose turn it was, or `None` if there
    /// was nobody. Never waits.
    pub fn push(&mut self) -> Result<Option<u32>, RegisterError> {
        for _ in 0..self.others.len() {
            let to = self.others[self.next];
            self.next = (self.next + 1) % self.others.len();
            if self.tell(to, wire::PUSH)? {
                return Ok(Some(to));
            }
        }
        Ok(None)
    }

    /// Whether that one will be told.
    fn tell(&self, to: u32, what: u32) -> Result<bool, RegisterError> {
        let Kept { stamp, value } = &self.kept;
        let message = Head::new(self.key, self.context, what).with(&[bytes_of(stamp), bytes_of(value)]);
        match self.me.to(to).try_send(&message) {
            Ok(()) => Ok(true),
            Err(error @ SendError::Broken(Broken::Lost(_))) => Err(error.into()),
            // It hears of it in another round, from this one or from another.
            Err(_) => Ok(false),
        }
    }

    /// Waits for the next message, and takes what it says. [`RegisterError::Timeout`] if none comes until `deadline`;
    /// [`Deadline::Now`] does not wait.
    pub fn listen(&mut self, deadline: impl Into<Deadline>) -> Result<Heard, RegisterError> {
        let mail = match receive(&self.me, deadline.into())? {
            Ok(mail) => mail,
            Err(Served::Nonsense { from }) => return Ok(Heard::Nonsense { from }),
            Err(_) => return Err(RegisterError::Timeout),
        };
        let from = mail.from();
        let Some((what, heard)) = self.understand(&mail) else { return Ok(Heard::Nonsense { from }) };
        mail.ack();
        match order(&heard).cmp(&order(&self.kept)) {
            Ordering::Greater => self.kept = heard,
            Ordering::Equal => return Ok(Heard::Same { from }),
            Ordering::Less => {
                if what == wire::PUSH {
                    self.tell(from, wire::RETURN)?;
                }
                return Ok(Heard::Older { from });
            }
        }
        Ok(Heard::Newer { from })
    }

    fn understand(&self, mail: &Mail<'_>) -> Option<(u32, Kept<T>)> {
        let bytes = wire::bytes_of_mail(mail, size_of::<Head>() + size_of::<Stamp>() + size_of::<T>())?;
        let (head, rest) = wire::split::<Head>(&bytes)?;
        let (stamp, rest) = wire::split::<Stamp>(rest)?;
        let kept = Kept { stamp, value: wire::only(rest)? };
        let is_ours = (head.key, head.context) == (self.key, self.context);
        let is_said = matches!(head.what, wire::PUSH | wire::RETURN) && !mail.is_call();
        let is_member = self.others.contains(&mail.from());
        let is_past = stamp.makes_sense() && stamp.number <= now().saturating_add(AHEAD);
        (is_ours && is_said && is_member && is_past).then_some((head.what, kept))
    }

    /// Listens until `deadline`, and begins a round now and after each `period`. With [`Deadline::Now`] it is one round, and one message at
    /// most.
    pub fn tend(&mut self, period: Duration, deadline: impl Into<Deadline>) -> Result<(), RegisterError> {
        let deadline = deadline.into();
        let mut round = Some(Instant::now());
        loop {
            if round.is_some_and(|round| Instant::now() >= round) {
                self.push()?;
                // After more time than there is, it is never due.
                round = Instant::now().checked_add(period);
            }
            let until = match (deadline, round) {
                (Deadline::Now, _) | (_, None) => deadline,
                (Deadline::At(time), Some(round)) => time.min(round).into(),
                (Deadline::Never, Some(round)) => round.into(),
            };
            match self.listen(until) {
                // Who sends without an end does not keep it from returning.
                Ok(_) | Err(RegisterError::Timeout) if deadline.has_passed(Instant::now) => return Ok(()),
                Ok(_) | Err(RegisterError::Timeout) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<T> fmt::Debug for Gossip<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gossip")
            .field("register", &self.register)
            .field("rank", &self.me.rank())
            .finish_non_exhaustive()
    }
}

/// The greater one is kept. Two values of one stamp are those of members that began with different ones, or lie; all keep the same one.
fn order<T: Pod>(kept: &Kept<T>) -> (Stamp, &[u8]) {
    (kept.stamp, bytes_of(&kept.value))
}

/// The time of day in microseconds, the same for all processes of this machine.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros().min(u128::from(LAST)) as u64)
}
