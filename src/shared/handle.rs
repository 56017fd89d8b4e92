//! What several threads hold of one endpoint.

use super::from::SharedFrom;
use super::joint::{Joint, Thread, Want, What};
use super::loan::OwnedLoan;
use super::mail::OwnedMail;
use super::to::SharedTo;
use crate::call::Reply;
use crate::endpoint::Endpoint;
use crate::error::{CallError, CloseError, Lost, RecvError, SendError};
use crate::half::Interrupter;
use crate::os;
use crate::rank::Source;
use crate::region::Region;
use crate::wait::pace::BURST;
use crate::wait::{Crew, Deadline, Found, Interrupted, Look, Waiter};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// An endpoint that several threads of a process use: what [`Endpoint::into_shared`] gives.
///
/// Each thread may send, receive and call at any time, also while others wait. It has a clone, or a reference.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let other = region.join(1)?;
/// # for _ in 0..4 { other.send(0, b"work")?; }
/// let shared = region.join(0)?.into_shared();
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| {
///             let mail = shared.recv().expect("mail"); // each of them once, to one of the threads
///             shared.send(mail.from(), b"done").expect("room");
///         });
///     }
/// });
/// # for _ in 0..4 { assert_eq!(other.recv()?.to_vec(), b"done"); }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// **The same as with an endpoint.** The mails of one sender are taken in order, and senders have turns. Which thread is
/// done first is up to the threads. A call that waits for a peer is told of its end within 75 ms. Receives from anyone are
/// told of each end once, in one of the threads.
///
/// **Different.** A mail is an [`OwnedMail`]. A receive returns [`RecvError::Held`] only for mails that its own thread took:
/// other threads are expected to drop theirs. So if mails go to a thread that waits for more without dropping them, nobody is
/// told; use a deadline. No receive returns [`RecvError::Crowded`]: what one leaves by its [tag](SharedFrom::tag), other threads
/// are expected to take. So give it a [budget](Endpoint::set_unread_budget) before, or a deadline, where a tag may come that
/// nobody takes. Mail from oneself, room in one's own mailbox, and an answer from oneself are waited for, because
/// another thread may bring them.
///
/// **Not here.** Announced messages are received as a whole, because a fetch by hand ([`Endpoint::set_by_hand`]) keeps its sender's
/// other announced messages from all threads. There is no [`Batch`](crate::Batch): it would hold back what other threads send;
/// use [`SharedTo::send_vectored`] for what belongs together. There is no [`Drain`](crate::Drain), because each mail takes a lock in
/// any case; use [`SharedFrom::iter`]. Nothing is started ([`Request`](crate::Request), [`Call`](crate::Call)): a thread each
/// waits instead. A [`Select`](crate::Select) has no arm for a `Shared`: a thread each waits for one of them. To take part in a
/// [`Comm`](crate::Comm), to publish a [`Topic`](crate::Topic), and for [`Endpoint::reset`], [`Endpoint::discard`] and
/// [`Endpoint::abandon`], [reunite](Shared::reunite) it first, or join as another rank.
///
/// **Waiting.** Nothing is locked while a thread waits. A thread that waits alone polls as the endpoint would
/// ([`Endpoint::set_wait`]). Where several wait, at most one polls. One of those that sleep sleeps on the rank's bell, and
/// wakes another when there is something for it.
///
/// **Leaving.** The rank is left when the last clone is dropped, and the last [`OwnedMail`], [`OwnedSending`](crate::OwnedSending),
/// [`OwnedLoan`] and [`OwnedBlock`](crate::OwnedBlock). If the last of them is dropped in a panic, or `main` returns while another
/// thread has one, the rank dies. A forked child does not inherit it: there every call returns [`Lost::Forked`].
///
/// **Cost.** A lock for each call, and a few more for one that waits. Bytes are copied under the lock, so threads that move
/// long messages wait for each other. A program whose threads have much to send each joins as several ranks instead.
pub struct Shared {
    pub(super) handle: Arc<Handle>,
}

/// What a clone has of its own.
pub struct Handle {
    state: Arc<State>,
    interrupter: Interrupter,
}

/// What all have.
struct State {
    crew: Crew<Joint>,
    rank: u32,
    epoch: u64,
    region: Region,
    process: u32,
    process_word: &'static AtomicU32,
}

impl Handle {
    /// Whether this is the process that joined. A lock that another thread held as it was forked is held in the child for
    /// ever.
    #[inline(always)]
    pub fn check(&self) -> Result<(), Lost> {
        let is_forked = self.state.process_word.load(Ordering::Relaxed) != self.state.process;
        if is_forked { Err(Lost::Forked) } else { Ok(()) }
    }

    /// The rank that all of them hold.
    pub fn rank(&self) -> u32 {
        self.state.rank
    }

    /// Whether this is a handle of the same endpoint.
    pub fn is_of_one_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    /// Does something with the endpoint. Waits for other threads that do, never for a peer.
    #[inline(always)]
    pub fn with<R>(&self, work: impl FnOnce(&Joint) -> R) -> Result<R, Lost> {
        self.check()?;
        Ok(self.state.crew.with(work))
    }

    /// As `with`, where it may bring what another thread waits for.
    pub fn stir<R>(&self, work: impl FnOnce(&Joint) -> R) -> Result<R, Lost> {
        self.check()?;
        Ok(self.state.crew.stir(work))
    }

    /// Waits, but not beyond the deadline, until `look` finds what is wanted; `None`: it did not. `pauses` are those between
    /// two polls.
    pub fn wait<R, E: From<Lost> + From<Interrupted>>(
        &self,
        what: What,
        deadline: Deadline,
        pauses: u32,
        mut look: impl FnMut(&Joint, Look) -> Result<Found<R>, E>,
    ) -> Result<Option<R>, E> {
        let mut look = |joint: &Joint, how| {
            joint.receiving().0.check()?;
            joint.tend();
            look(joint, how)
        };
        if let Some(found) = self.look_at_once(deadline, &mut look)? {
            return Ok(Some(found));
        }
        if deadline.is_now() {
            return Ok(None);
        }
        let crew = &self.state.crew;
        let mut look = |joint: &Joint, how| {
            let is_interrupted = self.interrupter.is_set();
            // What was there before comes first. Then the next wait is interrupted.
            match look(joint, if is_interrupted { Look::Thorough } else { how })? {
                Found::Nothing if is_interrupted && self.interrupter.take() => Err(Interrupted.into()),
                found => Ok(found),
            }
        };
        if let Some(found) = crew.poll(deadline, pauses, &mut look)? {
            return Ok(Some(found));
        }
        let want = Want { what, interrupter: self.interrupter.clone(), thread: Thread::this() };
        crew.wait(want, deadline, look)
    }

    /// Whether a call that has passed over so many events may go on.
    pub fn check_patience(&self, deadline: Deadline, passed: u64) -> Result<(), RecvError> {
        if deadline.is_over_after(passed) {
            return Err(RecvError::Timeout);
        }
        if self.interrupter.take() { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// What is there now. A call that does not wait hears of an end, too.
    fn look_at_once<R, E: From<Lost>>(
        &self,
        deadline: Deadline,
        look: &mut impl FnMut(&Joint, Look) -> Result<Found<R>, E>,
    ) -> Result<Option<R>, E> {
        self.check()?;
        // However long the peer goes on.
        for _ in 0..BURST {
            let found = self.state.crew.with(|joint| {
                if !deadline.is_now() {
                    return look(joint, Look::Soon);
                }
                match look(joint, Look::Thorough)? {
                    Found::Nothing => look(joint, Look::Check { query: joint.receiving().0.count_try() }),
                    found => Ok(found),
                }
            })?;
            match found {
                Found::All(found) => return Ok(Some(found)),
                Found::Some => {}
                Found::Nothing => break,
            }
        }
        Ok(None)
    }
}

impl Endpoint {
    /// An endpoint that several threads use at once. Never waits.
    ///
    /// An endpoint itself is for one thread at a time, which the compiler sees to; [`Endpoint::into_split`] makes halves for two.
    ///
    /// ```compile_fail,E0277
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let me = region.join(0)?;
    /// std::thread::scope(|scope| {
    ///     // One thread at a time can use `Endpoint`: the compiler names `into_split()` and `into_shared()`.
    ///     scope.spawn(|| me.send(1, b"one"));
    ///     scope.spawn(|| me.send(1, b"two"));
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Interrupter`]s made before end waits of the handle that this gives. Announced messages that are fetched
    /// [by hand](Endpoint::set_by_hand) are not from then on.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let me = me.into_shared();
    /// let receiver = std::thread::spawn({
    ///     let me = me.clone();
    ///     move || me.recv().map(|mail| mail.to_vec())
    /// });
    /// me.send(1, b"meanwhile")?; // while the other thread waits
    /// assert_eq!(other.recv()?.to_vec(), b"meanwhile");
    /// other.send(0, b"hello")?;
    /// assert_eq!(receiver.join().unwrap()?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_shared(self) -> Shared {
        self.set_by_hand(false);
        // Requests that were forgotten: the threads would not go on with them.
        let (sender, receiver) = self.halves();
        let (member, outbox) = sender.parts();
        outbox.abandon_all(member);
        receiver.parts().1.withdraw_all();
        let (rank, epoch, region) = (self.rank(), self.epoch(), self.region().clone());
        let joint = Joint::new(self);
        joint.share(true);
        let bells = region.registry.record(rank).part(|record| &*record.bells);
        let interrupter = joint.endpoint.interrupter();
        let (process, process_word) = (os::process(), os::process_word());
        let state = State { crew: Crew::new(bells, joint), rank, epoch, region, process, process_word };
        Shared { handle: Arc::new(Handle { state: Arc::new(state), interrupter }) }
    }
}

impl Shared {
    /// The rank.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(4))?;
    /// let me = region.join(3)?.into_shared();
    /// assert_eq!((me.rank(), me.epoch(), me.region().ranks()), (3, 1, 4));
    /// assert_eq!(me.clone().rank(), 3, "all of them are one rank");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rank(&self) -> u32 {
        self.handle.rank()
    }

    /// How often the rank has been joined, this time included. [`Shared::rank`] has an example.
    pub fn epoch(&self) -> u64 {
        self.handle.state.epoch
    }

    /// The region. [`Shared::rank`] has an example.
    pub fn region(&self) -> &Region {
        &self.handle.state.region
    }

    /// How to send to this rank, or to call it: [`SharedTo`] has the methods. Those that wait do so as long as it takes, unless
    /// [`SharedTo::within`] sets a limit.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// me.to(1).within(Duration::from_millis(50)).send(b"hello")?;
    /// # assert_eq!(other.recv()?.to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn to(&self, rank: u32) -> SharedTo<'_> {
        SharedTo::new(&self.handle, rank)
    }

    /// How to receive from this rank: [`SharedFrom`] has the methods. Those that wait do so as long as it takes, unless
    /// [`SharedFrom::within`] sets a limit.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # other.send(0, b"hello")?;
    /// let mail = me.from(1).within(Duration::from_millis(50)).recv()?;
    /// assert_eq!(mail.to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn from(&self, source: impl Into<Source>) -> SharedFrom<'_> {
        SharedFrom::new(&self.handle, source.into())
    }

    /// As [`Shared::from`], from whichever rank.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// other.to(0).tag(1).send(b"one")?;
    /// other.to(0).tag(2).send(b"two")?;
    /// let mail = me.from_any().tag(2).recv()?;
    /// assert_eq!((mail.from(), mail.to_vec()), (1, b"two".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn from_any(&self) -> SharedFrom<'_> {
        SharedFrom::new(&self.handle, Source::Anyone)
    }

    /// Sends `bytes` to `to`; waits while the mailbox is full. As [`Endpoint::send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// std::thread::scope(|scope| {
    ///     let sent = [b"one", b"two"].map(|line| scope.spawn({ let me = &me; move || me.send(1, line) }));
    ///     sent.map(|thread| thread.join().unwrap().expect("room"));
    /// });
    /// let mut lines = [other.recv()?.to_vec(), other.recv()?.to_vec()];
    /// lines.sort();
    /// assert_eq!(lines, [b"one", b"two"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.to(to).send(bytes)
    }

    /// Sends `bytes` to `to` if there is room now, else [`SendError::Full`]. As [`Endpoint::try_send`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # let region = Region::create_unnamed(Config::ranks(2).cells(64))?;
    /// # let (me, _other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let sent = (0..).take_while(|_| me.try_send(1, b"tick").is_ok()).count();
    /// assert_eq!((sent, me.try_send(1, b"tick")), (64, Err(SendError::Full(1))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_send(&self, to: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.to(to).try_send(bytes)
    }

    /// The next mail from anyone; waits until there is one. As [`Endpoint::recv`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let workers = [me.clone(), me].map(|me| std::thread::spawn(move || me.recv().map(|mail| mail.to_vec())));
    /// other.send(0, b"job")?;
    /// other.send(0, b"job")?;
    /// for worker in workers {
    ///     assert_eq!(worker.join().unwrap()?, b"job", "each has one of them");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn recv(&self) -> Result<OwnedMail, RecvError> {
        self.from_any().recv()
    }

    /// The next mail from anyone, if there is one now. As [`Endpoint::try_recv`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// assert!(me.try_recv()?.is_none(), "nothing was sent");
    /// other.send(0, b"hello")?;
    /// assert_eq!(me.try_recv()?.expect("it is there").to_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<Option<OwnedMail>, RecvError> {
        self.from_any().try_recv()
    }

    /// Begins a loan of up to `max` bytes. As [`Endpoint::loan`]; any thread may write and send it.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let [me, one, two] = [0, 1, 2].map(|rank| region.join(rank).unwrap().into_shared());
    /// use std::io::Write;
    /// let mut loan = me.loan(10 << 20)?;
    /// writeln!(loan, "written once")?;
    /// let len = loan.written();
    /// let block = loan.commit(len);
    /// std::thread::scope(|scope| {
    ///     let sent = [1, 2].map(|rank| scope.spawn({ let block = &block; move || block.send(rank) }));
    ///     sent.map(|thread| thread.join().unwrap().expect("room"));
    /// });
    /// # for other in [one, two] { assert_eq!(other.recv()?.to_vec(), b"written once\n"); }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loan(&self, max: usize) -> Result<OwnedLoan, SendError> {
        OwnedLoan::begin(&self.handle, max)
    }

    /// Begins a loan of up to `max` bytes, and waits until there is room, but no longer than `deadline`. As
    /// [`Endpoint::loan_within`], but what other threads hold is waited for, too: it may be this thread's.
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
    /// # let me = region.join(0)?.into_shared();
    /// let all = me.loan(1 << 20)?;
    /// let waiting = std::thread::spawn({
    ///     let me = me.clone();
    ///     move || me.loan_within(1 << 20, Duration::from_secs(10)).map(|loan| loan.len())
    /// });
    /// drop(all); // another thread waits for it
    /// assert_eq!(waiting.join().unwrap()?, 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loan_within(&self, max: usize, deadline: impl Into<Deadline>) -> Result<OwnedLoan, SendError> {
        OwnedLoan::begin_within(&self.handle, max, deadline.into())
    }

    /// Asks `to`, and waits for the answer. As [`Endpoint::call`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, server) = (region.join(0)?.into_shared(), region.join(1)?.into_shared());
    /// # let serving = std::thread::spawn(move || {
    /// #     for _ in 0..2 { server.recv().unwrap().reply(b"4").unwrap(); }
    /// # });
    /// std::thread::scope(|scope| {
    ///     for _ in 0..2 {
    ///         scope.spawn(|| assert_eq!(*me.call(1, b"2 + 2").unwrap(), *b"4"));
    ///     }
    /// });
    /// # serving.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn call(&self, to: u32, request: &[u8]) -> Result<Reply, CallError> {
        self.to(to).call(request)
    }

    /// What ends a wait of a call made through this handle, or on a mail that it gave, from any thread or signal handler.
    /// Clones have their own.
    ///
    /// ```
    /// # use mailbox::{Config, Region, RecvError};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?.into_shared();
    /// let worker = me.clone();
    /// let interrupter = worker.interrupter();
    /// let waiting = std::thread::spawn(move || worker.recv().map(drop));
    /// interrupter.interrupt();
    /// assert_eq!(waiting.join().unwrap(), Err(RecvError::Interrupted));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interrupter(&self) -> Interrupter {
        self.handle.interrupter.clone()
    }

    /// The endpoint, if this is the last handle, and no [`OwnedMail`] or the like keeps the rank; else itself. The [`Interrupter`]s of the first
    /// handle are the endpoint's, those of clones end nothing any more.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// let shared = region.join(0)?.into_shared();
    /// let clone = shared.clone();
    /// let shared = shared.reunite().unwrap_err();
    /// drop(clone);
    /// let me = shared.reunite().unwrap();
    /// # assert_eq!(me.rank(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reunite(self) -> Result<Endpoint, Self> {
        let Handle { state, interrupter } = Arc::try_unwrap(self.handle).map_err(|handle| Self { handle })?;
        match Arc::try_unwrap(state) {
            Ok(state) => {
                let joint = state.crew.into_inner();
                joint.share(false);
                Ok(joint.endpoint)
            }
            Err(state) => Err(Self { handle: Arc::new(Handle { state, interrupter }) }),
        }
    }

    /// Drops this handle. If it was the last one, and no [`OwnedMail`] or the like keeps the rank, it leaves the region, and says whether that
    /// was closed, as [`Endpoint::close`] does.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Status};
    /// # let region = Region::create_unnamed(Config::ranks(1))?;
    /// let (me, clone) = (region.join(0)?.into_shared(), region.clone());
    /// let other = me.clone();
    /// me.close()?;
    /// assert_eq!(clone.status(0), Some((Status::Live, 1)), "another handle is left");
    /// other.close()?;
    /// assert_eq!(clone.status(0), Some((Status::Left, 1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(self) -> Result<(), CloseError> {
        // Of handles that are closed at once, exactly one is the last.
        let state = Arc::into_inner(self.handle).and_then(|handle| Arc::into_inner(handle.state));
        let Some(state) = state else { return Ok(()) };
        let joint = state.crew.into_inner();
        joint.share(false);
        joint.endpoint.close()
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        let Handle { state, interrupter } = &*self.handle;
        let (state, interrupter) = (state.clone(), interrupter.for_another());
        Self { handle: Arc::new(Handle { state, interrupter }) }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("rank", &self.rank())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
