//! The only place where a thread waits for a peer.
//!
//! An operation (room for a message, a receive, a call, an announced message) looks whether it has something to do,
//! and does one step of it. It never waits. [`drive`] calls it until it is done. In between, `drive` spins, yields
//! and sleeps, makes the operation check that the peer lives, and obeys the deadline and the interrupter.

use super::pace::{self, BURST, NAP, SOON};
use super::{Deadline, strategy};
use crate::error::Lost;
use crate::os::TrustedEvents;
use crate::rank::{Bell, Order, Polling, Wait};
use core::time::Duration;
use std::time::Instant;

/// An interrupter ended a wait.
#[derive(Debug)]
pub struct Interrupted;

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The operation is done and holds its result.
    Done,
    /// It made progress, and has more steps to do.
    Went,
}

/// A call that is done step by step. No step waits.
pub trait Operation {
    /// The error that ends it early.
    type Error: From<Interrupted> + From<Lost>;

    /// Looks whether there is something to do, and remembers it for [`Operation::step`]. Cheap, and called often. A
    /// thorough look misses nothing that is there.
    fn look(&mut self, thorough: bool) -> Result<bool, Self::Error>;

    /// The same, after looks have found nothing for a while. An error if nothing can come any more. Without `query`,
    /// it does not ask the kernel.
    fn check(&mut self, query: bool) -> Result<bool, Self::Error>;

    /// Does what the look or the check found. Nothing, if it was done with that.
    fn step(&mut self) -> Result<Step, Self::Error> {
        Ok(Step::Done)
    }

    /// Whether nobody could bring what it waits for. Then [`Operation::check`] says so, and there is no wait.
    fn is_in_vain(&self) -> bool {
        false
    }

    /// How many pauses to make before the next look.
    fn pauses(&self) -> u32 {
        1
    }

    /// How many times to offer the processor before sleeping, no matter how long that takes: it waits for many peers, or with many for
    /// one. They need this processor, and to wake all of them would cost more.
    fn turns(&self) -> u32 {
        0
    }

    /// Whether one of those that it waits for may need this processor. If not, it is worth a few more looks before the processor is
    /// offered.
    fn waits_for_neighbour(&self) -> bool {
        true
    }

    /// Called when its thread begins to wait.
    fn begin_wait(&self) {}

    /// Called when its thread falls asleep.
    fn fall_asleep(&self) {}
}

