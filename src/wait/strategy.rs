//! How to wait: polls first, then sleeps with looks in between.

use super::Deadline;
use super::drive::{Operation, Waiter};
use super::pace::{self, BESIDE_WAITERS, GREEDY, LONG_YIELD, LOOKS, NAP, PATIENCE};
use crate::os;
use crate::rank::{Bell, Polling, SETTLING, Seen, Wait, fall_asleep};
use crate::sync::{Mutant, mutated};
use core::time::Duration;
use std::time::Instant;

/// Waits until `operation` finds something to do or the deadline has passed. Returns whether it found something.
///
/// The operation is checked before each nap. The kernel is asked when 75 ms have passed since this half last asked,
/// even if the bell is rung all the time for nothing, and before a wait gives up (I6).
pub fn wait<W: Waiter, O: Operation>(
    waiter: &W,
    deadline: Deadline,
    operation: &mut O,
) -> Result<bool, O::Error> {
    waiter.review_order();
    operation.begin_wait();
    let result = poll_and_sleep(waiter, deadline, operation);
    waiter.end_wait();
    result
}

fn poll_and_sleep<W: Waiter, O: Operation>(
    waiter: &W,
    deadline: Deadline,
    operation: &mut O,
) -> Result<bool, O::Error> {
    if poll(waiter, deadline, operation)? {
        return Ok(true);
    }
    if deadline.has_passed(Instant::now) {
        if look(waiter, operation, true)? {
            return Ok(true);
        }
        // An end is reported even if the wait is very short. Otherwise a caller that polls with short waits would
        // never hear of it.
        return operation.check(true);
    }
    let result = sleep(waiter, deadline, operation);
    bells(waiter).for_each(Bell::wake_up);
    result
}

fn look<W: Waiter, O: Operation>(waiter: &W, operation: &mut O, thorough: bool) -> Result<bool, O::Error> {
    let is_interrupted = waiter.is_interrupted();
    // What was there before comes first. Then the next wait is interrupted.
    let is_found = operation.look(thorough || is_interrupted)?;
    if is_interrupted && !is_found {
        waiter.take_interruption()?;
    }
    Ok(is_found)
}

/// Polls as long as the strategy allows. Returns whether `operation` found something to do.
pub fn poll<W: Waiter, O: Operation>(
    waiter: &W,
    deadline: Deadline,
    operation: &mut O,
) -> Result<bool, O::Error> {
    let how = waiter.how();
    let mut greedy = match how {
        Wait::Block | Wait::Event(_) => return Ok(false),
        Wait::Spin => GREEDY,
        Wait::Adaptive => match waiter.begin_polling() {
            polling if operation.turns() > 0 => return take_turns(waiter, deadline, operation, polling),
            Polling::Free => GREEDY,
            Polling::Polite => 0,
            // The peer that is waited for may need this very processor.
            Polling::Once => {
                pace::let_others_run();
                return look(waiter, operation, false);
            }
        },
    };
    let start = Instant::now();
    loop {
        for _ in 0..LOOKS {
            pace::pause(operation.pauses());
            if look(waiter, operation, false)? {
                return Ok(true);
            }
        }
        let mut now = Instant::now();
        if how == Wait::Adaptive {
            if greedy == 0 {
                let offered = now;
                pace::let_others_run();
                now = Instant::now();
                // If this process must share its processor, waking it up costs less than taking turns.
                if now - offered > LONG_YIELD {
                    return Ok(false);
                }
            }
            if now - start > PATIENCE {
                return Ok(false);
            }
        }
        greedy = greedy.saturating_sub(1);
        if waiter.is_question_due() {
            waiter.watch();
            if operation.check(true)? {
                return Ok(true);
            }
        }
        if deadline.has_passed(|| now) {
            return Ok(false);
        }
    }
}

