//! An announced message under way, as its receiver sees it.

use super::Mail;
use crate::error::{FetchError, RecvError};
use crate::wait::Deadline;
use core::fmt;
use std::io;
use std::thread::panicking;

/// An announced message that is fetched: what [`Mail::fetch`](crate::Mail::fetch) returns, for any other mail, too. Dropping it
/// acknowledges the message if all of it was fetched. Otherwise, and while the thread unwinds from a panic, it refuses it.
///
/// Its bytes come from front to back, straight into the buffers given here. Nothing of them is kept in between. It is an
/// [`io::Read`], too.
///
/// One message of a sender is fetched at a time. Until this one is dropped, to fetch a second one returns [`FetchError::Held`],
/// and to receive one that is not fetched by hand returns [`RecvError::Held`].
///
/// ```
/// # use mailbox::{Config, Region};
/// # use std::io::Write;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let other = std::thread::spawn(move || other.send(0, &vec![7; 4 << 20]));
/// # let mut file = vec![];
/// me.set_by_hand(true);
/// let mut arrival = me.recv()?.fetch();
/// let mut piece = vec![0; 64 << 10];
/// while arrival.left() > 0 {
///     let count = arrival.fetch(&mut piece)?;
///     file.write_all(&piece[..count])?;
///     println!("{} of {} bytes are still to come", arrival.left(), arrival.len());
/// }
/// drop(arrival); // its sender is told that all of it came
/// # other.join().unwrap()?;
/// # assert_eq!(file, vec![7; 4 << 20]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it refuses the message"]
pub struct Arrival<'a> {
    /// The announcement, or the mail that has the bytes; `None` once all of them came, or no more will.
    mail: Option<Mail<'a>>,
    from: u32,
    len: u64,
    left: u64,
    /// Whether it was asked for.
    comes: bool,
}

impl<'a> Arrival<'a> {
    pub(super) fn new(mail: Mail<'a>) -> Self {
        let len = mail.announced().unwrap_or(mail.len() as u64);
        Self { from: mail.from(), mail: Some(mail), len, left: len, comes: false }
    }

