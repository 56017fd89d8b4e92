//! `mbox-demo game`: a game loop; one of its processes is killed or stopped if that is asked for.

use super::outage::{Harm, Outage};
use super::play::{Play, Rules, Score};
use super::report::{self, Report};
use super::role::{HOST, RANKS, Role};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use crate::common::screen::is_in_front;
use crate::common::streams;
use clap::Args;
use mailbox::{Config, Region};
use rustix::termios::isatty;
use std::time::{Duration, Instant};

/// How long a script is played.
const TIME: Duration = Duration::from_secs(6);
/// What is published are three short values.
const CONFIG: Config = Config::ranks(RANKS).topics(Role::ALL.len() as u32).value(256).stream(0);

const KEYS: &str = "\
Input, physics and render are three processes. Each has its own pace, and reads
the latest value that another has published; none waits for another. If one is
killed, its successor goes on from what it has published last.

On a terminal the game is drawn, and played with these keys, until q:
  a, h, left    the paddle goes to the left
  d, l, right   to the right
  s, space      it stops
Elsewhere a script plays, and the figures are all that is shown.

Examples:
  mbox-demo game
  mbox-demo game --kill physics
  mbox-demo game --json | jq .key_to_frame";

/// Play with a ball: input, physics and render are processes that never wait for each other. Counts frames, and times keys
#[derive(Args)]
#[command(after_help = KEYS)]
pub struct Game {
    /// End after S seconds [default: 6; by hand, when q is pressed]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Let a script play, also on a terminal
    #[arg(long)]
    scripted: bool,
    /// Kill this process after a third of the time, and start it again after another
    #[arg(long, value_name = "PART", conflicts_with = "stop")]
    kill: Option<Role>,
    /// Stop this process after a third of the time, and let it go on after another
    #[arg(long, value_name = "PART")]
    stop: Option<Role>,
    /// How many steps the physics makes a second
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    steps: u32,
    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,
}

impl Game {
    /// Lets them play, and reports.
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("game")?;
        let draws = processes.show_pictures()?;
        let is_typed_at = || streams::input().is_ok_and(|input| isatty(&input) && is_in_front(&input));
        let rules = Rules { by_hand: draws && !self.scripted && is_typed_at(), draws, steps: self.steps };
        let (seconds, score, outage) = self.play(rules, &processes)?;
        processes.leave()?;
        report::check(&score)?;
        let report = Report::new(rules, seconds, &score, outage);
        if self.json { show(&report.to_json()) } else { report.show(&score) }
    }

    fn play(&self, rules: Rules, processes: &Processes) -> Result<(f64, Score, Option<Outage>), Failure> {
        let failure =
            |error: &dyn std::fmt::Display| Failure::new(format_args!("the game's region: {error}"));
        let region = Region::create_unnamed(CONFIG).map_err(|error| failure(&error))?;
        let me = region.join(HOST).map_err(|error| failure(&error))?;
        let mut play = Play::begin(rules, processes, &me)?;
        let begin = Instant::now();
        let time = self.seconds.map(Duration::from_secs).or((!rules.by_hand).then_some(TIME));
        let third = time.unwrap_or(TIME) / 3;
        let killed = self.kill.map(|part| (part, Harm::Killed));
        let outage = match killed.or(self.stop.map(|part| (part, Harm::Stopped))) {
            None => None,
            Some((part, harm)) => {
                play.pass(third)?;
                Some(Outage::over(&mut play, part, harm, third)?)
            }
        };
        play.pass(time.map_or(Duration::MAX, |time| time.saturating_sub(begin.elapsed())))?;
        let seconds = begin.elapsed().as_secs_f64();
        Ok((seconds, play.end()?, outage))
    }
}
