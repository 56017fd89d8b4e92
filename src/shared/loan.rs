//! What any thread writes once for any number of receivers.

use super::handle::Handle;
use super::joint::What;
use super::sending;
use crate::abi::Label;
use crate::error::{Broken, SendError};
use crate::memory::{self, Shared};
use crate::ring::Loan as Lent;
use crate::send::Lending;
use crate::sync::AtomicU64;
use crate::wait::pace::POLL_PAUSES;
use crate::wait::{Deadline, Found, Look, Operation};
use core::fmt;
use std::sync::Arc;

/// A payload that is being written where its receivers will read it, by any thread: what [`Shared::loan`](crate::Shared::loan)
/// returns. Dropping it gives the memory back. It keeps the endpoint, as an [`OwnedMail`](crate::OwnedMail) does.
///
/// Otherwise as a [`Loan`](crate::Loan). Bytes are written without a lock.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
/// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
/// let mut picture = me.loan(640 * 480)?;
/// // A thread draws it, while others use the endpoint.
/// let drawing = std::thread::spawn(move || {
///     for line in 0..480 {
///         picture.write_at(line * 640, &[line as u8; 640]);
///     }
///     picture.commit(640 * 480)
/// });
/// drawing.join().unwrap().send(1)?;
/// # assert_eq!(other.recv()?.to_vec()[640], 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OwnedLoan {
    held: Held,
    written: usize,
}

/// A part of the area for loans that its owner holds, until this is dropped.
struct Held {
    handle: Arc<Handle>,
    area: Shared<[AtomicU64]>,
    lent: Lent,
}

impl Held {
    fn words(&self) -> &[AtomicU64] {
        &self.area[self.lent.words()]
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // In a forked child it is its parent's. Others may wait for the room.
        let _ = self.handle.stir(|joint| joint.sending().1.end_loan(&self.lent));
    }
}

impl OwnedLoan {
    pub(super) fn begin(handle: &Arc<Handle>, max: usize) -> Result<Self, SendError> {
        let begun = handle.with(|joint| {
            let (member, outbox) = joint.sending();
            let lent = outbox.begin_loan(member, max)?;
            Ok::<_, SendError>((lent, outbox.area().ok_or(Broken::NoSpace(member.rank()))?))
        });
        let (lent, area) = begun??;
        Ok(Self { held: Held { handle: handle.clone(), area, lent }, written: 0 })
    }

    pub(super) fn begin_within(
        handle: &Arc<Handle>,
        max: usize,
        deadline: Deadline,
    ) -> Result<Self, SendError> {
        let begun: Result<_, SendError> = handle.wait(What::Lending, deadline, POLL_PAUSES, |joint, how| {
            let (member, outbox) = joint.sending();
            let mut lending = Lending::of_several(member, outbox, max);
            let is_found = match how {
                Look::Soon | Look::Brief => lending.look(false),
                Look::Thorough => lending.look(true),
                Look::Check { query } => lending.check(query),
            };
            is_found?;
            let Some(lent) = lending.lent.take() else { return Ok(Found::Nothing) };
            Ok(Found::All((lent, outbox.area().ok_or(Broken::NoSpace(member.rank()))?)))
        });
        let (lent, area) = begun?.ok_or(deadline.without_room(handle.rank()))?;
        Ok(Self { held: Held { handle: handle.clone(), area, lent }, written: 0 })
    }

    /// How many bytes it can hold: as many as were asked for. [`OwnedLoan::write_at`] has an example.
    pub fn len(&self) -> usize {
        self.held.lent.len as usize
    }

