//! The parts of a segment, each by its place.

use super::Segment;
use crate::abi::{Control, Rank, TopicLines};
use crate::memory::{self, GroupSlot, Mailbox, Shared, Stream, Value};
use crate::sync::AtomicU64;

impl Segment {
    /// What concerns all ranks.
    pub fn control(&self) -> Shared<Control> {
        self.header.control()
    }

    /// The rank table.
    pub fn ranks(&self) -> Shared<[Rank]> {
        Shared::<[Rank]>::mapped(&self.mapping, self.geometry.rank(0), self.geometry.ranks as usize)
    }

    /// The area for the loans of `rank`, which is in range. Parts of it follow the same rule as extents of an arena.
    pub fn loans(&self, rank: u32) -> Shared<[AtomicU64]> {
        memory::loans(&self.mapping, &self.geometry, rank)
    }

    /// The slot of `rank` for `group`, both in range. Its lines must be completed by [`Segment::complete_slots`], and parts of
    /// its window by [`Segment::complete_window`], before they are touched.
    pub fn slot(&self, group: u32, rank: u32) -> GroupSlot {
        GroupSlot::mapped(&self.mapping, &self.geometry, group, rank)
    }

    /// The lines of all topics, which must be completed by [`Segment::complete_topics`] before they are touched.
    pub fn topics(&self) -> Shared<[TopicLines]> {
        memory::topics(&self.mapping, &self.geometry)
    }

    /// The value of a topic, which is in range, with buffers of so many bytes. They must be completed by
    /// [`Segment::complete_value`] before they are touched.
    pub fn value(&self, topic: u32, capacity: u64) -> Value {
        Value::mapped(&self.mapping, &self.geometry, topic, capacity)
    }

    /// The stream of a topic, which is in range. Its lines must be completed by [`Segment::complete_stream`], and parts of its
    /// payloads by [`Segment::complete_payloads`], before they are touched.
    pub fn stream(&self, topic: u32) -> Stream {
        Stream::mapped(&self.mapping, &self.geometry, topic)
    }

    /// The mailbox from `from` to `to`, both in range. Three parts must be reserved or completed before they are
    /// touched: the mailbox itself by [`Segment::reserve`] or [`Segment::complete`], an extent of an arena by
    /// [`Segment::reserve_extent`] or [`Segment::complete_extent`], and the transfer ring by
    /// [`Segment::reserve_transfer`] or [`Segment::complete_transfer`].
    pub fn mailbox(&self, from: u32, to: u32) -> Mailbox {
        Mailbox::mapped(&self.mapping, &self.geometry, from, to)
    }
}
