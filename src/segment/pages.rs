//! Taking the pages of mailboxes from the system.

use super::Segment;
use crate::abi::CHUNK;
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

    /// Like [`Segment::complete_extent`], for these chunks, by a process that reads there.
    pub fn complete_loan(&self, rank: u32, chunks: Range<u32>) -> io::Result<()> {
        self.complete_extent(self.geometry.loans_of(rank), bytes(chunks))
    }
}

fn bytes(chunks: Range<u32>) -> Range<u64> {
    CHUNK * u64::from(chunks.start)..CHUNK * u64::from(chunks.end)
}
