//! The figures, drawn.

use super::report::{Figures, Report};
use super::table::rate;
use super::task::Model;
use crate::common::failure::Failure;
use crate::common::output::time;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SIZE: (u32, u32) = (1000, 1040);
/// Rows of the panels, one below the other, in pixels.
const PANELS: [u32; 2] = [420, 720];
const FONT: &str = "sans-serif";
const SHARED: RGBColor = RGBColor(214, 96, 40);
const MESSAGES: RGBColor = RGBColor(31, 119, 180);
const BOTH: RGBColor = RGBColor(110, 110, 110);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A file for a picture, which can be written.
pub struct Canvas {
    path: PathBuf,
    file: File,
}

impl Canvas {
    /// Looks before anything is measured. What is in the file stays until there is a picture.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let opened = File::options().write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|error| failure(path, error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes the picture.
    pub fn paint(mut self, report: &Report) -> Result<(), Failure> {
        let picture = draw(report).map_err(|error| failure(&self.path, error))?;
        let kind = self.file.metadata().map_err(|error| failure(&self.path, error))?;
        let written = if kind.is_file() { self.file.set_len(0) } else { Ok(()) };
        written
            .and_then(|()| self.file.write_all(picture.as_bytes()))
            .map_err(|error| failure(&self.path, error))
    }
}

fn failure(path: &Path, error: impl Display) -> Failure {
    Failure::new(format_args!("--svg {}: {error}", path.display())).hint("give a file that can be written")
}

/// The picture as SVG.
pub fn draw(report: &Report) -> Result<String, Box<dyn Error>> {
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (latencies, rest) = area.split_vertically(PANELS[0]);
        let (rates, scaling) = rest.split_vertically(PANELS[1] - PANELS[0]);
        self::latencies(report, &latencies)?;
        self::rates(report, &rates)?;
        self::scaling(report, &scaling)?;
        area.present()?;
    }
    Ok(picture)
}

/// Those with one worker, or as many as a job has.
fn rows(report: &Report) -> impl Iterator<Item = &Figures> {
    report.jobs.iter().filter(|of| of.workers == 1 || of.job == "hybrid")
}

fn name(of: &Figures) -> String {
    format!("{}: {}", of.job, of.means)
}

fn colour(of: &Figures) -> RGBColor {
    match (of.job.as_str(), of.model) {
        ("hybrid", _) => BOTH,
        (_, Model::SharedMemory) => SHARED,
        (_, Model::Messages) => MESSAGES,
    }
}

/// A bar: its name, its length, what is written behind it, and its colour.
type Bar = (String, f64, String, RGBColor);

fn latencies(report: &Report, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let text = |ns: f64| time(Duration::from_secs_f64(ns * 1e-9));
    let mut bars: Vec<Bar> = rows(report)
        .map(|of| {
            (name(of), of.p50_ns, format!("p50 {}, p99 {}", text(of.p50_ns), text(of.p99_ns)), colour(of))
        })
        .collect();
    for (name, ns) in
        [("words in one cache line", report.words.together_ns), ("words padded", report.words.apart_ns)]
    {
        bars.push((name.into(), ns, format!("mean {ns:.1} ns"), SHARED));
    }
    chart("how long one takes, ns (orange: shared memory, blue: messages)", &bars, area)
}

fn rates(report: &Report, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let bar =
        |of: &Figures| (name(of), of.per_second, format!("{} a second", rate(of.per_second)), colour(of));
    chart("how many a second", &rows(report).map(bar).collect::<Vec<_>>(), area)
}

/// Bars of a logarithmic scale.
fn chart(caption: &str, bars: &[Bar], area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let lengths = || bars.iter().map(|(_, length, ..)| length.max(1.0));
    let (least, most) = (lengths().fold(f64::MAX, f64::min), lengths().fold(1.0, f64::max));
    // Room for what is written behind the longest.
    let scale = (least / 2.0..most * 60.0).log_scale();
    let count = bars.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 18))
        .margin(10)
        .margin_left(230)
        .x_label_area_size(28)
        .build_cartesian_2d(scale, 0.0..count)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(8)
        .x_label_formatter(&|value| rate(*value))
        .draw()?;
    for (at, (name, length, text, colour)) in bars.iter().enumerate() {
        let (low, high) = (count - at as f64 - 0.85, count - at as f64 - 0.15);
        let length = length.max(1.0);
        chart.draw_series([Rectangle::new([(least / 2.0, low), (length, high)], colour.filled())])?;
        let (x, y) = chart.backend_coord(&(length, high));
        let (start, _) = chart.backend_coord(&(least / 2.0, high));
        // Positions within the area.
        let (left, top) = area.get_base_pixel();
        area.draw(&Text::new(text.clone(), (x - left + 6, y - top + 4), (FONT, 13)))?;
        area.draw(&Text::new(name.clone(), (start - left - 222, y - top + 4), (FONT, 13)))?;
    }
    Ok(())
}

/// Additions a second, by workers.
fn scaling(report: &Report, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let counters = || report.jobs.iter().filter(|of| of.job == "counter");
    let all = || counters().map(|of| of.per_second.max(1.0));
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(1.0, f64::max));
    let workers = counters().map(|of| of.workers).max().unwrap_or(1);
    let mut chart = ChartBuilder::on(area)
        .caption("the counter: additions a second of all workers, by their number", (FONT, 18))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d(0.8..f64::from(workers) * 1.2, (least / 2.0..most * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("workers")
        .x_labels(5)
        .x_label_formatter(&|workers| format!("{workers:.0}"))
        .y_label_formatter(&|value| rate(*value))
        .draw()?;
    let mut drawn: Vec<&str> = vec![];
    for of in counters() {
        if drawn.contains(&&*of.means) {
            continue;
        }
        let style = colour(of).stroke_width(1 + drawn.len() as u32 % 2 * 2);
        drawn.push(&of.means);
        let points: Vec<_> = counters()
            .filter(|other| other.means == of.means)
            .map(|other| (f64::from(other.workers), other.per_second.max(1.0)))
            .collect();
        let last = points.last().copied().unwrap_or((1.0, 1.0));
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour(of).filled())))?;
        chart.draw_series(LineSeries::new(points, style))?;
        chart.draw_series([Text::new(format!("  {}", of.means), last, (FONT, 13))])?;
    }
    Ok(())
}
