//! What the compiler says where two threads would use an endpoint, or a half, at once.
//!
//! Without it the compiler names each private field that threads cannot share. The documentation is made without it: it would
//! show an `impl Sync` there, and not that there is none.
#![expect(unsafe_code, reason = "an `impl Sync` that never holds")]

use super::{Endpoint, RecvHalf, SendHalf};

/// No type implements it. The lifetime is there because the compiler rejects a bound without one that never holds.
#[diagnostic::on_unimplemented(
    message = "one thread at a time can use `{Self}`",
    label = "a second thread cannot use it",
    note = "for one thread that sends and another that receives, `Endpoint::into_split()` makes two halves",
    note = "for any number of threads, `Endpoint::into_shared()` makes a `Shared`, which all of them use at once",
    note = "`SendHalf::reunite()` makes an endpoint of two halves again"
)]
pub trait UsedByThreads<'a> {}

// SAFETY: It is never `Sync`: this holds only if it implements a trait that no type implements, and that no other crate can name.
unsafe impl Sync for Endpoint where for<'a> Endpoint: UsedByThreads<'a> {}
// SAFETY: As above.
unsafe impl Sync for SendHalf where for<'a> SendHalf: UsedByThreads<'a> {}
// SAFETY: As above.
unsafe impl Sync for RecvHalf where for<'a> RecvHalf: UsedByThreads<'a> {}