/// Offers the processor between looks, as often as the operation wants. Once it looks for longer without a yield, when none of
/// those that it waits for needs this processor: they may come sooner than this thread would get it back.
fn take_turns<W: Waiter, O: Operation>(
    waiter: &W,
    deadline: Deadline,
    operation: &mut O,
    polling: Polling,
) -> Result<bool, O::Error> {
    // Most of these waits are so short that a look at the clock would show.
    let (mut start, mut has_looked_longer) = (None, false);
    for turn in 1u32.. {
        if look(waiter, operation, false)? {
            return Ok(true);
        }
        if !has_looked_longer && (polling == Polling::Free || !operation.waits_for_neighbour()) {
            has_looked_longer = true;
            for _ in 0..if polling == Polling::Free { GREEDY * LOOKS } else { BESIDE_WAITERS } {
                pace::pause(operation.pauses());
                if look(waiter, operation, false)? {
                    return Ok(true);
                }
            }
        }
        pace::let_others_run();
        if turn.is_multiple_of(LOOKS) {
            let now = Instant::now();
            let time = now - *start.get_or_insert(now);
            if turn >= operation.turns() && time > PATIENCE || deadline.has_passed(|| now) {
                break;
            }
            if waiter.is_question_due() {
                waiter.watch();
                if operation.check(true)? {
                    return Ok(true);
                }
            }
        }
    }
    look(waiter, operation, false)
}

/// Sleeps between looks.
fn sleep<W: Waiter, O: Operation>(
    waiter: &W,
    deadline: Deadline,
    operation: &mut O,
) -> Result<bool, O::Error> {
    let (since, mut has_asked) = (Instant::now(), false);
    loop {
        if waiter.check().is_err() {
            // The operation reports that it waits in vain.
            return operation.check(true);
        }
        if !mutated(Mutant::Tardy) {
            operation.fall_asleep();
        }
        let mut seen = fall_asleep(waiter.sleeps(), Instant::now());
        if mutated(Mutant::Tardy) {
            operation.fall_asleep();
        }
        // One barrier serves all naps until the bell is rung.
        loop {
            if !mutated(Mutant::Blind) && look(waiter, operation, true)? {
                return Ok(true);
            }
            let mut nap = waiter.until_question();
            let is_due = nap.is_zero();
            if is_due {
                waiter.watch();
                has_asked = true;
                nap = NAP;
            }
            // Also if it asks nobody: a peer that leaves says so before it rings.
            if operation.check(is_due)? {
                return Ok(true);
            }
            if core::mem::replace(&mut seen, Seen::Now) == Seen::Soon {
                nap = SETTLING;
            }
            let now = Instant::now();
            let nap = match deadline {
                Deadline::Never => nap,
                Deadline::At(time) if time > now => nap.min(time - now),
                // As above: an end is reported even if the wait is very short.
                _ => return if has_asked { Ok(false) } else { operation.check(true) },
            };
            doze(waiter, since, nap);
            if is_rung(waiter) {
                // The bell was rung for what the operation waits for, or because a peer has ended.
                if look(waiter, operation, true)? {
                    return Ok(true);
                }
                break;
            }
        }
    }
}

fn bells<W: Waiter>(waiter: &W) -> impl Iterator<Item = Bell<'_>> {
    waiter.sleeps().map(|(_, bell)| bell)
}

/// Whether a bell was rung since the sleep was announced.
fn is_rung<W: Waiter>(waiter: &W) -> bool {
    bells(waiter).any(|bell| bell.unrung().is_none())
}

/// Sleeps until a bell is rung, at most for `time`. May return early without a reason.
fn doze<W: Waiter>(waiter: &W, since: Instant, time: Duration) {
    let Some(first) = bells(waiter).next() else { return pace::doze(time) };
    if mutated(Mutant::Partial) {
        return doze_on(waiter, first, since, time);
    }
    // Both halves of a rank sleep on one word.
    match bells(waiter).try_fold(first, Bell::and) {
        Some(bell) => doze_on(waiter, bell, since, time),
        None => doze_on_any(waiter, since, time),
    }
}

/// As `doze`, on several bells. A process that rings a bell which asks for events wakes a sleeper on its word, too.
fn doze_on_any<W: Waiter>(waiter: &W, since: Instant, time: Duration) {
    let seen: Option<Vec<_>> = bells(waiter).map(|bell| Some((bell.word(), bell.unrung()?))).collect();
    let Some(seen) = seen else { return };
    if !os::sleep_on_any(&seen, time) {
        os::pause_until(since, time, || is_rung(waiter));
    }
}