    /// Who sends it. [`Arrival::fetch`] has an example.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// The length of the message in bytes. [`Arrival::fetch`] has an example.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the message has no bytes. [`Arrival::fetch`] has an example.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many of its bytes were not fetched yet. [`Arrival::fetch`] has an example.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Copies the next bytes to the front of `buffer`, as many as are there and fit, and returns how many: 0 at the end, or if
    /// `buffer` is empty. Waits until there is one. The first call asks the sender for the message.
    ///
    /// [`FetchError::Cut`] if its sender gave it up or was replaced, and [`FetchError::Gone`] if its sender ended: then no more
    /// of it comes. [`Broken::NoSpace`](crate::Broken::NoSpace) and [`FetchError::Held`] come before the first byte, and
    /// the call can be tried again.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// other.send(0, b"hello world")?;
    /// let mut arrival = me.recv()?.fetch();
    /// let mut buffer = [0; 6];
    /// assert_eq!((arrival.fetch(&mut buffer)?, &buffer), (6, b"hello "));
    /// assert_eq!((arrival.from(), arrival.len(), arrival.is_empty()), (1, 11, false));
    /// assert_eq!(arrival.left(), 5);
    /// assert_eq!((arrival.fetch(&mut buffer)?, &buffer[..5]), (5, &b"world"[..]));
    /// assert_eq!(arrival.fetch(&mut buffer)?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fetch(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        self.next(buffer, Deadline::Never)
    }

    /// Waits no longer than `deadline`. Then it returns [`FetchError::Timeout`], and nothing is lost. Otherwise as
    /// [`Arrival::fetch`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let other = std::thread::spawn(move || other.send(0, &vec![7; 4 << 20]));
    /// me.set_by_hand(true);
    /// let mut arrival = me.recv()?.fetch();
    /// let mut buffer = [0; 1000];
    /// let len = arrival.fetch_within(&mut buffer, Duration::from_secs(10))?;
    /// assert!(len > 0 && buffer[..len].iter().all(|byte| *byte == 7));
    /// # drop(arrival);
    /// # drop(me);
    /// # assert!(other.join().unwrap().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fetch_within(
        &mut self,
        buffer: &mut [u8],
        deadline: impl Into<Deadline>,
    ) -> Result<usize, FetchError> {
        self.next(buffer, deadline.into())
    }

    pub(super) fn next(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, FetchError> {
        let Some(mail) = &self.mail else {
            return if self.left == 0 { Ok(0) } else { Err(FetchError::Cut(self.from)) };
        };
        if mail.announced().is_none() {
            let taken = mail.read_at((self.len - self.left) as usize, buffer);
            self.left -= taken as u64;
            return Ok(taken);
        }
        if !self.comes {
            mail.begin_fetch(self.len)?;
            self.comes = true;
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let taken = if most == 0 { Ok(0) } else { mail.fetch_next(&mut buffer[..most], deadline) };
        match taken {
            Ok(taken) => self.left -= taken as u64,
            Err(FetchError::Timeout(_) | FetchError::Interrupted) => {}
            Err(_) => self.end(false),
        }
        taken
    }

    /// Copies all of it to the front of a buffer, if a message of its length fits. Its sender and its length. If it does not
    /// fit, it is left where it is. `None` if its sender gives it up meanwhile: it never comes, and what follows does.
    pub(super) fn copy_all(
        mut self,
        (buffer, fits): (&mut [u8], impl FnOnce(u64) -> bool),
        deadline: Deadline,
    ) -> Result<Option<(u32, usize)>, RecvError> {
        let (rank, len) = (self.from, self.len);
        if !fits(len) {
            self.put_back();
            return Err(RecvError::Misfit { rank, len });
        }
        let mut filled = 0;
        loop {
            match self.next(&mut buffer[filled..], deadline) {
                Ok(0) => return Ok(Some((rank, filled))),
                Ok(more) => filled += more,
                Err(error) => {
                    self.put_back();
                    return match error {
                        FetchError::Timeout(_) => Err(RecvError::Timeout),
                        FetchError::Interrupted => Err(RecvError::Interrupted),
                        FetchError::Gone { rank, died } => Err(RecvError::Gone { rank, died }),
                        FetchError::Cut(_) => Ok(None),
                        FetchError::Held(rank) => Err(RecvError::Held(rank)),
                        FetchError::Broken(broken) => Err(broken.into()),
                    };
                }
            }
        }
    }

    /// Leaves a message that was not asked for where it is, as if it had not been received; refuses another.
    fn put_back(mut self) {
        match self.mail.take() {
            Some(mail) if !self.comes => mail.put_back(),
            mail => {
                self.mail = mail;
                self.end(false);
            }
        }
    }

    /// Refuses the message, also if all of it was fetched.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.set_by_hand(true);
    /// let sender = std::thread::spawn(move || other.send(0, &vec![7; 4 << 20]));
    /// let mut arrival = me.recv()?.fetch();
    /// let mut head = [0; 100];
    /// arrival.fetch(&mut head)?;
    /// arrival.refuse(); // the head was enough
    /// assert_eq!(sender.join().unwrap(), Err(SendError::Refused(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse(mut self) {
        self.end(false);
    }

    /// Tells the sender, once, that all of it came, or that it is not wanted.
    fn end(&mut self, is_received: bool) {
        if self.comes
            && let Some(mail) = self.mail.take()
        {
            mail.end_fetch(is_received);
        }
    }
}

impl io::Read for Arrival<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.fetch(buffer)?)
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        // One that was not asked for is a mail as any.
        self.end(self.left == 0 && !panicking());
    }
}

impl fmt::Debug for Arrival<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("from", &self.from)
            .field("len", &self.len)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
