//! What came of the loop, and of the priorities.

use super::exchange::{COMPUTES, Exchange, ROUNDS};
use super::role::Role;
use super::setting::Setting;
use super::tally::Tally;
use super::timetable::Timetable;
use crate::common::chart;
use crate::common::failure::Failure;
use crate::common::output::{show, time};
use measure::Times;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Rows of a drawing.
const ROWS: i32 = 10;

/// All of it.
#[derive(Default, Serialize)]
pub struct Report {
    pub rate: u64,
    pub seconds: u64,
    pub processors: usize,
    pub region_bytes: u64,
    pub sides: Vec<SideReport>,
    /// How many pages the sides had to wait for in the loops.
    pub page_faults: u64,
    pub loops: Vec<LoopReport>,
    /// None until it was shown.
    pub inversion: Option<InversionReport>,
}

/// How a side ran.
#[derive(Serialize, Deserialize)]
pub struct SideReport {
    pub name: String,
    pub processor: usize,
    pub own_processor: bool,
    /// None if the system refused it, which `without` then says.
    pub priority: Option<i32>,
    pub memory_locked: bool,
    pub without: Vec<String>,
}

/// What came of the loop in one way.
#[derive(Serialize, Deserialize)]
pub struct LoopReport {
    pub through: String,
    pub ticks: u64,
    pub in_time: u64,
    pub late: u64,
    pub never: u64,
    pub lateness: Distribution,
    pub latency: Distribution,
    pub jitter: Distribution,
    pub fell: u64,
    pub largest_angle_degrees: f64,
    /// The latency, drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drawing: Vec<String>,
}

/// The quantiles of times.
#[derive(Serialize, Deserialize)]
pub struct Distribution {
    pub count: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub p99_9_ns: u64,
    pub max_ns: u64,
}

/// What became of the priorities.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InversionReport {
    Skipped(String),
    Waits(Vec<WaitReport>),
}

/// How long high waited.
#[derive(Serialize, Deserialize)]
pub struct WaitReport {
    pub through: String,
    pub rounds: u64,
    /// In how many of them middle computed before high had what it wanted.
    pub behind_middle: u64,
    pub median_ns: u64,
    pub max_ns: u64,
}

impl SideReport {
    pub fn new(role: Role, setting: &Setting) -> Self {
        let priority = setting.not_urgent.map(|error| format!("real-time priority: {error}; see ulimit -r"));
        let locked = setting.not_locked.map(|error| format!("locked memory: {error}; see ulimit -l"));
        Self {
            name: role.name().to_owned(),
            processor: setting.processor,
            own_processor: setting.is_alone,
            priority: priority.is_none().then(|| role.priority()),
            memory_locked: locked.is_none(),
            without: priority.into_iter().chain(locked).collect(),
        }
    }

    pub fn show(&self) -> Result<(), Failure> {
        let Self { name, processor, own_processor, priority, memory_locked, .. } = self;
        let wait = if *own_processor { "its own: it spins" } else { "shared: it sleeps" };
        let priority =
            priority.map_or("ordinary priority".into(), |priority| format!("SCHED_FIFO {priority}"));
        let locked = if *memory_locked { "memory locked" } else { "memory not locked" };
        show(&format!("  {name:<10}  processor {processor}, {wait}, {priority}, {locked}"))
    }
}

impl LoopReport {
    pub fn new(tally: &Tally, table: &Timetable) -> Self {
        let &Tally { way, in_time, late, fell, angle, .. } = tally;
        let ticks = table.counted();
        Self {
            through: way.name().to_owned(),
            ticks,
            in_time,
            late,
            never: ticks.saturating_sub(in_time + late),
            lateness: Distribution::new(&tally.lateness),
            latency: Distribution::new(&tally.latency),
            jitter: Distribution::new(&tally.jitter),
            fell,
            largest_angle_degrees: angle.to_degrees(),
            drawing: chart::draw(&tally.latency, &[], ROWS),
        }
    }

    fn missed(&self) -> u64 {
        self.late + self.never
    }
}

impl Distribution {
    fn new(times: &Times) -> Self {
        let at = |share| if times.count() == 0 { 0 } else { times.quantile(share).as_nanos() as u64 };
        Self { count: times.count(), p50_ns: at(0.5), p99_ns: at(0.99), p99_9_ns: at(0.999), max_ns: at(1.0) }
    }

    fn shown(&self) -> [String; 4] {
        [self.p50_ns, self.p99_ns, self.p99_9_ns, self.max_ns].map(|of| time(Duration::from_nanos(of)))
    }
}

