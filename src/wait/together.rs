//! Several that one thread waits for at once.

use super::{Interrupted, Waiter};
use crate::error::Lost;
use crate::rank::{Bell, Order, Polling, Wait};
use core::time::Duration;

/// Several waiters as one: it sleeps on all their bells, and what ends the wait of one ends this. It is no more eager
/// than the least eager of them.
pub struct Together<'a, W>(pub &'a [&'a W]);

impl<W: Waiter> Waiter for Together<'_, W> {
    fn sleeps(&self) -> impl Iterator<Item = (&Order, Bell<'_>)> + Clone {
        self.0.iter().flat_map(|waiter| waiter.sleeps())
    }

    fn how(&self) -> Wait {
        let eagerness = |how: &Wait| match how {
            Wait::Block | Wait::Event(_) => 0,
            Wait::Adaptive => 1,
            Wait::Spin => 2,
        };
        self.0.iter().map(|waiter| waiter.how()).min_by_key(eagerness).unwrap_or_default()
    }

    fn polling(&self) -> Polling {
        self.0.iter().map(|waiter| waiter.polling()).max().unwrap_or_default()
    }

    fn begin_polling(&self) -> Polling {
        self.0.iter().map(|waiter| waiter.begin_polling()).max().unwrap_or_default()
    }

    /// The operation looks at each for itself, and knows which it is.
    fn check(&self) -> Result<(), Lost> {
        Ok(())
    }

    fn is_interrupted(&self) -> bool {
        self.0.iter().any(|waiter| waiter.is_interrupted())
    }

    fn take_interruption(&self) -> Result<(), Interrupted> {
        self.0.iter().try_for_each(|waiter| waiter.take_interruption())
    }

    fn until_question(&self) -> Duration {
        self.0.iter().map(|waiter| waiter.until_question()).min().unwrap_or_default()
    }

    fn is_question_due(&self) -> bool {
        self.0.iter().any(|waiter| waiter.is_question_due())
    }

    fn watch(&self) {
        self.0.iter().for_each(|waiter| waiter.watch());
    }

    fn count_try(&self) -> bool {
        self.0.iter().fold(false, |is_due, waiter| waiter.count_try() | is_due)
    }

    fn review_order(&self) {
        self.0.iter().for_each(|waiter| waiter.review_order());
    }

    fn end_wait(&self) {
        self.0.iter().for_each(|waiter| waiter.end_wait());
    }
}
