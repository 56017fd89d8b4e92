//! What a process of a play with topics does in turn, and how it checks what it reads.

use super::score::{Call, Count, Mark, Score, TOPICS};
use crate::stress::message;
use mailbox::{
    Deadline, Endpoint, FindTopicError, Policy, PublishError, Publisher, PublisherError, ReadError, Sample,
    Topic, TopicError,
};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::thread;
use std::time::Duration;

/// The topics: two streams, a latest value, and a stream that is used only in the end, if words of the others are overwritten.
pub const NAMES: [&str; TOPICS] = ["one", "other", "value", "fresh"];
pub const VALUE: usize = 2;
pub const FRESH: usize = 3;
/// The longest value.
pub const LONGEST_VALUE: usize = 1024;
/// How long a call waits where words are overwritten.
const TIME: Duration = Duration::from_millis(30);
/// How long others may take before this one does something else.
const SHORT: Duration = Duration::from_millis(1);
/// How long one waits for a message, at most, and how often in a row in vain.
const PAUSE: Duration = Duration::from_millis(5);
const IDLE: u32 = 4;
/// How many messages of one subscription, or of one publisher, at most: few as often as many.
const MANY: [u64; 3] = [3, 30, 300];

/// Why a turn ends early.
pub enum Fault {
    Told(TopicError),
    /// What must not happen did.
    Wrong(String),
}

impl<E: Into<TopicError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Fault::Told(error.into())
    }
}

/// A life of an actor.
pub struct Player<'a> {
    pub rank: u32,
    pub lenient: bool,
    pub score: Score<'a>,
    pub me: &'a Endpoint,
    pub topics: Vec<Topic>,
}

