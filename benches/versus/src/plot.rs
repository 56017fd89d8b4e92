//! Drawings of the rows.

use crate::outcome::{Outcome, SHARES};
use crate::report::Row;
use crate::run::SIZES;
use crate::systems::{self, Role};
use plotters::coord::{CoordTranslate, Shift};
use plotters::prelude::*;
use std::fs;
use std::path::Path;

const SIZE: (u32, u32) = (960, 600);
/// What takes longer is not drawn, in nanoseconds.
const LONGEST: f64 = 200_000.0;
/// The floor of the first drawing.
const BOUNCE: &str = "two lines, raw";

/// Draws latencies and throughput into files of this folder, as far as they were measured.
pub fn draw(rows: &[Row], folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    // Axes of nothing have no end.
    if rows.iter().any(|row| row.case == "round trip" && row.bytes == 8 && row.p50_ns.is_some()) {
        latency(rows, &folder.join("latency.svg"))?;
    }
    if rows.iter().any(|row| row.case == "stream" && row.gb_s.is_some()) {
        throughput(rows, &folder.join("throughput.svg"))?;
    }
    Ok(())
}

/// Colours that can be told apart, one for each system of a role.
const COLOURS: [RGBColor; 11] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
    RGBColor(23, 190, 207),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(188, 189, 34),
    RGBColor(0, 60, 120),
    RGBColor(90, 90, 30),
];

/// A system's lines: limits black and grey, ours thick, copies of it thin and grey.
fn style(name: &str) -> ShapeStyle {
    let Some(entry) = systems::named(name) else { return BLACK.into() };
    let same = systems::ALL.iter().filter(|other| other.role == entry.role);
    let at = same.take_while(|other| other.name != name).count();
    match entry.role {
        Role::Limit => BLACK.mix(1.0 - 0.3 * (at % 3) as f64).stroke_width(2),
        Role::Ours => COLOURS[at % COLOURS.len()].stroke_width(4),
        Role::Copy => BLACK.mix(0.3 + 0.2 * at as f64).stroke_width(1),
        Role::Peer => COLOURS[at % COLOURS.len()].stroke_width(1),
    }
}

/// Adds the names of the lines, and writes the file.
fn close<'a, C: CoordTranslate>(
    mut chart: ChartContext<'a, SVGBackend<'a>, C>,
    area: &DrawingArea<SVGBackend<'a>, Shift>,
) -> Outcome<()> {
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .position(SeriesLabelPosition::LowerRight)
        .draw()?;
    area.present()?;
    Ok(())
}

/// How many of the round trips of 8 bytes took how long.
fn latency(rows: &[Row], file: &Path) -> Outcome<()> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.case == "round trip" && row.bytes == 8).collect();
    let rows: Vec<&Row> = rows.into_iter().filter(|row| row.quantiles_ns.len() == SHARES.len()).collect();
    let all = || rows.iter().flat_map(|row| row.quantiles_ns.iter().copied());
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max).min(LONGEST));
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("round trip of 8 bytes: share of all that took no longer", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d((least * 0.9..most * 1.1).log_scale(), 0.0..1.0)?;
    chart.configure_mesh().x_desc("ns").y_desc("share").x_label_formatter(&|ns| format!("{ns:.0}")).draw()?;
    for row in &rows {
        let points = row.quantiles_ns.iter().copied().zip(SHARES).filter(|(ns, _)| *ns <= LONGEST);
        let style = style(&row.system);
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(&row.system)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    if let Some(floor) = rows.iter().find(|row| row.system == BOUNCE).and_then(|row| row.p50_ns) {
        let style = BLACK.mix(0.4).stroke_width(2);
        chart
            .draw_series([PathElement::new([(floor, 0.0), (floor, 1.0)], style)])?
            .label("the floor: two lines, p50")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    close(chart, &area)
}

/// Bytes a second of streams, by the size of their messages.
fn throughput(rows: &[Row], file: &Path) -> Outcome<()> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.case == "stream").collect();
    let all = || rows.iter().filter_map(|row| row.gb_s);
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let sizes = (SIZES[0] as f64..SIZES[SIZES.len() - 1] as f64 * 40.0).log_scale();
    let mut chart = ChartBuilder::on(&area)
        .caption("stream one way: throughput by size of message", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(sizes, (least * 0.8..most * 1.3).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("bytes")
        .y_desc("GB/s")
        .x_label_formatter(&|bytes| format!("{bytes:.0}"))
        .y_label_formatter(&|rate| format!("{rate}"))
        .draw()?;
    for entry in &systems::ALL {
        let of_it = rows.iter().filter(|row| row.system == entry.name);
        let points: Vec<_> = of_it.filter_map(|row| Some((row.bytes as f64, row.gb_s?))).collect();
        if points.is_empty() {
            continue;
        }
        let style = style(entry.name);
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, style.filled())))?;
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(entry.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    close(chart, &area)
}
