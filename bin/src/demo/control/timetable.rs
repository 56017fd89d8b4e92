//! When what happens. All sides know it, so none must be told.

use super::way::Way;
use measure::clock;
use rustix::fs::Timespec;
use rustix::io::Errno;
use rustix::thread::{ClockId, clock_nanosleep_absolute};
use std::time::Duration;

const SECOND: u128 = 1_000_000_000;
/// How long before its time a side wakes up that may spin until then: longer than waking up takes.
const LEAD: Duration = Duration::from_micros(200);

/// The ticks of the loop: one for each sample and its command. The ways take turns, four times a second or at each tick. The
/// first turn of each does not count: memory is touched, and branches are learned.
#[derive(Debug, Clone, Copy)]
pub struct Timetable {
    rate: u64,
    /// Ticks of a turn.
    turn: u64,
    /// All, those that do not count included.
    ticks: u64,
    /// By the clock of the machine.
    start: Duration,
}

impl Timetable {
    /// `rate` ticks a second, and about `seconds` of each way that count.
    pub fn new(rate: u64, seconds: u64, start: Duration) -> Self {
        let turn = (rate / 4).max(1);
        let turns = 1 + (rate * seconds).div_ceil(turn);
        Self { rate, turn, ticks: turns * turn * Way::ALL.len() as u64, start }
    }

    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// How many of one way count.
    pub fn counted(&self) -> u64 {
        self.ticks / Way::ALL.len() as u64 - self.turn
    }

    pub fn counts(&self, tick: u64) -> bool {
        tick >= self.turn * Way::ALL.len() as u64
    }

    /// The number of its turn.
    pub fn turn(&self, tick: u64) -> u64 {
        tick / self.turn
    }

    pub fn way(&self, tick: u64) -> Way {
        Way::ALL[self.turn(tick) as usize % Way::ALL.len()]
    }

    pub fn begins_turn(&self, tick: u64) -> bool {
        tick.is_multiple_of(self.turn)
    }

    pub fn period(&self) -> Duration {
        Duration::from_secs(1) / self.rate as u32
    }

    /// When its sample is due.
    pub fn time(&self, tick: u64) -> Duration {
        self.start + Duration::from_nanos((u128::from(tick) * SECOND / u128::from(self.rate)) as u64)
    }

    /// When its command must be there: before the next sample.
    pub fn deadline(&self, tick: u64) -> Duration {
        self.time(tick + 1)
    }

    /// The tick to go on with, for a side that waited for what comes at `tick`, and now has that of another or the same tick, or none.
    /// Whatever it was told, it gets on as time does: nothing comes from a later tick than the last.
    pub fn next(&self, tick: u64, heard: Option<u64>, now: Duration) -> u64 {
        let next = tick + u64::from(now >= self.deadline(tick));
        heard.map_or(next, |number| next.max(number.min(self.last(now)) + 1)).min(self.ticks)
    }

    /// When a side wakes up that spins until the tick.
    pub fn before(&self, tick: u64) -> Duration {
        self.time(tick).saturating_sub(LEAD.min(self.period() / 4))
    }

    /// The last tick that was due by then.
    pub fn last(&self, time: Duration) -> u64 {
        (time.saturating_sub(self.start).as_nanos() * u128::from(self.rate) / SECOND) as u64
    }
}

/// Sleeps until a time of the machine's clock.
pub fn sleep_until(time: Duration) {
    let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    while clock_nanosleep_absolute(ClockId::Monotonic, &time) == Err(Errno::INTR) {}
}

/// Spins until then.
pub fn spin_until(time: Duration) {
    while clock() < time {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_as_many_ticks_that_count() {
        for (rate, seconds) in [(1000, 5), (1, 1), (7, 3), (1001, 2), (10_000, 1)] {
            let table = Timetable::new(rate, seconds, Duration::from_secs(9));
            for way in Way::ALL {
                let ticks = (0..table.ticks()).filter(|tick| table.counts(*tick) && table.way(*tick) == way);
                assert_eq!(ticks.count() as u64, table.counted(), "{rate} {seconds}");
            }
            assert!(table.counted() >= rate * seconds);
            assert!(table.counted() < rate * seconds + rate.div_ceil(4), "no longer than asked for");
        }
    }

    #[test]
    fn a_side_goes_on_with_what_it_heard_and_with_the_time() {
        let table = Timetable::new(1000, 1, Duration::from_secs(9));
        let (within, after) = (table.time(7), table.deadline(7));
        assert_eq!(table.next(7, None, within), 7);
        assert_eq!(table.next(7, None, after), 8);
        assert_eq!(table.next(7, Some(7), within), 8);
        assert_eq!(table.next(7, Some(9), table.time(9)), 10, "two were not sent");
        assert_eq!(table.next(7, Some(3), within), 7, "a late one");
        assert_eq!(table.next(7, Some(3), after), 8, "however many of these come");
        assert_eq!(table.next(7, Some(u64::MAX), within), 8, "nonsense");
        let end = table.time(table.ticks() + 5);
        assert_eq!(table.next(7, Some(u64::MAX), end), table.ticks(), "no more than there are");
    }

    #[test]
    fn a_tick_is_the_last_one_until_the_next() {
        let table = Timetable::new(3, 1, Duration::from_secs(9));
        assert_eq!(table.last(Duration::ZERO), 0);
        for tick in 0..10 {
            let moment = Duration::from_nanos(2);
            assert_eq!(table.last(table.deadline(tick) - moment), tick);
            assert_eq!(table.last(table.time(tick) + moment), tick);
            assert!(table.before(tick) < table.time(tick));
        }
    }
}