/// The waiting side: one half of an endpoint, or those of several.
pub trait Waiter {
    /// The bells that it sleeps on, with the order that their ringers rely on. No other thread sleeps on the same bits. It
    /// leaves out ranks that this process no longer holds.
    fn sleeps(&self) -> impl Iterator<Item = (&Order, Bell<'_>)> + Clone;

    /// The program's promise about events, if it sleeps on its one bell's event.
    fn events(&self) -> Option<TrustedEvents> {
        None
    }

    /// How it waits.
    fn how(&self) -> Wait;

    /// How it may poll, as far as it knows without looking at others.
    fn polling(&self) -> Polling;

    /// How an adaptive wait that begins now may poll.
    fn begin_polling(&self) -> Polling {
        self.polling()
    }

    /// Whether this process still holds the rank.
    fn check(&self) -> Result<(), Lost>;

    /// Whether an interrupter asks it to stop waiting. All that was there before it did is seen by a look after this.
    fn is_interrupted(&self) -> bool;

    /// An error, once, if an interrupter asks it to stop waiting.
    fn take_interruption(&self) -> Result<(), Interrupted>;

    /// How long it is until this half must ask the kernel again which peers live.
    fn until_question(&self) -> Duration {
        NAP
    }

    /// Whether that time has come. Cheaper: uses a clock that may be some milliseconds behind.
    fn is_question_due(&self) -> bool {
        false
    }

    /// Notes that it asks now, and asks about the ranks that it watches on behalf of all.
    fn watch(&self) {}

    /// Counts a call that found nothing. Returns whether this call is to ask the kernel for deaths.
    fn count_try(&self) -> bool;

    /// Called now and then while it is awake: if it sleeps seldom, its ringers need not fence any more.
    fn review_order(&self) {}

    /// Called when a wait is over.
    fn end_wait(&self) {}
}

/// Does `operation` step by step and waits in between, until it is done or the deadline has passed. Returns whether
/// it is done.
///
/// `publish` is called once, before the first wait or before this returns without a result, because the peer may wait
/// for what batches hold back. It returns whether they may have held something back.
#[inline(always)]
pub fn drive<W: Waiter, O: Operation>(
    waiter: &W,
    deadline: Deadline,
    publish: impl Fn() -> bool,
    operation: &mut O,
) -> Result<bool, O::Error> {
    let (mut steps, mut is_published) = (0, false);
    loop {
        // A call that does not wait has only one look, so it must be thorough.
        let mut is_found = operation.look(deadline.is_now())?;
        if !is_found && !core::mem::replace(&mut is_published, true) && publish() {
            // Some of what was published may have been for this rank itself.
            is_found = operation.look(true)?;
        }
        if !is_found {
            is_found = if deadline.is_now() {
                operation.check(waiter.count_try())?
            } else if operation.is_in_vain() {
                operation.check(false)?
            } else {
                let is_found = strategy::wait(waiter, deadline, operation)?;
                // The rank may have been taken while this process was stopped. Then what has come belongs to the
                // successor.
                waiter.check()?;
                is_found
            };
        }
        if !is_found {
            return Ok(false);
        }
        if operation.step()? == Step::Done {
            return Ok(true);
        }
        // Keeps the count small, however long the peer goes on.
        steps = BURST.min(steps + 1);
        if deadline.is_now() {
            if steps == BURST {
                return Ok(false);
            }
        } else if deadline.has_passed(Instant::now) {
            return Ok(false);
        } else {
            waiter.take_interruption()?;
        }
    }
}

/// Looks up to [`SOON`] times, with pauses, before a real wait is prepared. Returns whether a look found something.
/// Does nothing if this half may not poll, or if the wait is too short.
#[inline(always)]
pub fn look_soon<W: Waiter>(waiter: &W, deadline: Deadline, mut look: impl FnMut() -> bool) -> bool {
    waiter.review_order();
    let may_poll = matches!(waiter.how(), Wait::Spin | Wait::Adaptive)
        && waiter.polling() == Polling::Free
        && !deadline.has_passed(|| Instant::now() + pace::MOMENT);
    if !may_poll {
        return false;
    }
    for _ in 0..SOON {
        if look() {
            return true;
        }
        // Not more often: a look takes the line away from the peer that is about to write it.
        pace::pause(1);
    }
    false
}

#[cfg(all(test, not(loom)))]
pub(super) mod tests {
    use super::*;
    use crate::abi::Bells;
    use crate::rank::{FENCE, Ringer};
    use crate::sync::AtomicU32;
    use core::cell::Cell;
    use core::iter::once;

    /// A half that nobody rings.
    pub struct Sleeper {
        bells: Bells,
        order: Order,
        how: Wait,
        polling: Polling,
        /// It is interrupted when it asks for the last of these.
        pub interruptions: Cell<u32>,
        asked: Cell<Option<Instant>>,
        /// How often it asked the kernel.
        pub questions: Cell<u32>,
    }

    impl Sleeper {
        pub fn new(how: Wait, polling: Polling) -> Self {
            let word = || AtomicU32::new(0);
            let bells = Bells { word: word(), modes: [word(), word()], events: [word(), word()] };
            let order = Order::of(FENCE);
            let (interruptions, questions) = (0.into(), 0.into());
            Self { bells, order, how, polling, interruptions, asked: None.into(), questions }
        }

        /// Rings it, as a peer that has nothing for it.
        pub fn ring(&self) {
            Ringer::register().ring(Bell::mail(&self.bells));
        }
    }

    impl Waiter for Sleeper {
        fn sleeps(&self) -> impl Iterator<Item = (&Order, Bell<'_>)> + Clone {
            once((&self.order, Bell::mail(&self.bells)))
        }

        fn how(&self) -> Wait {
            self.how
        }

        fn polling(&self) -> Polling {
            self.polling
        }

