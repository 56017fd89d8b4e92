//! What every system can do.

use crate::outcome::{Declined, Outcome};
use std::hint::black_box;
use std::ops::Range;

/// Something that carries messages: what is made of it before the sides begin.
pub trait System {
    /// What a side holds.
    type Link: Link;

    /// The end of a side: of 0, which measures, or of another; in its own process or thread.
    fn link(&self, side: u32) -> Outcome<Self::Link>;
}

/// A side's end. Side 0 sends to side 1 and receives from all; the others send to side 0 and receive from it. What
/// only asks and answers has an exchange and serves, and no more.
pub trait Link {
    /// Sends a message with this payload, which is written where the system wants it; waits for room.
    fn send(&mut self, _bytes: &[u8]) -> Outcome<()> {
        Err(Declined(ASKS).into())
    }

    /// Receives the next message, which has as many bytes as `bytes`, and reads it: copies it there, or as
    /// [`read_in_place`] does.
    fn receive(&mut self, _bytes: &mut [u8]) -> Outcome<()> {
        Err(Declined(ASKS).into())
    }

    /// Sends this payload to side 1 and receives what comes back for it, of the same length.
    #[inline(always)]
    fn exchange(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        self.send(black_box(bytes))?;
        self.receive(black_box(bytes))
    }

    /// The other side of an exchange: receives, has `change` look at it, and sends that back.
    #[inline(always)]
    fn serve(&mut self, bytes: &mut [u8], change: impl FnOnce(&mut [u8])) -> Outcome<()> {
        self.receive(black_box(bytes))?;
        change(bytes);
        self.send(black_box(bytes))
    }

    /// Sends these messages, as [`send_all`] does.
    fn give(&mut self, messages: Range<u64>, bytes: &mut [u8]) -> Outcome<()>
    where
        Self: Sized,
    {
        send_all(self, messages, bytes)
    }

    /// Receives so many messages, as [`receive_all`] does.
    fn take(&mut self, messages: u64, bytes: &mut [u8]) -> Outcome<()>
    where
        Self: Sized,
    {
        receive_all(self, messages, bytes)
    }
}

/// Why those have no other cases.
pub const ASKS: &str = "asks and answers";

/// Sends these messages one by one, each with its number in front. A function of its own, because on some processors
/// each cache line beside the message's that a sender stores to, its stack's for one, costs a fifth of its speed.
#[inline(never)]
pub fn send_all<L: Link>(link: &mut L, messages: Range<u64>, bytes: &mut [u8]) -> Outcome<()> {
    let bytes = black_box(bytes);
    for message in messages {
        number(bytes, message);
        link.send(black_box(bytes))?;
    }
    Ok(())
}

/// Receives so many messages one by one.
#[inline(never)]
pub fn receive_all<L: Link>(link: &mut L, messages: u64, bytes: &mut [u8]) -> Outcome<()> {
    for _ in 0..messages {
        link.receive(black_box(bytes))?;
    }
    Ok(())
}

/// Writes a number to the front of a payload.
#[inline(always)]
pub fn number(bytes: &mut [u8], number: u64) {
    if let Some(first) = bytes.first_chunk_mut() {
        *first = number.to_ne_bytes();
    }
}

/// The number in front of a payload.
pub fn numbered(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_ne_bytes(*first))
}

/// Longer messages are read in place by systems that allow it.
pub const COPIED: usize = 256;

/// Reads a message where it lies: adds up its words. Its first are copied to `bytes`, and short ones are copied.
#[inline(always)]
pub fn read_in_place(message: &[u8], bytes: &mut [u8]) {
    if message.len() <= COPIED {
        bytes.copy_from_slice(message);
    } else {
        let (words, rest) = message.as_chunks();
        let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
        black_box((sum, rest));
        bytes[..COPIED].copy_from_slice(&message[..COPIED]);
    }
}