/// As `doze`, on the only word.
fn doze_on<W: Waiter>(waiter: &W, bell: Bell<'_>, since: Instant, time: Duration) {
    let Some(seen) = bell.unrung() else { return };
    match waiter.events().and_then(|trusted| os::Event::prepared(bell.event(), trusted)) {
        // The bell's word is checked, too: a ringer that does not set events may have rung.
        Some(event) => event.wait(since, time, || bell.unrung().is_none()),
        None => os::sleep_on(bell.word(), seen, bell.bits, since, time),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::Step;
    use super::super::drive::tests::{Ended, Script, Sleeper};
    use super::*;

    /// Nothing, while a peer rings at every look.
    struct Chatter<'a> {
        sleeper: &'a Sleeper,
        looks: u32,
        queries: u32,
    }

    impl Operation for Chatter<'_> {
        type Error = Ended;

        fn look(&mut self, _: bool) -> Result<bool, Ended> {
            self.looks += 1;
            pace::doze(Duration::from_millis(1));
            self.sleeper.ring();
            Ok(false)
        }

        fn check(&mut self, query: bool) -> Result<bool, Ended> {
            self.queries += u32::from(query);
            Ok(false)
        }

        fn step(&mut self) -> Result<Step, Ended> {
            unreachable!("nothing is found")
        }
    }

    #[test]
    fn a_bell_that_is_rung_for_nothing_neither_keeps_questions_away_nor_makes_more() {
        let sleeper = Sleeper::new(Wait::Block, Polling::Free);
        let (mut looks, mut queries) = (0, 0);
        let start = Instant::now();
        // Over several waits.
        for _ in 0..3 {
            let mut chatter = Chatter { sleeper: &sleeper, looks: 0, queries: 0 };
            assert_eq!(wait(&sleeper, (2 * NAP).into(), &mut chatter), Ok(false));
            looks += chatter.looks;
            queries += chatter.queries;
        }
        let most = start.elapsed().div_duration_f64(NAP) as u32 + 1;
        assert!(looks > 20, "{looks} looks");
        assert!((4..=most).contains(&sleeper.questions.get()), "{} questions", sleeper.questions.get());
        // And one before each wait gives up that has asked nobody.
        assert!((sleeper.questions.get()..=most + 3).contains(&queries), "{queries} queries");
    }

    /// Nothing, of peers that may need this processor or not; the deadline has passed.
    struct Awaited {
        is_neighbour: bool,
        looks: u32,
    }

    impl Operation for Awaited {
        type Error = Ended;

        fn look(&mut self, thorough: bool) -> Result<bool, Ended> {
            self.looks += u32::from(!thorough);
            Ok(false)
        }

        fn check(&mut self, _: bool) -> Result<bool, Ended> {
            Ok(false)
        }

        fn turns(&self) -> u32 {
            pace::TURNS
        }

        fn waits_for_neighbour(&self) -> bool {
            self.is_neighbour
        }
    }

    #[test]
    fn a_rank_keeps_its_processor_for_a_moment_once_none_that_it_waits_for_needs_it() {
        let looks = |polling, is_neighbour| {
            let mut awaited = Awaited { is_neighbour, looks: 0 };
            let sleeper = Sleeper::new(Wait::Adaptive, polling);
            assert_eq!(poll(&sleeper, Duration::ZERO.into(), &mut awaited), Ok(false));
            awaited.looks
        };
        // Before each yield, and after the last.
        let turns = LOOKS + 1;
        assert_eq!(looks(Polling::Once, true), turns);
        assert_eq!(looks(Polling::Once, false), turns + BESIDE_WAITERS);
        assert_eq!(looks(Polling::Polite, false), turns + BESIDE_WAITERS);
        assert_eq!(looks(Polling::Free, true), turns + GREEDY * LOOKS);
    }

    #[test]
    fn what_is_there_comes_before_an_interruption() {
        for (script, expected) in [(&[Step::Done][..], Ok(true)), (&[], Err(Ended::Interrupted))] {
            let sleeper = Sleeper::new(Wait::Block, Polling::Free);
            sleeper.interruptions.set(1);
            assert_eq!(wait(&sleeper, Deadline::Never, &mut Script::of(script)), expected);
            // It is not forgotten.
            assert_eq!(sleeper.interruptions.get(), u32::from(expected.is_ok()));
        }
    }

    #[test]
    fn a_wait_polls_before_it_sleeps_where_it_may() {
        for (how, polling, least, most) in [
            (Wait::Adaptive, Polling::Free, 2, u32::MAX),
            (Wait::Adaptive, Polling::Polite, 2, u32::MAX),
            (Wait::Adaptive, Polling::Once, 1, 1),
            (Wait::Block, Polling::Free, 0, 0),
        ] {
            let mut nothing = Script::of(&[]);
            let is_found =
                wait(&Sleeper::new(how, polling), Duration::from_millis(5).into(), &mut nothing).unwrap();
            assert!(!is_found);
            assert!((least..=most).contains(&nothing.looks), "{how:?}, {polling:?}: {}", nothing.looks);
        }
    }
}
