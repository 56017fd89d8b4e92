//! Panics of what is the program's own: they stay within it.

use super::reason::short;
use core::any::Any;
use core::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs what is the program's own. What it has panicked with, if it has.
pub fn contain<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(words)
}

/// What a panic says.
fn words(panic: Box<dyn Any + Send>) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => short(text).into(),
        (_, Some(text)) => short(text).into(),
        _ => "something else than words".into(),
    };
    drop_quietly(panic);
    text
}

/// Drops what is the program's own, and may panic.
pub fn drop_quietly<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // It may panic when it is dropped, with another one that does, and so on.
        mem::forget(panic);
    }
}