        fn check(&self) -> Result<(), Lost> {
            Ok(())
        }

        fn is_interrupted(&self) -> bool {
            self.interruptions.get() == 1
        }

        fn take_interruption(&self) -> Result<(), Interrupted> {
            match self.interruptions.replace(self.interruptions.get().saturating_sub(1)) {
                1 => Err(Interrupted),
                _ => Ok(()),
            }
        }

        fn until_question(&self) -> Duration {
            self.asked.get().map_or(Duration::ZERO, |asked| NAP.saturating_sub(asked.elapsed()))
        }

        fn watch(&self) {
            self.asked.set(Some(Instant::now()));
            self.questions.update(|count| count + 1);
        }

        fn count_try(&self) -> bool {
            false
        }
    }

    /// An operation that finds this many things to do, and is done with the last one, if there is one that ends it.
    pub struct Script {
        steps: Vec<Step>,
        /// Looks that need not be thorough.
        pub looks: u32,
        checks: u32,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub enum Ended {
        Interrupted,
        Lost,
    }

    impl From<Interrupted> for Ended {
        fn from(_: Interrupted) -> Self {
            Ended::Interrupted
        }
    }

    impl From<Lost> for Ended {
        fn from(_: Lost) -> Self {
            Ended::Lost
        }
    }

    impl Script {
        pub fn of(steps: &[Step]) -> Self {
            Self { steps: steps.iter().rev().copied().collect(), looks: 0, checks: 0 }
        }
    }

    impl Operation for Script {
        type Error = Ended;

        fn look(&mut self, thorough: bool) -> Result<bool, Ended> {
            self.looks += u32::from(!thorough);
            Ok(!self.steps.is_empty())
        }

        fn check(&mut self, _: bool) -> Result<bool, Ended> {
            self.checks += 1;
            Ok(false)
        }

        fn step(&mut self) -> Result<Step, Ended> {
            Ok(self.steps.pop().expect("a look found it"))
        }
    }

    fn run(sleeper: &Sleeper, deadline: Deadline, script: &mut Script) -> (Result<bool, Ended>, u32) {
        let published = Cell::new(0);
        let publish = || {
            published.set(published.get() + 1);
            false
        };
        (drive(sleeper, deadline, publish, script), published.get())
    }

    fn sleeper() -> Sleeper {
        Sleeper::new(Wait::Block, Polling::Free)
    }

    #[test]
    fn what_is_there_is_done_without_a_check_and_publishes_nothing() {
        for deadline in [Deadline::Now, Duration::ZERO.into(), Deadline::Never] {
            let mut script = Script::of(&[Step::Done]);
            assert_eq!(run(&sleeper(), deadline, &mut script), (Ok(true), 0), "{deadline:?}");
            assert_eq!(script.checks, 0);
        }
    }

    #[test]
    fn a_call_that_finds_nothing_publishes_once_and_checks() {
        for deadline in [Deadline::Now, Duration::from_millis(1).into()] {
            let mut script = Script::of(&[]);
            assert_eq!(run(&sleeper(), deadline, &mut script), (Ok(false), 1), "{deadline:?}");
            assert!(script.checks > 0);
        }
        // Also where it finds something, and then nothing any more.
        let mut script = Script::of(&[Step::Went, Step::Went]);
        assert_eq!(run(&sleeper(), Deadline::Now, &mut script), (Ok(false), 1));
    }

    #[test]
    fn a_peer_that_goes_on_without_end_keeps_no_call() {
        let endless = || Script::of(&[Step::Went; 1000]);
        let left = |deadline, sleeper: &Sleeper| {
            let mut script = endless();
            let (result, _) = run(sleeper, deadline, &mut script);
            (result, 1000 - script.steps.len() as u64)
        };
        assert_eq!(left(Deadline::Now, &sleeper()), (Ok(false), BURST));
        assert_eq!(left(Duration::ZERO.into(), &sleeper()), (Ok(false), 1));
        let interrupted = sleeper();
        interrupted.interruptions.set(3);
        assert_eq!(left(Deadline::Never, &interrupted), (Err(Ended::Interrupted), 3));
    }
}
