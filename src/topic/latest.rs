//! What reads a topic's latest value.

use super::Topic;
use super::news::{News, Position, Unread};
use crate::endpoint::{Endpoint, Halves, Telling};
use crate::error::ReadError;
use crate::half::Member;
use crate::rank::Source;
use crate::value::{Look, ValueReader};
use crate::wait::{Deadline, Interrupted, Operation, pace};
use bytemuck::{Pod, bytes_of_mut};
use core::cell::Cell;
use core::fmt;

/// Reads the latest value of a topic: what [`Topic::latest`] returns.
///
/// A look stores nothing that others see, and makes no system call. The value is always whole. It stays when its publisher ends:
/// [`Topic::died_publishing`] says how to be told of that.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let topic = region.topic("speed")?;
/// let mut speed = topic.latest(&me)?;
/// assert_eq!(speed.value::<f64>()?, None);
/// # let mut publisher = topic.publish_latest(&other, 8)?;
/// # for value in [3.4, 3.5, 3.6] { publisher.publish_value(&value)?; }
///
/// // Three values later
/// let before = speed.number();
/// assert_eq!(speed.value()?, Some(3.6));
/// println!("{} values were missed", speed.number() - before - 1);
/// # assert_eq!(speed.number(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Latest<'a> {
    me: &'a Endpoint,
    topic: Topic,
    /// `None` as long as nobody has said how long values can be.
    reader: Option<ValueReader>,
    /// The number of the value that was read last.
    seen: Position,
    bytes: Vec<u8>,
    /// As long as events tell of it.
    telling: Option<Telling<'a>>,
}

impl<'a> Latest<'a> {
    pub(super) fn new(me: &'a Endpoint, topic: Topic) -> Self {
        Self { me, topic, reader: None, seen: Position::new(0), bytes: vec![], telling: None }
    }

