//! Taking the pages of mailboxes from the system.
//!
//! # Memory is taken late
//!
//! Reading an untouched page of a segment in memory allocates it, and raises SIGBUS if there is no room. So a process
//! never touches a mailbox whose bit in the receiver's `opened` bitmap is clear. Before its first stamp, the sender
//! reserves the pages of the pair (`fallocate`; if it fails, the send returns `NoSpace`), then sets the bit once.
//! Bits are never cleared, and reserving again after a kill does no harm.
//!
//! A bit is a peer's word. So a sender and a receiver that first touch a mailbox reserve its pages themselves. If
//! there is no room, the sender gets `NoSpace`, and the receiver regards the mailbox as not open yet. It tries again
//! after 10 ms and opens others meanwhile.
//!
//! Arenas are reserved extent by extent, by the sender before it places the first payload there. So a mailbox with
//! small messages takes no more than its cells. No word says that an extent is reserved: each end makes sure of it
//! for itself, once. If there is no memory for an extent, the sender tries the other free ones, some of which may
//! have memory; if none has, it waits for its receiver as if the mailbox were full. Only if no extent of the kind has
//! memory, or nothing is under way that could come back, does it return `NoSpace`. Small messages still go. A
//! receiver that finds no memory behind a mail returns an error and keeps the mail.
//!
//! A process that takes 1 MiB or more first checks what its memory cgroups have left, because beyond that the kernel
//! kills it.

use super::Segment;
use crate::abi::{BUFFERS, CHUNK};
use crate::os;
use core::ops::Range;
use std::io;

impl Segment {
    /// Takes the pages of the mailbox from `from` to `to`, except for those of its arenas.
    pub fn reserve(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate(&self.file, self.geometry.pages(from, to), self.geometry.small())
    }

    /// Takes those of these pages that are missing although the bit in `opened` is set. An honest sender leaves none
    /// out. But if one is missing and there is no room, touching it raises SIGBUS.
    pub fn complete(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate_missing(&self.file, self.geometry.pages(from, to), self.geometry.small())
    }

    /// For a lane's writer: takes the pages of this extent of the arena at `arena`. No payload lies there yet.
    pub fn reserve_extent(&self, arena: u64, extent: Range<u64>) -> io::Result<()> {
        os::allocate_free(&self.file, arena + extent.start, extent.end - extent.start)
    }

    /// Like [`Segment::reserve_extent`], for a lane's reader, before it touches the first payload there. An honest
    /// writer leaves no page out.
    pub fn complete_extent(&self, arena: u64, extent: Range<u64>) -> io::Result<()> {
        os::allocate_missing(&self.file, arena + extent.start, extent.end - extent.start)
    }

    /// Takes the pages of the transfer ring from `from` to `to`, for the sender, which has put nothing there yet.
    pub fn reserve_transfer(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate_free(&self.file, self.geometry.transfer(from, to), self.geometry.transfer_ring())
    }

    /// Like [`Segment::reserve_transfer`], for the receiver, before it looks there.
    pub fn complete_transfer(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate_missing(&self.file, self.geometry.transfer(from, to), self.geometry.transfer_ring())
    }

    /// Like [`Segment::reserve_extent`], for these chunks of the area for loans of `rank`, by that rank.
    pub fn reserve_loan(&self, rank: u32, chunks: Range<u32>) -> io::Result<()> {
        self.reserve_extent(self.geometry.loans_of(rank), bytes(chunks))
    }

    /// Takes the pages of all slots of a group, except for their windows, by each rank that uses it.
    pub fn complete_slots(&self, group: u32) -> io::Result<()> {
        let offset = self.geometry.slot(group, 0);
        os::allocate_missing(&self.file, offset, self.geometry.slot(group, self.geometry.ranks) - offset)
    }

    /// Takes the pages of such bytes of a window, by its writer or by a process that reads there.
    pub fn complete_window(&self, group: u32, rank: u32, bytes: Range<u64>) -> io::Result<()> {
        self.complete_extent(self.geometry.window(group, rank), bytes)
    }

    /// Takes the pages of the table of topics, by each process that looks there.
    pub fn complete_topics(&self) -> io::Result<()> {
        let offset = self.geometry.topic(0);
        os::allocate_missing(&self.file, offset, self.geometry.topic(self.geometry.topics) - offset)
    }

    /// Takes the pages of a topic's buffers of so many bytes each, by its writer or by a process that reads there.
    pub fn complete_value(&self, topic: u32, capacity: u64) -> io::Result<()> {
        self.complete_extent(self.geometry.buffers(topic), 0..BUFFERS as u64 * capacity)
    }

    /// Takes the pages of a topic's cells and of its readers' lines, by each process that publishes or reads its stream.
    pub fn complete_stream(&self, topic: u32) -> io::Result<()> {
        os::allocate_missing(&self.file, self.geometry.readers(topic), self.geometry.stream_lines())
    }

    /// Takes the pages of these bytes of a stream's payloads, by its writer or by a process that reads there.
    pub fn complete_payloads(&self, topic: u32, bytes: Range<u64>) -> io::Result<()> {
        self.complete_extent(self.geometry.stream_payloads(topic), bytes)
    }

    /// Like [`Segment::complete_extent`], for these chunks, by a process that reads there.
    pub fn complete_loan(&self, rank: u32, chunks: Range<u32>) -> io::Result<()> {
        self.complete_extent(self.geometry.loans_of(rank), bytes(chunks))
    }
}

fn bytes(chunks: Range<u32>) -> Range<u64> {
    CHUNK * u64::from(chunks.start)..CHUNK * u64::from(chunks.end)
}
