//! What publishes a topic as a stream.

use super::payloads::Payloads;
use super::{Draft, Topic};
use crate::abi::INLINE;
use crate::endpoint::Endpoint;
use crate::error::PublishError;
use crate::half::Member;
use crate::rank::Source;
use crate::stream::{Behind, Place, StreamWriter};
use crate::wait::{Deadline, Interrupted, Operation};
use bytemuck::{NoUninit, bytes_of};
use core::fmt;
use core::ops::Range;

/// The one that publishes a topic as a stream: what [`Topic::publisher`] returns. Dropping it lets another one do so.
///
/// A message is written once, however many read it. Messages are numbered, and stay as long as there is room: the last 1024, and
/// as many bytes as the region [keeps](crate::Config::stream) for each topic. Readers that come late can have them.
///
/// The publisher waits for those readers alone that want [every](super::Policy::every) message, when the oldest message that such a
/// reader has not read must make room. It does not wait for one that has died.
///
/// ```
/// # use mailbox::{Config, Policy, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// let topic = region.topic("prices")?;
/// let mut publisher = topic.publisher(&me)?;
/// publisher.publish(b"17.2")?;
///
/// let mut subscriber = topic.subscriber(&other, Policy::every().history(1))?;
/// assert_eq!(subscriber.recv()?.to_vec(), b"17.2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Publisher<'a> {
    me: &'a Endpoint,
    topic: Topic,
    writer: StreamWriter,
    payloads: Payloads,
}

impl<'a> Publisher<'a> {
    pub(super) fn new(me: &'a Endpoint, topic: Topic, writer: StreamWriter) -> Self {
        Self { me, topic, writer, payloads: Payloads::default() }
    }

    /// The topic. [`Publisher::capacity`] has an example.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The most bytes that a message can have: half of [`Config::stream`](crate::Config::stream), or 48 if that is more.
    ///
    /// ```
    /// # use mailbox::{Config, PublishError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(1).stream(64 << 10))?;
    /// # let me = region.join(0)?;
    /// let mut publisher = region.topic("prices")?.publisher(&me)?;
    /// assert_eq!(publisher.topic().name(), "prices");
    /// assert_eq!(publisher.capacity(), 32 << 10);
    /// publisher.publish(&vec![0; 32 << 10])?;
    /// let too_long = publisher.publish(&vec![0; (32 << 10) + 1]);
    /// assert_eq!(too_long, Err(PublishError::Misfit { len: (32 << 10) + 1, capacity: 32 << 10 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(&self) -> usize {
        (self.writer.longest() as usize).max(INLINE)
    }

    /// How many messages were published in the topic, by all its publishers. [`Publisher::publish`] has an example.
    pub fn published(&self) -> u64 {
        self.writer.next()
    }

    /// Publishes a message. Waits while a reader that wants every message must read others first.
    ///
    /// Cost: that of copying it, and for each reader two loads, and a system call if it sleeps.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let [me, one, two] = [0, 1, 2].map(|rank| region.join(rank).unwrap());
    /// let topic = region.topic("prices")?;
    /// let mut readers = [topic.subscriber(&one, Policy::every())?, topic.subscriber(&two, Policy::every())?];
    /// let mut publisher = topic.publisher(&me)?;
    /// publisher.publish(b"17.2")?;
    /// for reader in &mut readers {
    ///     assert_eq!(reader.recv()?.to_vec(), b"17.2");
    /// }
    /// assert_eq!(publisher.published(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn publish(&mut self, bytes: &[u8]) -> Result<(), PublishError> {
        self.publish_within(bytes, Deadline::Never)
    }

    /// Publishes a message, and waits no longer than `deadline`: then [`PublishError::Behind`]. Otherwise as [`Publisher::publish`].
    ///
    /// ```
    /// # use mailbox::{Config, Deadline, Policy, PublishError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("prices")?;
    /// # let _subscriber = topic.subscriber(&other, Policy::every())?;
    /// # let mut publisher = topic.publisher(&me)?;
    /// # let mut behind = None;
    /// for price in 0..2000u32 {
    ///     match publisher.publish_within(&price.to_ne_bytes(), Deadline::Now) {
    ///         Err(PublishError::Behind { rank }) => {
    ///             println!("rank {rank} is slow: {price} is left out");
    ///             # behind = Some(rank);
    ///         }
    ///         published => published?,
    ///     }
    /// }
    /// # assert_eq!((behind, publisher.published()), (Some(1), 1024));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn publish_within(
        &mut self,
        bytes: &[u8],
        deadline: impl Into<Deadline>,
    ) -> Result<(), PublishError> {
        let len = if bytes.len() <= INLINE { None } else { Some(bytes.len()) };
        let place = self.make_room(len, deadline.into())?;
        self.writer.write(place, bytes);
        self.ring();
        Ok(())
    }

    /// Publishes plain data. As [`Publisher::publish`].
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("position")?;
    /// let mut positions = topic.subscriber(&other, Policy::every())?;
    /// topic.publisher(&me)?.publish_value(&[1.5, -2.0])?;
    /// assert_eq!(positions.recv()?.value::<[f64; 2]>()?, [1.5, -2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish_value<T: NoUninit>(&mut self, value: &T) -> Result<(), PublishError> {
        self.publish(bytes_of(value))
    }

    /// Room for a message of up to `len` bytes, to be written where its readers will read it. Waits as [`Publisher::publish`].
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region};
    /// # use std::io::Write;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// # let topic = region.topic("frames")?;
    /// # let mut subscriber = topic.subscriber(&other, Policy::skip())?;
    /// let mut publisher = topic.publisher(&me)?;
    /// let mut draft = publisher.draft(1 << 20)?;
    /// writeln!(draft, "a frame")?;
    /// let len = draft.written();
    /// draft.publish(len);
    /// # assert_eq!(subscriber.recv()?.to_vec(), b"a frame\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn draft(&mut self, len: usize) -> Result<Draft<'_, 'a>, PublishError> {
        self.draft_within(len, Deadline::Never)
    }

    /// The same, and waits no longer than `deadline`: then [`PublishError::Behind`].
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// # let mut publisher = region.topic("frames")?.publisher(&me)?;
    /// let draft = publisher.draft_within(1 << 20, Duration::from_millis(10))?;
    /// draft.publish(1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn draft_within(
        &mut self,
        len: usize,
        deadline: impl Into<Deadline>,
    ) -> Result<Draft<'_, 'a>, PublishError> {
        let longest = self.writer.longest() as usize;
        if len > longest {
            return Err(PublishError::Misfit { len, capacity: longest });
        }
        let place = self.make_room(Some(len), deadline.into())?;
        Ok(Draft::new(self, place.bytes().unwrap_or_default()))
    }

    #[inline]
    fn make_room(&mut self, len: Option<usize>, deadline: Deadline) -> Result<Place, PublishError> {
        let member = self.me.member();
        member.check()?;
        if let Some(len) = len
            && len as u64 > self.writer.longest()
        {
            return Err(PublishError::Misfit { len, capacity: self.capacity() });
        }
        let len = len.map(|len| len as u64);
        let found = self.writer.make_room(len, |rank, epoch| lives(member, rank, epoch, false));
        let place = match found {
            Ok(place) => place,
            Err(behind) => self.wait_for_room(len, behind, deadline)?,
        };
        if let Some(bytes) = place.bytes() {
            self.payloads.complete(&self.topic, &bytes)?;
        }
        Ok(place)
    }

    #[cold]
    fn wait_for_room(
        &mut self,
        len: Option<u64>,
        behind: Behind,
        deadline: Deadline,
    ) -> Result<Place, PublishError> {
        let (me, member) = (self.me, self.me.member());
        let mut room = Room { writer: &mut self.writer, member, len, behind, place: None };
        let result = me.both().drive(member, deadline, &mut room);
        let (place, rank) = (room.place.take(), room.behind.rank);
        self.writer.set_starved(0);
        result?;
        place.ok_or(PublishError::Behind { rank })
    }

    /// Wakes the readers that sleep.
    #[inline(always)]
    fn ring(&self) {
        let member = self.me.member();
        for rank in self.writer.ranks() {
            let record = member.region.registry.rank(rank);
            if !member.mail_needs_no_ring(record) {
                member.ring_mail(record);
            }
        }
    }

    pub(super) fn words(&self, place: &Range<u64>) -> &[crate::sync::AtomicU64] {
        self.writer.words(place)
    }

    pub(super) fn publish_placed(&mut self, place: Range<u64>) {
        // A forked child would write into its parent's stream.
        if self.me.member().check().is_ok() {
            self.writer.publish_placed(place);
            self.ring();
        }
    }

    pub(super) fn member(&self) -> &Member {
        self.me.member()
    }
}

