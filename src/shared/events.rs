//! Events of a shared endpoint: mail, and who comes and goes.

use super::handle::{Handle, Shared};
use super::joint::{Joint, Taker, What};
use super::mail::OwnedMail;
use super::receiving::is_found;
use crate::endpoint::{Event, next_until_alone};
use crate::error::RecvError;
use crate::receive::{News, Told, Wanted};
use crate::wait::{Deadline, Found, Look};
use core::fmt;
use core::iter::FusedIterator;
use std::sync::Arc;

impl Shared {
    /// The next mail from anyone, or who has joined, left or died; waits until there is something to tell. As
    /// [`Endpoint::next_event`](crate::Endpoint::next_event).
    ///
    /// One of the threads gets each event. An end is told after the last mail of that life was received; another thread may
    /// still be at work on that mail.
    ///
    /// It tells nothing of topics: their readers borrow an [`Endpoint`](crate::Endpoint).
    ///
    /// ```
    /// # use mailbox::{Config, Event, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, worker) = (region.join(0)?.into_shared(), region.join(1)?);
    /// # worker.send(0, b"done")?;
    /// # drop(worker);
    /// loop {
    ///     match me.next_event()? {
    ///         Event::Mail(mail) => _ = std::thread::spawn(move || println!("{:?}", mail.into_vec())).join(),
    ///         Event::Joined { rank, .. } => println!("rank {rank} is there"),
    ///         Event::Left { rank, .. } | Event::Died { rank, .. } => println!("rank {rank} is gone"),
    ///         Event::Alone => break,
    ///         _ => {}
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event(&self) -> Result<Event<OwnedMail>, RecvError> {
        next_event(&self.handle, None, Deadline::Never)
    }

    /// As [`Shared::next_event`]; waits no longer than until `deadline`, then [`RecvError::Timeout`].
    ///
    /// ```
    /// # use mailbox::{Config, Event, RecvError, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// assert!(matches!(me.next_event_within(Duration::from_secs(1))?, Event::Joined { rank: 1, .. }));
    /// assert_eq!(me.next_event_within(Duration::from_millis(1)).err(), Some(RecvError::Timeout));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event_within(&self, deadline: impl Into<Deadline>) -> Result<Event<OwnedMail>, RecvError> {
        next_event(&self.handle, None, deadline.into())
    }

    /// An iterator over the mail from anyone that ends when the last other rank has ended which was there, after all of their mail
    /// was received. As [`Endpoint::until_alone`](crate::Endpoint::until_alone).
    ///
    /// It ends in each thread that has it or a clone of it, wherever [`Event::Alone`] is told. So make it before the threads:
    /// one that is made later waits until somebody has come again.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let me = region.join(0)?.into_shared();
    /// # for rank in 1..3 { region.join(rank)?.send(0, &u64::from(rank).to_ne_bytes())?; }
    /// let (mails, sum) = (me.until_alone(), AtomicU64::new(0));
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         let mails = mails.clone();
    ///         scope.spawn(|| {
    ///             for mail in mails {
    ///                 sum.fetch_add(mail.expect("mail").value().expect("a number"), Relaxed);
    ///             }
    ///         });
    ///     }
    /// });
    /// // All others have left, or died.
    /// assert_eq!(sum.into_inner(), 1 + 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn until_alone(&self) -> SharedUntilAlone<'_> {
        // In a forked child the first item says so.
        let since = self.handle.with(|joint| joint.receiving().1.times_alone()).unwrap_or_default();
        SharedUntilAlone { handle: &self.handle, since, deadline: Deadline::Never, is_over: false }
    }
}

/// An iterator over mail that ends when nobody is left: what [`Shared::until_alone`] returns. Each thread has a clone.
///
/// ```
/// # use mailbox::{Config, Region, SharedUntilAlone};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let me = region.join(0)?.into_shared();
/// # for rank in 1..3 { region.join(rank)?.send(0, b"done")?; }
/// /// How many mails this thread gets before all others are gone, or the time is over.
/// fn count(mails: SharedUntilAlone<'_>) -> usize {
///     mails.take_while(|mail| mail.is_ok()).count()
/// }
/// let mails = me.until_alone().within(Duration::from_secs(60));
/// let counts = std::thread::scope(|scope| {
///     let threads = [mails.clone(), mails.clone()].map(|mails| scope.spawn(|| count(mails)));
///     threads.map(|thread| thread.join().unwrap())
/// });
/// assert_eq!(counts.iter().sum::<usize>(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "it receives nothing until it is asked for mail"]
pub struct SharedUntilAlone<'a> {
    handle: &'a Arc<Handle>,
    /// How many times it had been told that nobody is left.
    since: u64,
    deadline: Deadline,
    is_over: bool,
}

impl SharedUntilAlone<'_> {
    /// It waits no longer than until `deadline`, for all mail together. Then it gives [`RecvError::Timeout`], and ends.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, _other) = (region.join(0)?.into_shared(), region.join(1)?);
    /// let mut mails = me.until_alone().within(Duration::from_millis(1));
    /// assert_eq!(mails.next().expect("rank 1 is there").err(), Some(RecvError::Timeout));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into(), ..self }
    }
}

