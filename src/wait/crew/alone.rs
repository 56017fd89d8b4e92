//! A thread of a crew that waits while no other does: it polls.

use super::{Common, Crew, Found, Look};
use crate::error::Lost;
use crate::rank::{Bell, Order, Polling, Wait};
use crate::wait::drive::{Interrupted, Operation, Waiter, look_soon};
use crate::wait::{Deadline, strategy};
use core::iter::empty;
use std::time::Instant;

impl<T: Common> Crew<T> {
    /// Polls, if no other thread waits: as long as one that has an endpoint alone does.
    pub fn poll<R, E: From<Interrupted> + From<Lost>>(
        &self,
        deadline: Deadline,
        pauses: u32,
        look: impl FnMut(&T, Look) -> Result<Found<R>, E>,
    ) -> Result<Option<R>, E> {
        let alone = {
            let mut watch = self.lock();
            if !watch.is_idle() {
                return Ok(None);
            }
            watch.polls = true;
            watch.common.review_order();
            Alone { crew: self, how: watch.common.how(), polling: watch.common.polling() }
        };
        let mut poll = Polled { crew: self, pauses, look, found: None, polls: true };
        let mut soon = Ok(false);
        look_soon(&alone, deadline, || {
            soon = poll.look(Look::Soon);
            !matches!(soon, Ok(false))
        });
        soon?;
        // However long the peer goes on.
        while poll.found.is_none()
            && !deadline.has_passed(Instant::now)
            && strategy::poll(&alone, deadline, &mut poll)?
        {}
        Ok(poll.found.take())
    }
}

/// A thread that polls while no other waits.
struct Alone<'a, T: Common> {
    crew: &'a Crew<T>,
    /// How it waits, and how it may poll, as of the beginning.
    how: Wait,
    polling: Polling,
}

impl<T: Common> Waiter for Alone<'_, T> {
    fn sleeps(&self) -> impl Iterator<Item = (&Order, Bell<'_>)> + Clone {
        empty() // It only polls.
    }

    fn check(&self) -> Result<(), Lost> {
        Ok(()) // Its look does.
    }

    fn count_try(&self) -> bool {
        false
    }

    fn how(&self) -> Wait {
        self.how
    }

    fn polling(&self) -> Polling {
        self.polling
    }

    fn begin_polling(&self) -> Polling {
        self.crew.with(Common::begin_polling)
    }

    fn is_interrupted(&self) -> bool {
        false // Its look asks.
    }

    fn take_interruption(&self) -> Result<(), Interrupted> {
        Ok(()) // As above.
    }

    fn is_question_due(&self) -> bool {
        self.crew.with(Common::is_question_due)
    }

    fn watch(&self) {
        self.crew.with(Common::watch);
    }
}

/// What it polls for.
struct Polled<'a, T: Common, R, F> {
    crew: &'a Crew<T>,
    pauses: u32,
    look: F,
    found: Option<R>,
    /// Whether the crew takes it for a thread that polls.
    polls: bool,
}

impl<T: Common, R, F> Drop for Polled<'_, T, R, F> {
    fn drop(&mut self) {
        if self.polls {
            self.crew.lock().polls = false;
        }
    }
}

impl<T: Common, R, E, F> Polled<'_, T, R, F>
where
    F: FnMut(&T, Look) -> Result<Found<R>, E>,
{
    fn look(&mut self, how: Look) -> Result<bool, E> {
        let mut watch = self.crew.lock();
        match (self.look)(&watch.common, how)? {
            Found::All(result) => {
                self.found = Some(result);
                // Under this hold of the lock, so that it takes none for that.
                watch.polls = false;
                self.polls = false;
            }
            Found::Some => {}
            Found::Nothing => return Ok(false),
        }
        Ok(true)
    }
}

impl<T: Common, R, E, F> Operation for Polled<'_, T, R, F>
where
    E: From<Interrupted> + From<Lost>,
    F: FnMut(&T, Look) -> Result<Found<R>, E>,
{
    type Error = E;

    fn look(&mut self, thorough: bool) -> Result<bool, E> {
        Polled::look(self, if thorough { Look::Thorough } else { Look::Brief })
    }

    fn check(&mut self, query: bool) -> Result<bool, E> {
        Polled::look(self, Look::Check { query })
    }

    fn pauses(&self) -> u32 {
        self.pauses
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::watch::tests::{News, bells};
    use super::*;
    use crate::wait::drive::tests::Ended;
    use std::sync::Arc;

    #[test]
    fn a_thread_that_found_something_polls_no_more_and_neither_does_one_that_failed() {
        let crew = Crew::new(Arc::new(bells()).into(), News::default());
        let mut looks = 0;
        let found = crew.poll(Deadline::Never, 1, |_, _| {
            looks += 1;
            Ok::<_, Ended>(if looks < 3 { Found::Nothing } else { Found::All(looks) })
        });
        assert_eq!((found, crew.lock().is_idle()), (Ok(Some(3)), true));
        let failed = crew.poll(Deadline::Never, 1, |_, _| Err::<Found<()>, _>(Ended::Lost));
        assert_eq!((failed, crew.lock().is_idle()), (Err(Ended::Lost), true));
    }
}
