//! What a game came to.

use super::outage::Outage;
use super::play::{Rules, Score};
use super::role::Role;
use super::tally::Tally;
use crate::common::chart;
use crate::common::failure::Failure;
use crate::common::output::show;
use measure::Times;
use serde::Serialize;
use std::time::Duration;

/// Rows of a drawing.
const ROWS: i32 = 10;
/// The time from one frame to the next, if none is late.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);

/// The figures: names here stay, for scripts read them.
#[derive(Serialize)]
pub struct Report {
    seconds: f64,
    scripted: bool,
    drawn: bool,
    steps_a_second: u32,
    /// How often input has looked at the keys.
    looks: u64,
    presses: u64,
    /// Of the last world.
    steps: u64,
    hits: u64,
    misses: u64,
    ball: [i64; 2],
    paddle: i64,
    /// How many worlds were published.
    worlds: u64,
    #[serde(flatten)]
    tally: Tally,
    key_to_frame: Quantiles,
    frame_time: Quantiles,
    look_time: Quantiles,
    /// How many processes had each part.
    lives: Lives,
    outage: Option<Outage>,
}

#[derive(Serialize)]
struct Quantiles {
    count: u64,
    p50_ns: u64,
    p99_ns: u64,
    worst_ns: u64,
}

#[derive(Serialize)]
struct Lives {
    input: u64,
    physics: u64,
    render: u64,
}

impl Quantiles {
    fn of(times: &Times) -> Self {
        let quantile = |share| times.quantile(share).as_nanos() as u64;
        Self { count: times.count(), p50_ns: quantile(0.5), p99_ns: quantile(0.99), worst_ns: quantile(1.0) }
    }
}

impl Report {
    /// Of a game of so many seconds.
    pub fn new(rules: Rules, seconds: f64, score: &Score, outage: Option<Outage>) -> Self {
        let world = &score.moment.world;
        let [input, physics, render] = Role::ALL.map(|role| score.lives[role as usize]);
        Self {
            seconds,
            scripted: !rules.by_hand,
            drawn: rules.draws,
            steps_a_second: rules.steps,
            looks: score.looks,
            presses: score.keys.presses,
            steps: world.steps,
            hits: world.hits,
            misses: world.misses,
            ball: world.ball,
            paddle: world.paddle,
            worlds: score.worlds,
            tally: score.tally,
            key_to_frame: Quantiles::of(&score.measured.reactions),
            frame_time: Quantiles::of(&score.measured.frames),
            look_time: Quantiles::of(&score.measured.looks),
            lives: Lives { input, physics, render },
            outage,
        }
    }

    /// For scripts.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and text")
    }

    /// For people.
    pub fn show(&self, score: &Score) -> Result<(), Failure> {
        let Self { seconds, steps_a_second, presses, looks, steps, hits, misses, worlds, tally, .. } = self;
        let Tally { frames, frames_new, frames_old, worlds_never_shown, presses_never_shown, .. } = tally;
        let first = [
            format!("{seconds:.1} s: 60 frames a second of a world with {steps_a_second} steps a second"),
            format!("input: {looks} looks at the keys, {presses} presses"),
            format!("physics: {steps} steps, each done once; the ball was hit: {hits}, missed: {misses}"),
            format!(
                "render: {frames} frames, {frames_new} with a new world, {frames_old} with the one before;"
            ),
            format!("  of {worlds} worlds {worlds_never_shown} were never shown: a newer one was there"),
        ];
        first.iter().try_for_each(|line| show(line))?;
        if let Some(outage) = &self.outage {
            outage.describe().iter().try_for_each(|line| show(line))?;
        }
        let measured = &score.measured;
        if measured.reactions.count() > 0 {
            let count = measured.reactions.count();
            show(&format!(
                "from a key to the frame that shows it, {count} times, {presses_never_shown} never:"
            ))?;
            let lines = chart::draw(&measured.reactions, &[("a frame", FRAME)], ROWS);
            lines.iter().try_for_each(|line| show(line))?;
            show(&format!("  {}", chart::quantiles(&measured.reactions)))?;
        }
        show("from a frame to the next:")?;
        show(&format!("  {}", chart::quantiles(&measured.frames)))?;
        show("how long render looks at the latest world:")?;
        show(&format!("  {}", chart::quantiles(&measured.looks)))
    }
}

/// An error if a sum does not hold.
pub fn check(score: &Score) -> Result<(), Failure> {
    let Score { keys, moment, tally, worlds, .. } = score;
    let sums = [
        ("steps and worlds", moment.world.steps, *worlds),
        ("the last world and the one that was shown last", *worlds, tally.last_world),
        ("the last press and the one that was shown last", keys.presses, tally.last_press),
    ];
    let wrong = sums.iter().find(|(_, left, right)| left != right);
    let wrong = wrong.map(|(what, left, right)| format!("{what}: {left} and {right}"));
    let wrong = wrong.or_else(|| (!tally.adds_up()).then(|| format!("frames: {tally:?}")));
    let wrong = wrong.or_else(|| (!moment.world.is_so()).then(|| format!("the world: {:?}", moment.world)));
    wrong.map_or(Ok(()), |what| Err(Failure::new(format_args!("the sums do not hold: {what}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::game::keys::Keys;
    use crate::demo::game::measured::Measured;
    use crate::demo::game::moment::Moment;

    /// Four worlds and two presses, of which a frame showed half.
    fn score() -> Score {
        let mut tally = Tally::default();
        let mut moment = Moment::first();
        for step in 0..4 {
            let keys = Keys { presses: step / 2 + 1, time: 0, direction: 1 };
            moment = moment.next(keys);
            if step != 1 {
                tally.count(Some(&moment));
            }
        }
        let keys = moment.keys;
        Score { keys, moment, tally, measured: Measured::default(), looks: 9, worlds: 4, lives: [1; 3] }
    }

    #[test]
    fn each_sum_is_looked_at() {
        check(&score()).expect("they hold");
        let fails = |change: &dyn Fn(&mut Score), what: &str| {
            let mut score = score();
            change(&mut score);
            let line = check(&score).expect_err("it does not hold").to_string();
            assert!(line.starts_with(&format!("the sums do not hold: {what}")), "{line}");
        };
        fails(&|score| score.worlds += 1, "steps and worlds: 4 and 5");
        fails(&|score| score.tally.last_world -= 1, "the last world and");
        fails(&|score| score.keys.presses += 1, "the last press and");
        fails(&|score| score.tally.frames_old += 1, "frames: ");
        fails(&|score| score.moment.world.hits += 1, "the world: ");
    }

    #[test]
    fn the_report_has_all_figures() {
        let rules = Rules { by_hand: false, draws: false, steps: 60 };
        let json = Report::new(rules, 1.5, &score(), None).to_json();
        let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        for (field, value) in [("frames", 3), ("frames_new", 3), ("worlds_never_shown", 1), ("steps", 4)] {
            assert_eq!(report[field], value, "{json}");
        }
        assert_eq!(report["key_to_frame"]["worst_ns"], 0);
        assert!(report["outage"].is_null());
    }
}
