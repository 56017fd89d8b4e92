//! Numbers that are sent by one call, and drained into a function.

use super::Scratch;
use mailbox::{Config, Deadline, Endpoint};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub const ARENA: u64 = 8192;

pub fn endpoints<const N: usize>(cells: u32) -> (Scratch, [Endpoint; N]) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(N as u32).cells(cells).arena(ARENA));
    let endpoints = std::array::from_fn(|rank| region.join(rank as u32).expect("a free rank"));
    (scratch, endpoints)
}

pub fn bytes(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = [u8; 8]> {
    numbers.into_iter().map(u64::to_ne_bytes)
}

pub fn send(from: &Endpoint, to: u32, numbers: impl IntoIterator<Item = u64>) {
    from.to(to).within(Deadline::Now).send_each(bytes(numbers)).expect("room");
}

/// All that a drain gives a function, as numbers.
pub fn given(me: &Endpoint) -> Vec<u64> {
    let mut numbers = vec![];
    me.drain().for_each(|message| numbers.push(message.value().expect("a number"))).expect("sound");
    numbers
}

/// Messages from rank 0 to rank 1 that their sender takes for unread.
pub fn unread(scratch: &Scratch) -> u64 {
    scratch.open().inspect().mailboxes[0].unread
}

pub fn panics(work: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
}

pub fn stop() -> ! {
    resume_unwind(Box::new("on purpose"))
}
