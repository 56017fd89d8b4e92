//! How a wait is done: polls, then sleeps between looks.

use crate::os::{self, TrustedEvents};
use crate::rank::{ASLEEP, AWAKE, Bell, Order, Polling, SETTLING, Seen, Wait, is_asleep};
use crate::sync::{Edge, Ordering::Relaxed, acquire};
use core::time::Duration;
use std::time::Instant;

/// How long a sleeper sleeps before it looks whether those it waits for live.
const NAP: Duration = Duration::from_millis(75);
/// How long an adaptive wait polls before it sleeps: about what a sleep and a wake-up cost together.
const PATIENCE: Duration = Duration::from_micros(50);
/// A yield that takes longer has let somebody else run.
const LONG_YIELD: Duration = Duration::from_micros(10);
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;
/// Readings of the clock before the processor is offered for the first time: a reply that is on its way is taken as it
/// comes.
const GREEDY: u32 = 16;

/// How a wait is done.
pub struct Waiter<'a> {
    /// What to sleep on; this thread is the only one that does.
    pub bell: Bell<'a>,
    /// Who pays for the order between this thread and its ringers.
    pub order: &'a Order,
    /// The word for sleeping on the bell's event, if that is to be slept on.
    pub events: Option<TrustedEvents>,
    /// Spin or sleep.
    pub how: Wait,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Whether the bell is still this process' to write.
    pub holds: &'a dyn Fn() -> bool,
    /// How an adaptive wait that begins now may poll.
    pub polling: &'a dyn Fn() -> Polling,
    /// Told when this falls asleep.
    pub asleep: &'a dyn Fn(),
}

impl Waiter<'_> {
    /// Waits until `look` finds something: `Ok(None)` is the deadline.
    ///
    /// `look` is cheap and called often; with `true` it must not miss anything. `check` is called when nothing
    /// came for a while, at least every 75 ms, when the bell was rung for nothing, and at the end, and says
    /// whether waiting still makes sense (I6).
    pub fn wait<T, E>(
        &self,
        mut look: impl FnMut(bool) -> Result<Option<T>, E>,
        mut check: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        if let Some(found) = self.poll(&mut look, &mut check)? {
            return Ok(Some(found));
        }
        if self.expired() {
            if let Some(found) = look(true)? {
                return Ok(Some(found));
            }
            // An end is told however short the time is, or whoever polls with short waits never hears of it.
            return check();
        }
        let result = self.sleep(&mut look, &mut check);
        if (self.holds)() {
            self.bell.word.store(AWAKE, Relaxed);
        }
        result
    }

    fn expired(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Polls as long as the strategy allows.
    fn poll<T, E>(
        &self,
        look: &mut impl FnMut(bool) -> Result<Option<T>, E>,
        check: &mut impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let mut greedy = match self.how {
            Wait::Block | Wait::Event(_) => return Ok(None),
            Wait::Spin => GREEDY,
            Wait::Adaptive => match (self.polling)() {
                Polling::Free => GREEDY,
                Polling::Polite => 0,
                // Who has what is waited for may need this very processor.
                Polling::Once => {
                    std::thread::yield_now();
                    return look(false);
                }
            },
        };
        let start = Instant::now();
        let mut checked = start;
        loop {
            for _ in 0..LOOKS {
                if let Some(found) = look(false)? {
                    return Ok(Some(found));
                }
                core::hint::spin_loop();
            }
            let mut now = Instant::now();
            if self.how == Wait::Adaptive {
                if greedy == 0 {
                    let offered = now;
                    std::thread::yield_now();
                    now = Instant::now();
                    // Whoever has to share its processor is better woken than run in turn.
                    if now - offered > LONG_YIELD {
                        return Ok(None);
                    }
                }
                if now - start > PATIENCE {
                    return Ok(None);
                }
            }
            greedy = greedy.saturating_sub(1);
            if now - checked > NAP {
                if let Some(found) = check()? {
                    return Ok(Some(found));
                }
                checked = now;
            }
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(None);
            }
        }
    }

    /// Sleeps between looks.
    fn sleep<T, E>(
        &self,
        look: &mut impl FnMut(bool) -> Result<Option<T>, E>,
        check: &mut impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let (since, mut checked) = (Instant::now(), None);
        loop {
            if !(self.holds)() {
                // It says so.
                return check();
            }
            (self.asleep)();
            let mut seen = self.order.fall_asleep(self.bell, Instant::now());
            // One barrier serves all naps until the bell is rung.
            loop {
                if let Some(found) = look(true)? {
                    return Ok(Some(found));
                }
                let now = Instant::now();
                if checked.is_none_or(|last| now.duration_since(last) >= NAP) {
                    if let Some(found) = check()? {
                        return Ok(Some(found));
                    }
                    checked = Some(now);
                }
                let nap = if core::mem::replace(&mut seen, Seen::Now) == Seen::Soon { SETTLING } else { NAP };
                let nap = match self.deadline {
                    None => nap,
                    Some(deadline) if deadline <= now => return Ok(None),
                    Some(deadline) => nap.min(deadline - now),
                };
                self.nap(since, nap);
                if self.bell.word.load(acquire(Edge::Bell)) != ASLEEP {
                    // Rung: for what `look` looks for, or because a peer has left.
                    if let Some(found) = look(true)? {
                        return Ok(Some(found));
                    }
                    checked = None;
                    break;
                }
            }
        }
    }

    /// Sleeps until the bell is rung, at most for `time`; may also return for no reason.
    fn nap(&self, since: Instant, time: Duration) {
        match self.events.and_then(|trusted| os::Event::prepared(self.bell.event, trusted)) {
            // The bell's word, too: others than those that set events may have rung.
            Some(event) => event.wait(since, time, || !is_asleep(self.bell.word)),
            None => os::sleep_on(self.bell.word, ASLEEP, since, time),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::abi::Bells;
    use crate::rank::FENCE;
    use crate::sync::AtomicU32;
    use core::cell::Cell;
    use core::convert::Infallible;

    #[test]
    fn a_wait_polls_before_it_sleeps_where_it_may() {
        let word = || AtomicU32::new(0);
        let bells = Bells { mail: word(), credit: word(), modes: [word(), word()], events: [word(), word()] };
        for (how, polling, least, most) in [
            (Wait::Adaptive, Polling::Free, 2, u32::MAX),
            (Wait::Adaptive, Polling::Polite, 2, u32::MAX),
            (Wait::Adaptive, Polling::Once, 1, 1),
            (Wait::Block, Polling::Free, 0, 0),
        ] {
            let polls = Cell::new(0);
            let waiter = Waiter {
                bell: Bell::mail(&bells),
                order: &Order::of(FENCE),
                events: None,
                how,
                deadline: Instant::now().checked_add(Duration::from_millis(5)),
                holds: &|| true,
                polling: &|| polling,
                asleep: &|| (),
            };
            let look = |thorough: bool| {
                polls.set(polls.get() + u32::from(!thorough));
                Ok::<Option<()>, Infallible>(None)
            };
            assert_eq!(waiter.wait(look, || Ok(None)), Ok(None));
            assert!((least..=most).contains(&polls.get()), "{how:?}, {polling:?}: {polls:?}");
        }
    }
}
