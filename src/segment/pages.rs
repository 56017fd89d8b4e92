//! The pages of mailboxes, taken from the system.

use super::Segment;
use crate::os;
use core::ops::Range;
use std::io;

impl Segment {
    /// Takes the pages of the mailbox from `from` to `to` from the system, but for those that are its arenas' alone.
    pub fn reserve(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate(&self.file, self.geometry.pages(from, to), self.first_part())
    }

    /// Takes those of these pages from the system that are lacking although the bit in `opened` is set. An honest
    /// sender leaves none out; but who touches one that is lacking, where there is no room, gets SIGBUS.
    pub fn complete(&self, from: u32, to: u32) -> io::Result<()> {
        os::allocate_missing(&self.file, self.geometry.pages(from, to), self.first_part())
    }

    /// Takes those pages from the system that the mail lane's arena of the mailbox from `from` to `to` lacks. Its sender
    /// does so before the first message that goes there, and its receiver before it looks at one.
    pub fn complete_arena(&self, from: u32, to: u32) -> io::Result<()> {
        self.complete_pages(from, to, self.geometry.pages_of_mail())
    }

    /// As [`Segment::complete_arena`], for the return lane's, where the receiver writes and the sender looks.
    pub fn complete_returns(&self, from: u32, to: u32) -> io::Result<()> {
        self.complete_pages(from, to, self.geometry.pages_of_returns())
    }

    fn complete_pages(&self, from: u32, to: u32, pages: Range<u64>) -> io::Result<()> {
        let start = pages.start.max(self.first_part());
        if start >= pages.end {
            return Ok(());
        }
        os::allocate_missing(&self.file, self.geometry.pages(from, to) + start, pages.end - start)
    }

    /// How many bytes of a mailbox are reserved at its first message, whatever that is.
    fn first_part(&self) -> u64 {
        if os::COMPLETES { self.geometry.small() } else { self.geometry.stride() }
    }
}
