//! The only place where a thread waits for a peer.
//!
//! An operation (room for a message, a receive, a call, an announced message) looks whether there is something for it to
//! do, and does one step of it; it never waits. [`drive`] has it look until it is done. In between it spins, yields and
//! sleeps; it has the operation look whether the peer lives; and it obeys the deadline and the interrupter.

use super::pace::{self, BURST, NAP, SOON};
use super::{Deadline, strategy};
use crate::error::Lost;
use crate::os::TrustedEvents;
use crate::rank::{Bell, Polling, Seen, Wait};
use core::time::Duration;
use std::time::Instant;

/// An interrupter ended a wait.
#[derive(Debug)]
pub struct Interrupted;

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The operation is done, and holds what came of it.
    Done,
    /// It went on. There are more steps to do.
    Went,
}

/// What a call does step by step, without waiting in any of them.
pub trait Operation {
    /// What ends it early.
    type Error: From<Interrupted> + From<Lost>;

    /// Whether there is something to do, which it remembers for [`Operation::step`]. Cheap, and called often; a thorough
    /// look misses nothing that is there.
    fn look(&mut self, thorough: bool) -> Result<bool, Self::Error>;

    /// Whether there is something to do, after nothing was found for a while; an error if nothing can come any more.
    /// Without `query` it does not ask the kernel.
    fn check(&mut self, query: bool) -> Result<bool, Self::Error>;

    /// Does what the look or the check found.
    fn step(&mut self) -> Result<Step, Self::Error>;

    /// Whether nobody could bring what it waits for. Then [`Operation::check`] says so, and nothing is waited for.
    fn is_in_vain(&self) -> bool {
        false
    }

    /// Pauses before the next look.
    fn pauses(&self) -> u32 {
        1
    }

    /// Its thread begins to wait.
    fn begin_wait(&self) {}

    /// Its thread falls asleep.
    fn fall_asleep(&self) {}
}

/// Who waits: one half of an endpoint.
pub trait Waiter {
    /// What it sleeps on: no other thread does for the same bits.
    fn bell(&self) -> Bell<'_>;

    /// Announces that it sleeps on its bell, in the order in which its ringers find out: one `Order` a bit.
    fn fall_asleep(&self, now: Instant) -> Seen;

    /// The word for sleeping on the bell's event, if it sleeps on that.
    fn events(&self) -> Option<TrustedEvents> {
        None
    }

    /// How it waits.
    fn how(&self) -> Wait;

    /// How it may poll, as far as it knows without a look at others.
    fn polling(&self) -> Polling;

    /// How an adaptive wait that begins now may poll.
    fn begin_polling(&self) -> Polling {
        self.polling()
    }

    /// Whether this process still holds the rank, and may write to its bell.
    fn check(&self) -> Result<(), Lost>;

    /// Tells, once, that an interrupter asks it to stop waiting.
    fn take_interruption(&self) -> Result<(), Interrupted>;

    /// How long it is until this half is to ask the kernel again who lives, however it spends the time.
    fn until_question(&self) -> Duration {
        NAP
    }

    /// Whether it is to ask now, for one who has no time: as some milliseconds ago.
    fn is_question_due(&self) -> bool {
        false
    }

    /// It asks now: notes that, and asks about the ranks that this one watches for all others.
    fn watch(&self) {}

    /// Counts a call that found nothing; whether it is to ask the kernel for deaths.
    fn count_try(&self) -> bool;

    /// For now and then while it is awake: has its ringers fence no more if it sleeps seldom.
    fn review_order(&self) {}

    /// A wait is over.
    fn end_wait(&self) {}
}

/// Does `operation` step by step, and waits in between, but not beyond the deadline. Whether it is done.
///
/// `publish` is called once, before the first wait or before this returns empty-handed: the peer may wait for what
/// batches hold back. It says whether they may have.
#[inline(always)]
pub fn drive<W: Waiter, O: Operation>(
    waiter: &W,
    deadline: Deadline,
    publish: impl Fn() -> bool,
    operation: &mut O,
) -> Result<bool, O::Error> {
    let (mut steps, mut is_published) = (0, false);
    loop {
        // A call that does not wait has one look.
        let mut is_found = operation.look(deadline.is_now())?;
        if !is_found && !core::mem::replace(&mut is_published, true) && publish() {
            // Some of it may have been for this rank itself.
            is_found = operation.look(true)?;
        }
        if !is_found {
            is_found = if deadline.is_now() {
                operation.check(waiter.count_try())?
            } else if operation.is_in_vain() {
                operation.check(false)?
            } else {
                let is_found = strategy::wait(waiter, deadline, operation)?;
                // While this process was stopped its rank may have been taken. What came is the successor's.
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
        // However long the peer goes on.
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

/// Looks [`SOON`] times, a pause apart, before a wait is prepared, until a look is worth no other; whether one was. Not
/// where this may not poll, or the wait is too short.
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
    use crate::rank::{FENCE, Order, Ringer};
    use crate::sync::AtomicU32;
    use core::cell::Cell;

    /// A half that nobody rings.
    pub struct Sleeper {
        bells: Bells,
        order: Order,
        how: Wait,
        polling: Polling,
        interruptions: Cell<u32>,
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
            Ringer::register().ring(self.bell());
        }
    }

    impl Waiter for Sleeper {
        fn bell(&self) -> Bell<'_> {
            Bell::mail(&self.bells)
        }

        fn fall_asleep(&self, now: Instant) -> Seen {
            self.order.fall_asleep(self.bell(), now)
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