impl WaitReport {
    /// Of all waits, in nanoseconds.
    pub fn new(exchange: Exchange, mut waits: Vec<u64>, behind_middle: u64) -> Self {
        waits.sort_unstable();
        Self {
            through: exchange.name().to_owned(),
            rounds: waits.len() as u64,
            behind_middle,
            median_ns: waits.get(waits.len() / 2).copied().unwrap_or(0),
            max_ns: waits.last().copied().unwrap_or(0),
        }
    }
}

impl Report {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and text")
    }

    /// They come as they are ready.
    pub fn sort_sides(&mut self) {
        self.sides.sort_by_key(|side| Role::ALL.iter().position(|role| role.name() == side.name));
    }

    /// How the sides run, before they do.
    pub fn show_sides(&self) -> Result<(), Failure> {
        let Self { rate, seconds, processors, region_bytes, sides, .. } = self;
        show("A sensor, a controller and the actuator of a pendulum that must not fall: three")?;
        show(&format!("processes, {rate} samples a second. In turns through mailboxes and through UNIX"))?;
        show(&format!("sockets (datagrams), {seconds} s each"))?;
        if *processors < sides.len() {
            let word = if *processors == 1 { "is only 1 processor" } else { "are only 2 processors" };
            show(&format!("There {word} for three sides:"))?;
        }
        sides.iter().try_for_each(SideReport::show)?;
        let mut without: Vec<&String> = sides.iter().flat_map(|side| &side.without).collect();
        without.sort();
        without.dedup();
        without.iter().try_for_each(|what| show(&format!("Without {what}")))?;
        show(&format!("All of the region was taken before: {} KiB", region_bytes.div_ceil(1024)))
    }

    /// Draws both ways, and puts them side by side.
    pub fn show_loops(&self) -> Result<(), Failure> {
        for of in &self.loops {
            show(&format!("\nFrom the sample to its command at the actuator, through {}:", of.through))?;
            of.drawing.iter().try_for_each(|line| show(line))?;
        }
        show("")?;
        self.row("", |of| of.through.clone())?;
        self.rows("sample to command", |of| &of.latency)?;
        self.rows("jitter of the period", |of| &of.jitter)?;
        self.rows("tick to sample", |of| &of.lateness)?;
        self.row("samples that were due", |of| of.ticks.to_string())?;
        self.row("deadlines missed", |of| of.missed().to_string())?;
        self.row("  the command was late", |of| of.late.to_string())?;
        self.row("  no command came", |of| of.never.to_string())?;
        self.row("largest angle", |of| format!("{:.2}°", of.largest_angle_degrees))?;
        if self.loops.iter().any(|of| of.fell > 0) {
            self.row("the pendulum fell", |of| of.fell.to_string())?;
        }
        show(&format!("Pages that the sides had to wait for in the loops: {}", self.page_faults))
    }

    fn rows(&self, name: &str, of: impl Fn(&LoopReport) -> &Distribution) -> Result<(), Failure> {
        for (at, quantile) in ["p50", "p99", "p99.9", "worst"].into_iter().enumerate() {
            self.row(&format!("{name}, {quantile}"), |way| of(way).shown()[at].clone())?;
        }
        Ok(())
    }

    fn row(&self, name: &str, of: impl Fn(&LoopReport) -> String) -> Result<(), Failure> {
        let cells: String = self.loops.iter().map(|way| format!("{:>14}", of(way))).collect();
        show(&format!("  {name:<32}{cells}"))
    }

    pub fn show_inversion(&self) -> Result<(), Failure> {
        let waits = match &self.inversion {
            None => return Ok(()),
            Some(InversionReport::Skipped(why)) => {
                show("\nPriority inversion is skipped, for want of real-time priority:")?;
                return show(&format!("{why}; see ulimit -r"));
            }
            Some(InversionReport::Waits(waits)) => waits,
        };
        show("\nPriority inversion: three threads of low, middle and high real-time priority on")?;
        show(&format!(
            "one processor, {ROUNDS} times each. Low makes a value. In the middle of that high wants"
        ))?;
        show(&format!("low's value, and middle computes for {}", time(COMPUTES)))?;
        show(&format!(
            "  {:<24}{:>14}{:>14}{:>18}",
            "high gets it by", "waits, p50", "worst", "behind middle"
        ))?;
        for WaitReport { through, rounds, behind_middle, median_ns, max_ns } in waits {
            let [median, worst] = [median_ns, max_ns].map(|of| time(Duration::from_nanos(*of)));
            let behind = format!("{behind_middle} of {rounds}");
            show(&format!("  {through:<24}{median:>14}{worst:>14}{behind:>18}"))?;
        }
        show("By mailbox and latest value it gets the one that low had finished before.")
    }
}