impl Drop for Publisher<'_> {
    fn drop(&mut self) {
        self.topic.unregister(self.me);
    }
}

impl fmt::Debug for Publisher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("topic", &self.topic)
            .field("published", &self.published())
            .finish_non_exhaustive()
    }
}

/// Whether a rank still lives in the life of this epoch, as far as is known. With `query`, asks the kernel.
fn lives(member: &Member, rank: u32, epoch: u64, query: bool) -> bool {
    member.end_of_life(rank, epoch, query).is_none()
}

/// Room for a message.
struct Room<'b> {
    writer: &'b mut StreamWriter,
    member: &'b Member,
    len: Option<u64>,
    behind: Behind,
    place: Option<Place>,
}

impl Room<'_> {
    fn look_once(&mut self, query: bool) -> bool {
        match self.writer.make_room(self.len, |rank, epoch| lives(self.member, rank, epoch, query)) {
            Ok(place) => self.place = Some(place),
            Err(behind) => self.behind = behind,
        }
        self.place.is_some()
    }

    fn look_whether(&mut self, query: bool) -> bool {
        // The reader may have gone on before it was told.
        self.look_once(query) || self.writer.set_starved(self.behind.below) && self.look_once(query)
    }
}

impl Operation for Room<'_> {
    type Error = PublishError;

    fn look(&mut self, _: bool) -> Result<bool, PublishError> {
        Ok(self.look_whether(false))
    }

    fn check(&mut self, query: bool) -> Result<bool, PublishError> {
        let place = self.member.check_place(query);
        if self.look_whether(query) {
            return Ok(true);
        }
        place?;
        // Nobody else reads what this rank must read itself.
        if self.is_in_vain() { Err(PublishError::Behind { rank: self.behind.rank }) } else { Ok(false) }
    }

    fn is_in_vain(&self) -> bool {
        self.behind.rank == self.member.rank()
    }

    fn fall_asleep(&self) {
        self.member.fall_asleep_for_mail(Source::Rank(self.behind.rank));
    }
}

impl From<Interrupted> for PublishError {
    fn from(_: Interrupted) -> Self {
        PublishError::Interrupted
    }
}