impl Iterator for SharedUntilAlone<'_> {
    type Item = Result<OwnedMail, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { handle, since, deadline, .. } = *self;
        let patience = |passed| handle.check_patience(deadline, passed);
        next_until_alone(&mut self.is_over, patience, || next_event(handle, Some(since), deadline))
    }
}

impl FusedIterator for SharedUntilAlone<'_> {}

impl fmt::Debug for SharedUntilAlone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedUntilAlone").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

/// The next event. A thread that knows how many times it `since` was told that nobody is left is told of each time.
fn next_event(
    handle: &Arc<Handle>,
    since: Option<u64>,
    deadline: Deadline,
) -> Result<Event<OwnedMail>, RecvError> {
    let mut taker = Taker::this();
    let told =
        handle.wait(What::Event(since), deadline, 1, |joint, how| look(joint, since, &mut taker, how))?;
    match told.ok_or(RecvError::Timeout)? {
        Told::Mail(from, mail) => Ok(Event::Mail(OwnedMail::new(handle.clone(), (from, mail), &taker))),
        Told::News(news) => {
            if let News::Alone = news {
                // Others wait for that, too, and nobody rings.
                handle.stir(|_| ())?;
            }
            Ok(news.into())
        }
    }
}

fn look(joint: &Joint, since: Option<u64>, taker: &mut Taker, how: Look) -> Result<Found<Told>, RecvError> {
    let (member, inbox) = joint.receiving();
    let wanted = (Wanted::ANYTHING, taker.thread);
    let found = inbox.look_for_event(member, since, |next| is_found(joint, wanted, how, next))?;
    if let Found::All(Told::Mail(from, mail)) = &found
        && let Some(peer) = joint.mailbox(*from)
    {
        joint.note_taken(peer, mail, taker);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::MAIL;
    use crate::config::Config;
    use crate::region::Region;
    use crate::shared::joint::{Thread, Want};
    use crate::shared::receiving;
    use crate::wait::Common;

    fn want(joint: &Joint, since: Option<u64>) -> Want {
        let interrupter = joint.endpoint.interrupter();
        Want { what: What::Event(since), interrupter, thread: Thread::this() }
    }

    /// Whether a thread that waits for events, and follows, is called.
    fn is_called(joint: &Joint, since: Option<u64>) -> bool {
        joint.has_news(&want(joint, since), true)
    }

    /// What it is called for.
    fn next(joint: &Joint) -> Told {
        assert!(is_called(joint, None));
        match look(joint, None, &mut Taker::this(), Look::Thorough) {
            Ok(Found::All(told)) => told,
            _ => panic!("it was called for nothing"),
        }
    }

    /// There is nothing, and after a look it is not called.
    fn rests(joint: &Joint) {
        assert!(matches!(look(joint, None, &mut Taker::this(), Look::Thorough), Ok(Found::Nothing)));
        assert!(!is_called(joint, None));
    }

    #[test]
    fn a_thread_that_follows_is_called_for_each_event_and_for_nothing() {
        let region = Region::create_unnamed(Config::ranks(2)).expect("a region");
        let joint = Joint::new(region.join(0).expect("free"));
        rests(&joint);
        let other = region.join(1).expect("free");
        assert!(matches!(next(&joint), Told::News(News::Joined { rank: 1, .. })));
        rests(&joint);
        other.send(0, b"mail").expect("room");
        assert!(matches!(next(&joint), Told::Mail(1, _)));
        rests(&joint);
        drop(other);
        assert!(matches!(next(&joint), Told::News(News::Ended(_))));
        assert!(matches!(next(&joint), Told::News(News::Alone)));
        rests(&joint);
        // One that does not know the last of it yet is called for that, and one that does is not.
        assert!(is_called(&joint, Some(0)) && !is_called(&joint, Some(1)));
    }

    #[test]
    fn it_is_called_for_what_a_receive_does_not_tell() {
        let region = Region::create_unnamed(Config::ranks(2)).expect("a region");
        let joint = Joint::new(region.join(0).expect("free"));
        let receive = || {
            // One look sees all there is; after another one there is no news for a receive.
            let look =
                || receiving::look(&joint, Wanted::ANYTHING, &mut Taker::this(), Look::Check { query: true });
            [look().err(), look().err()]
        };
        let other = region.join(1).expect("free");
        assert_eq!(receive(), [None, None]);
        assert!(matches!(next(&joint), Told::News(News::Joined { rank: 1, .. })));
        drop(other);
        assert_eq!(receive(), [Some(RecvError::Gone { rank: 1, died: false }), None]);
        assert!(matches!(next(&joint), Told::News(News::Alone)));
        rests(&joint);
    }

    #[test]
    fn it_sleeps_for_mail_and_hears_of_all_ends() {
        let region = Region::create_unnamed(Config::ranks(1)).expect("a region");
        let joint = Joint::new(region.join(0).expect("free"));
        let want = |since| want(&joint, since);
        assert_eq!(Joint::bits(&want(None)), MAIL);
        assert!(Joint::hears_of_ends(&want(None)));
        for (one, other) in [(None, None), (Some(1), Some(1)), (None, Some(0)), (Some(0), Some(1))] {
            assert_eq!(Joint::is_alike(&want(one), &want(other)), one == other, "{one:?} {other:?}");
        }
    }
}
