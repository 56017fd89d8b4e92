//! A process of a network.

use super::deadlock::{Detector, Told};
use super::end::Side;
use super::link::Link;
use super::{Channel, ChannelError, Input, Output};
use bytemuck::Pod;
use core::cell::RefCell;
use core::fmt;
use core::ops::Range;
use mailbox::{Deadline, Endpoint, Select, SelectError};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// For how long a process waits before it says so, and looks whether the other end still lives.
const PATIENCE: Duration = Duration::from_millis(10);

/// How long it waits from then on between two looks.
pub const LOOKS: Duration = Duration::from_millis(100);

/// Bytes of messages of other channels that a receive may move out of its way.
const UNREAD: u64 = 64 << 20;

/// A process of a network: a rank of a region, with ends of channels.
///
/// The ends borrow its endpoint. It is used by one thread.
pub struct Process<'a>(Rc<Seat<'a>>);

impl<'a> Process<'a> {
    /// `me` is a process of the network of these ranks. Other ranks use none of its channels: if all of these wait for each other, none
    /// can ever go on ([`ChannelError::Deadlock`]). A rank that was never joined, or a process that has not begun, may still come, so no
    /// deadlock is told before; a rank that was left counts as one that does not come again. [`ChannelError::Begun`] if this endpoint
    /// is one already, or an [`Alt`](super::Alt) or an end of it is left.
    ///
    /// Sets the budget of `me` for unread messages ([`Endpoint::set_unread_budget`]) to 64 MiB: so much of other channels may be moved
    /// to private memory.
    pub fn begin(me: &'a Endpoint, members: Range<u32>) -> Result<Self, ChannelError> {
        let told = Told::begin(me)?;
        me.set_unread_budget(UNREAD);
        let members = members.start..members.end.min(me.region().ranks());
        Ok(Self(Rc::new(Seat { me, members, told: RefCell::new(told) })))
    }

    /// Opens the output end of a channel. Does not wait for the other end.
    pub fn output<T: Pod>(&self, channel: &Channel<T>) -> Result<Output<'a, T>, ChannelError> {
        let link = Link::open::<T>(self.0.clone(), channel.name(), channel.capacity(), Side::Output)?;
        Ok(Output::new(link))
    }

    /// Opens the input end of a channel. Does not wait for the other end.
    pub fn input<T: Pod>(&self, channel: &Channel<T>) -> Result<Input<'a, T>, ChannelError> {
        let link = Link::open::<T>(self.0.clone(), channel.name(), channel.capacity(), Side::Input)?;
        Ok(Input::new(link))
    }
}

impl fmt::Debug for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("rank", &self.0.me.rank()).finish_non_exhaustive()
    }
}

/// What all ends of a process share.
pub struct Seat<'a> {
    pub me: &'a Endpoint,
    members: Range<u32>,
    told: RefCell<Told<'a>>,
}

impl<'a> Seat<'a> {
    /// Adds what is never ready, so that the wait is one of this endpoint.
    pub fn arm_nothing(&self, select: &mut Select<'a>) -> Result<(), ChannelError> {
        select.latest(&self.told.borrow().read(self.me)?);
        Ok(())
    }

    /// Waits until one of these has news: a message of its other end, the opening of that, or an end of it. Returns which. With `room`
    /// also until the first, which has met its other end, can send so many bytes.
    pub fn wait(
        &self,
        links: &[&Link<'a>],
        room: Option<usize>,
        deadline: Deadline,
    ) -> Result<usize, ChannelError> {
        let (mut pause, mut detector) = (PATIENCE, Detector::default());
        let result = loop {
            if let Some(link) = links.iter().position(|link| link.is_over() || link.has_come()) {
                break Ok(link);
            }
            let mut select = Select::new();
            links.iter().for_each(|link| link.arm(&mut select));
            let in_debt: Vec<_> = links.iter().filter(|link| !link.pay()).collect();
            in_debt.iter().for_each(|link| link.arm_room(&mut select, size_of::<u32>()));
            room.into_iter().for_each(|len| links[0].arm_room(&mut select, len));
            let now = Instant::now();
            let until = match deadline {
                Deadline::Never => now + pause,
                Deadline::At(time) => time.min(now + pause),
                Deadline::Now => now,
            };
            match select.wait(until) {
                Ok(arm) if arm >= links.len() + in_debt.len() => break Ok(0),
                Ok(arm) if arm < links.len() && links[arm].has_met() => break Ok(arm),
                // One that owes has room now; or another end says something, and has not come.
                Ok(_) | Err(SelectError::Timeout) => {}
                Err(error) => break Err(error.into()),
            }
            let has_news = |link: &&Link<'a>| link.has_come() || link.has_lost_its_other();
            if let Some(link) = links.iter().position(has_news) {
                break Ok(link);
            }
            if deadline.has_passed(Instant::now) {
                break Err(ChannelError::Timeout);
            }
            if now.elapsed() < pause {
                continue;
            }
            pause = LOOKS;
            let inspection = self.me.region().inspect();
            // What is there was counted.
            if let Some(link) = links.iter().position(|link| link.has_news()) {
                break Ok(link);
            }
            let is_forever = deadline == Deadline::Never && room.is_none() && in_debt.is_empty();
            self.told.borrow_mut().waits(links, &inspection, is_forever);
            if let Some(deadlock) = detector.look(self.me, &self.members, &inspection) {
                break Err(ChannelError::Deadlock(deadlock.into()));
            }
        };
        // Before anything is received: others must not take this process for one that waits.
        self.told.borrow_mut().runs();
        result
    }
}