impl Player<'_> {
    /// What is wrong, if that matters.
    pub fn judge(&self, done: Result<(), Fault>) -> Result<(), String> {
        use TopicError::{Find, Publish, Publisher, Read};
        match done {
            Ok(()) => return Ok(()),
            Err(Fault::Told(
                Find(FindTopicError::Busy)
                | Publisher(PublisherError::Taken { .. } | PublisherError::Busy)
                | Publish(PublishError::Behind { .. })
                | Read(ReadError::Busy),
            )) => self.count(Count::GivenUp, 1),
            Err(Fault::Told(_)) if self.lenient => self.count(Count::Errors, 1),
            Err(Fault::Wrong(_)) if self.lenient => self.count(Count::Wrong, 1),
            Err(Fault::Told(error)) => return Err(format!("it is told in {:?}: {error}", self.current())),
            Err(Fault::Wrong(what)) => return Err(what),
        }
        thread::sleep(SHORT);
        Ok(())
    }

    pub fn publish(&self, topic: usize, random: &mut Xoshiro256PlusPlus) -> Result<(), Fault> {
        let (seen, name) = (self.mark(topic, Mark::Seen), NAMES[topic]);
        let mut publisher = self.call(Call::Begin, || self.topics[topic].publisher(self.me))?;
        // The former publisher may have died between these two.
        let [from, done, begun] =
            [publisher.published(), self.mark(topic, Mark::Done), self.mark(topic, Mark::Begun)];
        self.holds(self.lenient || (done.max(seen)..=begun).contains(&from), || {
            format!("{name} goes on at {from}; {done} were published, {seen} seen, {begun} begun")
        })?;
        for _ in 0..many(random) {
            if self.publish_one(&mut publisher, topic, random)? {
                self.count(Count::Published, 1);
            }
        }
        self.call(Call::End, || drop(publisher));
        Ok(())
    }

    /// Publishes a message of any length, in any way. Whether that was done.
    fn publish_one(
        &self,
        publisher: &mut Publisher<'_>,
        topic: usize,
        random: &mut Xoshiro256PlusPlus,
    ) -> Result<bool, Fault> {
        let number = publisher.published();
        let longest = [48, 2048, publisher.capacity()][random.random_range(0..3)];
        let len = random.random_range(message::SHORTEST..=longest);
        let bytes = message::write(number, len, random);
        let is_short = random.random_ratio(1, 8);
        let deadline = match is_short {
            true => SHORT.into(),
            false if self.lenient => TIME.into(),
            false => Deadline::Never,
        };
        self.raise(topic, Mark::Begun, number.wrapping_add(1));
        let published = self.call(Call::Publish, || {
            if random.random_ratio(3, 4) {
                return publisher.publish_within(&bytes, deadline).map(|()| true);
            }
            let room = (len + random.random_range(0..100)).min(publisher.capacity());
            let mut draft = publisher.draft_within(room, deadline)?;
            let half = random.random_range(0..=len);
            draft.write_at(half, &bytes[half..]);
            draft.write_at(0, &bytes[..half]);
            if random.random_ratio(1, 8) {
                return Ok(false);
            }
            draft.publish(len);
            Ok(true)
        });
        let is_published = match published {
            Err(PublishError::Behind { .. }) if is_short => {
                self.count(Count::GivenUp, 1);
                return Ok(false);
            }
            Err(PublishError::Behind { rank }) if !self.lenient => {
                return Err(Fault::Wrong(format!(
                    "it is told that rank {rank} is behind, without a deadline"
                )));
            }
            published => published?,
        };
        let next = publisher.published();
        self.holds(next == number.wrapping_add(u64::from(is_published)), || {
            format!("the message after {number} is {next}, published: {is_published}")
        })?;
        self.raise(topic, Mark::Done, next);
        Ok(is_published)
    }

    pub fn read(&self, topic: usize, random: &mut Xoshiro256PlusPlus) -> Result<(), Fault> {
        let (every, seen, name) = (random.random(), self.mark(topic, Mark::Seen), NAMES[topic]);
        let history = [0, random.random_range(0..50), 2000][random.random_range(0..3)];
        let policy = if every { Policy::every() } else { Policy::skip() }.history(history);
        let mut subscriber = self.call(Call::Subscribe, || self.topics[topic].subscriber(self.me, policy))?;
        self.count(Count::Subscriptions, 1);
        let mut next = subscriber.position();
        let begun = self.begun(topic);
        self.holds(next <= begun && (self.lenient || next.saturating_add(history) >= seen), || {
            format!("it reads {name} from {next} on, with {history} before; {seen} were seen, {begun} begun")
        })?;
        let mut idle = 0;
        for _ in 0..many(random) {
            let time = random.random_range(Duration::ZERO..PAUSE);
            let received = self.call(Call::Receive, || match random.random_ratio(1, 4) {
                true => subscriber.try_recv(),
                false => subscriber.recv_within(time),
            });
            let Some(sample) = received.map_err(|error| match error {
                ReadError::Busy if every => {
                    Fault::Wrong(format!("it wants every message of {name}: {error}"))
                }
                error => error.into(),
            })?
            else {
                idle += 1;
                if idle == IDLE {
                    break;
                }
                continue;
            };
            idle = 0;
            let (number, missed) = (sample.number(), sample.missed());
            self.check(&sample)?;
            let is_next = number == next.wrapping_add(missed) && !(every && missed > 0);
            self.holds(is_next, || {
                format!("{name} has {number} where {next} is next and {missed} are missed; every: {every}")
            })?;
            next = number.wrapping_add(1);
            let begun = self.begun(topic);
            self.holds(next <= begun, || format!("{number} of {name} is there, {begun} were begun"))?;
            self.raise(topic, Mark::Seen, next);
            self.count(Count::Read, 1);
            self.count(Count::Missed, missed);
            if random.random_ratio(1, 8) {
                // Mostly short; the publisher may wait for it.
                thread::sleep(SHORT * [0, 1, 1, 20][random.random_range(0..4)]);
                self.check(&sample)?;
                self.count(Count::Held, 1);
            }
            self.call(Call::Receive, || drop(sample));
        }
        self.call(Call::End, || drop(subscriber));
        Ok(())
    }

    /// Whether a message in hand is whole, and says its number.
    fn check(&self, sample: &Sample<'_, '_>) -> Result<(), Fault> {
        let (number, bytes) = (sample.number(), sample.to_vec());
        self.holds(message::read(&bytes) == Some(number), || {
            let front = &bytes[..bytes.len().min(message::SHORTEST)];
            format!("message {number} is not whole: {} bytes that begin with {front:?}", bytes.len())
        })
    }

    pub fn publish_value(&self, random: &mut Xoshiro256PlusPlus) -> Result<(), Fault> {
        let topic = &self.topics[VALUE];
        let mut publisher = self.call(Call::Begin, || topic.publish_latest(self.me, LONGEST_VALUE))?;
        for _ in 0..many(random) {
            // The next publisher's numbers are higher.
            let number = self.score.mark(VALUE, Mark::Begun).fetch_add(1, AcqRel);
            let longest = publisher.capacity().max(message::SHORTEST);
            let bytes = message::write(number, random.random_range(message::SHORTEST..=longest), random);
            self.call(Call::Publish, || publisher.publish(&bytes))?;
            self.raise(VALUE, Mark::Done, number + 1);
            self.count(Count::Published, 1);
        }
        self.call(Call::End, || drop(publisher));
        Ok(())
    }

    pub fn read_value(&self, random: &mut Xoshiro256PlusPlus) -> Result<(), Fault> {
        let mut latest = self.call(Call::Subscribe, || self.topics[VALUE].latest(self.me))?;
        let mut last = 0;
        for _ in 0..many(random) {
            if random.random_ratio(1, 4) {
                let time = random.random_range(Duration::ZERO..PAUSE);
                if !self.call(Call::Receive, || latest.wait(time))? {
                    break;
                }
            }
            let floor = self.mark(VALUE, Mark::Seen).max(self.mark(VALUE, Mark::Done));
            let value = match self.call(Call::Look, || latest.bytes()) {
                Ok(value) => value.map(<[u8]>::to_vec),
                Err(ReadError::Busy) => {
                    self.count(Count::GivenUp, 1);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let order = latest.number();
            let count = value.as_deref().map_or(Some(0), |value| Some(message::read(value)?.wrapping_add(1)));
            let is_right = count.is_some_and(|count| count >= floor) && (self.lenient || order >= last);
            self.holds(is_right, || {
                format!(
                    "value {order} after {last} is number {count:?}, plus 1; {floor} were published or seen"
                )
            })?;
            last = order;
            if let Some(count) = count {
                self.raise(VALUE, Mark::Seen, count);
                self.count(Count::Read, 1);
            }
        }
        Ok(())
    }

    fn holds(&self, is_so: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
        if is_so { Ok(()) } else { Err(Fault::Wrong(what())) }
    }

    /// Where words are overwritten, nothing follows from what was.
    fn mark(&self, topic: usize, mark: Mark) -> u64 {
        if self.lenient { 0 } else { self.score.mark(topic, mark).load(Acquire) }
    }

    fn begun(&self, topic: usize) -> u64 {
        if self.lenient { u64::MAX } else { self.mark(topic, Mark::Begun) }
    }

    fn raise(&self, topic: usize, mark: Mark, to: u64) {
        if !self.lenient {
            self.score.raise(topic, mark, to);
        }
    }

    fn call<T>(&self, call: Call, act: impl FnOnce() -> T) -> T {
        self.score.call(self.rank, call, act)
    }

    fn count(&self, what: Count, more: u64) {
        self.score.count(self.rank, what, more);
    }

    fn current(&self) -> Call {
        self.score.current(self.rank)
    }
}

fn many(random: &mut Xoshiro256PlusPlus) -> u64 {
    let most = MANY[random.random_range(0..MANY.len())];
    random.random_range(1..=most)
}
