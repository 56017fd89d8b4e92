//! Where an operator puts what it makes.

use super::channel::{Event, Link, NO_STAMP};
use super::record::Record;
use std::rc::Rc;

/// Chooses one of several channels for a record: by this number.
pub type Route<T> = Rc<dyn Fn(&T) -> u64>;

/// The channels to the parts of one operator.
pub struct Group<T> {
    pub links: Vec<Link<T>>,
    /// If there are several.
    pub route: Option<Route<T>>,
}

/// The channels to all operators that take what this one makes.
pub struct Output<T> {
    groups: Vec<Group<T>>,
    /// How many events a channel takes.
    limit: usize,
    /// How many are in the fullest.
    most: usize,
    progress: u64,
}

impl<T: Record> Output<T> {
    pub fn new(groups: Vec<Group<T>>, limit: usize) -> Self {
        Self { groups, limit, most: 0, progress: 0 }
    }

    fn links(&self) -> impl Iterator<Item = &Link<T>> {
        self.groups.iter().flat_map(|group| &group.links)
    }

    /// Looks how full the channels are.
    pub fn look(&mut self) {
        self.most = self.links().map(|link| link.borrow().events.len()).max().unwrap_or(0);
    }

    /// Whether each channel takes an event.
    pub fn has_room(&self) -> bool {
        self.most < self.limit
    }

    pub fn record(&mut self, stamp: u64, time: u64, value: T) {
        let Some((last, others)) = self.groups.split_last() else { return };
        for group in others {
            self.most = self.most.max(group.push(stamp, time, value.clone()));
        }
        self.most = self.most.max(last.push(stamp, time, value));
    }

    pub fn watermark(&mut self, stamp: u64, time: u64) {
        self.tell_all(stamp, || Event::Watermark(time));
    }

    pub fn marker(&mut self, stamp: u64, number: u64) {
        self.tell_all(stamp, || Event::Marker(number));
    }

    pub fn end(&mut self, stamp: u64) {
        self.tell_all(stamp, || Event::End);
        self.progress(NO_STAMP);
    }

    fn tell_all(&mut self, stamp: u64, event: impl Fn() -> Event<T>) {
        let mut most = self.most;
        for link in self.links() {
            let mut channel = link.borrow_mut();
            channel.events.push_back((stamp, event()));
            most = most.max(channel.events.len());
        }
        self.most = most;
    }

    /// No event with a lower stamp will come. Whether that is news.
    pub fn progress(&mut self, stamp: u64) -> bool {
        if stamp <= self.progress {
            return false;
        }
        self.progress = stamp;
        self.links().for_each(|link| link.borrow_mut().progress = stamp);
        true
    }
}

impl<T> Group<T> {
    /// How many events are in the channel then.
    #[inline]
    fn push(&self, stamp: u64, time: u64, value: T) -> usize {
        let link = match &self.route {
            Some(route) => &self.links[(route(&value) % self.links.len() as u64) as usize],
            None => &self.links[0],
        };
        let mut channel = link.borrow_mut();
        channel.events.push_back((stamp, Event::Record { time, value }));
        channel.events.len()
    }
}

/// What a record makes goes here.
pub struct Emit<'a, T> {
    pub output: &'a mut Output<T>,
    pub stamp: u64,
}

impl<T: Record> Emit<'_, T> {
    #[inline]
    pub fn emit(&mut self, time: u64, value: T) {
        self.output.record(self.stamp, time, value);
    }
}
