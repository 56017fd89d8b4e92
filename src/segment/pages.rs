//! The pages of mailboxes, taken from the system.

use super::Segment;
use crate::abi::CHUNK;
use crate::os;
use core::ops::Range;
use std::io;

impl Segment {
    /// Takes the pages of the mailbox from `from` to `to` from the system, but for those that are its arenas' alone.
    pub fn reserve(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate(&self.file, self.geometry.pages(from, to), self.geometry.small())
    }

    /// Takes those of these pages from the system that are lacking although the bit in `opened` is set. An honest
    /// sender leaves none out; but who touches one that is lacking, where there is no room, gets SIGBUS.
    pub fn complete(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate_missing(&self.file, self.geometry.pages(from, to), self.geometry.small())
    }

    /// Takes those pages from the system that a lane's writer needs for this extent of the arena at `arena`: no payload lies
    /// there.
    pub fn reserve_extent(&self, arena: u64, extent: Range<u64>) -> io::Result<()> {
        os::allocate_free(&self.file, arena + extent.start, extent.end - extent.start)
    }

    /// As [`Segment::reserve_extent`], for a lane's reader, before it looks at the first payload there. An honest writer
    /// leaves no page out.
    pub fn complete_extent(&self, arena: u64, extent: Range<u64>) -> io::Result<()> {
        os::allocate_missing(&self.file, arena + extent.start, extent.end - extent.start)
    }

    /// Takes the pages of the transfer ring from `from` to `to` from the system, for its sender, who has put nothing there.
    pub fn reserve_transfer(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate_free(&self.file, self.geometry.transfer(from, to), self.geometry.transfer_ring())
    }

    /// As [`Segment::reserve_transfer`], for its receiver, before it looks there.
    pub fn complete_transfer(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate_missing(&self.file, self.geometry.transfer(from, to), self.geometry.transfer_ring())
    }

    /// As [`Segment::reserve_extent`], for these chunks of the area for the loans of `rank`, by that rank.
    pub fn reserve_loan(&self, rank: u32, chunks: Range<u32>) -> io::Result<()> {
        self.reserve_extent(self.geometry.loans_of(rank), bytes(chunks))
    }

    /// As [`Segment::complete_extent`], for these chunks of that area, by a process that reads there.
    pub fn complete_loan(&self, rank: u32, chunks: Range<u32>) -> io::Result<()> {
        self.complete_extent(self.geometry.loans_of(rank), bytes(chunks))
    }
}

fn bytes(chunks: Range<u32>) -> Range<u64> {
    CHUNK * u64::from(chunks.start)..CHUNK * u64::from(chunks.end)
}