    /// The topic. [`Latest::number`] has an example.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The newest value; `None` if none was published yet. Never waits. [`ReadError::Busy`] if 64 looks in a row met the
    /// publisher at work.
    ///
    /// Cost: that of copying it.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("title")?;
    /// topic.publish_latest(&me, 64)?.publish(b"news")?;
    /// assert_eq!(topic.latest(&other)?.bytes()?, Some(&b"news"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bytes(&mut self) -> Result<Option<&[u8]>, ReadError> {
        let capacity = self.prepare()?.map_or(0, ValueReader::capacity);
        let mut bytes = core::mem::take(&mut self.bytes);
        bytes.resize(capacity, 0);
        let len = self.read_into(&mut bytes);
        self.bytes = bytes;
        Ok(len?.map(|len| &self.bytes[..len.min(capacity)]))
    }

    /// Copies the newest value to `buffer`, as much as there is room for, and returns how many bytes it has. As [`Latest::bytes`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("title")?;
    /// topic.publish_latest(&me, 64)?.publish(b"the news")?;
    /// let mut buffer = [0; 3];
    /// assert_eq!(topic.latest(&other)?.read_into(&mut buffer)?, Some(8), "it is longer");
    /// assert_eq!(&buffer, b"the");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_into(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ReadError> {
        self.read(buffer)
    }

    #[inline(always)]
    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ReadError> {
        let Some(reader) = self.prepare()? else { return Ok(None) };
        let look = match reader.look(buffer) {
            Look::Torn => look_again(reader, buffer),
            look => look,
        };
        match look {
            Look::Nothing => Ok(None),
            Look::Value(number, len) => {
                self.seen.set(number);
                Ok(Some(len))
            }
            Look::Torn => Err(ReadError::Busy),
        }
    }

    /// The newest value, which is plain data of this type; [`ReadError::Misfit`] if it has another length. As [`Latest::bytes`].
    ///
    /// ```
    /// # use mailbox::{Config, ReadError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("position")?;
    /// topic.publish_latest(&me, 64)?.publish_value(&[1.5, -2.0])?;
    /// let mut latest = topic.latest(&other)?;
    /// assert_eq!(latest.value::<[f64; 2]>()?, Some([1.5, -2.0]));
    /// assert_eq!(latest.value::<f64>(), Err(ReadError::Misfit { len: 16, capacity: 8 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn value<T: Pod>(&mut self) -> Result<Option<T>, ReadError> {
        let mut value = T::zeroed();
        match self.read(bytes_of_mut(&mut value))? {
            None => Ok(None),
            Some(len) if len == size_of::<T>() => Ok(Some(value)),
            Some(len) => Err(ReadError::Misfit { len, capacity: size_of::<T>() }),
        }
    }

    /// How many values were published when the one was that was read last, that one included; 0 if none was read. From the
    /// difference a reader knows how many it has missed.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut speed = region.topic("speed")?.latest(&other)?;
    /// let mut publisher = speed.topic().publish_latest(&me, 8)?;
    /// assert_eq!(speed.number(), 0, "none was read");
    /// for value in [1.0, 2.0, 3.0] {
    ///     publisher.publish_value(&value)?;
    /// }
    /// assert_eq!((speed.value()?, speed.number()), (Some(3.0), 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn number(&self) -> u64 {
        self.seen.get()
    }

    /// Whether there is a value that was not read. Costs one load.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("speed")?;
    /// let mut speed = topic.latest(&me)?;
    /// # let mut publisher = topic.publish_latest(&other, 8)?;
    /// # publisher.publish_value(&3.5)?;
    /// // In a loop that has other things to do
    /// if speed.has_changed()? {
    ///     println!("now {:?}", speed.value::<f64>()?);
    /// }
    /// assert!(!speed.has_changed()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn has_changed(&mut self) -> Result<bool, ReadError> {
        let seen = self.seen.get();
        Ok(self.prepare()?.is_some_and(|reader| !matches!(reader.newest(), 0) && reader.newest() != seen))
    }

    /// Waits until there is a value that was not read, at most until `deadline`. Whether there is one.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("speed")?;
    /// # let mut publisher = topic.publish_latest(&other, 8)?;
    /// # publisher.publish_value(&3.5)?;
    /// let mut speed = topic.latest(&me)?;
    /// while speed.wait(Duration::from_millis(10))? {
    ///     println!("now {:?}", speed.value::<f64>()?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&mut self, deadline: impl Into<Deadline>) -> Result<bool, ReadError> {
        if self.has_changed()? {
            return Ok(true);
        }
        let member = self.me.member();
        let halves = self.me.both();
        let mut waiting = Waiting { latest: self, halves, member, has_bit: false.into() };
        halves.drive(member, deadline.into(), &mut waiting)
    }

    /// Chooses whether [`Endpoint::next_event`] tells that there is a value which was not read, or that reading it would return an error,
    /// such as [`ReadError::NoSpace`]. It is told again as long as that is so: until the value is read, or this is called with `false`,
    /// no call waits, and none ends at its deadline or by an [`Interrupter`](crate::Interrupter). As
    /// [`Subscriber::set_events`](crate::Subscriber::set_events).
    ///
    /// ```
    /// # use mailbox::{Config, Event, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut speed = region.topic("speed")?.latest(&me)?;
    /// speed.set_events(true);
    /// # speed.topic().publish_latest(&other, 8)?.publish_value(&3.5)?;
    /// # drop(other);
    /// # let mut read = None;
    /// loop {
    ///     match me.next_event()? {
    ///         Event::Published { topic } if topic == speed.topic().number() => {
    ///             println!("now {:?}", speed.value::<f64>()?);
    /// #           read = speed.value::<f64>()?;
    ///         }
    ///         Event::Alone => break,
    ///         event => println!("{event:?}"),
    ///     }
    /// }
    /// # assert_eq!(read, Some(3.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_events(&mut self, tells: bool) {
        if !tells {
            self.telling = None;
        } else if self.telling.is_none() {
            self.telling = Some(self.me.tell_of(self.topic.number(), Box::new(self.unread())));
        }
    }

    /// What tells when it has changed.
    pub(crate) fn news(&self) -> News<'a> {
        News::new(self.me, self.unread())
    }

    fn unread(&self) -> Unread {
        Unread::of_value(self.topic.clone(), self.seen.clone())
    }

    /// The reading end, once there is something to read.
    #[inline(always)]
    fn prepare(&mut self) -> Result<Option<&ValueReader>, ReadError> {
        if self.reader.is_none() {
            self.find()?;
        }
        Ok(self.reader.as_ref())
    }

    #[cold]
    fn find(&mut self) -> Result<(), ReadError> {
        self.reader = self.topic.reader()?;
        Ok(())
    }
}

/// Looks at a value until it is whole, after a look that met its writer at work.
#[cold]
fn look_again(reader: &ValueReader, buffer: &mut [u8]) -> Look {
    for _ in 1..pace::VALUE_LOOKS {
        pace::pause(1);
        match reader.look(buffer) {
            Look::Torn => {}
            look => return look,
        }
    }
    Look::Torn
}

impl fmt::Debug for Latest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest")
            .field("topic", &self.topic)
            .field("number", &self.seen.get())
            .finish_non_exhaustive()
    }
}

/// A wait for a value that was not read.
struct Waiting<'b, 'a> {
    latest: &'b mut Latest<'a>,
    halves: Halves<'b>,
    member: &'b Member,
    /// Whether the publisher is asked to ring.
    has_bit: Cell<bool>,
}

impl Operation for Waiting<'_, '_> {
    type Error = ReadError;

    fn look(&mut self, _: bool) -> Result<bool, ReadError> {
        self.latest.has_changed()
    }

    fn check(&mut self, query: bool) -> Result<bool, ReadError> {
        self.halves.check_place(query)?;
        self.latest.has_changed()
    }

    fn fall_asleep(&self) {
        // Before the bell is set, and the barrier that comes with it.
        self.latest.topic.ask_for_rings(self.member, true);
        self.has_bit.set(true);
        self.member.fall_asleep_for_mail(Source::Anyone);
    }
}

impl Drop for Waiting<'_, '_> {
    fn drop(&mut self) {
        if self.has_bit.get() {
            self.latest.topic.ask_for_rings(self.member, false);
        }
    }
}

impl From<Interrupted> for ReadError {
    fn from(_: Interrupted) -> Self {
        ReadError::Interrupted
    }
}