    /// Whether it can hold none. [`OwnedLoan::write_at`] has an example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes were written through [`io::Write`](std::io::Write). [`OwnedLoan::write_at`] has an example.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Writes `bytes` at `offset`. As [`Loan::write_at`](crate::Loan::write_at).
    ///
    /// # Panics
    /// If `bytes` do not fit behind `offset`.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::io::Write;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let mut loan = me.loan(1000)?;
    /// assert_eq!((loan.len(), loan.is_empty(), loan.written()), (1000, false, 0));
    /// loan.write_all(b"?: a list")?;
    /// loan.write_at(0, b"7");
    /// assert_eq!(loan.written(), 9, "what goes to a place is not counted");
    /// loan.commit(9).send(1)?;
    /// assert_eq!(other.recv()?.to_vec(), b"7: a list");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len()), "beyond the loan");
        let held = &self.held;
        // A forked child would write into its parent's loan.
        if let Ok(Ok(())) = held.handle.with(|joint| joint.sending().0.check()) {
            memory::store_at(held.words(), offset, bytes);
        }
    }

    /// The payload in place.
    ///
    /// # Safety
    /// As for [`Loan::as_mut_slice`](crate::Loan::as_mut_slice).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let mut loan = me.loan(1000)?;
    /// // SAFETY: all processes of this region are this program, and none forks.
    /// let image = unsafe { loan.as_mut_slice() };
    /// image.iter_mut().enumerate().for_each(|(at, pixel)| *pixel = (at % 256) as u8);
    /// loan.commit(1000).send(1)?;
    /// assert_eq!(other.recv()?.to_vec()[255..258], [255, 0, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(unsafe_code, reason = "the caller trusts the peers")]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        let len = self.len();
        // SAFETY: this loan has the only access by this process; the caller answers for the peers (I4).
        unsafe { memory::borrow_mut(self.held.words(), len) }
    }

    /// Ends the writing. The first `len` bytes can be sent from now on. Never waits for a peer.
    ///
    /// # Panics
    /// If `len` is larger than [`OwnedLoan::len`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let mut loan = me.loan(1000)?;
    /// loan.write_at(0, b"a list, and something else");
    /// let block = loan.commit(6); // only this much of it
    /// assert_eq!(block.len(), 6);
    /// block.send(1)?;
    /// assert_eq!(other.recv()?.to_vec(), b"a list");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn commit(self, len: usize) -> OwnedBlock {
        assert!(len <= self.len(), "beyond the loan");
        let Self { mut held, .. } = self;
        let Held { handle, lent, .. } = &mut held;
        // In a forked child it is its parent's. Others may wait for the rest.
        let _ = handle.stir(|joint| joint.sending().1.shorten_loan(lent, len));
        OwnedBlock { held, label: Label::NONE }
    }
}

memory::write_in_order!(OwnedLoan);

/// A payload that any thread can send to any number of receivers: an [`OwnedLoan`] that was committed. It keeps the endpoint.
///
/// Otherwise as a [`Block`](crate::Block).
///
/// ```
/// # use mailbox::{Config, Region};
/// # use std::io::Write;
/// # let region = Region::create_unnamed(Config::ranks(3).loans(1 << 20))?;
/// # let [me, one, two] = [0, 1, 2].map(|rank| region.join(rank).unwrap().into_shared());
/// # for reader in [&one, &two] { reader.send(0, b"the map, please")?; }
/// let mut loan = me.loan(1 << 20)?;
/// write!(loan, "a map")?;
/// let map = loan.commit(5);
/// // Whichever thread is asked sends the same bytes; nobody copies them.
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| map.send(me.recv().expect("mail").from()).expect("room"));
///     }
/// });
/// # for reader in [one, two] { assert_eq!(reader.recv()?.to_vec(), b"a map"); }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OwnedBlock {
    held: Held,
    label: Label,
}

impl OwnedBlock {
    /// Its length in bytes. [`OwnedBlock::send`] has an example.
    pub fn len(&self) -> usize {
        self.held.lent.len as usize
    }

    /// Whether it has no bytes. [`OwnedBlock::send`] has an example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is sent from now on carries this tag. As [`Block::tag`](crate::Block::tag).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let block = me.loan(1000)?.commit(9).tag(7);
    /// block.send(1)?;
    /// assert_eq!(other.recv()?.tag(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag(self, tag: u32) -> Self {
        Self { label: Label { tag, ..self.label }, ..self }
    }

    /// Sends it to `rank`. Waits while the mailbox has no free cell. As [`Block::send`](crate::Block::send).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let (me, one, two) = (region.join(0)?.into_shared(), region.join(1)?, region.join(2)?);
    /// let mut loan = me.loan(1000)?;
    /// loan.write_at(0, b"a map");
    /// let map = loan.commit(5);
    /// assert_eq!((map.len(), map.is_empty()), (5, false));
    /// map.send(1)?;
    /// map.send(2)?;
    /// assert_eq!([one.recv()?.to_vec(), two.recv()?.to_vec()], [b"a map"; 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, rank: u32) -> Result<(), SendError> {
        self.send_within(rank, Deadline::Never)
    }

    /// Sends it to `rank`, and waits no longer than `deadline`. As [`Block::send_within`](crate::Block::send_within).
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let block = me.loan(1000)?.commit(1000);
    /// block.send_within(1, Duration::from_millis(10))?;
    /// # assert_eq!(other.recv()?.len(), 1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_within(&self, rank: u32, deadline: impl Into<Deadline>) -> Result<(), SendError> {
        let Held { handle, lent, .. } = &self.held;
        sending::put(handle, (rank, 0), deadline.into(), |member, outbox, peer, slot| {
            outbox.refer(member, peer, slot.labelled(self.label), *lent)
        })
    }
}

impl fmt::Debug for OwnedLoan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedLoan").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedBlock").field("len", &self.len()).finish_non_exhaustive()
    }
}
