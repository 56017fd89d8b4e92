//! Several endpoints that one thread waits for.

use super::halves::Halves;
use super::{Endpoint, RecvHalf};
use crate::error::RecvError;
use crate::half::Member;
use crate::receive::Ready;
use crate::wait::{Deadline, Operation, Step, Together, drive};

/// What receives: an [`Endpoint`], or the half of one.
pub trait Receives {
    /// What this thread has of the endpoint.
    #[doc(hidden)]
    fn halves(&self) -> Halves<'_>;
}

impl Receives for Endpoint {
    fn halves(&self) -> Halves<'_> {
        Halves { sending: Some(self.sender.parts()), receiving: Some(self.receiver.parts()) }
    }
}

impl Receives for RecvHalf {
    fn halves(&self) -> Halves<'_> {
        Halves { sending: None, receiving: Some(self.parts()) }
    }
}

/// Waits until a receive from anyone on one of these endpoints would return something, a mail, an end or an error; which
/// one it is, by its place in the list. `None` when the deadline has passed before, or if there are no endpoints.
///
/// So one thread serves several ranks, of one region or of several. Nothing is received: what there is stays for the next
/// receive from anyone of that endpoint, in its order. A mail that nobody receives is reported again.
///
/// It looks at the endpoints in the order in which they stand there. Where the first may always have something, receive all of it
/// before the next wait, or begin with another each time ([`rotate_left`](slice::rotate_left)).
///
/// [`RecvError::Interrupted`] when an [`Interrupter`](crate::Interrupter) of any of them ends the wait. There is no other
/// error: what ends a receive is told by that receive.
///
/// It waits as the least eager of them does ([`Wait`](crate::Wait); one that waits on events sleeps here like one that
/// blocks). While it waits, all that batches and drains of these endpoints hold back is published, and their announced messages
/// go on. Up to 128 endpoints it sleeps in one system call (Linux 5.16 or later). Above, and elsewhere, it looks at them now
/// and then, as [`Wait::Event`](crate::Wait::Event) does.
///
/// Cost: a look at each endpoint. Where it sleeps, what one receive pays for that, and a little more for each endpoint.
///
/// ```
/// # use mailbox::{Config, Region, wait_any};
/// # use std::time::Duration;
/// # let [news, jobs] = [(), ()].map(|()| Region::create_unnamed(Config::ranks(2)).unwrap());
/// # let (reporter, boss) = (news.join(1)?, jobs.join(1)?);
/// let (reader, worker) = (news.join(0)?, jobs.join(0)?);
/// assert_eq!(wait_any(&[&reader, &worker], Duration::ZERO)?, None);
/// # boss.send(0, b"dig")?;
/// match wait_any(&[&reader, &worker], Duration::from_secs(1))? {
///     Some(0) => println!("news: {:?}", reader.recv()?.to_vec()),
///     Some(_) => println!("to do: {:?}", worker.recv()?.to_vec()),
///     None => println!("nothing for a second"),
/// }
/// # assert_eq!(wait_any(&[&reader, &worker], Duration::ZERO)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait_any<E: Receives + ?Sized>(
    endpoints: &[&E],
    deadline: impl Into<Deadline>,
) -> Result<Option<usize>, RecvError> {
    if endpoints.is_empty() {
        return Ok(None);
    }
    let all: Vec<Halves<'_>> = endpoints.iter().map(|endpoint| endpoint.halves()).collect();
    let receiving = || all.iter().filter_map(|halves| halves.receiving);
    let members: Vec<&Member> = receiving().map(|(member, _)| member).collect();
    let ready = receiving().map(|(member, inbox)| Ready::new(inbox, member)).collect();
    let mut any = Any { all: &all, ready, found: 0 };
    let publish = || all.iter().fold(false, |some, halves| halves.publish() | some);
    let is_done = drive(&Together(&members), deadline.into(), publish, &mut any)?;
    Ok(is_done.then_some(any.found))
}

/// A look at several endpoints.
struct Any<'a> {
    all: &'a [Halves<'a>],
    ready: Vec<Ready<'a>>,
    /// Which of them has something, as the last look found.
    found: usize,
}

impl<'a> Any<'a> {
    /// Notes the first of which this is so; whether there is one.
    fn find(&mut self, is_so: impl FnMut(&mut Ready<'a>) -> bool) -> bool {
        let found = self.ready.iter_mut().position(is_so);
        self.found = found.unwrap_or_default();
        found.is_some()
    }
}

impl Operation for Any<'_> {
    type Error = RecvError;

    fn look(&mut self, thorough: bool) -> Result<bool, RecvError> {
        // Those behind the first that has something, too.
        self.all.iter().for_each(|halves| halves.tend());
        Ok(self.find(|ready| ready.look(thorough)))
    }

    fn check(&mut self, query: bool) -> Result<bool, RecvError> {
        Ok(self.find(|ready| ready.check(query)))
    }

    fn step(&mut self) -> Result<Step, RecvError> {
        Ok(if self.ready[self.found].step() { Step::Done } else { Step::Went })
    }

    fn is_in_vain(&self) -> bool {
        self.ready.iter().any(Ready::is_in_vain)
    }

    fn fall_asleep(&self) {
        self.ready.iter().for_each(Ready::fall_asleep);
    }
}
