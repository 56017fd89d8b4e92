//! The process that is a register.

use super::serving::{Served, receive};
use super::wire::{self, Head};
use super::{Register, RegisterError};
use bytemuck::{Pod, bytes_of};
use core::fmt;
use mailbox::{Deadline, Endpoint, Mail};

/// The one process that keeps an owned register. It answers reads, writes and compare-and-swaps of all others, one after another.
///
/// It takes the endpoint: all mail of that rank is for the register. When it is dropped, the rank is left, and the value is gone.
///
/// ```
/// use mailbox::{Config, Deadline, Region};
/// use mailbox_patterns::register::{Owner, Register, Remote};
///
/// const SEATS: Register<u64> = Register::new("seats");
///
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let other_region = region.clone();
/// # let owner = std::thread::spawn(move || {
/// #     let region = other_region;
/// // The owner
/// let mut owner = Owner::new(region.join(0)?, &SEATS, 3)?;
/// while owner.get() > 0 {
///     owner.serve(Deadline::Never)?;
/// }
/// #     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # });
///
/// // Another process: takes a seat, also if others do so at the same time
/// let me = region.join(1)?;
/// let mut seats = Remote::new(&me, &SEATS, 0)?;
/// let mut left = seats.read()?;
/// while left > 0 {
///     match seats.compare_and_swap(&left, &(left - 1))? {
///         Ok(()) => left -= 1,
///         Err(now) => left = now,
///     }
/// }
/// # owner.join().expect("no panic").expect("no error");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Owner<T> {
    me: Endpoint,
    key: u64,
    value: T,
}

impl<T: Pod> Owner<T> {
    /// From now on `me` is this register, and has this value. Calls that came before are answered, too.
    pub fn new(me: Endpoint, register: &Register<T>, value: T) -> Result<Self, RegisterError> {
        register.check_len(&me, 2, size_of::<Head>())?;
        // What is announced is nonsense. It takes no memory.
        me.set_by_hand(true);
        Ok(Self { me, key: register.key(), value })
    }

    /// The value now. Costs nothing.
    pub fn get(&self) -> T {
        self.value
    }

    /// Writes it. Costs nothing.
    pub fn set(&mut self, value: T) {
        self.value = value;
    }

    /// Waits for the next request, carries it out, and answers it. [`RegisterError::Timeout`] if none comes until `deadline`;
    /// [`Deadline::Now`] does not wait. Never waits for the one that asks.
    pub fn serve(&mut self, deadline: impl Into<Deadline>) -> Result<Served, RegisterError> {
        match receive(&self.me, deadline.into())? {
            Ok(mail) => {
                let (served, value) = self.carry_out(mail);
                self.value = value;
                Ok(served)
            }
            Err(served) => Ok(served),
        }
    }

    /// What was done, and the value after it.
    fn carry_out(&self, mail: Mail<'_>) -> (Served, T) {
        let (from, life) = (mail.from(), self.me.epoch());
        let bytes = wire::bytes_of_mail(&mail, size_of::<Head>() + 2 * size_of::<T>()).unwrap_or_default();
        let Some((head, values)) = wire::split::<Head>(&bytes).filter(|_| mail.is_call()) else {
            wire::answer(mail, life, wire::NONSENSE, &[]);
            return (Served::Nonsense { from }, self.value);
        };
        let refusal = match () {
            () if head.key != self.key => Some(wire::UNKNOWN),
            () if head.context != 0 && head.context != life => Some(wire::OTHER_LIFE),
            () => None,
        };
        if let Some(code) = refusal {
            wire::answer(mail, life, code, &[]);
            return (Served::Refused { from }, self.value);
        }
        let now = bytes_of(&self.value);
        let (served, value) = match (head.what, wire::only(values), wire::only::<[T; 2]>(values)) {
            (wire::READ, ..) if values.is_empty() => {
                wire::answer(mail, life, wire::DONE, &[now]);
                (Served::Read { from }, self.value)
            }
            (wire::WRITE, Some(value), _) => {
                wire::answer(mail, life, wire::DONE, &[]);
                (Served::Written { from }, value)
            }
            (wire::SWAP, _, Some([expected, new])) if bytes_of(&expected) == now => {
                wire::answer(mail, life, wire::DONE, &[]);
                (Served::Swapped { from }, new)
            }
            (wire::SWAP, _, Some(_)) => {
                wire::answer(mail, life, wire::NOT_SWAPPED, &[now]);
                (Served::NotSwapped { from }, self.value)
            }
            _ => {
                wire::answer(mail, life, wire::NONSENSE, &[]);
                (Served::Nonsense { from }, self.value)
            }
        };
        (served, value)
    }
}

impl<T> fmt::Debug for Owner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").field("rank", &self.me.rank()).finish_non_exhaustive()
    }
}
