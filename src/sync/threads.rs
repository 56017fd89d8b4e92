//! Stops a thread of a model before its k-th access to a shared word.

use loom::thread::{ThreadId, current};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    // Loom runs all threads of a model on the thread that runs the test.
    /// Who stops, and before which of its accesses from now on.
    static STOP: Cell<Option<(ThreadId, u64)>> = const { Cell::new(None) };
}

/// What unwinds a thread that has stopped.
struct Stopped;

/// Has this thread do something, and leave it for ever before its `count`-th access, counted from 1. Whether it got that far.
pub fn stop_before(count: u64, work: impl FnOnce()) -> bool {
    STOP.set(Some((current().id(), count)));
    let result = catch_unwind(AssertUnwindSafe(work));
    STOP.set(None);
    match result {
        Ok(()) => false,
        Err(cause) if cause.is::<Stopped>() => true,
        Err(cause) => resume_unwind(cause),
    }
}

pub(super) fn step() {
    let Some((thread, left)) = STOP.get() else { return };
    if thread == current().id() {
        STOP.set((left > 1).then(|| (thread, left - 1)));
        if left == 1 {
            resume_unwind(Box::new(Stopped));
        }
    }
}
