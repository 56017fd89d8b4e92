//! A rank that several threads use at once.

use super::Scratch;
use mailbox::{Config, Endpoint, OwnedMail, Region, Shared, Wait};
use std::panic::{self, AssertUnwindSafe};

pub const HOWS: [Wait; 3] = [Wait::Adaptive, Wait::Block, Wait::Spin];

/// Rank 0, shared, and the others of a new region.
pub fn shared<const N: usize>(cells: u32, how: Wait) -> (Scratch, Shared, [Endpoint; N]) {
    let scratch = Scratch::new();
    let config = Config::ranks(N as u32 + 1).cells(cells).arena(64 << 10).max_message(8 << 20);
    let region = scratch.create(config.loans(512 << 10));
    let me = join(&region, 0);
    me.set_wait(how);
    let others = std::array::from_fn(|at| join(&region, at as u32 + 1));
    (scratch, me.into_shared(), others)
}

pub fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

/// Takes a mail and ends with a panic while it holds it.
pub fn panic_with(mail: OwnedMail) {
    let result = panic::catch_unwind(AssertUnwindSafe(move || {
        let _mail = mail;
        panic::resume_unwind(Box::new(()))
    }));
    assert!(result.is_err());
}
