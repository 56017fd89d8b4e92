//! Waits for any of several ends.

use super::link::Link;
use super::{ChannelError, Input, Output};
use bytemuck::Pod;
use core::fmt;
use mailbox::{Deadline, Select};
use std::rc::Rc;
use std::time::Instant;

/// An alternative: waits until one of several ends is ready, and says which.
///
/// Each end is an *arm*, with the numbers 0, 1, 2, … in the order in which they are added. An input is ready when there is a value, an
/// output of a buffered channel when there is room; each when its channel has ended. The receive or send of a ready
/// end does not wait. Arms that stay ready take turns, so that none starves. Beside them, a death is looked for once in 100 ms. A
/// *guard* closes an arm for a while. An end that was dropped is an arm no more. All ends are of one process.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::csp::{Alt, Channel, ChannelError, Process};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # let (process, others) = (Process::begin(&me, 0..2)?, Process::begin(&other, 0..2)?);
/// const PUT: Channel<u32> = Channel::buffered("put", 4);
/// const TAKE: Channel<u32> = Channel::buffered("take", 4);
/// let (mut put, mut take) = (process.input(&PUT)?, process.output(&TAKE)?);
/// # let (mut put_end, _take_end) = (others.output(&PUT)?, others.input(&TAKE)?);
/// # // The ends have met.
/// # assert!(put.recv_within(Duration::from_millis(1)).is_err_and(|error| error.is_timeout()));
/// # put_end.send(&7)?;
/// let mut kept = vec![];
/// let mut alt = Alt::new();
/// let (from, to) = (alt.input(&put), alt.output(&take)?);
/// loop {
///     alt.guard(from, kept.len() < 100);
///     alt.guard(to, !kept.is_empty());
///     match alt.wait_within(Duration::from_secs(1)) {
///         Ok(arm) if arm == from => kept.push(put.recv()?),
///         Ok(_) => {
///             take.send(&kept[0])?;
///             kept.remove(0);
///             # break;
///         }
///         Err(error) if error.is_timeout() => break, // nobody does anything
///         Err(error) => return Err(error.into()),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Alt<'a> {
    arms: Vec<Arm<'a>>,
    /// The arm that is looked at first.
    turn: usize,
}

struct Arm<'a> {
    link: Rc<Link<'a>>,
    is_open: bool,
}

impl Arm<'_> {
    fn is_looked_at(&self) -> bool {
        self.is_open && !self.link.meeting().is_closed()
    }
}

impl<'a> Alt<'a> {
    /// Without arms.
    pub fn new() -> Self {
        Self::default()
    }

    /// An input.
    pub fn input<T: Pod>(&mut self, input: &Input<'a, T>) -> usize {
        self.add(input.link())
    }

    /// An output of a buffered channel; [`ChannelError::Committed`] if it is a rendezvous.
    pub fn output<T: Pod>(&mut self, output: &Output<'a, T>) -> Result<usize, ChannelError> {
        Ok(self.add(output.link()?))
    }

    fn add(&mut self, link: Rc<Link<'a>>) -> usize {
        self.arms.push(Arm { link, is_open: true });
        self.arms.len() - 1
    }

    /// Opens an arm, or closes it. A closed arm is not told, also if its end is ready. A number that is no arm's does nothing.
    pub fn guard(&mut self, arm: usize, is_open: bool) {
        if let Some(arm) = self.arms.get_mut(arm) {
            arm.is_open = is_open;
        }
    }

    /// Waits until an arm is ready, and returns its number. [`ChannelError::Empty`] if all arms are closed, or there is none.
    pub fn wait(&mut self) -> Result<usize, ChannelError> {
        self.wait_within(Deadline::Never)
    }

    /// The same; [`ChannelError::Timeout`] if no arm is ready before `deadline`. With all arms closed it waits until then,
    /// or until an [`Interrupter`](mailbox::Interrupter) of the endpoint ends it.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::csp::{Alt, Channel, Process};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let (process, others) = (Process::begin(&me, 0..2)?, Process::begin(&other, 0..2)?);
    /// const NUMBERS: Channel<u32> = Channel::buffered("numbers", 4);
    /// let (_output, input) = (process.output(&NUMBERS)?, others.input(&NUMBERS)?);
    /// let mut alt = Alt::new();
    /// alt.input(&input);
    /// assert!(alt.wait_within(Duration::from_millis(1)).is_err_and(|error| error.is_timeout()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_within(&mut self, deadline: impl Into<Deadline>) -> Result<usize, ChannelError> {
        let deadline = deadline.into();
        loop {
            if let Some(arm) = self.find_ready() {
                return Ok(arm);
            }
            let (arms, links): (Vec<_>, Vec<_>) = self.open().map(|(at, arm)| (at, &*arm.link)).unzip();
            let Some(first) = links.first() else { return Err(self.wait_for_nothing(deadline)) };
            let found = arms[first.seat().wait(&links, None, deadline)?];
            // The other end of an output may just have been opened. That a process has ended is seen by a look for that alone.
            let link = &self.arms[found].link;
            if link.is_ready() || link.has_lost_its_other() {
                return Ok(self.tell(found));
            }
        }
    }

    /// Waits until the time has come, or an interrupter of the endpoint ends it. Without any arm there is no endpoint.
    fn wait_for_nothing(&self, deadline: Deadline) -> ChannelError {
        let time = match deadline {
            Deadline::Never => return ChannelError::Empty,
            Deadline::Now => return ChannelError::Timeout,
            Deadline::At(time) => time,
        };
        let mut select = Select::new();
        let arm = self.arms.first();
        if let Some(Err(error)) = arm.map(|arm| arm.link.seat().arm_nothing(&mut select)) {
            return error;
        }
        let at = select.at(time);
        loop {
            match select.wait(Deadline::Never) {
                Ok(arm) if arm == at => return ChannelError::Timeout,
                // Only garbage makes the other one ready.
                Ok(arm) => select.remove(arm),
                Err(error) => return error.into(),
            }
        }
    }

    /// An arm that is ready, if there is one now. Never waits. Cost: without one, some system calls for each arm, so that deaths are seen.
    pub fn try_wait(&mut self) -> Result<Option<usize>, ChannelError> {
        Ok(self.find_ready().or_else(|| self.find(Link::has_lost_its_other)))
    }

    /// The next arm in turn that is ready. Now and then it looks for ends first, which an arm that is always ready would hide.
    fn find_ready(&mut self) -> Option<usize> {
        let now = Instant::now();
        self.open().for_each(|(_, arm)| arm.link.look_for_end(now));
        self.find(Link::is_ready)
    }

    /// The next arm in turn of which this is so. It is told.
    fn find(&mut self, is_so: impl Fn(&Link<'a>) -> bool) -> Option<usize> {
        let count = self.arms.len();
        let mut in_turn = (0..count).map(|at| (self.turn + at) % count);
        let found = in_turn.find(|at| self.arms[*at].is_looked_at() && is_so(&self.arms[*at].link));
        found.map(|arm| self.tell(arm))
    }

    fn open(&self) -> impl Iterator<Item = (usize, &Arm<'a>)> {
        self.arms.iter().enumerate().filter(|(_, arm)| arm.is_looked_at())
    }

    fn tell(&mut self, arm: usize) -> usize {
        self.turn = arm + 1;
        arm
    }
}

impl fmt::Debug for Alt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alt").field("arms", &self.arms.len()).finish_non_exhaustive()
    }
}
